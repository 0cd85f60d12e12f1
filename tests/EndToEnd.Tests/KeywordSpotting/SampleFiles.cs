using System;
using System.IO;

namespace Etch.EndToEnd.Tests.KeywordSpotting;

/// <summary>Where the sample's recordings and what is known about them lie in the repository.</summary>
internal static class SampleFiles
{
    /// <summary>The WAV files shipped with the sample.</summary>
    public static string Waves { get; } = Find(Path.Combine("samples", "KeywordSpotting", "Waves"));

    /// <summary>For each WAV: features (int8[49, 20]) and scores (int8[12]) as the training pipeline computed them.</summary>
    public static string Recorded { get; } = Find(Path.Combine("tests", "EndToEnd.Tests", "KeywordSpotting"));

    private static string Find(string folder)
    {
        for (DirectoryInfo? root = new(AppContext.BaseDirectory); root is not null; root = root.Parent)
        {
            string path = Path.Combine(root.FullName, folder);
            if (Directory.Exists(path))
            {
                return path;
            }
        }

        throw new DirectoryNotFoundException($"{folder} is not above {AppContext.BaseDirectory}");
    }
}
