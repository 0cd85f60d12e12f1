using Etch.Ir;
using Etch.Ops;

namespace Etch.Tests;

/// <summary>Sums that one linear form gives for all inputs: found for most scales, and right for every pair.</summary>
public sealed class LinearSumTests
{
    [Fact]
    public void A_form_gives_every_result()
    {
        int found = 0;
        for (uint seed = 0; seed < 80; seed++)
        {
            var draw = new Draw(seed);

            // Equal scales now and then, and outputs of twice the scale: halves, which round away from 0.
            double scale1 = draw.Scale(), scale2 = draw.Chance(3) ? scale1 : draw.Scale(), larger = System.Math.Max(scale1, scale2);
            double output = draw.Chance(3) ? 2 * larger : larger * draw.Int(3, 40) / 10;
            int sign = draw.Of(1, -1), zeroPoint1 = draw.ZeroPoint(), zeroPoint2 = draw.ZeroPoint(), zeroPoint = draw.ZeroPoint();
            Multiplier first = Multiplier.Of(scale1 / (2 * larger)), second = Multiplier.Of(scale2 / (2 * larger)), sum = Multiplier.Of(2 * larger / ((1 << 20) * output));

            // RELU where it leaves more than one value.
            (int Min, int Max) range = draw.Of((-128, 127), (System.Math.Min(zeroPoint, 100), 127));
            int Stored(int a, int b)
            {
                int scaled = first.Apply((a - zeroPoint1) << 20) + (sign * second.Apply((b - zeroPoint2) << 20));
                return FixedPoint.Clamp(sum.Apply(scaled) + zeroPoint, range.Min, range.Max);
            }

            LinearSum? linear = LinearSum.Of(scale1 / output, sign * scale2 / output, range, Stored);
            if (linear is null) continue;
            found++;
            for (int a = -128; a < 128; a++)
            for (int b = -128; b < 128; b++)
            {
                long value = ((linear.Factor1 * (long)a) + (linear.Factor2 * (long)b) + linear.Offset) >> linear.Shift;
                Assert.True(FixedPoint.Clamp((int)value, range.Min, range.Max) == Stored(a, b), $"seed {seed}: {a}, {b}");
            }
        }

        Assert.InRange(found, 66, 80);
    }

    [Fact]
    public void What_is_not_linear_has_no_form() => Assert.Null(LinearSum.Of(1, 1, (-128, 127), (a, b) => FixedPoint.Clamp(a * b, -128, 127)));
}
