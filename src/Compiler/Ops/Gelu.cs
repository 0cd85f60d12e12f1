using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>GELU: x · Φ(x) by the complementary error function or, when the option says so, by its tangent approximation, in single
/// precision at compile time; a table after <c>TabulateUnary</c>.</summary>
/// <remarks>gelu.cc and reference/gelu.h of TFLite, which makes the same table in its Prepare; TFLite Micro has no such operator.
/// The functions are computed in double and rounded once.</remarks>
/// <param name="IsApproximate">Half of x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))).</param>
internal sealed record Gelu(bool IsApproximate) : Op
{
    public override string Name => "GELU";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Gelu(r.Bool(0)) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Tensor;
        Tensor? output = c.Output(0).Int8().Tensor;
        if (!c.Holds) return;
        c.Output(0).Shape(input!.Shape.ToArray());
        c.RequireQuantization(!float.IsInfinity((float)(1 / output!.Scale)), "needs an output scale above 2^-128");
    }

    public override string Describe(Graph graph) => Name + (IsApproximate ? ", approximate" : "");

    public override int ElementwiseInputs => 1;

    // ---- reference ----
    public override void Reference(Values values)
    {
        Tensor input = values.Graph[Inputs[0]], output = values.Graph[Outputs[0]];
        float inverse = (float)(1 / output.Scale);
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), q =>
        {
            float x = (float)(input.Scale * (q - input.ZeroPoint));
            double stored = Quantize.Round((float)(Of(x) * inverse)) + output.ZeroPoint;
            return double.IsNaN(stored) ? output.ZeroPoint : (int)Math.Max(-128, Math.Min(127, stored));
        }));
    }

    private float Of(float x)
    {
        if (!IsApproximate) return (float)((float)(0.5f * x) * (float)Erfc((float)(x * -0.70710678f)));
        float cube = (float)((float)((float)(0.044715f * x) * x) * x);
        return (float)((float)(0.5f * x) * (float)(1f + (float)Math.Tanh((float)(0.797884561f * (float)(x + cube)))));
    }

    /// <summary>The complementary error function 1 − erf(x): its power series around 0, its continued fraction beyond.</summary>
    internal static double Erfc(double x)
    {
        if (x < 0) return 2 - Erfc(-x);
        if (x > 28) return 0;
        if (x < 1.5)
        {
            double term = x, sum = x;
            for (int n = 1; n < 200 && Math.Abs(term) > 1e-18; n++)
            {
                term *= -x * x / n;
                sum += term / ((2 * n) + 1);
            }

            return 1 - (2 / Math.Sqrt(Math.PI) * sum);
        }

        // x + (1/2)/(x + 1/(x + (3/2)/(x + 2/(x + …)))), from the inside.
        double fraction = x;
        for (int n = 120; n >= 1; n--) fraction = x + (n / 2.0 / fraction);
        return Math.Exp(-x * x) / (fraction * Math.Sqrt(Math.PI));
    }
}
