using System.Linq;

namespace Etch.Tests;

/// <summary>Operators at the edges of quantised models on random shapes, options and values: the reference and the emitted code agree.</summary>
public sealed class EdgeOperatorTests
{
    public static TheoryData<string> Operators() => [.. EdgeCases.All.Keys];

    [Theory]
    [MemberData(nameof(Operators))]
    public void Emitted_code_agrees_with_the_reference(string op)
    {
        var draw = new Draw((uint)(500 + EdgeCases.All.Keys.ToList().IndexOf(op)));
        byte[][] files = [.. Enumerable.Range(0, 200).Select(_ => EdgeCases.All[op](draw).Build())];
        Agreement.Check(op.Replace(' ', '_'), files, others: 10);
    }
}
