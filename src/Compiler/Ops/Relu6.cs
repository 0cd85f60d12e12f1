using System;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>RELU6 as an operator of its own: stored values clamped to 0 … 6 in the input's quantisation, never rescaled.</summary>
/// <remarks>activations.cc of TFLite Micro.</remarks>
internal sealed record Relu6 : Op
{
    public override string Name => "RELU6";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Relu6 { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Activation(ElementTypes.Quantized).Tensor;
        if (c.HasTypes) c.Output(0).Activation(input!.Type);
        if (c.Holds) c.Output(0).Shape(input!.Shape.ToArray());
    }

    public override int ElementwiseInputs => 1;

    // ---- reference ----
    public override void Reference(Values values)
    {
        (int Min, int Max) range = Quantize.Range(Activation.Relu6, values.Graph[Inputs[0]], isDelegated: false);
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), q => FixedPoint.Clamp(q, range.Min, range.Max)));
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        (int min, int max) = Quantize.Range(Activation.Relu6, graph[Inputs[0]], isDelegated: false);
        return Elementwise.Layer(
            graph, this, "Relu6", options,
            [InvariantText.Of($"const int ActivationMin = {min}, ActivationMax = {max};")], [], "(short)FixedPoint.Clamp({1}, ActivationMin, ActivationMax)");
    }
}
