using System;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>LEAKY_RELU: x above 0, alpha · x below, each with its own factor.</summary>
/// <remarks>leaky_relu_common.cc of TFLite Micro: the factors are computed in single precision.</remarks>
internal sealed record LeakyRelu : Op
{
    public required float Alpha { get; init; }

    public override string Name => "LEAKY_RELU";

    // ---- import ----
    public static Op Import(OperatorReader r) => new LeakyRelu { Inputs = r.Inputs, Outputs = r.Outputs, Alpha = r.Float(0) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Activation(ElementTypes.Quantized).Tensor;
        if (c.HasTypes) c.Output(0).Activation(input!.Type);
        c.Require(!float.IsNaN(Alpha) && !float.IsInfinity(Alpha), "needs a finite alpha");
        if (!c.Holds) return;
        c.Output(0).Shape(input!.Shape.ToArray());
        (Multiplier above, Multiplier below) = Factors(c.Graph);
        c.Multiplier(above);
        c.Multiplier(below);
    }

    public override int ElementwiseInputs => 1;

    // ---- reference ----
    public override void Reference(Values values)
    {
        if (Xnnpack.Unary(this, values.Graph[Inputs[0]], values.Graph[Outputs[0]]) is { } function)
        {
            values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), x => function(x)));
            return;
        }

        (Multiplier above, Multiplier below) = Factors(values.Graph);
        Tensor input = values.Graph[Inputs[0]], output = values.Graph[Outputs[0]];
        int sign = Alpha < 0 ? -1 : 1;
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), q =>
        {
            int x = q - input.ZeroPoint;
            int scaled = x >= 0 ? above.Apply(x) : sign * below.Apply(x);
            return FixedPoint.Clamp(unchecked(scaled + output.ZeroPoint), output.Type.Min(), output.Type.Max());
        }));
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        (Multiplier above, Multiplier below) = Factors(graph);
        return Elementwise.Layer(
            graph, this, "LeakyRelu", options,
            [
                InvariantText.Of($"const int Multiplier = {above.Value}, Shift = {above.Shift};"),
                InvariantText.Of($"const int AlphaMultiplier = {below.Value}, AlphaShift = {below.Shift};"),
            ],
            [
                "int x = {1};",
                "int scaled = x >= 0",
                "    ? FixedPoint.MultiplyByQuantizedMultiplier(x, Multiplier, Shift)",
                $"    : {(Alpha < 0 ? "-" : "")}FixedPoint.MultiplyByQuantizedMultiplier(x, AlphaMultiplier, AlphaShift);",
            ],
            "(short)FixedPoint.Clamp(scaled, short.MinValue, short.MaxValue)");
    }

    private (Multiplier Above, Multiplier Below) Factors(Graph graph)
    {
        float input = graph[Inputs[0]].Scale, output = graph[Outputs[0]].Scale;
        float below = (float)((float)(input * Alpha) / output);
        return (Multiplier.Of((float)(input / output)), Multiplier.Of(Math.Abs(below)));
    }
}
