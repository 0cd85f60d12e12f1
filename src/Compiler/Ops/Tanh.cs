using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>TANH by gemmlowp's fixed point; a table after <c>TabulateUnary</c>.</summary>
/// <remarks>tanh.cc of TFLite Micro. The output has scale 1/128 and zero point 0.</remarks>
internal sealed record Tanh : Op
{
    public override string Name => "TANH";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Tanh { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Tensor;
        Tensor? output = c.Output(0).Int8().Tensor;
        if (!c.Holds) return;
        c.Output(0).Shape(input!.Shape.ToArray());
        c.RequireQuantization(output!.Scale == 1f / 128 && output.ZeroPoint == 0, "needs an output with scale 1/128 and zero point 0");
        c.Multiplier(ScaledArgument.Of(input).Factor);
    }

    public override bool IsElementwiseUnary => true;

    // ---- reference ----
    public override void Reference(Values values)
    {
        ScaledArgument argument = ScaledArgument.Of(values.Graph[Inputs[0]]);
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), q => argument.Apply(
            q, -128, 127, x => FixedPoint.RoundingDivideByPowerOfTwo(FixedPoint.Tanh(x), 24))));
    }
}
