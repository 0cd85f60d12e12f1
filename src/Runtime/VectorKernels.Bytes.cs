using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Etch;

// Fully connected layers and pointwise convolutions that multiply bytes: two products of an unsigned and a signed byte into one int16 (pmaddubsw).
public static partial class VectorKernels
{
    /// <summary>
    /// As <see cref="Convolve(ReadOnlySpan{sbyte}, int, Span{sbyte}, int, int, in ConvolutionShape, sbyte, int, ReadOnlySpan{sbyte}, ReadOnlySpan{int}, ReadOnlySpan{int}, ReadOnlySpan{sbyte}, int, int, int, bool)"/>, for pointwise convolutions and fully connected layers, whose pixels may stay bytes. Filter rows have a multiple of four taps.
    /// </summary>
    /// <remarks>
    /// byteBias is the bias less 128 times the sum of the channel's weights; padded. safe has a bit for each four taps of a block of channels, each block
    /// beginning with a byte: 1 where no pair of taps of any channel leaves 16 bits, whatever the bytes are.
    /// </remarks>
    /// <inheritdoc cref="Convolve(ReadOnlySpan{sbyte}, int, Span{sbyte}, int, int, in ConvolutionShape, sbyte, int, ReadOnlySpan{sbyte}, ReadOnlySpan{int}, ReadOnlySpan{int}, ReadOnlySpan{sbyte}, int, int, int, bool)"/>
    public static void ConvolveBytes(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> byteBias, ReadOnlySpan<sbyte> safe, ReadOnlySpan<int> bias, ReadOnlySpan<int> multiplier, ReadOnlySpan<sbyte> right,
        int zeroPoint, int min, int max, bool hasLeft = false) =>
        ConvolveBytes(
            input, inputTop, output, rowBegin, rowEnd, shape, outside, channels, filter, byteBias, safe, bias,
            new Requantization(multiplier, right, zeroPoint, min, max, hasLeft));

    /// <summary>The same with factors in single precision, as XNNPACK has them: above 0 and below 256, one for all channels, or one each, padded.</summary>
    /// <inheritdoc cref="ConvolveBytes(ReadOnlySpan{sbyte}, int, Span{sbyte}, int, int, in ConvolutionShape, sbyte, int, ReadOnlySpan{sbyte}, ReadOnlySpan{int}, ReadOnlySpan{sbyte}, ReadOnlySpan{int}, ReadOnlySpan{int}, ReadOnlySpan{sbyte}, int, int, int, bool)"/>
    public static void ConvolveBytes(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> byteBias, ReadOnlySpan<sbyte> safe, ReadOnlySpan<int> bias, ReadOnlySpan<float> scale, int zeroPoint, int min, int max) =>
        ConvolveBytes(
            input, inputTop, output, rowBegin, rowEnd, shape, outside, channels, filter, byteBias, safe, bias, new Requantization(scale, zeroPoint, min, max));

    // Words on Arm64, where AVX-VNNI multiplies bytes, and for a few pixels with 128 bits, which has tiles of four only.
    private static void ConvolveBytes(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> byteBias, ReadOnlySpan<sbyte> safe, ReadOnlySpan<int> bias, in Requantization requantization)
    {
        bool isOneRow = shape.IsOneRow(rowEnd - rowBegin, rowBegin, inputTop, out ConvolutionShape row);
        bool hasBytes = isOneRow && (Avx2.IsSupported || (Sse41.IsSupported && row.OutputWidth >= 4));
#if NET9_0_OR_GREATER
        hasBytes = hasBytes && !HasVnni(row, channels);
#endif
        if (hasBytes) ConvolveRowBytes(input, output, row, outside, channels, filter, byteBias, safe, requantization);
        else Convolve(input, inputTop, output, rowBegin, rowEnd, shape, outside, channels, filter, bias, requantization);
    }

    // As ConvolveRows, of an image of one row; q + 128 takes the place of q, and 128 · Σ w has left the bias.
    private static void ConvolveRowBytes(
        ReadOnlySpan<sbyte> input, Span<sbyte> output, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> byteBias, ReadOnlySpan<sbyte> safe, in Requantization requantization)
    {
        int taps = shape.FilterWidth * shape.InputChannels, most = shape.ConvolutionPixels(shape.OutputWidth), bits = ((taps / 4) + 7) / 8;
        Span<byte> shifted = stackalloc byte[shape.Columns(most) * shape.InputChannels];
        scoped Block block = default;
        block.Output = requantization;
        block.Input = ref MemoryMarshal.GetReference(shifted);
        block.Rows = 1;
        block.Pairs = taps / 2;
        block.PixelBytes = shape.StrideX * shape.InputChannels;
        block.OutputStep = channels;
        for (int x = 0; x < shape.OutputWidth; x += most)
        {
            int pixels = Math.Min(most, shape.OutputWidth - x), columns = shape.Columns(pixels);
            ShiftRow(input, 0, 0, (x * shape.StrideX) - shape.PadLeft, columns, shape, outside, shifted.Slice(0, columns * shape.InputChannels));
            Span<sbyte> stored = output.Slice(x * channels, pixels * channels);
            for (int oc = 0; oc < channels; oc += 16)
            {
                block.Safe = ref MemoryMarshal.GetReference(safe.Slice(oc / 16 * bits, bits));
                SumBytes(ref block, filter, byteBias, taps, oc, channels, stored, pixels);
            }
        }
    }

    // As Sum.
    private static void SumBytes(ref Block block, ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, int taps, int oc, int channels, Span<sbyte> stored, int pixels)
    {
        if (Begin(ref block, filter, bias, taps, oc, channels, stored) == 16 && Avx512BW.IsSupported)
        {
            if (block.Output.IsSingle) Sum16Bytes<float>(block, pixels);
            else if (block.Output.HasLeft) Sum16Bytes<long>(block, pixels);
            else Sum16Bytes<int>(block, pixels);
            return;
        }

        for (int lanes = block.Stored; lanes > 0; lanes -= 8)
        {
            block.Stored = Math.Min(8, lanes);
            if (!Avx2.IsSupported) Tiles4x4x2Bytes(block, pixels);
            else if (block.Output.IsSingle) Sum8Bytes<float>(block, pixels);
            else if (block.Output.HasLeft) Sum8Bytes<long>(block, pixels);
            else Sum8Bytes<int>(block, pixels);
            NextEight(ref block);
        }
    }

    private static void Sum16Bytes<TFactor>(in Block block, int pixels)
    {
        if (pixels < 4) Tiles1x16Bytes<TFactor>(block, pixels);
        else Tiles12x16Bytes<TFactor>(block, pixels);
    }

    private static void Sum8Bytes<TFactor>(in Block block, int pixels)
    {
        if (pixels < 4) Tiles1x8Bytes<TFactor>(block, pixels);
        else Tiles12x8Bytes<TFactor>(block, pixels);
    }

    // As WidenRow: the pixels of row y under the windows, each value plus 128, which changes its first bit.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ShiftRow(ReadOnlySpan<sbyte> input, int inputTop, int y, int begin, int columns, in ConvolutionShape shape, sbyte outside, Span<byte> shifted)
    {
        ReadOnlySpan<sbyte> inside = RowInside(input, inputTop, y, begin, columns, shape, out int at);
        shifted.Slice(0, at).Fill((byte)(outside + 128));
        shifted.Slice(at + inside.Length).Fill((byte)(outside + 128));
        ref byte source = ref Unsafe.As<sbyte, byte>(ref MemoryMarshal.GetReference(inside));
        ref byte target = ref MemoryMarshal.GetReference(shifted.Slice(at, inside.Length));
        int i = 0;
        if (Avx2.IsSupported)
        {
            for (; i <= inside.Length - 32; i += 32) Avx2.Xor(Vector256.LoadUnsafe(ref source, (nuint)i), Vector256.Create((byte)128)).StoreUnsafe(ref target, (nuint)i);
        }

        for (; i <= inside.Length - 16; i += 16) Sse2.Xor(Vector128.LoadUnsafe(ref source, (nuint)i), Vector128.Create((byte)128)).StoreUnsafe(ref target, (nuint)i);
        for (; i < inside.Length; i++) Unsafe.Add(ref target, i) = (byte)(Unsafe.Add(ref source, i) ^ 128);
    }

    // Sixteen channels of four pixels or more, twelve at a time. What is left of a tile is computed as part of one that ends with the last pixel.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles12x16Bytes<TFactor>(in Block block, int pixels)
    {
        nint step = block.PixelBytes, step2 = 2 * step, step3 = 3 * step;
        int second = Math.Min(4, pixels - 4), third = Math.Min(8, pixels - 4), quads = block.Pairs / 2;
        Vector512<int> start = Vector512.LoadUnsafe(ref block.Bias);
        start = Avx512F.Add(start, start);
        Vector512<short> twos = Vector512.Create((short)2);
        var factors = new Factors512<TFactor>(block.Output, block.Channel);
        Vector512<short> zeroPoint = Vector512.Create((short)block.Output.ZeroPoint);
        Vector512<sbyte> min = Vector512.Create((sbyte)block.Output.Min), max = Vector512.Create((sbyte)block.Output.Max);
        int stored = block.Stored, outputStep = block.OutputStep;
        for (int begin = 0; begin < pixels; begin += 12)
        {
            int pixel = Math.Min(begin, Math.Max(0, pixels - 12));
            ref byte a = ref Unsafe.AddByteOffset(ref block.Input, pixel * step);
            ref byte b = ref Unsafe.AddByteOffset(ref a, second * step);
            ref byte c = ref Unsafe.AddByteOffset(ref a, third * step);
            ref sbyte w = ref block.Filter;
            Vector512<int> acc0 = start, acc1 = start, acc2 = start, acc3 = start;
            Vector512<int> acc4 = start, acc5 = start, acc6 = start, acc7 = start;
            Vector512<int> acc8 = start, acc9 = start, acc10 = start, acc11 = start;
            for (int quad = 0; quad < quads; quad++)
            {
                Vector512<sbyte> weights = Quads512(ref w);
                if (IsSafe(ref block.Safe, quad))
                {
                    acc0 = Add(acc0, Four512(ref a), weights, twos);
                    acc1 = Add(acc1, Four512(ref Unsafe.AddByteOffset(ref a, step)), weights, twos);
                    acc2 = Add(acc2, Four512(ref Unsafe.AddByteOffset(ref a, step2)), weights, twos);
                    acc3 = Add(acc3, Four512(ref Unsafe.AddByteOffset(ref a, step3)), weights, twos);
                    acc4 = Add(acc4, Four512(ref b), weights, twos);
                    acc5 = Add(acc5, Four512(ref Unsafe.AddByteOffset(ref b, step)), weights, twos);
                    acc6 = Add(acc6, Four512(ref Unsafe.AddByteOffset(ref b, step2)), weights, twos);
                    acc7 = Add(acc7, Four512(ref Unsafe.AddByteOffset(ref b, step3)), weights, twos);
                    acc8 = Add(acc8, Four512(ref c), weights, twos);
                    acc9 = Add(acc9, Four512(ref Unsafe.AddByteOffset(ref c, step)), weights, twos);
                    acc10 = Add(acc10, Four512(ref Unsafe.AddByteOffset(ref c, step2)), weights, twos);
                    acc11 = Add(acc11, Four512(ref Unsafe.AddByteOffset(ref c, step3)), weights, twos);
                }
                else
                {
                    Vector512<short> even = Even(weights), odd = Odd(weights);
                    acc0 = Add(acc0, Four512(ref a), even, odd);
                    acc1 = Add(acc1, Four512(ref Unsafe.AddByteOffset(ref a, step)), even, odd);
                    acc2 = Add(acc2, Four512(ref Unsafe.AddByteOffset(ref a, step2)), even, odd);
                    acc3 = Add(acc3, Four512(ref Unsafe.AddByteOffset(ref a, step3)), even, odd);
                    acc4 = Add(acc4, Four512(ref b), even, odd);
                    acc5 = Add(acc5, Four512(ref Unsafe.AddByteOffset(ref b, step)), even, odd);
                    acc6 = Add(acc6, Four512(ref Unsafe.AddByteOffset(ref b, step2)), even, odd);
                    acc7 = Add(acc7, Four512(ref Unsafe.AddByteOffset(ref b, step3)), even, odd);
                    acc8 = Add(acc8, Four512(ref c), even, odd);
                    acc9 = Add(acc9, Four512(ref Unsafe.AddByteOffset(ref c, step)), even, odd);
                    acc10 = Add(acc10, Four512(ref Unsafe.AddByteOffset(ref c, step2)), even, odd);
                    acc11 = Add(acc11, Four512(ref Unsafe.AddByteOffset(ref c, step3)), even, odd);
                }

                w = ref Unsafe.Add(ref w, 64);
                a = ref Unsafe.AddByteOffset(ref a, 4);
                b = ref Unsafe.AddByteOffset(ref b, 4);
                c = ref Unsafe.AddByteOffset(ref c, 4);
            }

            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * outputStep);
            Store(
                factors.Scale(acc0), factors.Scale(acc1), factors.Scale(acc2), factors.Scale(acc3),
                zeroPoint, min, max, stored, outputStep, ref output);
            Store(
                factors.Scale(acc4), factors.Scale(acc5), factors.Scale(acc6), factors.Scale(acc7),
                zeroPoint, min, max, stored, outputStep, ref Unsafe.Add(ref output, second * outputStep));
            Store(
                factors.Scale(acc8), factors.Scale(acc9), factors.Scale(acc10), factors.Scale(acc11),
                zeroPoint, min, max, stored, outputStep, ref Unsafe.Add(ref output, third * outputStep));
        }
    }

    // Sixteen channels of one pixel after the other.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles1x16Bytes<TFactor>(in Block block, int pixels)
    {
        int quads = block.Pairs / 2;
        Vector512<int> start = Vector512.LoadUnsafe(ref block.Bias);
        start = Avx512F.Add(start, start);
        Vector512<short> twos = Vector512.Create((short)2);
        var factors = new Factors512<TFactor>(block.Output, block.Channel);
        Vector512<int> zeroPoint = Vector512.Create(block.Output.ZeroPoint);
        Vector128<sbyte> min = Vector128.Create((sbyte)block.Output.Min), max = Vector128.Create((sbyte)block.Output.Max);
        for (int pixel = 0; pixel < pixels; pixel++)
        {
            ref byte a = ref Unsafe.AddByteOffset(ref block.Input, pixel * block.PixelBytes);
            ref sbyte w = ref block.Filter;
            Vector512<int> acc0 = start, acc1 = Vector512<int>.Zero, acc2 = acc1, acc3 = acc1;
            for (int quad = 0; quad < quads;)
            {
                for (int fours = SafeFours(ref block.Safe, quad, quads); quad < fours; quad += 4)
                {
                    // Four sums hide the addition's latency.
                    acc0 = Add(acc0, Four512(ref a), Quads512(ref w), twos);
                    acc1 = Add(acc1, Four512(ref Unsafe.Add(ref a, 4)), Quads512(ref Unsafe.Add(ref w, 64)), twos);
                    acc2 = Add(acc2, Four512(ref Unsafe.Add(ref a, 8)), Quads512(ref Unsafe.Add(ref w, 128)), twos);
                    acc3 = Add(acc3, Four512(ref Unsafe.Add(ref a, 12)), Quads512(ref Unsafe.Add(ref w, 192)), twos);
                    w = ref Unsafe.Add(ref w, 256);
                    a = ref Unsafe.AddByteOffset(ref a, 16);
                }

                for (int end = Math.Min(quad + 8, quads); quad < end; quad++)
                {
                    Vector512<sbyte> weights = Quads512(ref w);
                    if (IsSafe(ref block.Safe, quad)) acc0 = Add(acc0, Four512(ref a), weights, twos);
                    else acc0 = Add(acc0, Four512(ref a), Even(weights), Odd(weights));
                    w = ref Unsafe.Add(ref w, 64);
                    a = ref Unsafe.AddByteOffset(ref a, 4);
                }
            }

            acc0 = Avx512F.Add(Avx512F.Add(acc0, acc1), Avx512F.Add(acc2, acc3));
            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * block.OutputStep);
            Store(factors.Scale(acc0), zeroPoint, min, max, block.Stored, ref output);
        }
    }

    // Eight channels of four pixels or more, twelve at a time. What is left of a tile is computed as part of one that ends with the last pixel.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles12x8Bytes<TFactor>(in Block block, int pixels)
    {
        nint step = block.PixelBytes, step2 = 2 * step, step3 = 3 * step, stride = block.PairBytes;
        int second = Math.Min(4, pixels - 4), third = Math.Min(8, pixels - 4), quads = block.Pairs / 2;
        Vector256<int> start = Vector256.LoadUnsafe(ref block.Bias);
        start = Avx2.Add(start, start);
        Vector256<short> twos = Vector256.Create((short)2);
        var factors = new Factors256<TFactor>(block.Output, block.Channel);
        Vector256<short> zeroPoint = Vector256.Create((short)block.Output.ZeroPoint);
        Vector256<sbyte> min = Vector256.Create((sbyte)block.Output.Min), max = Vector256.Create((sbyte)block.Output.Max);
        int stored = block.Stored, outputStep = block.OutputStep;
        for (int begin = 0; begin < pixels; begin += 12)
        {
            int pixel = Math.Min(begin, Math.Max(0, pixels - 12));
            ref byte a = ref Unsafe.AddByteOffset(ref block.Input, pixel * step);
            ref byte b = ref Unsafe.AddByteOffset(ref a, second * step);
            ref byte c = ref Unsafe.AddByteOffset(ref a, third * step);
            ref sbyte w = ref block.Filter;
            Vector256<int> acc0 = start, acc1 = start, acc2 = start, acc3 = start;
            Vector256<int> acc4 = start, acc5 = start, acc6 = start, acc7 = start;
            Vector256<int> acc8 = start, acc9 = start, acc10 = start, acc11 = start;
            for (int quad = 0; quad < quads; quad++)
            {
                Vector256<sbyte> weights = Quads256(ref w, stride);
                if (IsSafe(ref block.Safe, quad))
                {
                    acc0 = Add(acc0, Four256(ref a), weights, twos);
                    acc1 = Add(acc1, Four256(ref Unsafe.AddByteOffset(ref a, step)), weights, twos);
                    acc2 = Add(acc2, Four256(ref Unsafe.AddByteOffset(ref a, step2)), weights, twos);
                    acc3 = Add(acc3, Four256(ref Unsafe.AddByteOffset(ref a, step3)), weights, twos);
                    acc4 = Add(acc4, Four256(ref b), weights, twos);
                    acc5 = Add(acc5, Four256(ref Unsafe.AddByteOffset(ref b, step)), weights, twos);
                    acc6 = Add(acc6, Four256(ref Unsafe.AddByteOffset(ref b, step2)), weights, twos);
                    acc7 = Add(acc7, Four256(ref Unsafe.AddByteOffset(ref b, step3)), weights, twos);
                    acc8 = Add(acc8, Four256(ref c), weights, twos);
                    acc9 = Add(acc9, Four256(ref Unsafe.AddByteOffset(ref c, step)), weights, twos);
                    acc10 = Add(acc10, Four256(ref Unsafe.AddByteOffset(ref c, step2)), weights, twos);
                    acc11 = Add(acc11, Four256(ref Unsafe.AddByteOffset(ref c, step3)), weights, twos);
                }
                else
                {
                    Vector256<short> even = Even(weights), odd = Odd(weights);
                    acc0 = Add(acc0, Four256(ref a), even, odd);
                    acc1 = Add(acc1, Four256(ref Unsafe.AddByteOffset(ref a, step)), even, odd);
                    acc2 = Add(acc2, Four256(ref Unsafe.AddByteOffset(ref a, step2)), even, odd);
                    acc3 = Add(acc3, Four256(ref Unsafe.AddByteOffset(ref a, step3)), even, odd);
                    acc4 = Add(acc4, Four256(ref b), even, odd);
                    acc5 = Add(acc5, Four256(ref Unsafe.AddByteOffset(ref b, step)), even, odd);
                    acc6 = Add(acc6, Four256(ref Unsafe.AddByteOffset(ref b, step2)), even, odd);
                    acc7 = Add(acc7, Four256(ref Unsafe.AddByteOffset(ref b, step3)), even, odd);
                    acc8 = Add(acc8, Four256(ref c), even, odd);
                    acc9 = Add(acc9, Four256(ref Unsafe.AddByteOffset(ref c, step)), even, odd);
                    acc10 = Add(acc10, Four256(ref Unsafe.AddByteOffset(ref c, step2)), even, odd);
                    acc11 = Add(acc11, Four256(ref Unsafe.AddByteOffset(ref c, step3)), even, odd);
                }

                w = ref Unsafe.Add(ref w, 2 * stride);
                a = ref Unsafe.AddByteOffset(ref a, 4);
                b = ref Unsafe.AddByteOffset(ref b, 4);
                c = ref Unsafe.AddByteOffset(ref c, 4);
            }

            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * outputStep);
            Store(
                factors.Scale(acc0), factors.Scale(acc1), factors.Scale(acc2), factors.Scale(acc3),
                zeroPoint, min, max, stored, outputStep, ref output);
            Store(
                factors.Scale(acc4), factors.Scale(acc5), factors.Scale(acc6), factors.Scale(acc7),
                zeroPoint, min, max, stored, outputStep, ref Unsafe.Add(ref output, second * outputStep));
            Store(
                factors.Scale(acc8), factors.Scale(acc9), factors.Scale(acc10), factors.Scale(acc11),
                zeroPoint, min, max, stored, outputStep, ref Unsafe.Add(ref output, third * outputStep));
        }
    }

    // Eight channels of one pixel after the other.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles1x8Bytes<TFactor>(in Block block, int pixels)
    {
        nint stride = block.PairBytes;
        int quads = block.Pairs / 2;
        Vector256<int> start = Vector256.LoadUnsafe(ref block.Bias);
        start = Avx2.Add(start, start);
        Vector256<short> twos = Vector256.Create((short)2);
        var factors = new Factors256<TFactor>(block.Output, block.Channel);
        Vector256<int> zeroPoint = Vector256.Create(block.Output.ZeroPoint);
        Vector128<sbyte> min = Vector128.Create((sbyte)block.Output.Min), max = Vector128.Create((sbyte)block.Output.Max);
        for (int pixel = 0; pixel < pixels; pixel++)
        {
            ref byte a = ref Unsafe.AddByteOffset(ref block.Input, pixel * block.PixelBytes);
            ref sbyte w = ref block.Filter;
            Vector256<int> acc0 = start, acc1 = Vector256<int>.Zero, acc2 = acc1, acc3 = acc1;
            for (int quad = 0; quad < quads;)
            {
                for (int fours = SafeFours(ref block.Safe, quad, quads); quad < fours; quad += 4)
                {
                    // Four sums hide the addition's latency.
                    acc0 = Add(acc0, Four256(ref a), Quads256(ref w, stride), twos);
                    acc1 = Add(acc1, Four256(ref Unsafe.Add(ref a, 4)), Quads256(ref Unsafe.Add(ref w, 2 * stride), stride), twos);
                    acc2 = Add(acc2, Four256(ref Unsafe.Add(ref a, 8)), Quads256(ref Unsafe.Add(ref w, 4 * stride), stride), twos);
                    acc3 = Add(acc3, Four256(ref Unsafe.Add(ref a, 12)), Quads256(ref Unsafe.Add(ref w, 6 * stride), stride), twos);
                    w = ref Unsafe.Add(ref w, 8 * stride);
                    a = ref Unsafe.AddByteOffset(ref a, 16);
                }

                for (int end = Math.Min(quad + 8, quads); quad < end; quad++)
                {
                    Vector256<sbyte> weights = Quads256(ref w, stride);
                    if (IsSafe(ref block.Safe, quad)) acc0 = Add(acc0, Four256(ref a), weights, twos);
                    else acc0 = Add(acc0, Four256(ref a), Even(weights), Odd(weights));
                    w = ref Unsafe.Add(ref w, 2 * stride);
                    a = ref Unsafe.AddByteOffset(ref a, 4);
                }
            }

            acc0 = Avx2.Add(Avx2.Add(acc0, acc1), Avx2.Add(acc2, acc3));
            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * block.OutputStep);
            Store(factors.Scale(acc0), zeroPoint, min, max, block.Stored, ref output);
        }
    }

    // Eight channels of tiles of four pixels, two vectors of four each. Fewer pixels are computed as four, the last one several times.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles4x4x2Bytes(in Block block, int pixels)
    {
        int last = Math.Min(3, pixels - 1), second = Math.Min(1, last), third = Math.Min(2, last), quads = block.Pairs / 2;
        nint step = second * block.PixelBytes, step2 = third * block.PixelBytes, step3 = last * block.PixelBytes, stride = block.PairBytes;
        Vector128<int> start = Vector128.LoadUnsafe(ref block.Bias), start4 = Vector128.LoadUnsafe(ref block.Bias, 4);
        start = Sse2.Add(start, start);
        start4 = Sse2.Add(start4, start4);
        Vector128<short> twos = Vector128.Create((short)2);
        var factors = new Factors128(block.Output, block.Channel, block.Stored);
        Vector128<sbyte> min = Vector128.Create((sbyte)block.Output.Min), max = Vector128.Create((sbyte)block.Output.Max);
        for (int begin = 0; begin < pixels; begin += 4)
        {
            int pixel = Math.Min(begin, Math.Max(0, pixels - 4));
            ref byte a = ref Unsafe.AddByteOffset(ref block.Input, pixel * block.PixelBytes);
            ref sbyte w = ref block.Filter;
            Vector128<int> acc0 = start, acc1 = start, acc2 = start, acc3 = start;
            Vector128<int> high0 = start4, high1 = start4, high2 = start4, high3 = start4;
            for (int quad = 0; quad < quads; quad++)
            {
                Vector128<short> pairs = Vector128.LoadUnsafe(ref w).AsInt16(), more = Vector128.LoadUnsafe(ref Unsafe.Add(ref w, stride)).AsInt16();
                Vector128<sbyte> low = Sse2.UnpackLow(pairs, more).AsSByte(), high = Sse2.UnpackHigh(pairs, more).AsSByte();
                Vector128<byte> x;
                if (IsSafe(ref block.Safe, quad))
                {
                    x = Four128(ref a);
                    acc0 = Add(acc0, x, low, twos);
                    high0 = Add(high0, x, high, twos);
                    x = Four128(ref Unsafe.AddByteOffset(ref a, step));
                    acc1 = Add(acc1, x, low, twos);
                    high1 = Add(high1, x, high, twos);
                    x = Four128(ref Unsafe.AddByteOffset(ref a, step2));
                    acc2 = Add(acc2, x, low, twos);
                    high2 = Add(high2, x, high, twos);
                    x = Four128(ref Unsafe.AddByteOffset(ref a, step3));
                    acc3 = Add(acc3, x, low, twos);
                    high3 = Add(high3, x, high, twos);
                }
                else
                {
                    Vector128<short> even = Even(low), odd = Odd(low), evenHigh = Even(high), oddHigh = Odd(high);
                    x = Four128(ref a);
                    acc0 = Add(acc0, x, even, odd);
                    high0 = Add(high0, x, evenHigh, oddHigh);
                    x = Four128(ref Unsafe.AddByteOffset(ref a, step));
                    acc1 = Add(acc1, x, even, odd);
                    high1 = Add(high1, x, evenHigh, oddHigh);
                    x = Four128(ref Unsafe.AddByteOffset(ref a, step2));
                    acc2 = Add(acc2, x, even, odd);
                    high2 = Add(high2, x, evenHigh, oddHigh);
                    x = Four128(ref Unsafe.AddByteOffset(ref a, step3));
                    acc3 = Add(acc3, x, even, odd);
                    high3 = Add(high3, x, evenHigh, oddHigh);
                }

                w = ref Unsafe.Add(ref w, 2 * stride);
                a = ref Unsafe.AddByteOffset(ref a, 4);
            }

            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * block.OutputStep);
            factors.Store(acc0, high0, block.Output, block.Channel, block.Stored, min, max, ref output);
            factors.Store(acc1, high1, block.Output, block.Channel, block.Stored, min, max, ref Unsafe.Add(ref output, second * block.OutputStep));
            factors.Store(acc2, high2, block.Output, block.Channel, block.Stored, min, max, ref Unsafe.Add(ref output, third * block.OutputStep));
            factors.Store(acc3, high3, block.Output, block.Channel, block.Stored, min, max, ref Unsafe.Add(ref output, last * block.OutputStep));
        }
    }

    // The bit of four taps.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsSafe(ref sbyte safe, int quad) => (Unsafe.Add(ref safe, quad >> 3) >> (quad & 7) & 1) != 0;

    // Where the safe ones from a multiple of eight on end, at another one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int SafeFours(ref sbyte safe, int quad, int quads)
    {
        while (quad + 8 <= quads && Unsafe.Add(ref safe, quad >> 3) == -1) quad += 8;
        return quad;
    }

    // Two pairs of weights of each channel side by side.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<sbyte> Quads512(ref sbyte w)
    {
        Vector512<short> order = Vector512.Create(
            0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        return Avx512BW.PermuteVar32x16(Vector512.LoadUnsafe(ref w).AsInt16(), order).AsSByte();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<sbyte> Quads256(ref sbyte w, nint stride)
    {
        Vector128<short> first = Vector128.LoadUnsafe(ref w).AsInt16(), second = Vector128.LoadUnsafe(ref Unsafe.Add(ref w, stride)).AsInt16();
        return Vector256.Create(Sse2.UnpackLow(first, second), Sse2.UnpackHigh(first, second)).AsSByte();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<byte> Four512(ref byte taps) => Vector512.Create(Unsafe.ReadUnaligned<int>(ref taps)).AsByte();

    // The first and third weight of four, doubled, and the second and fourth one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Even(Vector512<sbyte> weights) => Avx512BW.ShiftRightArithmetic(Avx512BW.ShiftLeftLogical(weights.AsInt16(), 8), 7);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Odd(Vector512<sbyte> weights) => Avx512BW.ShiftLeftLogical(Avx512BW.ShiftRightArithmetic(weights.AsInt16(), 8), 1);

    // Four products for each channel, doubled.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Add(Vector512<int> acc, Vector512<byte> taps, Vector512<sbyte> weights, Vector512<short> twos) =>
        Avx512F.Add(acc, Avx512BW.MultiplyAddAdjacent(Avx512BW.MultiplyAddAdjacent(taps, weights), twos));

    // The same where two products may leave 16 bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Add(Vector512<int> acc, Vector512<byte> taps, Vector512<short> even, Vector512<short> odd)
    {
        acc = Avx512F.Add(acc, Avx512BW.MultiplyAddAdjacent(Avx512F.And(taps.AsInt16(), Vector512.Create((short)255)), even));
        return Avx512F.Add(acc, Avx512BW.MultiplyAddAdjacent(Avx512BW.ShiftRightLogical(taps.AsInt16(), 8), odd));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Four256(ref byte taps) => Vector256.Create(Unsafe.ReadUnaligned<int>(ref taps)).AsByte();

    // The first and third weight of four, doubled, and the second and fourth one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Even(Vector256<sbyte> weights) => Avx2.ShiftRightArithmetic(Avx2.ShiftLeftLogical(weights.AsInt16(), 8), 7);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Odd(Vector256<sbyte> weights) => Avx2.ShiftLeftLogical(Avx2.ShiftRightArithmetic(weights.AsInt16(), 8), 1);

    // Four products for each channel, doubled.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Add(Vector256<int> acc, Vector256<byte> taps, Vector256<sbyte> weights, Vector256<short> twos) =>
        Avx2.Add(acc, Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(taps, weights), twos));

    // The same where two products may leave 16 bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Add(Vector256<int> acc, Vector256<byte> taps, Vector256<short> even, Vector256<short> odd)
    {
        acc = Avx2.Add(acc, Avx2.MultiplyAddAdjacent(Avx2.And(taps.AsInt16(), Vector256.Create((short)255)), even));
        return Avx2.Add(acc, Avx2.MultiplyAddAdjacent(Avx2.ShiftRightLogical(taps.AsInt16(), 8), odd));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Four128(ref byte taps) => Vector128.Create(Unsafe.ReadUnaligned<int>(ref taps)).AsByte();

    // The first and third weight of four, doubled, and the second and fourth one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Even(Vector128<sbyte> weights) => Sse2.ShiftRightArithmetic(Sse2.ShiftLeftLogical(weights.AsInt16(), 8), 7);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Odd(Vector128<sbyte> weights) => Sse2.ShiftLeftLogical(Sse2.ShiftRightArithmetic(weights.AsInt16(), 8), 1);

    // Four products for each channel, doubled.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Add(Vector128<int> acc, Vector128<byte> taps, Vector128<sbyte> weights, Vector128<short> twos) =>
        Sse2.Add(acc, Sse2.MultiplyAddAdjacent(Ssse3.MultiplyAddAdjacent(taps, weights), twos));

    // The same where two products may leave 16 bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Add(Vector128<int> acc, Vector128<byte> taps, Vector128<short> even, Vector128<short> odd)
    {
        acc = Sse2.Add(acc, Sse2.MultiplyAddAdjacent(Sse2.And(taps.AsInt16(), Vector128.Create((short)255)), even));
        return Sse2.Add(acc, Sse2.MultiplyAddAdjacent(Sse2.ShiftRightLogical(taps.AsInt16(), 8), odd));
    }
}
