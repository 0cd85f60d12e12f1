using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Etch;

public static partial class VectorKernels
{
    /// <summary>DEPTHWISE_CONV_2D with as many outputs as inputs, no dilation: each channel with its own filter.</summary>
    /// <remarks>
    /// Taps go in pairs, those of two rows of the window (of two columns where it has one row): their values side by side are what
    /// one instruction multiplies and adds. Interleaving works inside lanes of 128 bits; packing the sums puts the channels back
    /// in order. Two rows side by side serve the output rows above and below them, and stay until no window needs them.
    /// </remarks>
    /// <param name="input">Rows of the image from <paramref name="inputTop"/> on, NHWC.</param>
    /// <param name="inputTop">The image's row at the beginning of <paramref name="input"/>.</param>
    /// <param name="output">Output rows from <paramref name="rowBegin"/> on, NHWC.</param>
    /// <param name="rowBegin">The first output row.</param>
    /// <param name="rowEnd">The output row after the last.</param>
    /// <param name="shape">The window's geometry; its input channels are the output channels.</param>
    /// <param name="outside">The stored value outside the image: the input's zero point.</param>
    /// <param name="filter">HWC, as in the file.</param>
    /// <param name="bias">The input's zero point folded in.</param>
    /// <param name="multiplier">Q0.31 factors; one for all channels, or one each.</param>
    /// <param name="right">Right shifts from 1 to 31; as <paramref name="multiplier"/>. Accumulators are below 2^30 in magnitude.</param>
    /// <param name="zeroPoint">The output's zero point.</param>
    /// <param name="min">The smallest stored output.</param>
    /// <param name="max">The largest stored output.</param>
    /// <param name="hasLeft">Shifts are those of TFLite, left where above 0 and else right, after which accumulators are below 2^30 still.</param>
    public static void ConvolveDepthwise(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, ReadOnlySpan<int> multiplier, ReadOnlySpan<sbyte> right, int zeroPoint, int min, int max,
        bool hasLeft = false) =>
        ConvolveDepthwise(input, inputTop, output, rowBegin, rowEnd, shape, outside, filter, bias, new Requantization(multiplier, right, zeroPoint, min, max, hasLeft));

    /// <summary>The same with factors in single precision, as XNNPACK has them: above 0 and below 256, one for all channels, or one each.</summary>
    /// <inheritdoc cref="ConvolveDepthwise(ReadOnlySpan{sbyte}, int, Span{sbyte}, int, int, in ConvolutionShape, sbyte, ReadOnlySpan{sbyte}, ReadOnlySpan{int}, ReadOnlySpan{int}, ReadOnlySpan{sbyte}, int, int, int, bool)"/>
    public static void ConvolveDepthwise(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, ReadOnlySpan<float> scale, int zeroPoint, int min, int max) =>
        ConvolveDepthwise(input, inputTop, output, rowBegin, rowEnd, shape, outside, filter, bias, new Requantization(scale, zeroPoint, min, max));

    private static void ConvolveDepthwise(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, in Requantization requantization)
    {
        if (shape.IsOneRow(rowEnd - rowBegin, rowBegin, inputTop, out ConvolutionShape row))
        {
            DepthwiseRows(input, 0, output, 0, 1, row, outside, filter, bias, requantization);
        }
        else
        {
            DepthwiseRows(input, inputTop, output, rowBegin, rowEnd, shape, outside, filter, bias, requantization);
        }
    }

    private static void DepthwiseRows(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, in Requantization requantization)
    {
        int channels = shape.InputChannels, most = shape.DepthwisePixels(shape.OutputWidth), rowsAtOnce = Math.Min(shape.DepthwiseRowsAtOnce, rowEnd - rowBegin);
        int pairRows = (shape.FilterHeight + 1) / 2, slots = rowEnd - rowBegin == rowsAtOnce ? pairRows : shape.DepthwiseSlots;
        int slotBytes = shape.DepthwiseSlotBytes(most), entries = slots * slotBytes, taps = rowsAtOnce * shape.DepthwisePairs;
        Span<byte> memory = stackalloc byte[ConvolutionShape.Alignment + entries + ((taps + ConvolutionShape.DepthwiseFactors) * ConvolutionShape.DepthwiseEntry)];
        memory = memory.Slice(Misalignment(memory));
        Span<sbyte> border = stackalloc sbyte[32];
        Vector256.Create(outside).CopyTo(border);

        // Field by field: an initializer would be copied, which takes as long as a small row.
        scoped DepthwiseLayer layer = default;
        layer.Shape = shape;
        layer.Input = input;
        layer.InputTop = inputTop;
        layer.Stored = output;
        layer.RowBegin = rowBegin;
        layer.Border = border;
        layer.Outside = outside;
        layer.Filter = filter.Slice(0, shape.FilterHeight * shape.FilterWidth * channels);
        layer.Bias = bias;
        layer.Output = requantization;
        layer.Entries = memory.Slice(0, entries);
        layer.Factors = memory.Slice(entries, ConvolutionShape.DepthwiseFactors * ConvolutionShape.DepthwiseEntry);
        layer.Weights = memory.Slice(entries + (ConvolutionShape.DepthwiseFactors * ConvolutionShape.DepthwiseEntry));
        layer.Taps = stackalloc DepthwiseTap[taps];
        layer.RowsAtOnce = rowsAtOnce;
        layer.MostPixels = most;
        layer.PairRows = pairRows;
        layer.Slots = slots;
        layer.RowBytes = slotBytes;
        layer.PlaneBytes = slotBytes / 2;
        layer.FindTaps();

        // An image that the second-level cache does not hold is read once: some rows of all channels, then the next ones.
        int rowBytes = shape.StrideY * shape.InputWidth * channels, band = (rowEnd - rowBegin) * rowBytes > MostCached ? Math.Max(8, MostCached / 2 / rowBytes & ~1) : rowEnd - rowBegin;
        for (; layer.RowBegin < rowEnd; layer.RowBegin += band)
        {
            layer.RowEnd = Math.Min(rowEnd, layer.RowBegin + band);
            if (requantization.IsSingle) DepthwiseBlocks<float>(ref layer);
            else if (requantization.HasLeft) DepthwiseBlocks<long>(ref layer);
            else DepthwiseBlocks<int>(ref layer);
            layer.Stored = layer.Stored.Slice((layer.RowEnd - layer.RowBegin) * shape.OutputWidth * channels);
        }
    }

    private const int MostCached = 512 * 1024;

    private static void DepthwiseBlocks<TFactor>(ref DepthwiseLayer layer)
    {
        ref readonly ConvolutionShape shape = ref layer.Shape;
        int channels = shape.InputChannels, c = 0;

        // What is left of a block is computed as part of a block that ends with the last channel.
        if (Avx512BW.IsSupported)
        {
            // Where a vector takes several pixels, a row of them is one sequence of values.
            bool isRow = shape.FilterHeight > 1 && layer.MostPixels == shape.OutputWidth
                && Math.Min(shape.InputWidth, shape.Columns(shape.OutputWidth) - shape.PadLeft) * channels >= 32;
            if (isRow && channels == 8 && shape.StrideX == 1)
            {
                Depthwise<TFactor>(ref layer, 32, 0, 0, pixels: 4);
                return;
            }

            if (isRow && channels == 16 && shape.StrideX <= 2)
            {
                Depthwise<TFactor>(ref layer, 32, 0, 0, pixels: 2);
                return;
            }

            // Fewer than 32 channels: the first sixteen and the last sixteen.
            for (; channels - c > 16; c += 32) Depthwise<TFactor>(ref layer, 32, Math.Max(0, Math.Min(c, channels - 32)), Math.Min(c + 16, channels - 16), pixels: 1);
        }

        if (Avx2.IsSupported && channels > 8)
        {
            for (; c < channels; c += 16) Depthwise<TFactor>(ref layer, 16, Math.Max(0, Math.Min(c, channels - 16)), Math.Min(c + 8, channels - 8), pixels: 1);
        }

        if (channels >= 8)
        {
            for (; c < channels; c += 8)
            {
                layer.Channel = Math.Min(c, channels - 8);
                if (AdvSimd.Arm64.IsSupported) DepthwiseArm8(layer);
                else Depthwise<TFactor>(ref layer, 8, layer.Channel, 0, pixels: 1);
            }
        }

        for (; c < channels; c++) Depthwise1(layer, c);
    }

    // Bytes from the beginning of some memory on the stack, which does not move, to the next boundary of a vector.
    private static int Misalignment(Span<byte> memory) =>
        (int)-Unsafe.ByteOffset(ref Unsafe.NullRef<byte>(), ref MemoryMarshal.GetReference(memory)) & (ConvolutionShape.Alignment - 1);

    // All rows of a vector of channels: in each half, those from a channel on, or all of several pixels.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Depthwise<TFactor>(ref DepthwiseLayer layer, int lanes, int channel, int halfChannel, int pixels)
    {
        ref readonly ConvolutionShape shape = ref layer.Shape;
        layer.Channel = channel;
        layer.HalfChannel = halfChannel;
        layer.Together = pixels;
        layer.ColumnBytes = 2 * lanes / pixels;
        layer.IsSplit = pixels > 1 && shape.StrideX == 2;
        Prepare(ref layer, lanes);

        bool is3x3 = shape.FilterHeight == 3 && shape.FilterWidth == 3;
        int shift = shape.FilterHeight == 1 ? 1 : 0;
        for (int x = 0; x < shape.OutputWidth; x += layer.MostPixels)
        {
            int count = Math.Min(layer.MostPixels, shape.OutputWidth - x), columns = shape.Columns(count);
            layer.Begin = (x * shape.StrideX) - shape.PadLeft;
            layer.InsideBegin = Math.Clamp(-layer.Begin, 0, columns);
            layer.InsideEnd = Math.Clamp(Math.Min(shape.InputWidth - layer.Begin, columns) - shift, layer.InsideBegin, columns);
            Surround(layer, columns);

            // Pair i of rows is in slot (first + i) mod Slots. What the next rows need more is interleaved before, so that it is in the cache when it is read.
            int first = 0, built = 0;
            for (int y = layer.RowBegin; y < layer.RowEnd; y += layer.RowsAtOnce)
            {
                int top = (y * shape.StrideY) - shape.PadTop, last = y + layer.RowsAtOnce < layer.RowEnd ? layer.Slots : layer.PairRows;
                for (int pair = built; pair < last; pair++) Interleave(layer, lanes, top + (2 * pair), columns, ref layer.Slot(first + pair));

                int rows = Math.Min(layer.RowsAtOnce, layer.RowEnd - y);
                ref sbyte stored = ref layer.StoredAt(y, rows, x);
                if (is3x3)
                {
                    ref byte upper = ref layer.Slot(first), lower = ref layer.Slot(first + 1);
                    if (Avx512BW.IsSupported && lanes == 32) Rows3x3By32<TFactor>(layer, ref upper, ref lower, rows, count, ref stored);
                    else if (Avx2.IsSupported && lanes == 16) Rows3x3By16<TFactor>(layer, ref upper, ref lower, rows, count, ref stored);
                    else Rows3x3By8(layer, ref upper, ref lower, rows, count, ref stored);
                }
                else
                {
                    layer.PlaceTaps(first);
                    if (Avx512BW.IsSupported && lanes == 32) RowsBy32<TFactor>(layer, rows, count, ref stored);
                    else if (Avx2.IsSupported && lanes == 16) RowsBy16<TFactor>(layer, rows, count, ref stored);
                    else RowsBy8(layer, rows, count, ref stored);
                }

                if (layer.Slots == layer.PairRows) continue;
                first = first + 1 == layer.Slots ? 0 : first + 1;
                built = layer.PairRows;
            }
        }
    }

    // Weights in pairs, and what a vector of channels needs to be requantised.
    private static void Prepare(ref DepthwiseLayer layer, int lanes)
    {
        if (Avx512BW.IsSupported && lanes == 32) Prepare32(layer);
        else if (Avx2.IsSupported && lanes == 16) Prepare16(layer);
        else Prepare8(ref layer);
    }

    // The columns outside the image, in all pairs of rows.
    private static void Surround(in DepthwiseLayer layer, int columns)
    {
        Vector128<short> outside = Vector128.Create((short)layer.Outside);
        for (int j = layer.InsideBegin > 0 ? 0 : layer.InsideEnd; j < columns; j = j + 1 == layer.InsideBegin ? layer.InsideEnd : j + 1)
        {
            ref byte entry = ref Unsafe.Add(ref MemoryMarshal.GetReference(layer.Entries), layer.ColumnAt(j));
            for (int plane = 2 * layer.Slots; plane > 0; plane--)
            {
                if (Avx512BW.IsSupported && layer.ColumnBytes == 64)
                {
                    Vector512.Create((short)layer.Outside).AsByte().StoreUnsafe(ref entry);
                }
                else
                {
                    for (int i = 0; i < layer.ColumnBytes; i += 16) outside.AsByte().StoreUnsafe(ref entry, (nuint)i);
                }

                entry = ref Unsafe.Add(ref entry, layer.PlaneBytes);
            }
        }
    }

    // The columns of two rows side by side, from image row y on.
    private static void Interleave(in DepthwiseLayer layer, int lanes, int y, int columns, ref byte entries)
    {
        // No window of this call needs a row below the last one: any row will do, with the weight 0.
        int shift = layer.Shape.FilterHeight == 1 ? 1 : 0;
        ref sbyte upper = ref layer.InputAt(y, out nint upperStep);
        nint lowerStep = upperStep;
        ref sbyte lower = ref Unsafe.Add(ref upper, shift * upperStep);
        if (shift == 0 && y < layer.LastRow) lower = ref layer.InputAt(y + 1, out lowerStep);

        nint begin = layer.Begin + layer.InsideBegin;
        int inside = layer.InsideEnd - layer.InsideBegin;
        if (shift > 0)
        {
            if (layer.InsideBegin > 0) Edge(layer, lanes, layer.InsideBegin - 1, columns, ref upper, upperStep, ref entries);
            if (layer.InsideEnd < columns) Edge(layer, lanes, layer.InsideEnd, columns, ref upper, upperStep, ref entries);
        }

        upper = ref Unsafe.Add(ref upper, begin * upperStep);
        lower = ref Unsafe.Add(ref lower, begin * lowerStep);
        if (Avx512BW.IsSupported && layer.Together > 1)
        {
            InterleaveRow32(layer, ref upper, upperStep, ref lower, lowerStep, inside * layer.Shape.InputChannels, ref entries);
            return;
        }

        ref byte entry = ref Unsafe.Add(ref entries, layer.InsideBegin * layer.ColumnBytes);
        nint plane = layer.PlaneBytes, half = layer.HalfChannel - layer.Channel;
        if (Avx512BW.IsSupported && lanes == 32) Interleave32(ref upper, upperStep, ref lower, lowerStep, half, inside, ref entry, plane);
        else if (Avx2.IsSupported && lanes == 16) Interleave16(ref upper, upperStep, ref lower, lowerStep, half, inside, ref entry, plane);
        else Interleave8(ref upper, upperStep, ref lower, lowerStep, inside, ref entry, plane);
    }

    // A column of a flat window of which the value or its partner lies outside the image.
    private static void Edge(in DepthwiseLayer layer, int lanes, int j, int columns, ref sbyte row, nint step, ref byte entries)
    {
        int ix = layer.Begin + j;
        ref sbyte border = ref MemoryMarshal.GetReference(layer.Border);
        ref sbyte a = ref (ix >= 0 && ix < layer.Shape.InputWidth ? ref Unsafe.Add(ref row, ix * step) : ref border);
        ref sbyte b = ref (ix + 1 >= 0 && ix + 1 < layer.Shape.InputWidth && j + 1 < columns ? ref Unsafe.Add(ref row, (ix + 1) * step) : ref border);
        ref byte entry = ref Unsafe.Add(ref entries, j * layer.ColumnBytes);
        nint plane = layer.PlaneBytes, half = layer.HalfChannel - layer.Channel;

        if (Avx512BW.IsSupported && lanes == 32)
        {
            Vector512<short> x = Widen32(ref a, half), z = Widen32(ref b, half);
            Avx512BW.UnpackLow(x, z).AsByte().StoreUnsafe(ref entry);
            Avx512BW.UnpackHigh(x, z).AsByte().StoreUnsafe(ref Unsafe.Add(ref entry, plane));
        }
        else if (Avx2.IsSupported && lanes == 16)
        {
            Vector256<short> x = Widen16(ref a, half), z = Widen16(ref b, half);
            Avx2.UnpackLow(x, z).AsByte().StoreUnsafe(ref entry);
            Avx2.UnpackHigh(x, z).AsByte().StoreUnsafe(ref Unsafe.Add(ref entry, plane));
        }
        else
        {
            Vector128<short> x = Widen8(ref a), z = Widen8(ref b);
            Sse2.UnpackLow(x, z).AsByte().StoreUnsafe(ref entry);
            Sse2.UnpackHigh(x, z).AsByte().StoreUnsafe(ref Unsafe.Add(ref entry, plane));
        }
    }

    // ---- 32 channels: AVX-512BW ----

    // Interleaved, the low vector has channels 0–3, 8–11, 16–19, 24–27 and the high one the others.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Prepare32(in DepthwiseLayer layer)
    {
        const int Half = 64, Entry = 2 * Half;
        bool isEight = layer.Together == 4;
        int c = layer.Channel, c16 = layer.HalfChannel;
        ref byte weights = ref MemoryMarshal.GetReference(layer.Weights);
        foreach (ref DepthwiseTap tap in layer.Taps)
        {
            // Doubled, so that the sums are.
            Vector512<short> first = tap.First < 0 ? Vector512<short>.Zero : Filter32(ref layer.FilterAt(tap.First, c), c16 - c, isEight);
            Vector512<short> second = tap.Second < 0 ? Vector512<short>.Zero : Filter32(ref layer.FilterAt(tap.Second, c), c16 - c, isEight);
            first = Avx512BW.Add(first, first);
            second = Avx512BW.Add(second, second);
            Avx512BW.UnpackLow(first, second).AsByte().StoreUnsafe(ref weights);
            Avx512BW.UnpackHigh(first, second).AsByte().StoreUnsafe(ref weights, Half);
            weights = ref Unsafe.Add(ref weights, Entry);
        }

        Vector512<int> lowLanes = Vector512.Create(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27), highLanes = Avx512F.Add(lowLanes, Vector512.Create(4));
        Vector512<int> bias = Sixteen(layer.Bias, c, isEight), bias16 = Sixteen(layer.Bias, c16, isEight);
        bias = Avx512F.Add(bias, bias);
        bias16 = Avx512F.Add(bias16, bias16);
        Vector512<int> m = isEight ? Vector512.Create(layer.Output.Multiplier256(c), layer.Output.Multiplier256(c)) : layer.Output.Multiplier512(c);
        Vector512<int> n = isEight ? Vector512.Create(layer.Output.Right256(c), layer.Output.Right256(c)) : layer.Output.Right512(c);
        Vector512<int> m16 = isEight ? m : layer.Output.Multiplier512(c16), n16 = isEight ? n : layer.Output.Right512(c16);
        ref byte factors = ref MemoryMarshal.GetReference(layer.Factors);
        Avx512F.PermuteVar16x32x2(bias, lowLanes, bias16).AsByte().StoreUnsafe(ref factors);
        Avx512F.PermuteVar16x32x2(bias, highLanes, bias16).AsByte().StoreUnsafe(ref factors, Half);
        Avx512F.PermuteVar16x32x2(m, lowLanes, m16).AsByte().StoreUnsafe(ref factors, 2 * Half);
        Avx512F.PermuteVar16x32x2(m, highLanes, m16).AsByte().StoreUnsafe(ref factors, 3 * Half);
        Avx512F.PermuteVar16x32x2(n, lowLanes, n16).AsByte().StoreUnsafe(ref factors, 4 * Half);
        Avx512F.PermuteVar16x32x2(n, highLanes, n16).AsByte().StoreUnsafe(ref factors, 5 * Half);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Filter32(ref sbyte x, nint half, bool isEight)
    {
        Vector128<sbyte> low = isEight ? Vector128.Create(Eight(ref x)).AsSByte() : Vector128.LoadUnsafe(ref x);
        return Avx512BW.ConvertToVector512Int16(Vector256.Create(low, isEight ? low : Vector128.LoadUnsafe(ref Unsafe.Add(ref x, half))));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Sixteen(ReadOnlySpan<int> values, int c, bool isEight)
    {
        if (!isEight) return Vector512.LoadUnsafe(ref MemoryMarshal.GetReference(values.Slice(c, 16)));
        Vector256<int> eight = Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(values.Slice(c, 8)));
        return Vector512.Create(eight, eight);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Widen32(ref sbyte x, nint half) =>
        Avx512BW.ConvertToVector512Int16(Vector256.Create(Vector128.LoadUnsafe(ref x), Vector128.LoadUnsafe(ref Unsafe.Add(ref x, half))));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Interleave32(
        ref sbyte upper, nint upperStep, ref sbyte lower, nint lowerStep, nint half, int columns, ref byte entry, nint plane)
    {
        if (half == 16)
        {
            for (; columns > 0; columns--)
            {
                Interleave32(Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref upper)), Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref lower)), ref entry, plane);
                upper = ref Unsafe.Add(ref upper, upperStep);
                lower = ref Unsafe.Add(ref lower, lowerStep);
                entry = ref Unsafe.Add(ref entry, 64);
            }

            return;
        }

        for (; columns > 0; columns--)
        {
            Interleave32(Widen32(ref upper, half), Widen32(ref lower, half), ref entry, plane);
            upper = ref Unsafe.Add(ref upper, upperStep);
            lower = ref Unsafe.Add(ref lower, lowerStep);
            entry = ref Unsafe.Add(ref entry, 64);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Interleave32(Vector512<short> upper, Vector512<short> lower, ref byte entry, nint plane)
    {
        Avx512BW.UnpackLow(upper, lower).AsByte().StoreUnsafe(ref entry);
        Avx512BW.UnpackHigh(upper, lower).AsByte().StoreUnsafe(ref Unsafe.AddByteOffset(ref entry, plane));
    }

    // Columns of which a vector takes several: so many values of two rows, 32 at a time; what is left as the last 32 of them.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void InterleaveRow32(in DepthwiseLayer layer, ref sbyte upper, nint upperStep, ref sbyte lower, nint lowerStep, int values, ref byte entries)
    {
        nint plane = layer.PlaneBytes, isUpper = upperStep > 0 ? 1 : 0, isLower = lowerStep > 0 ? 1 : 0;
        nint i = 0;
        if (layer.IsSplit)
        {
            // Four columns of sixteen channels: the first and the third, the second and the fourth.
            for (; i <= values - 64; i += 64)
            {
                int column = layer.InsideBegin + ((int)i / 16);
                Vector512<short> a0 = Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref Unsafe.Add(ref upper, i * isUpper)));
                Vector512<short> b0 = Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref Unsafe.Add(ref lower, i * isLower)));
                Vector512<short> a1 = Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref Unsafe.Add(ref upper, (i + 32) * isUpper)));
                Vector512<short> b1 = Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref Unsafe.Add(ref lower, (i + 32) * isLower)));
                Vector512<long> low0 = Avx512BW.UnpackLow(a0, b0).AsInt64(), low1 = Avx512BW.UnpackLow(a1, b1).AsInt64();
                Vector512<long> high0 = Avx512BW.UnpackHigh(a0, b0).AsInt64(), high1 = Avx512BW.UnpackHigh(a1, b1).AsInt64();
                ref byte left = ref Unsafe.Add(ref entries, layer.ColumnAt(column)), right = ref Unsafe.Add(ref entries, layer.ColumnAt(column + 1));
                Avx512F.Shuffle4x128(low0, low1, 0x44).AsByte().StoreUnsafe(ref left);
                Avx512F.Shuffle4x128(low0, low1, 0xEE).AsByte().StoreUnsafe(ref right);
                Avx512F.Shuffle4x128(high0, high1, 0x44).AsByte().StoreUnsafe(ref Unsafe.AddByteOffset(ref left, plane));
                Avx512F.Shuffle4x128(high0, high1, 0xEE).AsByte().StoreUnsafe(ref Unsafe.AddByteOffset(ref right, plane));
            }
        }

        for (; i < values; i += 32)
        {
            if (i > values - 32) i = values - 32;
            Vector512<short> a = Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref Unsafe.Add(ref upper, i * isUpper)));
            Vector512<short> b = Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref Unsafe.Add(ref lower, i * isLower)));
            if (!layer.IsSplit)
            {
                Interleave32(a, b, ref Unsafe.AddByteOffset(ref entries, (layer.InsideBegin * layer.ColumnBytes) + (2 * i)), plane);
                continue;
            }

            // Two columns of sixteen channels.
            int column = layer.InsideBegin + ((int)i / 16);
            ref byte left = ref Unsafe.Add(ref entries, layer.ColumnAt(column)), right = ref Unsafe.Add(ref entries, layer.ColumnAt(column + 1));
            Vector512<short> low = Avx512BW.UnpackLow(a, b), high = Avx512BW.UnpackHigh(a, b);
            low.GetLower().AsByte().StoreUnsafe(ref left);
            low.GetUpper().AsByte().StoreUnsafe(ref right);
            high.GetLower().AsByte().StoreUnsafe(ref Unsafe.AddByteOffset(ref left, plane));
            high.GetUpper().AsByte().StoreUnsafe(ref Unsafe.AddByteOffset(ref right, plane));
        }
    }

    // One or two output rows of a 3×3 window from the two pairs of rows that they share.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows3x3By32<TFactor>(in DepthwiseLayer layer, ref byte upper, ref byte lower, int rows, int pixels, ref sbyte stored)
    {
        const int Half = 64, Entry = 2 * Half;
        ref byte factors = ref MemoryMarshal.GetReference(layer.Factors);
        Vector512<int> startLow = At512(ref factors).AsInt32(), startHigh = At512(ref Unsafe.Add(ref factors, Half)).AsInt32();
        var lowFactors = new Factors512<TFactor>(layer.Output, At512(ref Unsafe.Add(ref factors, 2 * Half)).AsInt32(), At512(ref Unsafe.Add(ref factors, 4 * Half)).AsInt32());
        var highFactors = new Factors512<TFactor>(layer.Output, At512(ref Unsafe.Add(ref factors, 3 * Half)).AsInt32(), At512(ref Unsafe.Add(ref factors, 5 * Half)).AsInt32());
        Vector512<short> zeroPoint = Vector512.Create((short)layer.Output.ZeroPoint);
        Vector256<sbyte> min = Vector256.Create((sbyte)layer.Output.Min), max = Vector256.Create((sbyte)layer.Output.Max);
        bool isContiguous = layer.Together > 1 || layer.HalfChannel - layer.Channel == 16;
        int channels = layer.Shape.InputChannels, bytes = layer.Together > 1 ? pixels * channels : 32 * pixels;
        nint plane = layer.PlaneBytes, column1 = layer.ColumnAt(1), column2 = layer.ColumnAt(2), half = layer.HalfChannel - layer.Channel;
        nint step = layer.Together > 1 ? Half : layer.Shape.StrideX * Half, storedStep = layer.Together > 1 ? 32 : channels;
        for (int row = 0; row < rows; row++)
        {
            ref byte w = ref Unsafe.Add(ref MemoryMarshal.GetReference(layer.Weights), row * 6 * Entry);
            Vector512<short> low0 = At512(ref w), high0 = At512(ref Unsafe.Add(ref w, 1 * Half));
            Vector512<short> low1 = At512(ref Unsafe.Add(ref w, 2 * Half)), high1 = At512(ref Unsafe.Add(ref w, 3 * Half));
            Vector512<short> low2 = At512(ref Unsafe.Add(ref w, 4 * Half)), high2 = At512(ref Unsafe.Add(ref w, 5 * Half));
            Vector512<short> low3 = At512(ref Unsafe.Add(ref w, 6 * Half)), high3 = At512(ref Unsafe.Add(ref w, 7 * Half));
            Vector512<short> low4 = At512(ref Unsafe.Add(ref w, 8 * Half)), high4 = At512(ref Unsafe.Add(ref w, 9 * Half));
            Vector512<short> low5 = At512(ref Unsafe.Add(ref w, 10 * Half)), high5 = At512(ref Unsafe.Add(ref w, 11 * Half));
            ref byte a = ref upper, b = ref lower;
            ref sbyte output = ref Unsafe.Add(ref stored, row * layer.Shape.OutputWidth * channels);
            for (int left = bytes; left > 0; left -= 32)
            {
                ref byte aHigh = ref Unsafe.AddByteOffset(ref a, plane), bHigh = ref Unsafe.AddByteOffset(ref b, plane);
                Vector512<int> low = Avx512F.Add(startLow, Avx512BW.MultiplyAddAdjacent(At512(ref a), low0));
                Vector512<int> high = Avx512F.Add(startHigh, Avx512BW.MultiplyAddAdjacent(At512(ref aHigh), high0));
                low = Avx512F.Add(low, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.AddByteOffset(ref a, column1)), low1));
                high = Avx512F.Add(high, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.AddByteOffset(ref aHigh, column1)), high1));
                low = Avx512F.Add(low, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.AddByteOffset(ref a, column2)), low2));
                high = Avx512F.Add(high, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.AddByteOffset(ref aHigh, column2)), high2));
                low = Avx512F.Add(low, Avx512BW.MultiplyAddAdjacent(At512(ref b), low3));
                high = Avx512F.Add(high, Avx512BW.MultiplyAddAdjacent(At512(ref bHigh), high3));
                low = Avx512F.Add(low, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.AddByteOffset(ref b, column1)), low4));
                high = Avx512F.Add(high, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.AddByteOffset(ref bHigh, column1)), high4));
                low = Avx512F.Add(low, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.AddByteOffset(ref b, column2)), low5));
                high = Avx512F.Add(high, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.AddByteOffset(ref bHigh, column2)), high5));
                low = lowFactors.Scale(low);
                high = highFactors.Scale(high);
                Vector256<sbyte> y = Avx512BW.ConvertToVector256SByteWithSaturation(Avx512BW.AddSaturate(Avx512BW.PackSignedSaturate(low, high), zeroPoint));
                y = Avx2.Min(Avx2.Max(y, min), max);
                if (isContiguous && left >= 32) y.StoreUnsafe(ref output);
                else StoreHalves(y, half, left, ref output);
                output = ref Unsafe.Add(ref output, storedStep);
                a = ref Unsafe.AddByteOffset(ref a, step);
                b = ref Unsafe.AddByteOffset(ref b, step);
            }
        }
    }

    // One or two output rows of any window.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RowsBy32<TFactor>(in DepthwiseLayer layer, int rows, int pixels, ref sbyte stored)
    {
        const int Half = 64, Entry = 2 * Half;
        ref byte factors = ref MemoryMarshal.GetReference(layer.Factors);
        Vector512<int> startLow = At512(ref factors).AsInt32(), startHigh = At512(ref Unsafe.Add(ref factors, Half)).AsInt32();
        var lowFactors = new Factors512<TFactor>(layer.Output, At512(ref Unsafe.Add(ref factors, 2 * Half)).AsInt32(), At512(ref Unsafe.Add(ref factors, 4 * Half)).AsInt32());
        var highFactors = new Factors512<TFactor>(layer.Output, At512(ref Unsafe.Add(ref factors, 3 * Half)).AsInt32(), At512(ref Unsafe.Add(ref factors, 5 * Half)).AsInt32());
        Vector512<short> zeroPoint = Vector512.Create((short)layer.Output.ZeroPoint);
        Vector256<sbyte> min = Vector256.Create((sbyte)layer.Output.Min), max = Vector256.Create((sbyte)layer.Output.Max);
        bool isContiguous = layer.Together > 1 || layer.HalfChannel - layer.Channel == 16;
        int channels = layer.Shape.InputChannels, bytes = layer.Together > 1 ? pixels * channels : 32 * pixels;
        nint plane = layer.PlaneBytes, half = layer.HalfChannel - layer.Channel;
        nint step = layer.Together > 1 ? Half : layer.Shape.StrideX * Half, storedStep = layer.Together > 1 ? 32 : channels;
        int pairs = layer.Taps.Length / layer.RowsAtOnce;
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<DepthwiseTap> taps = layer.Taps.Slice(row * pairs, pairs);
            ref byte weights = ref Unsafe.Add(ref MemoryMarshal.GetReference(layer.Weights), row * pairs * Entry);
            ref byte a = ref MemoryMarshal.GetReference(layer.Entries);
            ref sbyte output = ref Unsafe.Add(ref stored, row * layer.Shape.OutputWidth * channels);
            for (int left = bytes; left > 0; left -= 32)
            {
                Vector512<int> low = startLow, high = startHigh;
                ref byte w = ref weights;
                foreach (ref readonly DepthwiseTap tap in taps)
                {
                    ref byte entry = ref Unsafe.Add(ref a, tap.Offset);
                    low = Avx512F.Add(low, Avx512BW.MultiplyAddAdjacent(At512(ref entry), At512(ref w)));
                    high = Avx512F.Add(high, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.AddByteOffset(ref entry, plane)), At512(ref Unsafe.Add(ref w, Half))));
                    w = ref Unsafe.Add(ref w, Entry);
                }

                low = lowFactors.Scale(low);
                high = highFactors.Scale(high);
                Vector256<sbyte> y = Avx512BW.ConvertToVector256SByteWithSaturation(Avx512BW.AddSaturate(Avx512BW.PackSignedSaturate(low, high), zeroPoint));
                y = Avx2.Min(Avx2.Max(y, min), max);
                if (isContiguous && left >= 32) y.StoreUnsafe(ref output);
                else StoreHalves(y, half, left, ref output);
                output = ref Unsafe.Add(ref output, storedStep);
                a = ref Unsafe.AddByteOffset(ref a, step);
            }
        }
    }

    // Thirty-two channels whose halves lie `half` apart, or the first `left` of those of several pixels.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreHalves(Vector256<sbyte> y, nint half, int left, ref sbyte output)
    {
        if (left >= 32)
        {
            y.GetLower().StoreUnsafe(ref output);
            y.GetUpper().StoreUnsafe(ref Unsafe.Add(ref output, half));
        }
        else if (left >= 16)
        {
            y.GetLower().StoreUnsafe(ref output);
            StorePart(y.GetUpper(), left - 16, ref Unsafe.Add(ref output, 16));
        }
        else
        {
            StorePart(y.GetLower(), left, ref output);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> At512(ref byte x) => Vector512.LoadUnsafe(ref x).AsInt16();

    // ---- 16 channels: AVX2 ----

    // Interleaved, the low vector has channels 0–3 and 8–11 and the high one the others.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Prepare16(in DepthwiseLayer layer)
    {
        const int Half = 32, Entry = 2 * Half;
        int c = layer.Channel, c8 = layer.HalfChannel;
        ref byte weights = ref MemoryMarshal.GetReference(layer.Weights);
        foreach (ref DepthwiseTap tap in layer.Taps)
        {
            // Doubled, so that the sums are.
            Vector256<short> first = tap.First < 0 ? Vector256<short>.Zero : Widen16(ref layer.FilterAt(tap.First, c), c8 - c);
            Vector256<short> second = tap.Second < 0 ? Vector256<short>.Zero : Widen16(ref layer.FilterAt(tap.Second, c), c8 - c);
            first = Avx2.Add(first, first);
            second = Avx2.Add(second, second);
            Avx2.UnpackLow(first, second).AsByte().StoreUnsafe(ref weights);
            Avx2.UnpackHigh(first, second).AsByte().StoreUnsafe(ref weights, Half);
            weights = ref Unsafe.Add(ref weights, Entry);
        }

        Vector256<int> bias = Vector256.Create(layer.Bias.Slice(c, 8)), bias8 = Vector256.Create(layer.Bias.Slice(c8, 8));
        bias = Avx2.Add(bias, bias);
        bias8 = Avx2.Add(bias8, bias8);
        Vector256<int> m = layer.Output.Multiplier256(c), m8 = layer.Output.Multiplier256(c8), n = layer.Output.Right256(c), n8 = layer.Output.Right256(c8);
        ref byte factors = ref MemoryMarshal.GetReference(layer.Factors);
        Avx2.Permute2x128(bias, bias8, 0x20).AsByte().StoreUnsafe(ref factors);
        Avx2.Permute2x128(bias, bias8, 0x31).AsByte().StoreUnsafe(ref factors, Half);
        Avx2.Permute2x128(m, m8, 0x20).AsByte().StoreUnsafe(ref factors, 2 * Half);
        Avx2.Permute2x128(m, m8, 0x31).AsByte().StoreUnsafe(ref factors, 3 * Half);
        Avx2.Permute2x128(n, n8, 0x20).AsByte().StoreUnsafe(ref factors, 4 * Half);
        Avx2.Permute2x128(n, n8, 0x31).AsByte().StoreUnsafe(ref factors, 5 * Half);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Widen16(ref sbyte x, nint half) =>
        Avx2.ConvertToVector256Int16(Vector128.Create(Eight(ref x), Eight(ref Unsafe.Add(ref x, half))).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Interleave16(
        ref sbyte upper, nint upperStep, ref sbyte lower, nint lowerStep, nint half, int columns, ref byte entry, nint plane)
    {
        bool isContiguous = half == 8;
        for (; columns > 0; columns--)
        {
            Vector256<short> a = isContiguous ? Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref upper)) : Widen16(ref upper, half);
            Vector256<short> b = isContiguous ? Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref lower)) : Widen16(ref lower, half);
            Avx2.UnpackLow(a, b).AsByte().StoreUnsafe(ref entry);
            Avx2.UnpackHigh(a, b).AsByte().StoreUnsafe(ref Unsafe.AddByteOffset(ref entry, plane));
            upper = ref Unsafe.Add(ref upper, upperStep);
            lower = ref Unsafe.Add(ref lower, lowerStep);
            entry = ref Unsafe.Add(ref entry, 32);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows3x3By16<TFactor>(in DepthwiseLayer layer, ref byte upper, ref byte lower, int rows, int pixels, ref sbyte stored)
    {
        const int Half = 32, Entry = 2 * Half;
        ref byte factors = ref MemoryMarshal.GetReference(layer.Factors);
        Vector256<int> startLow = At256(ref factors).AsInt32(), startHigh = At256(ref Unsafe.Add(ref factors, Half)).AsInt32();
        var lowFactors = new Factors256<TFactor>(layer.Output, At256(ref Unsafe.Add(ref factors, 2 * Half)).AsInt32(), At256(ref Unsafe.Add(ref factors, 4 * Half)).AsInt32());
        var highFactors = new Factors256<TFactor>(layer.Output, At256(ref Unsafe.Add(ref factors, 3 * Half)).AsInt32(), At256(ref Unsafe.Add(ref factors, 5 * Half)).AsInt32());
        Vector256<short> zeroPoint = Vector256.Create((short)layer.Output.ZeroPoint);
        Vector128<sbyte> min = Vector128.Create((sbyte)layer.Output.Min), max = Vector128.Create((sbyte)layer.Output.Max);
        bool isContiguous = layer.HalfChannel - layer.Channel == 8;
        int channels = layer.Shape.InputChannels;
        nint plane = layer.PlaneBytes, half = layer.HalfChannel - layer.Channel, step = layer.Shape.StrideX * Half;
        for (int row = 0; row < rows; row++)
        {
            ref byte w = ref Unsafe.Add(ref MemoryMarshal.GetReference(layer.Weights), row * 6 * Entry);
            Vector256<short> low0 = At256(ref w), high0 = At256(ref Unsafe.Add(ref w, 1 * Half));
            Vector256<short> low1 = At256(ref Unsafe.Add(ref w, 2 * Half)), high1 = At256(ref Unsafe.Add(ref w, 3 * Half));
            Vector256<short> low2 = At256(ref Unsafe.Add(ref w, 4 * Half)), high2 = At256(ref Unsafe.Add(ref w, 5 * Half));
            Vector256<short> low3 = At256(ref Unsafe.Add(ref w, 6 * Half)), high3 = At256(ref Unsafe.Add(ref w, 7 * Half));
            Vector256<short> low4 = At256(ref Unsafe.Add(ref w, 8 * Half)), high4 = At256(ref Unsafe.Add(ref w, 9 * Half));
            Vector256<short> low5 = At256(ref Unsafe.Add(ref w, 10 * Half)), high5 = At256(ref Unsafe.Add(ref w, 11 * Half));
            ref byte a = ref upper, b = ref lower;
            ref sbyte output = ref Unsafe.Add(ref stored, row * layer.Shape.OutputWidth * channels);
            for (int pixel = pixels; pixel > 0; pixel--)
            {
                ref byte aHigh = ref Unsafe.AddByteOffset(ref a, plane), bHigh = ref Unsafe.AddByteOffset(ref b, plane);
                Vector256<int> low = Avx2.Add(startLow, Avx2.MultiplyAddAdjacent(At256(ref a), low0));
                Vector256<int> high = Avx2.Add(startHigh, Avx2.MultiplyAddAdjacent(At256(ref aHigh), high0));
                low = Avx2.Add(low, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref a, Half)), low1));
                high = Avx2.Add(high, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref aHigh, Half)), high1));
                low = Avx2.Add(low, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref a, 2 * Half)), low2));
                high = Avx2.Add(high, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref aHigh, 2 * Half)), high2));
                low = Avx2.Add(low, Avx2.MultiplyAddAdjacent(At256(ref b), low3));
                high = Avx2.Add(high, Avx2.MultiplyAddAdjacent(At256(ref bHigh), high3));
                low = Avx2.Add(low, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref b, Half)), low4));
                high = Avx2.Add(high, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref bHigh, Half)), high4));
                low = Avx2.Add(low, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref b, 2 * Half)), low5));
                high = Avx2.Add(high, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref bHigh, 2 * Half)), high5));
                low = lowFactors.Scale(low);
                high = highFactors.Scale(high);
                Vector256<short> words = Avx2.AddSaturate(Avx2.PackSignedSaturate(low, high), zeroPoint);
                Vector128<sbyte> y = Sse2.PackSignedSaturate(words.GetLower(), words.GetUpper());
                y = Sse41.Min(Sse41.Max(y, min), max);
                if (isContiguous) y.StoreUnsafe(ref output);
                else StoreHalves(y, half, ref output);
                output = ref Unsafe.Add(ref output, channels);
                a = ref Unsafe.AddByteOffset(ref a, step);
                b = ref Unsafe.AddByteOffset(ref b, step);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RowsBy16<TFactor>(in DepthwiseLayer layer, int rows, int pixels, ref sbyte stored)
    {
        const int Half = 32, Entry = 2 * Half;
        ref byte factors = ref MemoryMarshal.GetReference(layer.Factors);
        Vector256<int> startLow = At256(ref factors).AsInt32(), startHigh = At256(ref Unsafe.Add(ref factors, Half)).AsInt32();
        var lowFactors = new Factors256<TFactor>(layer.Output, At256(ref Unsafe.Add(ref factors, 2 * Half)).AsInt32(), At256(ref Unsafe.Add(ref factors, 4 * Half)).AsInt32());
        var highFactors = new Factors256<TFactor>(layer.Output, At256(ref Unsafe.Add(ref factors, 3 * Half)).AsInt32(), At256(ref Unsafe.Add(ref factors, 5 * Half)).AsInt32());
        Vector256<short> zeroPoint = Vector256.Create((short)layer.Output.ZeroPoint);
        Vector128<sbyte> min = Vector128.Create((sbyte)layer.Output.Min), max = Vector128.Create((sbyte)layer.Output.Max);
        bool isContiguous = layer.HalfChannel - layer.Channel == 8;
        int channels = layer.Shape.InputChannels, pairs = layer.Taps.Length / layer.RowsAtOnce;
        nint plane = layer.PlaneBytes, half = layer.HalfChannel - layer.Channel, step = layer.Shape.StrideX * Half;
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<DepthwiseTap> taps = layer.Taps.Slice(row * pairs, pairs);
            ref byte weights = ref Unsafe.Add(ref MemoryMarshal.GetReference(layer.Weights), row * pairs * Entry);
            ref byte a = ref MemoryMarshal.GetReference(layer.Entries);
            ref sbyte output = ref Unsafe.Add(ref stored, row * layer.Shape.OutputWidth * channels);
            for (int pixel = pixels; pixel > 0; pixel--)
            {
                Vector256<int> low = startLow, high = startHigh;
                ref byte w = ref weights;
                foreach (ref readonly DepthwiseTap tap in taps)
                {
                    ref byte entry = ref Unsafe.Add(ref a, tap.Offset);
                    low = Avx2.Add(low, Avx2.MultiplyAddAdjacent(At256(ref entry), At256(ref w)));
                    high = Avx2.Add(high, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.AddByteOffset(ref entry, plane)), At256(ref Unsafe.Add(ref w, Half))));
                    w = ref Unsafe.Add(ref w, Entry);
                }

                low = lowFactors.Scale(low);
                high = highFactors.Scale(high);
                Vector256<short> words = Avx2.AddSaturate(Avx2.PackSignedSaturate(low, high), zeroPoint);
                Vector128<sbyte> y = Sse2.PackSignedSaturate(words.GetLower(), words.GetUpper());
                y = Sse41.Min(Sse41.Max(y, min), max);
                if (isContiguous) y.StoreUnsafe(ref output);
                else StoreHalves(y, half, ref output);
                output = ref Unsafe.Add(ref output, channels);
                a = ref Unsafe.AddByteOffset(ref a, step);
            }
        }
    }

    // Sixteen channels whose halves lie `half` apart.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreHalves(Vector128<sbyte> y, nint half, ref sbyte output)
    {
        Unsafe.WriteUnaligned(ref Unsafe.As<sbyte, byte>(ref output), y.AsInt64().ToScalar());
        Unsafe.WriteUnaligned(ref Unsafe.As<sbyte, byte>(ref Unsafe.Add(ref output, half)), y.AsInt64().GetElement(1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> At256(ref byte x) => Vector256.LoadUnsafe(ref x).AsInt16();

    // ---- 8 channels: SSE4.1 ----

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Prepare8(ref DepthwiseLayer layer)
    {
        const int Half = 16, Entry = 2 * Half;
        int c = layer.Channel;
        ref byte weights = ref MemoryMarshal.GetReference(layer.Weights);
        foreach (ref DepthwiseTap tap in layer.Taps)
        {
            // Doubled, so that the sums are.
            Vector128<short> first = tap.First < 0 ? Vector128<short>.Zero : Widen8(ref layer.FilterAt(tap.First, c));
            Vector128<short> second = tap.Second < 0 ? Vector128<short>.Zero : Widen8(ref layer.FilterAt(tap.Second, c));
            first = Sse2.Add(first, first);
            second = Sse2.Add(second, second);
            Sse2.UnpackLow(first, second).AsByte().StoreUnsafe(ref weights);
            Sse2.UnpackHigh(first, second).AsByte().StoreUnsafe(ref weights, Half);
            weights = ref Unsafe.Add(ref weights, Entry);
        }

        Vector128<int> low = Vector128.Create(layer.Bias.Slice(c, 4)), high = Vector128.Create(layer.Bias.Slice(c + 4, 4));
        ref byte factors = ref MemoryMarshal.GetReference(layer.Factors);
        Sse2.Add(low, low).AsByte().StoreUnsafe(ref factors);
        Sse2.Add(high, high).AsByte().StoreUnsafe(ref factors, Half);
        layer.Factors128 = new Factors128(layer.Output, c, 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Widen8(ref sbyte x) => Sse41.ConvertToVector128Int16(Vector128.CreateScalarUnsafe(Eight(ref x)).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Interleave8(ref sbyte upper, nint upperStep, ref sbyte lower, nint lowerStep, int columns, ref byte entry, nint plane)
    {
        for (; columns > 0; columns--)
        {
            Vector128<short> a = Widen8(ref upper), b = Widen8(ref lower);
            Sse2.UnpackLow(a, b).AsByte().StoreUnsafe(ref entry);
            Sse2.UnpackHigh(a, b).AsByte().StoreUnsafe(ref Unsafe.AddByteOffset(ref entry, plane));
            upper = ref Unsafe.Add(ref upper, upperStep);
            lower = ref Unsafe.Add(ref lower, lowerStep);
            entry = ref Unsafe.Add(ref entry, 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows3x3By8(in DepthwiseLayer layer, ref byte upper, ref byte lower, int rows, int pixels, ref sbyte stored)
    {
        const int Half = 16, Entry = 2 * Half;
        ref byte factors = ref MemoryMarshal.GetReference(layer.Factors);
        Vector128<int> startLow = At128(ref factors).AsInt32(), startHigh = At128(ref Unsafe.Add(ref factors, Half)).AsInt32();
        Vector128<sbyte> min = Vector128.Create((sbyte)layer.Output.Min), max = Vector128.Create((sbyte)layer.Output.Max);
        int channels = layer.Shape.InputChannels;
        nint plane = layer.PlaneBytes, step = layer.Shape.StrideX * Half;
        for (int row = 0; row < rows; row++)
        {
            ref byte w = ref Unsafe.Add(ref MemoryMarshal.GetReference(layer.Weights), row * 6 * Entry);
            Vector128<short> low0 = At128(ref w), high0 = At128(ref Unsafe.Add(ref w, 1 * Half));
            Vector128<short> low1 = At128(ref Unsafe.Add(ref w, 2 * Half)), high1 = At128(ref Unsafe.Add(ref w, 3 * Half));
            Vector128<short> low2 = At128(ref Unsafe.Add(ref w, 4 * Half)), high2 = At128(ref Unsafe.Add(ref w, 5 * Half));
            Vector128<short> low3 = At128(ref Unsafe.Add(ref w, 6 * Half)), high3 = At128(ref Unsafe.Add(ref w, 7 * Half));
            Vector128<short> low4 = At128(ref Unsafe.Add(ref w, 8 * Half)), high4 = At128(ref Unsafe.Add(ref w, 9 * Half));
            Vector128<short> low5 = At128(ref Unsafe.Add(ref w, 10 * Half)), high5 = At128(ref Unsafe.Add(ref w, 11 * Half));
            ref byte a = ref upper, b = ref lower;
            ref sbyte output = ref Unsafe.Add(ref stored, row * layer.Shape.OutputWidth * channels);
            for (int pixel = pixels; pixel > 0; pixel--)
            {
                ref byte aHigh = ref Unsafe.AddByteOffset(ref a, plane), bHigh = ref Unsafe.AddByteOffset(ref b, plane);
                Vector128<int> low = Sse2.Add(startLow, Sse2.MultiplyAddAdjacent(At128(ref a), low0));
                Vector128<int> high = Sse2.Add(startHigh, Sse2.MultiplyAddAdjacent(At128(ref aHigh), high0));
                low = Sse2.Add(low, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref a, Half)), low1));
                high = Sse2.Add(high, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref aHigh, Half)), high1));
                low = Sse2.Add(low, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref a, 2 * Half)), low2));
                high = Sse2.Add(high, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref aHigh, 2 * Half)), high2));
                low = Sse2.Add(low, Sse2.MultiplyAddAdjacent(At128(ref b), low3));
                high = Sse2.Add(high, Sse2.MultiplyAddAdjacent(At128(ref bHigh), high3));
                low = Sse2.Add(low, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref b, Half)), low4));
                high = Sse2.Add(high, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref bHigh, Half)), high4));
                low = Sse2.Add(low, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref b, 2 * Half)), low5));
                high = Sse2.Add(high, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref bHigh, 2 * Half)), high5));
                layer.Factors128.Store(low, high, layer.Output, layer.Channel, 8, min, max, ref output);
                output = ref Unsafe.Add(ref output, channels);
                a = ref Unsafe.AddByteOffset(ref a, step);
                b = ref Unsafe.AddByteOffset(ref b, step);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RowsBy8(in DepthwiseLayer layer, int rows, int pixels, ref sbyte stored)
    {
        const int Half = 16, Entry = 2 * Half;
        ref byte factors = ref MemoryMarshal.GetReference(layer.Factors);
        Vector128<int> startLow = At128(ref factors).AsInt32(), startHigh = At128(ref Unsafe.Add(ref factors, Half)).AsInt32();
        Vector128<sbyte> min = Vector128.Create((sbyte)layer.Output.Min), max = Vector128.Create((sbyte)layer.Output.Max);
        int channels = layer.Shape.InputChannels, pairs = layer.Taps.Length / layer.RowsAtOnce;
        nint plane = layer.PlaneBytes, step = layer.Shape.StrideX * Half;
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<DepthwiseTap> taps = layer.Taps.Slice(row * pairs, pairs);
            ref byte weights = ref Unsafe.Add(ref MemoryMarshal.GetReference(layer.Weights), row * pairs * Entry);
            ref byte a = ref MemoryMarshal.GetReference(layer.Entries);
            ref sbyte output = ref Unsafe.Add(ref stored, row * layer.Shape.OutputWidth * channels);
            for (int pixel = pixels; pixel > 0; pixel--)
            {
                Vector128<int> low = startLow, high = startHigh;
                ref byte w = ref weights;
                foreach (ref readonly DepthwiseTap tap in taps)
                {
                    ref byte entry = ref Unsafe.Add(ref a, tap.Offset);
                    low = Sse2.Add(low, Sse2.MultiplyAddAdjacent(At128(ref entry), At128(ref w)));
                    high = Sse2.Add(high, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.AddByteOffset(ref entry, plane)), At128(ref Unsafe.Add(ref w, Half))));
                    w = ref Unsafe.Add(ref w, Entry);
                }

                layer.Factors128.Store(low, high, layer.Output, layer.Channel, 8, min, max, ref output);
                output = ref Unsafe.Add(ref output, channels);
                a = ref Unsafe.AddByteOffset(ref a, step);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> At128(ref byte x) => Vector128.LoadUnsafe(ref x).AsInt16();

    // ---- less than 8 channels ----

    private static void Depthwise1(in DepthwiseLayer layer, int c)
    {
        ConvolutionShape shape = layer.Shape;
        for (int y = layer.RowBegin; y < layer.RowEnd; y++)
        for (int x = 0; x < shape.OutputWidth; x++)
        {
            int acc = layer.Bias[c];
            for (int ky = 0; ky < shape.FilterHeight; ky++)
            for (int kx = 0; kx < shape.FilterWidth; kx++)
            {
                int iy = (y * shape.StrideY) - shape.PadTop + ky, ix = (x * shape.StrideX) - shape.PadLeft + kx;
                bool isInside = iy >= 0 && iy < shape.InputHeight && ix >= 0 && ix < shape.InputWidth;
                int value = isInside ? layer.Input[((((iy - layer.InputTop) * shape.InputWidth) + ix) * shape.InputChannels) + c] : layer.Outside;
                acc += value * layer.FilterAt((ky * shape.FilterWidth) + kx, c);
            }

            layer.Stored[((((y - layer.RowBegin) * shape.OutputWidth) + x) * shape.InputChannels) + c] = layer.Output.Store(acc, c);
        }
    }

    /// <summary>What the blocks of a layer share, and the memory in which columns and weights are interleaved.</summary>
    /// <remarks>
    /// A pair of rows has two planes: for each column the low halves of the interleaved vectors, then the high ones. Where the stride is 2 and a
    /// vector takes several pixels, the even columns of a plane come first, so that neighbouring windows lie side by side.
    /// </remarks>
    private ref struct DepthwiseLayer
    {
        public ConvolutionShape Shape;
        public ReadOnlySpan<sbyte> Input, Filter, Border;
        public ReadOnlySpan<int> Bias;
        public Requantization Output;
        public Span<sbyte> Stored;
        public Span<byte> Entries, Weights, Factors;
        public Factors128 Factors128;
        public sbyte Outside;
        public int InputTop, RowBegin, RowEnd;

        /// <summary>Pairs of taps of an output row, then those of the next one that shares its entries.</summary>
        public Span<DepthwiseTap> Taps;

        /// <summary>Pixels of which the columns fit into the memory.</summary>
        public int MostPixels;

        /// <summary>Pairs of rows under a window, and output rows that share them: the second one has its taps a row lower.</summary>
        public int PairRows, RowsAtOnce;

        /// <summary>Pairs of rows that the memory holds.</summary>
        public int Slots;

        /// <summary>Bytes of a pair of rows, of one of its planes, and of a column in a plane.</summary>
        public int RowBytes, PlaneBytes, ColumnBytes;

        /// <summary>The first channels of both halves of a vector, and the pixels that it takes.</summary>
        public int Channel, HalfChannel, Together;

        /// <summary>The even columns of a plane come first.</summary>
        public bool IsSplit;

        /// <summary>The first window's first column in the image, and the columns inside the image, counted from there.</summary>
        public int Begin, InsideBegin, InsideEnd;

        /// <summary>The last row of the image under a window.</summary>
        public readonly int LastRow => ((RowEnd - 1) * Shape.StrideY) - Shape.PadTop + Shape.FilterHeight - 1;

        public readonly void FindTaps()
        {
            int width = Shape.FilterWidth, t = 0;
            for (int row = 0; row < RowsAtOnce; row++)
            for (int pair = 0; pair < PairRows; pair++)
            {
                if (Shape.FilterHeight == 1)
                {
                    for (int kx = 0; kx < width; kx += 2) Taps[t++] = new DepthwiseTap { First = kx, Second = kx + 1 < width ? kx + 1 : -1, Column = kx };
                    continue;
                }

                int ky = (2 * pair) - row;
                for (int kx = 0; kx < width; kx++)
                {
                    Taps[t++] = new DepthwiseTap
                    {
                        First = ky < 0 ? -1 : (ky * width) + kx,
                        Second = ky + 1 < Shape.FilterHeight ? ((ky + 1) * width) + kx : -1,
                        Pair = pair,
                        Column = kx,
                    };
                }
            }
        }

        /// <summary>Finds the entries of all taps when the first pair of rows is in the slot <paramref name="first"/>.</summary>
        public readonly void PlaceTaps(int first)
        {
            foreach (ref DepthwiseTap tap in Taps)
            {
                int slot = first + tap.Pair;
                tap.Offset = ((slot >= Slots ? slot - Slots : slot) * RowBytes) + ColumnAt(tap.Column);
            }
        }

        /// <summary>The entries of the slot <paramref name="number"/>, counted round.</summary>
        public readonly ref byte Slot(int number) => ref Unsafe.Add(ref MemoryMarshal.GetReference(Entries), (number >= Slots ? number - Slots : number) * RowBytes);

        /// <summary>Where a column is in a plane.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly int ColumnAt(int column) =>
            IsSplit ? ((column & 1) * (PlaneBytes / 2)) + ((column >> 1) * ColumnBytes) : column * ColumnBytes;

        // The filter was sliced to all taps.
        public readonly ref sbyte FilterAt(int tap, int c) => ref Unsafe.Add(ref MemoryMarshal.GetReference(Filter), (tap * Shape.InputChannels) + c);

        /// <summary>Where the first of a block's channels of pixel x of row y is stored.</summary>
        public readonly ref sbyte StoredAt(int y, int rows, int x)
        {
            int row = Shape.OutputWidth * Shape.InputChannels;
            return ref Stored.Slice((y - RowBegin) * row, rows * row)[(x * Shape.InputChannels) + Channel];
        }

        /// <summary>The block's channels of column 0 of a row of the image, and the step from column to column; a row of the border has the step 0.</summary>
        public readonly ref sbyte InputAt(int y, out nint step)
        {
            int row = Shape.InputWidth * Shape.InputChannels;
            bool isInside = y >= 0 && y < Shape.InputHeight;
            step = isInside ? Shape.InputChannels : 0;
            return ref MemoryMarshal.GetReference(isInside ? Input.Slice(((y - InputTop) * row) + Channel) : Border);
        }
    }

    /// <summary>Two taps side by side: their places in the filter, −1 for none, and their pair of rows and column under the first window.</summary>
    private struct DepthwiseTap
    {
        public int First, Second, Pair, Column;

        /// <summary>Bytes from the first entry to the one that they are multiplied with.</summary>
        public int Offset;
    }
}
