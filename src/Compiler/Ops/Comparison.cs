using System;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>EQUAL, NOT_EQUAL, GREATER, GREATER_EQUAL, LESS and LESS_EQUAL: both inputs with 8 more bits scaled to real values, then compared.</summary>
/// <remarks>comparisons.cc of TFLite Micro and reference/comparisons.h: scales are below 1, rounding makes near values equal.</remarks>
/// <param name="SchemaName">Which of the six it is.</param>
/// <param name="Symbol">Its operator in C#.</param>
internal sealed record Comparison(string SchemaName, string Symbol) : Op
{
    private const int LeftShift = 8;

    public override string Name => SchemaName;

    // ---- import ----
    public static Func<OperatorReader, Op> Import(string name, string symbol) =>
        r => new Comparison(name, symbol) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Binary.Check(c, result: ElementType.Bool);
        if (c.Holds) c.RequireQuantization(c.Graph[Inputs[0]].Scale < 1 && c.Graph[Inputs[1]].Scale < 1, "needs input scales below 1");
    }

    public override int ElementwiseInputs => 2;

    // ---- reference ----
    public override void Reference(Values values)
    {
        (Multiplier first, Multiplier second) = Factors(values.Graph);
        Binary.Reference(values, this, (a, b) =>
        {
            int order = first.Apply(a << LeftShift).CompareTo(second.Apply(b << LeftShift));
            bool holds = Symbol switch
            {
                "==" => order == 0,
                "!=" => order != 0,
                ">" => order > 0,
                ">=" => order >= 0,
                "<" => order < 0,
                _ => order <= 0,
            };
            return holds ? 1 : 0;
        });
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        (Multiplier first, Multiplier second) = Factors(graph);
        string name = Symbol switch { "==" => "Equal", "!=" => "NotEqual", ">" => "Greater", ">=" => "GreaterEqual", "<" => "Less", _ => "LessEqual" };
        return Binary.Layer(
            graph, this, name, options,
            [
                Binary.ZeroPoints(graph, this) + ";",
                InvariantText.Of($"const int LeftShift = {LeftShift};"),
                InvariantText.Of($"const int Multiplier1 = {first.Value}, Shift1 = {first.Shift}, Multiplier2 = {second.Value}, Shift2 = {second.Shift};"),
            ],
            [
                Binary.WithoutZeroPoints,
                "int scaled1 = FixedPoint.MultiplyByQuantizedMultiplier(a << LeftShift, Multiplier1, Shift1);",
                "int scaled2 = FixedPoint.MultiplyByQuantizedMultiplier(b << LeftShift, Multiplier2, Shift2);",
            ],
            $"scaled1 {Symbol} scaled2");
    }

    private (Multiplier First, Multiplier Second) Factors(Graph graph) =>
        (Multiplier.Of(graph[Inputs[0]].Scale), Multiplier.Of(graph[Inputs[1]].Scale));
}
