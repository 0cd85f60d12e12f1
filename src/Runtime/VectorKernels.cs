using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Etch;

/// <summary>The vectorised convolutions and fully connected layers. Every path gives the same bytes as the scalar code.</summary>
/// <remarks>
/// Filters of convolutions and fully connected layers are read in pairs of taps: blocks of 16 output channels, then one of 8 for what remains
/// (padded with zeros); in a block, for each pair of taps, the two weights of each channel side by side. That is what one
/// instruction multiplies and adds: two int16 products into one int32 (pmaddwd). Bias, multiplier and shift are padded to the
/// same number of channels.
/// <para>
/// A row of windows is widened to int16 first, with the zero point where it leaves the image, so that the border costs no more
/// than the interior. Values are doubled while they are widened: the high half of (2·acc)·multiplier is what gemmlowp's
/// SaturatingRoundingDoublingHighMul takes from acc·multiplier.
/// </para>
/// <para>
/// Pixels of a pointwise convolution may stay bytes, a = q + 128 from 0 to 255: Σ q·w + b = Σ a·w + (b − 128·Σ w). One instruction (pmaddubsw)
/// multiplies two of them by weights and adds the products in 16 bits, where they saturate; a second one adds two such sums and doubles them. Two
/// weights never saturate if what is positive of them makes at most 128 and what is negative at least −128: 128 · 255 is below 2^15. The compiler
/// proves that for all channels of a block and four taps at a time; where it cannot, the bytes are widened on the way.
/// </para>
/// </remarks>
[SkipLocalsInit]
public static partial class VectorKernels
{
    /// <summary>True when the processor has an instruction set that the kernels know: SSE4.1, AVX2, AVX-512BW; on Arm64 AdvSimd. A constant to the JIT.</summary>
    public static bool IsSupported
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Sse41.IsSupported || AdvSimd.Arm64.IsSupported;
    }

    // Widens and doubles the pixels of row y under the windows from column `begin` on; what lies outside the image has the value `outside`.
    private static void WidenRow(ReadOnlySpan<sbyte> input, int inputTop, int y, int begin, int columns, in ConvolutionShape shape, sbyte outside, Span<short> widened)
    {
        ReadOnlySpan<sbyte> inside = RowInside(input, inputTop, y, begin, columns, shape, out int at);
        FillFew(widened.Slice(0, at), (short)(2 * outside));
        FillFew(widened.Slice(at + inside.Length), (short)(2 * outside));
        Widen(inside, widened.Slice(at));
    }

    // Columns outside the image are few, mostly none.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FillFew(Span<short> values, short value)
    {
        if (values.Length > 8) values.Fill(value);
        else for (int i = 0; i < values.Length; i++) values[i] = value;
    }

    // What of the pixels of row y from column `begin` on lies inside the image, and how many values before it do not.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ReadOnlySpan<sbyte> RowInside(ReadOnlySpan<sbyte> input, int inputTop, int y, int begin, int columns, in ConvolutionShape shape, out int at)
    {
        int first = Math.Clamp(-begin, 0, columns), end = Math.Clamp(shape.InputWidth - begin, first, columns);
        at = first * shape.InputChannels;
        if (y < 0 || y >= shape.InputHeight || first == end) return default;
        int start = ((y - inputTop) * shape.InputWidth) + begin + first;
        return input.Slice(start * shape.InputChannels, (end - first) * shape.InputChannels);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Widen(ReadOnlySpan<sbyte> from, Span<short> to)
    {
        ref sbyte source = ref MemoryMarshal.GetReference(from);
        ref short target = ref MemoryMarshal.GetReference(to.Slice(0, from.Length));
        int i = 0;
        if (Avx512BW.IsSupported)
        {
            for (; i <= from.Length - 32; i += 32)
            {
                Vector512<short> x = Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref source, (nuint)i));
                Avx512BW.Add(x, x).StoreUnsafe(ref target, (nuint)i);
            }
        }

        if (Avx2.IsSupported)
        {
            for (; i <= from.Length - 16; i += 16)
            {
                Vector256<short> x = Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref source, (nuint)i));
                Avx2.Add(x, x).StoreUnsafe(ref target, (nuint)i);
            }
        }

        for (; i <= from.Length - 8; i += 8)
        {
            Vector128<short> x = Sse41.ConvertToVector128Int16(Vector128.CreateScalarUnsafe(Eight(ref Unsafe.Add(ref source, i))).AsSByte());
            Sse2.Add(x, x).StoreUnsafe(ref target, (nuint)i);
        }

        for (; i < from.Length; i++) Unsafe.Add(ref target, i) = (short)(2 * Unsafe.Add(ref source, i));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Eight(ref sbyte x) => Unsafe.ReadUnaligned<long>(ref Unsafe.As<sbyte, byte>(ref x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Four(ref sbyte x) => Unsafe.ReadUnaligned<int>(ref Unsafe.As<sbyte, byte>(ref x));
}
