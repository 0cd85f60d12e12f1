using System;
using System.Linq;
using Xunit;

namespace Etch.Tests;

/// <summary>The vector kernels against the plain sums, on shapes that reach every block width, tile and remainder.</summary>
/// <remarks>One run tests the widest instruction set of the machine; the test command repeats it with AVX-512 and with AVX2 switched off.</remarks>
public sealed class VectorKernelTests
{
    [Theory]
    [InlineData(1, 1, 1, 1)]
    [InlineData(3, 2, 3, 8)]
    [InlineData(4, 1, 64, 64)]
    [InlineData(5, 3, 9, 24)]
    [InlineData(9, 3, 27, 16)]
    [InlineData(2, 1, 640, 12)]
    [InlineData(7, 5, 5, 40)]
    [InlineData(11, 1, 33, 9)]
    [InlineData(1, 1, 1001, 25)]
    public void Dot_products_are_the_plain_sums(int pixels, int rows, int rowLength, int channels)
    {
        if (!VectorKernels.IsSupported) return;
        for (int seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            int rowStride = rowLength + random.Next(0, 5), step = random.Next(1, rowLength + 2);
            sbyte[] window = Bytes(random, ((rows - 1) * rowStride) + ((pixels - 1) * step) + rowLength);
            sbyte[] weights = Bytes(random, channels * rows * rowLength);
            var layer = new Layer(random, channels, isOne: seed % 4 == 0);

            sbyte[] expected = new sbyte[pixels * channels];
            for (int p = 0; p < pixels; p++)
            for (int c = 0; c < channels; c++)
            {
                int acc = layer.Bias[c];
                for (int r = 0; r < rows; r++)
                for (int i = 0; i < rowLength; i++) acc += window[(r * rowStride) + (p * step) + i] * weights[(((c * rows) + r) * rowLength) + i];
                expected[(p * channels) + c] = layer.Store(acc, c);
            }

            sbyte[] actual = new sbyte[expected.Length];
            VectorKernels.DotProducts(
                window, rowStride, actual, rows, rowLength, channels, step, Pack(weights, channels, rows, rowLength),
                layer.Bias, layer.Multiplier, layer.Right, layer.ZeroPoint, layer.Min, layer.Max);
            Assert.Equal(expected, actual);
        }
    }

    [Theory]
    [InlineData(1, 3, 3, 8)]
    [InlineData(4, 3, 3, 16)]
    [InlineData(6, 3, 3, 64)]
    [InlineData(3, 5, 5, 24)]
    [InlineData(5, 1, 7, 3)]
    [InlineData(2, 3, 3, 20)]
    [InlineData(1, 2, 2, 9)]
    public void Depthwise_sums_are_the_plain_sums(int pixels, int rows, int columns, int channels)
    {
        if (!VectorKernels.IsSupported) return;
        for (int seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            int stride = random.Next(1, 3), rowStride = (((pixels - 1) * stride) + columns) * channels, step = stride * channels, taps = rows * columns;
            sbyte[] window = Bytes(random, rows * rowStride);
            sbyte[] weights = Bytes(random, channels * taps);
            var layer = new Layer(random, channels, isOne: seed % 4 == 0);

            sbyte[] expected = new sbyte[pixels * channels];
            for (int p = 0; p < pixels; p++)
            for (int c = 0; c < channels; c++)
            {
                int acc = layer.Bias[c];
                for (int t = 0; t < taps; t++) acc += window[(t / columns * rowStride) + (p * step) + (t % columns * channels) + c] * weights[(c * taps) + t];
                expected[(p * channels) + c] = layer.Store(acc, c);
            }

            sbyte[] actual = new sbyte[expected.Length];
            VectorKernels.Depthwise(
                window, rowStride, actual, rows, columns, channels, step, Pack(weights, channels, 1, taps),
                layer.Bias, layer.Multiplier, layer.Right, layer.ZeroPoint, layer.Min, layer.Max);
            Assert.Equal(expected, actual);
        }
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
            ZeroPoint = random.Next(-128, 128);
            Min = random.Next(-128, 0);
            Max = random.Next(0, 128);
        }

        public int[] Bias { get; }

        public int[] Multiplier { get; }

        public sbyte[] Right { get; }

        public int ZeroPoint { get; }

        public int Min { get; }

        public int Max { get; }

        public sbyte Store(int acc, int channel)
        {
            int at = Multiplier.Length == 1 ? 0 : channel;
            int scaled = FixedPoint.MultiplyByQuantizedMultiplier(acc, Multiplier[at], -Right[at]);
            return (sbyte)Math.Clamp(scaled + ZeroPoint, Min, Max);
        }
    }
}
