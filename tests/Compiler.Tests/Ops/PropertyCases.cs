using System;
using System.Collections.Generic;
using System.Linq;

namespace Etch.Tests;

/// <summary>All random models of one operator each: at least <see cref="Least"/> for every line of the operator table.</summary>
internal static class PropertyCases
{
    /// <summary>Models for each operator and each of its groups of types.</summary>
    public const int Least = 200;

    /// <summary>The generators by what they make.</summary>
    public static readonly IReadOnlyDictionary<string, Func<Draw, TfliteBuilder>> All = OperatorCases.All
        .Concat(FurtherCases.All).Concat(EdgeCases.All).Concat(CustomCases.All).Concat(StatefulCases.All).ToDictionary(pair => pair.Key, pair => pair.Value);

    // The environment variable ETCH_CASES asks for fewer, the first ones: the mutation check does.
    private static readonly int Count = int.TryParse(Environment.GetEnvironmentVariable("ETCH_CASES"), out int count) ? count : Least;

    /// <summary>The files of a generator, from a stream of random numbers of its own.</summary>
    public static byte[][] Files(string name)
    {
        // Not every program of reads and assignments has both.
        int count = name == "VARIABLES" ? Count + (Count / 2) : Count;
        var draw = new Draw(name.Aggregate(2_166_136_261, (hash, c) => unchecked((hash ^ c) * 16_777_619)));
        return [.. Enumerable.Range(0, count).Select(_ => All[name](draw).Build())];
    }

    /// <summary>Compares the reference and the emitted code of a generator's models: every one with vectors and scalar, the first twelve also
    /// unrolled in full, not at all, with every tensor kept, and with overflow checks.</summary>
    public static void Check(string name, int others = 12) => Agreement.Check(name.Replace(' ', '_'), Files(name), others);
}
