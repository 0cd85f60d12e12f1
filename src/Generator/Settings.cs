using System;
using System.Collections.Generic;
using Etch.Diagnostics;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Etch.Generator;

/// <summary>A model that the project lists, and what its item's metadata says.</summary>
/// <param name="Path">The file's path with forward slashes.</param>
/// <param name="Class">The name the class is to have, or null.</param>
/// <param name="Namespace">The namespace it is to be in, or null.</param>
/// <param name="Labels">The path of its labels file as the item has it, or null.</param>
/// <param name="LabelsPath">The same from the root on, with forward slashes: the labels file beside the model where the item names none.</param>
/// <param name="Options">The options that the item sets.</param>
internal sealed record ModelItem(string Path, string? Class, string? Namespace, string? Labels, string LabelsPath, ModelOptions Options)
{
    // The labels of flowers.tflite are in flowers.labels.txt beside it.
    private const string LabelsExtension = ".labels.txt";

    /// <summary>The schedule of flowers.tflite is flowers.schedule beside it.</summary>
    public const string ScheduleExtension = ".schedule";

    /// <summary>The file's name with its extension.</summary>
    public string Name => Path.Substring(Path.LastIndexOf('/') + 1);

    public static ModelItem Read(AdditionalText text, AnalyzerConfigOptionsProvider provider)
    {
        AnalyzerConfigOptions metadata = provider.GetOptions(text);
        var problems = new Problems();
        string? Text(string name) =>
            metadata.Text("build_metadata.EtchModel." + name) ?? metadata.Text("build_metadata.AdditionalFiles." + name);

        string path = text.Path.Replace('\\', '/');
        ModelOptions options = ModelOptions.Read(BudgetSource.Metadata, Text, problems);
        string? className = Valid("Class", Text("Class"), SyntaxFacts.IsValidIdentifier, "an identifier", problems);
        string? space = Valid("Namespace", Text("Namespace"), ClassNames.IsNamespace, "a namespace", problems);
        string? labels = Text("Labels");
        string directory = provider.GlobalOptions.Text("build_property.ProjectDir") ?? "";
        return new ModelItem(
            path,
            className is null ? null : ClassNames.Escape(className),
            space is null ? null : ClassNames.ToNamespace(space),
            labels,
            labels is null ? Beside(path, LabelsExtension) : Rooted(directory, labels),
            options with { Problems = problems.ToArray() });
    }

    /// <summary>True for the path of this model's labels file.</summary>
    public bool IsLabelledBy(string path) => AreSame(path, LabelsPath);

    /// <summary>True for the path of the schedule beside this model.</summary>
    public bool IsScheduledBy(string path) => AreSame(path, Beside(Path, ScheduleExtension));

    private static bool AreSame(string path, string other) => string.Equals(path.Replace('\\', '/'), other, StringComparison.OrdinalIgnoreCase);

    // The file with the model's name and another extension.
    private static string Beside(string path, string extension) => path.Substring(0, path.Length - ".tflite".Length) + extension;

    // A path that counts from a folder, from the root on and without dots.
    private static string Rooted(string directory, string path)
    {
        string whole = path.Replace('\\', '/');
        bool isRooted = whole.StartsWith("/", StringComparison.Ordinal) || (whole.Length > 1 && whole[1] == ':');
        if (!isRooted) whole = directory.Replace('\\', '/').TrimEnd('/') + "/" + whole;
        var parts = new List<string>();
        foreach (string part in whole.Split('/'))
        {
            if (part == ".." && parts.Count > 1) parts.RemoveAt(parts.Count - 1);
            else if (part != "." && (part.Length > 0 || parts.Count == 0)) parts.Add(part);
        }

        return string.Join("/", parts);
    }

    private static string? Valid(string name, string? text, Func<string, bool> isValid, string kind, Problems problems)
    {
        if (text is null || isValid(text)) return text;
        problems.Add(Descriptors.NotUnderstood.Id, $"{name}=\"{text}\" is not understood: it has to be {kind}");
        return null;
    }
}

/// <summary>What the project says about all of its models.</summary>
/// <param name="File">The project file, where problems with its properties are shown, or null.</param>
/// <param name="Directory">The project's folder with forward slashes and a slash at the end; empty when unknown.</param>
/// <param name="RootNamespace">The namespace of classes that nothing else places; empty for the global one.</param>
/// <param name="CheckOverflow">The project compiles with overflow checks.</param>
/// <param name="AnalyzersRun">False when the build leaves analyzers out.</param>
/// <param name="Options">The options that the project's properties set.</param>
internal sealed record ProjectSettings(
    string? File, string Directory, string RootNamespace, bool CheckOverflow, bool AnalyzersRun, ModelOptions Options)
{
    public static ProjectSettings Read(AnalyzerConfigOptions properties, bool checkOverflow)
    {
        var problems = new Problems();
        string? Text(string name) => properties.Text("build_property." + name);

        string directory = (Text("ProjectDir") ?? "").Replace('\\', '/');
        ModelOptions options = ModelOptions.Read(BudgetSource.Property, Text, problems);
        return new ProjectSettings(
            Text("MSBuildProjectFullPath"),
            directory.Length == 0 || directory.EndsWith("/", StringComparison.Ordinal) ? directory : directory + "/",
            ClassNames.ToNamespace(Text("RootNamespace") ?? ""),
            checkOverflow,
            !"false".Equals(Text("RunAnalyzers") ?? Text("RunAnalyzersDuringBuild"), StringComparison.OrdinalIgnoreCase),
            options with { Problems = problems.ToArray() });
    }
}

/// <summary>The options that an item and the project can both set, null where they do not, and the problems with what they wrote.</summary>
internal sealed record ModelOptions(
    Preset? Preset, Numerics? Numerics, UnrollPolicy? Unroll, int? UnrollCeiling, bool? Vectors, StreamingPolicy? Streaming, bool? InArena,
    bool? KeepTensors, bool? DumpPasses, Budget Budget, EquatableArray<Problem> Problems)
{
    /// <summary>Reads the options; what is not understood becomes a problem and counts as not set.</summary>
    /// <param name="source">Item metadata (<c>Unroll</c>) or properties (<c>EtchUnroll</c>).</param>
    /// <param name="text">The text under a name, or null.</param>
    /// <param name="problems">Takes what is not understood.</param>
    public static ModelOptions Read(BudgetSource source, Func<string, string?> text, Problems problems)
    {
        string prefix = source == BudgetSource.Property ? "Etch" : "";

        T? Parse<T>(string name, IReadOnlyDictionary<string, T> values)
            where T : struct
        {
            if (text(prefix + name) is not { } written) return null;
            if (values.TryGetValue(written, out T value)) return value;
            NotUnderstood(prefix + name, written, string.Join(", ", values.Keys));
            return null;
        }

        int? Bytes(string name)
        {
            if (text(prefix + name) is not { } written) return null;
            if (Budget.TryParse(written, BudgetFigure.Flash, out long value) && value <= int.MaxValue) return (int)value;
            NotUnderstood(prefix + name, written, "a number of bytes such as 4096 or 4KB");
            return null;
        }

        void NotUnderstood(string name, string written, string expected) =>
            problems.Add(Descriptors.NotUnderstood.Id, $"{name}=\"{written}\" is not understood: it has to be {expected}");

        return new ModelOptions(
            Parse("Preset", Presets),
            Parse("Numerics", Families),
            Parse("Unroll", Policies),
            Bytes("UnrollCeiling"),
            Parse("Vectors", Switches),
            Parse("Streaming", StreamingPolicies),
            Parse("InArena", Switches),
            Parse("KeepTensors", Switches),
            Parse("DumpPasses", Switches),
            Budget.Read(source, text, (name, written) => NotUnderstood(name, written, "a number such as 65536, 64KB (memory) or 8M (operations)")),
            default);
    }

    private static readonly IReadOnlyDictionary<string, Preset> Presets = new Dictionary<string, Preset>(StringComparer.OrdinalIgnoreCase)
    {
        ["Speed"] = Etch.Preset.Speed,
        ["Balanced"] = Etch.Preset.Balanced,
        ["Size"] = Etch.Preset.Size,
    };

    private static readonly IReadOnlyDictionary<string, Numerics> Families = new Dictionary<string, Numerics>(StringComparer.OrdinalIgnoreCase)
    {
        ["TfliteReference"] = Etch.Numerics.TfliteReference,
        ["Xnnpack"] = Etch.Numerics.Xnnpack,
    };

    private static readonly IReadOnlyDictionary<string, UnrollPolicy> Policies = new Dictionary<string, UnrollPolicy>(StringComparer.OrdinalIgnoreCase)
    {
        ["Auto"] = UnrollPolicy.Auto,
        ["Full"] = UnrollPolicy.Full,
        ["None"] = UnrollPolicy.None,
    };

    private static readonly IReadOnlyDictionary<string, StreamingPolicy> StreamingPolicies =
        new Dictionary<string, StreamingPolicy>(StringComparer.OrdinalIgnoreCase)
        {
            ["Auto"] = StreamingPolicy.Auto,
            ["Off"] = StreamingPolicy.Off,
            ["Smallest"] = StreamingPolicy.Smallest,
        };

    private static readonly IReadOnlyDictionary<string, bool> Switches = new Dictionary<string, bool>(StringComparer.OrdinalIgnoreCase)
    {
        ["true"] = true,
        ["false"] = false,
    };
}

internal static class AnalyzerConfigExtensions
{
    /// <summary>The text under a key, or null. MSBuild hands what is not set over as empty text.</summary>
    public static string? Text(this AnalyzerConfigOptions options, string key) =>
        options.TryGetValue(key, out string? text) && !string.IsNullOrWhiteSpace(text) ? text.Trim() : null;
}
