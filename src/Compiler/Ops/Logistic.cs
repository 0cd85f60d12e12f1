using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>LOGISTIC: 1 / (1 + e^−x) by gemmlowp's fixed point; a table after <c>TabulateUnary</c>.</summary>
/// <remarks>logistic_common.cc of TFLite Micro. The output has scale 1/256 and zero point −128.</remarks>
internal sealed record Logistic : Op
{
    public override string Name => "LOGISTIC";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Logistic { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Tensor;
        Tensor? output = c.Output(0).Int8().Tensor;
        if (!c.Holds) return;
        c.Output(0).Shape(input!.Shape.ToArray());
        c.RequireQuantization(output!.Scale == 1f / 256 && output.ZeroPoint == -128, "needs an output with scale 1/256 and zero point -128");
        c.Multiplier(ScaledArgument.Of(input).Factor);
    }

    public override bool IsElementwiseUnary => true;

    // ---- reference ----
    public override void Reference(Values values)
    {
        ScaledArgument argument = ScaledArgument.Of(values.Graph[Inputs[0]]);
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), q => argument.Apply(
            q, -128, 127, x => FixedPoint.RoundingDivideByPowerOfTwo(FixedPoint.Logistic(x), 23) - 128)));
    }
}

/// <summary>The argument of LOGISTIC and TANH in Q4, and the radius outside which the function is saturated.</summary>
internal sealed record ScaledArgument(int ZeroPoint, Multiplier Factor, int Radius)
{
    public static ScaledArgument Of(Tensor input)
    {
        Multiplier factor = Multiplier.Of((double)input.Scale * (1 << 27));

        // CalculateInputRadius(4 integer bits, shift, 31 bits).
        double radius = Math.Floor(15.0 * (1 << 27) / Math.Pow(2, factor.Shift));
        return new ScaledArgument(input.ZeroPoint, factor, (int)Math.Min(radius, int.MaxValue));
    }

    public int Apply(int q, int low, int high, Func<int, int> function)
    {
        int x = q - ZeroPoint;
        if (x <= -Radius) return low;
        if (x >= Radius) return high;
        return FixedPoint.Clamp(function(Factor.Apply(x)), -128, 127);
    }
}
