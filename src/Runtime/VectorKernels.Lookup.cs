using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Etch;

public static partial class VectorKernels
{
    private const int LookupTables = 16, LookupTable = 16;

    // Where the tables are prepared first, so many elements pay for it.
    private const int LeastLookups = 256;

    /// <summary>A function of one byte by its 256 results.</summary>
    /// <param name="input">The stored inputs.</param>
    /// <param name="output">The stored outputs, as many as there are inputs; may be the same memory.</param>
    /// <param name="results">256 of them.</param>
    /// <param name="flip">128 for inputs with a sign, whose results begin with that of −128; else 0.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Lookup(ReadOnlySpan<byte> input, Span<byte> output, ReadOnlySpan<byte> results, byte flip)
    {
        ref byte x = ref MemoryMarshal.GetReference(input.Slice(0, output.Length));
        ref byte y = ref MemoryMarshal.GetReference(output);
        ref byte table = ref MemoryMarshal.GetReference(results.Slice(0, LookupTables * LookupTable));
        int i = 0;
        if (Avx512Vbmi.IsSupported)
        {
            // Seven bits choose among 128 results, the eighth between both halves.
            Vector512<byte> t0 = Vector512.LoadUnsafe(ref table), t1 = Vector512.LoadUnsafe(ref table, 64), t2 = Vector512.LoadUnsafe(ref table, 128), t3 = Vector512.LoadUnsafe(ref table, 192);
            Vector512<byte> flips = Vector512.Create(flip);
            for (; i <= output.Length - 64; i += 64)
            {
                Vector512<byte> at = Avx512F.Xor(Vector512.LoadUnsafe(ref x, (nuint)i), flips);
                Vector512<byte> low = Avx512Vbmi.PermuteVar64x8x2(t0, at, t1), high = Avx512Vbmi.PermuteVar64x8x2(t2, at, t3);
                Avx512BW.BlendVariable(low, high, at).StoreUnsafe(ref y, (nuint)i);
            }
        }
        else if (output.Length >= LeastLookups)
        {
            if (Avx2.IsSupported) i = Lookup32(ref x, ref y, ref table, flip, output.Length);
            else if (Ssse3.IsSupported) i = Lookup16(ref x, ref y, ref table, flip, output.Length);
            else if (AdvSimd.Arm64.IsSupported) i = LookupArm(ref x, ref y, ref table, flip, output.Length);
        }

        for (; i < output.Length; i++) Unsafe.Add(ref y, i) = Unsafe.Add(ref table, Unsafe.Add(ref x, i) ^ flip);
    }

    // Tables of 16 results whose exclusive or is what is looked up. A shuffle gives 0 where the index is negative. Of an element with the high half h,
    // less 16 after each table, tables 0 to h count for h < 8; for the others, whose index is negative at first, the eight tables that end with h.
    private static void PrepareLookup(ref byte table, Span<Vector128<byte>> tables)
    {
        for (int k = 0; k < LookupTables; k++)
        {
            Vector128<byte> t = Vector128.LoadUnsafe(ref table, (nuint)(LookupTable * k));
            if (k > 0) t ^= Vector128.LoadUnsafe(ref table, (nuint)(LookupTable * (k - 1)));
            if (k >= 8) t ^= tables[k - 8];
            tables[k] = t;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Lookup32(ref byte x, ref byte y, ref byte table, byte flip, int length)
    {
        Span<Vector128<byte>> parts = stackalloc Vector128<byte>[LookupTables];
        PrepareLookup(ref table, parts);
        Span<Vector256<byte>> tables = stackalloc Vector256<byte>[LookupTables];
        for (int k = 0; k < LookupTables; k++) tables[k] = Vector256.Create(parts[k], parts[k]);
        ref Vector256<byte> t = ref MemoryMarshal.GetReference(tables);
        Vector256<sbyte> sixteen = Vector256.Create((sbyte)LookupTable);
        int i = 0;
        for (; i <= length - 32; i += 32)
        {
            Vector256<sbyte> at = (Vector256.LoadUnsafe(ref x, (nuint)i) ^ Vector256.Create(flip)).AsSByte();
            Vector256<byte> found = Avx2.Shuffle(t, at.AsByte());
            for (int k = 1; k <= LookupTables / 2; k++)
            {
                at = Avx2.Subtract(at, sixteen);
                found ^= Avx2.Shuffle(Unsafe.Add(ref t, k), at.AsByte());
            }

            // What was below 128 stays negative from here on.
            for (int k = (LookupTables / 2) + 1; k < LookupTables; k++)
            {
                at = Avx2.SubtractSaturate(at, sixteen);
                found ^= Avx2.Shuffle(Unsafe.Add(ref t, k), at.AsByte());
            }

            found.StoreUnsafe(ref y, (nuint)i);
        }

        return i;
    }

    // As Lookup32.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Lookup16(ref byte x, ref byte y, ref byte table, byte flip, int length)
    {
        Span<Vector128<byte>> tables = stackalloc Vector128<byte>[LookupTables];
        PrepareLookup(ref table, tables);
        ref Vector128<byte> t = ref MemoryMarshal.GetReference(tables);
        Vector128<sbyte> sixteen = Vector128.Create((sbyte)LookupTable);
        int i = 0;
        for (; i <= length - 16; i += 16)
        {
            Vector128<sbyte> at = (Vector128.LoadUnsafe(ref x, (nuint)i) ^ Vector128.Create(flip)).AsSByte();
            Vector128<byte> found = Ssse3.Shuffle(t, at.AsByte());
            for (int k = 1; k <= LookupTables / 2; k++)
            {
                at = Sse2.Subtract(at, sixteen);
                found ^= Ssse3.Shuffle(Unsafe.Add(ref t, k), at.AsByte());
            }

            for (int k = (LookupTables / 2) + 1; k < LookupTables; k++)
            {
                at = Sse2.SubtractSaturate(at, sixteen);
                found ^= Ssse3.Shuffle(Unsafe.Add(ref t, k), at.AsByte());
            }

            found.StoreUnsafe(ref y, (nuint)i);
        }

        return i;
    }

    // Four tables of 64 results; a lookup beyond its table gives 0.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int LookupArm(ref byte x, ref byte y, ref byte table, byte flip, int length)
    {
        var t0 = SixtyFour(ref table, 0);
        var t1 = SixtyFour(ref table, 64);
        var t2 = SixtyFour(ref table, 128);
        var t3 = SixtyFour(ref table, 192);
        Vector128<byte> next = Vector128.Create((byte)64);
        int i = 0;
        for (; i <= length - 16; i += 16)
        {
            Vector128<byte> at = Vector128.LoadUnsafe(ref x, (nuint)i) ^ Vector128.Create(flip), found = AdvSimd.Arm64.VectorTableLookup(t0, at);
            at -= next;
            found |= AdvSimd.Arm64.VectorTableLookup(t1, at);
            at -= next;
            found |= AdvSimd.Arm64.VectorTableLookup(t2, at);
            at -= next;
            found |= AdvSimd.Arm64.VectorTableLookup(t3, at);
            found.StoreUnsafe(ref y, (nuint)i);
        }

        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<byte>, Vector128<byte>, Vector128<byte>, Vector128<byte>) SixtyFour(ref byte table, nuint at) =>
        (Vector128.LoadUnsafe(ref table, at), Vector128.LoadUnsafe(ref table, at + 16), Vector128.LoadUnsafe(ref table, at + 32), Vector128.LoadUnsafe(ref table, at + 48));
}
