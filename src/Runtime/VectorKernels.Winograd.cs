using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Etch;

public static partial class VectorKernels
{
    /// <summary>
    /// As <see cref="Convolve(ReadOnlySpan{sbyte}, int, Span{sbyte}, int, int, in ConvolutionShape, sbyte, int, ReadOnlySpan{sbyte}, ReadOnlySpan{int}, ReadOnlySpan{int}, ReadOnlySpan{sbyte}, int, int, int, bool)"/>, for windows of 3×3 and stride 1, with 16 multiplications where that takes 36: Winograd's F(2×2, 3×3) on integers.
    /// </summary>
    /// <remarks>
    /// Two rows and two columns of outputs make a tile, which sees 4×4 pixels d of each input channel. With g the filter,
    /// 4·outputs = Aᵀ [Σ over channels of (2G g 2Gᵀ) ∘ (Bᵀ d B)] A, where Bᵀ d = (d0 − d2, d1 + d2, d2 − d1, d1 − d3),
    /// 2G g = (2 g0, g0 + g1 + g2, g0 − g1 + g2, 2 g2) and Aᵀ m = (m0 + m1 + m2, m1 − m2 − m3), for columns and then for rows.
    /// With int8 pixels and weights that is at most 512 and 1,152 in magnitude, int16, and four times the sums over at most 64 channels
    /// stay below 2^26; the bias comes after them. Both transforms are made here: filters are those of the other convolutions.
    /// </remarks>
    /// <inheritdoc cref="Convolve(ReadOnlySpan{sbyte}, int, Span{sbyte}, int, int, in ConvolutionShape, sbyte, int, ReadOnlySpan{sbyte}, ReadOnlySpan{int}, ReadOnlySpan{int}, ReadOnlySpan{sbyte}, int, int, int, bool)"/>
    public static void ConvolveWinograd(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, ReadOnlySpan<int> multiplier, ReadOnlySpan<sbyte> right, int zeroPoint, int min, int max,
        bool hasLeft = false) =>
        ConvolveWinograd(input, inputTop, output, rowBegin, rowEnd, shape, outside, channels, filter, bias, new Requantization(multiplier, right, zeroPoint, min, max, hasLeft));

    /// <summary>The same with factors in single precision, as XNNPACK has them: above 0 and below 256, one for all channels, or one each, padded.</summary>
    /// <inheritdoc cref="Convolve(ReadOnlySpan{sbyte}, int, Span{sbyte}, int, int, in ConvolutionShape, sbyte, int, ReadOnlySpan{sbyte}, ReadOnlySpan{int}, ReadOnlySpan{int}, ReadOnlySpan{sbyte}, int, int, int, bool)"/>
    public static void ConvolveWinograd(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, ReadOnlySpan<float> scale, int zeroPoint, int min, int max) =>
        ConvolveWinograd(input, inputTop, output, rowBegin, rowEnd, shape, outside, channels, filter, bias, new Requantization(scale, zeroPoint, min, max));

    private static void ConvolveWinograd(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, in Requantization requantization)
    {
        int depth = shape.InputChannels, tilesInRow = (shape.OutputWidth + 1) / 2, tiles = tilesInRow * ((rowEnd - rowBegin + 1) / 2);
        if (!Avx512BW.IsSupported || !shape.HasWinograd(channels) || !shape.PaysWinograd(rowEnd - rowBegin))
        {
            Convolve(input, inputTop, output, rowBegin, rowEnd, shape, outside, channels, filter, bias, requantization);
            return;
        }

        // Aligned to lines of the cache: most of what is loaded and stored here is a line.
        Span<byte> scratch = stackalloc byte[shape.WinogradScratch];
        scratch = scratch.Slice((int)(-Unsafe.ByteOffset(ref Unsafe.NullRef<byte>(), ref MemoryMarshal.GetReference(scratch)) & 63));
        Span<int> sums = MemoryMarshal.Cast<byte, int>(scratch).Slice(0, ConvolutionShape.WinogradTiles * ConvolutionShape.WinogradSums);
        Span<short> weights = MemoryMarshal.Cast<byte, short>(scratch.Slice(4 * sums.Length)).Slice(0, WinogradPositions * ConvolutionShape.WinogradWeights(depth));
        Span<short> pixels = MemoryMarshal.Cast<byte, short>(scratch.Slice((4 * sums.Length) + (2 * weights.Length))).Slice(0, WinogradPositions * ConvolutionShape.WinogradPixels(depth));
        Span<sbyte> rows = MemoryMarshal.Cast<byte, sbyte>(scratch.Slice((4 * sums.Length) + (2 * weights.Length) + (2 * pixels.Length)));
        for (int oc = 0; oc < channels; oc += 16)
        {
            TransformWeights(filter.Slice(oc * 9 * depth, 16 * 9 * depth), depth, weights);
            for (int first = 0; first < tiles; first += ConvolutionShape.WinogradTiles)
            {
                int count = Math.Min(ConvolutionShape.WinogradTiles, tiles - first);
                bool isTransformed = oc > 0 && tiles <= ConvolutionShape.WinogradTiles;
                for (int tile = 0; tile < count && !isTransformed;)
                {
                    // Tiles side by side have four rows of pixels in common.
                    int y = (first + tile) / tilesInRow * 2, x = (first + tile) % tilesInRow, neighbours = Math.Min(count - tile, tilesInRow - x);
                    int columns = (2 * neighbours) + 2, row = columns * depth;
                    for (int i = 0; i < WinogradSide; i++)
                    {
                        // A row below the last window may not be there.
                        int at = rowBegin + y + i - shape.PadTop;
                        CopyRow(input, inputTop, rowBegin + y + i < rowEnd + 2 ? at : -1, (2 * x) - shape.PadLeft, columns, shape, outside, rows.Slice(i * row, row));
                    }

                    TransformPixels(rows, depth, neighbours, pixels.Slice(tile * depth));
                    tile += neighbours;
                }

                MultiplyTiles(weights, pixels, depth, count, sums);
                if (requantization.IsSingle) StoreTiles<float>(sums, first, count, tilesInRow, rowEnd - rowBegin, shape.OutputWidth, output, oc, channels, bias, requantization);
                else if (requantization.HasLeft) StoreTiles<long>(sums, first, count, tilesInRow, rowEnd - rowBegin, shape.OutputWidth, output, oc, channels, bias, requantization);
                else StoreTiles<int>(sums, first, count, tilesInRow, rowEnd - rowBegin, shape.OutputWidth, output, oc, channels, bias, requantization);
            }
        }
    }

    private const int WinogradSide = 4, WinogradPositions = WinogradSide * WinogradSide;

    // The pixels of row y from column `begin` on, as they are stored.
    private static void CopyRow(ReadOnlySpan<sbyte> input, int inputTop, int y, int begin, int columns, in ConvolutionShape shape, sbyte outside, Span<sbyte> row)
    {
        ReadOnlySpan<sbyte> inside = RowInside(input, inputTop, y, begin, columns, shape, out int at);
        row.Slice(0, at).Fill(outside);
        row.Slice(at + inside.Length).Fill(outside);
        inside.CopyTo(row.Slice(at));
    }

    // The filters of sixteen output channels: for each position of a tile, pairs of input channels.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransformWeights(ReadOnlySpan<sbyte> filter, int depth, Span<short> weights)
    {
        ref sbyte from = ref MemoryMarshal.GetReference(filter);
        ref short to = ref MemoryMarshal.GetReference(weights.Slice(0, WinogradPositions * ConvolutionShape.WinogradWeights(depth)));
        int tap = 16 * depth, position = ConvolutionShape.WinogradWeights(depth);
        for (int pair = 0; pair < depth / 2; pair++)
        {
            TransformFilterColumn(ref from, tap, out Vector512<short> a0, out Vector512<short> a1, out Vector512<short> a2, out Vector512<short> a3);
            TransformFilterColumn(ref Unsafe.Add(ref from, tap), tap, out Vector512<short> b0, out Vector512<short> b1, out Vector512<short> b2, out Vector512<short> b3);
            TransformFilterColumn(ref Unsafe.Add(ref from, 2 * tap), tap, out Vector512<short> c0, out Vector512<short> c1, out Vector512<short> c2, out Vector512<short> c3);
            StoreFilterRow(a0, b0, c0, ref to, position);
            StoreFilterRow(a1, b1, c1, ref Unsafe.Add(ref to, 4 * position), position);
            StoreFilterRow(a2, b2, c2, ref Unsafe.Add(ref to, 8 * position), position);
            StoreFilterRow(a3, b3, c3, ref Unsafe.Add(ref to, 12 * position), position);
            from = ref Unsafe.Add(ref from, 32);
            to = ref Unsafe.Add(ref to, 32);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransformFilterColumn(
        ref sbyte from, int tap, out Vector512<short> w0, out Vector512<short> w1, out Vector512<short> w2, out Vector512<short> w3)
    {
        Vector512<short> g0 = Weights512(ref from), g1 = Weights512(ref Unsafe.Add(ref from, 3 * tap)), g2 = Weights512(ref Unsafe.Add(ref from, 6 * tap));
        Vector512<short> outer = Avx512BW.Add(g0, g2);
        w0 = Avx512BW.Add(g0, g0);
        w1 = Avx512BW.Add(outer, g1);
        w2 = Avx512BW.Subtract(outer, g1);
        w3 = Avx512BW.Add(g2, g2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFilterRow(Vector512<short> g0, Vector512<short> g1, Vector512<short> g2, ref short to, int position)
    {
        Vector512<short> outer = Avx512BW.Add(g0, g2);
        Avx512BW.Add(g0, g0).StoreUnsafe(ref to);
        Avx512BW.Add(outer, g1).StoreUnsafe(ref Unsafe.Add(ref to, position));
        Avx512BW.Subtract(outer, g1).StoreUnsafe(ref Unsafe.Add(ref to, 2 * position));
        Avx512BW.Add(g2, g2).StoreUnsafe(ref Unsafe.Add(ref to, 3 * position));
    }

    // Neighbouring tiles: for each position, all channels of each tile. Two columns of a tile are those of the one before it.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransformPixels(ReadOnlySpan<sbyte> rows, int depth, int tiles, Span<short> pixels)
    {
        int row = ((2 * tiles) + 2) * depth, position = ConvolutionShape.WinogradPixels(depth);
        ref sbyte first = ref MemoryMarshal.GetReference(rows.Slice(0, WinogradSide * row));
        ref short target = ref MemoryMarshal.GetReference(pixels.Slice(0, ((WinogradPositions - 1) * position) + (tiles * depth)));
        for (int channel = 0; channel < depth; channel += 16)
        {
            ref sbyte from = ref Unsafe.Add(ref first, channel);
            ref short to = ref Unsafe.Add(ref target, channel);
            TransformPixelColumn(ref from, row, out Vector256<short> a0, out Vector256<short> a1, out Vector256<short> a2, out Vector256<short> a3);
            from = ref Unsafe.Add(ref from, depth);
            TransformPixelColumn(ref from, row, out Vector256<short> b0, out Vector256<short> b1, out Vector256<short> b2, out Vector256<short> b3);
            for (int tile = 0; tile < tiles; tile++)
            {
                from = ref Unsafe.Add(ref from, depth);
                TransformPixelColumn(ref from, row, out Vector256<short> c0, out Vector256<short> c1, out Vector256<short> c2, out Vector256<short> c3);
                from = ref Unsafe.Add(ref from, depth);
                TransformPixelColumn(ref from, row, out Vector256<short> d0, out Vector256<short> d1, out Vector256<short> d2, out Vector256<short> d3);
                StorePixelRow(a0, b0, c0, d0, ref to, position);
                StorePixelRow(a1, b1, c1, d1, ref Unsafe.Add(ref to, 4 * position), position);
                StorePixelRow(a2, b2, c2, d2, ref Unsafe.Add(ref to, 8 * position), position);
                StorePixelRow(a3, b3, c3, d3, ref Unsafe.Add(ref to, 12 * position), position);
                (a0, a1, a2, a3) = (c0, c1, c2, c3);
                (b0, b1, b2, b3) = (d0, d1, d2, d3);
                to = ref Unsafe.Add(ref to, depth);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransformPixelColumn(
        ref sbyte from, int row, out Vector256<short> p0, out Vector256<short> p1, out Vector256<short> p2, out Vector256<short> p3)
    {
        Vector256<short> d0 = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref from));
        Vector256<short> d1 = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref Unsafe.Add(ref from, row)));
        Vector256<short> d2 = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref Unsafe.Add(ref from, 2 * row)));
        Vector256<short> d3 = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref Unsafe.Add(ref from, 3 * row)));
        p0 = Avx2.Subtract(d0, d2);
        p1 = Avx2.Add(d1, d2);
        p2 = Avx2.Subtract(d2, d1);
        p3 = Avx2.Subtract(d1, d3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePixelRow(Vector256<short> d0, Vector256<short> d1, Vector256<short> d2, Vector256<short> d3, ref short to, int position)
    {
        Avx2.Subtract(d0, d2).StoreUnsafe(ref to);
        Avx2.Add(d1, d2).StoreUnsafe(ref Unsafe.Add(ref to, position));
        Avx2.Subtract(d2, d1).StoreUnsafe(ref Unsafe.Add(ref to, 2 * position));
        Avx2.Subtract(d1, d3).StoreUnsafe(ref Unsafe.Add(ref to, 3 * position));
    }

    // The sums over input channels: sixteen output channels for each position of each tile.
    private static void MultiplyTiles(ReadOnlySpan<short> weights, ReadOnlySpan<short> pixels, int depth, int tiles, Span<int> sums)
    {
        int positionWeights = ConvolutionShape.WinogradWeights(depth), positionPixels = ConvolutionShape.WinogradPixels(depth);
        if (tiles == 16)
        {
            Multiply16Tiles(ref MemoryMarshal.GetReference(weights), ref Unsafe.As<short, byte>(ref MemoryMarshal.GetReference(pixels)), depth, ref MemoryMarshal.GetReference(sums));
            return;
        }

        for (int position = 0; position < WinogradPositions; position++)
        {
            ref short w = ref MemoryMarshal.GetReference(weights.Slice(position * positionWeights, 16 * depth));
            ref short p = ref MemoryMarshal.GetReference(pixels.Slice(position * positionPixels, tiles * depth));
            ref int s = ref MemoryMarshal.GetReference(sums.Slice(16 * position));
            // The last of a block of tiles that is not full are whatever lay in the memory; nobody stores them.
            for (int tile = 0; tile < tiles; tile += 4)
            {
                Multiply4Tiles(ref w, ref Unsafe.As<short, byte>(ref Unsafe.Add(ref p, tile * depth)), depth, ref Unsafe.Add(ref s, tile * ConvolutionShape.WinogradSums));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply16Tiles(ref short weights, ref byte pixels, int depth, ref int sums)
    {
        nint step = 2 * depth, step2 = 2 * step, step3 = 3 * step;
        nint gap = 2 * ConvolutionShape.WinogradPixels(depth);
        for (int position = WinogradPositions; position > 0; position--)
        {
            ref byte a = ref pixels;
            ref byte b = ref Unsafe.AddByteOffset(ref a, 4 * step);
            ref byte c = ref Unsafe.AddByteOffset(ref a, 8 * step);
            ref byte d = ref Unsafe.AddByteOffset(ref a, 12 * step);
            Vector512<int> sum0 = default, sum1 = default, sum2 = default, sum3 = default, sum4 = default, sum5 = default, sum6 = default, sum7 = default;
            Vector512<int> sum8 = default, sum9 = default, sum10 = default, sum11 = default, sum12 = default, sum13 = default, sum14 = default, sum15 = default;
            for (int pair = depth / 2; pair > 0; pair--)
            {
                Vector512<short> w = Vector512.LoadUnsafe(ref weights);
                sum0 = Avx512F.Add(sum0, Avx512BW.MultiplyAddAdjacent(Pair512(ref a), w));
                sum1 = Avx512F.Add(sum1, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step)), w));
                sum2 = Avx512F.Add(sum2, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step2)), w));
                sum3 = Avx512F.Add(sum3, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step3)), w));
                sum4 = Avx512F.Add(sum4, Avx512BW.MultiplyAddAdjacent(Pair512(ref b), w));
                sum5 = Avx512F.Add(sum5, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref b, step)), w));
                sum6 = Avx512F.Add(sum6, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref b, step2)), w));
                sum7 = Avx512F.Add(sum7, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref b, step3)), w));
                sum8 = Avx512F.Add(sum8, Avx512BW.MultiplyAddAdjacent(Pair512(ref c), w));
                sum9 = Avx512F.Add(sum9, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref c, step)), w));
                sum10 = Avx512F.Add(sum10, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref c, step2)), w));
                sum11 = Avx512F.Add(sum11, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref c, step3)), w));
                sum12 = Avx512F.Add(sum12, Avx512BW.MultiplyAddAdjacent(Pair512(ref d), w));
                sum13 = Avx512F.Add(sum13, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref d, step)), w));
                sum14 = Avx512F.Add(sum14, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref d, step2)), w));
                sum15 = Avx512F.Add(sum15, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref d, step3)), w));
                weights = ref Unsafe.Add(ref weights, 32);
                a = ref Unsafe.AddByteOffset(ref a, 4);
                b = ref Unsafe.AddByteOffset(ref b, 4);
                c = ref Unsafe.AddByteOffset(ref c, 4);
                d = ref Unsafe.AddByteOffset(ref d, 4);
            }

            sum0.StoreUnsafe(ref sums);
            sum1.StoreUnsafe(ref sums, ConvolutionShape.WinogradSums);
            sum2.StoreUnsafe(ref sums, 2 * ConvolutionShape.WinogradSums);
            sum3.StoreUnsafe(ref sums, 3 * ConvolutionShape.WinogradSums);
            sum4.StoreUnsafe(ref sums, 4 * ConvolutionShape.WinogradSums);
            sum5.StoreUnsafe(ref sums, 5 * ConvolutionShape.WinogradSums);
            sum6.StoreUnsafe(ref sums, 6 * ConvolutionShape.WinogradSums);
            sum7.StoreUnsafe(ref sums, 7 * ConvolutionShape.WinogradSums);
            sum8.StoreUnsafe(ref sums, 8 * ConvolutionShape.WinogradSums);
            sum9.StoreUnsafe(ref sums, 9 * ConvolutionShape.WinogradSums);
            sum10.StoreUnsafe(ref sums, 10 * ConvolutionShape.WinogradSums);
            sum11.StoreUnsafe(ref sums, 11 * ConvolutionShape.WinogradSums);
            sum12.StoreUnsafe(ref sums, 12 * ConvolutionShape.WinogradSums);
            sum13.StoreUnsafe(ref sums, 13 * ConvolutionShape.WinogradSums);
            sum14.StoreUnsafe(ref sums, 14 * ConvolutionShape.WinogradSums);
            sum15.StoreUnsafe(ref sums, 15 * ConvolutionShape.WinogradSums);
            weights = ref Unsafe.Add(ref weights, 32);
            pixels = ref Unsafe.AddByteOffset(ref pixels, gap);
            sums = ref Unsafe.Add(ref sums, 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply4Tiles(ref short weights, ref byte a, int depth, ref int sums)
    {
        nint step = 2 * depth, step2 = 2 * step, step3 = 3 * step;
        Vector512<int> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        for (int pair = depth / 2; pair > 0; pair--)
        {
            Vector512<short> w = Vector512.LoadUnsafe(ref weights);
            sum0 = Avx512F.Add(sum0, Avx512BW.MultiplyAddAdjacent(Pair512(ref a), w));
            sum1 = Avx512F.Add(sum1, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step)), w));
            sum2 = Avx512F.Add(sum2, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step2)), w));
            sum3 = Avx512F.Add(sum3, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step3)), w));
            weights = ref Unsafe.Add(ref weights, 32);
            a = ref Unsafe.AddByteOffset(ref a, 4);
        }

        sum0.StoreUnsafe(ref sums);
        sum1.StoreUnsafe(ref sums, ConvolutionShape.WinogradSums);
        sum2.StoreUnsafe(ref sums, 2 * ConvolutionShape.WinogradSums);
        sum3.StoreUnsafe(ref sums, 3 * ConvolutionShape.WinogradSums);
    }

    // Four outputs of each tile, as far as they are inside the image.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreTiles<TFactor>(
        ReadOnlySpan<int> sums, int firstTile, int tiles, int tilesInRow, int rows, int width, Span<sbyte> output, int oc, int channels,
        ReadOnlySpan<int> bias, in Requantization r)
    {
        Vector512<int> start = Vector512.LoadUnsafe(ref MemoryMarshal.GetReference(bias.Slice(oc, 16)));
        start = Avx512F.Add(start, start);
        var factors = new Factors512<TFactor>(r, oc);
        Vector512<int> zeroPoint = Vector512.Create(r.ZeroPoint);
        Vector128<sbyte> min = Vector128.Create((sbyte)r.Min), max = Vector128.Create((sbyte)r.Max);
        int stored = Math.Min(16, channels - oc), y = firstTile / tilesInRow * 2, x = firstTile % tilesInRow * 2;
        ref int sum = ref MemoryMarshal.GetReference(sums);
        ref sbyte first = ref MemoryMarshal.GetReference(output.Slice(oc, (((rows * width) - 1) * channels) + stored));
        for (int tile = 0; tile < tiles; tile++)
        {
            SumRows(ref sum, out Vector512<int> top0, out Vector512<int> low0);
            SumRows(ref Unsafe.Add(ref sum, 16), out Vector512<int> top1, out Vector512<int> low1);
            SumRows(ref Unsafe.Add(ref sum, 32), out Vector512<int> top2, out Vector512<int> low2);
            SumRows(ref Unsafe.Add(ref sum, 48), out Vector512<int> top3, out Vector512<int> low3);
            Vector512<int> inner = Avx512F.Add(Avx512F.ShiftRightArithmetic(Avx512F.Add(Avx512F.Add(top0, top1), top2), 1), start);
            ref sbyte pixel = ref Unsafe.Add(ref first, ((y * width) + x) * channels);
            bool isWide = x + 1 < width;
            Store(factors.Scale(inner), zeroPoint, min, max, stored, ref pixel);
            if (isWide)
            {
                inner = Avx512F.Add(Avx512F.ShiftRightArithmetic(Avx512F.Subtract(Avx512F.Subtract(top1, top2), top3), 1), start);
                Store(factors.Scale(inner), zeroPoint, min, max, stored, ref Unsafe.Add(ref pixel, channels));
            }

            if (y + 1 < rows)
            {
                pixel = ref Unsafe.Add(ref pixel, width * channels);
                inner = Avx512F.Add(Avx512F.ShiftRightArithmetic(Avx512F.Add(Avx512F.Add(low0, low1), low2), 1), start);
                Store(factors.Scale(inner), zeroPoint, min, max, stored, ref pixel);
                if (isWide)
                {
                    inner = Avx512F.Add(Avx512F.ShiftRightArithmetic(Avx512F.Subtract(Avx512F.Subtract(low1, low2), low3), 1), start);
                    Store(factors.Scale(inner), zeroPoint, min, max, stored, ref Unsafe.Add(ref pixel, channels));
                }
            }

            sum = ref Unsafe.Add(ref sum, ConvolutionShape.WinogradSums);
            x += 2;
            if (x >= width)
            {
                x = 0;
                y += 2;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SumRows(ref int sum, out Vector512<int> top, out Vector512<int> low)
    {
        Vector512<int> m1 = Vector512.LoadUnsafe(ref sum, 64), m2 = Vector512.LoadUnsafe(ref sum, 128);
        top = Avx512F.Add(Avx512F.Add(m1, m2), Vector512.LoadUnsafe(ref sum));
        low = Avx512F.Subtract(Avx512F.Subtract(m1, m2), Vector512.LoadUnsafe(ref sum, 192));
    }
}
