using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Etch;

public static partial class VectorKernels
{
    /// <summary>
    /// CONV_2D (one group, no dilation) and FULLY_CONNECTED: for each output pixel the dot product of its window with every
    /// filter, requantised and clamped.
    /// </summary>
    /// <param name="input">Rows of the image from <paramref name="inputTop"/> on, NHWC.</param>
    /// <param name="inputTop">The image's row at the beginning of <paramref name="input"/>.</param>
    /// <param name="output">Output rows from <paramref name="rowBegin"/> on, NHWC.</param>
    /// <param name="rowBegin">The first output row.</param>
    /// <param name="rowEnd">The output row after the last.</param>
    /// <param name="shape">The window's geometry.</param>
    /// <param name="outside">The stored value outside the image: the input's zero point.</param>
    /// <param name="channels">Output channels.</param>
    /// <param name="filter">Weights in pairs of taps, as the class describes; a filter row has an even number of taps, padded with a zero.</param>
    /// <param name="bias">The input's zero point folded in; padded.</param>
    /// <param name="multiplier">Q0.31 factors; one for all channels, or one each, padded.</param>
    /// <param name="right">Right shifts from 1 to 31; as <paramref name="multiplier"/>. Accumulators are below 2^30 in magnitude.</param>
    /// <param name="zeroPoint">The output's zero point.</param>
    /// <param name="min">The smallest stored output.</param>
    /// <param name="max">The largest stored output.</param>
    /// <param name="hasLeft">Shifts are those of TFLite, left where above 0 and else right, after which accumulators are below 2^30 still.</param>
    public static void Convolve(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, ReadOnlySpan<int> multiplier, ReadOnlySpan<sbyte> right, int zeroPoint, int min, int max,
        bool hasLeft = false) =>
        Convolve(input, inputTop, output, rowBegin, rowEnd, shape, outside, channels, filter, bias, new Requantization(multiplier, right, zeroPoint, min, max, hasLeft));

    /// <summary>The same with factors in single precision, as XNNPACK has them: above 0 and below 256, one for all channels, or one each, padded.</summary>
    /// <inheritdoc cref="Convolve(ReadOnlySpan{sbyte}, int, Span{sbyte}, int, int, in ConvolutionShape, sbyte, int, ReadOnlySpan{sbyte}, ReadOnlySpan{int}, ReadOnlySpan{int}, ReadOnlySpan{sbyte}, int, int, int, bool)"/>
    public static void Convolve(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, ReadOnlySpan<float> scale, int zeroPoint, int min, int max) =>
        Convolve(input, inputTop, output, rowBegin, rowEnd, shape, outside, channels, filter, bias, new Requantization(scale, zeroPoint, min, max));

    private static void Convolve(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, in Requantization requantization)
    {
        bool isOneRow = shape.IsOneRow(rowEnd - rowBegin, rowBegin, inputTop, out ConvolutionShape row);
        if (AdvSimd.Arm64.IsSupported)
        {
            if (isOneRow) ConvolveRowsArm(input, 0, output, 0, 1, row, outside, channels, filter, bias, requantization);
            else ConvolveRowsArm(input, inputTop, output, rowBegin, rowEnd, shape, outside, channels, filter, bias, requantization);
        }
        else if (isOneRow)
        {
            ConvolveRows(input, 0, output, 0, 1, row, outside, channels, filter, bias, requantization);
        }
        else if (shape.RunsDown(rowEnd - rowBegin))
        {
            ConvolveColumns(input, inputTop, output, rowBegin, rowEnd, shape, outside, channels, filter, bias, requantization);
        }
        else
        {
            ConvolveRows(input, inputTop, output, rowBegin, rowEnd, shape, outside, channels, filter, bias, requantization);
        }
    }

    private static void ConvolveRows(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, in Requantization requantization)
    {
#if NET9_0_OR_GREATER
        if (HasVnni(shape, channels))
        {
            ConvolveRowsVnni(input, inputTop, output, rowBegin, rowEnd, shape, outside, channels, filter, bias, requantization);
            return;
        }
#endif

        int outputRow = shape.OutputWidth * channels;
        int pairs = ((shape.FilterWidth * shape.InputChannels) + 1) / 2, taps = 2 * pairs * shape.FilterHeight;
        int most = shape.ConvolutionPixels(shape.OutputWidth), widenedRow = shape.Columns(most) * shape.InputChannels;

        // A row of taps ends with weights of 0, whose partners lie up to three elements further.
        int held = shape.ConvolutionRows(shape.OutputWidth, rowEnd - rowBegin);
        Span<short> widened = stackalloc short[(held * widenedRow) + 3];
        // Field by field: an initializer would be copied.
        scoped Block block = default;
        block.Output = requantization;
        block.Input = ref Unsafe.As<short, byte>(ref MemoryMarshal.GetReference(widened));
        block.Rows = shape.FilterHeight;
        block.Pairs = pairs;
        block.PixelBytes = 2 * shape.StrideX * shape.InputChannels;
        block.RowBytes = 2 * widenedRow;
        block.OutputStep = channels;

        // The rows of the image that are widened, and the one that the block begins with.
        int from = 0, until = 0, first = 0;
        for (int y = rowBegin; y < rowEnd; y++)
        {
            int top = (y * shape.StrideY) - shape.PadTop, bottom = top + shape.FilterHeight;
            for (int x = 0; x < shape.OutputWidth; x += most)
            {
                int pixels = Math.Min(most, shape.OutputWidth - x), columns = shape.Columns(pixels);
                if (y == rowBegin || most < shape.OutputWidth || bottom - from > held) from = until = top;
                for (; until < bottom; until++)
                {
                    Span<short> to = widened.Slice((until - from) * widenedRow, columns * shape.InputChannels);
                    WidenRow(input, inputTop, until, (x * shape.StrideX) - shape.PadLeft, columns, shape, outside, to);
                }

                block.Input = ref Unsafe.AddByteOffset(ref block.Input, (top - from - first) * block.RowBytes);
                first = top - from;
                Span<sbyte> stored = output.Slice(((y - rowBegin) * outputRow) + (x * channels), pixels * channels);
                for (int oc = 0; oc < channels; oc += 16) Sum(ref block, filter, bias, taps, oc, channels, stored, pixels);
            }
        }
    }

    // As ConvolveRows with all rows widened first: runs of pixels go down the columns.
    private static void ConvolveColumns(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, in Requantization requantization)
    {
        int pixels = rowEnd - rowBegin, columns = shape.Columns(shape.OutputWidth);
        int pairs = ((shape.FilterWidth * shape.InputChannels) + 1) / 2, taps = 2 * pairs * shape.FilterHeight;
        int widenedRow = columns * shape.InputChannels, rows = shape.Rows(pixels);
        Span<short> widened = stackalloc short[(rows * widenedRow) + 3];
        for (int row = 0; row < rows; row++)
        {
            Span<short> to = widened.Slice(row * widenedRow, widenedRow);
            WidenRow(input, inputTop, (rowBegin * shape.StrideY) - shape.PadTop + row, -shape.PadLeft, columns, shape, outside, to);
        }

        scoped Block block = default;
        block.Output = requantization;
        block.Input = ref Unsafe.As<short, byte>(ref MemoryMarshal.GetReference(widened));
        block.Rows = shape.FilterHeight;
        block.Pairs = pairs;
        block.PixelBytes = 2 * shape.StrideY * widenedRow;
        block.RowBytes = 2 * widenedRow;
        block.OutputStep = shape.OutputWidth * channels;
        for (int x = 0; x < shape.OutputWidth; x++)
        {
            Span<sbyte> stored = output.Slice(x * channels, ((pixels - 1) * block.OutputStep) + channels);
            for (int oc = 0; oc < channels; oc += 16) Sum(ref block, filter, bias, taps, oc, channels, stored, pixels);
            block.Input = ref Unsafe.AddByteOffset(ref block.Input, 2 * shape.StrideX * shape.InputChannels);
        }
    }

    // The channels from oc on that make a block, of a run of pixels. The slices here keep the tiles inside.
    private static void Sum(ref Block block, ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, int taps, int oc, int channels, Span<sbyte> stored, int pixels)
    {
        if (Begin(ref block, filter, bias, taps, oc, channels, stored) == 16 && Avx512BW.IsSupported)
        {
            if (block.Output.IsSingle) Sum16<float>(block, pixels);
            else if (block.Output.HasLeft) Sum16<long>(block, pixels);
            else Sum16<int>(block, pixels);
            return;
        }

        for (int lanes = block.Stored; lanes > 0; lanes -= 8)
        {
            block.Stored = Math.Min(8, lanes);
            if (block.Output.IsSingle) Sum8<float>(block, pixels);
            else if (block.Output.HasLeft) Sum8<long>(block, pixels);
            else Sum8<int>(block, pixels);
            NextEight(ref block);
        }
    }

    // Sets the block to the channels from oc on; its width, 16 or 8.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Begin(ref Block block, ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, int taps, int oc, int channels, Span<sbyte> stored)
    {
        int width = channels - oc > 8 ? 16 : 8;
        block.First = ref stored[oc];
        block.Filter = ref MemoryMarshal.GetReference(filter.Slice(oc * taps, width * taps));
        block.Bias = ref MemoryMarshal.GetReference(bias.Slice(oc, width));
        block.Channel = oc;
        block.PairBytes = 2 * width;
        block.Stored = Math.Min(width, channels - oc);
        return width;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void NextEight(ref Block block)
    {
        block.First = ref Unsafe.Add(ref block.First, 8);
        block.Filter = ref Unsafe.Add(ref block.Filter, 16);
        block.Bias = ref Unsafe.Add(ref block.Bias, 8);
        block.Channel += 8;
    }

    // All pixels of sixteen channels. What is left of a tile is computed as part of a tile that ends with the last pixel.
    private static void Sum16<TFactor>(in Block block, int pixels)
    {
        int done = pixels / 12 * 12;
        if (done > 0) Tiles12x16<TFactor>(block, 0, done);
        if (pixels - done > 8 && done > 0)
        {
            Tiles12x16<TFactor>(block, pixels - 12, pixels);
            return;
        }

        if (pixels - done >= 8)
        {
            Tiles8x16<TFactor>(block, done, done + 8);
            done += 8;
        }

        int left = pixels - done;
        if (left > 4 && pixels >= 8)
        {
            Tiles8x16<TFactor>(block, pixels - 8, pixels);
        }
        else if (left > 0 && pixels >= 4)
        {
            if (left > 4) Tiles4x16<TFactor>(block, done, done + 4);
            Tiles4x16<TFactor>(block, pixels - 4, pixels);
        }
        else if (left > 0)
        {
            Tiles1x16<TFactor>(block, 0, pixels);
        }
    }

    // All pixels of eight channels.
    private static void Sum8<TFactor>(in Block block, int pixels)
    {
        if (!Avx2.IsSupported)
        {
            if (pixels >= 4) Tiles4x4x2(block, 0, pixels / 4 * 4);
            if (pixels >= 4 && pixels % 4 > 0) Tiles4x4x2(block, pixels - 4, pixels);
            if (pixels < 4) Tiles1x4x2(block, 0, pixels);
            return;
        }

        if (Avx512BW.IsSupported && pixels >= 8)
        {
            Tiles8x8x2<TFactor>(block, 0, pixels / 8 * 8);
            if (pixels % 8 > 0) Tiles8x8x2<TFactor>(block, pixels - 8, pixels);
            return;
        }

        int twelves = pixels / 12 * 12, left = pixels - twelves;
        if (twelves > 0) Tiles12x8<TFactor>(block, 0, twelves);
        if (left > 8 && twelves > 0)
        {
            Tiles12x8<TFactor>(block, pixels - 12, pixels);
        }
        else if (left > 0 && pixels >= 4)
        {
            if (left >= 4) Tiles4x8<TFactor>(block, twelves, twelves + (left / 4 * 4));
            if (left % 4 > 0) Tiles4x8<TFactor>(block, pixels - 4, pixels);
        }
        else if (left > 0)
        {
            Tiles1x8<TFactor>(block, 0, pixels);
        }
    }

    // Sixteen channels of tiles of twelve pixels.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles12x16<TFactor>(in Block block, int first, int end)
    {
        nint step = block.PixelBytes, step2 = 2 * step, step3 = 3 * step;
        nint rowGap = block.RowBytes - (4 * block.Pairs), stride = block.PairBytes;
        Vector512<int> start = Vector512.LoadUnsafe(ref block.Bias);
        start = Avx512F.Add(start, start);
        var factors = new Factors512<TFactor>(block.Output, block.Channel);
        Vector512<short> zeroPoint = Vector512.Create((short)block.Output.ZeroPoint);
        Vector512<sbyte> min = Vector512.Create((sbyte)block.Output.Min), max = Vector512.Create((sbyte)block.Output.Max);
        int stored = block.Stored, outputStep = block.OutputStep;
        for (int pixel = first; pixel < end; pixel += 12)
        {
            ref byte a = ref Unsafe.AddByteOffset(ref block.Input, pixel * step);
            ref byte b = ref Unsafe.AddByteOffset(ref a, 4 * step);
            ref byte c = ref Unsafe.AddByteOffset(ref b, 4 * step);
            ref sbyte w = ref block.Filter;
            Vector512<int> acc0 = start, acc1 = start, acc2 = start, acc3 = start;
            Vector512<int> acc4 = start, acc5 = start, acc6 = start, acc7 = start;
            Vector512<int> acc8 = start, acc9 = start, acc10 = start, acc11 = start;
            for (int row = block.Rows; row > 0; row--)
            {
                for (int pair = block.Pairs; pair > 0; pair--)
                {
                    Vector512<short> weights = Weights512(ref w);
                    acc0 = Avx512F.Add(acc0, Avx512BW.MultiplyAddAdjacent(Pair512(ref a), weights));
                    acc1 = Avx512F.Add(acc1, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step)), weights));
                    acc2 = Avx512F.Add(acc2, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step2)), weights));
                    acc3 = Avx512F.Add(acc3, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step3)), weights));
                    acc4 = Avx512F.Add(acc4, Avx512BW.MultiplyAddAdjacent(Pair512(ref b), weights));
                    acc5 = Avx512F.Add(acc5, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref b, step)), weights));
                    acc6 = Avx512F.Add(acc6, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref b, step2)), weights));
                    acc7 = Avx512F.Add(acc7, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref b, step3)), weights));
                    acc8 = Avx512F.Add(acc8, Avx512BW.MultiplyAddAdjacent(Pair512(ref c), weights));
                    acc9 = Avx512F.Add(acc9, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref c, step)), weights));
                    acc10 = Avx512F.Add(acc10, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref c, step2)), weights));
                    acc11 = Avx512F.Add(acc11, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref c, step3)), weights));
                    w = ref Unsafe.Add(ref w, stride);
                    a = ref Unsafe.AddByteOffset(ref a, 4);
                    b = ref Unsafe.AddByteOffset(ref b, 4);
                    c = ref Unsafe.AddByteOffset(ref c, 4);
                }

                a = ref Unsafe.AddByteOffset(ref a, rowGap);
                b = ref Unsafe.AddByteOffset(ref b, rowGap);
                c = ref Unsafe.AddByteOffset(ref c, rowGap);
            }

            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * outputStep);
            Store(
                factors.Scale(acc0), factors.Scale(acc1), factors.Scale(acc2), factors.Scale(acc3),
                zeroPoint, min, max, stored, outputStep, ref output);
            output = ref Unsafe.Add(ref output, 4 * outputStep);
            Store(
                factors.Scale(acc4), factors.Scale(acc5), factors.Scale(acc6), factors.Scale(acc7),
                zeroPoint, min, max, stored, outputStep, ref output);
            output = ref Unsafe.Add(ref output, 4 * outputStep);
            Store(
                factors.Scale(acc8), factors.Scale(acc9), factors.Scale(acc10), factors.Scale(acc11),
                zeroPoint, min, max, stored, outputStep, ref output);
        }
    }

    // Sixteen channels of tiles of eight pixels.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles8x16<TFactor>(in Block block, int first, int end)
    {
        nint step = block.PixelBytes, step2 = 2 * step, step3 = 3 * step;
        nint rowGap = block.RowBytes - (4 * block.Pairs), stride = block.PairBytes;
        Vector512<int> start = Vector512.LoadUnsafe(ref block.Bias);
        start = Avx512F.Add(start, start);
        var factors = new Factors512<TFactor>(block.Output, block.Channel);
        Vector512<short> zeroPoint = Vector512.Create((short)block.Output.ZeroPoint);
        Vector512<sbyte> min = Vector512.Create((sbyte)block.Output.Min), max = Vector512.Create((sbyte)block.Output.Max);
        int stored = block.Stored, outputStep = block.OutputStep;
        for (int pixel = first; pixel < end; pixel += 8)
        {
            ref byte a = ref Unsafe.AddByteOffset(ref block.Input, pixel * step);
            ref byte b = ref Unsafe.AddByteOffset(ref a, 4 * step);
            ref sbyte w = ref block.Filter;
            Vector512<int> acc0 = start, acc1 = start, acc2 = start, acc3 = start;
            Vector512<int> acc4 = start, acc5 = start, acc6 = start, acc7 = start;
            for (int row = block.Rows; row > 0; row--)
            {
                for (int pair = block.Pairs; pair > 0; pair--)
                {
                    Vector512<short> weights = Weights512(ref w);
                    acc0 = Avx512F.Add(acc0, Avx512BW.MultiplyAddAdjacent(Pair512(ref a), weights));
                    acc1 = Avx512F.Add(acc1, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step)), weights));
                    acc2 = Avx512F.Add(acc2, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step2)), weights));
                    acc3 = Avx512F.Add(acc3, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step3)), weights));
                    acc4 = Avx512F.Add(acc4, Avx512BW.MultiplyAddAdjacent(Pair512(ref b), weights));
                    acc5 = Avx512F.Add(acc5, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref b, step)), weights));
                    acc6 = Avx512F.Add(acc6, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref b, step2)), weights));
                    acc7 = Avx512F.Add(acc7, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref b, step3)), weights));
                    w = ref Unsafe.Add(ref w, stride);
                    a = ref Unsafe.AddByteOffset(ref a, 4);
                    b = ref Unsafe.AddByteOffset(ref b, 4);
                }

                a = ref Unsafe.AddByteOffset(ref a, rowGap);
                b = ref Unsafe.AddByteOffset(ref b, rowGap);
            }

            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * outputStep);
            Store(
                factors.Scale(acc0), factors.Scale(acc1), factors.Scale(acc2), factors.Scale(acc3),
                zeroPoint, min, max, stored, outputStep, ref output);
            output = ref Unsafe.Add(ref output, 4 * outputStep);
            Store(
                factors.Scale(acc4), factors.Scale(acc5), factors.Scale(acc6), factors.Scale(acc7),
                zeroPoint, min, max, stored, outputStep, ref output);
        }
    }

    // Sixteen channels of tiles of four pixels.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles4x16<TFactor>(in Block block, int first, int end)
    {
        nint step = block.PixelBytes, step2 = 2 * step, step3 = 3 * step;
        nint rowGap = block.RowBytes - (4 * block.Pairs), stride = block.PairBytes;
        Vector512<int> start = Vector512.LoadUnsafe(ref block.Bias);
        start = Avx512F.Add(start, start);
        var factors = new Factors512<TFactor>(block.Output, block.Channel);
        Vector512<short> zeroPoint = Vector512.Create((short)block.Output.ZeroPoint);
        Vector512<sbyte> min = Vector512.Create((sbyte)block.Output.Min), max = Vector512.Create((sbyte)block.Output.Max);
        int stored = block.Stored, outputStep = block.OutputStep;
        for (int pixel = first; pixel < end; pixel += 4)
        {
            ref byte a = ref Unsafe.AddByteOffset(ref block.Input, pixel * step);
            ref sbyte w = ref block.Filter;
            Vector512<int> acc0 = start, acc1 = start, acc2 = start, acc3 = start;
            for (int row = block.Rows; row > 0; row--)
            {
                for (int pair = block.Pairs; pair > 0; pair--)
                {
                    Vector512<short> weights = Weights512(ref w);
                    acc0 = Avx512F.Add(acc0, Avx512BW.MultiplyAddAdjacent(Pair512(ref a), weights));
                    acc1 = Avx512F.Add(acc1, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step)), weights));
                    acc2 = Avx512F.Add(acc2, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step2)), weights));
                    acc3 = Avx512F.Add(acc3, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step3)), weights));
                    w = ref Unsafe.Add(ref w, stride);
                    a = ref Unsafe.AddByteOffset(ref a, 4);
                }

                a = ref Unsafe.AddByteOffset(ref a, rowGap);
            }

            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * outputStep);
            Store(
                factors.Scale(acc0), factors.Scale(acc1), factors.Scale(acc2), factors.Scale(acc3),
                zeroPoint, min, max, stored, outputStep, ref output);
        }
    }

    // Sixteen channels of one pixel after the other.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles1x16<TFactor>(in Block block, int first, int end)
    {
        nint step = block.PixelBytes;
        nint rowGap = block.RowBytes - (4 * block.Pairs);
        Vector512<int> start = Vector512.LoadUnsafe(ref block.Bias);
        start = Avx512F.Add(start, start);
        var factors = new Factors512<TFactor>(block.Output, block.Channel);
        Vector512<int> zeroPoint = Vector512.Create(block.Output.ZeroPoint);
        Vector128<sbyte> min = Vector128.Create((sbyte)block.Output.Min), max = Vector128.Create((sbyte)block.Output.Max);
        int stored = block.Stored;
        for (int pixel = first; pixel < end; pixel += 1)
        {
            ref byte a = ref Unsafe.AddByteOffset(ref block.Input, pixel * step);
            ref sbyte w = ref block.Filter;
            Vector512<int> acc0 = start, acc1 = Vector512<int>.Zero, acc2 = acc1, acc3 = acc1;
            for (int row = block.Rows; row > 0; row--)
            {
                // Four sums hide the addition's latency.
                int pair = block.Pairs;
                for (; pair >= 4; pair -= 4)
                {
                    acc0 = Avx512F.Add(acc0, Avx512BW.MultiplyAddAdjacent(Pair512(ref a), Weights512(ref w)));
                    acc1 = Avx512F.Add(acc1, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.Add(ref a, 4)), Weights512(ref Unsafe.Add(ref w, 32))));
                    acc2 = Avx512F.Add(acc2, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.Add(ref a, 8)), Weights512(ref Unsafe.Add(ref w, 64))));
                    acc3 = Avx512F.Add(acc3, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.Add(ref a, 12)), Weights512(ref Unsafe.Add(ref w, 96))));
                    w = ref Unsafe.Add(ref w, 128);
                    a = ref Unsafe.AddByteOffset(ref a, 16);
                }

                for (; pair > 0; pair--)
                {
                    acc0 = Avx512F.Add(acc0, Avx512BW.MultiplyAddAdjacent(Pair512(ref a), Weights512(ref w)));
                    w = ref Unsafe.Add(ref w, 32);
                    a = ref Unsafe.AddByteOffset(ref a, 4);
                }

                a = ref Unsafe.AddByteOffset(ref a, rowGap);
            }

            acc0 = Avx512F.Add(Avx512F.Add(acc0, acc1), Avx512F.Add(acc2, acc3));
            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * block.OutputStep);
            Store(factors.Scale(acc0), zeroPoint, min, max, stored, ref output);
        }
    }

    // Eight channels of tiles of eight pixels, two pairs of taps at a time: even lanes sum the first pairs, odd lanes the second ones.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles8x8x2<TFactor>(in Block block, int first, int end)
    {
        nint step = block.PixelBytes, step2 = 2 * step, step3 = 3 * step;
        nint rowGap = block.RowBytes - (8 * (block.Pairs / 2));
        Vector256<int> bias = Vector256.LoadUnsafe(ref block.Bias), m = block.Output.Multiplier256(block.Channel), n = block.Output.Right256(block.Channel);
        Vector512<int> start = Avx512F.ConvertToVector512UInt64(Avx2.Add(bias, bias).AsUInt32()).AsInt32();
        var factors = new Factors512<TFactor>(block.Output, Vector512.Create(m, m), Vector512.Create(n, n));
        Vector512<short> zeroPoint = Vector512.Create((short)block.Output.ZeroPoint);
        Vector512<sbyte> min = Vector512.Create((sbyte)block.Output.Min), max = Vector512.Create((sbyte)block.Output.Max);
        Vector512<int> sides = Vector512.Create(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
        int stored = block.Stored, outputStep = block.OutputStep, quads = block.Pairs / 2;
        bool isOdd = (block.Pairs & 1) != 0;
        for (int pixel = first; pixel < end; pixel += 8)
        {
            ref byte a = ref Unsafe.AddByteOffset(ref block.Input, pixel * step);
            ref byte b = ref Unsafe.AddByteOffset(ref a, 4 * step);
            ref sbyte w = ref block.Filter;
            Vector512<int> acc0 = start, acc1 = start, acc2 = start, acc3 = start;
            Vector512<int> acc4 = start, acc5 = start, acc6 = start, acc7 = start;
            for (int row = block.Rows; row > 0; row--)
            {
                Vector512<short> weights;
                for (int quad = quads; quad > 0; quad--)
                {
                    weights = Avx512F.PermuteVar16x32(Weights512(ref w).AsInt32(), sides).AsInt16();
                    acc0 = Avx512F.Add(acc0, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref a), weights));
                    acc1 = Avx512F.Add(acc1, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref Unsafe.AddByteOffset(ref a, step)), weights));
                    acc2 = Avx512F.Add(acc2, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref Unsafe.AddByteOffset(ref a, step2)), weights));
                    acc3 = Avx512F.Add(acc3, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref Unsafe.AddByteOffset(ref a, step3)), weights));
                    acc4 = Avx512F.Add(acc4, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref b), weights));
                    acc5 = Avx512F.Add(acc5, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref Unsafe.AddByteOffset(ref b, step)), weights));
                    acc6 = Avx512F.Add(acc6, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref Unsafe.AddByteOffset(ref b, step2)), weights));
                    acc7 = Avx512F.Add(acc7, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref Unsafe.AddByteOffset(ref b, step3)), weights));
                    w = ref Unsafe.Add(ref w, 32);
                    a = ref Unsafe.AddByteOffset(ref a, 8);
                    b = ref Unsafe.AddByteOffset(ref b, 8);
                }

                if (isOdd)
                {
                    // The last pair alone: what lies behind it has the weight 0.
                    weights = Avx512F.PermuteVar16x32(Avx512BW.ConvertToVector512Int16(Vector128.LoadUnsafe(ref w).ToVector256()).AsInt32(), sides).AsInt16();
                    acc0 = Avx512F.Add(acc0, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref a), weights));
                    acc1 = Avx512F.Add(acc1, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref Unsafe.AddByteOffset(ref a, step)), weights));
                    acc2 = Avx512F.Add(acc2, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref Unsafe.AddByteOffset(ref a, step2)), weights));
                    acc3 = Avx512F.Add(acc3, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref Unsafe.AddByteOffset(ref a, step3)), weights));
                    acc4 = Avx512F.Add(acc4, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref b), weights));
                    acc5 = Avx512F.Add(acc5, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref Unsafe.AddByteOffset(ref b, step)), weights));
                    acc6 = Avx512F.Add(acc6, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref Unsafe.AddByteOffset(ref b, step2)), weights));
                    acc7 = Avx512F.Add(acc7, Avx512BW.MultiplyAddAdjacent(TwoPairs512(ref Unsafe.AddByteOffset(ref b, step3)), weights));
                    w = ref Unsafe.Add(ref w, 16);
                }

                a = ref Unsafe.AddByteOffset(ref a, rowGap);
                b = ref Unsafe.AddByteOffset(ref b, rowGap);
            }

            Vector512<sbyte> bytes = Pack(
                factors.Scale(TwoPixels(acc0, acc1)), factors.Scale(TwoPixels(acc2, acc3)), factors.Scale(TwoPixels(acc4, acc5)), factors.Scale(TwoPixels(acc6, acc7)),
                zeroPoint, min, max);
            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * outputStep);
            if (stored == 8 && outputStep == 8)
            {
                bytes.StoreUnsafe(ref output);
                continue;
            }

            for (int i = 0; i < 4; i++)
            {
                Vector128<long> two = bytes.GetLower().GetLower().AsInt64();
                StorePart(two.ToScalar(), stored, ref output);
                output = ref Unsafe.Add(ref output, outputStep);
                StorePart(two.GetElement(1), stored, ref output);
                output = ref Unsafe.Add(ref output, outputStep);
                bytes = Avx512F.Shuffle4x128(bytes.AsInt64(), bytes.AsInt64(), 0b11_11_10_01).AsSByte();
            }
        }
    }

    // Sums of even and odd lanes of two pixels: eight channels of the first one, then of the second one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> TwoPixels(Vector512<int> first, Vector512<int> second)
    {
        Vector512<int> evens = Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        return Avx512F.Add(
            Avx512F.PermuteVar16x32x2(first, evens, second), Avx512F.PermuteVar16x32x2(first, Avx512F.Add(evens, Vector512<int>.One), second));
    }

    // Eight channels of tiles of twelve pixels.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles12x8<TFactor>(in Block block, int first, int end)
    {
        nint step = block.PixelBytes, step2 = 2 * step, step3 = 3 * step;
        nint rowGap = block.RowBytes - (4 * block.Pairs), stride = block.PairBytes;
        Vector256<int> start = Vector256.LoadUnsafe(ref block.Bias);
        start = Avx2.Add(start, start);
        var factors = new Factors256<TFactor>(block.Output, block.Channel);
        Vector256<short> zeroPoint = Vector256.Create((short)block.Output.ZeroPoint);
        Vector256<sbyte> min = Vector256.Create((sbyte)block.Output.Min), max = Vector256.Create((sbyte)block.Output.Max);
        int stored = block.Stored, outputStep = block.OutputStep;
        for (int pixel = first; pixel < end; pixel += 12)
        {
            ref byte a = ref Unsafe.AddByteOffset(ref block.Input, pixel * step);
            ref byte b = ref Unsafe.AddByteOffset(ref a, 4 * step);
            ref byte c = ref Unsafe.AddByteOffset(ref b, 4 * step);
            ref sbyte w = ref block.Filter;
            Vector256<int> acc0 = start, acc1 = start, acc2 = start, acc3 = start;
            Vector256<int> acc4 = start, acc5 = start, acc6 = start, acc7 = start;
            Vector256<int> acc8 = start, acc9 = start, acc10 = start, acc11 = start;
            for (int row = block.Rows; row > 0; row--)
            {
                for (int pair = block.Pairs; pair > 0; pair--)
                {
                    Vector256<short> weights = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref w));
                    acc0 = Avx2.Add(acc0, Avx2.MultiplyAddAdjacent(Pair256(ref a), weights));
                    acc1 = Avx2.Add(acc1, Avx2.MultiplyAddAdjacent(Pair256(ref Unsafe.AddByteOffset(ref a, step)), weights));
                    acc2 = Avx2.Add(acc2, Avx2.MultiplyAddAdjacent(Pair256(ref Unsafe.AddByteOffset(ref a, step2)), weights));
                    acc3 = Avx2.Add(acc3, Avx2.MultiplyAddAdjacent(Pair256(ref Unsafe.AddByteOffset(ref a, step3)), weights));
                    acc4 = Avx2.Add(acc4, Avx2.MultiplyAddAdjacent(Pair256(ref b), weights));
                    acc5 = Avx2.Add(acc5, Avx2.MultiplyAddAdjacent(Pair256(ref Unsafe.AddByteOffset(ref b, step)), weights));
                    acc6 = Avx2.Add(acc6, Avx2.MultiplyAddAdjacent(Pair256(ref Unsafe.AddByteOffset(ref b, step2)), weights));
                    acc7 = Avx2.Add(acc7, Avx2.MultiplyAddAdjacent(Pair256(ref Unsafe.AddByteOffset(ref b, step3)), weights));
                    acc8 = Avx2.Add(acc8, Avx2.MultiplyAddAdjacent(Pair256(ref c), weights));
                    acc9 = Avx2.Add(acc9, Avx2.MultiplyAddAdjacent(Pair256(ref Unsafe.AddByteOffset(ref c, step)), weights));
                    acc10 = Avx2.Add(acc10, Avx2.MultiplyAddAdjacent(Pair256(ref Unsafe.AddByteOffset(ref c, step2)), weights));
                    acc11 = Avx2.Add(acc11, Avx2.MultiplyAddAdjacent(Pair256(ref Unsafe.AddByteOffset(ref c, step3)), weights));
                    w = ref Unsafe.Add(ref w, stride);
                    a = ref Unsafe.AddByteOffset(ref a, 4);
                    b = ref Unsafe.AddByteOffset(ref b, 4);
                    c = ref Unsafe.AddByteOffset(ref c, 4);
                }

                a = ref Unsafe.AddByteOffset(ref a, rowGap);
                b = ref Unsafe.AddByteOffset(ref b, rowGap);
                c = ref Unsafe.AddByteOffset(ref c, rowGap);
            }

            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * outputStep);
            Store(
                factors.Scale(acc0), factors.Scale(acc1), factors.Scale(acc2), factors.Scale(acc3),
                zeroPoint, min, max, stored, outputStep, ref output);
            output = ref Unsafe.Add(ref output, 4 * outputStep);
            Store(
                factors.Scale(acc4), factors.Scale(acc5), factors.Scale(acc6), factors.Scale(acc7),
                zeroPoint, min, max, stored, outputStep, ref output);
            output = ref Unsafe.Add(ref output, 4 * outputStep);
            Store(
                factors.Scale(acc8), factors.Scale(acc9), factors.Scale(acc10), factors.Scale(acc11),
                zeroPoint, min, max, stored, outputStep, ref output);
        }
    }

    // Eight channels of tiles of four pixels.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles4x8<TFactor>(in Block block, int first, int end)
    {
        nint step = block.PixelBytes, step2 = 2 * step, step3 = 3 * step;
        nint rowGap = block.RowBytes - (4 * block.Pairs), stride = block.PairBytes;
        Vector256<int> start = Vector256.LoadUnsafe(ref block.Bias);
        start = Avx2.Add(start, start);
        var factors = new Factors256<TFactor>(block.Output, block.Channel);
        Vector256<short> zeroPoint = Vector256.Create((short)block.Output.ZeroPoint);
        Vector256<sbyte> min = Vector256.Create((sbyte)block.Output.Min), max = Vector256.Create((sbyte)block.Output.Max);
        int stored = block.Stored, outputStep = block.OutputStep;
        for (int pixel = first; pixel < end; pixel += 4)
        {
            ref byte a = ref Unsafe.AddByteOffset(ref block.Input, pixel * step);
            ref sbyte w = ref block.Filter;
            Vector256<int> acc0 = start, acc1 = start, acc2 = start, acc3 = start;
            for (int row = block.Rows; row > 0; row--)
            {
                for (int pair = block.Pairs; pair > 0; pair--)
                {
                    Vector256<short> weights = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref w));
                    acc0 = Avx2.Add(acc0, Avx2.MultiplyAddAdjacent(Pair256(ref a), weights));
                    acc1 = Avx2.Add(acc1, Avx2.MultiplyAddAdjacent(Pair256(ref Unsafe.AddByteOffset(ref a, step)), weights));
                    acc2 = Avx2.Add(acc2, Avx2.MultiplyAddAdjacent(Pair256(ref Unsafe.AddByteOffset(ref a, step2)), weights));
                    acc3 = Avx2.Add(acc3, Avx2.MultiplyAddAdjacent(Pair256(ref Unsafe.AddByteOffset(ref a, step3)), weights));
                    w = ref Unsafe.Add(ref w, stride);
                    a = ref Unsafe.AddByteOffset(ref a, 4);
                }

                a = ref Unsafe.AddByteOffset(ref a, rowGap);
            }

            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * outputStep);
            Store(
                factors.Scale(acc0), factors.Scale(acc1), factors.Scale(acc2), factors.Scale(acc3),
                zeroPoint, min, max, stored, outputStep, ref output);
        }
    }

    // Eight channels of one pixel after the other.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles1x8<TFactor>(in Block block, int first, int end)
    {
        nint step = block.PixelBytes;
        nint rowGap = block.RowBytes - (4 * block.Pairs), stride = block.PairBytes;
        Vector256<int> start = Vector256.LoadUnsafe(ref block.Bias);
        start = Avx2.Add(start, start);
        var factors = new Factors256<TFactor>(block.Output, block.Channel);
        Vector256<int> zeroPoint = Vector256.Create(block.Output.ZeroPoint);
        Vector128<sbyte> min = Vector128.Create((sbyte)block.Output.Min), max = Vector128.Create((sbyte)block.Output.Max);
        int stored = block.Stored;
        for (int pixel = first; pixel < end; pixel += 1)
        {
            ref byte a = ref Unsafe.AddByteOffset(ref block.Input, pixel * step);
            ref sbyte w = ref block.Filter;
            Vector256<int> acc0 = start;
            for (int row = block.Rows; row > 0; row--)
            {
                for (int pair = block.Pairs; pair > 0; pair--)
                {
                    Vector256<short> weights = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref w));
                    acc0 = Avx2.Add(acc0, Avx2.MultiplyAddAdjacent(Pair256(ref a), weights));
                    w = ref Unsafe.Add(ref w, stride);
                    a = ref Unsafe.AddByteOffset(ref a, 4);
                }

                a = ref Unsafe.AddByteOffset(ref a, rowGap);
            }

            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * block.OutputStep);
            Store(factors.Scale(acc0), zeroPoint, min, max, stored, ref output);
        }
    }

    // Eight channels of tiles of four pixels, two vectors of four each.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles4x4x2(in Block block, int first, int end)
    {
        nint step = block.PixelBytes, step2 = 2 * step, step3 = 3 * step;
        nint rowGap = block.RowBytes - (4 * block.Pairs), stride = block.PairBytes;
        Vector128<int> start = Vector128.LoadUnsafe(ref block.Bias), start4 = Vector128.LoadUnsafe(ref block.Bias, 4);
        start = Sse2.Add(start, start);
        start4 = Sse2.Add(start4, start4);
        var factors = new Factors128(block.Output, block.Channel, block.Stored);
        Vector128<sbyte> min = Vector128.Create((sbyte)block.Output.Min), max = Vector128.Create((sbyte)block.Output.Max);
        for (int pixel = first; pixel < end; pixel += 4)
        {
            ref byte a = ref Unsafe.AddByteOffset(ref block.Input, pixel * step);
            ref sbyte w = ref block.Filter;
            Vector128<int> acc0 = start, acc1 = start, acc2 = start, acc3 = start;
            Vector128<int> high0 = start4, high1 = start4, high2 = start4, high3 = start4;
            for (int row = block.Rows; row > 0; row--)
            {
                for (int pair = block.Pairs; pair > 0; pair--)
                {
                    Vector128<short> low = Sse41.ConvertToVector128Int16(Vector128.CreateScalarUnsafe(Eight(ref w)).AsSByte());
                    Vector128<short> high = Sse41.ConvertToVector128Int16(Vector128.CreateScalarUnsafe(Eight(ref Unsafe.Add(ref w, 8))).AsSByte());
                    Vector128<short> x0 = Pair128(ref a);
                    acc0 = Sse2.Add(acc0, Sse2.MultiplyAddAdjacent(x0, low));
                    high0 = Sse2.Add(high0, Sse2.MultiplyAddAdjacent(x0, high));
                    Vector128<short> x1 = Pair128(ref Unsafe.AddByteOffset(ref a, step));
                    acc1 = Sse2.Add(acc1, Sse2.MultiplyAddAdjacent(x1, low));
                    high1 = Sse2.Add(high1, Sse2.MultiplyAddAdjacent(x1, high));
                    Vector128<short> x2 = Pair128(ref Unsafe.AddByteOffset(ref a, step2));
                    acc2 = Sse2.Add(acc2, Sse2.MultiplyAddAdjacent(x2, low));
                    high2 = Sse2.Add(high2, Sse2.MultiplyAddAdjacent(x2, high));
                    Vector128<short> x3 = Pair128(ref Unsafe.AddByteOffset(ref a, step3));
                    acc3 = Sse2.Add(acc3, Sse2.MultiplyAddAdjacent(x3, low));
                    high3 = Sse2.Add(high3, Sse2.MultiplyAddAdjacent(x3, high));
                    w = ref Unsafe.Add(ref w, stride);
                    a = ref Unsafe.AddByteOffset(ref a, 4);
                }

                a = ref Unsafe.AddByteOffset(ref a, rowGap);
            }

            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * block.OutputStep);
            factors.Store(acc0, high0, block.Output, block.Channel, block.Stored, min, max, ref output);
            output = ref Unsafe.Add(ref output, block.OutputStep);
            factors.Store(acc1, high1, block.Output, block.Channel, block.Stored, min, max, ref output);
            output = ref Unsafe.Add(ref output, block.OutputStep);
            factors.Store(acc2, high2, block.Output, block.Channel, block.Stored, min, max, ref output);
            output = ref Unsafe.Add(ref output, block.OutputStep);
            factors.Store(acc3, high3, block.Output, block.Channel, block.Stored, min, max, ref output);
        }
    }

    // Eight channels of one pixel after the other, two vectors of four each.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles1x4x2(in Block block, int first, int end)
    {
        nint step = block.PixelBytes;
        nint rowGap = block.RowBytes - (4 * block.Pairs), stride = block.PairBytes;
        Vector128<int> start = Vector128.LoadUnsafe(ref block.Bias), start4 = Vector128.LoadUnsafe(ref block.Bias, 4);
        start = Sse2.Add(start, start);
        start4 = Sse2.Add(start4, start4);
        var factors = new Factors128(block.Output, block.Channel, block.Stored);
        Vector128<sbyte> min = Vector128.Create((sbyte)block.Output.Min), max = Vector128.Create((sbyte)block.Output.Max);
        for (int pixel = first; pixel < end; pixel += 1)
        {
            ref byte a = ref Unsafe.AddByteOffset(ref block.Input, pixel * step);
            ref sbyte w = ref block.Filter;
            Vector128<int> acc0 = start;
            Vector128<int> high0 = start4;
            for (int row = block.Rows; row > 0; row--)
            {
                for (int pair = block.Pairs; pair > 0; pair--)
                {
                    Vector128<short> low = Sse41.ConvertToVector128Int16(Vector128.CreateScalarUnsafe(Eight(ref w)).AsSByte());
                    Vector128<short> high = Sse41.ConvertToVector128Int16(Vector128.CreateScalarUnsafe(Eight(ref Unsafe.Add(ref w, 8))).AsSByte());
                    Vector128<short> x0 = Pair128(ref a);
                    acc0 = Sse2.Add(acc0, Sse2.MultiplyAddAdjacent(x0, low));
                    high0 = Sse2.Add(high0, Sse2.MultiplyAddAdjacent(x0, high));
                    w = ref Unsafe.Add(ref w, stride);
                    a = ref Unsafe.AddByteOffset(ref a, 4);
                }

                a = ref Unsafe.AddByteOffset(ref a, rowGap);
            }

            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * block.OutputStep);
            factors.Store(acc0, high0, block.Output, block.Channel, block.Stored, min, max, ref output);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Pair512(ref byte pair) => Vector512.Create(Unsafe.ReadUnaligned<int>(ref pair)).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> TwoPairs512(ref byte pairs) => Vector512.Create(Unsafe.ReadUnaligned<long>(ref pairs)).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Weights512(ref sbyte pair) => Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref pair));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Pair256(ref byte pair) => Vector256.Create(Unsafe.ReadUnaligned<int>(ref pair)).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Pair128(ref byte pair) => Vector128.Create(Unsafe.ReadUnaligned<int>(ref pair)).AsInt16();

    /// <summary>A block of 16 or 8 output channels and the widened windows that they are computed from.</summary>
    private ref struct Block
    {
        /// <summary>The first tap of the first window: int16, doubled; or bytes, moved by 128.</summary>
        public ref byte Input;

        /// <summary>Of bytes, a bit for each four taps.</summary>
        public ref sbyte Safe;

        /// <summary>The weights of the block's first pair of taps.</summary>
        public ref sbyte Filter;

        public ref int Bias;

        /// <summary>Where the block's first channel of the first pixel is stored.</summary>
        public ref sbyte First;

        public Requantization Output;

        /// <summary>Rows of the filter, and pairs of taps in each.</summary>
        public int Rows, Pairs;

        /// <summary>From one window to the next one, and from one row of a window to the next one.</summary>
        public nint PixelBytes, RowBytes;

        /// <summary>From the weights of a pair of taps to those of the next pair.</summary>
        public nint PairBytes;

        /// <summary>The block's first channel, and how many it stores.</summary>
        public int Channel, Stored;

        /// <summary>From an output pixel to the next one of a run.</summary>
        public int OutputStep;
    }
}
