#if NET9_0_OR_GREATER
using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Etch;

// AVX-VNNI: four products of an unsigned and a signed byte into one int32 (vpdpbusd), without saturation.
public static partial class VectorKernels
{
    private const int VnniTile = 6;

    // Blocks of sixteen channels only, and enough pixels for a tile. AVX-512BW is at least as fast, without sums of weights.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool HasVnni(in ConvolutionShape shape, int channels) =>
        AvxVnni.IsSupported && !Avx512BW.IsSupported && channels % 16 is 0 or > 8 && shape.ConvolutionPixels(shape.OutputWidth) >= VnniTile;

    // As ConvolveRows; q + 128 takes the place of q, and 128 · Σ w leaves the bias.
    private static void ConvolveRowsVnni(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, in Requantization requantization)
    {
        int outputRow = shape.OutputWidth * channels;
        int pairs = ((shape.FilterWidth * shape.InputChannels) + 1) / 2, taps = 2 * pairs * shape.FilterHeight;
        int most = shape.ConvolutionPixels(shape.OutputWidth), unsignedRow = shape.Columns(most) * shape.InputChannels;

        // Beyond the last row of taps there may be up to three values, whose weights are 0.
        Span<byte> unsigned = stackalloc byte[(shape.FilterHeight * unsignedRow) + 3];
        Span<int> start = stackalloc int[(channels + 15) / 16 * 16];
        SubtractSums(filter, bias, taps / 2, start);
        var block = new Block
        {
            Output = requantization,
            Input = ref MemoryMarshal.GetReference(unsigned),
            Rows = shape.FilterHeight,
            Pairs = pairs,
            PixelBytes = shape.StrideX * shape.InputChannels,
            RowBytes = unsignedRow,
            OutputStep = channels,
            PairBytes = 32,
        };
        for (int y = rowBegin; y < rowEnd; y++)
        {
            for (int x = 0; x < shape.OutputWidth; x += most)
            {
                int pixels = Math.Min(most, shape.OutputWidth - x), columns = shape.Columns(pixels);
                for (int ky = 0; ky < shape.FilterHeight; ky++)
                {
                    Span<byte> to = unsigned.Slice(ky * unsignedRow, columns * shape.InputChannels);
                    ShiftRow(input, inputTop, (y * shape.StrideY) - shape.PadTop + ky, (x * shape.StrideX) - shape.PadLeft, columns, shape, outside, to);
                }

                Span<sbyte> stored = output.Slice(((y - rowBegin) * outputRow) + (x * channels), pixels * channels);
                for (int oc = 0; oc < channels; oc += 16)
                {
                    block.First = ref stored[oc];
                    block.Filter = ref MemoryMarshal.GetReference(filter.Slice(oc * taps, 16 * taps));
                    block.Bias = ref MemoryMarshal.GetReference(start.Slice(oc, 16));
                    block.Channel = oc;
                    block.Stored = Math.Min(16, channels - oc);
                    if (requantization.IsSingle) SumVnni<float>(block, pixels);
                    else if (requantization.HasLeft) SumVnni<long>(block, pixels);
                    else SumVnni<int>(block, pixels);
                }
            }
        }
    }

    private static void SumVnni<TFactor>(in Block block, int pixels)
    {
        int whole = pixels / VnniTile * VnniTile;
        if (whole > 0) Tiles6x16Vnni<TFactor>(block, 0, whole);
        if (whole < pixels && whole > 0) Tiles6x16Vnni<TFactor>(block, pixels - VnniTile, pixels);
        if (whole == 0) Tiles1x16Vnni<TFactor>(block, 0, pixels);
    }

    // Each channel's bias less 128 times the sum of its weights.
    private static void SubtractSums(ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, int pairs, Span<int> start)
    {
        Vector256<short> minus128 = Vector256.Create((short)-128);
        for (int oc = 0; oc < start.Length; oc += 8)
        {
            ref sbyte w = ref MemoryMarshal.GetReference(filter.Slice((oc / 16 * 32 * pairs) + (oc % 16 * 2), (32 * (pairs - 1)) + 16));
            Vector256<int> acc = Vector256.Create<int>(bias.Slice(oc, 8));
            for (int pair = 0; pair < pairs; pair++)
            {
                acc = Avx2.Add(acc, Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref w)), minus128));
                w = ref Unsafe.Add(ref w, 32);
            }

            acc.CopyTo(start.Slice(oc, 8));
        }
    }

    // Sixteen channels of tiles of six pixels.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles6x16Vnni<TFactor>(in Block block, int first, int end)
    {
        nint step = block.PixelBytes, step2 = 2 * step, rowBytes = block.RowBytes;
        int quads = block.Pairs / 2;

        // Interleaved, the low vectors have channels 0–3 and 8–11 and the high ones the others.
        Vector256<int> bias = Vector256.LoadUnsafe(ref block.Bias), bias8 = Vector256.LoadUnsafe(ref block.Bias, 8);
        Vector256<int> startLow = Avx2.Permute2x128(bias, bias8, 0x20), startHigh = Avx2.Permute2x128(bias, bias8, 0x31);
        Vector256<int> m = block.Output.Multiplier256(block.Channel), m8 = block.Output.Multiplier256(block.Channel + 8);
        Vector256<int> n = block.Output.Right256(block.Channel), n8 = block.Output.Right256(block.Channel + 8);
        var lowFactors = new Factors256<TFactor>(block.Output, Avx2.Permute2x128(m, m8, 0x20), Avx2.Permute2x128(n, n8, 0x20));
        var highFactors = new Factors256<TFactor>(block.Output, Avx2.Permute2x128(m, m8, 0x31), Avx2.Permute2x128(n, n8, 0x31));
        Vector256<short> zeroPoint = Vector256.Create((short)block.Output.ZeroPoint);
        Vector128<sbyte> min = Vector128.Create((sbyte)block.Output.Min), max = Vector128.Create((sbyte)block.Output.Max);
        for (int pixel = first; pixel < end; pixel += 6)
        {
            ref byte window = ref Unsafe.AddByteOffset(ref block.Input, pixel * step);
            ref sbyte w = ref block.Filter;
            Vector256<int> low0 = startLow, high0 = startHigh, low1 = startLow, high1 = startHigh, low2 = startLow, high2 = startHigh;
            Vector256<int> low3 = startLow, high3 = startHigh, low4 = startLow, high4 = startHigh, low5 = startLow, high5 = startHigh;
            for (int row = block.Rows; row > 0; row--)
            {
                ref byte a = ref window;
                ref byte b = ref Unsafe.AddByteOffset(ref a, step2 + step);
                for (int quad = quads; quad > 0; quad--)
                {
                    Vector256<sbyte> first0 = Vector256.LoadUnsafe(ref w), second0 = Vector256.LoadUnsafe(ref w, 32);
                    Vector256<sbyte> lowWeights = Avx2.UnpackLow(first0.AsInt16(), second0.AsInt16()).AsSByte(), highWeights = Avx2.UnpackHigh(first0.AsInt16(), second0.AsInt16()).AsSByte();
                    Vector256<byte> x0 = Quad(ref a);
                    low0 = AvxVnni.MultiplyWideningAndAdd(low0, x0, lowWeights);
                    high0 = AvxVnni.MultiplyWideningAndAdd(high0, x0, highWeights);
                    Vector256<byte> x1 = Quad(ref Unsafe.AddByteOffset(ref a, step));
                    low1 = AvxVnni.MultiplyWideningAndAdd(low1, x1, lowWeights);
                    high1 = AvxVnni.MultiplyWideningAndAdd(high1, x1, highWeights);
                    Vector256<byte> x2 = Quad(ref Unsafe.AddByteOffset(ref a, step2));
                    low2 = AvxVnni.MultiplyWideningAndAdd(low2, x2, lowWeights);
                    high2 = AvxVnni.MultiplyWideningAndAdd(high2, x2, highWeights);
                    Vector256<byte> x3 = Quad(ref b);
                    low3 = AvxVnni.MultiplyWideningAndAdd(low3, x3, lowWeights);
                    high3 = AvxVnni.MultiplyWideningAndAdd(high3, x3, highWeights);
                    Vector256<byte> x4 = Quad(ref Unsafe.AddByteOffset(ref b, step));
                    low4 = AvxVnni.MultiplyWideningAndAdd(low4, x4, lowWeights);
                    high4 = AvxVnni.MultiplyWideningAndAdd(high4, x4, highWeights);
                    Vector256<byte> x5 = Quad(ref Unsafe.AddByteOffset(ref b, step2));
                    low5 = AvxVnni.MultiplyWideningAndAdd(low5, x5, lowWeights);
                    high5 = AvxVnni.MultiplyWideningAndAdd(high5, x5, highWeights);
                    w = ref Unsafe.Add(ref w, 64);
                    a = ref Unsafe.AddByteOffset(ref a, 4);
                    b = ref Unsafe.AddByteOffset(ref b, 4);
                }

                if ((block.Pairs & 1) != 0)
                {
                    Vector256<sbyte> first0 = Vector256.LoadUnsafe(ref w), second0 = Vector256<sbyte>.Zero;
                    Vector256<sbyte> lowWeights = Avx2.UnpackLow(first0.AsInt16(), second0.AsInt16()).AsSByte(), highWeights = Avx2.UnpackHigh(first0.AsInt16(), second0.AsInt16()).AsSByte();
                    Vector256<byte> x0 = Quad(ref a);
                    low0 = AvxVnni.MultiplyWideningAndAdd(low0, x0, lowWeights);
                    high0 = AvxVnni.MultiplyWideningAndAdd(high0, x0, highWeights);
                    Vector256<byte> x1 = Quad(ref Unsafe.AddByteOffset(ref a, step));
                    low1 = AvxVnni.MultiplyWideningAndAdd(low1, x1, lowWeights);
                    high1 = AvxVnni.MultiplyWideningAndAdd(high1, x1, highWeights);
                    Vector256<byte> x2 = Quad(ref Unsafe.AddByteOffset(ref a, step2));
                    low2 = AvxVnni.MultiplyWideningAndAdd(low2, x2, lowWeights);
                    high2 = AvxVnni.MultiplyWideningAndAdd(high2, x2, highWeights);
                    Vector256<byte> x3 = Quad(ref b);
                    low3 = AvxVnni.MultiplyWideningAndAdd(low3, x3, lowWeights);
                    high3 = AvxVnni.MultiplyWideningAndAdd(high3, x3, highWeights);
                    Vector256<byte> x4 = Quad(ref Unsafe.AddByteOffset(ref b, step));
                    low4 = AvxVnni.MultiplyWideningAndAdd(low4, x4, lowWeights);
                    high4 = AvxVnni.MultiplyWideningAndAdd(high4, x4, highWeights);
                    Vector256<byte> x5 = Quad(ref Unsafe.AddByteOffset(ref b, step2));
                    low5 = AvxVnni.MultiplyWideningAndAdd(low5, x5, lowWeights);
                    high5 = AvxVnni.MultiplyWideningAndAdd(high5, x5, highWeights);
                    w = ref Unsafe.Add(ref w, 32);
                }

                window = ref Unsafe.AddByteOffset(ref window, rowBytes);
            }

            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * block.OutputStep);
            Store16(
                lowFactors.Scale(Avx2.Add(low0, low0)), highFactors.Scale(Avx2.Add(high0, high0)), zeroPoint, min, max, block.Stored, ref output);
            output = ref Unsafe.Add(ref output, block.OutputStep);
            Store16(
                lowFactors.Scale(Avx2.Add(low1, low1)), highFactors.Scale(Avx2.Add(high1, high1)), zeroPoint, min, max, block.Stored, ref output);
            output = ref Unsafe.Add(ref output, block.OutputStep);
            Store16(
                lowFactors.Scale(Avx2.Add(low2, low2)), highFactors.Scale(Avx2.Add(high2, high2)), zeroPoint, min, max, block.Stored, ref output);
            output = ref Unsafe.Add(ref output, block.OutputStep);
            Store16(
                lowFactors.Scale(Avx2.Add(low3, low3)), highFactors.Scale(Avx2.Add(high3, high3)), zeroPoint, min, max, block.Stored, ref output);
            output = ref Unsafe.Add(ref output, block.OutputStep);
            Store16(
                lowFactors.Scale(Avx2.Add(low4, low4)), highFactors.Scale(Avx2.Add(high4, high4)), zeroPoint, min, max, block.Stored, ref output);
            output = ref Unsafe.Add(ref output, block.OutputStep);
            Store16(
                lowFactors.Scale(Avx2.Add(low5, low5)), highFactors.Scale(Avx2.Add(high5, high5)), zeroPoint, min, max, block.Stored, ref output);
        }
    }

    // Sixteen channels of one pixel after the other.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tiles1x16Vnni<TFactor>(in Block block, int first, int end)
    {
        nint step = block.PixelBytes, rowBytes = block.RowBytes;
        int quads = block.Pairs / 2;

        // Interleaved, the low vectors have channels 0–3 and 8–11 and the high ones the others.
        Vector256<int> bias = Vector256.LoadUnsafe(ref block.Bias), bias8 = Vector256.LoadUnsafe(ref block.Bias, 8);
        Vector256<int> startLow = Avx2.Permute2x128(bias, bias8, 0x20), startHigh = Avx2.Permute2x128(bias, bias8, 0x31);
        Vector256<int> m = block.Output.Multiplier256(block.Channel), m8 = block.Output.Multiplier256(block.Channel + 8);
        Vector256<int> n = block.Output.Right256(block.Channel), n8 = block.Output.Right256(block.Channel + 8);
        var lowFactors = new Factors256<TFactor>(block.Output, Avx2.Permute2x128(m, m8, 0x20), Avx2.Permute2x128(n, n8, 0x20));
        var highFactors = new Factors256<TFactor>(block.Output, Avx2.Permute2x128(m, m8, 0x31), Avx2.Permute2x128(n, n8, 0x31));
        Vector256<short> zeroPoint = Vector256.Create((short)block.Output.ZeroPoint);
        Vector128<sbyte> min = Vector128.Create((sbyte)block.Output.Min), max = Vector128.Create((sbyte)block.Output.Max);
        for (int pixel = first; pixel < end; pixel += 1)
        {
            ref byte window = ref Unsafe.AddByteOffset(ref block.Input, pixel * step);
            ref sbyte w = ref block.Filter;
            Vector256<int> low0 = startLow, high0 = startHigh;
            for (int row = block.Rows; row > 0; row--)
            {
                ref byte a = ref window;
                for (int quad = quads; quad > 0; quad--)
                {
                    Vector256<sbyte> first0 = Vector256.LoadUnsafe(ref w), second0 = Vector256.LoadUnsafe(ref w, 32);
                    Vector256<sbyte> lowWeights = Avx2.UnpackLow(first0.AsInt16(), second0.AsInt16()).AsSByte(), highWeights = Avx2.UnpackHigh(first0.AsInt16(), second0.AsInt16()).AsSByte();
                    Vector256<byte> x0 = Quad(ref a);
                    low0 = AvxVnni.MultiplyWideningAndAdd(low0, x0, lowWeights);
                    high0 = AvxVnni.MultiplyWideningAndAdd(high0, x0, highWeights);
                    w = ref Unsafe.Add(ref w, 64);
                    a = ref Unsafe.AddByteOffset(ref a, 4);
                }

                if ((block.Pairs & 1) != 0)
                {
                    Vector256<sbyte> first0 = Vector256.LoadUnsafe(ref w), second0 = Vector256<sbyte>.Zero;
                    Vector256<sbyte> lowWeights = Avx2.UnpackLow(first0.AsInt16(), second0.AsInt16()).AsSByte(), highWeights = Avx2.UnpackHigh(first0.AsInt16(), second0.AsInt16()).AsSByte();
                    Vector256<byte> x0 = Quad(ref a);
                    low0 = AvxVnni.MultiplyWideningAndAdd(low0, x0, lowWeights);
                    high0 = AvxVnni.MultiplyWideningAndAdd(high0, x0, highWeights);
                    w = ref Unsafe.Add(ref w, 32);
                }

                window = ref Unsafe.AddByteOffset(ref window, rowBytes);
            }

            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * block.OutputStep);
            Store16(
                lowFactors.Scale(Avx2.Add(low0, low0)), highFactors.Scale(Avx2.Add(high0, high0)), zeroPoint, min, max, block.Stored, ref output);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Quad(ref byte taps) => Vector256.Create(Unsafe.ReadUnaligned<int>(ref taps)).AsByte();

    // Sixteen channels of a pixel from their interleaved halves, or the first `stored` of them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store16(
        Vector256<int> low, Vector256<int> high, Vector256<short> zeroPoint, Vector128<sbyte> min, Vector128<sbyte> max, int stored, ref sbyte output)
    {
        Vector256<short> words = Avx2.AddSaturate(Avx2.PackSignedSaturate(low, high), zeroPoint);
        Vector128<sbyte> bytes = Sse41.Min(Sse41.Max(Sse2.PackSignedSaturate(words.GetLower(), words.GetUpper()), min), max);
        if (stored == 16) bytes.StoreUnsafe(ref output);
        else StorePart(bytes, stored, ref output);
    }
}
#endif
