using System.Collections.Generic;

namespace Etch.Diagnostics;

/// <summary>Something wrong with a model, as a value: no location, no symbol. It becomes a diagnostic at the edge to Roslyn.</summary>
/// <param name="Id">The diagnostic's id, <c>ETCH101</c>.</param>
/// <param name="Message">One sentence: the layer, what is, what should be, the way out.</param>
internal sealed record Problem(string Id, string Message)
{
    public static Problem Unreadable(string path, string reason) =>
        new(Ids.Unreadable, $"'{System.IO.Path.GetFileName(path)}' cannot be read: {reason}");
}

/// <summary>The ids of the compiler's problems; their descriptors and pages carry the same.</summary>
internal static class Ids
{
    public const string Unreadable = "ETCH001";
    public const string Malformed = "ETCH002";
    public const string Unshaped = "ETCH003";
    public const string UnsupportedOperator = "ETCH101";
    public const string UnsupportedOption = "ETCH102";
    public const string UnsupportedType = "ETCH103";
    public const string InvalidQuantization = "ETCH104";
    public const string TooLarge = "ETCH105";
    public const string NotQuantized = "ETCH106";
    public const string Dropout = "ETCH107";
    public const string Labels = "ETCH108";
    public const string Schedule = "ETCH109";
    public const string InternalError = "ETCH900";
}

/// <summary>The problems of one compilation, in the order they were found, each once.</summary>
internal sealed class Problems
{
    private readonly List<Problem> _items = [];
    private readonly HashSet<Problem> _known = [];

    private readonly List<Problem> _warnings = [];

    /// <summary>What prevents nothing.</summary>
    public Problem[] Warnings => [.. _warnings];

    public bool Any => _items.Count > 0;

    public void Add(string id, string message)
    {
        var problem = new Problem(id, message);
        if (_known.Add(problem)) _items.Add(problem);
    }

    public void Warn(string id, string message)
    {
        var warning = new Problem(id, message);
        if (_known.Add(warning)) _warnings.Add(warning);
    }

    public Problem[] ToArray() => [.. _items];
}
