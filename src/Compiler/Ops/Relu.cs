using System;
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
        Tensor? input = c.Input(0).Int8().Tensor;
        c.Output(0).Int8();
        if (!c.Holds) return;
        c.Output(0).Shape(input!.Shape.ToArray());
        c.Multiplier(Factor(c.Graph));
    }

    public override bool IsElementwiseUnary => true;

    // ---- reference ----
    public override void Reference(Values values)
    {
        Multiplier factor = Factor(values.Graph);
        Tensor input = values.Graph[Inputs[0]], output = values.Graph[Outputs[0]];
        (int, int) range = (Math.Max(-128, output.ZeroPoint), 127);
        values.Set(Outputs[0], Array.ConvertAll(
            values.Integers(Inputs[0]), q => Requantization.Apply(q - input.ZeroPoint, factor, output.ZeroPoint, range)));
    }

    private Multiplier Factor(Graph graph) => Multiplier.Of((float)(graph[Inputs[0]].Scale / graph[Outputs[0]].Scale));
}
