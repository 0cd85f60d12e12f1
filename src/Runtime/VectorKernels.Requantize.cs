using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Etch;

public static partial class VectorKernels
{
    /// <summary>How doubled accumulators of a layer become stored outputs.</summary>
    /// <remarks>
    /// MultiplyByQuantizedMultiplier in the form of <see cref="FixedPoint.MultiplyAndShiftRight"/>:
    /// y = (2·acc · m + 2^31) ≫ 32, then y / 2^n rounded to the nearest integer, ties away from zero.
    /// </remarks>
    private readonly ref struct Requantization(ReadOnlySpan<int> multiplier, ReadOnlySpan<sbyte> right, int zeroPoint, int min, int max)
    {
        private readonly ReadOnlySpan<int> _multiplier = multiplier;
        private readonly ReadOnlySpan<sbyte> _right = right;

        public readonly int ZeroPoint = zeroPoint, Min = min, Max = max;

        public int Multiplier(int channel) => _multiplier[_multiplier.Length == 1 ? 0 : channel];

        public int Right(int channel) => _right[_right.Length == 1 ? 0 : channel];

        public Vector512<int> Multiplier512(int channel) => _multiplier.Length == 1
            ? Vector512.Create(_multiplier[0])
            : Vector512.LoadUnsafe(ref MemoryMarshal.GetReference(_multiplier.Slice(channel, 16)));

        public Vector512<int> Right512(int channel) => _right.Length == 1
            ? Vector512.Create((int)_right[0])
            : Avx512F.ConvertToVector512Int32(Vector128.LoadUnsafe(ref MemoryMarshal.GetReference(_right.Slice(channel, 16))));

        public Vector256<int> Multiplier256(int channel) => _multiplier.Length == 1
            ? Vector256.Create(_multiplier[0])
            : Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(_multiplier.Slice(channel, 8)));

        public Vector256<int> Right256(int channel) => _right.Length == 1
            ? Vector256.Create((int)_right[0])
            : Avx2.ConvertToVector256Int32(Vector128.CreateScalarUnsafe(Eight(ref MemoryMarshal.GetReference(_right.Slice(channel, 8)))).AsSByte());
    }

    /// <summary>The factors of eight channels where a vector has one shift for all lanes (SSE4.1).</summary>
    /// <remarks>
    /// y ≫ n is (y · 2^(s − n)) ≫ s with the block's largest shift s. Beyond 256 · 2^n every y saturates whatever the zero
    /// point, so that it may be clamped to that first, which keeps the product in 32 bits as long as s is at most 22.
    /// </remarks>
    private readonly struct Factors128
    {
        private readonly Vector128<int> _low, _high, _lowLimit, _highLimit, _lowPower, _highPower, _rounding, _shift;

        public Factors128(in Requantization r, int channel, int channels)
        {
            int shift = 0;
            for (int c = 0; c < channels; c++) shift = Math.Max(shift, r.Right(channel + c));
            Span<int> multiplier = stackalloc int[8], limit = stackalloc int[8], power = stackalloc int[8];
            for (int c = 0; c < channels; c++)
            {
                int n = r.Right(channel + c);
                multiplier[c] = r.Multiplier(channel + c);
                limit[c] = n <= MostShift ? 256 << n : int.MaxValue;
                power[c] = shift <= MostShift ? 1 << (shift - n) : 1;
            }

            _isExact = shift <= MostShift;
            _low = Vector128.Create<int>(multiplier);
            _high = Vector128.Create<int>(multiplier.Slice(4));
            _lowLimit = Vector128.Create<int>(limit);
            _highLimit = Vector128.Create<int>(limit.Slice(4));
            _lowPower = Vector128.Create<int>(power);
            _highPower = Vector128.Create<int>(power.Slice(4));
            _rounding = Vector128.Create(1 << (shift - 1));
            _shift = Vector128.CreateScalar(shift);
        }

        private const int MostShift = 22;

        // False when a shift is too large for this form.
        private readonly bool _isExact;

        /// <summary>Stores the channels from <paramref name="channel"/> on, at most eight.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(
            Vector128<int> low, Vector128<int> high, in Requantization r, int channel, int stored, Vector128<sbyte> min, Vector128<sbyte> max, ref sbyte output)
        {
            if (_isExact)
            {
                Vector128<short> words = Sse2.PackSignedSaturate(Scale(low, _low, _lowLimit, _lowPower), Scale(high, _high, _highLimit, _highPower));
                VectorKernels.Store(Sse2.AddSaturate(words, Vector128.Create((short)r.ZeroPoint)), min, max, stored, ref output);
                return;
            }

            for (int c = 0; c < stored; c++)
            {
                int acc = (c < 4 ? low.GetElement(c) : high.GetElement(c - 4)) >> 1;
                int scaled = FixedPoint.MultiplyAndShiftRight(acc, r.Multiplier(channel + c), r.Right(channel + c));
                Unsafe.Add(ref output, c) = (sbyte)FixedPoint.Clamp(scaled + r.ZeroPoint, r.Min, r.Max);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector128<int> Scale(Vector128<int> doubled, Vector128<int> m, Vector128<int> limit, Vector128<int> power)
        {
            Vector128<long> half = Vector128.Create(1L << 31);
            Vector128<long> even = Sse2.Add(Sse41.Multiply(doubled, m), half);
            Vector128<long> odd = Sse2.Add(
                Sse41.Multiply(Sse2.ShiftRightLogical(doubled.AsInt64(), 32).AsInt32(), Sse2.ShiftRightLogical(m.AsInt64(), 32).AsInt32()), half);
            Vector128<int> y = Sse41.Blend(Sse2.ShiftRightLogical(even, 32).AsInt16(), odd.AsInt16(), 0xCC).AsInt32();
            y = Sse41.Max(Sse41.Min(y, limit), Sse2.Subtract(Vector128<int>.Zero, limit));
            y = Sse2.Add(y, Sse2.ShiftRightArithmetic(y, 31));
            return Sse2.ShiftRightArithmetic(Sse2.Add(Sse41.MultiplyLow(y, power), _rounding), _shift);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Scale(Vector512<int> doubled, Vector512<int> m, Vector512<int> oddM, Vector512<int> rounding, Vector512<int> n)
    {
        Vector512<long> half = Vector512.Create(1L << 31);
        Vector512<long> even = Avx512F.Add(Avx512F.Multiply(doubled, m), half);
        Vector512<long> odd = Avx512F.Add(Avx512F.Multiply(Avx512F.ShiftRightLogical(doubled.AsInt64(), 32).AsInt32(), oddM), half);
        Vector512<int> y = Vector512.ConditionalSelect(
            Vector512.Create(0x00000000FFFFFFFFL).AsInt32(), Avx512F.ShiftRightLogical(even, 32).AsInt32(), odd.AsInt32());
        y = Avx512F.Add(Avx512F.Add(y, rounding), Avx512F.ShiftRightArithmetic(y, 31));
        return Avx512F.ShiftRightArithmeticVariable(y, n.AsUInt32());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Scale(Vector256<int> doubled, Vector256<int> m, Vector256<int> oddM, Vector256<int> rounding, Vector256<int> n)
    {
        Vector256<long> half = Vector256.Create(1L << 31);
        Vector256<long> even = Avx2.Add(Avx2.Multiply(doubled, m), half);
        Vector256<long> odd = Avx2.Add(Avx2.Multiply(Avx2.ShiftRightLogical(doubled.AsInt64(), 32).AsInt32(), oddM), half);
        Vector256<int> y = Avx2.Blend(Avx2.ShiftRightLogical(even, 32).AsInt32(), odd.AsInt32(), 0xAA);
        y = Avx2.Add(Avx2.Add(y, rounding), Avx2.ShiftRightArithmetic(y, 31));
        return Avx2.ShiftRightArithmeticVariable(y, n.AsUInt32());
    }

    // Sixteen channels of a pixel, or the first `stored` of them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<int> y, Vector512<int> zeroPoint, Vector128<sbyte> min, Vector128<sbyte> max, int stored, ref sbyte output)
    {
        Vector128<sbyte> bytes = Avx512F.ConvertToVector128SByteWithSaturation(Avx512F.Add(y, zeroPoint));
        bytes = Sse41.Min(Sse41.Max(bytes, min), max);
        if (stored == 16) bytes.StoreUnsafe(ref output);
        else StorePart(bytes, stored, ref output);
    }

    // Eight channels of a pixel, or the first `stored` of them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<int> y, Vector256<int> zeroPoint, Vector128<sbyte> min, Vector128<sbyte> max, int stored, ref sbyte output)
    {
        y = Avx2.Add(y, zeroPoint);
        Store(Sse2.PackSignedSaturate(y.GetLower(), y.GetUpper()), min, max, stored, ref output);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector128<short> words, Vector128<sbyte> min, Vector128<sbyte> max, int stored, ref sbyte output)
    {
        Vector128<sbyte> bytes = Sse2.PackSignedSaturate(words, words);
        bytes = Sse41.Min(Sse41.Max(bytes, min), max);
        if (stored == 8) Unsafe.WriteUnaligned(ref Unsafe.As<sbyte, byte>(ref output), bytes.AsInt64().ToScalar());
        else StorePart(bytes, stored, ref output);
    }

    private static void StorePart(Vector128<sbyte> bytes, int stored, ref sbyte output)
    {
        for (int c = 0; c < stored; c++) Unsafe.Add(ref output, c) = bytes.GetElement(c);
    }
}
