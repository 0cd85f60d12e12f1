using System;

namespace Etch.Ir;

internal enum Activation
{
    None = 0,
    Relu = 1,
    ReluN1To1 = 2,
    Relu6 = 3,
}

internal static class Activations
{
    /// <summary>The activation as it ends a headline: <c>, RELU6</c>.</summary>
    public static string Describe(this Activation activation) => activation switch
    {
        Activation.None => "",
        Activation.ReluN1To1 => ", RELU_N1_TO_1",
        _ => ", " + activation.ToString().ToUpperInvariant(),
    };
}

/// <summary>A real factor as fixed point: Q0.31 <see cref="Value"/> · 2^<see cref="Shift"/>.</summary>
internal readonly record struct Multiplier(int Value, int Shift)
{
    /// <summary>QuantizeMultiplier of TFLite: the nearest Q0.31 number with its exponent, (0, 0) when the factor is too small.</summary>
    public static Multiplier Of(double factor)
    {
        if (factor == 0) return default;
        double fraction = Frexp(factor, out int exponent);
        long value = (long)Quantize.Round(fraction * (1L << 31));
        if (value == 1L << 31)
        {
            value >>= 1;
            exponent++;
        }

        return exponent < -31 ? default : new Multiplier((int)value, exponent);
    }

    /// <summary>XNNPACK's factor in its stead, in single precision; 0 for none.</summary>
    public float Single { get; init; }

    public static Multiplier OfSingle(float factor) => new(0, 0) { Single = factor };

    public bool IsSingle => Single != 0;

    /// <summary>The factor that the fixed-point number stands for.</summary>
    public double Real => Value * Math.Pow(2, Shift - 31);

    public int Apply(int x) => IsSingle ? FixedPoint.MultiplyAndRound(x, Single) : FixedPoint.MultiplyByQuantizedMultiplier(x, Value, Shift);

    /// <summary>The factor on an accumulator of 64 bits.</summary>
    public int Apply(long x) => FixedPoint.MultiplyByReducedMultiplier(x, Reduced, ReducedRight);

    /// <summary>The value cut to Q0.15, as MultiplyByQuantizedMultiplier of TFLite does for accumulators of 64 bits.</summary>
    public int Reduced => Value < 0x7FFF0000 ? (Value + (1 << 15)) >> 16 : 0x7FFF;

    /// <summary>The right shift that goes with <see cref="Reduced"/>, at least 8 when <see cref="Shift"/> is below 8.</summary>
    public int ReducedRight => 15 - Shift;

    /// <summary>C's frexp: factor = fraction · 2^exponent with 1/2 ≤ |fraction| &lt; 1.</summary>
    public static double Frexp(double factor, out int exponent)
    {
        long bits = BitConverter.DoubleToInt64Bits(factor);
        int biased = (int)((bits >> 52) & 0x7FF);
        if (biased == 0)
        {
            // Subnormal: bring it into the normal range first.
            double scaled = Frexp(factor * (1L << 54), out exponent);
            exponent -= 54;
            return scaled;
        }

        exponent = biased - 1022;
        return BitConverter.Int64BitsToDouble((bits & ~(0x7FFL << 52)) | (1022L << 52));
    }
}

/// <summary>Scale arithmetic at compile time, in the very precision of TFLite Micro's Prepare functions.</summary>
internal static class Quantize
{
    /// <summary>C's round: half away from zero.</summary>
    public static double Round(double x)
    {
        double whole = Math.Truncate(x);
        return Math.Abs(x - whole) >= 0.5 ? whole + Math.Sign(x) : whole;
    }

    /// <summary>CalculateActivationRangeQuantized of TFLite: the stored values that a fused activation lets through.</summary>
    /// <param name="isDelegated">False for operators that XNNPACK leaves to TFLite, which round half away from zero whatever the numerics.</param>
    public static (int Min, int Max) Range(Activation activation, Tensor output, bool isDelegated = true)
    {
        int min = output.Type.Min(), max = output.Type.Max();
        int Stored(float real) => isDelegated && output.HasXnnpackRules
            ? Saturate(Math.Round((double)(float)((float)(real / output.Scale) + output.ZeroPoint)))
            : output.ZeroPoint + Saturate(Round((float)(real / output.Scale)));
        return activation switch
        {
            Activation.Relu => (Math.Max(min, Stored(0)), max),
            Activation.Relu6 => (Math.Max(min, Stored(0)), Math.Min(max, Stored(6))),
            Activation.ReluN1To1 => (Math.Max(min, Stored(-1)), Math.Min(max, Stored(1))),
            _ => (min, max),
        };
    }

    // Far beyond every stored value, and far from overflowing when a zero point is added.
    private static int Saturate(double x) => (int)Math.Max(-1e9, Math.Min(1e9, x));
}
