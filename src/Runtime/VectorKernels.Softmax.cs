using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Etch;

public static partial class VectorKernels
{
    private const int Differences = 256, Planes = 3;

    /// <summary>SOFTMAX of int8 in gemmlowp's fixed point, row by row.</summary>
    /// <remarks>
    /// A stored output follows from the difference to the row's largest value and from the row's sum: once the sum is known, the outputs of the
    /// differences that occur are computed in vectors, and looked up. With AVX-512 VBMI so are the terms of the sum, as bytes of three planes.
    /// </remarks>
    /// <param name="input">Rows of <paramref name="depth"/> values.</param>
    /// <param name="output">As many stored outputs, with zero point −128 and scale 1/256; may be the same memory.</param>
    /// <param name="depth">Values in a row.</param>
    /// <param name="powers">e to the −d times scale for differences d from 0 to 255, as fractions of 2^31; that of 0 is 2^31 − 1.</param>
    public static void Softmax(ReadOnlySpan<sbyte> input, Span<sbyte> output, int depth, ReadOnlySpan<int> powers)
    {
        powers = powers.Slice(0, Differences);
        Span<byte> stored = stackalloc byte[Differences], planes = stackalloc byte[Planes * Differences];
        if (Avx512Vbmi.IsSupported && depth >= Vector512<byte>.Count) SplitTerms(powers, planes);
        Span<byte> differences = MemoryMarshal.AsBytes(output);
        for (int first = 0; first < differences.Length; first += depth)
        {
            Span<byte> row = differences.Slice(first, depth);
            int most = Subtract(input.Slice(first, depth), row), sum = SumTerms(row, powers, planes);
            int scale = FixedPoint.Reciprocal(sum, 12, out int exponent), right = exponent + 31 - 8;
            if (right > 31)
            {
                // A sum above 2^27 leaves less than half a step for each.
                row.Fill(unchecked((byte)sbyte.MinValue));
                continue;
            }

            ref int power = ref MemoryMarshal.GetReference(powers);
            for (int d = 0; d <= most; d += 16) Shares(ref Unsafe.Add(ref power, d), scale, right).CopyTo(stored.Slice(d));
            Lookup(row, row, stored, flip: 0);
        }
    }

    // How far each value is below the largest one; returns the largest difference.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Subtract(ReadOnlySpan<sbyte> values, Span<byte> differences)
    {
        ref sbyte x = ref MemoryMarshal.GetReference(values);
        ref byte y = ref MemoryMarshal.GetReference(differences.Slice(0, values.Length));
        Vector128<sbyte> largest = Vector128.Create(sbyte.MinValue);
        int i = 0, max = sbyte.MinValue, most = 0;
        for (; i <= values.Length - 16; i += 16) largest = Vector128.Max(largest, Vector128.LoadUnsafe(ref x, (nuint)i));
        for (; i < values.Length; i++) max = Math.Max(max, Unsafe.Add(ref x, i));
        for (int lane = 0; lane < 16; lane++) max = Math.Max(max, largest.GetElement(lane));

        Vector128<byte> top = Vector128.Create((sbyte)max).AsByte(), furthest = Vector128<byte>.Zero;
        for (i = 0; i <= values.Length - 16; i += 16)
        {
            Vector128<byte> difference = top - Vector128.LoadUnsafe(ref x, (nuint)i).AsByte();
            furthest = Vector128.Max(furthest, difference);
            difference.StoreUnsafe(ref y, (nuint)i);
        }

        for (; i < values.Length; i++)
        {
            int difference = max - Unsafe.Add(ref x, i);
            most = Math.Max(most, difference);
            Unsafe.Add(ref y, i) = (byte)difference;
        }

        for (int lane = 0; lane < 16; lane++) most = Math.Max(most, furthest.GetElement(lane));
        return most;
    }

    // A power's term of the sum: a fraction of 2^19, at most that. It has 20 bits, in three planes of 256 bytes.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Term(int power) => (int)(((uint)power + (1 << 11)) >> 12);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SplitTerms(ReadOnlySpan<int> powers, Span<byte> planes)
    {
        for (int d = 0; d < Differences; d += 16)
        {
            Vector512<uint> term = Avx512F.ShiftRightLogical(Avx512F.Add(Vector512.Create<int>(powers.Slice(d)).AsUInt32(), Vector512.Create(1U << 11)), 12);
            Avx512F.ConvertToVector128Byte(term).CopyTo(planes.Slice(d));
            Avx512F.ConvertToVector128Byte(Avx512F.ShiftRightLogical(term, 8)).CopyTo(planes.Slice(Differences + d));
            Avx512F.ConvertToVector128Byte(Avx512F.ShiftRightLogical(term, 16)).CopyTo(planes.Slice((2 * Differences) + d));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int SumTerms(ReadOnlySpan<byte> differences, ReadOnlySpan<int> powers, ReadOnlySpan<byte> planes)
    {
        ref byte d = ref MemoryMarshal.GetReference(differences);
        ref int power = ref MemoryMarshal.GetReference(powers);
        int i = 0, sum = 0;
        if (Avx512Vbmi.IsSupported && differences.Length >= Vector512<byte>.Count)
        {
            ref byte plane = ref MemoryMarshal.GetReference(planes);
            for (int k = 0; k < Planes; k++, plane = ref Unsafe.Add(ref plane, Differences))
            {
                Vector512<byte> t0 = Vector512.LoadUnsafe(ref plane), t1 = Vector512.LoadUnsafe(ref plane, 64), t2 = Vector512.LoadUnsafe(ref plane, 128), t3 = Vector512.LoadUnsafe(ref plane, 192);
                Vector512<ulong> sums = Vector512<ulong>.Zero;
                for (i = 0; i <= differences.Length - 64; i += 64)
                {
                    Vector512<byte> at = Vector512.LoadUnsafe(ref d, (nuint)i);
                    Vector512<byte> low = Avx512Vbmi.PermuteVar64x8x2(t0, at, t1), high = Avx512Vbmi.PermuteVar64x8x2(t2, at, t3);
                    sums += Avx512BW.SumAbsoluteDifferences(Avx512BW.BlendVariable(low, high, at), Vector512<byte>.Zero).AsUInt64();
                }

                sum = unchecked(sum + ((int)Vector512.Sum(sums) << (8 * k)));
            }
        }

        for (; i < differences.Length; i++) sum = unchecked(sum + Term(Unsafe.Add(ref power, Unsafe.Add(ref d, i))));
        return sum;
    }

    // The stored outputs of 16 powers: SaturatingRoundingDoublingHighMul, RoundingDivideByPOT, at most 255, less 128. Nothing is negative.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> Shares(ref int powers, int scale, int right)
    {
        Vector128<byte> shares;
        if (Avx512BW.IsSupported)
        {
            Vector512<uint> p = Vector512.LoadUnsafe(ref powers).AsUInt32(), s = Vector512.Create((uint)scale);
            Vector512<ulong> half = Vector512.Create(1UL << 30);
            Vector512<ulong> even = Avx512F.ShiftRightLogical(Avx512F.Add(Avx512F.Multiply(p, s), half), 31);
            Vector512<ulong> odd = Avx512F.ShiftLeftLogical(Avx512F.Add(Avx512F.Multiply(Avx512F.ShiftRightLogical(p.AsUInt64(), 32).AsUInt32(), s), half), 1);
            Vector512<uint> share = Vector512.ConditionalSelect(Vector512.Create(0xFFFFFFFFUL), even, odd).AsUInt32();
            share = Avx512F.ShiftRightLogical(Avx512F.Add(share, Vector512.Create(1U << (right - 1))), Vector128.CreateScalar((uint)right));
            shares = Avx512F.ConvertToVector128ByteWithSaturation(share);
        }
        else if (Avx2.IsSupported)
        {
            Vector256<int> low = Shares256(ref powers, scale, right), high = Shares256(ref Unsafe.Add(ref powers, 8), scale, right);
            Vector256<short> words = Avx2.Permute4x64(Avx2.PackSignedSaturate(low, high).AsInt64(), 0xD8).AsInt16();
            shares = Sse2.PackUnsignedSaturate(words.GetLower(), words.GetUpper());
        }
        else
        {
            Vector128<uint> s0 = Shares128(ref powers, scale, right), s1 = Shares128(ref Unsafe.Add(ref powers, 4), scale, right);
            Vector128<uint> s2 = Shares128(ref Unsafe.Add(ref powers, 8), scale, right), s3 = Shares128(ref Unsafe.Add(ref powers, 12), scale, right);
            shares = Vector128.Narrow(Vector128.Narrow(s0, s1), Vector128.Narrow(s2, s3));
        }

        return shares ^ Vector128.Create((byte)0x80);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Shares256(ref int powers, int scale, int right)
    {
        Vector256<uint> p = Vector256.LoadUnsafe(ref powers).AsUInt32(), s = Vector256.Create((uint)scale);
        Vector256<ulong> half = Vector256.Create(1UL << 30);
        Vector256<ulong> even = Avx2.ShiftRightLogical(Avx2.Add(Avx2.Multiply(p, s), half), 31);
        Vector256<ulong> odd = Avx2.ShiftLeftLogical(Avx2.Add(Avx2.Multiply(Avx2.ShiftRightLogical(p.AsUInt64(), 32).AsUInt32(), s), half), 1);
        Vector256<uint> share = Avx2.Blend(even.AsUInt32(), odd.AsUInt32(), 0xAA);
        return Avx2.ShiftRightLogical(Avx2.Add(share, Vector256.Create(1U << (right - 1))), Vector128.CreateScalar((uint)right)).AsInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Shares128(ref int powers, int scale, int right)
    {
        Vector128<int> p = Vector128.LoadUnsafe(ref powers);
        Vector128<uint> share;
        if (AdvSimd.IsSupported)
        {
            share = AdvSimd.MultiplyRoundedDoublingSaturateHigh(p, Vector128.Create(scale)).AsUInt32();
            share = AdvSimd.ShiftLogicalRounded(share, Vector128.Create(-right));
        }
        else
        {
            Vector128<uint> s = Vector128.Create((uint)scale);
            Vector128<ulong> half = Vector128.Create(1UL << 30);
            Vector128<ulong> even = Sse2.ShiftRightLogical(Sse2.Add(Sse2.Multiply(p.AsUInt32(), s), half), 31);
            Vector128<ulong> odd = Sse2.ShiftLeftLogical(Sse2.Add(Sse2.Multiply(Sse2.ShiftRightLogical(p.AsUInt64(), 32).AsUInt32(), s), half), 1);
            share = Sse41.Blend(even.AsUInt16(), odd.AsUInt16(), 0xCC).AsUInt32();
            share = Sse2.ShiftRightLogical(Sse2.Add(share, Vector128.Create(1U << (right - 1))), Vector128.CreateScalar((uint)right));
        }

        return Vector128.Min(share, Vector128.Create(255U));
    }
}
