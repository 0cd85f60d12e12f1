using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Etch;

// Arm64. Inputs stay bytes, so that the sums are not doubled: sqrdmulh doubles by itself, and its result is gemmlowp's
// SaturatingRoundingDoublingHighMul, whose truncating division of (acc·m ± 2^30) by 2^31 is the floor of (acc·m + 2^30) / 2^31.
public static partial class VectorKernels
{
    // Reads of the last taps of a window go so many bytes beyond it; their weights are zeros.
    private const int ArmSlack = 3;

    private static void ConvolveRowsArm(
        ReadOnlySpan<sbyte> input, int inputTop, Span<sbyte> output, int rowBegin, int rowEnd, in ConvolutionShape shape, sbyte outside, int channels,
        ReadOnlySpan<sbyte> filter, ReadOnlySpan<int> bias, in Requantization requantization)
    {
        int outputRow = shape.OutputWidth * channels;
        int pairs = ((shape.FilterWidth * shape.InputChannels) + 1) / 2, taps = 2 * pairs * shape.FilterHeight;
        int most = shape.ConvolutionPixels(shape.OutputWidth), windowsRow = shape.Columns(most) * shape.InputChannels;
        Span<sbyte> windows = stackalloc sbyte[(shape.FilterHeight * windowsRow) + ArmSlack];
        var block = new Block
        {
            Output = requantization,
            Input = ref Unsafe.As<sbyte, byte>(ref MemoryMarshal.GetReference(windows)),
            Rows = shape.FilterHeight,
            Pairs = pairs,
            PixelBytes = shape.StrideX * shape.InputChannels,
            RowBytes = windowsRow,
            OutputStep = channels,
        };
        for (int y = rowBegin; y < rowEnd; y++)
        {
            for (int x = 0; x < shape.OutputWidth; x += most)
            {
                int pixels = Math.Min(most, shape.OutputWidth - x), columns = shape.Columns(pixels);
                for (int ky = 0; ky < shape.FilterHeight; ky++)
                {
                    Span<sbyte> to = windows.Slice(ky * windowsRow, columns * shape.InputChannels);
                    ReadOnlySpan<sbyte> inside = RowInside(
                        input, inputTop, (y * shape.StrideY) - shape.PadTop + ky, (x * shape.StrideX) - shape.PadLeft, columns, shape, out int at);
                    to.Slice(0, at).Fill(outside);
                    inside.CopyTo(to.Slice(at));
                    to.Slice(at + inside.Length).Fill(outside);
                }

                Span<sbyte> stored = output.Slice(((y - rowBegin) * outputRow) + (x * channels), pixels * channels);
                for (int oc = 0; oc < channels; oc += 8)
                {
                    int width = channels - (oc / 16 * 16) > 8 ? 16 : 8;
                    block.First = ref stored[oc];
                    block.Filter = ref MemoryMarshal.GetReference(filter.Slice(oc / 16 * 16 * taps, width * taps).Slice(oc % 16 * 2));
                    block.Bias = ref MemoryMarshal.GetReference(bias.Slice(oc, 8));
                    block.Channel = oc;
                    block.PairBytes = 2 * width;
                    block.Stored = Math.Min(8, channels - oc);
                    if (pixels >= 4) TilesArm4x8(block, 0, pixels / 4 * 4);
                    if (pixels >= 4 && pixels % 4 > 0) TilesArm4x8(block, pixels - 4, pixels);
                    if (pixels < 4) TilesArm1x8(block, 0, pixels);
                }
            }
        }
    }

    // Eight channels of tiles of four pixels.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TilesArm4x8(in Block block, int first, int end)
    {
        nint step = block.PixelBytes, stride = block.PairBytes;
        Vector128<int> start = Vector128.LoadUnsafe(ref block.Bias), start4 = Vector128.LoadUnsafe(ref block.Bias, 4);
        var factors = new FactorsArm(block.Output, block.Channel);
        int stored = block.Stored;
        for (int pixel = first; pixel < end; pixel += 4)
        {
            ref byte window = ref Unsafe.AddByteOffset(ref block.Input, pixel * step);
            ref sbyte w = ref block.Filter;
            Vector128<int> acc0 = start, acc1 = start, acc2 = start, acc3 = start;
            Vector128<int> high0 = start4, high1 = start4, high2 = start4, high3 = start4;
            for (int row = block.Rows; row > 0; row--)
            {
                ref byte a = ref window;
                ref byte b = ref Unsafe.AddByteOffset(ref a, step);
                ref byte c = ref Unsafe.AddByteOffset(ref b, step);
                ref byte d = ref Unsafe.AddByteOffset(ref c, step);
                if (Dp.IsSupported)
                {
                    for (int pair = block.Pairs; pair > 0; pair -= 2)
                    {
                        FourTaps(ref w, stride, pair, out Vector128<sbyte> low, out Vector128<sbyte> high);
                        Vector64<sbyte> x0 = FourBytes(ref a), x1 = FourBytes(ref b), x2 = FourBytes(ref c), x3 = FourBytes(ref d);
                        acc0 = Dp.DotProductBySelectedQuadruplet(acc0, low, x0, 0);
                        high0 = Dp.DotProductBySelectedQuadruplet(high0, high, x0, 0);
                        acc1 = Dp.DotProductBySelectedQuadruplet(acc1, low, x1, 0);
                        high1 = Dp.DotProductBySelectedQuadruplet(high1, high, x1, 0);
                        acc2 = Dp.DotProductBySelectedQuadruplet(acc2, low, x2, 0);
                        high2 = Dp.DotProductBySelectedQuadruplet(high2, high, x2, 0);
                        acc3 = Dp.DotProductBySelectedQuadruplet(acc3, low, x3, 0);
                        high3 = Dp.DotProductBySelectedQuadruplet(high3, high, x3, 0);
                        w = ref Unsafe.Add(ref w, pair > 1 ? 2 * stride : stride);
                        a = ref Unsafe.Add(ref a, 4);
                        b = ref Unsafe.Add(ref b, 4);
                        c = ref Unsafe.Add(ref c, 4);
                        d = ref Unsafe.Add(ref d, 4);
                    }
                }
                else
                {
                    for (int pair = block.Pairs; pair > 0; pair--)
                    {
                        Vector128<sbyte> weights = Vector128.LoadUnsafe(ref w);
                        AddPair(ref acc0, ref high0, weights, ref a);
                        AddPair(ref acc1, ref high1, weights, ref b);
                        AddPair(ref acc2, ref high2, weights, ref c);
                        AddPair(ref acc3, ref high3, weights, ref d);
                        w = ref Unsafe.Add(ref w, stride);
                        a = ref Unsafe.Add(ref a, 2);
                        b = ref Unsafe.Add(ref b, 2);
                        c = ref Unsafe.Add(ref c, 2);
                        d = ref Unsafe.Add(ref d, 2);
                    }
                }

                window = ref Unsafe.AddByteOffset(ref window, block.RowBytes);
            }

            ref sbyte output = ref Unsafe.Add(ref block.First, pixel * block.OutputStep);
            factors.Store(acc0, high0, stored, ref output);
            output = ref Unsafe.Add(ref output, block.OutputStep);
            factors.Store(acc1, high1, stored, ref output);
            output = ref Unsafe.Add(ref output, block.OutputStep);
            factors.Store(acc2, high2, stored, ref output);
            output = ref Unsafe.Add(ref output, block.OutputStep);
            factors.Store(acc3, high3, stored, ref output);
        }
    }

    // Eight channels of one pixel after the other.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TilesArm1x8(in Block block, int first, int end)
    {
        nint stride = block.PairBytes;
        var factors = new FactorsArm(block.Output, block.Channel);
        for (int pixel = first; pixel < end; pixel++)
        {
            ref byte window = ref Unsafe.AddByteOffset(ref block.Input, pixel * block.PixelBytes);
            ref sbyte w = ref block.Filter;
            Vector128<int> acc = Vector128.LoadUnsafe(ref block.Bias), high = Vector128.LoadUnsafe(ref block.Bias, 4);
            for (int row = block.Rows; row > 0; row--)
            {
                ref byte a = ref window;
                if (Dp.IsSupported)
                {
                    for (int pair = block.Pairs; pair > 0; pair -= 2)
                    {
                        FourTaps(ref w, stride, pair, out Vector128<sbyte> lowWeights, out Vector128<sbyte> highWeights);
                        Vector64<sbyte> x = FourBytes(ref a);
                        acc = Dp.DotProductBySelectedQuadruplet(acc, lowWeights, x, 0);
                        high = Dp.DotProductBySelectedQuadruplet(high, highWeights, x, 0);
                        w = ref Unsafe.Add(ref w, pair > 1 ? 2 * stride : stride);
                        a = ref Unsafe.Add(ref a, 4);
                    }
                }
                else
                {
                    for (int pair = block.Pairs; pair > 0; pair--)
                    {
                        AddPair(ref acc, ref high, Vector128.LoadUnsafe(ref w), ref a);
                        w = ref Unsafe.Add(ref w, stride);
                        a = ref Unsafe.Add(ref a, 2);
                    }
                }

                window = ref Unsafe.AddByteOffset(ref window, block.RowBytes);
            }

            factors.Store(acc, high, block.Stored, ref Unsafe.Add(ref block.First, pixel * block.OutputStep));
        }
    }

    // Two pairs of taps of eight channels as sdot wants them, four taps of a channel side by side; the last pair of an odd number alone.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FourTaps(ref sbyte w, nint stride, int pairs, out Vector128<sbyte> low, out Vector128<sbyte> high)
    {
        Vector128<short> first = Vector128.LoadUnsafe(ref w).AsInt16();
        Vector128<short> second = pairs > 1 ? Vector128.LoadUnsafe(ref Unsafe.Add(ref w, stride)).AsInt16() : Vector128<short>.Zero;
        low = AdvSimd.Arm64.ZipLow(first, second).AsSByte();
        high = AdvSimd.Arm64.ZipHigh(first, second).AsSByte();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector64<sbyte> FourBytes(ref byte taps) => Vector64.CreateScalarUnsafe(Unsafe.ReadUnaligned<int>(ref taps)).AsSByte();

    // A product of two bytes fits into int16, the sum of two may not: sadalp adds neighbours while it widens.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddPair(ref Vector128<int> low, ref Vector128<int> high, Vector128<sbyte> weights, ref byte taps)
    {
        Vector128<sbyte> x = Vector128.Create(Unsafe.ReadUnaligned<short>(ref taps)).AsSByte();
        low = AdvSimd.AddPairwiseWideningAndAdd(low, AdvSimd.MultiplyWideningLower(weights.GetLower(), x.GetLower()));
        high = AdvSimd.AddPairwiseWideningAndAdd(high, AdvSimd.MultiplyWideningUpper(weights, x));
    }

    // 8 channels of all rows: the rows under the windows are widened, then each tap is one multiplication.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DepthwiseArm8(in DepthwiseLayer layer)
    {
        int c = layer.Channel;
        ConvolutionShape shape = layer.Shape;
        int taps = shape.FilterHeight * shape.FilterWidth, rowLength = 8 * shape.Columns(layer.MostPixels);
        Span<short> weights = MemoryMarshal.Cast<byte, short>(layer.Weights).Slice(0, 8 * taps);
        Span<short> windows = MemoryMarshal.Cast<byte, short>(layer.Entries).Slice(0, shape.FilterHeight * rowLength);
        for (int t = 0; t < taps; t++) WidenArm8(ref layer.FilterAt(t, c)).StoreUnsafe(ref weights[8 * t]);
        Vector128<int> start = Vector128.Create(layer.Bias.Slice(c, 4)), start4 = Vector128.Create(layer.Bias.Slice(c + 4, 4));
        Vector128<short> outside = Vector128.Create((short)layer.Outside);
        var factors = new FactorsArm(layer.Output, c);
        for (int y = layer.RowBegin; y < layer.RowEnd; y++)
        for (int x = 0; x < shape.OutputWidth; x += layer.MostPixels)
        {
            int pixels = Math.Min(layer.MostPixels, shape.OutputWidth - x), columns = shape.Columns(pixels), begin = (x * shape.StrideX) - shape.PadLeft;
            for (int ky = 0; ky < shape.FilterHeight; ky++)
            {
                ref sbyte row = ref layer.InputAt((y * shape.StrideY) - shape.PadTop + ky, out nint step);
                Span<short> to = windows.Slice(ky * rowLength, 8 * columns);
                for (int j = 0; j < columns; j++)
                {
                    int ix = begin + j;
                    Vector128<short> column = ix >= 0 && ix < shape.InputWidth ? WidenArm8(ref Unsafe.Add(ref row, ix * step)) : outside;
                    column.StoreUnsafe(ref to[8 * j]);
                }
            }

            ref sbyte stored = ref layer.StoredAt(y, 1, x);
            for (int pixel = 0; pixel < pixels; pixel++)
            {
                Vector128<int> low = start, high = start4;
                ref short w = ref MemoryMarshal.GetReference(weights);
                for (int ky = 0; ky < shape.FilterHeight; ky++)
                {
                    ref short tap = ref windows[(ky * rowLength) + (8 * pixel * shape.StrideX)];
                    for (int kx = shape.FilterWidth; kx > 0; kx--)
                    {
                        Vector128<short> value = Vector128.LoadUnsafe(ref tap), weight = Vector128.LoadUnsafe(ref w);
                        low = AdvSimd.MultiplyWideningLowerAndAdd(low, value.GetLower(), weight.GetLower());
                        high = AdvSimd.MultiplyWideningUpperAndAdd(high, value, weight);
                        tap = ref Unsafe.Add(ref tap, 8);
                        w = ref Unsafe.Add(ref w, 8);
                    }
                }

                factors.Store(low, high, 8, ref stored);
                stored = ref Unsafe.Add(ref stored, shape.InputChannels);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> WidenArm8(ref sbyte x) => AdvSimd.SignExtendWideningLower(Vector64.Create(Eight(ref x)).AsSByte());

    // y ≫ n as FixedPoint.MultiplyAndShiftRight has it: srshl rounds half up, after the sign is added half away from zero.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> ScaleArm(Vector128<int> acc, Vector128<int> m, Vector128<int> isShifted, Vector128<int> left)
    {
        Vector128<int> y = AdvSimd.MultiplyRoundedDoublingSaturateHigh(acc, m);
        y = AdvSimd.Add(y, AdvSimd.And(AdvSimd.ShiftRightArithmetic(y, 31), isShifted));
        return AdvSimd.ShiftArithmeticRounded(y, left);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreArm(
        Vector128<int> low, Vector128<int> high, Vector128<short> zeroPoint, Vector64<sbyte> min, Vector64<sbyte> max, int stored, ref sbyte output)
    {
        Vector128<short> words = AdvSimd.ExtractNarrowingSaturateUpper(AdvSimd.ExtractNarrowingSaturateLower(low), high);
        Vector64<sbyte> bytes = AdvSimd.ExtractNarrowingSaturateLower(AdvSimd.AddSaturate(words, zeroPoint));
        bytes = AdvSimd.Min(AdvSimd.Max(bytes, min), max);
        if (stored == 8) bytes.StoreUnsafe(ref output);
        else StorePart(bytes.ToVector128Unsafe(), stored, ref output);
    }

    /// <summary>The factors of eight channels.</summary>
    private readonly struct FactorsArm
    {
        private readonly Vector128<int> _m, _m4, _left, _left4;
        private readonly Vector128<short> _zeroPoint;
        private readonly Vector64<sbyte> _min, _max;
        private readonly bool _isSingle, _hasLeft;

        public FactorsArm(in Requantization r, int channel)
        {
            _m = Vector128.Create(r.Multiplier(channel), r.Multiplier(channel + 1), r.Multiplier(channel + 2), r.Multiplier(channel + 3));
            _m4 = Vector128.Create(r.Multiplier(channel + 4), r.Multiplier(channel + 5), r.Multiplier(channel + 6), r.Multiplier(channel + 7));
            _left = Vector128.Create(-r.Right(channel), -r.Right(channel + 1), -r.Right(channel + 2), -r.Right(channel + 3));
            _left4 = Vector128.Create(-r.Right(channel + 4), -r.Right(channel + 5), -r.Right(channel + 6), -r.Right(channel + 7));
            _zeroPoint = Vector128.Create((short)r.ZeroPoint);
            _min = Vector64.Create((sbyte)r.Min);
            _max = Vector64.Create((sbyte)r.Max);
            _isSingle = r.IsSingle;
            _hasLeft = r.HasLeft;
        }

        /// <summary>Stores the eight channels, or the first <paramref name="stored"/> of them.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(Vector128<int> low, Vector128<int> high, int stored, ref sbyte output)
        {
            if (_isSingle)
            {
                // What has no int32 is saturated.
                low = AdvSimd.ConvertToInt32RoundToEven(AdvSimd.Multiply(AdvSimd.ConvertToSingle(low), _m.AsSingle()));
                high = AdvSimd.ConvertToInt32RoundToEven(AdvSimd.Multiply(AdvSimd.ConvertToSingle(high), _m4.AsSingle()));
            }
            else if (_hasLeft)
            {
                low = ScaleBoth(low, _m, -_left);
                high = ScaleBoth(high, _m4, -_left4);
            }
            else
            {
                Vector128<int> all = Vector128<int>.AllBitsSet;
                low = ScaleArm(low, _m, all, _left);
                high = ScaleArm(high, _m4, all, _left4);
            }

            StoreArm(low, high, _zeroPoint, _min, _max, stored, ref output);
        }

        // Shifted left before or right after the multiplication; nothing is rounded twice where nothing is shifted right.
        private static Vector128<int> ScaleBoth(Vector128<int> acc, Vector128<int> m, Vector128<int> shift)
        {
            Vector128<int> zero = Vector128<int>.Zero;
            return ScaleArm(AdvSimd.ShiftLogical(acc, AdvSimd.Max(shift, zero)), m, AdvSimd.CompareLessThan(shift, zero), AdvSimd.Min(shift, zero));
        }
    }
}
