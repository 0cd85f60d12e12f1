using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>A function of two INT8 values as a linear form: (<paramref name="Factor1"/> · a + <paramref name="Factor2"/> · b + <paramref name="Offset"/>) ≫
/// <paramref name="Shift"/>, clamped.</summary>
/// <param name="Factor1">Below 2^30 in magnitude, as is <paramref name="Factor2"/>.</param>
/// <param name="Offset">Zero points and rounding.</param>
/// <param name="Shift">15 to 37.</param>
internal sealed record LinearSum(int Factor1, int Factor2, long Offset, int Shift)
{
    // Each look at all pairs mends the factors once; few sums need more than one.
    private const int MostLooks = 24;

    /// <summary>The first line of <see cref="VectorCall"/>.</summary>
    public const string VectorCallHead = "VectorKernels.AddLinear(";

    /// <summary>The call of its vector kernel.</summary>
    public string[] VectorCall =>
    [
        VectorCallHead,
        InvariantText.Of($"    input1, input2, output, factor1: {Factor1}, factor2: {Factor2}, offset: {Offset}, shift: {Shift},"),
        "    ActivationMin, ActivationMax);",
    ];

    /// <summary>The form that gives the same clamped result for all 65,536 pairs of stored values, or null when none was found.</summary>
    /// <param name="ratio1">About how much the result grows with the first value.</param>
    /// <param name="ratio2">The same for the second value.</param>
    /// <param name="stored">The clamped result of two stored values.</param>
    public static LinearSum? Of(double ratio1, double ratio2, (int Min, int Max) range, Func<int, int, int> stored)
    {
        Multiplier.Frexp(Math.Max(Math.Abs(ratio1), Math.Abs(ratio2)), out int exponent);
        int shift = Math.Min(37, 29 - exponent);
        if (shift < 15) return null;

        int[] results = [.. Enumerable.Range(-128, 256).SelectMany(a => Enumerable.Range(-128, 256).Select(b => stored(a, b)))];
        long factor1 = (long)Math.Round(ratio1 * (1L << shift)), factor2 = (long)Math.Round(ratio2 * (1L << shift));
        for (int look = 0; look < MostLooks; look++)
        {
            // Result r of a and b, inside the range, wants r ≤ (sum + offset) / 2^shift < r + 1: the offsets that do for all pairs.
            long least = long.MinValue, most = long.MaxValue;
            int leastAt = 0, mostAt = 0;
            for (int i = 0; i < results.Length; i++)
            {
                long sum = (factor1 * ((i >> 8) - 128)) + (factor2 * ((i & 255) - 128)), low = ((long)results[i] << shift) - sum, high = low + (1L << shift) - 1;
                if (results[i] > range.Min && low > least) (least, leastAt) = (low, i);
                if (results[i] < range.Max && high < most) (most, mostAt) = (high, i);
            }

            if (Math.Abs(factor1) >= 1 << 30 || Math.Abs(factor2) >= 1 << 30) return null;
            if (least == long.MinValue) least = most;
            if (least <= most)
            {
                long offset = most == long.MaxValue ? least : least + ((most - least) / 2);
                return Math.Abs(offset) < 1L << 45 ? new LinearSum((int)factor1, (int)factor2, offset, shift) : null;
            }

            // The sum of the one pair has to grow, beside that of the other: by the smallest change of the factors.
            long da = (leastAt >> 8) - (mostAt >> 8), db = (leastAt & 255) - (mostAt & 255), square = (da * da) + (db * db), gap = least - most;
            factor1 += Step(da * gap, square);
            factor2 += Step(db * gap, square);
        }

        return null;
    }

    // The quotient, rounded away from 0.
    private static long Step(long dividend, long divisor) => (dividend + (Math.Sign(dividend) * (divisor - 1))) / divisor;
}
