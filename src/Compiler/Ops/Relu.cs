using System;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>RELU as an operator of its own: rescaled to the output's quantisation, clamped below at its zero point.</summary>
/// <remarks>activations_common.cc of TFLite Micro: the factor is computed in single precision.</remarks>
internal sealed record Relu : Op
{
    public override string Name => "RELU";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Relu { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Activation(ElementTypes.Quantized).Tensor;
        if (c.HasTypes) c.Output(0).Activation(input!.Type);
        if (!c.Holds) return;
        c.Output(0).Shape(input!.Shape.ToArray());
        c.Multiplier(Factor(c.Graph));
    }

    public override int ElementwiseInputs => 1;

    // ---- reference ----
    public override void Reference(Values values)
    {
        Multiplier factor = Factor(values.Graph);
        Tensor input = values.Graph[Inputs[0]], output = values.Graph[Outputs[0]];
        (int, int) range = Quantize.Range(Activation.Relu, output, isDelegated: false);
        values.Set(Outputs[0], Array.ConvertAll(
            values.Integers(Inputs[0]), q => Requantization.Apply(q - input.ZeroPoint, factor, output.ZeroPoint, range)));
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Multiplier factor = Factor(graph);
        return Elementwise.Layer(
            graph, this, "Relu", options,
            [InvariantText.Of($"const int Multiplier = {factor.Value}, Shift = {factor.Shift};")],
            ["int scaled = FixedPoint.MultiplyByQuantizedMultiplier({1}, Multiplier, Shift);"],
            "(short)FixedPoint.Clamp(scaled, 0, short.MaxValue)");
    }

    private Multiplier Factor(Graph graph) => Multiplier.Of((float)(graph[Inputs[0]].Scale / graph[Outputs[0]].Scale));
}
