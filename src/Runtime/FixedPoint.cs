using System.Runtime.CompilerServices;

namespace Etch;

/// <summary>The integer arithmetic of TensorFlow Lite Micro's reference kernels (gemmlowp fixed point, double rounding).</summary>
/// <remarks>
/// Linked into the compiler, so that the reference semantics, the lookup tables and the emitted code share one definition.
/// A value in Q<i>n</i> has <i>n</i> integer bits, one sign bit and 31 − <i>n</i> fraction bits. Sums wrap as C's do in practice.
/// </remarks>
#if ETCH_COMPILER
internal
#else
public
#endif
static class FixedPoint
{
    /// <summary>SaturatingRoundingDoublingHighMul of gemmlowp: (a · b + 2^30) ≫ 31, ties toward +∞.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int SaturatingRoundingDoublingHighMul(int a, int b)
    {
        return a == int.MinValue && b == int.MinValue ? int.MaxValue : unchecked((int)(((long)a * b + (1L << 30)) >> 31));
    }

    /// <summary>RoundingDivideByPOT of gemmlowp: x / 2^exponent, ties away from zero.</summary>
    /// <param name="x">The dividend.</param>
    /// <param name="exponent">0 to 31.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int RoundingDivideByPowerOfTwo(int x, int exponent)
    {
        int mask = unchecked((int)((1u << exponent) - 1u));
        int threshold = (mask >> 1) + (x < 0 ? 1 : 0);
        return (x >> exponent) + ((x & mask) > threshold ? 1 : 0);
    }

    /// <summary>MultiplyByQuantizedMultiplier of TFLite: x · multiplier / 2^31 · 2^shift, rounded twice.</summary>
    /// <param name="x">Any accumulator.</param>
    /// <param name="multiplier">Q0.31, 2^30 to 2^31 − 1, or 0.</param>
    /// <param name="shift">−31 to 30; above 0 the accumulator is shifted left first and wraps.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int MultiplyByQuantizedMultiplier(int x, int multiplier, int shift)
    {
        int left = shift > 0 ? shift : 0;
        return RoundingDivideByPowerOfTwo(SaturatingRoundingDoublingHighMul(x << left, multiplier), left - shift);
    }

    /// <summary>The same as <see cref="MultiplyByQuantizedMultiplier"/> with shift = −<paramref name="right"/>, for 1 ≤ right ≤ 31.</summary>
    /// <remarks>
    /// RoundingDivideByPOT(y, n) = (y + 2^(n−1) + (y ≫ 31)) ≫ n for n ≥ 1. The sum stays below 2^31 while |y| &lt; 2^30, which
    /// holds for every |x| &lt; 2^30: callers prove that bound of the accumulator.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int MultiplyAndShiftRight(int x, int multiplier, int right)
    {
        int high = unchecked((int)(((long)x * multiplier + (1L << 30)) >> 31));
        int half = 1 << (right - 1);
        return unchecked((high + half + (high >> 31)) >> right);
    }

    /// <summary>XNNPACK's requantisation: x · scale in single precision, with one rounding each for x and the product, then the nearest integer, ties to even.</summary>
    /// <param name="x">Any accumulator.</param>
    /// <param name="scale">2^-32 to 2^8.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int MultiplyAndRound(int x, float scale)
    {
        return RoundToEven((float)((float)x * scale));
    }

    /// <summary>The nearest integer, ties to even; what is beyond ±2^30 becomes that.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int RoundToEven(float x)
    {
        const float Limit = 1 << 30;
        return (int)System.Math.Round((double)(x < -Limit ? -Limit : x > Limit ? Limit : x));
    }

    /// <summary>MultiplyByQuantizedMultiplier of TFLite for accumulators of 64 bits: x · multiplier / 2^right, ties toward +∞.</summary>
    /// <param name="x">Below 2^47 in magnitude.</param>
    /// <param name="multiplier">Q0.15, 2^14 to 2^15 − 1, or 0: the upper half of a Q0.31 one, rounded.</param>
    /// <param name="right">15 less TFLite's shift: 8 to 46.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int MultiplyByReducedMultiplier(long x, int multiplier, int right)
    {
        return unchecked((int)((x * multiplier + (1L << (right - 1))) >> right));
    }

    /// <summary>The number clamped to low … high.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Clamp(int x, int low, int high)
    {
        return x < low ? low : x > high ? high : x;
    }

    /// <summary>SaturatingRoundingMultiplyByPOT of gemmlowp: x · 2^exponent, saturated above and rounded below 0.</summary>
    public static int SaturatingRoundingMultiplyByPowerOfTwo(int x, int exponent)
    {
        if (exponent == 0) return x;
        if (exponent < 0) return RoundingDivideByPowerOfTwo(x, -exponent);

        int limit = (int)((1L << (31 - exponent)) - 1);
        return x > limit ? int.MaxValue : x < -limit ? int.MinValue : x << exponent;
    }

    /// <summary>exp_on_negative_values of gemmlowp: e^a for a ≤ 0.</summary>
    /// <param name="a">The exponent in Q<paramref name="integerBits"/>, at most 0.</param>
    /// <param name="integerBits">4 to 6.</param>
    /// <returns>The power in Q0.</returns>
    public static int ExpOnNegativeValues(int a, int integerBits)
    {
        if (a == 0) return int.MaxValue;

        // a = (a part in [-1/4, 0)) - (a sum of powers of two from 1/4 on); the powers' exponentials are constants.
        int quarter = 1 << (29 - integerBits);
        int remainderOfQuarter = (a & (quarter - 1)) - quarter;
        int power = ExpOnQuarter(SaturatingRoundingMultiplyByPowerOfTwo(remainderOfQuarter, integerBits));
        int rest = unchecked(remainderOfQuarter - a);
        for (int exponent = -2; exponent <= 4 && exponent < integerBits; exponent++)
        {
            if ((rest & (1 << (31 - integerBits + exponent))) == 0) continue;
            int factor = exponent switch
            {
                -2 => 1672461947, // exp(-1/4)
                -1 => 1302514674, // exp(-1/2)
                0 => 790015084,   // exp(-1)
                1 => 290630308,   // exp(-2)
                2 => 39332535,    // exp(-4)
                3 => 720401,      // exp(-8)
                _ => 242,         // exp(-16)
            };
            power = SaturatingRoundingDoublingHighMul(power, factor);
        }

        return integerBits > 5 && a < -(1 << (36 - integerBits)) ? 0 : power;
    }

    // e^a for a in [-1/4, 0), Q0: a Taylor polynomial around -1/8.
    private static int ExpOnQuarter(int a)
    {
        int x = unchecked(a + (1 << 28));
        int x2 = SaturatingRoundingDoublingHighMul(x, x);
        int x3 = SaturatingRoundingDoublingHighMul(x2, x);
        int x4 = SaturatingRoundingDoublingHighMul(x2, x2);
        int x4Over4 = RoundingDivideByPowerOfTwo(x4, 2);
        int tail = RoundingDivideByPowerOfTwo(SaturatingRoundingDoublingHighMul(x4Over4 + x3, 715827883) + x2, 1);
        return 1895147668 + SaturatingRoundingDoublingHighMul(1895147668, x + tail); // 1895147668 = exp(-1/8)
    }

    /// <summary>one_over_one_plus_x_for_x_in_0_1 of gemmlowp: 1 / (1 + a), both in Q0.</summary>
    public static int OneOverOnePlus(int a)
    {
        return SaturatingRoundingMultiplyByPowerOfTwo(TwoOverOnePlus(a), 1);
    }

    /// <summary>one_minus_x_over_one_plus_x_for_x_in_0_1 of gemmlowp: (1 − a) / (1 + a), both in Q0.</summary>
    public static int OneMinusOverOnePlus(int a)
    {
        return SaturatingRoundingMultiplyByPowerOfTwo(TwoOverOnePlus(a) - (1 << 29), 2);
    }

    // 2 / (1 + a) in Q2 by three Newton-Raphson steps.
    private static int TwoOverOnePlus(int a)
    {
        long sum = (long)a + int.MaxValue;
        int half = (int)((sum + (sum >= 0 ? 1 : -1)) / 2);
        int x = 1515870810 + SaturatingRoundingDoublingHighMul(half, -1010580540); // 48/17 - 32/17 half
        for (int step = 0; step < 3; step++)
        {
            int error = (1 << 29) - SaturatingRoundingDoublingHighMul(half, x);
            x += SaturatingRoundingMultiplyByPowerOfTwo(SaturatingRoundingDoublingHighMul(x, error), 2);
        }

        return x;
    }

    /// <summary>logistic of gemmlowp: 1 / (1 + e^−a).</summary>
    /// <param name="a">The argument in Q4.</param>
    /// <returns>The value in Q0.</returns>
    public static int Logistic(int a)
    {
        if (a == 0) return 1 << 30;
        int positive = OneOverOnePlus(ExpOnNegativeValues(a > 0 ? -a : a, 4));
        return a > 0 ? positive : int.MaxValue - positive;
    }

    /// <summary>tanh of gemmlowp.</summary>
    /// <param name="a">The argument in Q4.</param>
    /// <returns>The value in Q0.</returns>
    public static int Tanh(int a)
    {
        if (a == 0) return 0;

        // e^-2|a|: the same bits read with one integer bit more.
        int positive = OneMinusOverOnePlus(ExpOnNegativeValues(a > 0 ? -a : a, 5));
        return a > 0 ? positive : -positive;
    }

    /// <summary>logistic of gemmlowp on 16 bits, which TFLite's LSTM has: 1 / (1 + e^−a).</summary>
    /// <param name="a">The argument in Q3 of 16 bits: 12 fraction bits.</param>
    /// <returns>The value in Q0 of 16 bits: 15 fraction bits.</returns>
    public static int LogisticOfInt16(int a)
    {
        if (a == 0) return 1 << 14;
        int positive = ShiftLeft16(TwoOverOnePlus16(ExpOnNegativeValues16(a > 0 ? -a : a, 3)), 1);
        return a > 0 ? positive : short.MaxValue - positive;
    }

    /// <summary>tanh of gemmlowp on 16 bits, which TFLite's LSTM has.</summary>
    /// <param name="a">The argument in Q<paramref name="integerBits"/> of 16 bits.</param>
    /// <param name="integerBits">0 to 6.</param>
    /// <returns>The value in Q0 of 16 bits: 15 fraction bits.</returns>
    public static int TanhOfInt16(int a, int integerBits)
    {
        if (a == 0) return 0;

        // e^-2|a|: the same bits read with one integer bit more. (1 − e) / (1 + e) = 2 / (1 + e) − 1.
        int positive = ShiftLeft16(TwoOverOnePlus16(ExpOnNegativeValues16(a > 0 ? -a : a, integerBits + 1)) - (1 << 13), 2);
        return a > 0 ? positive : -positive;
    }

    // e^a for a < 0, as ExpOnNegativeValues: the constants are its own, rounded to 16 bits.
    private static int ExpOnNegativeValues16(int a, int integerBits)
    {
        int quarter = 1 << (13 - integerBits);
        int remainderOfQuarter = (a & (quarter - 1)) - quarter;
        int power = ExpOnQuarter16(remainderOfQuarter << integerBits);
        int rest = remainderOfQuarter - a;
        for (int exponent = -2; exponent <= 4 && exponent < integerBits; exponent++)
        {
            if ((rest & (1 << (15 - integerBits + exponent))) == 0) continue;
            int factor = exponent switch { -2 => 25520, -1 => 19875, 0 => 12055, 1 => 4435, 2 => 600, 3 => 11, _ => 0 };
            power = HighMul16(power, factor);
        }

        return integerBits > 5 && a < -(1 << (20 - integerBits)) ? 0 : power;
    }

    // e^a for a in [-1/4, 0), Q0, as ExpOnQuarter, but that the sum saturates.
    private static int ExpOnQuarter16(int a)
    {
        int x = a + (1 << 12);
        int x2 = HighMul16(x, x);
        int x3 = HighMul16(x2, x);
        int x4 = HighMul16(x2, x2);
        int tail = RoundingDivideByPowerOfTwo(HighMul16(RoundingDivideByPowerOfTwo(x4, 2) + x3, 10923) + x2, 1);
        int power = 28918 + HighMul16(28918, x + tail); // 28918 = exp(-1/8)
        return power > short.MaxValue ? short.MaxValue : power;
    }

    // 2 / (1 + a) in Q2 by three Newton-Raphson steps, for a from 0 to 1.
    private static int TwoOverOnePlus16(int a)
    {
        int half = (a + short.MaxValue + 1) >> 1;
        int x = 23130 + HighMul16(half, -15420); // 48/17 - 32/17 half
        for (int step = 0; step < 3; step++)
        {
            int error = (1 << 13) - HighMul16(half, x);
            x += ShiftLeft16(HighMul16(x, error), 2);
        }

        return x;
    }

    // SaturatingRoundingDoublingHighMul of 16 bits; never are both factors −2^15 here.
    private static int HighMul16(int a, int b) => ((a * b) + (1 << 14)) >> 15;

    private static int ShiftLeft16(int x, int exponent)
    {
        int limit = (1 << (15 - exponent)) - 1;
        return x > limit ? short.MaxValue : x < -limit ? short.MinValue : x << exponent;
    }

    /// <summary>LOGISTIC of TFLite on int16: 1 / (1 + e^−x) between the points of a table.</summary>
    /// <param name="q">The stored argument.</param>
    /// <param name="multiplier">With <paramref name="shift"/> the scale of the argument in units of 1 / (3 · 2^12).</param>
    /// <param name="shift">0 to 31.</param>
    /// <returns>The value in Q0.15.</returns>
    public static int Logistic16(int q, int multiplier, int shift)
    {
        int scaled = Scale16(q, multiplier, shift), magnitude = scaled < 0 ? -scaled : scaled, index = magnitude >> 9;
        int value = index >= 255 ? 0x7FFF << 10 : (Sigmoid[index] << 9) + ((magnitude & 0x1FF) * (Sigmoid[index + 1] - Sigmoid[index]));
        return scaled >= 0 ? (value + (1 << 9)) >> 10 : ((1 << 25) - value + (1 << 9) - 1) >> 10;
    }

    /// <summary>TANH of TFLite on int16, by the same table as <see cref="Logistic16"/>.</summary>
    /// <param name="q">The stored argument.</param>
    /// <param name="multiplier">With <paramref name="shift"/> the scale of the argument in units of 1 / (3 · 2^12).</param>
    /// <param name="shift">0 to 31.</param>
    /// <returns>The value in Q0.15.</returns>
    public static int Tanh16(int q, int multiplier, int shift)
    {
        int scaled = Scale16(q, multiplier, shift), magnitude = scaled < 0 ? -scaled : scaled, index = magnitude >> 8;
        int value = index >= 255 ? 0xFFFF << 8 : (Sigmoid[index] << 8) + ((magnitude & 0xFF) * (Sigmoid[index + 1] - Sigmoid[index]));
        return scaled >= 0 ? (value - (1 << 23) + (1 << 7)) >> 8 : (-value + (1 << 23) + (1 << 7) - 1) >> 8;
    }

    private static int Scale16(int q, int multiplier, int shift) => unchecked((q * multiplier) + (shift > 0 ? 1 << (shift - 1) : 0)) >> shift;

    // sigmoid_table_uint16 of TFLite: 1 / (1 + e^-x) for x = 0, 1/24, 2/24 ..., as fractions of 2^16.
#if ETCH_COMPILER
    private static readonly ushort[] Sigmoid =
#else
    private static System.ReadOnlySpan<ushort> Sigmoid =>
#endif
    [
        32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149, 40794, 41432, 42064, 42688,
        43304, 43912, 44511, 45102, 45683, 46255, 46817, 47369, 47911, 48443, 48964, 49475, 49975, 50464, 50942, 51409,
        51865, 52311, 52745, 53169, 53581, 53983, 54374, 54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433,
        57724, 58007, 58280, 58544, 58800, 59048, 59288, 59519, 59743, 59959, 60168, 60370, 60565, 60753, 60935, 61110,
        61279, 61441, 61599, 61750, 61896, 62036, 62172, 62302, 62428, 62549, 62666, 62778, 62886, 62990, 63090, 63186,
        63279, 63368, 63454, 63536, 63615, 63691, 63765, 63835, 63903, 63968, 64030, 64090, 64148, 64204, 64257, 64308,
        64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652, 64687, 64721, 64754, 64786, 64816, 64845, 64873, 64900,
        64926, 64950, 64974, 64997, 65019, 65039, 65060, 65079, 65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208,
        65221, 65234, 65246, 65258, 65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360, 65367,
        65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425, 65429, 65433, 65438, 65442, 65445, 65449,
        65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474, 65476, 65479, 65481, 65483, 65485, 65488, 65489, 65491,
        65493, 65495, 65497, 65498, 65500, 65501, 65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511, 65512, 65513,
        65514, 65515, 65516, 65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522, 65523, 65523, 65524, 65524,
        65525, 65525, 65526, 65526, 65526, 65527, 65527, 65528, 65528, 65528, 65529, 65529, 65529, 65529, 65530, 65530,
        65530, 65530, 65531, 65531, 65531, 65531, 65531, 65532, 65532, 65532, 65532, 65532, 65532, 65533, 65533, 65533,
        65533, 65533, 65533, 65533, 65533, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65535,
    ];

    /// <summary>GetReciprocal of TFLite: 1 / x as a Q0 number and the binary exponent that goes with it.</summary>
    /// <param name="x">A sum in Q<paramref name="integerBits"/>, above 0.</param>
    /// <param name="integerBits">12 in SOFTMAX.</param>
    /// <param name="exponent">1 / x = result · 2^−exponent.</param>
    public static int Reciprocal(int x, int integerBits, out int exponent)
    {
        int zeros = LeadingZeros(x);
        exponent = integerBits - zeros;
        return OneOverOnePlus(unchecked((int)(((uint)x << zeros) - 0x80000000u)));
    }

    /// <summary>The quotient of DIV: a / b · multiplier / 2^31 · 2^shift by <see cref="Reciprocal"/>; reference/div.h of TFLite.</summary>
    /// <remarks>What TFLite leaves undefined: b = 0 gives the largest or smallest number after a's sign (0 for a = 0), and a
    /// quotient that would be shifted right by more than 31 bits is 0.</remarks>
    /// <param name="a">The dividend, at most 255 in magnitude.</param>
    /// <param name="b">The divisor, at most 255 in magnitude.</param>
    /// <param name="multiplier">Q0.31, 2^30 to 2^31 − 1, or 0.</param>
    /// <param name="shift">At most 23.</param>
    public static int Quotient(int a, int b, int multiplier, int shift)
    {
        if (b == 0) return a > 0 ? int.MaxValue / 2 : a < 0 ? int.MinValue / 2 : 0;
        if (b < 0)
        {
            a = -a;
            b = -b;
        }

        int reciprocal = Reciprocal(b, 31, out int exponent);
        int headroom = LeadingZeros(a < 0 ? ~a : a) - 1;
        int right = exponent + headroom - shift;
        int quotient = SaturatingRoundingDoublingHighMul(a << headroom, reciprocal);
        return right > 31 ? 0 : RoundingDivideByPowerOfTwo(SaturatingRoundingDoublingHighMul(quotient, multiplier), right);
    }

    /// <summary>GetInvSqrtQuantizedMultiplierExp of TFLite: 1 / √x as a multiplier and a shift, by five Newton-Raphson steps.</summary>
    /// <param name="x">Any integer; what is below 1 counts as 1.</param>
    /// <param name="shift">The shift, at most 0, that goes with the multiplier, as <see cref="MultiplyByQuantizedMultiplier"/> takes it.</param>
    /// <returns>The multiplier in Q0.</returns>
    public static int InverseSquareRoot(int x, out int shift)
    {
        shift = 0;
        if (x <= 1) return int.MaxValue;

        // x = number · 4^(right − 11) with number in Q3 from 1/2 to 2; division by 4 truncates.
        int right = 11;
        for (; x >= 1 << 29; x /= 4) right++;
        int pairs = ((LeadingZeros(x) - 1) / 2) - 1;
        right -= pairs;
        int half = RoundingDivideByPowerOfTwo((x << (2 * pairs)) >> 1, 1);
        const int ThreeHalves = (1 << 28) + (1 << 27); // 1.5 in Q3
        int root = 1 << 28;
        for (int step = 0; step < 5; step++)
        {
            // Products of three numbers in Q3 are in Q9, those of two in Q6.
            int square = SaturatingRoundingDoublingHighMul(root, root);
            int cube = SaturatingRoundingMultiplyByPowerOfTwo(SaturatingRoundingDoublingHighMul(square, root), 6);
            int next = SaturatingRoundingDoublingHighMul(ThreeHalves, root) - SaturatingRoundingDoublingHighMul(half, cube);
            root = SaturatingRoundingMultiplyByPowerOfTwo(next, 3);
        }

        int result = SaturatingRoundingDoublingHighMul(root, 1518500250); // sqrt(1/2)
        if (right < 0) return result << -right;
        shift = -right;
        return result;
    }

    /// <summary>log_x_for_x_greater_than_or_equal_to_1 of TFLite: the natural logarithm.</summary>
    /// <param name="x">A number in Q12, at least 1 (2^19).</param>
    /// <returns>The logarithm in Q5.</returns>
    public static int Log(int x)
    {
        const int SqrtHalf = 1518500250;
        const int SqrtSqrtHalf = 1805811301;
        const int Quarter = 1 << 23; // in Q6

        // x = r · 2^z with r around sqrt(sqrt(1/2)), z in Q6 a quarter beside an integer: the better of two candidates.
        int zeros = LeadingZeros(x);
        int scaledA = SaturatingRoundingDoublingHighMul(SaturatingRoundingMultiplyByPowerOfTwo(x, zeros - 1), SqrtHalf);
        int candidateA = SaturatingRoundingMultiplyByPowerOfTwo(scaledA, 1);
        int powerA = SaturatingRoundingMultiplyByPowerOfTwo(12 - zeros, 25) + Quarter;
        int headroom = LeadingZeros(SaturatingRoundingDoublingHighMul(x, SqrtHalf)) - 1;
        int candidateB = SaturatingRoundingMultiplyByPowerOfTwo(x, headroom);
        int powerB = SaturatingRoundingMultiplyByPowerOfTwo(12 - headroom, 25) - Quarter;
        int r = candidateA < candidateB ? candidateA : candidateB;
        int z = powerA > powerB ? powerA : powerB;

        // log r as a quotient of polynomials in q = 2 (r − sqrt(sqrt(1/2))).
        long sum = (long)r + SqrtSqrtHalf;
        int p = (int)((sum + (sum >= 0 ? 1 : -1)) / 2);
        int q = unchecked((r - SqrtSqrtHalf) * 2);
        int q2 = SaturatingRoundingDoublingHighMul(q, q);
        int cubic = SaturatingRoundingDoublingHighMul(SaturatingRoundingDoublingHighMul(q, q2), 117049297);
        int numerator = unchecked(SaturatingRoundingDoublingHighMul(q, r) + cubic);
        int inner = unchecked(1057819769 + q + SaturatingRoundingDoublingHighMul(127690142, q2));
        int denominator = unchecked(SaturatingRoundingDoublingHighMul(p, inner) + SaturatingRoundingDoublingHighMul(638450708, q));
        int reciprocal = OneOverOnePlus(denominator);
        int scaled = RoundingDivideByPowerOfTwo(numerator, 6);
        int log = unchecked(SaturatingRoundingDoublingHighMul(z, 1488522236) + SaturatingRoundingDoublingHighMul(scaled, reciprocal));
        return SaturatingRoundingMultiplyByPowerOfTwo(log, 1);
    }

    /// <summary>The zero bits above the highest one; 32 for 0.</summary>
    public static int LeadingZeros(int x)
    {
        // Halves the bits in which the highest one lies. Emitted code calls nothing of .NET for that: see what SubsetTests allow.
        uint rest = unchecked((uint)x);
        if (rest == 0) return 32;
        int zeros = 0;
        for (int half = 16; half > 0; half >>= 1)
        {
            if (rest >> (32 - half) != 0) continue;
            zeros += half;
            rest <<= half;
        }

        return zeros;
    }
}
