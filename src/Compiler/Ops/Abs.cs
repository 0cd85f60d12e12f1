using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>ABS: |x|, requantised where the scales differ; a table after <c>TabulateUnary</c>.</summary>
/// <remarks>elementwise.cc of TFLite Micro: the factor is computed in single precision.</remarks>
internal sealed record Abs : Op
{
    public override string Name => "ABS";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Abs { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Tensor;
        c.Output(0).Int8();
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
        bool isRescaled = input.Scale != output.Scale;
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), q =>
        {
            int x = Math.Abs(q - input.ZeroPoint);
            return FixedPoint.Clamp(unchecked((isRescaled ? factor.Apply(x) : x) + output.ZeroPoint), -128, 127);
        }));
    }

    private Multiplier Factor(Graph graph) => Multiplier.Of((float)(graph[Inputs[0]].Scale / graph[Outputs[0]].Scale));
}
