using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>The arithmetic of XNNPACK's operators on 8 bits, as LiteRT hands them over: factors in single precision, rounded once, ties to even.</summary>
/// <remarks>
/// Only tensors that <see cref="Tensor.HasXnnpackRules"/> follow it. What XNNPACK leaves to TFLite (AVERAGE_POOL_2D, RELU that stands alone,
/// HARD_SWISH, INT16, quotients of scales outside its ranges) keeps the reference kernels' arithmetic; SOFTMAX has TFLite's optimised one.
/// Every float operation here is rounded to single precision by itself: what is emitted multiplies and adds in two steps.
/// </remarks>
internal static class Xnnpack
{
    // ---- sums of products ----

    /// <summary>The factors of a convolution, a fully connected layer or a matrix product: (input scale · filter scale) / output scale, one
    /// for each channel; null where XNNPACK does not take the operator.</summary>
    public static Multiplier[]? Factors(Tensor input, Tensor filter, Tensor output, int channels)
    {
        if (!input.HasXnnpackRules || !output.HasXnnpackRules || (!input.HasUInt8Rules && filter.ZeroPoint != 0)) return null;
        float[] factors = [.. Enumerable.Range(0, channels).Select(c => (float)((float)(input.Scale * filter.ScaleOf(c)) / output.Scale))];
        return factors.All(f => f < 256) ? [.. factors.Select(Multiplier.OfSingle)] : null;
    }

    /// <summary>The factor of MUL, or null where XNNPACK does not take it.</summary>
    public static float? Product(Tensor first, Tensor second, Tensor output)
    {
        if (!AreDelegated(first, second, output)) return null;
        float factor = (float)((float)(first.Scale * second.Scale) / output.Scale);
        return factor is >= 1f / 65536 and < 256 ? factor : null;
    }

    /// <summary>True when all tensors follow these rules and were of one type in the file.</summary>
    public static bool AreDelegated(params Tensor[] tensors) =>
        tensors.All(t => t.HasXnnpackRules && t.Type == tensors[0].Type && t.WasUInt8 == tensors[0].WasUInt8);

    // ---- functions of one stored value ----

    /// <summary>The result of an operator on single elements for each of its stored inputs, or null where XNNPACK does not take it.</summary>
    public static Func<int, int>? Unary(Op op, Tensor input, Tensor output)
    {
        if (!AreDelegated(input, output)) return null;
        float quotient = (float)(input.Scale / output.Scale);
        bool isNear = quotient is >= 1f / 256 and <= 128;
        int Stored(int y) => FixedPoint.Clamp(y, output.Type.Min(), output.Type.Max());
        switch (op)
        {
            // Eight bits of fraction, halves up.
            case QuantizeOp when isNear:
                int factor = FixedPoint.RoundToEven((float)(256 * quotient));
                return x => Stored((128 + (256 * output.ZeroPoint) + (factor * (x - input.ZeroPoint))) >> 8);
            case LeakyRelu { Alpha: var alpha } when isNear && Math.Abs((float)(quotient * alpha)) is >= 1f / 256 and <= 128:
                int above = FixedPoint.RoundToEven((float)(256 * quotient)), below = FixedPoint.RoundToEven((float)(256 * (float)(quotient * alpha)));
                return x => Stored((128 + (256 * output.ZeroPoint) + ((x - input.ZeroPoint) * (x < input.ZeroPoint ? below : above))) >> 8);
            case Logistic:
                return Function(v => v > 100 ? 1 : v < -100 ? 0 : (float)(Math.Exp(v) / (1 + Math.Exp(v))));
            case Tanh:
                return Function(v => (float)Math.Tanh(v));
            case Elu:
                return Function(v => v < 0 ? (float)ExpLess1(v) : v);
            default:
                return null;
        }

        // The zero point is added before the rounding.
        Func<int, int> Function(Func<float, float> function)
        {
            float inverse = (float)(1f / output.Scale);
            return x =>
            {
                float y = function((float)(input.Scale * (x - input.ZeroPoint)));
                return Stored(FixedPoint.RoundToEven((float)((float)(y * inverse) + output.ZeroPoint)));
            };
        }
    }

    // e^x − 1 for x < 0, by its series where the difference would cancel.
    private static double ExpLess1(double x)
    {
        if (x < -0.01) return Math.Exp(x) - 1;
        double term = x, sum = x;
        for (int n = 2; n < 12; n++)
        {
            term *= x / n;
            sum += term;
        }

        return sum;
    }

    // ---- reductions ----

    /// <summary>MEAN and SUM: stored sum · factor + offset, to the nearest integer; null where XNNPACK does not take it.</summary>
    /// <param name="elements">Inputs of one output.</param>
    public static (float Factor, float Offset)? Mean(Tensor input, Tensor output, int elements, bool isMean)
    {
        if (!AreDelegated(input, output)) return null;
        float factor = (float)(input.Scale / output.Scale);
        if (isMean) factor = (float)(factor * (float)(1f / elements));
        return (factor, (float)(output.ZeroPoint - (float)((float)(elements * (long)input.ZeroPoint) * factor)));
    }
}

/// <summary>ADD and SUB of XNNPACK: both inputs times integers of at most 21 bits, added and shifted right, halves up.</summary>
/// <param name="First">What the first input is multiplied by.</param>
/// <param name="Second">What the second input is multiplied by; negative for a difference.</param>
/// <param name="Shift">12 to 30.</param>
internal sealed record XnnpackSum(int First, int Second, int Shift)
{
    /// <summary>The arithmetic of an operator, or null where XNNPACK does not take it.</summary>
    /// <param name="sign">−1 for a difference.</param>
    public static XnnpackSum? Of(Graph graph, Op op, int sign)
    {
        Tensor first = graph[op.Inputs[0]], second = graph[op.Inputs[1]], output = graph[op.Outputs[0]];
        if (!Xnnpack.AreDelegated(first, second, output)) return null;
        float a = (float)(first.Scale / output.Scale), b = (float)(second.Scale / output.Scale);
        if (a is not (>= 1f / 1024 and < 256) || b is not (>= 1f / 1024 and < 256)) return null;

        Multiplier.Frexp(Math.Max(a, b), out int exponent);
        int shift = 20 - (exponent - 1);
        int Scaled(float quotient) => (int)Math.Round(quotient * (double)(1L << shift));
        return new XnnpackSum(Scaled(a), sign * Scaled(b), shift);
    }

    public void Reference(Values values, Op op, Activation activation)
    {
        Tensor output = values.Graph[op.Outputs[0]];
        (int Min, int Max) range = Quantize.Range(activation, output);
        Binary.Reference(values, op, (a, b) => FixedPoint.Clamp((((a * First) + (b * Second) + (1 << (Shift - 1))) >> Shift) + output.ZeroPoint, range.Min, range.Max));
    }

    public Layer Layer(Graph graph, Op op, string name, Activation activation, CompileOptions options)
    {
        Tensor first = graph[op.Inputs[0]], second = graph[op.Inputs[1]], output = graph[op.Outputs[0]];

        // Three bits more than XNNPACK's: the linear form's shift is at least 15.
        const int More = 3;
        long offset = (1L << (Shift - 1)) + ((long)output.ZeroPoint << Shift) - ((long)First * first.ZeroPoint) - ((long)Second * second.ZeroPoint);
        var linear = new LinearSum(First << More, Second << More, offset << More, Shift + More);
        return Binary.Layer(
            graph, op, name, Quantize.Range(activation, output), options,
            [InvariantText.Of($"const int Multiplier1 = {First}, Multiplier2 = {Second}, Shift = {Shift}, Half = 1 << (Shift - 1);")],
            ["int result = ((a * Multiplier1) + (b * Multiplier2) + Half) >> Shift;"],
            linear.VectorCall);
    }
}
