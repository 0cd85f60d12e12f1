using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>RSQRT: 1 / √x by gemmlowp's Newton-Raphson steps; a table after <c>TabulateUnary</c>.</summary>
/// <remarks>elementwise.cc of TFLite Micro. x = 0 gives the largest stored value. Below 0, TFLite Micro refuses to go on; here such
/// an x gives the largest stored value too.</remarks>
internal sealed record Rsqrt : Op
{
    // Bits that keep 1 / √x an integer between the two multiplications.
    private const int LeftShift = 20;

    public override string Name => "RSQRT";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Rsqrt { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Tensor;
        c.Output(0).Int8();
        if (!c.Holds) return;
        c.Output(0).Shape(input!.Shape.ToArray());
        c.RequireQuantization(
            Factor(c.Graph).Shift is >= LeftShift - 31 and <= 30, "needs an output scale times the root of the input's from 2^-30 to 2^11");
    }

    public override int ElementwiseInputs => 1;

    // ---- reference ----
    public override void Reference(Values values)
    {
        Multiplier factor = Factor(values.Graph);
        Tensor input = values.Graph[Inputs[0]], output = values.Graph[Outputs[0]];
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), q =>
        {
            int x = q - input.ZeroPoint;
            if (x <= 0) return 127;
            int root = FixedPoint.InverseSquareRoot(x, out int shift);
            int scaled = FixedPoint.MultiplyByQuantizedMultiplier(1, root, shift + LeftShift);
            int stored = FixedPoint.MultiplyByQuantizedMultiplier(scaled, factor.Value, factor.Shift - LeftShift);
            return FixedPoint.Clamp(unchecked(stored + output.ZeroPoint), -128, 127);
        }));
    }

    // The product is rounded to float, the quotient is computed in double.
    private Multiplier Factor(Graph graph)
    {
        float root = (float)Math.Sqrt(graph[Inputs[0]].Scale);
        return Multiplier.Of(1.0 / (float)(root * graph[Outputs[0]].Scale));
    }
}
