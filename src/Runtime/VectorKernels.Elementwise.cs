using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Etch;

/// <summary>How a stored value is scaled: less its zero point, times multiplier / 2^31, rounded, then divided by 2^right, rounded.</summary>
/// <param name="ZeroPoint">The stored value of 0.</param>
/// <param name="Multiplier">Q0.31, or 0.</param>
/// <param name="Right">Right shift from 0 to 31.</param>
public readonly record struct ScaledTerm(int ZeroPoint, int Multiplier, int Right);

public static partial class VectorKernels
{
    private const int LeftShift = 20;

    /// <summary>ADD and SUB of two int8 tensors: both with 20 more bits, scaled to one scale, then their sum to the output's.</summary>
    /// <remarks>reference/add.h of TFLite: MultiplyByQuantizedMultiplierSmallerThanOneExp three times.</remarks>
    /// <param name="input1">The first input.</param>
    /// <param name="input2">The second input: as long as the first, or a part of that length which is used again and again.</param>
    /// <param name="output">The stored outputs, as many as the first input has; may be the same memory as an input of this length.</param>
    /// <param name="first">How the first input is scaled.</param>
    /// <param name="second">How the second input is scaled.</param>
    /// <param name="sum">How the sum is scaled; the zero point is the output's.</param>
    /// <param name="isDifference">The second input is taken away.</param>
    /// <param name="min">The smallest stored output.</param>
    /// <param name="max">The largest stored output.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(
        ReadOnlySpan<sbyte> input1, ReadOnlySpan<sbyte> input2, Span<sbyte> output,
        in ScaledTerm first, in ScaledTerm second, in ScaledTerm sum, bool isDifference, int min, int max)
    {
        int part = input2.Length;
        input1 = input1.Slice(0, output.Length);
        if (part == 0) return;
        ref sbyte b = ref MemoryMarshal.GetReference(input2);
        for (int begin = 0; begin < output.Length; begin += part)
        {
            ref sbyte a = ref MemoryMarshal.GetReference(input1.Slice(begin, part));
            ref sbyte c = ref MemoryMarshal.GetReference(output.Slice(begin, part));
            int i = 0;
            if (Avx512BW.IsSupported)
            {
                Vector512<int> zeroPoint1 = Vector512.Create(first.ZeroPoint), zeroPoint2 = Vector512.Create(second.ZeroPoint), zeroPoint = Vector512.Create(sum.ZeroPoint), negated = Vector512.Create(isDifference ? -1 : 0);
                Vector512<int> m1 = Vector512.Create(first.Multiplier), m2 = Vector512.Create(second.Multiplier), m = Vector512.Create(sum.Multiplier);
                Vector512<int> n1 = Vector512.Create(first.Right), n2 = Vector512.Create(second.Right), n = Vector512.Create(sum.Right);
                Vector128<sbyte> lowest = Vector128.Create((sbyte)min), highest = Vector128.Create((sbyte)max);
                for (; i <= part - 16; i += 16)
                {
                    Vector512<int> x = Avx512F.Subtract(Avx512F.ConvertToVector512Int32(Vector128.LoadUnsafe(ref Unsafe.Add(ref a, i))), zeroPoint1);
                    Vector512<int> y = Avx512F.Subtract(Avx512F.ConvertToVector512Int32(Vector128.LoadUnsafe(ref Unsafe.Add(ref b, i))), zeroPoint2);
                    x = ScaleTerm(Avx512F.ShiftLeftLogical(x, LeftShift + 1), m1, n1);
                    y = Avx512F.Subtract(Avx512F.Xor(ScaleTerm(Avx512F.ShiftLeftLogical(y, LeftShift + 1), m2, n2), negated), negated);
                    x = Avx512F.Add(x, y);
                    Store(ScaleTerm(Avx512F.Add(x, x), m, n), zeroPoint, lowest, highest, 16, ref Unsafe.Add(ref c, i));
                }
            }

            if (Avx2.IsSupported)
            {
                Vector256<int> zeroPoint1 = Vector256.Create(first.ZeroPoint), zeroPoint2 = Vector256.Create(second.ZeroPoint), zeroPoint = Vector256.Create(sum.ZeroPoint), negated = Vector256.Create(isDifference ? -1 : 0);
                Vector256<int> m1 = Vector256.Create(first.Multiplier), m2 = Vector256.Create(second.Multiplier), m = Vector256.Create(sum.Multiplier);
                Vector256<int> n1 = Vector256.Create(first.Right), n2 = Vector256.Create(second.Right), n = Vector256.Create(sum.Right);
                Vector128<sbyte> lowest = Vector128.Create((sbyte)min), highest = Vector128.Create((sbyte)max);
                for (; i <= part - 8; i += 8)
                {
                    Vector256<int> x = Avx2.Subtract(Avx2.ConvertToVector256Int32(Vector128.CreateScalarUnsafe(Eight(ref Unsafe.Add(ref a, i))).AsSByte()), zeroPoint1);
                    Vector256<int> y = Avx2.Subtract(Avx2.ConvertToVector256Int32(Vector128.CreateScalarUnsafe(Eight(ref Unsafe.Add(ref b, i))).AsSByte()), zeroPoint2);
                    x = ScaleTerm(Avx2.ShiftLeftLogical(x, LeftShift + 1), m1, n1);
                    y = Avx2.Subtract(Avx2.Xor(ScaleTerm(Avx2.ShiftLeftLogical(y, LeftShift + 1), m2, n2), negated), negated);
                    x = Avx2.Add(x, y);
                    Store(ScaleTerm(Avx2.Add(x, x), m, n), zeroPoint, lowest, highest, 8, ref Unsafe.Add(ref c, i));
                }
            }

            if (AdvSimd.Arm64.IsSupported)
            {
                Vector128<short> zeroPoint1 = Vector128.Create((short)first.ZeroPoint), zeroPoint2 = Vector128.Create((short)second.ZeroPoint), zeroPoint = Vector128.Create((short)sum.ZeroPoint);
                Vector64<sbyte> lowest = Vector64.Create((sbyte)min), highest = Vector64.Create((sbyte)max);
                for (; i <= part - 8; i += 8)
                {
                    Vector128<short> x = AdvSimd.Subtract(WidenArm8(ref Unsafe.Add(ref a, i)), zeroPoint1), y = AdvSimd.Subtract(WidenArm8(ref Unsafe.Add(ref b, i)), zeroPoint2);
                    (Vector128<int> xLow, Vector128<int> xHigh) = Vector128.Widen(x);
                    (Vector128<int> yLow, Vector128<int> yHigh) = Vector128.Widen(y);
                    xLow = ScaleTerm(xLow << LeftShift, first);
                    xHigh = ScaleTerm(xHigh << LeftShift, first);
                    yLow = ScaleTerm(yLow << LeftShift, second);
                    yHigh = ScaleTerm(yHigh << LeftShift, second);
                    Vector128<int> low = ScaleTerm(isDifference ? xLow - yLow : xLow + yLow, sum), high = ScaleTerm(isDifference ? xHigh - yHigh : xHigh + yHigh, sum);
                    StoreArm(low, high, zeroPoint, lowest, highest, 8, ref Unsafe.Add(ref c, i));
                }
            }

            for (; i < part; i++)
            {
                int x = FixedPoint.MultiplyByQuantizedMultiplier((Unsafe.Add(ref a, i) - first.ZeroPoint) << LeftShift, first.Multiplier, -first.Right);
                int y = FixedPoint.MultiplyByQuantizedMultiplier((Unsafe.Add(ref b, i) - second.ZeroPoint) << LeftShift, second.Multiplier, -second.Right);
                int scaled = FixedPoint.MultiplyByQuantizedMultiplier(isDifference ? x - y : x + y, sum.Multiplier, -sum.Right);
                Unsafe.Add(ref c, i) = (sbyte)FixedPoint.Clamp(scaled + sum.ZeroPoint, min, max);
            }
        }
    }

    /// <summary>ADD and SUB of two int8 tensors as a linear form: (factor1 · a + factor2 · b + offset) ≫ shift, clamped.</summary>
    /// <param name="input1">The first input.</param>
    /// <param name="input2">The second input: as long as the first, or a part of that length which is used again and again.</param>
    /// <param name="output">The stored outputs, as many as the first input has; may be the same memory as an input of this length.</param>
    /// <param name="factor1">Below 2^30 in magnitude.</param>
    /// <param name="factor2">As <paramref name="factor1"/>.</param>
    /// <param name="offset">Zero points and rounding, below 2^45 in magnitude.</param>
    /// <param name="shift">15 to 37.</param>
    /// <param name="min">The smallest stored output.</param>
    /// <param name="max">The largest stored output.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddLinear(
        ReadOnlySpan<sbyte> input1, ReadOnlySpan<sbyte> input2, Span<sbyte> output, int factor1, int factor2, long offset, int shift, int min, int max)
    {
        // Factors in a high part of 15 bits and its sign and a low part of 15 bits: (high · 2^15 + low) ≫ shift = (high + (low ≫ 15)) ≫ (shift − 15).
        const int LowBits = 15, LowMask = (1 << LowBits) - 1;
        int high1 = factor1 >> LowBits, high2 = factor2 >> LowBits, low1 = factor1 & LowMask, low2 = factor2 & LowMask;
        int highOffset = (int)(offset >> LowBits), lowOffset = (int)(offset & LowMask), right = shift - LowBits;
        int highPair = (high2 << 16) | (high1 & 0xFFFF), lowPair = (low2 << 16) | low1;
        int part = input2.Length;
        input1 = input1.Slice(0, output.Length);
        if (part == 0) return;
        ref sbyte b = ref MemoryMarshal.GetReference(input2);
        for (int begin = 0; begin < output.Length; begin += part)
        {
            ref sbyte a = ref MemoryMarshal.GetReference(input1.Slice(begin, part));
            ref sbyte c = ref MemoryMarshal.GetReference(output.Slice(begin, part));
            int i = 0;
            if (Avx512BW.IsSupported)
            {
                Vector512<short> high = Vector512.Create(highPair).AsInt16(), low = Vector512.Create(lowPair).AsInt16();
                Vector512<int> highStart = Vector512.Create(highOffset), lowStart = Vector512.Create(lowOffset);
                Vector128<int> count = Vector128.CreateScalar(right);
                Vector256<sbyte> lowest = Vector256.Create((sbyte)min), highest = Vector256.Create((sbyte)max);
                for (; i <= part - 32; i += 32)
                {
                    Vector512<short> x = Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref a, (nuint)i));
                    Vector512<short> y = Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref b, (nuint)i));
                    Vector512<short> front = Avx512BW.UnpackLow(x, y), back = Avx512BW.UnpackHigh(x, y);
                    Vector512<int> frontLow = Avx512F.ShiftRightArithmetic(Avx512F.Add(Avx512BW.MultiplyAddAdjacent(front, low), lowStart), LowBits);
                    Vector512<int> backLow = Avx512F.ShiftRightArithmetic(Avx512F.Add(Avx512BW.MultiplyAddAdjacent(back, low), lowStart), LowBits);
                    Vector512<int> frontSum = Avx512F.Add(Avx512F.Add(Avx512BW.MultiplyAddAdjacent(front, high), highStart), frontLow);
                    Vector512<int> backSum = Avx512F.Add(Avx512F.Add(Avx512BW.MultiplyAddAdjacent(back, high), highStart), backLow);
                    Vector512<short> words = Avx512BW.PackSignedSaturate(Avx512F.ShiftRightArithmetic(frontSum, count), Avx512F.ShiftRightArithmetic(backSum, count));
                    Vector256<sbyte> bytes = Avx512BW.ConvertToVector256SByteWithSaturation(words);
                    Avx2.Min(Avx2.Max(bytes, lowest), highest).StoreUnsafe(ref c, (nuint)i);
                }
            }

            if (Avx2.IsSupported)
            {
                Vector256<short> high = Vector256.Create(highPair).AsInt16(), low = Vector256.Create(lowPair).AsInt16();
                Vector256<int> highStart = Vector256.Create(highOffset), lowStart = Vector256.Create(lowOffset);
                Vector128<int> count = Vector128.CreateScalar(right);
                Vector128<sbyte> lowest = Vector128.Create((sbyte)min), highest = Vector128.Create((sbyte)max);
                for (; i <= part - 16; i += 16)
                {
                    Vector256<short> x = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref a, (nuint)i));
                    Vector256<short> y = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref b, (nuint)i));
                    Vector256<short> front = Avx2.UnpackLow(x, y), back = Avx2.UnpackHigh(x, y);
                    Vector256<int> frontLow = Avx2.ShiftRightArithmetic(Avx2.Add(Avx2.MultiplyAddAdjacent(front, low), lowStart), LowBits);
                    Vector256<int> backLow = Avx2.ShiftRightArithmetic(Avx2.Add(Avx2.MultiplyAddAdjacent(back, low), lowStart), LowBits);
                    Vector256<int> frontSum = Avx2.Add(Avx2.Add(Avx2.MultiplyAddAdjacent(front, high), highStart), frontLow);
                    Vector256<int> backSum = Avx2.Add(Avx2.Add(Avx2.MultiplyAddAdjacent(back, high), highStart), backLow);
                    Vector256<short> words = Avx2.PackSignedSaturate(Avx2.ShiftRightArithmetic(frontSum, count), Avx2.ShiftRightArithmetic(backSum, count));
                    Vector128<sbyte> bytes = Sse2.PackSignedSaturate(words.GetLower(), words.GetUpper());
                    Sse41.Min(Sse41.Max(bytes, lowest), highest).StoreUnsafe(ref c, (nuint)i);
                }
            }

            // SSE4.1 and Arm64.
            for (; i <= part - 8; i += 8)
            {
                (Vector128<int> x0, Vector128<int> x4) = WidenEight(ref Unsafe.Add(ref a, i));
                (Vector128<int> y0, Vector128<int> y4) = WidenEight(ref Unsafe.Add(ref b, i));
                Vector128<int> lowSum0 = (x0 * low1) + (y0 * low2) + Vector128.Create(lowOffset), lowSum4 = (x4 * low1) + (y4 * low2) + Vector128.Create(lowOffset);
                Vector128<int> sum0 = (x0 * high1) + (y0 * high2) + Vector128.Create(highOffset) + Vector128.ShiftRightArithmetic(lowSum0, LowBits);
                Vector128<int> sum4 = (x4 * high1) + (y4 * high2) + Vector128.Create(highOffset) + Vector128.ShiftRightArithmetic(lowSum4, LowBits);
                Vector128<int> lowest = Vector128.Create(min), highest = Vector128.Create(max);
                sum0 = Vector128.Min(Vector128.Max(Vector128.ShiftRightArithmetic(sum0, right), lowest), highest);
                sum4 = Vector128.Min(Vector128.Max(Vector128.ShiftRightArithmetic(sum4, right), lowest), highest);
                Vector128<short> words = Vector128.Narrow(sum0, sum4);
                Unsafe.WriteUnaligned(ref Unsafe.As<sbyte, byte>(ref Unsafe.Add(ref c, i)), Vector128.Narrow(words, words).AsInt64().ToScalar());
            }

            for (; i < part; i++)
            {
                long sum = (Unsafe.Add(ref a, i) * (long)factor1) + (Unsafe.Add(ref b, i) * (long)factor2) + offset;
                Unsafe.Add(ref c, i) = (sbyte)FixedPoint.Clamp((int)(sum >> shift), min, max);
            }
        }
    }

    /// <summary>MUL of two int8 tensors: the product of what they stand for, requantised.</summary>
    /// <param name="input1">The first input.</param>
    /// <param name="input2">The second input: as long as the first, or a part of that length which is used again and again.</param>
    /// <param name="output">The stored outputs, as many as the first input has; may be the same memory as an input of this length.</param>
    /// <param name="zeroPoint1">The first input's zero point.</param>
    /// <param name="zeroPoint2">The second input's zero point.</param>
    /// <param name="multiplier">Q0.31.</param>
    /// <param name="right">Right shift from 1 to 31.</param>
    /// <param name="zeroPoint">The output's zero point.</param>
    /// <param name="min">The smallest stored output.</param>
    /// <param name="max">The largest stored output.</param>
    public static void Multiply(
        ReadOnlySpan<sbyte> input1, ReadOnlySpan<sbyte> input2, Span<sbyte> output, int zeroPoint1, int zeroPoint2, int multiplier, sbyte right, int zeroPoint, int min, int max) =>
        MultiplyParts<int>(input1, input2, output, zeroPoint1, zeroPoint2, new Requantization([multiplier], [right], zeroPoint, min, max));

    /// <summary>MUL of two int8 tensors with a factor in single precision, as XNNPACK has it.</summary>
    /// <param name="input1">The first input.</param>
    /// <param name="input2">The second input: as long as the first, or a part of that length which is used again and again.</param>
    /// <param name="output">The stored outputs, as many as the first input has; may be the same memory as an input of this length.</param>
    /// <param name="zeroPoint1">The first input's zero point.</param>
    /// <param name="zeroPoint2">The second input's zero point.</param>
    /// <param name="scale">Above 0 and below 256.</param>
    /// <param name="zeroPoint">The output's zero point.</param>
    /// <param name="min">The smallest stored output.</param>
    /// <param name="max">The largest stored output.</param>
    public static void Multiply(
        ReadOnlySpan<sbyte> input1, ReadOnlySpan<sbyte> input2, Span<sbyte> output, int zeroPoint1, int zeroPoint2, float scale, int zeroPoint, int min, int max) =>
        MultiplyParts<float>(input1, input2, output, zeroPoint1, zeroPoint2, new Requantization([scale], zeroPoint, min, max));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyParts<TFactor>(
        ReadOnlySpan<sbyte> input1, ReadOnlySpan<sbyte> input2, Span<sbyte> output, int zeroPoint1, int zeroPoint2, in Requantization r)
    {
        int part = input2.Length;
        input1 = input1.Slice(0, output.Length);
        if (part == 0) return;
        Vector128<sbyte> min = Vector128.Create((sbyte)r.Min), max = Vector128.Create((sbyte)r.Max);
        Vector512<int> zeroPoints512 = Vector512.Create(r.ZeroPoint);
        Vector256<int> zeroPoints256 = Vector256.Create(r.ZeroPoint);
        Factors512<TFactor> factors512 = Avx512BW.IsSupported ? new Factors512<TFactor>(r, 0) : default;
        Factors256<TFactor> factors256 = Avx2.IsSupported ? new Factors256<TFactor>(r, 0) : default;
        Factors128 factors128 = Sse41.IsSupported && !Avx2.IsSupported ? new Factors128(r, 0, 8) : default;
        FactorsArm factorsArm = AdvSimd.Arm64.IsSupported ? new FactorsArm(r, 0) : default;
        ref sbyte b = ref MemoryMarshal.GetReference(input2);
        for (int first = 0; first < output.Length; first += part)
        {
            ref sbyte a = ref MemoryMarshal.GetReference(input1.Slice(first, part));
            ref sbyte c = ref MemoryMarshal.GetReference(output.Slice(first, part));
            int i = 0;
            if (Avx512BW.IsSupported)
            {
                for (; i <= part - 16; i += 16)
                {
                    Vector512<int> x = Avx512F.Subtract(Avx512F.ConvertToVector512Int32(Vector128.LoadUnsafe(ref a, (nuint)i)), Vector512.Create(zeroPoint1));
                    Vector512<int> y = Avx512F.Subtract(Avx512F.ConvertToVector512Int32(Vector128.LoadUnsafe(ref b, (nuint)i)), Vector512.Create(zeroPoint2));
                    Store(factors512.Scale(Avx512F.MultiplyLow(Avx512F.Add(x, x), y)), zeroPoints512, min, max, 16, ref Unsafe.Add(ref c, i));
                }
            }

            if (Avx2.IsSupported)
            {
                for (; i <= part - 8; i += 8)
                {
                    Vector256<int> x = Avx2.Subtract(Avx2.ConvertToVector256Int32(Vector128.CreateScalarUnsafe(Eight(ref Unsafe.Add(ref a, i))).AsSByte()), Vector256.Create(zeroPoint1));
                    Vector256<int> y = Avx2.Subtract(Avx2.ConvertToVector256Int32(Vector128.CreateScalarUnsafe(Eight(ref Unsafe.Add(ref b, i))).AsSByte()), Vector256.Create(zeroPoint2));
                    Store(factors256.Scale(Avx2.MultiplyLow(Avx2.Add(x, x), y)), zeroPoints256, min, max, 8, ref Unsafe.Add(ref c, i));
                }
            }
            else
            {
                for (; i <= part - 8; i += 8)
                {
                    (Vector128<int> x, Vector128<int> x4) = WidenEight(ref Unsafe.Add(ref a, i));
                    (Vector128<int> y, Vector128<int> y4) = WidenEight(ref Unsafe.Add(ref b, i));
                    x = (x - Vector128.Create(zeroPoint1)) * (y - Vector128.Create(zeroPoint2));
                    x4 = (x4 - Vector128.Create(zeroPoint1)) * (y4 - Vector128.Create(zeroPoint2));
                    if (Sse41.IsSupported) factors128.Store(x + x, x4 + x4, r, 0, 8, min, max, ref Unsafe.Add(ref c, i));
                    else factorsArm.Store(x, x4, 8, ref Unsafe.Add(ref c, i));
                }
            }

            for (; i < part; i++) Unsafe.Add(ref c, i) = r.Store((Unsafe.Add(ref a, i) - zeroPoint1) * (Unsafe.Add(ref b, i) - zeroPoint2), 0);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<int> Low, Vector128<int> High) WidenEight(ref sbyte from) =>
        Vector128.Widen(Vector128.Widen(Vector128.CreateScalar(Eight(ref from)).AsSByte()).Lower);

    /// <summary>Adds the values of each channel over a window to <paramref name="sums"/>.</summary>
    /// <param name="window">The bytes from the window's first on; its row r begins <paramref name="rowStride"/> · r further on.</param>
    /// <param name="rowStride">Bytes between the rows of the window.</param>
    /// <param name="rows">Rows of the window.</param>
    /// <param name="columns">Pixels in a row of the window.</param>
    /// <param name="sums">One for each channel.</param>
    public static void AddPixels(ReadOnlySpan<sbyte> window, int rowStride, int rows, int columns, Span<int> sums)
    {
        ref int acc = ref MemoryMarshal.GetReference(sums);
        for (int row = 0; row < rows; row++)
        {
            ref sbyte first = ref MemoryMarshal.GetReference(window.Slice(row * rowStride, columns * sums.Length));
            int c = 0;
            if (Avx512BW.IsSupported)
            {
                for (; c <= sums.Length - 16; c += 16)
                {
                    Vector512<int> sum = Vector512.LoadUnsafe(ref acc, (nuint)c);
                    ref sbyte pixel = ref Unsafe.Add(ref first, c);
                    for (int x = 0; x < columns; x++)
                    {
                        sum = Avx512F.Add(sum, Avx512F.ConvertToVector512Int32(Vector128.LoadUnsafe(ref pixel)));
                        pixel = ref Unsafe.Add(ref pixel, sums.Length);
                    }

                    sum.StoreUnsafe(ref acc, (nuint)c);
                }
            }

            for (; c <= sums.Length - 4; c += 4)
            {
                Vector128<int> sum = Vector128.LoadUnsafe(ref acc, (nuint)c);
                ref sbyte pixel = ref Unsafe.Add(ref first, c);
                for (int x = 0; x < columns; x++)
                {
                    sum += WidenFour(ref pixel);
                    pixel = ref Unsafe.Add(ref pixel, sums.Length);
                }

                sum.StoreUnsafe(ref acc, (nuint)c);
            }

            for (; c < sums.Length; c++)
            {
                for (int x = 0; x < columns; x++) sums[c] += Unsafe.Add(ref first, (x * sums.Length) + c);
            }
        }
    }

    /// <summary>MAX_POOL_2D on windows inside the image, one beside the other: the largest value of each channel, clamped.</summary>
    /// <param name="input">The bytes from the first window's first on; its row r begins <paramref name="rowStride"/> · r further on.</param>
    /// <param name="rowStride">Bytes between the rows of a window.</param>
    /// <param name="rows">Rows of a window.</param>
    /// <param name="columns">Pixels in a row of a window.</param>
    /// <param name="step">Bytes from window to window.</param>
    /// <param name="output">The stored outputs; no memory of the windows'.</param>
    /// <param name="channels">At least 8.</param>
    /// <param name="min">The smallest stored output.</param>
    /// <param name="max">The largest stored output.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MaxPool(ReadOnlySpan<sbyte> input, int rowStride, int rows, int columns, int step, Span<sbyte> output, int channels, int min, int max)
    {
        int pixels = output.Length / channels;
        if (pixels == 0) return;
        var window = new PoolWindow { RowStride = rowStride, Rows = rows, Columns = columns, Channels = channels, Min = (sbyte)min, Max = (sbyte)max };
        ref sbyte first = ref MemoryMarshal.GetReference(input.Slice(0, ((pixels - 1) * step) + ((rows - 1) * rowStride) + (columns * channels)));
        ref sbyte stored = ref MemoryMarshal.GetReference(output);
        for (; pixels > 0; pixels--)
        {
            // What is left of a vector is computed as part of one that ends with the last channel.
            int c = 0;
            if (Avx512BW.IsSupported)
            {
                for (; c <= channels - 64; c += 64) Largest64(window, ref Unsafe.Add(ref first, c)).StoreUnsafe(ref stored, (nuint)c);
            }

            if (Avx2.IsSupported)
            {
                for (; c <= channels - 32; c += 32) Largest32(window, ref Unsafe.Add(ref first, c)).StoreUnsafe(ref stored, (nuint)c);
            }

            for (; c < channels && channels >= 16; c += 16)
            {
                c = Math.Min(c, channels - 16);
                Largest16(window, ref Unsafe.Add(ref first, c)).StoreUnsafe(ref stored, (nuint)c);
            }

            for (; c < channels; c += 8)
            {
                c = Math.Min(c, channels - 8);
                Unsafe.WriteUnaligned(ref Unsafe.As<sbyte, byte>(ref Unsafe.Add(ref stored, c)), Largest8(window, ref Unsafe.Add(ref first, c)));
            }

            first = ref Unsafe.Add(ref first, step);
            stored = ref Unsafe.Add(ref stored, channels);
        }
    }

    private struct PoolWindow
    {
        public int RowStride, Rows, Columns, Channels;

        public sbyte Min, Max;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<sbyte> Largest64(in PoolWindow window, ref sbyte first)
    {
        Vector512<sbyte> largest = Vector512.Create(window.Min);
        for (int row = window.Rows; row > 0; row--, first = ref Unsafe.Add(ref first, window.RowStride))
        {
            ref sbyte pixel = ref first;
            for (int x = window.Columns; x > 0; x--, pixel = ref Unsafe.Add(ref pixel, window.Channels)) largest = Avx512BW.Max(largest, Vector512.LoadUnsafe(ref pixel));
        }

        return Avx512BW.Min(largest, Vector512.Create(window.Max));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<sbyte> Largest32(in PoolWindow window, ref sbyte first)
    {
        Vector256<sbyte> largest = Vector256.Create(window.Min);
        for (int row = window.Rows; row > 0; row--, first = ref Unsafe.Add(ref first, window.RowStride))
        {
            ref sbyte pixel = ref first;
            for (int x = window.Columns; x > 0; x--, pixel = ref Unsafe.Add(ref pixel, window.Channels)) largest = Avx2.Max(largest, Vector256.LoadUnsafe(ref pixel));
        }

        return Avx2.Min(largest, Vector256.Create(window.Max));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<sbyte> Largest16(in PoolWindow window, ref sbyte first)
    {
        Vector128<sbyte> largest = Vector128.Create(window.Min);
        for (int row = window.Rows; row > 0; row--, first = ref Unsafe.Add(ref first, window.RowStride))
        {
            ref sbyte pixel = ref first;
            for (int x = window.Columns; x > 0; x--, pixel = ref Unsafe.Add(ref pixel, window.Channels)) largest = Vector128.Max(largest, Vector128.LoadUnsafe(ref pixel));
        }

        return Vector128.Min(largest, Vector128.Create(window.Max));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Largest8(in PoolWindow window, ref sbyte first)
    {
        Vector128<sbyte> largest = Vector128.Create(window.Min);
        for (int row = window.Rows; row > 0; row--, first = ref Unsafe.Add(ref first, window.RowStride))
        {
            ref sbyte pixel = ref first;
            for (int x = window.Columns; x > 0; x--, pixel = ref Unsafe.Add(ref pixel, window.Channels)) largest = Vector128.Max(largest, Vector128.CreateScalarUnsafe(Eight(ref pixel)).AsSByte());
        }

        return Vector128.Min(largest, Vector128.Create(window.Max)).AsInt64().ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> WidenFour(ref sbyte x)
    {
        Vector128<sbyte> bytes = Vector128.CreateScalarUnsafe(Four(ref x)).AsSByte();
        return Sse41.IsSupported ? Sse41.ConvertToVector128Int32(bytes) : Vector128.WidenLower(Vector128.WidenLower(bytes));
    }

    // On Arm64; the sign is not corrected where nothing is shifted out.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> ScaleTerm(Vector128<int> x, in ScaledTerm term) =>
        ScaleArm(x, Vector128.Create(term.Multiplier), term.Right > 0 ? Vector128<int>.AllBitsSet : Vector128<int>.Zero, Vector128.Create(-term.Right));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> ScaleTerm(Vector512<int> doubled, Vector512<int> m, Vector512<int> n)
    {
        Vector512<long> half = Vector512.Create(1L << 31);
        Vector512<long> even = Avx512F.Add(Avx512F.Multiply(doubled, m), half);
        Vector512<long> odd = Avx512F.Add(Avx512F.Multiply(Avx512F.ShiftRightLogical(doubled.AsInt64(), 32).AsInt32(), m), half);
        Vector512<int> y = Vector512.ConditionalSelect(Vector512.Create(0x00000000FFFFFFFFL).AsInt32(), Avx512F.ShiftRightLogical(even, 32).AsInt32(), odd.AsInt32());

        // 2^(n − 1) and the sign's correction; neither for n = 0, where the count −1 shifts everything out.
        Vector512<int> isShifted = Vector512.GreaterThan(n, Vector512<int>.Zero), rounding = Avx512F.ShiftLeftLogicalVariable(Vector512<int>.One, Avx512F.Subtract(n, Vector512<int>.One).AsUInt32());
        y = Avx512F.Add(Avx512F.Add(y, rounding), Avx512F.And(Avx512F.ShiftRightArithmetic(y, 31), isShifted));
        return Avx512F.ShiftRightArithmeticVariable(y, n.AsUInt32());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> ScaleTerm(Vector256<int> doubled, Vector256<int> m, Vector256<int> n)
    {
        Vector256<long> half = Vector256.Create(1L << 31);
        Vector256<long> even = Avx2.Add(Avx2.Multiply(doubled, m), half);
        Vector256<long> odd = Avx2.Add(Avx2.Multiply(Avx2.ShiftRightLogical(doubled.AsInt64(), 32).AsInt32(), m), half);
        Vector256<int> y = Avx2.Blend(Avx2.ShiftRightLogical(even, 32).AsInt32(), odd.AsInt32(), 0xAA);

        // 2^(n − 1) and the sign's correction; neither for n = 0, where the count −1 shifts everything out.
        Vector256<int> isShifted = Vector256.GreaterThan(n, Vector256<int>.Zero), rounding = Avx2.ShiftLeftLogicalVariable(Vector256<int>.One, Avx2.Subtract(n, Vector256<int>.One).AsUInt32());
        y = Avx2.Add(Avx2.Add(y, rounding), Avx2.And(Avx2.ShiftRightArithmetic(y, 31), isShifted));
        return Avx2.ShiftRightArithmeticVariable(y, n.AsUInt32());
    }
}
