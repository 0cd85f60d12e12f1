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
    /// <para>
    /// In single precision: y = 2·acc · (m / 2) to the nearest integer, ties to even, as <see cref="FixedPoint.MultiplyAndRound"/>. Doubling and halving
    /// are exact (an m so small that half of it is not gives 0 with both), and the product is finite: 2·acc is below 2^31 and m below 256.
    /// It is clamped before it is converted, which gives the same as afterwards: instructions of x86 make −2^31 of all that has no int32.
    /// </para>
    /// </remarks>
    private readonly ref struct Requantization
    {
        private readonly ReadOnlySpan<int> _multiplier;
        private readonly ReadOnlySpan<sbyte> _right;

        /// <summary>Fixed-point factors: one for all channels, or one each.</summary>
        public Requantization(ReadOnlySpan<int> multiplier, ReadOnlySpan<sbyte> right, int zeroPoint, int min, int max, bool hasLeft = false)
        {
            HasLeft = hasLeft;
            _multiplier = multiplier;
            _right = right;
            ZeroPoint = zeroPoint;
            Min = min;
            Max = max;
            IsSigned = min < zeroPoint;
        }

        /// <summary>Factors in single precision, whose bits take the multipliers' place.</summary>
        public Requantization(ReadOnlySpan<float> scale, int zeroPoint, int min, int max)
            : this(MemoryMarshal.Cast<float, int>(scale), [0], zeroPoint, min, max) => IsSingle = true;

        public readonly int ZeroPoint, Min, Max;

        /// <summary>False when all outputs below the zero point are clamped to it or more: how negative values are rounded does not matter.</summary>
        public readonly bool IsSigned;

        /// <summary>The factors are in single precision.</summary>
        public readonly bool IsSingle;

        /// <summary>Shifts are those of TFLite: left where above 0, else right.</summary>
        public readonly bool HasLeft;

        /// <summary>The stored output of an accumulator that is not doubled.</summary>
        public sbyte Store(int acc, int channel) => IsSingle
            ? (sbyte)FixedPoint.Clamp(FixedPoint.MultiplyAndRound(acc, BitConverter.Int32BitsToSingle(Multiplier(channel))) + ZeroPoint, Min, Max)
            : StoreFixed(acc, channel);

        /// <summary>The same where factors are in fixed point; without a call, so that a loop around it may keep vectors in registers.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public sbyte StoreFixed(int acc, int channel)
        {
            int m = Multiplier(channel), n = Right(channel);
            int scaled = HasLeft ? FixedPoint.MultiplyByQuantizedMultiplier(acc, m, n) : FixedPoint.MultiplyAndShiftRight(acc, m, n);
            return (sbyte)FixedPoint.Clamp(scaled + ZeroPoint, Min, Max);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public int Multiplier(int channel) => _multiplier[_multiplier.Length == 1 ? 0 : channel];

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public int Right(int channel) => _right[_right.Length == 1 ? 0 : channel];

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<int> Multiplier512(int channel) => _multiplier.Length == 1
            ? Vector512.Create(_multiplier[0])
            : Vector512.LoadUnsafe(ref MemoryMarshal.GetReference(_multiplier.Slice(channel, 16)));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<int> Right512(int channel) => _right.Length == 1
            ? Vector512.Create((int)_right[0])
            : Avx512F.ConvertToVector512Int32(Vector128.LoadUnsafe(ref MemoryMarshal.GetReference(_right.Slice(channel, 16))));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector256<int> Multiplier256(int channel) => _multiplier.Length == 1
            ? Vector256.Create(_multiplier[0])
            : Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(_multiplier.Slice(channel, 8)));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector256<int> Right256(int channel) => _right.Length == 1
            ? Vector256.Create((int)_right[0])
            : Avx2.ConvertToVector256Int32(Vector128.CreateScalarUnsafe(Eight(ref MemoryMarshal.GetReference(_right.Slice(channel, 8)))).AsSByte());
    }

    /// <summary>The factors of eight channels where a vector has one shift for all lanes (SSE4.1).</summary>
    /// <remarks>
    /// Fixed-point: y ≫ n is (y · 2^(s − n)) ≫ s with the block's largest shift s. Beyond 256 · 2^n every y saturates whatever the zero
    /// point, so that it may be clamped to that first, which keeps the product in 32 bits as long as s is at most 22.
    /// </remarks>
    private readonly struct Factors128
    {
        private readonly Vector128<int> _low, _high, _lowLimit, _highLimit, _lowPower, _highPower, _rounding, _shift;

        public Factors128(in Requantization r, int channel, int channels)
        {
            if (r.IsSingle)
            {
                Span<float> halves = stackalloc float[8];
                halves.Clear();
                for (int c = 0; c < channels; c++) halves[c] = BitConverter.Int32BitsToSingle(r.Multiplier(channel + c)) / 2;
                _isSingle = true;
                _low = Vector128.Create<float>(halves).AsInt32();
                _high = Vector128.Create<float>(halves.Slice(4)).AsInt32();
                _lowLimit = Vector128.Create((float)(r.Max - r.ZeroPoint)).AsInt32();
                return;
            }

            // One output after the other.
            if (r.HasLeft) return;

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

        // Not exact when a shift is too large for this form.
        private readonly bool _isExact, _isSingle;

        /// <summary>Stores the channels from <paramref name="channel"/> on, at most eight.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(
            Vector128<int> low, Vector128<int> high, in Requantization r, int channel, int stored, Vector128<sbyte> min, Vector128<sbyte> max, ref sbyte output)
        {
            if (_isExact || _isSingle)
            {
                Vector128<short> words = _isSingle
                    ? Sse2.PackSignedSaturate(ScaleSingle(low, _low.AsSingle()), ScaleSingle(high, _high.AsSingle()))
                    : Sse2.PackSignedSaturate(Scale(low, _low, _lowLimit, _lowPower), Scale(high, _high, _highLimit, _highPower));
                VectorKernels.Store(Sse2.AddSaturate(words, Vector128.Create((short)r.ZeroPoint)), min, max, stored, ref output);
                return;
            }

            for (int c = 0; c < stored; c++)
            {
                Unsafe.Add(ref output, c) = r.StoreFixed((c < 4 ? low.GetElement(c) : high.GetElement(c - 4)) >> 1, channel + c);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector128<int> ScaleSingle(Vector128<int> doubled, Vector128<float> half) =>
            Sse2.ConvertToVector128Int32(Sse.Min(Sse.Multiply(Sse2.ConvertToVector128Single(doubled), half), _lowLimit.AsSingle()));

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

    // The first vector's odd lanes behind the second's: what two products of even and odd lanes have in their high halves.
    private static Vector512<int> OddLanes512
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.Create(1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Odd(Vector512<int> x) => Avx512F.ShiftRightLogical(x.AsInt64(), 32).AsInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Odd(Vector256<int> x) => Avx2.ShiftRightLogical(x.AsInt64(), 32).AsInt32();

    // 2^31 + 2^(31 + n) for the shifts in the even lanes; 2^31 where nothing is shifted.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<long> RoundingOfEven(Vector512<int> n)
    {
        Vector512<long> half = Vector512.Create(1L << 31), shift = Avx512F.And(n.AsInt64(), Vector512.Create(0xFFFFFFFFL));
        return Avx512F.Add(half, Avx512F.And(Avx512F.ShiftLeftLogicalVariable(half, shift.AsUInt64()), Vector512.GreaterThan(shift, Vector512<long>.Zero)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<long> RoundingOfEven(Vector256<int> n)
    {
        Vector256<long> half = Vector256.Create(1L << 31), shift = Avx2.And(n.AsInt64(), Vector256.Create(0xFFFFFFFFL));
        return Avx2.Add(half, Avx2.And(Avx2.ShiftLeftLogicalVariable(half, shift.AsUInt64()), Avx2.CompareGreaterThan(shift, Vector256<long>.Zero)));
    }

    /// <summary>The factors of sixteen lanes.</summary>
    /// <typeparam name="TFactor">float where they are in single precision, long where some shifts go left or nowhere, else int.</typeparam>
    /// <remarks>
    /// y = (2·acc · m + 2^31) ≫ 32, then (y + 2^(n − 1) + (y ≫ 31)) ≫ n. 2^(n − 1) is 2^(31 + n) / 2^32, so that one addition of 64 bits rounds for
    /// both. The sign of acc serves for that of y: they differ only for y = 0, which gives 0 with −1 added too, and for m = 0, the same.
    /// Where nothing is shifted right there is no second rounding: neither 2^(n − 1) nor the sign, which a shift by 32 takes away.
    /// </remarks>
    private readonly struct Factors512<TFactor>
    {
        private readonly Vector512<int> _m, _oddM, _n, _oddLanes, _left, _sign;
        private readonly Vector512<long> _rounding, _oddRounding;
        private readonly Vector512<float> _half, _least, _most;
        private readonly bool _isSigned;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Factors512(in Requantization r, int channel)
            : this(r, r.Multiplier512(channel), r.Right512(channel))
        {
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Factors512(in Requantization r, Vector512<int> m, Vector512<int> n)
        {
            if (typeof(TFactor) == typeof(float))
            {
                _half = Avx512F.Multiply(m.AsSingle(), Vector512.Create(0.5f));
                _least = Vector512.Create((float)(r.Min - r.ZeroPoint));
                _most = Vector512.Create((float)(r.Max - r.ZeroPoint));
                return;
            }

            if (typeof(TFactor) == typeof(long))
            {
                _left = Avx512F.Max(n, Vector512<int>.Zero);
                n = Avx512F.Max(Avx512F.Subtract(Vector512<int>.Zero, n), Vector512<int>.Zero);
                _sign = Avx512F.Add(Vector512.Create(32), Vector512.GreaterThan(n, Vector512<int>.Zero));
            }

            _m = m;
            _oddM = Odd(m);
            _n = n;
            _oddLanes = OddLanes512;
            _rounding = RoundingOfEven(n);
            _oddRounding = RoundingOfEven(Odd(n));
            _isSigned = r.IsSigned;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<int> Scale(Vector512<int> doubled)
        {
            if (typeof(TFactor) == typeof(float))
            {
                Vector512<float> product = Avx512F.Multiply(Avx512F.ConvertToVector512Single(doubled), _half);
                return Avx512F.ConvertToVector512Int32(Avx512F.Max(Avx512F.Min(product, _most), _least));
            }

            if (typeof(TFactor) == typeof(long)) doubled = Avx512F.ShiftLeftLogicalVariable(doubled, _left.AsUInt32());
            Vector512<long> even = Avx512F.Add(Avx512F.Multiply(doubled, _m), _rounding), odd = Avx512F.Add(Avx512F.Multiply(Odd(doubled), _oddM), _oddRounding);
            Vector512<int> y = Avx512F.PermuteVar16x32x2(even.AsInt32(), _oddLanes, odd.AsInt32());
            if (typeof(TFactor) == typeof(long)) y = Avx512F.Subtract(y, Avx512F.ShiftRightLogicalVariable(doubled, _sign.AsUInt32()));
            else if (_isSigned) y = Avx512F.Add(y, Avx512F.ShiftRightArithmetic(doubled, 31));
            return Avx512F.ShiftRightArithmeticVariable(y, _n.AsUInt32());
        }
    }

    /// <summary>The factors of eight lanes, as <see cref="Factors512{TFactor}"/>.</summary>
    private readonly struct Factors256<TFactor>
    {
        private readonly Vector256<int> _m, _oddM, _n, _left, _sign;
        private readonly Vector256<long> _rounding, _oddRounding;
        private readonly Vector256<float> _half, _least, _most;
        private readonly bool _isSigned;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Factors256(in Requantization r, int channel)
            : this(r, r.Multiplier256(channel), r.Right256(channel))
        {
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Factors256(in Requantization r, Vector256<int> m, Vector256<int> n)
        {
            if (typeof(TFactor) == typeof(float))
            {
                _half = Avx.Multiply(m.AsSingle(), Vector256.Create(0.5f));
                _least = Vector256.Create((float)(r.Min - r.ZeroPoint));
                _most = Vector256.Create((float)(r.Max - r.ZeroPoint));
                return;
            }

            if (typeof(TFactor) == typeof(long))
            {
                _left = Avx2.Max(n, Vector256<int>.Zero);
                n = Avx2.Max(Avx2.Subtract(Vector256<int>.Zero, n), Vector256<int>.Zero);
                _sign = Avx2.Add(Vector256.Create(32), Vector256.GreaterThan(n, Vector256<int>.Zero));
            }

            _m = m;
            _oddM = Odd(m);
            _n = n;
            _rounding = RoundingOfEven(n);
            _oddRounding = RoundingOfEven(Odd(n));
            _isSigned = r.IsSigned;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector256<int> Scale(Vector256<int> doubled)
        {
            if (typeof(TFactor) == typeof(float))
            {
                Vector256<float> product = Avx.Multiply(Avx.ConvertToVector256Single(doubled), _half);
                return Avx.ConvertToVector256Int32(Avx.Max(Avx.Min(product, _most), _least));
            }

            if (typeof(TFactor) == typeof(long)) doubled = Avx2.ShiftLeftLogicalVariable(doubled, _left.AsUInt32());
            Vector256<long> even = Avx2.Add(Avx2.Multiply(doubled, _m), _rounding), odd = Avx2.Add(Avx2.Multiply(Odd(doubled), _oddM), _oddRounding);
            Vector256<int> y = Avx2.Blend(Odd(even.AsInt32()), odd.AsInt32(), 0xAA);
            if (typeof(TFactor) == typeof(long)) y = Avx2.Subtract(y, Avx2.ShiftRightLogicalVariable(doubled, _sign.AsUInt32()));
            else if (_isSigned) y = Avx2.Add(y, Avx2.ShiftRightArithmetic(doubled, 31));
            return Avx2.ShiftRightArithmeticVariable(y, _n.AsUInt32());
        }
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

    // Sixteen channels of four pixels, or the first `stored` of them; `step` bytes from pixel to pixel.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(
        Vector512<int> y0, Vector512<int> y1, Vector512<int> y2, Vector512<int> y3, Vector512<short> zeroPoint, Vector512<sbyte> min, Vector512<sbyte> max,
        int stored, int step, ref sbyte output)
    {
        Vector512<sbyte> bytes = Pack(y0, y1, y2, y3, zeroPoint, min, max);
        if (stored == 16)
        {
            bytes.GetLower().GetLower().StoreUnsafe(ref output);
            Avx512F.ExtractVector128(bytes, 1).StoreUnsafe(ref Unsafe.Add(ref output, step));
            Avx512F.ExtractVector128(bytes, 2).StoreUnsafe(ref Unsafe.Add(ref output, 2 * step));
            Avx512F.ExtractVector128(bytes, 3).StoreUnsafe(ref Unsafe.Add(ref output, 3 * step));
            return;
        }

        StorePart(bytes.GetLower().GetLower(), stored, ref output);
        StorePart(Avx512F.ExtractVector128(bytes, 1), stored, ref Unsafe.Add(ref output, step));
        StorePart(Avx512F.ExtractVector128(bytes, 2), stored, ref Unsafe.Add(ref output, 2 * step));
        StorePart(Avx512F.ExtractVector128(bytes, 3), stored, ref Unsafe.Add(ref output, 3 * step));
    }

    // Four vectors of outputs as bytes, one behind the other.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<sbyte> Pack(
        Vector512<int> y0, Vector512<int> y1, Vector512<int> y2, Vector512<int> y3, Vector512<short> zeroPoint, Vector512<sbyte> min, Vector512<sbyte> max)
    {
        Vector512<short> first = Avx512BW.AddSaturate(Avx512BW.PackSignedSaturate(y0, y1), zeroPoint);
        Vector512<short> last = Avx512BW.AddSaturate(Avx512BW.PackSignedSaturate(y2, y3), zeroPoint);

        // Packing works inside lanes of 128 bits: each has four outputs of each vector.
        Vector512<int> bytes = Avx512BW.PackSignedSaturate(first, last).AsInt32();
        bytes = Avx512F.PermuteVar16x32(bytes, Vector512.Create(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
        return Avx512BW.Min(Avx512BW.Max(bytes.AsSByte(), min), max);
    }

    // Eight channels of four pixels, or the first `stored` of them; `step` bytes from pixel to pixel.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(
        Vector256<int> y0, Vector256<int> y1, Vector256<int> y2, Vector256<int> y3, Vector256<short> zeroPoint, Vector256<sbyte> min, Vector256<sbyte> max,
        int stored, int step, ref sbyte output)
    {
        Vector256<long> bytes = Pack(y0, y1, y2, y3, zeroPoint, min, max);
        if (stored == 8)
        {
            ref byte target = ref Unsafe.As<sbyte, byte>(ref output);
            Unsafe.WriteUnaligned(ref target, bytes.GetElement(0));
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref target, step), bytes.GetElement(1));
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref target, 2 * step), bytes.GetElement(2));
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref target, 3 * step), bytes.GetElement(3));
            return;
        }

        StorePart(bytes.GetElement(0), stored, ref output);
        StorePart(bytes.GetElement(1), stored, ref Unsafe.Add(ref output, step));
        StorePart(bytes.GetElement(2), stored, ref Unsafe.Add(ref output, 2 * step));
        StorePart(bytes.GetElement(3), stored, ref Unsafe.Add(ref output, 3 * step));
    }

    // Four vectors of outputs as bytes, one behind the other.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<long> Pack(
        Vector256<int> y0, Vector256<int> y1, Vector256<int> y2, Vector256<int> y3, Vector256<short> zeroPoint, Vector256<sbyte> min, Vector256<sbyte> max)
    {
        Vector256<short> first = Avx2.AddSaturate(Avx2.PackSignedSaturate(y0, y1), zeroPoint);
        Vector256<short> last = Avx2.AddSaturate(Avx2.PackSignedSaturate(y2, y3), zeroPoint);
        Vector256<sbyte> packed = Avx2.Min(Avx2.Max(Avx2.PackSignedSaturate(first, last), min), max);
        return Avx2.PermuteVar8x32(packed.AsInt32(), Vector256.Create(0, 4, 1, 5, 2, 6, 3, 7)).AsInt64();
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

    // The first channels, at most 16.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePart(Vector128<sbyte> bytes, int stored, ref sbyte output)
    {
        if (stored >= 8)
        {
            Unsafe.WriteUnaligned(ref Unsafe.As<sbyte, byte>(ref output), bytes.AsInt64().ToScalar());
            StorePart(bytes.AsInt64().GetElement(1), stored - 8, ref Unsafe.Add(ref output, 8));
        }
        else
        {
            StorePart(bytes.AsInt64().ToScalar(), stored, ref output);
        }
    }

    // The first channels, at most 8.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePart(long bytes, int stored, ref sbyte output)
    {
        ref byte target = ref Unsafe.As<sbyte, byte>(ref output);
        if (stored == 8)
        {
            Unsafe.WriteUnaligned(ref target, bytes);
            return;
        }

        if ((stored & 4) != 0)
        {
            Unsafe.WriteUnaligned(ref target, (int)bytes);
            target = ref Unsafe.Add(ref target, 4);
            bytes >>= 32;
        }

        if ((stored & 2) != 0)
        {
            Unsafe.WriteUnaligned(ref target, (short)bytes);
            target = ref Unsafe.Add(ref target, 2);
            bytes >>= 16;
        }

        if ((stored & 1) != 0) target = (byte)bytes;
    }
}
