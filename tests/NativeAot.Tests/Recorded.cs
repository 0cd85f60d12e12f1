using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Xunit;

namespace Etch.NativeAot.Tests;

/// <summary>What App has to print.</summary>
internal static class Recorded
{
    private static readonly string[] Vectors = ["conv_3x3_s2_same", "dw_3x3_s2", "fc_64x10", "add_plain", "softmax_1", "lstm_clip", "quantize_f32_i8"];

    /// <summary>The arguments of App: the features of the sample's recordings.</summary>
    public static string[] Features { get; } =
        [.. Directory.GetFiles(Repository.PathOf("tests", "EndToEnd.Tests", "KeywordSpotting"), "*.scores").Order(StringComparer.Ordinal).Select(file => Path.ChangeExtension(file, ".features"))];

    /// <summary>Asserts that App computed every recorded output, byte for byte, without allocating, and that it can tell.</summary>
    public static void AssertPrinted(string output)
    {
        string[] lines = output.Trim().ReplaceLineEndings("\n").Split('\n');
        string[] first = lines[0].Split(' ');
        Assert.Equal("object", first[0]);
        Assert.True(int.Parse(first[2]) >= 5 * 3 * IntPtr.Size, "the measurement did not see an object: " + lines[0]);
        Assert.Equal([.. Expected()], lines[1..]);
    }

    private static IEnumerable<string> Expected()
    {
        for (int seed = 1; seed <= 3; seed++)
        {
            foreach (string vector in Vectors) yield return Line(vector, seed, Repository.PathOf("tests", "vectors", "ops", vector, $"seed{seed}.out0.bin"));
        }

        foreach (string file in Features) yield return Line(Path.GetFileNameWithoutExtension(file), 0, Path.ChangeExtension(file, ".scores"));
    }

    private static string Line(string name, int seed, string file) => $"{name} {seed} 0 {Convert.ToHexString(File.ReadAllBytes(file))}";
}
