namespace Etch.Tests;

/// <summary>Every operator on random shapes, options and quantisation: the reference semantics and the emitted code agree.</summary>
/// <remarks>The reference itself is proved by the recordings, see <see cref="RecordedOpsTests"/>. <see cref="PropertyCoverageTests"/> counts the cases.</remarks>
public sealed class OperatorTests
{
    public static TheoryData<string> Operators() => [.. OperatorCases.All.Keys];

    [Theory]
    [MemberData(nameof(Operators))]
    public void Emitted_code_agrees_with_the_reference(string op) => PropertyCases.Check(op);
}

/// <summary>The operators behind those, with the same remarks.</summary>
public sealed class FurtherOperatorTests
{
    public static TheoryData<string> Operators() => [.. FurtherCases.All.Keys];

    [Theory]
    [MemberData(nameof(Operators))]
    public void Emitted_code_agrees_with_the_reference(string op) => PropertyCases.Check(op);
}
