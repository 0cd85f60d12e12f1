namespace Etch.Tests;

/// <summary>Operators at the edges of quantised models on random shapes, options and values: the reference and the emitted code agree.</summary>
public sealed class EdgeOperatorTests
{
    public static TheoryData<string> Operators() => [.. EdgeCases.All.Keys];

    public static TheoryData<string> CustomOperators() => [.. CustomCases.All.Keys];

    [Theory]
    [MemberData(nameof(Operators))]
    public void Emitted_code_agrees_with_the_reference(string op) => PropertyCases.Check(op);

    [Theory]
    [MemberData(nameof(CustomOperators))]
    public void Emitted_code_of_custom_operators_agrees_with_the_reference(string op) => PropertyCases.Check(op);
}
