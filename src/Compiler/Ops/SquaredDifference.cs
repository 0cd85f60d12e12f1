using System;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SQUARED_DIFFERENCE: both inputs scaled to twice the larger scale with 7 more bits, subtracted, squared and requantised.</summary>
/// <remarks>squared_difference.cc of TFLite Micro: in double, but for the output's scale times 2^14, which is rounded to float.</remarks>
internal sealed record SquaredDifference : Op
{
    private const int LeftShift = 7;

    public override string Name => "SQUARED_DIFFERENCE";

    // ---- import ----
    public static Op Import(OperatorReader r) => new SquaredDifference { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Binary.Check(c);
        if (c.Holds) c.Multiplier(Factors(c.Graph).Output);
    }

    public override int ElementwiseInputs => 2;

    // ---- reference ----
    public override void Reference(Values values)
    {
        (Multiplier first, Multiplier second, Multiplier square) = Factors(values.Graph);
        int zeroPoint = values.Graph[Outputs[0]].ZeroPoint;
        Binary.Reference(values, this, (a, b) =>
        {
            int difference = first.Apply(a << LeftShift) - second.Apply(b << LeftShift);
            return Requantization.Apply(difference * difference, square, zeroPoint, (-128, 127));
        });
    }

    // ---- kernel ----
    public override bool IsRowwise(Graph graph) => true;

    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        (Multiplier first, Multiplier second, Multiplier square) = Factors(graph);
        return Binary.Layer(
            graph, this, "SquaredDifference", (-128, 127), options,
            [
                InvariantText.Of($"const int LeftShift = {LeftShift};"),
                InvariantText.Of($"const int Multiplier1 = {first.Value}, Shift1 = {first.Shift}, Multiplier2 = {second.Value}, Shift2 = {second.Shift};"),
                InvariantText.Of($"const int OutputMultiplier = {square.Value}, OutputShift = {square.Shift};"),
            ],
            [
                "int scaled1 = FixedPoint.MultiplyByQuantizedMultiplier(a << LeftShift, Multiplier1, Shift1);",
                "int scaled2 = FixedPoint.MultiplyByQuantizedMultiplier(b << LeftShift, Multiplier2, Shift2);",
                "int difference = scaled1 - scaled2;",
                "int result = FixedPoint.MultiplyByQuantizedMultiplier(difference * difference, OutputMultiplier, OutputShift);",
            ]);
    }

    private (Multiplier First, Multiplier Second, Multiplier Output) Factors(Graph graph)
    {
        double scale1 = graph[Inputs[0]].Scale, scale2 = graph[Inputs[1]].Scale;
        float output = (float)((1 << (2 * LeftShift)) * graph[Outputs[0]].Scale);
        double twice = 2 * Math.Max(scale1, scale2);
        return (Multiplier.Of(scale1 / twice), Multiplier.Of(scale2 / twice), Multiplier.Of(twice * twice / output));
    }
}
