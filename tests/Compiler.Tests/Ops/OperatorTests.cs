using System.Collections.Generic;
using System.Linq;

namespace Etch.Tests;

/// <summary>Every operator on random shapes, options and quantisation: the reference semantics and the emitted code agree.</summary>
/// <remarks>The reference itself is proved by the recordings, see <see cref="RecordedOpsTests"/>.</remarks>
public sealed class OperatorTests
{
    // Operators that become a table differ in it alone, and the reference computes it: a few are enough.
    private static readonly HashSet<string> Tabulated = ["LOGISTIC", "TANH", "RELU", "RELU6", "HARD_SWISH", "LEAKY_RELU", "RESHAPE", "SQUEEZE", "EXPAND_DIMS"];

    public static TheoryData<string> Operators() => [.. OperatorCases.All.Keys];

    [Theory]
    [MemberData(nameof(Operators))]
    public void Emitted_code_agrees_with_the_reference(string op)
    {
        var draw = new Draw((uint)OperatorCases.All.Keys.ToList().IndexOf(op));
        byte[][] files = [.. Enumerable.Range(0, Tabulated.Contains(op) ? 16 : 60).Select(_ => OperatorCases.All[op](draw).Build())];
        Agreement.Check(op, files, others: Tabulated.Contains(op) ? 4 : 12);
    }
}
