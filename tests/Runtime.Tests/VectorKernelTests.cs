using System;
using System.Linq;
using Xunit;

namespace Etch.Tests;

/// <summary>The vector kernels against the plain sums, on shapes that reach every block width, tile and remainder.</summary>
/// <remarks>One run tests the widest instruction set of the machine; the test command repeats it with AVX-512 and with AVX2 switched off.</remarks>
public sealed class VectorKernelTests
{
    [Theory]
    [InlineData(1, 1, 1, 1, 1, 1, 1)]
    [InlineData(5, 4, 1, 3, 3, 2, 8)]
    [InlineData(6, 25, 3, 3, 3, 16, 24)]
    [InlineData(3, 30, 2, 3, 3, 16, 16)]
    [InlineData(2, 5, 7, 5, 3, 9, 40)]
    [InlineData(4, 3, 640, 1, 1, 12, 12)]
    [InlineData(1, 1, 1001, 1, 1, 25, 25)]
    [InlineData(5, 5, 64, 1, 1, 64, 64)]
    [InlineData(29, 1, 6, 5, 1, 9, 9)]
    [InlineData(29, 1, 3, 5, 1, 9, 20)]
    [InlineData(2, 1, 3, 5, 1, 3, 8)]
    [InlineData(2, 2, 3, 5, 3, 3, 17)]
    [InlineData(9, 9, 1, 10, 4, 20, 17)]
    [InlineData(40, 3, 1, 10, 4, 24, 17)]
    [InlineData(31, 5, 3, 3, 3, 16, 7)]
    [InlineData(3, 700, 20, 3, 3, 8, 8)]
    [InlineData(40, 60, 8, 3, 3, 5, 11)]
    [InlineData(20, 2, 3, 3, 3, 4, 4)]
    [InlineData(1, 1, 132, 1, 1, 20, 33)]
    [InlineData(30, 1, 8, 4, 1, 48, 7)]
    [InlineData(3, 3, 32, 1, 1, 16, 5)]
    [InlineData(2, 90, 24, 1, 1, 16, 8)]
    [InlineData(6, 13, 16, 1, 1, 40, 24)]
    public void Convolutions_are_the_plain_sums(int height, int width, int inputs, int filterHeight, int filterWidth, int channels, int lessChannels)
    {
        if (!VectorKernels.IsSupported) return;
        for (int seed = 0; seed < 24; seed++)
        {
            var random = new Random(seed);
            int outputs = seed % 2 == 0 ? channels : lessChannels;
            Geometry g = Geometry.Draw(random, height, width, inputs, filterHeight, filterWidth);
            sbyte[] input = Bytes(random, g.InputRows * width * inputs);
            bool isOfBytes = filterWidth * inputs % 4 == 0 && seed % 3 > 0;
            int count = outputs * filterHeight * filterWidth * inputs;
            sbyte[] weights = isOfBytes ? Pairs(random, count, unsafeOf: seed % 3 == 1 ? 40 : 1000) : Bytes(random, count), safe = isOfBytes ? Safe(weights, outputs) : [];
            var layer = new Layer(random, outputs, isOne: seed % 4 == 0);
            int[] byteBias = isOfBytes ? LessSums(layer.Bias, weights, outputs) : [];
            sbyte outside = (sbyte)random.Next(-128, 128);

            sbyte[] expected = new sbyte[g.OutputRows * g.Shape.OutputWidth * outputs];
            int Sum(int y, int x, int c)
            {
                int acc = layer.Bias[c];
                for (int ky = 0; ky < filterHeight; ky++)
                for (int kx = 0; kx < filterWidth; kx++)
                for (int i = 0; i < inputs; i++) acc += g.At(input, y, x, ky, kx, i, outside) * weights[(((((c * filterHeight) + ky) * filterWidth) + kx) * inputs) + i];
                return acc;
            }

            g.Expect(expected, outputs, (y, x, c) => layer.Store(Sum(y, x, c), c));

            sbyte[] actual = new sbyte[expected.Length];
            VectorKernels.Convolve(
                input, g.InputTop, actual, g.RowBegin, g.RowEnd, g.Shape, outside, outputs, Pack(weights, outputs, filterHeight, filterWidth * inputs),
                layer.Bias, layer.Multiplier, layer.Right, layer.ZeroPoint, layer.Min, layer.Max);
            Assert.Equal(expected, actual);
            if (isOfBytes)
            {
                VectorKernels.ConvolveBytes(
                    input, g.InputTop, actual, g.RowBegin, g.RowEnd, g.Shape, outside, outputs, Pack(weights, outputs, filterHeight, filterWidth * inputs), byteBias, safe,
                    layer.Bias, layer.Multiplier, layer.Right, layer.ZeroPoint, layer.Min, layer.Max);
                Assert.Equal(expected, actual);
            }

            g.Expect(expected, outputs, (y, x, c) => layer.StoreShifted(Sum(y, x, c), c));
            VectorKernels.Convolve(
                input, g.InputTop, actual, g.RowBegin, g.RowEnd, g.Shape, outside, outputs, Pack(weights, outputs, filterHeight, filterWidth * inputs),
                layer.Bias, layer.Multiplier, layer.Shift, layer.ZeroPoint, layer.Min, layer.Max, hasLeft: true);
            Assert.Equal(expected, actual);
            if (isOfBytes)
            {
                VectorKernels.ConvolveBytes(
                    input, g.InputTop, actual, g.RowBegin, g.RowEnd, g.Shape, outside, outputs, Pack(weights, outputs, filterHeight, filterWidth * inputs), byteBias, safe,
                    layer.Bias, layer.Multiplier, layer.Shift, layer.ZeroPoint, layer.Min, layer.Max, hasLeft: true);
                Assert.Equal(expected, actual);
            }

            g.Expect(expected, outputs, (y, x, c) => layer.StoreSingle(Sum(y, x, c), c));
            VectorKernels.Convolve(
                input, g.InputTop, actual, g.RowBegin, g.RowEnd, g.Shape, outside, outputs, Pack(weights, outputs, filterHeight, filterWidth * inputs),
                layer.Bias, layer.Scale, layer.ZeroPoint, layer.Min, layer.Max);
            Assert.Equal(expected, actual);
            if (isOfBytes)
            {
                VectorKernels.ConvolveBytes(
                    input, g.InputTop, actual, g.RowBegin, g.RowEnd, g.Shape, outside, outputs, Pack(weights, outputs, filterHeight, filterWidth * inputs), byteBias, safe,
                    layer.Bias, layer.Scale, layer.ZeroPoint, layer.Min, layer.Max);
                Assert.Equal(expected, actual);
            }
        }
    }

    [Theory]
    [InlineData(8, 8, 16, 16, 12)]
    [InlineData(5, 7, 32, 32, 25)]
    [InlineData(9, 3, 48, 16, 9)]
    [InlineData(4, 40, 16, 48, 43)]
    [InlineData(13, 13, 64, 32, 16)]
    [InlineData(11, 35, 16, 16, 15)]
    [InlineData(33, 2, 16, 16, 8)]
    [InlineData(30, 1, 16, 16, 16)]
    [InlineData(1, 9, 16, 16, 16)]
    [InlineData(3, 3, 64, 16, 16)]
    [InlineData(6, 6, 80, 16, 20)]
    [InlineData(12, 12, 40, 40, 8)]
    [InlineData(7, 9, 18, 24, 3)]
    [InlineData(5, 6, 128, 33, 17)]
    [InlineData(5, 6, 130, 16, 16)]
    [InlineData(5, 6, 17, 16, 16)]
    public void Convolutions_by_Winograd_are_the_plain_sums(int height, int width, int inputs, int channels, int lessChannels)
    {
        if (!VectorKernels.IsSupported) return;
        for (int seed = 0; seed < 24; seed++)
        {
            var random = new Random(seed);
            int outputs = seed % 2 == 0 ? channels : lessChannels;
            Geometry g = Geometry.Draw(random, height, width, inputs, 3, 3, mostStride: 1);
            sbyte[] input = Bytes(random, g.InputRows * width * inputs), weights = Bytes(random, outputs * 9 * inputs);
            sbyte outside = (sbyte)random.Next(-128, 128);
            if (seed % 6 == 0)
            {
                // The largest sums.
                Array.Fill(input, outside = seed % 4 == 0 ? sbyte.MinValue : sbyte.MaxValue);
                Array.Fill(weights, seed % 12 == 0 ? sbyte.MinValue : sbyte.MaxValue);
            }

            sbyte[] filter = Pack(weights, outputs, 3, 3 * inputs);
            short[] transformed = Transform(weights, outputs, inputs);
            var layer = new Layer(random, outputs, isOne: seed % 4 == 0);
            sbyte[] expected = new sbyte[g.OutputRows * g.Shape.OutputWidth * outputs], actual = new sbyte[expected.Length];
            int Sum(int y, int x, int c)
            {
                int acc = layer.Bias[c];
                for (int ky = 0; ky < 3; ky++)
                for (int kx = 0; kx < 3; kx++)
                for (int i = 0; i < inputs; i++) acc += g.At(input, y, x, ky, kx, i, outside) * weights[(((((c * 3) + ky) * 3) + kx) * inputs) + i];
                return acc;
            }

            g.Expect(expected, outputs, (y, x, c) => layer.Store(Sum(y, x, c), c));

            VectorKernels.ConvolveWinograd(
                input, g.InputTop, actual, g.RowBegin, g.RowEnd, g.Shape, outside, outputs, filter, transformed,
                layer.Bias, layer.Multiplier, layer.Right, layer.ZeroPoint, layer.Min, layer.Max);
            Assert.Equal(expected, actual);

            g.Expect(expected, outputs, (y, x, c) => layer.StoreShifted(Sum(y, x, c), c));
            VectorKernels.ConvolveWinograd(
                input, g.InputTop, actual, g.RowBegin, g.RowEnd, g.Shape, outside, outputs, filter, transformed,
                layer.Bias, layer.Multiplier, layer.Shift, layer.ZeroPoint, layer.Min, layer.Max, hasLeft: true);
            Assert.Equal(expected, actual);

            g.Expect(expected, outputs, (y, x, c) => layer.StoreSingle(Sum(y, x, c), c));
            VectorKernels.ConvolveWinograd(
                input, g.InputTop, actual, g.RowBegin, g.RowEnd, g.Shape, outside, outputs, filter, transformed,
                layer.Bias, layer.Scale, layer.ZeroPoint, layer.Min, layer.Max);
            Assert.Equal(expected, actual);
        }
    }

    [Theory]
    [InlineData(5, 7, 3, 3, 8)]
    [InlineData(6, 6, 3, 3, 16)]
    [InlineData(4, 9, 3, 3, 32)]
    [InlineData(7, 11, 3, 3, 8)]
    [InlineData(6, 10, 5, 3, 8)]
    [InlineData(1, 9, 1, 5, 16)]
    [InlineData(5, 90, 5, 5, 16)]
    [InlineData(9, 5, 7, 1, 26)]
    [InlineData(7, 5, 5, 5, 63)]
    [InlineData(1, 9, 1, 7, 24)]
    [InlineData(1, 8, 1, 4, 40)]
    [InlineData(20, 1, 9, 1, 40)]
    [InlineData(20, 1, 9, 1, 33)]
    [InlineData(2, 1, 5, 1, 9)]
    [InlineData(2, 2, 5, 3, 35)]
    [InlineData(6, 6, 2, 2, 9)]
    [InlineData(6, 6, 4, 1, 17)]
    [InlineData(4, 260, 3, 3, 32)]
    [InlineData(3, 3, 1, 1, 33)]
    [InlineData(9, 11, 3, 3, 26)]
    [InlineData(6, 6, 3, 3, 15)]
    [InlineData(9, 12, 5, 5, 16)]
    [InlineData(5, 300, 3, 3, 16)]
    [InlineData(270, 65, 2, 1, 32)]
    public void Depthwise_convolutions_are_the_plain_sums(int height, int width, int filterHeight, int filterWidth, int channels)
    {
        if (!VectorKernels.IsSupported) return;
        for (int seed = 0; seed < 24; seed++)
        {
            var random = new Random(seed);
            Geometry g = Geometry.Draw(random, height, width, channels, filterHeight, filterWidth);
            sbyte[] input = Bytes(random, g.InputRows * width * channels);
            sbyte[] weights = Bytes(random, filterHeight * filterWidth * channels);
            var layer = new Layer(random, channels, isOne: seed % 4 == 0);
            sbyte outside = (sbyte)random.Next(-128, 128);

            sbyte[] expected = new sbyte[g.OutputRows * g.Shape.OutputWidth * channels];
            int Sum(int y, int x, int c)
            {
                int acc = layer.Bias[c];
                for (int ky = 0; ky < filterHeight; ky++)
                for (int kx = 0; kx < filterWidth; kx++) acc += g.At(input, y, x, ky, kx, c, outside) * weights[(((ky * filterWidth) + kx) * channels) + c];
                return acc;
            }

            g.Expect(expected, channels, (y, x, c) => layer.Store(Sum(y, x, c), c));

            sbyte[] actual = new sbyte[expected.Length];
            VectorKernels.ConvolveDepthwise(
                input, g.InputTop, actual, g.RowBegin, g.RowEnd, g.Shape, outside, weights,
                layer.Bias, layer.Multiplier, layer.Right, layer.ZeroPoint, layer.Min, layer.Max);
            Assert.Equal(expected, actual);

            g.Expect(expected, channels, (y, x, c) => layer.StoreShifted(Sum(y, x, c), c));
            VectorKernels.ConvolveDepthwise(
                input, g.InputTop, actual, g.RowBegin, g.RowEnd, g.Shape, outside, weights,
                layer.Bias, layer.Multiplier, layer.Shift, layer.ZeroPoint, layer.Min, layer.Max, hasLeft: true);
            Assert.Equal(expected, actual);

            g.Expect(expected, channels, (y, x, c) => layer.StoreSingle(Sum(y, x, c), c));
            VectorKernels.ConvolveDepthwise(
                input, g.InputTop, actual, g.RowBegin, g.RowEnd, g.Shape, outside, weights,
                layer.Bias, layer.Scale, layer.ZeroPoint, layer.Min, layer.Max);
            Assert.Equal(expected, actual);
        }
    }

    [Fact]
    public void Sums_and_differences_are_those_of_the_scalar_code()
    {
        if (!VectorKernels.IsSupported) return;
        for (int seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            ScaledTerm Term() => new(random.Next(-128, 128), random.Next(3) == 0 ? 1 << 30 : random.Next(1 << 30, int.MaxValue), random.Next(0, seed % 3 == 0 ? 32 : 9));
            ScaledTerm first = Term(), second = Term(), sum = Term() with { Right = random.Next(seed % 2 == 0 ? 16 : 0, 32) };
            int part = random.Next(0, 90);
            sbyte[] a = Bytes(random, part * (seed % 3 == 0 ? 3 : 1)), b = Bytes(random, part), expected = new sbyte[a.Length];
            bool isDifference = random.Next(2) == 0;
            int min = random.Next(-128, 0), max = random.Next(0, 128);
            static int Scale(int value, ScaledTerm term) => FixedPoint.MultiplyByQuantizedMultiplier(value, term.Multiplier, -term.Right);
            for (int i = 0; i < a.Length; i++)
            {
                int x = Scale((a[i] - first.ZeroPoint) << 20, first), y = Scale((b[i % part] - second.ZeroPoint) << 20, second);
                expected[i] = (sbyte)Math.Clamp(Scale(isDifference ? x - y : x + y, sum) + sum.ZeroPoint, min, max);
            }

            // In place, as the arena's plan has it.
            sbyte[] output = seed % 2 == 0 ? a : new sbyte[a.Length];
            VectorKernels.Add(a, b, output, first, second, sum, isDifference, min, max);
            Assert.Equal(expected, output);
        }
    }

    [Fact]
    public void Linear_sums_are_those_of_64_bits()
    {
        if (!VectorKernels.IsSupported) return;
        for (int seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            int shift = random.Next(15, 38), most = (1 << 30) - 1, min = random.Next(-128, 0), max = random.Next(0, 128);
            int Factor() => random.Next(4) == 0 ? (random.Next(2) == 0 ? most : -most) : random.Next(-most, most) >> random.Next(0, 12);
            int factor1 = Factor(), factor2 = Factor();
            long offset = (random.Next(-128, 128) * ((1L << shift) + factor1)) + (1L << (shift - 1));
            int part = random.Next(0, 130), parts = seed % 3 == 0 ? 3 : 1;
            sbyte[] a = Bytes(random, part * parts), b = Bytes(random, part);
            sbyte[] expected = [.. a.Select((x, i) => (sbyte)Math.Clamp(((factor1 * (long)x) + (factor2 * (long)b[i % part]) + offset) >> shift, min, max))];

            // In place, as the arena's plan has it.
            sbyte[] output = seed % 2 == 0 ? (parts == 1 ? b : a) : new sbyte[a.Length];
            VectorKernels.AddLinear(a, b, output, factor1, factor2, offset, shift, min, max);
            Assert.Equal(expected, output);
        }
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(25, 5, 64)]
    [InlineData(3, 7, 23)]
    [InlineData(2, 2, 47)]
    public void Pixels_are_added_channel_by_channel(int rows, int columns, int channels)
    {
        if (!VectorKernels.IsSupported) return;
        var random = new Random(rows);
        int rowStride = (columns * channels) + 5;
        sbyte[] window = Bytes(random, rows * rowStride);
        int[] sums = [.. Enumerable.Range(0, channels)], expected = [.. sums];
        for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++)
        for (int c = 0; c < channels; c++) expected[c] += window[(y * rowStride) + (x * channels) + c];
        VectorKernels.AddPixels(window, rowStride, rows, columns, sums);
        Assert.Equal(expected, sums);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(1000)]
    public void Results_are_looked_up(int count)
    {
        if (!VectorKernels.IsSupported) return;
        for (int seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            byte flip = (byte)(128 * (seed % 2));
            byte[] results = new byte[256], input = new byte[count + 256];
            random.NextBytes(results);
            random.NextBytes(input);
            for (int i = 0; i < 256; i++) input[i] = (byte)i;
            if (count < 256) input = input[..count];
            byte[] expected = [.. input.Select(x => results[x ^ flip])], output = seed % 4 < 2 ? input : new byte[input.Length];
            VectorKernels.Lookup(input, output, results, flip);
            Assert.Equal(expected, output);
        }
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(2, 3, 5)]
    [InlineData(4, 8, 16)]
    [InlineData(7, 9, 24)]
    [InlineData(5, 31, 40)]
    [InlineData(128, 8, 128)]
    [InlineData(9, 128, 8)]
    [InlineData(3, 1024, 17)]
    [InlineData(6, 33, 100)]
    public void Products_of_matrices_are_the_plain_sums(int rows, int depth, int columns)
    {
        if (!VectorKernels.IsSupported) return;
        for (int seed = 0; seed < 16; seed++)
        {
            var random = new Random(seed);
            var layer = new Layer(random, 1, isOne: true);
            bool adjX = (seed & 1) != 0, adjY = (seed & 2) != 0, isExtreme = (seed & 12) == 12;
            int zeroPoint1 = isExtreme ? 127 : random.Next(-128, 128), zeroPoint2 = isExtreme ? 127 : random.Next(-128, 128), columnsAtOnce = 16 * random.Next(1, 4);
            sbyte[] a = Bytes(random, rows * depth), b = Bytes(random, depth * columns);
            if (isExtreme)
            {
                // The largest sums.
                Array.Fill(a, sbyte.MinValue);
                Array.Fill(b, sbyte.MinValue);
            }

            int Sum(int row, int column)
            {
                int acc = 0;
                for (int i = 0; i < depth; i++) acc += (a[adjX ? (i * rows) + row : (row * depth) + i] - zeroPoint1) * (b[adjY ? (column * depth) + i : (i * columns) + column] - zeroPoint2);
                return acc;
            }

            sbyte[] expected = new sbyte[rows * columns], single = new sbyte[expected.Length], output = new sbyte[expected.Length];
            for (int i = 0; i < expected.Length; i++)
            {
                int acc = Sum(i / columns, i % columns);
                int scaled = FixedPoint.MultiplyByQuantizedMultiplier(acc, layer.Multiplier[0], -layer.Right[0]);
                expected[i] = (sbyte)Math.Clamp(scaled + layer.ZeroPoint, -128, 127);
                single[i] = (sbyte)Math.Clamp(FixedPoint.MultiplyAndRound(acc, layer.Scale[0]) + layer.ZeroPoint, -128, 127);
            }

            VectorKernels.MultiplyMatrices(
                a, b, output, depth, columns, adjX, adjY, columnsAtOnce, zeroPoint1, zeroPoint2, layer.Multiplier[0], layer.Right[0], layer.ZeroPoint);
            Assert.Equal(expected, output);
            VectorKernels.MultiplyMatrices(a, b, output, depth, columns, adjX, adjY, columnsAtOnce, zeroPoint1, zeroPoint2, layer.Scale[0], layer.ZeroPoint);
            Assert.Equal(single, output);
        }
    }

    // A step of 0 gives all values one power, the largest; then sums of long rows leave nothing for each, or wrap.
    [Theory]
    [InlineData(1, 0.05)]
    [InlineData(12, 0.05)]
    [InlineData(16, 0.3)]
    [InlineData(63, 0.01)]
    [InlineData(64, 0.05)]
    [InlineData(200, 0)]
    [InlineData(257, 0.001)]
    [InlineData(300, 4)]
    [InlineData(1001, 0.02)]
    [InlineData(5000, 0)]
    [InlineData(9000, 0.0001)]
    public void Shares_of_a_sum_are_those_of_the_scalar_code(int depth, double step)
    {
        if (!VectorKernels.IsSupported) return;
        int[] powers = [.. Enumerable.Range(0, 256).Select(d => (int)Math.Min(int.MaxValue, Math.Exp(-d * step) * (1L << 31)))];
        for (int seed = 0; seed < 12; seed++)
        {
            var random = new Random(seed);
            int range = seed % 3 == 0 ? 256 : random.Next(1, 60), least = random.Next(-128, 129 - range);
            sbyte[] input = [.. Enumerable.Range(0, depth * random.Next(1, 4)).Select(_ => (sbyte)(least + random.Next(range)))];
            sbyte[] expected = [.. input.Chunk(depth).SelectMany(row => Shares(row, powers))], output = seed % 2 == 0 ? input : new sbyte[input.Length];
            VectorKernels.Softmax(input, output, depth, powers);
            Assert.Equal(expected, output);
        }
    }

    // Powers whose share lies where both roundings decide what is stored.
    [Fact]
    public void Shares_between_two_outputs_are_rounded_as_by_the_scalar_code()
    {
        if (!VectorKernels.IsSupported) return;
        for (int seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            sbyte[] row = [.. Enumerable.Repeat((sbyte)100, random.Next(16, 200)), 99];
            int[] powers = [int.MaxValue, .. Enumerable.Repeat(1 << 20, 255)];
            double share = (random.Next(256 / row.Length + 1) + 0.5) / 256;
            for (int step = 0; step < 20; step++)
            {
                int sum = ((row.Length - 1) << 19) + FixedPoint.RoundingDivideByPowerOfTwo(powers[1], 12);
                int scale = FixedPoint.Reciprocal(sum, 12, out int exponent);
                powers[1] = (int)Math.Min(int.MaxValue - 4, share * Math.Pow(2, exponent) / scale * Math.Pow(2, 62));
            }

            for (powers[1] -= 4; powers[1] < int.MaxValue - 1; powers[1]++)
            {
                sbyte[] expected = Shares(row, powers), output = new sbyte[row.Length];
                VectorKernels.Softmax(row, output, row.Length, powers);
                Assert.Equal(expected, output);
                if (expected[^1] + 128 > share * 256) break;
            }
        }
    }

    private static sbyte[] Shares(sbyte[] row, int[] powers)
    {
        int max = row.Max(), sum = 0;
        foreach (sbyte x in row) sum = unchecked(sum + FixedPoint.RoundingDivideByPowerOfTwo(powers[max - x], 12));
        int scale = FixedPoint.Reciprocal(sum, 12, out int exponent), right = exponent + 31 - 8;
        return
        [
            .. row.Select(x =>
            {
                int share = FixedPoint.SaturatingRoundingDoublingHighMul(scale, powers[max - x]);
                return (sbyte)FixedPoint.Clamp((right > 31 ? 0 : FixedPoint.RoundingDivideByPowerOfTwo(share, right)) - 128, -128, 127);
            }),
        ];
    }

    [Fact]
    public void Products_are_those_of_the_scalar_code()
    {
        if (!VectorKernels.IsSupported) return;
        for (int seed = 0; seed < 400; seed++)
        {
            var random = new Random(seed);
            var layer = new Layer(random, 1, isOne: true);
            int part = random.Next(1, 90), zeroPoint1 = random.Next(-128, 128), zeroPoint2 = random.Next(-128, 128);
            sbyte[] a = Bytes(random, part * (seed % 3 == 0 ? 1 : random.Next(0, 5))), b = Bytes(random, part), output = seed % 2 == 0 ? [.. a] : new sbyte[a.Length];
            int Product(int i) => (a[i] - zeroPoint1) * (b[i % part] - zeroPoint2);
            sbyte[] expected = [.. a.Select((_, i) => layer.Store(Product(i), 0))], single = [.. a.Select((_, i) => layer.StoreSingle(Product(i), 0))];
            VectorKernels.Multiply(
                seed % 2 == 0 ? output : a, b, output, zeroPoint1, zeroPoint2, layer.Multiplier[0], layer.Right[0], layer.ZeroPoint, layer.Min, layer.Max);
            Assert.Equal(expected, output);
            VectorKernels.Multiply(a, b, output, zeroPoint1, zeroPoint2, layer.Scale[0], layer.ZeroPoint, layer.Min, layer.Max);
            Assert.Equal(single, output);
        }
    }

    [Theory]
    [InlineData(8, 3, 3, 7)]
    [InlineData(13, 2, 2, 4)]
    [InlineData(16, 1, 1, 3)]
    [InlineData(27, 2, 3, 5)]
    [InlineData(48, 3, 1, 2)]
    [InlineData(63, 5, 5, 1)]
    [InlineData(96, 3, 3, 9)]
    [InlineData(191, 2, 2, 3)]
    public void The_largest_values_of_windows_are_stored(int channels, int rows, int columns, int pixels)
    {
        if (!VectorKernels.IsSupported) return;
        for (int seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            int step = random.Next(1, columns + 2) * channels, rowStride = ((pixels - 1) * step) + (columns * channels) + random.Next(0, 3);
            int min = seed % 2 == 0 ? -128 : random.Next(-128, 0), max = random.Next(0, 128);
            sbyte[] input = [.. Enumerable.Range(0, rows * rowStride).Select(_ => (sbyte)random.Next(-128, random.Next(-127, 128)))];
            sbyte[] expected = new sbyte[pixels * channels], actual = new sbyte[expected.Length];
            for (int i = 0; i < expected.Length; i++)
            {
                int first = (i / channels * step) + (i % channels);
                int largest = Enumerable.Range(0, rows * columns).Max(tap => (int)input[first + (tap / columns * rowStride) + (tap % columns * channels)]);
                expected[i] = (sbyte)Math.Clamp(largest, min, max);
            }

            VectorKernels.MaxPool(input, rowStride, rows, columns, step, actual, channels, min, max);
            Assert.Equal(expected, actual);
        }
    }

    /// <summary>A convolution of which some rows are computed from those input rows that they need.</summary>
    private sealed record Geometry(ConvolutionShape Shape, int RowBegin, int RowEnd, int InputTop, int InputRows)
    {
        public int OutputRows => RowEnd - RowBegin;

        public static Geometry Draw(Random random, int height, int width, int channels, int filterHeight, int filterWidth, int mostStride = 2)
        {
            int strideY = random.Next(1, mostStride + 1), strideX = random.Next(1, mostStride + 1);
            (int rows, int top) = Axis(random, height, filterHeight, strideY);
            (int columns, int left) = Axis(random, width, filterWidth, strideX);
            int begin = random.Next(0, rows), end = random.Next(begin + 1, rows + 1);
            int inputTop = Math.Clamp((begin * strideY) - top, 0, height - 1), inputEnd = Math.Clamp(((end - 1) * strideY) - top + filterHeight, inputTop + 1, height);
            var shape = new ConvolutionShape(height, width, channels, filterHeight, filterWidth, strideY, strideX, top, left, columns);
            return new Geometry(shape, begin, end, inputTop, inputEnd - inputTop);
        }

        // SAME, or VALID where the filter fits.
        private static (int Outputs, int Before) Axis(Random random, int size, int filter, int stride)
        {
            if (filter <= size && random.Next(2) == 0) return (((size - filter) / stride) + 1, 0);
            int outputs = (size + stride - 1) / stride;
            return (outputs, Math.Max(0, ((outputs - 1) * stride) + filter - size) / 2);
        }

        public int At(sbyte[] input, int y, int x, int ky, int kx, int channel, sbyte outside)
        {
            int iy = (y * Shape.StrideY) - Shape.PadTop + ky, ix = (x * Shape.StrideX) - Shape.PadLeft + kx;
            bool isInside = iy >= 0 && iy < Shape.InputHeight && ix >= 0 && ix < Shape.InputWidth;
            return isInside ? input[((((iy - InputTop) * Shape.InputWidth) + ix) * Shape.InputChannels) + channel] : outside;
        }

        public void Expect(sbyte[] expected, int channels, Func<int, int, int, sbyte> value)
        {
            for (int y = RowBegin; y < RowEnd; y++)
            for (int x = 0; x < Shape.OutputWidth; x++)
            for (int c = 0; c < channels; c++) expected[((((y - RowBegin) * Shape.OutputWidth) + x) * channels) + c] = value(y, x, c);
        }
    }

    // (2G g 2Gᵀ) of each filter, with 2G = (2, 0, 0; 1, 1, 1; 1, −1, 1; 0, 0, 2), in the order that the kernel reads.
    private static short[] Transform(sbyte[] weights, int channels, int inputs)
    {
        int[,] g = { { 2, 0, 0 }, { 1, 1, 1 }, { 1, -1, 1 }, { 0, 0, 2 } };
        short[] transformed = new short[(channels + 15) / 16 * 256 * inputs];
        for (int c = 0; c < channels; c++)
        for (int position = 0; position < 16; position++)
        for (int i = 0; i < inputs; i++)
        {
            int sum = 0;
            for (int tap = 0; tap < 9; tap++) sum += g[position / 4, tap / 3] * g[position % 4, tap % 3] * weights[(((c * 9) + tap) * inputs) + i];
            if (i < inputs / 2 * 2) transformed[(((((((c / 16 * 16) + position) * (inputs / 2)) + (i / 2)) * 16) + (c % 16)) * 2) + (i % 2)] = (short)sum;
        }

        return transformed;
    }

    // The layout that VectorKernels documents.
    private static sbyte[] Pack(sbyte[] weights, int channels, int rows, int rowLength)
    {
        int even = (rowLength + 1) / 2 * 2;
        sbyte[] packed = new sbyte[Padded(channels) * rows * even];
        for (int c = 0; c < channels; c++)
        for (int r = 0; r < rows; r++)
        for (int i = 0; i < rowLength; i++)
        {
            int first = c / 16 * 16, width = channels - first > 8 ? 16 : 8;
            packed[(first * rows * even) + ((((r * even) + i) / 2) * 2 * width) + (2 * (c - first)) + (i % 2)] = weights[(((c * rows) + r) * rowLength) + i];
        }

        return packed;
    }

    private static int Padded(int channels) => channels % 16 == 0 ? channels : (channels / 16 * 16) + (channels % 16 > 8 ? 16 : 8);

    // Extremes are as likely as everything else together.
    private static sbyte[] Bytes(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(4) switch
    {
        0 => sbyte.MinValue,
        1 => sbyte.MaxValue,
        _ => (sbyte)random.Next(-128, 128),
    })];

    // Weights of which most pairs are just safe and a few just not: what is positive makes 128 or 129, or what is negative.
    private static sbyte[] Pairs(Random random, int count, int unsafeOf)
    {
        sbyte[] weights = Bytes(random, count);
        for (int i = 0; i + 1 < count; i += 2)
        {
            int w = random.Next(1, 128), sign = random.Next(2) == 0 ? 1 : -1, sum = random.Next(unsafeOf) == 0 ? 129 : 128;
            if (random.Next(2 * unsafeOf) == 0) continue;
            weights[i] = (sbyte)(sign * w);
            weights[i + 1] = (sbyte)(sign * (sum - w));
            if (random.Next(4) == 0) weights[i + 1] = (sbyte)-weights[i];
        }

        return weights;
    }

    // A bit for four taps of a block of channels: no pair of them leaves 16 bits with any bytes. Filter rows follow each other without a gap.
    private static sbyte[] Safe(sbyte[] weights, int channels)
    {
        int taps = weights.Length / channels, bytes = ((taps / 4) + 7) / 8;
        sbyte[] safe = new sbyte[(channels + 15) / 16 * bytes];
        for (int quad = 0; quad < taps / 4; quad++)
        for (int first = 0; first < channels; first += 16)
        {
            bool isSafe = true;
            for (int c = first; c < Math.Min(first + 16, channels); c++)
            for (int i = 4 * quad; i < (4 * quad) + 4; i += 2)
            {
                int a = weights[(c * taps) + i], b = weights[(c * taps) + i + 1];
                int most = 255 * (Math.Max(a, 0) + Math.Max(b, 0)), least = 255 * (Math.Min(a, 0) + Math.Min(b, 0));
                isSafe &= most <= short.MaxValue && least >= short.MinValue;
            }

            if (isSafe) safe[(first / 16 * bytes) + (quad / 8)] |= (sbyte)(1 << (quad % 8));
        }

        return safe;
    }

    private static int[] LessSums(int[] bias, sbyte[] weights, int channels)
    {
        int taps = weights.Length / channels;
        return [.. bias.Select((b, c) => c < channels ? b - (128 * weights.Skip(c * taps).Take(taps).Sum(w => w)) : b)];
    }

    private sealed class Layer
    {
        public Layer(Random random, int channels, bool isOne)
        {
            int[] Fill(int count, Func<int> next) => [.. Enumerable.Range(0, count).Select(_ => next()), .. new int[Padded(channels) - channels]];
            Bias = Fill(channels, () => random.Next(-40_000, 40_000));

            // Powers of two give exact halves, whose rounding depends on the sign.
            int Factor() => random.Next(2) == 0 ? 1 << 30 : random.Next(1 << 30, int.MaxValue);
            Multiplier = isOne ? [Factor()] : Fill(channels, Factor);
            Right = [.. (isOne ? [random.Next(1, 14)] : Fill(channels, () => random.Next(9) == 0 ? 31 : random.Next(1, 14))).Select(n => (sbyte)n)];

            // Powers of two give exact halves; the largest ones go beyond int32.
            float Single() => random.Next(3) switch
            {
                0 => MathF.Pow(2, random.Next(-20, 8)),
                1 => MathF.BitDecrement(256),
                _ => (float)(random.NextDouble() * Math.Pow(2, -random.Next(0, 16))),
            };
            Shift = [.. Right.Select(n => (sbyte)(6 - n))];
            Scale = [.. Enumerable.Range(0, isOne ? 1 : Padded(channels)).Select(c => c == 0 || c < channels ? Single() : 0)];
            ZeroPoint = random.Next(-128, 128);
            Min = random.Next(-128, 0);
            Max = random.Next(0, 128);
        }

        public int[] Bias { get; }

        public int[] Multiplier { get; }

        public sbyte[] Right { get; }

        public sbyte[] Shift { get; }

        public float[] Scale { get; }

        public int ZeroPoint { get; }

        public int Min { get; }

        public int Max { get; }

        public sbyte Store(int acc, int channel)
        {
            int at = Multiplier.Length == 1 ? 0 : channel;
            int scaled = FixedPoint.MultiplyByQuantizedMultiplier(acc, Multiplier[at], -Right[at]);
            return (sbyte)Math.Clamp(scaled + ZeroPoint, Min, Max);
        }

        public sbyte StoreShifted(int acc, int channel)
        {
            int at = Multiplier.Length == 1 ? 0 : channel;
            return (sbyte)Math.Clamp(FixedPoint.MultiplyByQuantizedMultiplier(acc, Multiplier[at], Shift[at]) + ZeroPoint, Min, Max);
        }

        // The product rounded to single precision, then to the nearest integer.
        public sbyte StoreSingle(int acc, int channel)
        {
            float product = (float)acc * Scale[Scale.Length == 1 ? 0 : channel];
            return (sbyte)Math.Clamp((long)Math.Round((double)product) + ZeroPoint, Min, Max);
        }
    }
}
