namespace Etch.Tests;

/// <summary>Operators with state on random shapes, options and quantisation, three inferences each: the reference and the emitted code agree.</summary>
public sealed class StatefulOperatorTests
{
    public static TheoryData<string> Operators() => [.. StatefulCases.All.Keys];

    [Theory]
    [MemberData(nameof(Operators))]
    public void Emitted_code_agrees_with_the_reference(string op) => PropertyCases.Check(op, others: 50);
}
