using System;
using System.Numerics;
using CsCheck;
using Etch.Ir;

namespace Etch.Tests;

/// <summary>The fixed-point arithmetic against exact integers and real numbers.</summary>
public sealed class FixedPointTests
{
    private const int MostExact = (1 << 30) - 1;
    private const int Iterations = 200_000;
    private static readonly string Seed = new PCG(1, Draw.Seed).ToString();

    private static readonly Gen<int> Any = Gen.Frequency(
        (8, Gen.Int), (2, Gen.Int[-1000, 1000]),
        (2, Among(int.MinValue, int.MinValue + 1, -1, 0, 1, 1 << 30, -(1 << 30), int.MaxValue - 1, int.MaxValue)));

    private static readonly Gen<int> Multiplier = Gen.OneOf(Gen.Int[1 << 30, int.MaxValue], Among(1 << 30, int.MaxValue, 0));

    [Fact]
    public void HighMul_is_the_product_over_2_31_with_ties_upwards() => Gen.Select(Any, Any).Sample(
        (a, b) =>
        {
            BigInteger exact = Floor((2 * (BigInteger)a * b) + ((BigInteger)1 << 31), 32);
            Assert.Equal(BigInteger.Min(exact, int.MaxValue), FixedPoint.SaturatingRoundingDoublingHighMul(a, b));
        }, seed: Seed, iter: Iterations);

    [Fact]
    public void Division_by_a_power_of_two_rounds_ties_away_from_zero() => Gen.Select(Any, Gen.Int[0, 31]).Sample(
        (x, exponent) => Assert.Equal(AwayFromZero(x, exponent), FixedPoint.RoundingDivideByPowerOfTwo(x, exponent)), seed: Seed, iter: Iterations);

    [Fact]
    public void Requantisation_rounds_twice() => Gen.Select(Gen.Int[-(1 << 20), 1 << 20], Multiplier, Gen.Int[-31, 10]).Sample(
        (x, multiplier, shift) =>
        {
            BigInteger product = (((BigInteger)x << Math.Max(shift, 0)) * multiplier) + (1 << 30);
            Assert.Equal(AwayFromZero(Floor(product, 31), Math.Max(-shift, 0)), FixedPoint.MultiplyByQuantizedMultiplier(x, multiplier, shift));
        }, seed: Seed, iter: Iterations);

    [Fact]
    public void The_shorter_requantisation_is_the_same_below_2_30() => Gen.Select(
        Gen.OneOf(Gen.Int[-MostExact, MostExact], Among(-MostExact, MostExact, 0, -1, 1)), Multiplier, Gen.Int[1, 31]).Sample(
        (x, multiplier, right) => Assert.Equal(
            FixedPoint.MultiplyByQuantizedMultiplier(x, multiplier, -right), FixedPoint.MultiplyAndShiftRight(x, multiplier, right)),
        seed: Seed, iter: Iterations);

    // The fraction bits of argument and value are what limits them: gemmlowp's 16 bits lose about three of fifteen.
    [Fact]
    public void Functions_of_16_bits_are_near_the_real_ones()
    {
        double logistic = 0, tanh = 0;
        for (int a = short.MinValue; a <= short.MaxValue; a++)
        {
            logistic = Math.Max(logistic, Math.Abs(FixedPoint.LogisticOfInt16(a) - (32768 / (1 + Math.Exp(-a / 4096.0)))));
            for (int bits = 0; bits <= 6; bits++)
            {
                tanh = Math.Max(tanh, Math.Abs(FixedPoint.TanhOfInt16(a, bits) - (32768 * Math.Tanh(Math.ScaleB(a, bits - 15)))));
            }
        }

        Assert.InRange(logistic, 0, 7);
        Assert.InRange(tanh, 0, 13);
    }

    [Fact]
    public void A_multiplier_is_the_nearest_of_31_bits() => Gen.Double[-40, 40].Sample(
        exponent =>
        {
            double factor = Math.Pow(2, exponent);
            Multiplier m = Ir.Multiplier.Of(factor);
            if (m == default) Assert.True(factor < Math.Pow(2, -32));
            else Assert.InRange(Math.Abs((m.Value * Math.Pow(2, m.Shift - 31)) - factor), 0, Math.Pow(2, m.Shift - 32));
            Assert.True(m == default || m.Value >= 1 << 30);
        }, seed: Seed, iter: Iterations);

    [Fact]
    public void Frexp_takes_numbers_apart() => Gen.Double.Where(d => double.IsFinite(d) && d != 0).Sample(
        d =>
        {
            double fraction = Ir.Multiplier.Frexp(d, out int exponent);
            Assert.InRange(Math.Abs(fraction), 0.5, Math.BitDecrement(1));

            // In two steps: the power alone may leave the range of double.
            Assert.Equal(d, Math.ScaleB(Math.ScaleB(fraction, exponent / 2), exponent - (exponent / 2)));
        }, seed: Seed, iter: Iterations);

    [Fact]
    public void Saturating_multiplication_saturates() => Gen.Select(Any, Gen.Int[-31, 30]).Sample(
        (x, exponent) =>
        {
            // gemmlowp saturates from -(2^(31-n) - 1) downwards, one before the last number that would fit.
            BigInteger exact = exponent < 0 ? AwayFromZero(x, -exponent) : (BigInteger)x << exponent;
            BigInteger limit = exponent <= 0 ? (BigInteger)1 << 40 : ((BigInteger)1 << (31 - exponent)) - 1;
            BigInteger expected = x > limit ? int.MaxValue : x < -limit ? int.MinValue : exact;
            Assert.Equal(expected, FixedPoint.SaturatingRoundingMultiplyByPowerOfTwo(x, exponent));
        }, seed: Seed, iter: Iterations);

    [Fact]
    public void Exponential_logistic_and_hyperbolic_tangent_are_close_to_the_real_ones() => Any.Sample(
        bits =>
        {
            double a = bits / Math.Pow(2, 27), negative = bits > 0 ? -a : a;
            int argument = bits > 0 ? -bits : bits;
            Assert.InRange(Real(FixedPoint.ExpOnNegativeValues(argument, 4)) - Math.Exp(negative), -1e-6, 1e-6);
            if (bits == int.MinValue) return;
            Assert.InRange(Real(FixedPoint.Logistic(bits)) - (1 / (1 + Math.Exp(-a))), -1e-6, 1e-6);
            Assert.InRange(Real(FixedPoint.Tanh(bits)) - Math.Tanh(a), -1e-6, 1e-6);
        }, seed: Seed, iter: Iterations);

    [Fact]
    public void Reciprocals_are_close_to_the_real_ones() => Gen.Int[1 << 10, int.MaxValue].Sample(
        x =>
        {
            int fraction = FixedPoint.Reciprocal(x, 12, out int exponent);
            double product = Real(fraction) * Math.Pow(2, -exponent) * (x / Math.Pow(2, 19));
            Assert.InRange(product, 1 - 1e-6, 1 + 1e-6);
        }, seed: Seed, iter: Iterations);

    [Fact]
    public void Leading_zeros_are_counted() => Any.Sample(
        x => Assert.Equal(BitOperations.LeadingZeroCount(unchecked((uint)x)), FixedPoint.LeadingZeros(x)), seed: Seed, iter: Iterations);

    [Fact]
    public void Rounding_is_that_of_C() => Gen.Frequency((1, Gen.Double[-1e6, 1e6]), (1, Gen.Int[-999, 999].Select(n => n / 2.0))).Sample(
        x => Assert.Equal(Math.Round(x, MidpointRounding.AwayFromZero), Quantize.Round(x)), seed: Seed, iter: Iterations);

    private static Gen<int> Among(params int[] numbers) => Gen.Int[0, numbers.Length - 1].Select(i => numbers[i]);

    private static double Real(int q0) => q0 / 2147483648.0;

    private static BigInteger Floor(BigInteger x, int exponent) => x >> exponent;

    private static BigInteger AwayFromZero(BigInteger x, int exponent)
    {
        if (exponent == 0) return x;
        BigInteger magnitude = (BigInteger.Abs(x) + ((BigInteger)1 << (exponent - 1))) >> exponent;
        return x < 0 ? -magnitude : magnitude;
    }
}
