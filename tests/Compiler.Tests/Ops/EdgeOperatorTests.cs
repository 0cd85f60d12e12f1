using System;
using System.Collections.Generic;
using System.Linq;

namespace Etch.Tests;

/// <summary>Operators at the edges of quantised models on random shapes, options and values: the reference and the emitted code agree.</summary>
public sealed class EdgeOperatorTests
{
    public static TheoryData<string> Operators() => [.. EdgeCases.All.Keys];

    public static TheoryData<string> CustomOperators() => [.. CustomCases.All.Keys];

    [Theory]
    [MemberData(nameof(Operators))]
    public void Emitted_code_agrees_with_the_reference(string op) => Check(EdgeCases.All, op, 500);

    [Theory]
    [MemberData(nameof(CustomOperators))]
    public void Emitted_code_of_custom_operators_agrees_with_the_reference(string op) => Check(CustomCases.All, op, 700);

    private static void Check(IReadOnlyDictionary<string, Func<Draw, TfliteBuilder>> cases, string op, int stream)
    {
        var draw = new Draw((uint)(stream + cases.Keys.ToList().IndexOf(op)));
        byte[][] files = [.. Enumerable.Range(0, 200).Select(_ => cases[op](draw).Build())];
        Agreement.Check(op.Replace(' ', '_'), files, others: 10);
    }
}
