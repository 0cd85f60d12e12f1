using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Etch;

/// <summary>The vectorised inner loops of convolutions and fully connected layers. Every path gives the same bytes as the scalar code.</summary>
/// <remarks>
/// Filters are read in pairs of taps: blocks of 16 output channels, then one of 8 for what remains (padded with zeros); in a
/// block, for each pair of taps, the two weights of each channel side by side. That is what one instruction multiplies and adds:
/// two int16 products into one int32 (pmaddwd). Bias, multiplier and shift are padded to the same number of channels.
/// </remarks>
public static class VectorKernels
{
    /// <summary>Pixels whose dot products share one read of the weights.</summary>
    private const int Tile = 4;

    /// <summary>True when the processor has an instruction set that the kernels know: SSE4.1, AVX2 or AVX-512BW. A constant to the JIT.</summary>
    public static bool IsSupported
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Sse41.IsSupported;
    }

    /// <summary>For each pixel, the dot product of its window with every filter, requantised and clamped.</summary>
    /// <param name="window">The bytes from the first window's first on; filter row r begins <paramref name="rowStride"/> · r further on.</param>
    /// <param name="rowStride">Bytes between the rows of a window.</param>
    /// <param name="output">The stored outputs: channels of one pixel after the other.</param>
    /// <param name="rows">Rows of the filter.</param>
    /// <param name="rowLength">Bytes of a window's row; rows of the filter are padded to an even number of taps.</param>
    /// <param name="channels">Output channels.</param>
    /// <param name="step">Bytes between the windows of neighbouring pixels.</param>
    /// <param name="filter">Weights in pairs of taps, as the class describes.</param>
    /// <param name="bias">The input's zero point folded in; padded.</param>
    /// <param name="multiplier">Q0.31 factors; one for all channels, or one each, padded.</param>
    /// <param name="right">Right shifts from 1 to 31; as <paramref name="multiplier"/>. Accumulators are below 2^30 in magnitude.</param>
    /// <param name="zeroPoint">The output's zero point.</param>
    /// <param name="min">The smallest stored output.</param>
    /// <param name="max">The largest stored output.</param>
    public static void DotProducts(
        ReadOnlySpan<sbyte> window, int rowStride, Span<sbyte> output, int rows, int rowLength, int channels, int step,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, ReadOnlySpan<int> multiplier, ReadOnlySpan<sbyte> right,
        int zeroPoint, int min, int max)
    {
        int evenLength = (rowLength + 1) & ~1;
        int taps = rows * evenLength;
        int count = output.Length / channels;
        Debug.Assert(filter.Length >= taps * channels && bias.Length >= channels, "tables are those of the layer");

        // Windows widened to int16 once; an odd row ends with a zero.
        Span<short> widened = stackalloc short[Tile * taps];
        widened.Clear();
        var requantization = new Requantization(multiplier, right, zeroPoint, min, max);
        int pixel = 0;
        if (count >= Tile)
        {
            while (pixel < count)
            {
                // The last tile overlaps the one before: its pixels are computed twice, to the same result.
                int first = Math.Min(pixel, count - Tile);
                for (int p = 0; p < Tile; p++) Widen(window.Slice((first + p) * step), rowStride, rows, rowLength, evenLength, widened.Slice(p * taps, taps));
                Blocks(widened, taps, Tile, output.Slice(first * channels), channels, filter, bias, requantization);
                pixel = first + Tile;
            }

            return;
        }

        for (; pixel < count; pixel++)
        {
            Widen(window.Slice(pixel * step), rowStride, rows, rowLength, evenLength, widened.Slice(0, taps));
            Blocks(widened, taps, 1, output.Slice(pixel * channels), channels, filter, bias, requantization);
        }
    }

    // All output channels of a tile of pixels (or of one).
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Blocks(
        ReadOnlySpan<short> widened, int taps, int pixels, Span<sbyte> output, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, in Requantization requantization)
    {
        ref short x = ref MemoryMarshal.GetReference(widened);
        Span<int> acc = stackalloc int[Tile * 16];
        ref int sums = ref MemoryMarshal.GetReference(acc);
        int oc = 0;
        while (oc < channels)
        {
            int width = channels - oc > 8 ? 16 : 8;
            ref sbyte weights = ref MemoryMarshal.GetReference(filter.Slice(oc * taps, width * taps));
            ref int start = ref MemoryMarshal.GetReference(bias.Slice(oc, width));
            if (width == 16 && Avx512BW.IsSupported)
            {
                if (pixels == Tile) Sum16Tile512(ref x, taps, ref weights, ref start, ref sums);
                else Sum16One512(ref x, taps, ref weights, ref start, ref sums);
            }
            else if (Avx2.IsSupported)
            {
                for (int half = 0; half < width; half += 8)
                {
                    ref sbyte lanes = ref Unsafe.Add(ref weights, 2 * half);
                    if (pixels == Tile) Sum8Tile256(ref x, taps, ref lanes, 2 * width, ref Unsafe.Add(ref start, half), ref Unsafe.Add(ref sums, half));
                    else Sum8One256(ref x, taps, ref lanes, 2 * width, ref Unsafe.Add(ref start, half), ref Unsafe.Add(ref sums, half));
                }
            }
            else
            {
                for (int lane = 0; lane < width; lane += 4)
                {
                    ref sbyte lanes = ref Unsafe.Add(ref weights, 2 * lane);
                    for (int p = 0; p < pixels; p++)
                    {
                        Sum4One128(ref Unsafe.Add(ref x, p * taps), taps, ref lanes, 2 * width, ref Unsafe.Add(ref start, lane), ref Unsafe.Add(ref sums, (p * 16) + lane));
                    }
                }
            }

            int stored = Math.Min(width, channels - oc);
            for (int p = 0; p < pixels; p++) requantization.Store(ref Unsafe.Add(ref sums, p * 16), oc, output.Slice((p * channels) + oc, stored));
            oc += width;
        }
    }

    // Sixteen channels of four pixels: sums[16 p + c] = start[c] + Σ x[p][t] · weights[t][c].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum16Tile512(ref short x, int taps, ref sbyte weights, ref int start, ref int sums)
    {
        ref short x1 = ref Unsafe.Add(ref x, taps);
        ref short x2 = ref Unsafe.Add(ref x1, taps);
        ref short x3 = ref Unsafe.Add(ref x2, taps);
        Vector512<int> acc0 = Vector512.LoadUnsafe(ref start), acc1 = acc0, acc2 = acc0, acc3 = acc0;
        for (nint t = 0; t < taps; t += 2)
        {
            Vector512<short> w = Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref weights, (nuint)(16 * t)));
            acc0 = Avx512F.Add(acc0, Avx512BW.MultiplyAddAdjacent(Vector512.Create(Pair(ref x, t)).AsInt16(), w));
            acc1 = Avx512F.Add(acc1, Avx512BW.MultiplyAddAdjacent(Vector512.Create(Pair(ref x1, t)).AsInt16(), w));
            acc2 = Avx512F.Add(acc2, Avx512BW.MultiplyAddAdjacent(Vector512.Create(Pair(ref x2, t)).AsInt16(), w));
            acc3 = Avx512F.Add(acc3, Avx512BW.MultiplyAddAdjacent(Vector512.Create(Pair(ref x3, t)).AsInt16(), w));
        }

        acc0.StoreUnsafe(ref sums);
        acc1.StoreUnsafe(ref sums, 16);
        acc2.StoreUnsafe(ref sums, 32);
        acc3.StoreUnsafe(ref sums, 48);
    }

    // Sixteen channels of one pixel; two sums hide the addition's latency.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum16One512(ref short x, int taps, ref sbyte weights, ref int start, ref int sums)
    {
        Vector512<int> even = Vector512.LoadUnsafe(ref start), odd = Vector512<int>.Zero;
        nint t = 0;
        for (; t + 2 < taps; t += 4)
        {
            Vector512<short> w0 = Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref weights, (nuint)(16 * t)));
            Vector512<short> w1 = Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref weights, (nuint)((16 * t) + 32)));
            even = Avx512F.Add(even, Avx512BW.MultiplyAddAdjacent(Vector512.Create(Pair(ref x, t)).AsInt16(), w0));
            odd = Avx512F.Add(odd, Avx512BW.MultiplyAddAdjacent(Vector512.Create(Pair(ref x, t + 2)).AsInt16(), w1));
        }

        if (t < taps)
        {
            Vector512<short> w = Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref weights, (nuint)(16 * t)));
            even = Avx512F.Add(even, Avx512BW.MultiplyAddAdjacent(Vector512.Create(Pair(ref x, t)).AsInt16(), w));
        }

        Avx512F.Add(even, odd).StoreUnsafe(ref sums);
    }

    // Eight channels of four pixels; the weights of a pair of taps lie `stride` bytes after those of the pair before.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum8Tile256(ref short x, int taps, ref sbyte weights, int stride, ref int start, ref int sums)
    {
        ref short x1 = ref Unsafe.Add(ref x, taps);
        ref short x2 = ref Unsafe.Add(ref x1, taps);
        ref short x3 = ref Unsafe.Add(ref x2, taps);
        Vector256<int> acc0 = Vector256.LoadUnsafe(ref start), acc1 = acc0, acc2 = acc0, acc3 = acc0;
        for (nint t = 0; t < taps; t += 2)
        {
            Vector256<short> w = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref weights));
            weights = ref Unsafe.Add(ref weights, stride);
            acc0 = Avx2.Add(acc0, Avx2.MultiplyAddAdjacent(Vector256.Create(Pair(ref x, t)).AsInt16(), w));
            acc1 = Avx2.Add(acc1, Avx2.MultiplyAddAdjacent(Vector256.Create(Pair(ref x1, t)).AsInt16(), w));
            acc2 = Avx2.Add(acc2, Avx2.MultiplyAddAdjacent(Vector256.Create(Pair(ref x2, t)).AsInt16(), w));
            acc3 = Avx2.Add(acc3, Avx2.MultiplyAddAdjacent(Vector256.Create(Pair(ref x3, t)).AsInt16(), w));
        }

        acc0.StoreUnsafe(ref sums);
        acc1.StoreUnsafe(ref sums, 16);
        acc2.StoreUnsafe(ref sums, 32);
        acc3.StoreUnsafe(ref sums, 48);
    }

    // Eight channels of one pixel.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum8One256(ref short x, int taps, ref sbyte weights, int stride, ref int start, ref int sums)
    {
        Vector256<int> acc = Vector256.LoadUnsafe(ref start);
        for (nint t = 0; t < taps; t += 2)
        {
            Vector256<short> w = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref weights));
            weights = ref Unsafe.Add(ref weights, stride);
            acc = Avx2.Add(acc, Avx2.MultiplyAddAdjacent(Vector256.Create(Pair(ref x, t)).AsInt16(), w));
        }

        acc.StoreUnsafe(ref sums);
    }

    // Four channels of one pixel.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum4One128(ref short x, int taps, ref sbyte weights, int stride, ref int start, ref int sums)
    {
        Vector128<int> acc = Vector128.LoadUnsafe(ref start);
        for (nint t = 0; t < taps; t += 2)
        {
            Vector128<short> w = Sse41.ConvertToVector128Int16(Vector128.CreateScalarUnsafe(Eight(ref weights)).AsSByte());
            weights = ref Unsafe.Add(ref weights, stride);
            acc = Sse2.Add(acc, Sse2.MultiplyAddAdjacent(Vector128.Create(Pair(ref x, t)).AsInt16(), w));
        }

        acc.StoreUnsafe(ref sums);
    }

    /// <summary>For each pixel and channel, the sum of its window's taps times the channel's weights, requantised and clamped.</summary>
    /// <param name="window">The bytes from the first window's first on; filter row r begins <paramref name="rowStride"/> · r further on.</param>
    /// <param name="rowStride">Bytes between the rows of a window.</param>
    /// <param name="output">The stored outputs: channels of one pixel after the other.</param>
    /// <param name="rows">Rows of the filter.</param>
    /// <param name="columns">Columns of the filter.</param>
    /// <param name="channels">Channels of input and output.</param>
    /// <param name="step">Bytes between the windows of neighbouring pixels.</param>
    /// <param name="filter">Weights in pairs of taps, as the class describes; an odd number of taps is padded.</param>
    /// <param name="bias">The input's zero point folded in; padded.</param>
    /// <param name="multiplier">Q0.31 factors; one for all channels, or one each, padded.</param>
    /// <param name="right">Right shifts from 1 to 31; as <paramref name="multiplier"/>. Accumulators are below 2^30 in magnitude.</param>
    /// <param name="zeroPoint">The output's zero point.</param>
    /// <param name="min">The smallest stored output.</param>
    /// <param name="max">The largest stored output.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Depthwise(
        ReadOnlySpan<sbyte> window, int rowStride, Span<sbyte> output, int rows, int columns, int channels, int step,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, ReadOnlySpan<int> multiplier, ReadOnlySpan<sbyte> right,
        int zeroPoint, int min, int max)
    {
        int taps = rows * columns, pairs = (taps + 1) / 2;
        int count = output.Length / channels;
        var requantization = new Requantization(multiplier, right, zeroPoint, min, max);

        // Where each tap lies in a window; the partner of an odd last tap is that tap itself, with weight 0.
        Span<int> offsets = stackalloc int[2 * pairs];
        for (int t = 0; t < 2 * pairs; t++)
        {
            int tap = Math.Min(t, taps - 1);
            offsets[t] = (tap / columns * rowStride) + (tap % columns * channels);
        }

        Span<int> acc = stackalloc int[16];
        ref int sums = ref MemoryMarshal.GetReference(acc);
        ref int offset = ref MemoryMarshal.GetReference(offsets);
        for (int oc = 0; oc < channels; oc += 16)
        {
            int width = channels - oc > 8 ? 16 : 8, stored = Math.Min(width, channels - oc);
            ReadOnlySpan<sbyte> block = filter.Slice(oc * 2 * pairs, width * 2 * pairs);
            ref sbyte weights = ref MemoryMarshal.GetReference(block);
            ref int start = ref MemoryMarshal.GetReference(bias.Slice(oc, width));

            // A block that is not full would read beyond the last window: that window is summed one by one.
            int vectorised = stored == width ? count : count - 1;
            for (int pixel = 0; pixel < vectorised; pixel++)
            {
                ref sbyte first = ref MemoryMarshal.GetReference(window.Slice((pixel * step) + oc));
                if (width == 16 && Avx512BW.IsSupported)
                {
                    Depthwise16(ref first, ref offset, pairs, ref weights, ref start).StoreUnsafe(ref sums);
                }
                else if (Avx2.IsSupported)
                {
                    Depthwise8(ref first, ref offset, pairs, ref weights, 2 * width, ref start).StoreUnsafe(ref sums);
                    if (width == 16)
                    {
                        Depthwise8(ref Unsafe.Add(ref first, 8), ref offset, pairs, ref Unsafe.Add(ref weights, 16), 32, ref Unsafe.Add(ref start, 8))
                            .StoreUnsafe(ref sums, 8);
                    }
                }
                else
                {
                    for (int lane = 0; lane < width; lane += 4)
                    {
                        Depthwise4(
                            ref Unsafe.Add(ref first, lane), ref offset, pairs, ref Unsafe.Add(ref weights, 2 * lane), 2 * width, ref Unsafe.Add(ref start, lane))
                            .StoreUnsafe(ref sums, (nuint)lane);
                    }
                }

                requantization.Store(ref sums, oc, output.Slice((pixel * channels) + oc, stored));
            }

            if (vectorised < count)
            {
                ReadOnlySpan<sbyte> first = window.Slice((vectorised * step) + oc);
                for (int c = 0; c < stored; c++)
                {
                    int sum = bias[oc + c];
                    for (int t = 0; t < taps; t++) sum += first[offsets[t] + c] * block[(t / 2 * 2 * width) + (2 * c) + (t % 2)];
                    acc[c] = sum;
                }

                requantization.Store(ref sums, oc, output.Slice((vectorised * channels) + oc, stored));
            }
        }
    }

    // Sixteen channels of one window: two taps of a channel side by side, multiplied and added in one instruction.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Depthwise16(ref sbyte first, ref int offset, int pairs, ref sbyte weights, ref int start)
    {
        Vector512<int> acc = Vector512.LoadUnsafe(ref start), low = Vector512.Create(0xFFFF);
        for (nint p = 0; p < pairs; p++)
        {
            Vector512<int> x0 = Avx512F.ConvertToVector512Int32(Vector128.LoadUnsafe(ref first, (nuint)Unsafe.Add(ref offset, 2 * p)));
            Vector512<int> x1 = Avx512F.ConvertToVector512Int32(Vector128.LoadUnsafe(ref first, (nuint)Unsafe.Add(ref offset, (2 * p) + 1)));
            Vector512<int> pair = Vector512.ConditionalSelect(low, x0, Avx512F.ShiftLeftLogical(x1, 16));
            Vector512<short> w = Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref weights, (nuint)(32 * p)));
            acc = Avx512F.Add(acc, Avx512BW.MultiplyAddAdjacent(pair.AsInt16(), w));
        }

        return acc;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Depthwise8(ref sbyte first, ref int offset, int pairs, ref sbyte weights, int stride, ref int start)
    {
        Vector256<int> acc = Vector256.LoadUnsafe(ref start);
        for (nint p = 0; p < pairs; p++)
        {
            Vector256<int> x0 = Avx2.ConvertToVector256Int32(Vector128.CreateScalarUnsafe(Eight(ref Unsafe.Add(ref first, Unsafe.Add(ref offset, 2 * p)))).AsSByte());
            Vector256<int> x1 = Avx2.ConvertToVector256Int32(Vector128.CreateScalarUnsafe(Eight(ref Unsafe.Add(ref first, Unsafe.Add(ref offset, (2 * p) + 1)))).AsSByte());
            Vector256<short> pair = Avx2.Blend(x0.AsInt16(), Avx2.ShiftLeftLogical(x1, 16).AsInt16(), 0xAA);
            Vector256<short> w = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref Unsafe.Add(ref weights, p * stride)));
            acc = Avx2.Add(acc, Avx2.MultiplyAddAdjacent(pair, w));
        }

        return acc;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Depthwise4(ref sbyte first, ref int offset, int pairs, ref sbyte weights, int stride, ref int start)
    {
        Vector128<int> acc = Vector128.LoadUnsafe(ref start);
        for (nint p = 0; p < pairs; p++)
        {
            Vector128<int> x0 = Sse41.ConvertToVector128Int32(Vector128.CreateScalarUnsafe(Four(ref Unsafe.Add(ref first, Unsafe.Add(ref offset, 2 * p)))).AsSByte());
            Vector128<int> x1 = Sse41.ConvertToVector128Int32(Vector128.CreateScalarUnsafe(Four(ref Unsafe.Add(ref first, Unsafe.Add(ref offset, (2 * p) + 1)))).AsSByte());
            Vector128<short> pair = Sse41.Blend(x0.AsInt16(), Sse2.ShiftLeftLogical(x1, 16).AsInt16(), 0xAA);
            Vector128<short> w = Sse41.ConvertToVector128Int16(Vector128.CreateScalarUnsafe(Eight(ref Unsafe.Add(ref weights, p * stride))).AsSByte());
            acc = Sse2.Add(acc, Sse2.MultiplyAddAdjacent(pair, w));
        }

        return acc;
    }

    // Copies a window row by row, each byte widened.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen(ReadOnlySpan<sbyte> window, int rowStride, int rows, int rowLength, int evenLength, Span<short> widened)
    {
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<sbyte> from = window.Slice(row * rowStride, rowLength);
            Span<short> to = widened.Slice(row * evenLength, rowLength);
            int i = 0;
            if (Avx2.IsSupported)
            {
                for (; i <= rowLength - 16; i += 16)
                {
                    Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref MemoryMarshal.GetReference(from), (nuint)i)).StoreUnsafe(ref MemoryMarshal.GetReference(to), (nuint)i);
                }
            }
            else
            {
                for (; i <= rowLength - 8; i += 8)
                {
                    Vector128<sbyte> eight = Vector128.CreateScalarUnsafe(Eight(ref Unsafe.Add(ref MemoryMarshal.GetReference(from), i))).AsSByte();
                    Sse41.ConvertToVector128Int16(eight).StoreUnsafe(ref MemoryMarshal.GetReference(to), (nuint)i);
                }
            }

            for (; i < rowLength; i++) to[i] = from[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Pair(ref short x, nint t) => Unsafe.ReadUnaligned<int>(ref Unsafe.As<short, byte>(ref Unsafe.Add(ref x, t)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Eight(ref sbyte x) => Unsafe.ReadUnaligned<long>(ref Unsafe.As<sbyte, byte>(ref x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Four(ref sbyte x) => Unsafe.ReadUnaligned<int>(ref Unsafe.As<sbyte, byte>(ref x));

    /// <summary>How sums become stored outputs, several channels at a time.</summary>
    /// <remarks>MultiplyByQuantizedMultiplier in the form of <see cref="FixedPoint.MultiplyAndShiftRight"/>.</remarks>
    private readonly ref struct Requantization(ReadOnlySpan<int> multiplier, ReadOnlySpan<sbyte> right, int zeroPoint, int min, int max)
    {
        private readonly ReadOnlySpan<int> _multiplier = multiplier;
        private readonly ReadOnlySpan<sbyte> _right = right;

        /// <summary>Stores the outputs of neighbouring channels from <paramref name="channel"/> on: at most 16, as many as the span takes.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(ref int sums, int channel, Span<sbyte> output)
        {
            int done = 0;
            if (Avx512BW.IsSupported && output.Length == 16)
            {
                Scale512(Vector512.LoadUnsafe(ref sums), channel).StoreUnsafe(ref MemoryMarshal.GetReference(output));
                return;
            }

            if (Avx2.IsSupported)
            {
                for (; done + 8 <= output.Length; done += 8)
                {
                    long eight = Scale256(Vector256.LoadUnsafe(ref sums, (nuint)done), channel + done).AsInt64().ToScalar();
                    Unsafe.WriteUnaligned(ref Unsafe.As<sbyte, byte>(ref Unsafe.Add(ref MemoryMarshal.GetReference(output), done)), eight);
                }
            }

            bool isOne = _multiplier.Length == 1;
            for (; done < output.Length; done++)
            {
                int at = isOne ? 0 : channel + done;
                int scaled = FixedPoint.MultiplyAndShiftRight(Unsafe.Add(ref sums, done), _multiplier[at], _right[at]);
                output[done] = (sbyte)FixedPoint.Clamp(scaled + zeroPoint, min, max);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector128<sbyte> Scale512(Vector512<int> x, int channel)
        {
            Vector512<int> m, n;
            if (_multiplier.Length == 1)
            {
                m = Vector512.Create(_multiplier[0]);
                n = Vector512.Create((int)_right[0]);
            }
            else
            {
                m = Vector512.LoadUnsafe(ref MemoryMarshal.GetReference(_multiplier.Slice(channel, 16)));
                n = Avx512F.ConvertToVector512Int32(Vector128.LoadUnsafe(ref MemoryMarshal.GetReference(_right.Slice(channel, 16))));
            }

            // (x · m + 2^30) ≫ 31 for even and odd lanes, then rounded to the nearest multiple of 2^n, ties away from zero.
            Vector512<long> half = Vector512.Create(1L << 30);
            Vector512<long> even = Avx512F.Add(Avx512F.Multiply(x, m), half);
            Vector512<long> odd = Avx512F.Add(
                Avx512F.Multiply(Avx512F.ShiftRightLogical(x.AsInt64(), 32).AsInt32(), Avx512F.ShiftRightLogical(m.AsInt64(), 32).AsInt32()), half);
            Vector512<int> y = Vector512.ConditionalSelect(
                Vector512.Create(0x00000000FFFFFFFFL).AsInt32(), Avx512F.ShiftRightLogical(even, 31).AsInt32(), Avx512F.ShiftLeftLogical(odd, 1).AsInt32());
            Vector512<int> rounding = Avx512F.ShiftLeftLogicalVariable(Vector512<int>.One, Avx512F.Subtract(n, Vector512<int>.One).AsUInt32());
            y = Avx512F.Add(Avx512F.Add(y, rounding), Avx512F.ShiftRightArithmetic(y, 31));
            y = Avx512F.Add(Avx512F.ShiftRightArithmeticVariable(y, n.AsUInt32()), Vector512.Create(zeroPoint));
            Vector128<sbyte> stored = Avx512F.ConvertToVector128SByteWithSaturation(y);
            return Sse41.Min(Sse41.Max(stored, Vector128.Create((sbyte)min)), Vector128.Create((sbyte)max));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector128<sbyte> Scale256(Vector256<int> x, int channel)
        {
            Vector256<int> m, n;
            if (_multiplier.Length == 1)
            {
                m = Vector256.Create(_multiplier[0]);
                n = Vector256.Create((int)_right[0]);
            }
            else
            {
                m = Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(_multiplier.Slice(channel, 8)));
                long shifts = Eight(ref MemoryMarshal.GetReference(_right.Slice(channel, 8)));
                n = Avx2.ConvertToVector256Int32(Vector128.CreateScalarUnsafe(shifts).AsSByte());
            }

            Vector256<long> half = Vector256.Create(1L << 30);
            Vector256<long> even = Avx2.Add(Avx2.Multiply(x, m), half);
            Vector256<long> odd = Avx2.Add(
                Avx2.Multiply(Avx2.ShiftRightLogical(x.AsInt64(), 32).AsInt32(), Avx2.ShiftRightLogical(m.AsInt64(), 32).AsInt32()), half);
            Vector256<int> y = Avx2.Blend(Avx2.ShiftRightLogical(even, 31).AsInt32(), Avx2.ShiftLeftLogical(odd, 1).AsInt32(), 0xAA);
            Vector256<int> rounding = Avx2.ShiftLeftLogicalVariable(Vector256<int>.One, Avx2.Subtract(n, Vector256<int>.One).AsUInt32());
            y = Avx2.Add(Avx2.Add(y, rounding), Avx2.ShiftRightArithmetic(y, 31));
            y = Avx2.Add(Avx2.ShiftRightArithmeticVariable(y, n.AsUInt32()), Vector256.Create(zeroPoint));
            Vector128<short> words = Sse2.PackSignedSaturate(y.GetLower(), y.GetUpper());
            Vector128<sbyte> stored = Sse2.PackSignedSaturate(words, words);
            return Sse41.Min(Sse41.Max(stored, Vector128.Create((sbyte)min)), Vector128.Create((sbyte)max));
        }
    }
}
