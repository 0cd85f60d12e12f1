using System;

namespace Etch;

/// <summary>The affine quantisation of TensorFlow Lite: real = scale · (stored − zero point).</summary>
public static class Affine
{
    /// <summary>The stored value nearest to a real one: round(real / scale) + zero point, half away from zero, clamped to min … max.</summary>
    /// <param name="real">Any number; not a number gives the zero point.</param>
    /// <param name="scale">Above 0.</param>
    /// <param name="zeroPoint">The stored value of 0.</param>
    /// <param name="min">The smallest stored value.</param>
    /// <param name="max">The largest stored value.</param>
    /// <remarks>The division and the rounding are those of TFLite's AffineQuantize, in single precision.</remarks>
    public static int Quantize(float real, float scale, int zeroPoint, int min, int max)
    {
        float rounded = MathF.Round(real / scale, MidpointRounding.AwayFromZero);
        if (float.IsNaN(rounded)) return zeroPoint;
        if (rounded <= min - zeroPoint) return min;
        return rounded >= max - zeroPoint ? max : (int)rounded + zeroPoint;
    }

    /// <summary>Quantises to int8; output has at least the input's length.</summary>
    public static void Quantize(ReadOnlySpan<float> input, Span<sbyte> output, float scale, int zeroPoint)
    {
        output = output.Slice(0, input.Length);
        for (int i = 0; i < input.Length; i++) output[i] = (sbyte)Quantize(input[i], scale, zeroPoint, sbyte.MinValue, sbyte.MaxValue);
    }

    /// <summary>Quantises to uint8; output has at least the input's length.</summary>
    public static void Quantize(ReadOnlySpan<float> input, Span<byte> output, float scale, int zeroPoint)
    {
        output = output.Slice(0, input.Length);
        for (int i = 0; i < input.Length; i++) output[i] = (byte)Quantize(input[i], scale, zeroPoint, byte.MinValue, byte.MaxValue);
    }

    /// <summary>Quantises to int16; output has at least the input's length.</summary>
    public static void Quantize(ReadOnlySpan<float> input, Span<short> output, float scale, int zeroPoint)
    {
        output = output.Slice(0, input.Length);
        for (int i = 0; i < input.Length; i++) output[i] = (short)Quantize(input[i], scale, zeroPoint, short.MinValue, short.MaxValue);
    }

    /// <summary>Quantises to int8 as XNNPACK does: by the reciprocal of the scale, ties to even.</summary>
    /// <param name="input">Any numbers; not a number gives the zero point.</param>
    /// <param name="output">At least the input's length.</param>
    /// <param name="reciprocal">1 / scale in single precision.</param>
    /// <param name="zeroPoint">The stored value of 0.</param>
    public static void QuantizeToEven(ReadOnlySpan<float> input, Span<sbyte> output, float reciprocal, int zeroPoint)
    {
        output = output.Slice(0, input.Length);
        for (int i = 0; i < input.Length; i++) output[i] = (sbyte)QuantizeToEven(input[i], reciprocal, zeroPoint, sbyte.MinValue, sbyte.MaxValue);
    }

    /// <summary>Quantises to uint8 as XNNPACK does: by the reciprocal of the scale, ties to even.</summary>
    /// <param name="input">Any numbers; not a number gives the zero point.</param>
    /// <param name="output">At least the input's length.</param>
    /// <param name="reciprocal">1 / scale in single precision.</param>
    /// <param name="zeroPoint">The stored value of 0.</param>
    public static void QuantizeToEven(ReadOnlySpan<float> input, Span<byte> output, float reciprocal, int zeroPoint)
    {
        output = output.Slice(0, input.Length);
        for (int i = 0; i < input.Length; i++) output[i] = (byte)QuantizeToEven(input[i], reciprocal, zeroPoint, byte.MinValue, byte.MaxValue);
    }

    private static int QuantizeToEven(float real, float reciprocal, int zeroPoint, int min, int max) =>
        float.IsNaN(real) ? zeroPoint : FixedPoint.Clamp(FixedPoint.RoundToEven(real * reciprocal) + zeroPoint, min, max);

    /// <summary>The real values of int8; output has at least the input's length.</summary>
    public static void Dequantize(ReadOnlySpan<sbyte> input, Span<float> output, float scale, int zeroPoint)
    {
        output = output.Slice(0, input.Length);
        for (int i = 0; i < input.Length; i++) output[i] = scale * (input[i] - zeroPoint);
    }

    /// <summary>The real values of uint8; output has at least the input's length.</summary>
    public static void Dequantize(ReadOnlySpan<byte> input, Span<float> output, float scale, int zeroPoint)
    {
        output = output.Slice(0, input.Length);
        for (int i = 0; i < input.Length; i++) output[i] = scale * (input[i] - zeroPoint);
    }

    /// <summary>The real values of int16; output has at least the input's length.</summary>
    public static void Dequantize(ReadOnlySpan<short> input, Span<float> output, float scale, int zeroPoint)
    {
        output = output.Slice(0, input.Length);
        for (int i = 0; i < input.Length; i++) output[i] = scale * (input[i] - zeroPoint);
    }
}
