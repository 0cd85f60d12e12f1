using System;
using System.IO;
using System.Security.Cryptography;
using Etch.Diagnostics;

namespace Etch;

/// <summary>A model file as it was read: the key of every cache. Two files are equal when name and content hash are.</summary>
internal sealed class ModelFile : IEquatable<ModelFile>
{
    /// <summary>A model larger than this is refused: the C# compiler could not take its constants.</summary>
    public const int MaxBytes = 64 * 1024 * 1024;

    public ModelFile(string path, byte[] bytes)
    {
        Path = path.Replace('\\', '/');
        Bytes = bytes;
        using SHA256 sha = SHA256.Create();
        Hash = BitConverter.ToString(sha.ComputeHash(bytes)).Replace("-", "").ToLowerInvariant();
    }

    private ModelFile(string path, Problem problem)
        : this(path, [])
    {
        ReadProblem = problem;
    }

    /// <summary>The path with forward slashes. It is never emitted: output is the same on every machine.</summary>
    public string Path { get; }

    /// <summary>The file's name with its extension.</summary>
    public string Name => Path.Substring(Path.LastIndexOf('/') + 1);

    public byte[] Bytes { get; }

    /// <summary>SHA-256 of the content, lower-case hexadecimal.</summary>
    public string Hash { get; }

    /// <summary>Labels from a text file that belongs to the model, or null: then the model's own count.</summary>
    public EquatableArray<string>? Labels { get; private set; }

    /// <summary>The same file with the labels of a text, one on each line.</summary>
    public ModelFile WithLabels(string text)
    {
        var labelled = (ModelFile)MemberwiseClone();
        labelled.Labels = Tflite.ModelMetadata.Lines(text);
        return labelled;
    }

    /// <summary>The text beside the model that says how its layers are computed, or null; see <see cref="TunedKernels"/>.</summary>
    public string? Schedule { get; private set; }

    /// <summary>The same file with the text of a schedule.</summary>
    public ModelFile WithSchedule(string text)
    {
        var scheduled = (ModelFile)MemberwiseClone();
        scheduled.Schedule = text;
        return scheduled;
    }

    /// <summary>Why the file could not be read, or null.</summary>
    public Problem? ReadProblem { get; }

    /// <summary>Reads a file; never throws: what went wrong is in <see cref="ReadProblem"/>.</summary>
    public static ModelFile Read(string path)
    {
        try
        {
            // The one place where the compiler touches the disk. AdditionalText.GetText() is no way to a binary file: it is error CS2015.
#pragma warning disable RS1035 // Do not do file IO in analyzers
            long length = new FileInfo(path).Length;
            return length <= MaxBytes
                ? new ModelFile(path, File.ReadAllBytes(path))
                : new ModelFile(path, Problem.Unreadable(path, $"it has {length} bytes, more than the {MaxBytes} that a model may have"));
#pragma warning restore RS1035
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return new ModelFile(path, Problem.Unreadable(path, e is FileNotFoundException ? "it does not exist" : e.Message));
        }
    }

    public bool Equals(ModelFile? other) =>
        other is not null && Path == other.Path && Hash == other.Hash && Equals(ReadProblem, other.ReadProblem) && Equals(Labels, other.Labels)
        && Schedule == other.Schedule;

    public override bool Equals(object? obj) => Equals(obj as ModelFile);

    public override int GetHashCode() => Hash.GetHashCode();
}
