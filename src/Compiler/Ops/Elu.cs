using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>ELU: x where x ≥ 0, else e^x − 1, in single precision at compile time; a table after <c>TabulateUnary</c>.</summary>
/// <remarks>elu.cc of TFLite Micro, which makes the same table in its Prepare. Its expf and this rounded double power differ in the
/// last bit at most, which the rounding to 8 bits hides but for a tie.</remarks>
internal sealed record Elu : Op
{
    public override string Name => "ELU";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Elu { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Tensor;
        Tensor? output = c.Output(0).Int8().Tensor;
        if (!c.Holds) return;
        c.Output(0).Shape(input!.Shape.ToArray());
        c.RequireQuantization(!float.IsInfinity((float)(1 / output!.Scale)), "needs an output scale above 2^-128");
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

        Tensor input = values.Graph[Inputs[0]], output = values.Graph[Outputs[0]];
        float inverse = (float)(1 / output.Scale);
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), q =>
        {
            float x = (float)(input.Scale * (q - input.ZeroPoint));
            float y = x < 0 ? (float)((float)Math.Exp(x) - 1f) : x;
            double stored = Quantize.Round((float)(y * inverse)) + output.ZeroPoint;
            return (int)Math.Max(-128, Math.Min(127, stored));
        }));
    }
}
