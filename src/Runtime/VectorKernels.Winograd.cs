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
    /// With int8 pixels and weights that is at most 512 and 1,152 in magnitude, int16, and sums of nine of the sums over at most 128 channels
    /// stay below 2^30; the bias comes after them. The pixels are transformed here.
    /// <para>
    /// The table of transformed filters has blocks of 16 output channels, the last one filled up with zeros: in a block for each position of a
    /// tile, row by row, and each pair of input channels, the two weights of each output channel side by side.
    /// </para>
    /// </remarks>
    /// <inheritdoc cref="Convolve(ReadOnlySpan{sbyte}, int, Span{sbyte}, int, int, in ConvolutionShape, sbyte, int, ReadOnlySpan{sbyte}, ReadOnlySpan{int}, ReadOnlySpan{int}, ReadOnlySpan{sbyte}, int, int, int, bool)"/>
    public static void ConvolveWinograd(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<short> transformed, ReadOnlySpan<int> bias, ReadOnlySpan<int> multiplier, ReadOnlySpan<sbyte> right,
        int zeroPoint, int min, int max, bool hasLeft = false) =>
        ConvolveWinograd(input, inputTop, output, rowBegin, rowEnd, shape, outside, channels, filter, transformed, bias, new Requantization(multiplier, right, zeroPoint, min, max, hasLeft));

    /// <summary>The same with factors in single precision, as XNNPACK has them: above 0 and below 256, one for all channels, or one each, padded.</summary>
    /// <inheritdoc cref="Convolve(ReadOnlySpan{sbyte}, int, Span{sbyte}, int, int, in ConvolutionShape, sbyte, int, ReadOnlySpan{sbyte}, ReadOnlySpan{int}, ReadOnlySpan{int}, ReadOnlySpan{sbyte}, int, int, int, bool)"/>
    public static void ConvolveWinograd(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<short> transformed, ReadOnlySpan<int> bias, ReadOnlySpan<float> scale, int zeroPoint, int min, int max) =>
        ConvolveWinograd(input, inputTop, output, rowBegin, rowEnd, shape, outside, channels, filter, transformed, bias, new Requantization(scale, zeroPoint, min, max));

    private static void ConvolveWinograd(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<short> transformed, ReadOnlySpan<int> bias, in Requantization requantization)
    {
        if (!Sse41.IsSupported || !shape.HasWinograd(channels) || !shape.PaysWinograd(rowEnd - rowBegin) || IsDirectFaster(shape, channels))
        {
            Convolve(input, inputTop, output, rowBegin, rowEnd, shape, outside, channels, filter, bias, requantization);
            return;
        }

        // Aligned to lines of the cache: most of what is loaded and stored here is a line.
        Span<byte> scratch = stackalloc byte[shape.WinogradScratch];
        scratch = scratch.Slice((int)(-Unsafe.ByteOffset(ref Unsafe.NullRef<byte>(), ref MemoryMarshal.GetReference(scratch)) & (ConvolutionShape.Alignment - 1)));
        int depth = shape.InputChannels, tilesInRow = (shape.OutputWidth + 1) / 2, tiles = tilesInRow * ((rowEnd - rowBegin + 1) / 2);
        Span<int> sums = MemoryMarshal.Cast<byte, int>(scratch).Slice(0, ConvolutionShape.WinogradTiles * ConvolutionShape.WinogradSums);
        Span<short> pixels = MemoryMarshal.Cast<byte, short>(scratch.Slice(4 * sums.Length)).Slice(0, WinogradPositions * ConvolutionShape.WinogradPixels(depth));
        Span<sbyte> rows = MemoryMarshal.Cast<byte, sbyte>(scratch.Slice((4 * sums.Length) + (2 * pixels.Length)));
        scoped TileBlock block = default;
        block.Output = output;
        block.Bias = bias;
        block.Requantization = requantization;
        block.InRow = tilesInRow;
        block.Rows = rowEnd - rowBegin;
        block.Width = shape.OutputWidth;
        block.Channels = channels;
        for (int first = 0; first < tiles; first += ConvolutionShape.WinogradTiles)
        {
            block.First = first;
            block.Count = Math.Min(ConvolutionShape.WinogradTiles, tiles - first);
            for (int tile = 0; tile < block.Count;)
            {
                // Tiles side by side have four rows of pixels in common.
                int y = (first + tile) / tilesInRow * 2, x = (first + tile) % tilesInRow, neighbours = Math.Min(block.Count - tile, tilesInRow - x);
                int columns = (2 * neighbours) + 2, row = columns * depth;
                for (int i = 0; i < WinogradSide; i++)
                {
                    // A row below the last window may not be there.
                    int at = rowBegin + y + i - shape.PadTop;
                    CopyRow(input, inputTop, rowBegin + y + i < rowEnd + 2 ? at : -1, (2 * x) - shape.PadLeft, columns, shape, outside, rows.Slice(i * row, row));
                }

                if (Avx2.IsSupported) TransformPixels256(rows, depth, neighbours, pixels.Slice(tile * depth));
                else TransformPixels128(rows, depth, neighbours, pixels.Slice(tile * depth));
                tile += neighbours;
            }

            // The weights of a block of channels, which may come from the second-level cache, serve all tiles.
            for (int oc = 0; oc < channels; oc += 16)
            {
                block.Channel = oc;
                MultiplyTiles(transformed.Slice(oc * WinogradPositions * depth, 16 * WinogradPositions * depth), pixels, depth, block.Count, Math.Min(16, channels - oc), sums);
                if (requantization.IsSingle) StoreTiles<float>(sums, ref block);
                else if (requantization.HasLeft) StoreTiles<long>(sums, ref block);
                else StoreTiles<int>(sums, ref block);
            }
        }
    }

    private const int WinogradSide = 4, WinogradPositions = WinogradSide * WinogradSide;

    // Whether the direct kernel takes four taps at a time, and there are too few channels to gain on what the transforms take, or rows are its tiles: measured.
    private static bool IsDirectFaster(in ConvolutionShape shape, int channels)
    {
#if NET9_0_OR_GREATER
        return (shape.InputChannels < 48 || shape.OutputWidth == VnniTile) && HasVnni(shape, channels);
#else
        return false;
#endif
    }

    // The pixels of row y from column `begin` on, as they are stored.
    private static void CopyRow(ReadOnlySpan<sbyte> input, int inputTop, int y, int begin, int columns, in ConvolutionShape shape, sbyte outside, Span<sbyte> row)
    {
        ReadOnlySpan<sbyte> inside = RowInside(input, inputTop, y, begin, columns, shape, out int at);
        row.Slice(0, at).Fill(outside);
        row.Slice(at + inside.Length).Fill(outside);
        inside.CopyTo(row.Slice(at));
    }

    // Neighbouring tiles: for each position, all channels of each tile. Two columns of a tile are those of the one before it.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransformPixels256(ReadOnlySpan<sbyte> rows, int depth, int tiles, Span<short> pixels)
    {
        int row = ((2 * tiles) + 2) * depth, position = ConvolutionShape.WinogradPixels(depth);
        ref sbyte first = ref MemoryMarshal.GetReference(rows.Slice(0, WinogradSide * row));
        ref short target = ref MemoryMarshal.GetReference(pixels.Slice(0, ((WinogradPositions - 1) * position) + (tiles * depth)));
        for (int begin = 0; begin < depth; begin += 16)
        {
            // The last vector goes together with channels before it.
            int channel = Math.Min(begin, depth - 16);
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

    // The same with eight channels at a time.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransformPixels128(ReadOnlySpan<sbyte> rows, int depth, int tiles, Span<short> pixels)
    {
        int row = ((2 * tiles) + 2) * depth, position = ConvolutionShape.WinogradPixels(depth);
        ref sbyte first = ref MemoryMarshal.GetReference(rows.Slice(0, WinogradSide * row));
        ref short target = ref MemoryMarshal.GetReference(pixels.Slice(0, ((WinogradPositions - 1) * position) + (tiles * depth)));
        for (int begin = 0; begin < depth; begin += 8)
        {
            int channel = Math.Min(begin, depth - 8);
            ref sbyte from = ref Unsafe.Add(ref first, channel);
            ref short to = ref Unsafe.Add(ref target, channel);
            TransformPixelColumn(ref from, row, out Vector128<short> a0, out Vector128<short> a1, out Vector128<short> a2, out Vector128<short> a3);
            from = ref Unsafe.Add(ref from, depth);
            TransformPixelColumn(ref from, row, out Vector128<short> b0, out Vector128<short> b1, out Vector128<short> b2, out Vector128<short> b3);
            for (int tile = 0; tile < tiles; tile++)
            {
                from = ref Unsafe.Add(ref from, depth);
                TransformPixelColumn(ref from, row, out Vector128<short> c0, out Vector128<short> c1, out Vector128<short> c2, out Vector128<short> c3);
                from = ref Unsafe.Add(ref from, depth);
                TransformPixelColumn(ref from, row, out Vector128<short> d0, out Vector128<short> d1, out Vector128<short> d2, out Vector128<short> d3);
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
        ref sbyte from, int row, out Vector128<short> p0, out Vector128<short> p1, out Vector128<short> p2, out Vector128<short> p3)
    {
        Vector128<short> d0 = Eight128(ref from), d1 = Eight128(ref Unsafe.Add(ref from, row));
        Vector128<short> d2 = Eight128(ref Unsafe.Add(ref from, 2 * row)), d3 = Eight128(ref Unsafe.Add(ref from, 3 * row));
        p0 = Sse2.Subtract(d0, d2);
        p1 = Sse2.Add(d1, d2);
        p2 = Sse2.Subtract(d2, d1);
        p3 = Sse2.Subtract(d1, d3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Eight128(ref sbyte from) => Sse41.ConvertToVector128Int16(Vector128.CreateScalarUnsafe(Eight(ref from)).AsSByte());


    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePixelRow(Vector128<short> d0, Vector128<short> d1, Vector128<short> d2, Vector128<short> d3, ref short to, int position)
    {
        Sse2.Subtract(d0, d2).StoreUnsafe(ref to);
        Sse2.Add(d1, d2).StoreUnsafe(ref Unsafe.Add(ref to, position));
        Sse2.Subtract(d2, d1).StoreUnsafe(ref Unsafe.Add(ref to, 2 * position));
        Sse2.Subtract(d1, d3).StoreUnsafe(ref Unsafe.Add(ref to, 3 * position));
    }

    // The sums over input channels: sixteen output channels, or the first ones, for each position of each tile.
    private static void MultiplyTiles(ReadOnlySpan<short> weights, ReadOnlySpan<short> pixels, int depth, int tiles, int channels, Span<int> sums)
    {
        if (Avx512BW.IsSupported && tiles == ConvolutionShape.WinogradTiles)
        {
            Multiply16x16(ref MemoryMarshal.GetReference(weights), ref Unsafe.As<short, byte>(ref MemoryMarshal.GetReference(pixels)), depth, ref MemoryMarshal.GetReference(sums));
            return;
        }

        for (int position = 0; position < WinogradPositions; position++)
        {
            // The last of four tiles may be whatever lay in the memory; nobody stores them.
            ref short w = ref MemoryMarshal.GetReference(weights.Slice(position * 16 * depth, 16 * depth));
            ref byte p = ref Unsafe.As<short, byte>(ref MemoryMarshal.GetReference(pixels.Slice(position * ConvolutionShape.WinogradPixels(depth), tiles * depth)));
            ref int sum = ref sums[16 * position];
            if (Avx512BW.IsSupported)
            {
                Multiply4x16(ref w, ref p, depth, tiles, ref sum);
            }
            else if (Avx2.IsSupported)
            {
                Multiply4x8x2(ref w, ref p, depth, tiles, ref sum);
            }
            else
            {
                Multiply4x4x2(ref w, ref p, depth, tiles, ref sum);
                if (channels > 8) Multiply4x4x2(ref Unsafe.Add(ref w, 16), ref p, depth, tiles, ref Unsafe.Add(ref sum, 8));
            }
        }
    }

    // Sixteen channels of sixteen tiles, all positions.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply16x16(ref short weights, ref byte pixels, int depth, ref int sums)
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
            pixels = ref Unsafe.AddByteOffset(ref pixels, gap);
            sums = ref Unsafe.Add(ref sums, 16);
        }
    }

    // Sixteen channels of four tiles after the other, one position.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply4x16(ref short weights, ref byte pixels, int depth, int tiles, ref int sums)
    {
        nint step = 2 * depth, step2 = 2 * step, step3 = 3 * step;
        for (int tile = 0; tile < tiles; tile += 4)
        {
            ref byte a = ref pixels;
            ref short w = ref weights;
            Vector512<int> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
            for (int pair = depth / 2; pair > 0; pair--)
            {
                Vector512<short> x = Vector512.LoadUnsafe(ref w);
                sum0 = Avx512F.Add(sum0, Avx512BW.MultiplyAddAdjacent(Pair512(ref a), x));
                sum1 = Avx512F.Add(sum1, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step)), x));
                sum2 = Avx512F.Add(sum2, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step2)), x));
                sum3 = Avx512F.Add(sum3, Avx512BW.MultiplyAddAdjacent(Pair512(ref Unsafe.AddByteOffset(ref a, step3)), x));
                w = ref Unsafe.Add(ref w, 32);
                a = ref Unsafe.AddByteOffset(ref a, 4);
            }

            sum0.StoreUnsafe(ref sums);
            sum1.StoreUnsafe(ref sums, ConvolutionShape.WinogradSums);
            sum2.StoreUnsafe(ref sums, 2 * ConvolutionShape.WinogradSums);
            sum3.StoreUnsafe(ref sums, 3 * ConvolutionShape.WinogradSums);
            pixels = ref Unsafe.AddByteOffset(ref pixels, 4 * step);
            sums = ref Unsafe.Add(ref sums, 4 * ConvolutionShape.WinogradSums);
        }
    }

    // The same with two vectors of eight channels.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply4x8x2(ref short weights, ref byte pixels, int depth, int tiles, ref int sums)
    {
        nint step = 2 * depth, step2 = 2 * step, step3 = 3 * step;
        for (int tile = 0; tile < tiles; tile += 4)
        {
            ref byte a = ref pixels;
            ref short w = ref weights;
            Vector256<int> sum0 = default, sum1 = default, sum2 = default, sum3 = default, high0 = default, high1 = default, high2 = default, high3 = default;
            for (int pair = depth / 2; pair > 0; pair--)
            {
                Vector256<short> low = Vector256.LoadUnsafe(ref w), high = Vector256.LoadUnsafe(ref w, 16);
                Vector256<short> x = Pair256(ref a);
                sum0 = AddProducts(sum0, x, low);
                high0 = AddProducts(high0, x, high);
                x = Pair256(ref Unsafe.AddByteOffset(ref a, step));
                sum1 = AddProducts(sum1, x, low);
                high1 = AddProducts(high1, x, high);
                x = Pair256(ref Unsafe.AddByteOffset(ref a, step2));
                sum2 = AddProducts(sum2, x, low);
                high2 = AddProducts(high2, x, high);
                x = Pair256(ref Unsafe.AddByteOffset(ref a, step3));
                sum3 = AddProducts(sum3, x, low);
                high3 = AddProducts(high3, x, high);
                w = ref Unsafe.Add(ref w, 32);
                a = ref Unsafe.AddByteOffset(ref a, 4);
            }

            sum0.StoreUnsafe(ref sums);
            high0.StoreUnsafe(ref sums, 8);
            sum1.StoreUnsafe(ref sums, ConvolutionShape.WinogradSums);
            high1.StoreUnsafe(ref sums, ConvolutionShape.WinogradSums + 8);
            sum2.StoreUnsafe(ref sums, 2 * ConvolutionShape.WinogradSums);
            high2.StoreUnsafe(ref sums, (2 * ConvolutionShape.WinogradSums) + 8);
            sum3.StoreUnsafe(ref sums, 3 * ConvolutionShape.WinogradSums);
            high3.StoreUnsafe(ref sums, (3 * ConvolutionShape.WinogradSums) + 8);
            pixels = ref Unsafe.AddByteOffset(ref pixels, 4 * step);
            sums = ref Unsafe.Add(ref sums, 4 * ConvolutionShape.WinogradSums);
        }
    }

    // Two products of each lane more.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> AddProducts(Vector256<int> sum, Vector256<short> x, Vector256<short> weights)
    {
#if NET9_0_OR_GREATER
        if (AvxVnni.IsSupported) return AvxVnni.MultiplyWideningAndAdd(sum, x, weights);
#endif
        return Avx2.Add(sum, Avx2.MultiplyAddAdjacent(x, weights));
    }

    // The same for eight channels: two vectors of four.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply4x4x2(ref short weights, ref byte pixels, int depth, int tiles, ref int sums)
    {
        nint step = 2 * depth, step2 = 2 * step, step3 = 3 * step;
        for (int tile = 0; tile < tiles; tile += 4)
        {
            ref byte a = ref pixels;
            ref short w = ref weights;
            Vector128<int> sum0 = default, sum1 = default, sum2 = default, sum3 = default, high0 = default, high1 = default, high2 = default, high3 = default;
            for (int pair = depth / 2; pair > 0; pair--)
            {
                Vector128<short> low = Vector128.LoadUnsafe(ref w), high = Vector128.LoadUnsafe(ref w, 8);
                Vector128<short> x = Pair128(ref a);
                sum0 = Sse2.Add(sum0, Sse2.MultiplyAddAdjacent(x, low));
                high0 = Sse2.Add(high0, Sse2.MultiplyAddAdjacent(x, high));
                x = Pair128(ref Unsafe.AddByteOffset(ref a, step));
                sum1 = Sse2.Add(sum1, Sse2.MultiplyAddAdjacent(x, low));
                high1 = Sse2.Add(high1, Sse2.MultiplyAddAdjacent(x, high));
                x = Pair128(ref Unsafe.AddByteOffset(ref a, step2));
                sum2 = Sse2.Add(sum2, Sse2.MultiplyAddAdjacent(x, low));
                high2 = Sse2.Add(high2, Sse2.MultiplyAddAdjacent(x, high));
                x = Pair128(ref Unsafe.AddByteOffset(ref a, step3));
                sum3 = Sse2.Add(sum3, Sse2.MultiplyAddAdjacent(x, low));
                high3 = Sse2.Add(high3, Sse2.MultiplyAddAdjacent(x, high));
                w = ref Unsafe.Add(ref w, 32);
                a = ref Unsafe.AddByteOffset(ref a, 4);
            }

            sum0.StoreUnsafe(ref sums);
            high0.StoreUnsafe(ref sums, 4);
            sum1.StoreUnsafe(ref sums, ConvolutionShape.WinogradSums);
            high1.StoreUnsafe(ref sums, ConvolutionShape.WinogradSums + 4);
            sum2.StoreUnsafe(ref sums, 2 * ConvolutionShape.WinogradSums);
            high2.StoreUnsafe(ref sums, (2 * ConvolutionShape.WinogradSums) + 4);
            sum3.StoreUnsafe(ref sums, 3 * ConvolutionShape.WinogradSums);
            high3.StoreUnsafe(ref sums, (3 * ConvolutionShape.WinogradSums) + 4);
            pixels = ref Unsafe.AddByteOffset(ref pixels, 4 * step);
            sums = ref Unsafe.Add(ref sums, 4 * ConvolutionShape.WinogradSums);
        }
    }

    // Four outputs of each tile, as far as they are inside the image, of sixteen channels.
    private static void StoreTiles<TFactor>(Span<int> sums, ref TileBlock block)
    {
        block.Stored = Math.Min(16, block.Channels - block.Channel);
        if (Avx512BW.IsSupported && block.Stored > 8)
        {
            StoreTiles16<TFactor>(ref MemoryMarshal.GetReference(sums), block);
            return;
        }

        for (int lanes = block.Stored, at = 0; lanes > 0; lanes -= 8, at += 8)
        {
            block.Stored = Math.Min(8, lanes);
            if (Avx2.IsSupported) StoreTiles8<TFactor>(ref MemoryMarshal.GetReference(sums.Slice(at)), block);
            else StoreTiles4x2(ref MemoryMarshal.GetReference(sums.Slice(at)), block);
            block.Channel += 8;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreTiles16<TFactor>(ref int sum, in TileBlock block)
    {
        Vector512<int> start = Vector512.LoadUnsafe(ref MemoryMarshal.GetReference(block.Bias.Slice(block.Channel, 16)));
        start = Avx512F.Add(start, start);
        var factors = new Factors512<TFactor>(block.Requantization, block.Channel);
        Vector512<short> zeroPoint = Vector512.Create((short)block.Requantization.ZeroPoint);
        Vector512<sbyte> min = Vector512.Create((sbyte)block.Requantization.Min), max = Vector512.Create((sbyte)block.Requantization.Max);
        int stored = block.Stored, channels = block.Channels, row = block.Width * channels;
        ref sbyte first = ref block.FirstOutput(out int x, out int y);
        for (int tile = block.Count; tile > 0; tile--)
        {
            SumRows(ref sum, out Vector512<int> top0, out Vector512<int> low0);
            SumRows(ref Unsafe.Add(ref sum, 16), out Vector512<int> top1, out Vector512<int> low1);
            SumRows(ref Unsafe.Add(ref sum, 32), out Vector512<int> top2, out Vector512<int> low2);
            SumRows(ref Unsafe.Add(ref sum, 48), out Vector512<int> top3, out Vector512<int> low3);
            top0 = Avx512F.Add(Avx512F.ShiftRightArithmetic(Avx512F.Add(Avx512F.Add(top0, top1), top2), 1), start);
            top1 = Avx512F.Add(Avx512F.ShiftRightArithmetic(Avx512F.Subtract(Avx512F.Subtract(top1, top2), top3), 1), start);
            low0 = Avx512F.Add(Avx512F.ShiftRightArithmetic(Avx512F.Add(Avx512F.Add(low0, low1), low2), 1), start);
            low1 = Avx512F.Add(Avx512F.ShiftRightArithmetic(Avx512F.Subtract(Avx512F.Subtract(low1, low2), low3), 1), start);
            Vector512<sbyte> bytes = Pack(factors.Scale(top0), factors.Scale(top1), factors.Scale(low0), factors.Scale(low1), zeroPoint, min, max);
            ref sbyte output = ref Unsafe.Add(ref first, (y * row) + (x * channels));
            bool isWide = x + 1 < block.Width;
            StoreChannels(bytes.GetLower().GetLower(), stored, ref output);
            if (isWide) StoreChannels(Avx512F.ExtractVector128(bytes, 1), stored, ref Unsafe.Add(ref output, channels));
            if (y + 1 < block.Rows)
            {
                output = ref Unsafe.Add(ref output, row);
                StoreChannels(Avx512F.ExtractVector128(bytes, 2), stored, ref output);
                if (isWide) StoreChannels(Avx512F.ExtractVector128(bytes, 3), stored, ref Unsafe.Add(ref output, channels));
            }

            sum = ref Unsafe.Add(ref sum, ConvolutionShape.WinogradSums);
            block.Next(ref x, ref y);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SumRows(ref int sum, out Vector512<int> top, out Vector512<int> low)
    {
        Vector512<int> m1 = Vector512.LoadUnsafe(ref sum, 64), m2 = Vector512.LoadUnsafe(ref sum, 128);
        top = Avx512F.Add(Avx512F.Add(m1, m2), Vector512.LoadUnsafe(ref sum));
        low = Avx512F.Subtract(Avx512F.Subtract(m1, m2), Vector512.LoadUnsafe(ref sum, 192));
    }

    // Sixteen channels, or the first ones.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreChannels(Vector128<sbyte> bytes, int stored, ref sbyte output)
    {
        if (stored == 16) bytes.StoreUnsafe(ref output);
        else StorePart(bytes, stored, ref output);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreTiles8<TFactor>(ref int sum, in TileBlock block)
    {
        Vector256<int> start = Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(block.Bias.Slice(block.Channel, 8)));
        start = Avx2.Add(start, start);
        var factors = new Factors256<TFactor>(block.Requantization, block.Channel);
        Vector256<short> zeroPoint = Vector256.Create((short)block.Requantization.ZeroPoint);
        Vector256<sbyte> min = Vector256.Create((sbyte)block.Requantization.Min), max = Vector256.Create((sbyte)block.Requantization.Max);
        int stored = block.Stored, channels = block.Channels, row = block.Width * channels;
        ref sbyte first = ref block.FirstOutput(out int x, out int y);
        for (int tile = block.Count; tile > 0; tile--)
        {
            SumRows(ref sum, out Vector256<int> top0, out Vector256<int> low0);
            SumRows(ref Unsafe.Add(ref sum, 16), out Vector256<int> top1, out Vector256<int> low1);
            SumRows(ref Unsafe.Add(ref sum, 32), out Vector256<int> top2, out Vector256<int> low2);
            SumRows(ref Unsafe.Add(ref sum, 48), out Vector256<int> top3, out Vector256<int> low3);
            top0 = Avx2.Add(Avx2.ShiftRightArithmetic(Avx2.Add(Avx2.Add(top0, top1), top2), 1), start);
            top1 = Avx2.Add(Avx2.ShiftRightArithmetic(Avx2.Subtract(Avx2.Subtract(top1, top2), top3), 1), start);
            low0 = Avx2.Add(Avx2.ShiftRightArithmetic(Avx2.Add(Avx2.Add(low0, low1), low2), 1), start);
            low1 = Avx2.Add(Avx2.ShiftRightArithmetic(Avx2.Subtract(Avx2.Subtract(low1, low2), low3), 1), start);
            Vector256<long> bytes = Pack(factors.Scale(top0), factors.Scale(top1), factors.Scale(low0), factors.Scale(low1), zeroPoint, min, max);
            ref sbyte output = ref Unsafe.Add(ref first, (y * row) + (x * channels));
            bool isWide = x + 1 < block.Width;
            StorePart(bytes.GetElement(0), stored, ref output);
            if (isWide) StorePart(bytes.GetElement(1), stored, ref Unsafe.Add(ref output, channels));
            if (y + 1 < block.Rows)
            {
                output = ref Unsafe.Add(ref output, row);
                StorePart(bytes.GetElement(2), stored, ref output);
                if (isWide) StorePart(bytes.GetElement(3), stored, ref Unsafe.Add(ref output, channels));
            }

            sum = ref Unsafe.Add(ref sum, ConvolutionShape.WinogradSums);
            block.Next(ref x, ref y);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SumRows(ref int sum, out Vector256<int> top, out Vector256<int> low)
    {
        Vector256<int> m1 = Vector256.LoadUnsafe(ref sum, 64), m2 = Vector256.LoadUnsafe(ref sum, 128);
        top = Avx2.Add(Avx2.Add(m1, m2), Vector256.LoadUnsafe(ref sum));
        low = Avx2.Subtract(Avx2.Subtract(m1, m2), Vector256.LoadUnsafe(ref sum, 192));
    }

    // Two vectors of four channels.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreTiles4x2(ref int sum, in TileBlock block)
    {
        ref int bias = ref MemoryMarshal.GetReference(block.Bias.Slice(block.Channel, 8));
        Vector128<int> start = Vector128.LoadUnsafe(ref bias), start4 = Vector128.LoadUnsafe(ref bias, 4);
        start = Sse2.Add(start, start);
        start4 = Sse2.Add(start4, start4);
        var factors = new Factors128(block.Requantization, block.Channel, block.Stored);
        Vector128<sbyte> min = Vector128.Create((sbyte)block.Requantization.Min), max = Vector128.Create((sbyte)block.Requantization.Max);
        int stored = block.Stored, channels = block.Channels, row = block.Width * channels;
        ref sbyte first = ref block.FirstOutput(out int x, out int y);
        for (int tile = block.Count; tile > 0; tile--)
        {
            // One place in the code that requantises, for it is long.
            SumTile(ref sum, start);
            SumTile(ref Unsafe.Add(ref sum, 4), start4);
            for (int i = 0; i < 4; i++)
            {
                int column = x + (i & 1), line = y + (i >> 1);
                if (column >= block.Width || line >= block.Rows) continue;
                Vector128<int> low = Vector128.LoadUnsafe(ref sum, (nuint)(16 * i)), high = Vector128.LoadUnsafe(ref sum, (nuint)((16 * i) + 4));
                factors.Store(low, high, block.Requantization, block.Channel, stored, min, max, ref Unsafe.Add(ref first, (line * row) + (column * channels)));
            }

            sum = ref Unsafe.Add(ref sum, ConvolutionShape.WinogradSums);
            block.Next(ref x, ref y);
        }
    }

    // The four sums of four channels, which take the place of four of those that they are made of.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SumTile(ref int sum, Vector128<int> start)
    {
        SumRows(ref sum, out Vector128<int> top0, out Vector128<int> low0);
        SumRows(ref Unsafe.Add(ref sum, 16), out Vector128<int> top1, out Vector128<int> low1);
        SumRows(ref Unsafe.Add(ref sum, 32), out Vector128<int> top2, out Vector128<int> low2);
        SumRows(ref Unsafe.Add(ref sum, 48), out Vector128<int> top3, out Vector128<int> low3);
        Sse2.Add(Sse2.ShiftRightArithmetic(Sse2.Add(Sse2.Add(top0, top1), top2), 1), start).StoreUnsafe(ref sum);
        Sse2.Add(Sse2.ShiftRightArithmetic(Sse2.Subtract(Sse2.Subtract(top1, top2), top3), 1), start).StoreUnsafe(ref sum, 16);
        Sse2.Add(Sse2.ShiftRightArithmetic(Sse2.Add(Sse2.Add(low0, low1), low2), 1), start).StoreUnsafe(ref sum, 32);
        Sse2.Add(Sse2.ShiftRightArithmetic(Sse2.Subtract(Sse2.Subtract(low1, low2), low3), 1), start).StoreUnsafe(ref sum, 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SumRows(ref int sum, out Vector128<int> top, out Vector128<int> low)
    {
        Vector128<int> m1 = Vector128.LoadUnsafe(ref sum, 64), m2 = Vector128.LoadUnsafe(ref sum, 128);
        top = Sse2.Add(Sse2.Add(m1, m2), Vector128.LoadUnsafe(ref sum));
        low = Sse2.Subtract(Sse2.Subtract(m1, m2), Vector128.LoadUnsafe(ref sum, 192));
    }

    /// <summary>Neighbouring tiles and the block of output channels that is computed of them.</summary>
    private ref struct TileBlock
    {
        /// <summary>All rows of outputs.</summary>
        public Span<sbyte> Output;

        public ReadOnlySpan<int> Bias;

        public Requantization Requantization;

        /// <summary>The first tile, how many follow, and how many a row has.</summary>
        public int First, Count, InRow;

        /// <summary>Rows and columns of outputs, and channels of each.</summary>
        public int Rows, Width, Channels;

        /// <summary>The block's first channel, and how many it stores.</summary>
        public int Channel, Stored;

        /// <summary>Where the block's first channel is stored in the first row and column, and the row and column of the first tile.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly ref sbyte FirstOutput(out int x, out int y)
        {
            x = First % InRow * 2;
            y = First / InRow * 2;
            return ref MemoryMarshal.GetReference(Output.Slice(Channel, (((Rows * Width) - 1) * Channels) + Stored));
        }

        /// <summary>The row and column of the next tile.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Next(ref int x, ref int y)
        {
            x += 2;
            if (x < Width) return;
            x = 0;
            y += 2;
        }
    }
}
