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
    /// in order.
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
    public static void ConvolveDepthwise(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, ReadOnlySpan<int> multiplier, ReadOnlySpan<sbyte> right, int zeroPoint, int min, int max)
    {
        if (shape.IsOneRow(rowEnd - rowBegin, rowBegin, inputTop, out ConvolutionShape row))
        {
            DepthwiseRows(input, 0, output, 0, 1, row, outside, filter, bias, new Requantization(multiplier, right, zeroPoint, min, max));
        }
        else
        {
            DepthwiseRows(input, inputTop, output, rowBegin, rowEnd, shape, outside, filter, bias, new Requantization(multiplier, right, zeroPoint, min, max));
        }
    }

    private static void DepthwiseRows(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, in Requantization requantization)
    {
        int channels = shape.InputChannels, most = shape.DepthwisePixels(shape.OutputWidth), entries = shape.DepthwiseEntries(most);
        int rowsAtOnce = shape.DepthwiseRowsAtOnce, pairs = shape.DepthwisePairs;
        Span<byte> memory = stackalloc byte[(entries + (rowsAtOnce * pairs)) * ConvolutionShape.DepthwiseEntry];
        Span<sbyte> border = stackalloc sbyte[32];
        border.Fill(outside);
        var layer = new DepthwiseLayer
        {
            Shape = shape,
            Input = input,
            InputTop = inputTop,
            Stored = output,
            RowBegin = rowBegin,
            RowEnd = rowEnd,
            Border = border,
            Outside = outside,
            Filter = filter,
            Bias = bias,
            Output = requantization,
            Entries = memory.Slice(0, entries * ConvolutionShape.DepthwiseEntry),
            Weights = memory.Slice(entries * ConvolutionShape.DepthwiseEntry),
            Taps = stackalloc (int, int, int)[rowsAtOnce * pairs],
            Pairs = pairs,
            RowsAtOnce = rowsAtOnce,
            MostPixels = most,
            PairRows = (shape.FilterHeight + 1) / 2,
            RowEntries = shape.Columns(most) + 1,
        };
        for (int t = 0; t < layer.Taps.Length; t++) layer.Taps[t] = layer.TapsOf(t % pairs, t / pairs);

        // What is left of a block is computed as part of a block that ends with the last channel.
        int c = 0;
        if (Avx512BW.IsSupported && (channels == 16 || (channels == 8 && shape.StrideX == 1)))
        {
            DepthwiseNarrow(layer);
            return;
        }

        if (Avx512BW.IsSupported && channels >= 32)
        {
            for (; channels - c > 16; c += 32) Depthwise32(layer, Math.Min(c, channels - 32));
        }

        if (Avx2.IsSupported && channels >= 16)
        {
            for (; channels - c > 8; c += 16) Depthwise16(layer, Math.Min(c, channels - 16));
        }

        if (channels >= 8)
        {
            for (; c < channels; c += 8)
            {
                if (AdvSimd.Arm64.IsSupported) DepthwiseArm8(layer, Math.Min(c, channels - 8));
                else Depthwise8(layer, Math.Min(c, channels - 8));
            }
        }

        for (; c < channels; c++) Depthwise1(layer, c);
    }

    // All of 8 or 16 channels: with a stride of 1 a row is one sequence of values, of which sixteen are computed at a time. An entry
    // is one value with its partner.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DepthwiseNarrow(in DepthwiseLayer layer)
    {
        const int Entry = 4, Lanes = 16;
        ConvolutionShape shape = layer.Shape;
        int channels = shape.InputChannels, rowBytes = layer.RowEntries * channels * Entry;
        bool isEight = channels == 8;
        Span<int> weights = MemoryMarshal.Cast<byte, int>(layer.Weights).Slice(0, layer.Taps.Length * Lanes);
        Vector512<int> outside = Vector512.Create((int)layer.Outside), lowHalf = Vector512.Create(0xFFFF);
        for (int t = 0; t < layer.Taps.Length; t++)
        {
            (int tap, int partner, _) = layer.Taps[t];
            Vector512<int> w0 = tap < 0 ? Vector512<int>.Zero : Sixteen(ref layer.FilterAt(tap, 0), isEight);
            Vector512<int> w1 = partner < 0 ? Vector512<int>.Zero : Sixteen(ref layer.FilterAt(partner, 0), isEight);
            Vector512.ConditionalSelect(lowHalf, Avx512F.Add(w0, w0), Avx512F.ShiftLeftLogical(w1, 17)).StoreUnsafe(ref weights[t * Lanes]);
        }

        Vector256<int> bias = Vector256.LoadUnsafe(ref layer.BiasAt(0));
        Vector512<int> start = Vector512.Create(bias, isEight ? bias : Vector256.LoadUnsafe(ref layer.BiasAt(8)));
        start = Avx512F.Add(start, start);
        Vector512<int> m = Vector512.Create(layer.Output.Multiplier256(0), layer.Output.Multiplier256(isEight ? 0 : 8));
        Vector512<int> n = Vector512.Create(layer.Output.Right256(0), layer.Output.Right256(isEight ? 0 : 8));
        Vector512<int> oddM = Avx512F.ShiftRightLogical(m.AsInt64(), 32).AsInt32(), rounding = HalfOf(n), zeroPoint = Vector512.Create(layer.Output.ZeroPoint);
        Vector128<sbyte> min = Vector128.Create((sbyte)layer.Output.Min), max = Vector128.Create((sbyte)layer.Output.Max);
        nint step = (channels == Lanes ? shape.StrideX : 1) * Lanes * Entry;
        for (int y = layer.RowBegin; y < layer.RowEnd; y += layer.RowsAtOnce)
        for (int x = 0; x < shape.OutputWidth; x += layer.MostPixels)
        {
            int rowsAtOnce = Math.Min(layer.RowsAtOnce, layer.RowEnd - y), pixels = Math.Min(layer.MostPixels, shape.OutputWidth - x);
            ref byte entries = ref MemoryMarshal.GetReference(layer.Entries);
            for (int pair = 0; pair < layer.PairRows; pair++)
            {
                PairOfRows rows = layer.RowsOf(pair, y, rowsAtOnce, x, pixels, 0);
                Span<int> to = MemoryMarshal.Cast<byte, int>(layer.Entries.Slice(pair * rowBytes, rowBytes));
                int begin = rows.InsideBegin * channels, end = rows.InsideEnd * channels, i = begin;
                nint shift = rows.Begin * channels;
                bool hasUpper = rows.UpperStep > 0, hasLower = rows.LowerStep > 0;
                for (; i <= end - Lanes; i += Lanes)
                {
                    Vector512<int> a = hasUpper ? Avx512F.ConvertToVector512Int32(Vector128.LoadUnsafe(ref Unsafe.Add(ref rows.Upper, shift + i))) : outside;
                    Vector512<int> b = hasLower ? Avx512F.ConvertToVector512Int32(Vector128.LoadUnsafe(ref Unsafe.Add(ref rows.Lower, shift + i))) : outside;
                    Vector512.ConditionalSelect(lowHalf, a, Avx512F.ShiftLeftLogical(b, 16)).StoreUnsafe(ref to[i]);
                }

                for (; i < end; i++) to[i] = Join(hasUpper ? Unsafe.Add(ref rows.Upper, shift + i) : layer.Outside, hasLower ? Unsafe.Add(ref rows.Lower, shift + i) : layer.Outside);
                int last = rows.Columns * channels;
                if (rows.Shift == 0)
                {
                    to.Slice(0, begin).Fill(Join(layer.Outside, layer.Outside));
                    to.Slice(end, last - end).Fill(Join(layer.Outside, layer.Outside));
                    continue;
                }

                for (int j = 0; j < begin; j++) to[j] = Border(j, rows, layer.Outside, channels);
                for (int j = end; j < last; j++) to[j] = Border(j, rows, layer.Outside, channels);
            }

            for (int row = 0; row < rowsAtOnce; row++)
            {
                ref sbyte stored = ref layer.StoredAt(y + row, x, pixels, 0);
                ref byte window = ref entries;
                ReadOnlySpan<(int, int, int Entry)> taps = layer.Taps.Slice(row * layer.Pairs, layer.Pairs);
                ref int rowWeights = ref weights[row * layer.Pairs * Lanes];
                int left = pixels * channels;
                if (shape.FilterHeight == 3 && shape.FilterWidth == 3)
                {
                    Vector512<short> w0 = Vector512.LoadUnsafe(ref rowWeights).AsInt16(), w1 = Vector512.LoadUnsafe(ref rowWeights, 16).AsInt16();
                    Vector512<short> w2 = Vector512.LoadUnsafe(ref rowWeights, 32).AsInt16(), w3 = Vector512.LoadUnsafe(ref rowWeights, 48).AsInt16();
                    Vector512<short> w4 = Vector512.LoadUnsafe(ref rowWeights, 64).AsInt16(), w5 = Vector512.LoadUnsafe(ref rowWeights, 80).AsInt16();
                    nint column = channels * Entry;
                    for (; left > 0; left -= Lanes)
                    {
                        ref byte below = ref Unsafe.AddByteOffset(ref window, (nint)rowBytes);
                        Vector512<int> acc = Avx512F.Add(start, Avx512BW.MultiplyAddAdjacent(At512(ref window), w0));
                        acc = Avx512F.Add(acc, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.AddByteOffset(ref window, column)), w1));
                        acc = Avx512F.Add(acc, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.AddByteOffset(ref window, 2 * column)), w2));
                        Vector512<int> more = Avx512BW.MultiplyAddAdjacent(At512(ref below), w3);
                        more = Avx512F.Add(more, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.AddByteOffset(ref below, column)), w4));
                        more = Avx512F.Add(more, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.AddByteOffset(ref below, 2 * column)), w5));
                        Store(Scale(Avx512F.Add(acc, more), m, oddM, rounding, n), zeroPoint, min, max, Math.Min(Lanes, left), ref stored);
                        stored = ref Unsafe.Add(ref stored, Lanes);
                        window = ref Unsafe.AddByteOffset(ref window, step);
                    }

                    continue;
                }

                for (; left > 0; left -= Lanes)
                {
                    Vector512<int> acc = start;
                    ref int w = ref rowWeights;
                    for (int t = 0; t < taps.Length; t++)
                    {
                        ref byte entry = ref Unsafe.AddByteOffset(ref window, (nint)taps[t].Entry * channels * Entry);
                        acc = Avx512F.Add(acc, Avx512BW.MultiplyAddAdjacent(At512(ref entry), Vector512.LoadUnsafe(ref w).AsInt16()));
                        w = ref Unsafe.Add(ref w, Lanes);
                    }

                    Store(Scale(acc, m, oddM, rounding, n), zeroPoint, min, max, Math.Min(Lanes, left), ref stored);
                    stored = ref Unsafe.Add(ref stored, Lanes);
                    window = ref Unsafe.AddByteOffset(ref window, step);
                }
            }
        }
    }

    // Sixteen values as int32, or eight twice.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Sixteen(ref sbyte x, bool isEight) =>
        Avx512F.ConvertToVector512Int32(isEight ? Vector128.Create(Eight(ref x)).AsSByte() : Vector128.LoadUnsafe(ref x));

    private static int Join(int low, int high) => (high << 16) | (low & 0xFFFF);

    // A value of a column of which a part lies outside the image, with its partner.
    private static int Border(int j, in PairOfRows rows, int outside, int channels)
    {
        int ix = rows.Begin + (j / channels), c = j % channels, partner = ix + rows.Shift;
        int low = ix >= 0 && ix < rows.Width ? Unsafe.Add(ref rows.Upper, (ix * rows.UpperStep) + c) : outside;
        int high = partner >= 0 && partner < rows.Width ? Unsafe.Add(ref rows.Lower, (ix * rows.LowerStep) + c) : outside;
        return Join(low, high);
    }

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
                int ix = (x * shape.StrideX) - shape.PadLeft + kx;
                int value = ix >= 0 && ix < shape.InputWidth ? Unsafe.Add(ref layer.InputAt((y * shape.StrideY) - shape.PadTop + ky, c, out nint step), ix * step) : layer.Outside;
                acc += value * layer.FilterAt((ky * shape.FilterWidth) + kx, c);
            }

            int scaled = FixedPoint.MultiplyAndShiftRight(acc, layer.Output.Multiplier(c), layer.Output.Right(c));
            layer.StoredAt(y, x, 1, c) = (sbyte)FixedPoint.Clamp(scaled + layer.Output.ZeroPoint, layer.Output.Min, layer.Output.Max);
        }
    }

    // 32 channels of all rows, from channel c on.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Depthwise32(in DepthwiseLayer layer, int c)
    {
        const int Half = 64, Entry = 2 * Half;

        // Doubled, so that the sums are.
        ref byte weights = ref MemoryMarshal.GetReference(layer.Weights);
        for (int t = 0; t < layer.Taps.Length; t++)
        {
            (int tap, int partner, _) = layer.Taps[t];
            Vector512<short> w0 = tap < 0 ? Vector512<short>.Zero : Widen32(ref layer.FilterAt(tap, c)), w1 = partner < 0 ? Vector512<short>.Zero : Widen32(ref layer.FilterAt(partner, c));
            Interleave32(Avx512BW.Add(w0, w0), Avx512BW.Add(w1, w1), ref Unsafe.Add(ref weights, t * Entry));
        }

        ConvolutionShape shape = layer.Shape;
        Vector512<short> outside = Vector512.Create((short)layer.Outside);
        nint step = shape.StrideX * Entry, channels = shape.InputChannels;
        bool is3x3 = shape.FilterHeight == 3 && shape.FilterWidth == 3;
        // Interleaved, the low vector has channels 0–3, 8–11, 16–19, 24–27 and the high one the others.
        Vector512<int> lowLanes = Vector512.Create(0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27), highLanes = Avx512F.Add(lowLanes, Vector512.Create(4));
        Vector512<int> first = Vector512.LoadUnsafe(ref layer.BiasAt(c)), last = Vector512.LoadUnsafe(ref layer.BiasAt(c), 16);
        Vector512<int> startLow = Avx512F.PermuteVar16x32x2(first, lowLanes, last), startHigh = Avx512F.PermuteVar16x32x2(first, highLanes, last);
        startLow = Avx512F.Add(startLow, startLow);
        startHigh = Avx512F.Add(startHigh, startHigh);
        Vector512<int> m = layer.Output.Multiplier512(c), m16 = layer.Output.Multiplier512(c + 16), n = layer.Output.Right512(c), n16 = layer.Output.Right512(c + 16);
        Vector512<int> mLow = Avx512F.PermuteVar16x32x2(m, lowLanes, m16), mHigh = Avx512F.PermuteVar16x32x2(m, highLanes, m16);
        Vector512<int> nLow = Avx512F.PermuteVar16x32x2(n, lowLanes, n16), nHigh = Avx512F.PermuteVar16x32x2(n, highLanes, n16);
        Vector512<int> oddLow = Avx512F.ShiftRightLogical(mLow.AsInt64(), 32).AsInt32(), oddHigh = Avx512F.ShiftRightLogical(mHigh.AsInt64(), 32).AsInt32();
        Vector512<int> halfLow = HalfOf(nLow), halfHigh = HalfOf(nHigh);
        Vector512<short> zeroPoint = Vector512.Create((short)layer.Output.ZeroPoint);
        Vector256<sbyte> min = Vector256.Create((sbyte)layer.Output.Min), max = Vector256.Create((sbyte)layer.Output.Max);
        for (int y = layer.RowBegin; y < layer.RowEnd; y += layer.RowsAtOnce)
        for (int x = 0; x < shape.OutputWidth; x += layer.MostPixels)
        {
            int rowsAtOnce = Math.Min(layer.RowsAtOnce, layer.RowEnd - y);

            // Windows' columns, two rows side by side.
            int pixels = Math.Min(layer.MostPixels, shape.OutputWidth - x);
            ref byte entries = ref MemoryMarshal.GetReference(layer.Entries);
            for (int pair = 0; pair < layer.PairRows; pair++)
            {
                ref byte entry = ref Unsafe.Add(ref entries, pair * layer.RowEntries * Entry);
                PairOfRows rows = layer.RowsOf(pair, y, rowsAtOnce, x, pixels, c);
                ref sbyte upper = ref rows.Upper, lower = ref rows.Lower;
                nint upperStep = rows.UpperStep, lowerStep = rows.LowerStep;
                for (int j = 0; j < rows.InsideBegin; j++) Edge32(j, ref entry, rows, outside);
                for (int j = rows.InsideBegin; j < rows.InsideEnd; j++)
                {
                    nint ix = rows.Begin + j;
                    Vector512<short> a = Widen32(ref Unsafe.Add(ref upper, ix * upperStep)), b = Widen32(ref Unsafe.Add(ref lower, ix * lowerStep));
                    Interleave32(a, b, ref Unsafe.Add(ref entry, j * Entry));
                }

                for (int j = rows.InsideEnd; j < rows.Columns; j++) Edge32(j, ref entry, rows, outside);
            }

            for (int row = 0; row < rowsAtOnce; row++)
            {
                ref sbyte stored = ref layer.StoredAt(y + row, x, pixels, c);
                ref byte window = ref entries;
                ReadOnlySpan<(int, int, int Entry)> taps = layer.Taps.Slice(row * layer.Pairs, layer.Pairs);
                ref byte rowWeights = ref Unsafe.Add(ref weights, row * layer.Pairs * Entry);
                if (is3x3)
                {
                    nint second = layer.RowEntries * Entry;
                    Vector512<short> low0 = At512(ref Unsafe.Add(ref rowWeights, 0 * Half)), high0 = At512(ref Unsafe.Add(ref rowWeights, 1 * Half));
                    Vector512<short> low1 = At512(ref Unsafe.Add(ref rowWeights, 2 * Half)), high1 = At512(ref Unsafe.Add(ref rowWeights, 3 * Half));
                    Vector512<short> low2 = At512(ref Unsafe.Add(ref rowWeights, 4 * Half)), high2 = At512(ref Unsafe.Add(ref rowWeights, 5 * Half));
                    Vector512<short> low3 = At512(ref Unsafe.Add(ref rowWeights, 6 * Half)), high3 = At512(ref Unsafe.Add(ref rowWeights, 7 * Half));
                    Vector512<short> low4 = At512(ref Unsafe.Add(ref rowWeights, 8 * Half)), high4 = At512(ref Unsafe.Add(ref rowWeights, 9 * Half));
                    Vector512<short> low5 = At512(ref Unsafe.Add(ref rowWeights, 10 * Half)), high5 = At512(ref Unsafe.Add(ref rowWeights, 11 * Half));
                    for (int pixel = pixels; pixel > 0; pixel--)
                    {
                        ref byte below = ref Unsafe.AddByteOffset(ref window, second);
                        Vector512<int> low = Avx512F.Add(startLow, Avx512BW.MultiplyAddAdjacent(At512(ref window), low0));
                        low = Avx512F.Add(low, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.Add(ref window, 2 * Half)), low1));
                        low = Avx512F.Add(low, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.Add(ref window, 4 * Half)), low2));
                        low = Avx512F.Add(low, Avx512BW.MultiplyAddAdjacent(At512(ref below), low3));
                        low = Avx512F.Add(low, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.Add(ref below, 2 * Half)), low4));
                        low = Avx512F.Add(low, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.Add(ref below, 4 * Half)), low5));
                        Vector512<int> high = Avx512F.Add(startHigh, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.Add(ref window, 1 * Half)), high0));
                        high = Avx512F.Add(high, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.Add(ref window, 3 * Half)), high1));
                        high = Avx512F.Add(high, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.Add(ref window, 5 * Half)), high2));
                        high = Avx512F.Add(high, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.Add(ref below, 1 * Half)), high3));
                        high = Avx512F.Add(high, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.Add(ref below, 3 * Half)), high4));
                        high = Avx512F.Add(high, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.Add(ref below, 5 * Half)), high5));
                        Vector512<short> words = Avx512BW.PackSignedSaturate(Scale(low, mLow, oddLow, halfLow, nLow), Scale(high, mHigh, oddHigh, halfHigh, nHigh));
                        Vector256<sbyte> bytes = Avx512BW.ConvertToVector256SByteWithSaturation(Avx512BW.AddSaturate(words, zeroPoint));
                        Avx2.Min(Avx2.Max(bytes, min), max).StoreUnsafe(ref stored);
                        stored = ref Unsafe.Add(ref stored, channels);
                        window = ref Unsafe.AddByteOffset(ref window, step);
                    }

                    continue;
                }

                for (int pixel = pixels; pixel > 0; pixel--)
                {
                    Vector512<int> low = startLow, high = startHigh;
                    ref byte w = ref rowWeights;
                    for (int t = 0; t < taps.Length; t++)
                    {
                        ref byte entry = ref Unsafe.AddByteOffset(ref window, (nint)(taps[t].Entry * Entry));
                        low = Avx512F.Add(low, Avx512BW.MultiplyAddAdjacent(At512(ref entry), At512(ref w)));
                        high = Avx512F.Add(high, Avx512BW.MultiplyAddAdjacent(At512(ref Unsafe.Add(ref entry, Half)), At512(ref Unsafe.Add(ref w, Half))));
                        w = ref Unsafe.Add(ref w, Entry);
                    }

                    Vector512<short> words = Avx512BW.PackSignedSaturate(Scale(low, mLow, oddLow, halfLow, nLow), Scale(high, mHigh, oddHigh, halfHigh, nHigh));
                    Vector256<sbyte> bytes = Avx512BW.ConvertToVector256SByteWithSaturation(Avx512BW.AddSaturate(words, zeroPoint));
                    Avx2.Min(Avx2.Max(bytes, min), max).StoreUnsafe(ref stored);
                    stored = ref Unsafe.Add(ref stored, channels);
                    window = ref Unsafe.AddByteOffset(ref window, step);
                }
            }
        }
    }

    // A column of which a part lies outside the image.
    private static void Edge32(int j, ref byte entry, in PairOfRows rows, Vector512<short> outside)
    {
        int ix = rows.Begin + j, partner = ix + rows.Shift;
        Vector512<short> a = ix >= 0 && ix < rows.Width ? Widen32(ref Unsafe.Add(ref rows.Upper, ix * rows.UpperStep)) : outside;
        Vector512<short> b = partner >= 0 && partner < rows.Width ? Widen32(ref Unsafe.Add(ref rows.Lower, ix * rows.LowerStep)) : outside;
        Interleave32(a, b, ref Unsafe.Add(ref entry, j * 128));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Widen32(ref sbyte x) => Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> At512(ref byte x) => Vector512.LoadUnsafe(ref x).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Interleave32(Vector512<short> a, Vector512<short> b, ref byte entry)
    {
        Avx512BW.UnpackLow(a, b).AsByte().StoreUnsafe(ref entry);
        Avx512BW.UnpackHigh(a, b).AsByte().StoreUnsafe(ref entry, 64);
    }

    // 16 channels of all rows, from channel c on.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Depthwise16(in DepthwiseLayer layer, int c)
    {
        const int Half = 32, Entry = 2 * Half;

        // Doubled, so that the sums are.
        ref byte weights = ref MemoryMarshal.GetReference(layer.Weights);
        for (int t = 0; t < layer.Taps.Length; t++)
        {
            (int tap, int partner, _) = layer.Taps[t];
            Vector256<short> w0 = tap < 0 ? Vector256<short>.Zero : Widen16(ref layer.FilterAt(tap, c)), w1 = partner < 0 ? Vector256<short>.Zero : Widen16(ref layer.FilterAt(partner, c));
            Interleave16(Avx2.Add(w0, w0), Avx2.Add(w1, w1), ref Unsafe.Add(ref weights, t * Entry));
        }

        ConvolutionShape shape = layer.Shape;
        Vector256<short> outside = Vector256.Create((short)layer.Outside);
        nint step = shape.StrideX * Entry, channels = shape.InputChannels;
        bool is3x3 = shape.FilterHeight == 3 && shape.FilterWidth == 3;
        // Interleaved, the low vector has channels 0–3 and 8–11 and the high one the others.
        Vector256<int> first = Vector256.LoadUnsafe(ref layer.BiasAt(c)), last = Vector256.LoadUnsafe(ref layer.BiasAt(c), 8);
        Vector256<int> startLow = Avx2.Permute2x128(first, last, 0x20), startHigh = Avx2.Permute2x128(first, last, 0x31);
        startLow = Avx2.Add(startLow, startLow);
        startHigh = Avx2.Add(startHigh, startHigh);
        Vector256<int> m = layer.Output.Multiplier256(c), m8 = layer.Output.Multiplier256(c + 8), n = layer.Output.Right256(c), n8 = layer.Output.Right256(c + 8);
        Vector256<int> mLow = Avx2.Permute2x128(m, m8, 0x20), mHigh = Avx2.Permute2x128(m, m8, 0x31);
        Vector256<int> nLow = Avx2.Permute2x128(n, n8, 0x20), nHigh = Avx2.Permute2x128(n, n8, 0x31);
        Vector256<int> oddLow = Avx2.ShiftRightLogical(mLow.AsInt64(), 32).AsInt32(), oddHigh = Avx2.ShiftRightLogical(mHigh.AsInt64(), 32).AsInt32();
        Vector256<int> halfLow = HalfOf(nLow), halfHigh = HalfOf(nHigh);
        Vector256<short> zeroPoint = Vector256.Create((short)layer.Output.ZeroPoint);
        Vector128<sbyte> min = Vector128.Create((sbyte)layer.Output.Min), max = Vector128.Create((sbyte)layer.Output.Max);
        for (int y = layer.RowBegin; y < layer.RowEnd; y += layer.RowsAtOnce)
        for (int x = 0; x < shape.OutputWidth; x += layer.MostPixels)
        {
            int rowsAtOnce = Math.Min(layer.RowsAtOnce, layer.RowEnd - y);

            // Windows' columns, two rows side by side.
            int pixels = Math.Min(layer.MostPixels, shape.OutputWidth - x);
            ref byte entries = ref MemoryMarshal.GetReference(layer.Entries);
            for (int pair = 0; pair < layer.PairRows; pair++)
            {
                ref byte entry = ref Unsafe.Add(ref entries, pair * layer.RowEntries * Entry);
                PairOfRows rows = layer.RowsOf(pair, y, rowsAtOnce, x, pixels, c);
                ref sbyte upper = ref rows.Upper, lower = ref rows.Lower;
                nint upperStep = rows.UpperStep, lowerStep = rows.LowerStep;
                for (int j = 0; j < rows.InsideBegin; j++) Edge16(j, ref entry, rows, outside);
                for (int j = rows.InsideBegin; j < rows.InsideEnd; j++)
                {
                    nint ix = rows.Begin + j;
                    Vector256<short> a = Widen16(ref Unsafe.Add(ref upper, ix * upperStep)), b = Widen16(ref Unsafe.Add(ref lower, ix * lowerStep));
                    Interleave16(a, b, ref Unsafe.Add(ref entry, j * Entry));
                }

                for (int j = rows.InsideEnd; j < rows.Columns; j++) Edge16(j, ref entry, rows, outside);
            }

            for (int row = 0; row < rowsAtOnce; row++)
            {
                ref sbyte stored = ref layer.StoredAt(y + row, x, pixels, c);
                ref byte window = ref entries;
                ReadOnlySpan<(int, int, int Entry)> taps = layer.Taps.Slice(row * layer.Pairs, layer.Pairs);
                ref byte rowWeights = ref Unsafe.Add(ref weights, row * layer.Pairs * Entry);
                if (is3x3)
                {
                    nint second = layer.RowEntries * Entry;
                    Vector256<short> low0 = At256(ref Unsafe.Add(ref rowWeights, 0 * Half)), high0 = At256(ref Unsafe.Add(ref rowWeights, 1 * Half));
                    Vector256<short> low1 = At256(ref Unsafe.Add(ref rowWeights, 2 * Half)), high1 = At256(ref Unsafe.Add(ref rowWeights, 3 * Half));
                    Vector256<short> low2 = At256(ref Unsafe.Add(ref rowWeights, 4 * Half)), high2 = At256(ref Unsafe.Add(ref rowWeights, 5 * Half));
                    Vector256<short> low3 = At256(ref Unsafe.Add(ref rowWeights, 6 * Half)), high3 = At256(ref Unsafe.Add(ref rowWeights, 7 * Half));
                    Vector256<short> low4 = At256(ref Unsafe.Add(ref rowWeights, 8 * Half)), high4 = At256(ref Unsafe.Add(ref rowWeights, 9 * Half));
                    Vector256<short> low5 = At256(ref Unsafe.Add(ref rowWeights, 10 * Half)), high5 = At256(ref Unsafe.Add(ref rowWeights, 11 * Half));
                    for (int pixel = pixels; pixel > 0; pixel--)
                    {
                        ref byte below = ref Unsafe.AddByteOffset(ref window, second);
                        Vector256<int> low = Avx2.Add(startLow, Avx2.MultiplyAddAdjacent(At256(ref window), low0));
                        low = Avx2.Add(low, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref window, 2 * Half)), low1));
                        low = Avx2.Add(low, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref window, 4 * Half)), low2));
                        low = Avx2.Add(low, Avx2.MultiplyAddAdjacent(At256(ref below), low3));
                        low = Avx2.Add(low, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref below, 2 * Half)), low4));
                        low = Avx2.Add(low, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref below, 4 * Half)), low5));
                        Vector256<int> high = Avx2.Add(startHigh, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref window, 1 * Half)), high0));
                        high = Avx2.Add(high, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref window, 3 * Half)), high1));
                        high = Avx2.Add(high, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref window, 5 * Half)), high2));
                        high = Avx2.Add(high, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref below, 1 * Half)), high3));
                        high = Avx2.Add(high, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref below, 3 * Half)), high4));
                        high = Avx2.Add(high, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref below, 5 * Half)), high5));
                        Vector256<short> words = Avx2.PackSignedSaturate(Scale(low, mLow, oddLow, halfLow, nLow), Scale(high, mHigh, oddHigh, halfHigh, nHigh));
                        words = Avx2.AddSaturate(words, zeroPoint);
                        Vector128<sbyte> bytes = Sse2.PackSignedSaturate(words.GetLower(), words.GetUpper());
                        Sse41.Min(Sse41.Max(bytes, min), max).StoreUnsafe(ref stored);
                        stored = ref Unsafe.Add(ref stored, channels);
                        window = ref Unsafe.AddByteOffset(ref window, step);
                    }

                    continue;
                }

                for (int pixel = pixels; pixel > 0; pixel--)
                {
                    Vector256<int> low = startLow, high = startHigh;
                    ref byte w = ref rowWeights;
                    for (int t = 0; t < taps.Length; t++)
                    {
                        ref byte entry = ref Unsafe.AddByteOffset(ref window, (nint)(taps[t].Entry * Entry));
                        low = Avx2.Add(low, Avx2.MultiplyAddAdjacent(At256(ref entry), At256(ref w)));
                        high = Avx2.Add(high, Avx2.MultiplyAddAdjacent(At256(ref Unsafe.Add(ref entry, Half)), At256(ref Unsafe.Add(ref w, Half))));
                        w = ref Unsafe.Add(ref w, Entry);
                    }

                    Vector256<short> words = Avx2.PackSignedSaturate(Scale(low, mLow, oddLow, halfLow, nLow), Scale(high, mHigh, oddHigh, halfHigh, nHigh));
                    words = Avx2.AddSaturate(words, zeroPoint);
                    Vector128<sbyte> bytes = Sse2.PackSignedSaturate(words.GetLower(), words.GetUpper());
                    Sse41.Min(Sse41.Max(bytes, min), max).StoreUnsafe(ref stored);
                    stored = ref Unsafe.Add(ref stored, channels);
                    window = ref Unsafe.AddByteOffset(ref window, step);
                }
            }
        }
    }

    // A column of which a part lies outside the image.
    private static void Edge16(int j, ref byte entry, in PairOfRows rows, Vector256<short> outside)
    {
        int ix = rows.Begin + j, partner = ix + rows.Shift;
        Vector256<short> a = ix >= 0 && ix < rows.Width ? Widen16(ref Unsafe.Add(ref rows.Upper, ix * rows.UpperStep)) : outside;
        Vector256<short> b = partner >= 0 && partner < rows.Width ? Widen16(ref Unsafe.Add(ref rows.Lower, ix * rows.LowerStep)) : outside;
        Interleave16(a, b, ref Unsafe.Add(ref entry, j * 64));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Widen16(ref sbyte x) => Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> At256(ref byte x) => Vector256.LoadUnsafe(ref x).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Interleave16(Vector256<short> a, Vector256<short> b, ref byte entry)
    {
        Avx2.UnpackLow(a, b).AsByte().StoreUnsafe(ref entry);
        Avx2.UnpackHigh(a, b).AsByte().StoreUnsafe(ref entry, 32);
    }

    // 8 channels of all rows, from channel c on.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Depthwise8(in DepthwiseLayer layer, int c)
    {
        const int Half = 16, Entry = 2 * Half;

        // Doubled, so that the sums are.
        ref byte weights = ref MemoryMarshal.GetReference(layer.Weights);
        for (int t = 0; t < layer.Taps.Length; t++)
        {
            (int tap, int partner, _) = layer.Taps[t];
            Vector128<short> w0 = tap < 0 ? Vector128<short>.Zero : Widen8(ref layer.FilterAt(tap, c)), w1 = partner < 0 ? Vector128<short>.Zero : Widen8(ref layer.FilterAt(partner, c));
            Interleave8(Sse2.Add(w0, w0), Sse2.Add(w1, w1), ref Unsafe.Add(ref weights, t * Entry));
        }

        ConvolutionShape shape = layer.Shape;
        Vector128<short> outside = Vector128.Create((short)layer.Outside);
        nint step = shape.StrideX * Entry, channels = shape.InputChannels;
        bool is3x3 = shape.FilterHeight == 3 && shape.FilterWidth == 3;
        Vector128<int> startLow = Vector128.LoadUnsafe(ref layer.BiasAt(c)), startHigh = Vector128.LoadUnsafe(ref layer.BiasAt(c), 4);
        startLow = Sse2.Add(startLow, startLow);
        startHigh = Sse2.Add(startHigh, startHigh);
        var factors = new Factors128(layer.Output, c, 8);
        Vector128<sbyte> min = Vector128.Create((sbyte)layer.Output.Min), max = Vector128.Create((sbyte)layer.Output.Max);
        for (int y = layer.RowBegin; y < layer.RowEnd; y += layer.RowsAtOnce)
        for (int x = 0; x < shape.OutputWidth; x += layer.MostPixels)
        {
            int rowsAtOnce = Math.Min(layer.RowsAtOnce, layer.RowEnd - y);

            // Windows' columns, two rows side by side.
            int pixels = Math.Min(layer.MostPixels, shape.OutputWidth - x);
            ref byte entries = ref MemoryMarshal.GetReference(layer.Entries);
            for (int pair = 0; pair < layer.PairRows; pair++)
            {
                ref byte entry = ref Unsafe.Add(ref entries, pair * layer.RowEntries * Entry);
                PairOfRows rows = layer.RowsOf(pair, y, rowsAtOnce, x, pixels, c);
                ref sbyte upper = ref rows.Upper, lower = ref rows.Lower;
                nint upperStep = rows.UpperStep, lowerStep = rows.LowerStep;
                for (int j = 0; j < rows.InsideBegin; j++) Edge8(j, ref entry, rows, outside);
                for (int j = rows.InsideBegin; j < rows.InsideEnd; j++)
                {
                    nint ix = rows.Begin + j;
                    Vector128<short> a = Widen8(ref Unsafe.Add(ref upper, ix * upperStep)), b = Widen8(ref Unsafe.Add(ref lower, ix * lowerStep));
                    Interleave8(a, b, ref Unsafe.Add(ref entry, j * Entry));
                }

                for (int j = rows.InsideEnd; j < rows.Columns; j++) Edge8(j, ref entry, rows, outside);
            }

            for (int row = 0; row < rowsAtOnce; row++)
            {
                ref sbyte stored = ref layer.StoredAt(y + row, x, pixels, c);
                ref byte window = ref entries;
                ReadOnlySpan<(int, int, int Entry)> taps = layer.Taps.Slice(row * layer.Pairs, layer.Pairs);
                ref byte rowWeights = ref Unsafe.Add(ref weights, row * layer.Pairs * Entry);
                if (is3x3)
                {
                    nint second = layer.RowEntries * Entry;
                    Vector128<short> low0 = At128(ref Unsafe.Add(ref rowWeights, 0 * Half)), high0 = At128(ref Unsafe.Add(ref rowWeights, 1 * Half));
                    Vector128<short> low1 = At128(ref Unsafe.Add(ref rowWeights, 2 * Half)), high1 = At128(ref Unsafe.Add(ref rowWeights, 3 * Half));
                    Vector128<short> low2 = At128(ref Unsafe.Add(ref rowWeights, 4 * Half)), high2 = At128(ref Unsafe.Add(ref rowWeights, 5 * Half));
                    Vector128<short> low3 = At128(ref Unsafe.Add(ref rowWeights, 6 * Half)), high3 = At128(ref Unsafe.Add(ref rowWeights, 7 * Half));
                    Vector128<short> low4 = At128(ref Unsafe.Add(ref rowWeights, 8 * Half)), high4 = At128(ref Unsafe.Add(ref rowWeights, 9 * Half));
                    Vector128<short> low5 = At128(ref Unsafe.Add(ref rowWeights, 10 * Half)), high5 = At128(ref Unsafe.Add(ref rowWeights, 11 * Half));
                    for (int pixel = pixels; pixel > 0; pixel--)
                    {
                        ref byte below = ref Unsafe.AddByteOffset(ref window, second);
                        Vector128<int> low = Sse2.Add(startLow, Sse2.MultiplyAddAdjacent(At128(ref window), low0));
                        low = Sse2.Add(low, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref window, 2 * Half)), low1));
                        low = Sse2.Add(low, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref window, 4 * Half)), low2));
                        low = Sse2.Add(low, Sse2.MultiplyAddAdjacent(At128(ref below), low3));
                        low = Sse2.Add(low, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref below, 2 * Half)), low4));
                        low = Sse2.Add(low, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref below, 4 * Half)), low5));
                        Vector128<int> high = Sse2.Add(startHigh, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref window, 1 * Half)), high0));
                        high = Sse2.Add(high, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref window, 3 * Half)), high1));
                        high = Sse2.Add(high, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref window, 5 * Half)), high2));
                        high = Sse2.Add(high, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref below, 1 * Half)), high3));
                        high = Sse2.Add(high, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref below, 3 * Half)), high4));
                        high = Sse2.Add(high, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref below, 5 * Half)), high5));
                        factors.Store(low, high, layer.Output, c, 8, min, max, ref stored);
                        stored = ref Unsafe.Add(ref stored, channels);
                        window = ref Unsafe.AddByteOffset(ref window, step);
                    }

                    continue;
                }

                for (int pixel = pixels; pixel > 0; pixel--)
                {
                    Vector128<int> low = startLow, high = startHigh;
                    ref byte w = ref rowWeights;
                    for (int t = 0; t < taps.Length; t++)
                    {
                        ref byte entry = ref Unsafe.AddByteOffset(ref window, (nint)(taps[t].Entry * Entry));
                        low = Sse2.Add(low, Sse2.MultiplyAddAdjacent(At128(ref entry), At128(ref w)));
                        high = Sse2.Add(high, Sse2.MultiplyAddAdjacent(At128(ref Unsafe.Add(ref entry, Half)), At128(ref Unsafe.Add(ref w, Half))));
                        w = ref Unsafe.Add(ref w, Entry);
                    }

                    factors.Store(low, high, layer.Output, c, 8, min, max, ref stored);
                    stored = ref Unsafe.Add(ref stored, channels);
                    window = ref Unsafe.AddByteOffset(ref window, step);
                }
            }
        }
    }

    // A column of which a part lies outside the image.
    private static void Edge8(int j, ref byte entry, in PairOfRows rows, Vector128<short> outside)
    {
        int ix = rows.Begin + j, partner = ix + rows.Shift;
        Vector128<short> a = ix >= 0 && ix < rows.Width ? Widen8(ref Unsafe.Add(ref rows.Upper, ix * rows.UpperStep)) : outside;
        Vector128<short> b = partner >= 0 && partner < rows.Width ? Widen8(ref Unsafe.Add(ref rows.Lower, ix * rows.LowerStep)) : outside;
        Interleave8(a, b, ref Unsafe.Add(ref entry, j * 32));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Widen8(ref sbyte x) => Sse41.ConvertToVector128Int16(Vector128.CreateScalarUnsafe(Eight(ref x)).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> At128(ref byte x) => Vector128.LoadUnsafe(ref x).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Interleave8(Vector128<short> a, Vector128<short> b, ref byte entry)
    {
        Sse2.UnpackLow(a, b).AsByte().StoreUnsafe(ref entry);
        Sse2.UnpackHigh(a, b).AsByte().StoreUnsafe(ref entry, 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> HalfOf(Vector512<int> n) => Avx512F.ShiftLeftLogicalVariable(Vector512<int>.One, Avx512F.Subtract(n, Vector512<int>.One).AsUInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> HalfOf(Vector256<int> n) => Avx2.ShiftLeftLogicalVariable(Vector256<int>.One, Avx2.Subtract(n, Vector256<int>.One).AsUInt32());

    /// <summary>What the blocks of a layer share, and the memory in which columns and weights are interleaved.</summary>
    /// <remarks>An entry is a column of some channels, interleaved with its partner: two vectors.</remarks>
    private ref struct DepthwiseLayer
    {
        public ConvolutionShape Shape;
        public ReadOnlySpan<sbyte> Input, Filter, Border;
        public ReadOnlySpan<int> Bias;
        public Requantization Output;
        public Span<sbyte> Stored;
        public Span<byte> Entries, Weights;
        public sbyte Outside;
        public int InputTop, RowBegin, RowEnd;

        /// <summary>Pairs of taps: the first one, the second one, −1 for none, and the entry under the first window that they are multiplied with.</summary>
        public Span<(int First, int Second, int Entry)> Taps;

        /// <summary>Pixels of which the columns fit into the memory, rows of pairs, and entries from one to the next of them.</summary>
        public int MostPixels, PairRows, RowEntries;

        /// <summary>Pairs of one output row, and output rows that share entries: the second one has its taps a row lower.</summary>
        public int Pairs, RowsAtOnce;

        public readonly (int First, int Second, int Entry) TapsOf(int pair, int row)
        {
            int width = Shape.FilterWidth, taps = width * Shape.FilterHeight;
            bool isFlat = Shape.FilterHeight == 1;
            int first = isFlat ? 2 * pair : (((pair / width * 2) - row) * width) + (pair % width), second = first + (isFlat ? 1 : width);
            int entry = isFlat ? 2 * pair : (pair / width * RowEntries) + (pair % width);
            return (first < 0 ? -1 : first, second < taps ? second : -1, entry);
        }

        public readonly ref sbyte FilterAt(int tap, int c) => ref MemoryMarshal.GetReference(Filter.Slice((tap * Shape.InputChannels) + c));

        public readonly ref int BiasAt(int c) => ref MemoryMarshal.GetReference(Bias.Slice(c));

        public readonly ref sbyte StoredAt(int y, int x, int pixels, int c)
        {
            int channels = Shape.InputChannels, at = (((y - RowBegin) * Shape.OutputWidth) + x) * channels;
            return ref Stored.Slice(at, pixels * channels)[c];
        }

        /// <summary>A row of the image and the step from column to column; a row of the border has the step 0.</summary>
        public readonly ref sbyte InputAt(int y, int c, out nint step)
        {
            bool isInside = y >= 0 && y < Shape.InputHeight;
            step = isInside ? Shape.InputChannels : 0;
            return ref MemoryMarshal.GetReference(isInside ? Input.Slice(((y - InputTop) * Shape.InputWidth * Shape.InputChannels) + c) : Border);
        }

        /// <summary>The two rows of a pair under the windows of a row of pixels.</summary>
        public readonly PairOfRows RowsOf(int pair, int y, int rowsAtOnce, int x, int pixels, int c)
        {
            int top = (y * Shape.StrideY) - Shape.PadTop + (2 * pair), begin = (x * Shape.StrideX) - Shape.PadLeft, columns = Shape.Columns(pixels);
            int shift = Shape.FilterHeight == 1 ? 1 : 0, insideBegin = Math.Clamp(-begin, 0, columns);
            ref sbyte upper = ref InputAt(top, c, out nint upperStep);

            // The partner of the last row of an odd number has the weight 0: any row will do.
            nint lowerStep = upperStep;
            ref sbyte lower = ref Unsafe.Add(ref upper, shift * upperStep);
            if ((2 * pair) + 1 < Shape.FilterHeight + rowsAtOnce - 1) lower = ref InputAt(top + 1, c, out lowerStep);
            return new PairOfRows
            {
                Upper = ref upper,
                Lower = ref lower,
                UpperStep = upperStep,
                LowerStep = lowerStep,
                Begin = begin,
                Columns = columns,
                Width = Shape.InputWidth,
                Shift = shift,
                InsideBegin = insideBegin,
                InsideEnd = Math.Clamp(Shape.InputWidth - shift - begin, insideBegin, columns),
            };
        }
    }

    private ref struct PairOfRows
    {
        /// <summary>Column 0 of the image in both rows; in a flat window the lower one begins a column later.</summary>
        public ref sbyte Upper, Lower;
        public nint UpperStep, LowerStep;

        /// <summary>The first window's first column, columns under all windows, columns of the image.</summary>
        public int Begin, Columns, Width;

        /// <summary>Columns from a tap to its partner: 1 in a flat window.</summary>
        public int Shift;

        /// <summary>Columns of which both values lie inside the image, counted from Begin.</summary>
        public int InsideBegin, InsideEnd;
    }
}
