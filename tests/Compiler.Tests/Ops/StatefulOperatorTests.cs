using System.Linq;

namespace Etch.Tests;

/// <summary>Operators with state on random shapes, options and quantisation, three inferences each: the reference and the emitted code agree.</summary>
public sealed class StatefulOperatorTests
{
    public static TheoryData<string> Operators() => [.. StatefulCases.All.Keys];

    [Theory]
    [MemberData(nameof(Operators))]
    public void Emitted_code_agrees_with_the_reference(string op)
    {
        var draw = new Draw((uint)(900 + StatefulCases.All.Keys.ToList().IndexOf(op)));
        byte[][] files = [.. Enumerable.Range(0, 200).Select(_ => StatefulCases.All[op](draw).Build())];
        Agreement.Check(op, files, others: 50);
    }
}
