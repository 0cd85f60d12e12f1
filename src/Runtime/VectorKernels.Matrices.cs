using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Etch;

public static partial class VectorKernels
{
    // Rows of the first matrix and columns of the second one whose products are computed at a time.
    private const int MatrixRows = 4, MatrixColumns = 16;

    /// <summary>BATCH_MATMUL of two int8 matrices: output[r, c] = Σ (a[r, i] − zeroPoint1) · (b[i, c] − zeroPoint2), requantised.</summary>
    /// <remarks>
    /// Columns of b are widened in blocks of 16, for each pair of i the two values of each column side by side, and four rows of a at a time:
    /// one instruction multiplies and adds a pair of eight or sixteen columns. Less their zero points all values have nine bits.
    /// </remarks>
    /// <param name="a">The first matrix, row by row.</param>
    /// <param name="b">The second matrix, row by row.</param>
    /// <param name="output">The stored products, row by row.</param>
    /// <param name="depth">Products of an output: at most 16,384.</param>
    /// <param name="columns">Columns of the output.</param>
    /// <param name="adjX">The first matrix is stored with rows and columns swapped.</param>
    /// <param name="adjY">So is the second matrix.</param>
    /// <param name="columnsAtOnce">Columns of b, a multiple of 16, that are kept widened: that many and four times 2 · (depth + 1) bytes of stack at most.</param>
    /// <param name="zeroPoint1">The first matrix's zero point.</param>
    /// <param name="zeroPoint2">The second matrix's zero point.</param>
    /// <param name="multiplier">Q0.31.</param>
    /// <param name="right">Right shift from 1 to 31.</param>
    /// <param name="zeroPoint">The output's zero point.</param>
    public static void MultiplyMatrices(
        ReadOnlySpan<sbyte> a, ReadOnlySpan<sbyte> b, Span<sbyte> output, int depth, int columns, bool adjX, bool adjY, int columnsAtOnce,
        int zeroPoint1, int zeroPoint2, int multiplier, sbyte right, int zeroPoint) =>
        MultiplyMatrices<int>(
            a, b, output, depth, columns, adjX, adjY, columnsAtOnce, zeroPoint1, zeroPoint2,
            new Requantization([multiplier], [right], zeroPoint, sbyte.MinValue, sbyte.MaxValue));

    /// <summary>The same with a factor in single precision, as XNNPACK has it: above 0 and below 256.</summary>
    /// <inheritdoc cref="MultiplyMatrices(ReadOnlySpan{sbyte}, ReadOnlySpan{sbyte}, Span{sbyte}, int, int, bool, bool, int, int, int, int, sbyte, int)"/>
    public static void MultiplyMatrices(
        ReadOnlySpan<sbyte> a, ReadOnlySpan<sbyte> b, Span<sbyte> output, int depth, int columns, bool adjX, bool adjY, int columnsAtOnce,
        int zeroPoint1, int zeroPoint2, float scale, int zeroPoint) =>
        MultiplyMatrices<float>(
            a, b, output, depth, columns, adjX, adjY, columnsAtOnce, zeroPoint1, zeroPoint2,
            new Requantization([scale], zeroPoint, sbyte.MinValue, sbyte.MaxValue));

    private static void MultiplyMatrices<TFactor>(
        ReadOnlySpan<sbyte> a, ReadOnlySpan<sbyte> b, Span<sbyte> output, int depth, int columns, bool adjX, bool adjY, int columnsAtOnce,
        int zeroPoint1, int zeroPoint2, in Requantization r)
    {
        int rows = output.Length / columns, even = (depth + 1) & ~1;
        Span<short> blocks = stackalloc short[Math.Min(columnsAtOnce, (columns + MatrixColumns - 1) & -MatrixColumns) * even], tile = stackalloc short[MatrixRows * even];
        tile.Clear();

        // Accumulators are doubled where the requantisation wants them so.
        int double1 = Sse41.IsSupported ? 1 : 0;
        for (int first = 0; first < columns; first += columnsAtOnce)
        {
            int some = Math.Min(columnsAtOnce, columns - first);
            for (int c = 0; c < some; c += MatrixColumns)
            {
                ReadOnlySpan<sbyte> column = b.Slice((first + c) * (adjY ? depth : 1));
                PackColumns(column, adjY ? 1 : columns, adjY ? depth : 1, depth, Math.Min(MatrixColumns, some - c), zeroPoint2, blocks.Slice(c * even, MatrixColumns * even));
            }

            for (int row = 0; row < rows; row += MatrixRows)
            {
                int count = Math.Min(MatrixRows, rows - row);
                for (int k = 0; k < count; k++)
                {
                    WidenLess(a.Slice((row + k) * (adjX ? 1 : depth)), adjX ? rows : 1, zeroPoint1, double1, tile.Slice(k * even, depth));
                }

                ref sbyte stored = ref MemoryMarshal.GetReference(output.Slice((row * columns) + first, ((count - 1) * columns) + some));
                if (Avx2.IsSupported) MatrixTile<TFactor>(tile, blocks, count, some, columns, r, ref stored);
                else MatrixTile128(tile, blocks, count, some, columns, r, ref stored);
            }
        }
    }

    // Columns as a block of 16, those that are missing and an odd last one of their values as zeros.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackColumns(ReadOnlySpan<sbyte> from, int step, int columnStep, int depth, int columns, int zeroPoint, Span<short> block)
    {
        if (columns < MatrixColumns || (depth & 1) != 0) block.Clear();
        ref sbyte column = ref MemoryMarshal.GetReference(from.Slice(0, ((depth - 1) * step) + ((columns - 1) * columnStep) + 1));
        ref short target = ref MemoryMarshal.GetReference(block.Slice(0, MatrixColumns * ((depth + 1) & ~1)));
        for (int c = 0; c < columns; c++)
        {
            ref sbyte x = ref column;
            ref short pair = ref target;
            for (int i = 0; i < depth - 1; i += 2)
            {
                int low = x - zeroPoint, high = Unsafe.Add(ref x, step) - zeroPoint;
                Unsafe.As<short, int>(ref pair) = (high << 16) | (low & 0xFFFF);
                x = ref Unsafe.Add(ref x, 2 * step);
                pair = ref Unsafe.Add(ref pair, 2 * MatrixColumns);
            }

            if ((depth & 1) != 0) pair = (short)(x - zeroPoint);
            column = ref Unsafe.Add(ref column, columnStep);
            target = ref Unsafe.Add(ref target, 2);
        }
    }

    // Values less their zero point, shifted left.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WidenLess(ReadOnlySpan<sbyte> from, int step, int zeroPoint, int left, Span<short> to)
    {
        ref sbyte x = ref MemoryMarshal.GetReference(from.Slice(0, ((to.Length - 1) * step) + 1));
        ref short y = ref MemoryMarshal.GetReference(to);
        int i = 0;
        if (step == 1)
        {
            for (; i <= to.Length - 8; i += 8)
            {
                Vector128<short> wide = Vector128.WidenLower(Vector128.CreateScalar(Eight(ref Unsafe.Add(ref x, i))).AsSByte());
                ((wide - Vector128.Create((short)zeroPoint)) << left).StoreUnsafe(ref y, (nuint)i);
            }
        }

        for (; i < to.Length; i++) Unsafe.Add(ref y, i) = (short)((Unsafe.Add(ref x, i * step) - zeroPoint) << left);
    }

    // Up to four rows with the columns of all blocks; `step` bytes from row to row.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MatrixTile<TFactor>(
        ReadOnlySpan<short> tile, ReadOnlySpan<short> blocks, int count, int columns, int step, in Requantization r, ref sbyte output)
    {
        int even = tile.Length / MatrixRows;
        ref short row0 = ref MemoryMarshal.GetReference(tile);
        ref short row1 = ref Unsafe.Add(ref row0, even);
        ref short row2 = ref Unsafe.Add(ref row1, even);
        ref short row3 = ref Unsafe.Add(ref row2, even);
        ref short block = ref MemoryMarshal.GetReference(blocks);
        Vector128<sbyte> min = Vector128.Create((sbyte)r.Min), max = Vector128.Create((sbyte)r.Max);
        if (Avx512BW.IsSupported)
        {
            var factors = new Factors512<TFactor>(r, 0);
            for (; columns > MatrixColumns / 2; columns -= MatrixColumns)
            {
                Vector512<int> acc0 = Vector512<int>.Zero, acc1 = acc0, acc2 = acc0, acc3 = acc0;
                for (int i = 0; i < even; i += 2)
                {
                    Vector512<short> pairs = Vector512.LoadUnsafe(ref Unsafe.Add(ref block, MatrixColumns * i));
                    acc0 = Avx512F.Add(acc0, Avx512BW.MultiplyAddAdjacent(pairs, Vector512.Create(Pair(ref row0, i)).AsInt16()));
                    acc1 = Avx512F.Add(acc1, Avx512BW.MultiplyAddAdjacent(pairs, Vector512.Create(Pair(ref row1, i)).AsInt16()));
                    acc2 = Avx512F.Add(acc2, Avx512BW.MultiplyAddAdjacent(pairs, Vector512.Create(Pair(ref row2, i)).AsInt16()));
                    acc3 = Avx512F.Add(acc3, Avx512BW.MultiplyAddAdjacent(pairs, Vector512.Create(Pair(ref row3, i)).AsInt16()));
                }

                int stored = Math.Min(columns, MatrixColumns);
                Vector512<int> zeroPoints = Vector512.Create(r.ZeroPoint);
                Store(factors.Scale(acc0), zeroPoints, min, max, stored, ref output);
                if (count > 1) Store(factors.Scale(acc1), zeroPoints, min, max, stored, ref Unsafe.Add(ref output, step));
                if (count > 2) Store(factors.Scale(acc2), zeroPoints, min, max, stored, ref Unsafe.Add(ref output, 2 * step));
                if (count > 3) Store(factors.Scale(acc3), zeroPoints, min, max, stored, ref Unsafe.Add(ref output, 3 * step));
                output = ref Unsafe.Add(ref output, MatrixColumns);
                block = ref Unsafe.Add(ref block, MatrixColumns * even);
            }
        }

        // Eight columns, and the other half of the block.
        var factors256 = new Factors256<TFactor>(r, 0);
        for (bool isSecond = false; columns > 0; columns -= MatrixColumns / 2, isSecond = !isSecond)
        {
            Vector256<int> acc0 = Vector256<int>.Zero, acc1 = acc0, acc2 = acc0, acc3 = acc0;
            for (int i = 0; i < even; i += 2)
            {
                Vector256<short> pairs = Vector256.LoadUnsafe(ref Unsafe.Add(ref block, MatrixColumns * i));
                acc0 = Avx2.Add(acc0, Avx2.MultiplyAddAdjacent(pairs, Vector256.Create(Pair(ref row0, i)).AsInt16()));
                acc1 = Avx2.Add(acc1, Avx2.MultiplyAddAdjacent(pairs, Vector256.Create(Pair(ref row1, i)).AsInt16()));
                acc2 = Avx2.Add(acc2, Avx2.MultiplyAddAdjacent(pairs, Vector256.Create(Pair(ref row2, i)).AsInt16()));
                acc3 = Avx2.Add(acc3, Avx2.MultiplyAddAdjacent(pairs, Vector256.Create(Pair(ref row3, i)).AsInt16()));
            }

            int stored = Math.Min(columns, MatrixColumns / 2);
            Vector256<int> zeroPoints = Vector256.Create(r.ZeroPoint);
            Store(factors256.Scale(acc0), zeroPoints, min, max, stored, ref output);
            if (count > 1) Store(factors256.Scale(acc1), zeroPoints, min, max, stored, ref Unsafe.Add(ref output, step));
            if (count > 2) Store(factors256.Scale(acc2), zeroPoints, min, max, stored, ref Unsafe.Add(ref output, 2 * step));
            if (count > 3) Store(factors256.Scale(acc3), zeroPoints, min, max, stored, ref Unsafe.Add(ref output, 3 * step));
            output = ref Unsafe.Add(ref output, MatrixColumns / 2);
            block = ref Unsafe.Add(ref block, isSecond ? (MatrixColumns * even) - MatrixColumns : MatrixColumns);
        }
    }

    // As MatrixTile, two rows at a time.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MatrixTile128(ReadOnlySpan<short> tile, ReadOnlySpan<short> blocks, int count, int columns, int step, in Requantization r, ref sbyte output)
    {
        int even = tile.Length / MatrixRows;
        ref short block = ref MemoryMarshal.GetReference(blocks);
        Vector128<sbyte> min = Vector128.Create((sbyte)r.Min), max = Vector128.Create((sbyte)r.Max);
        Factors128 factors = Sse41.IsSupported ? new Factors128(r, 0, 8) : default;
        FactorsArm factorsArm = AdvSimd.Arm64.IsSupported ? new FactorsArm(r, 0) : default;
        for (bool isSecond = false; columns > 0; columns -= MatrixColumns / 2, isSecond = !isSecond)
        {
            int stored = Math.Min(columns, MatrixColumns / 2);
            for (int row = 0; row < count; row += 2)
            {
                ref short row0 = ref MemoryMarshal.GetReference(tile.Slice(row * even));
                ref short row1 = ref Unsafe.Add(ref row0, even);
                Vector128<int> low0 = Vector128<int>.Zero, high0 = low0, low1 = low0, high1 = low0;
                for (int i = 0; i < even; i += 2)
                {
                    Vector128<short> low = Vector128.LoadUnsafe(ref Unsafe.Add(ref block, MatrixColumns * i));
                    Vector128<short> high = Vector128.LoadUnsafe(ref Unsafe.Add(ref block, (MatrixColumns * i) + 8));
                    Vector128<short> pair0 = Vector128.Create(Pair(ref row0, i)).AsInt16(), pair1 = Vector128.Create(Pair(ref row1, i)).AsInt16();
                    low0 += MultiplyPairs(low, pair0);
                    high0 += MultiplyPairs(high, pair0);
                    low1 += MultiplyPairs(low, pair1);
                    high1 += MultiplyPairs(high, pair1);
                }

                ref sbyte first = ref Unsafe.Add(ref output, row * step);
                ref sbyte second = ref Unsafe.Add(ref first, step);
                if (Sse41.IsSupported) factors.Store(low0, high0, r, 0, stored, min, max, ref first);
                else factorsArm.Store(low0, high0, stored, ref first);
                if (row + 1 == count) break;
                if (Sse41.IsSupported) factors.Store(low1, high1, r, 0, stored, min, max, ref second);
                else factorsArm.Store(low1, high1, stored, ref second);
            }

            output = ref Unsafe.Add(ref output, MatrixColumns / 2);
            block = ref Unsafe.Add(ref block, isSecond ? (MatrixColumns * even) - MatrixColumns : MatrixColumns);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Pair(ref short row, int i) => Unsafe.ReadUnaligned<int>(ref Unsafe.As<short, byte>(ref Unsafe.Add(ref row, i)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> MultiplyPairs(Vector128<short> x, Vector128<short> y) => Sse2.IsSupported
        ? Sse2.MultiplyAddAdjacent(x, y)
        : AdvSimd.Arm64.AddPairwise(AdvSimd.MultiplyWideningLower(x.GetLower(), y.GetLower()), AdvSimd.MultiplyWideningUpper(x, y));
}
