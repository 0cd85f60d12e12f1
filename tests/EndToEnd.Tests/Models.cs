using System;
using System.IO;

namespace Etch.Tests;

/// <summary>The real models and their recordings, which lie beside the repository and not in it.</summary>
internal static class Models
{
    /// <summary>The folder with <c>models</c> and <c>golden</c>, or null where it is not there.</summary>
    public static string? Folder { get; } = Find();

    public static string File(string name) => Path.Combine(Folder!, "models", name + ".tflite");

    public static Recording Recording(string name) => Tests.Recording.Read(Path.Combine(Folder!, "golden", name));

    private static string? Find()
    {
        for (DirectoryInfo? d = new(AppContext.BaseDirectory); d is not null; d = d.Parent)
        {
            string shared = Path.Combine(d.FullName, "..", "shared");
            if (System.IO.File.Exists(Path.Combine(d.FullName, "Generator.sln"))) return Directory.Exists(Path.Combine(shared, "models")) ? Path.GetFullPath(shared) : null;
        }

        return null;
    }
}

/// <summary>A theory over the real models; skipped, and saying so, where they are not there.</summary>
internal sealed class ModelTheoryAttribute : TheoryAttribute
{
    public ModelTheoryAttribute()
    {
        if (Models.Folder is null) Skip = "the folder shared/models does not lie beside the repository";
    }
}
