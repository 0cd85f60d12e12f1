using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Pointwise convolutions and fully connected layers that multiply bytes: the proof, and that emitted code agrees with the reference semantics.</summary>
public sealed class ByteProductsTests
{
    private const string Bytes = "VectorKernels.ConvolveBytes(";

    [Fact]
    public void Bytes_agree_with_the_reference()
    {
        byte[][] files = [.. Enumerable.Range(0, 24).Select(i => File(new Draw((uint)i)))];
        Func<CompileOptions, CompileOptions>[] variants = [o => o, o => o with { Streaming = StreamingPolicy.Smallest }];
        List<(int Case, string Engine, CompiledModel Model)> models =
        [
            .. files.SelectMany((file, i) => variants.Select((options, v) => (i, $"variant {v}", Agreement.Compile("Bytes", file, i, v, options)))),
        ];
        Assert.All(models, m => Assert.Contains(Bytes, LayersWriter.Write(m.Model)));
        Agreement.Compare("Bytes", files, models, isChecked: false);
    }

    /// <summary>128 times 255 fits 16 bits and 129 times 255 does not.</summary>
    [Theory]
    [InlineData(64, 64, true)]
    [InlineData(127, 1, true)]
    [InlineData(-128, 127, true)]
    [InlineData(-64, -64, true)]
    [InlineData(-128, 0, true)]
    [InlineData(64, 65, false)]
    [InlineData(127, 2, false)]
    [InlineData(-128, -1, false)]
    public void Pairs_are_proved_by_what_they_make_of_255(int first, int second, bool isSafe)
    {
        var b = new TfliteBuilder();
        int x = b.Tensor("input", ElementType.Int8, [1, 64], TfliteBuilder.Quantized(0.02f, 0));
        byte[] weights = [.. Enumerable.Range(0, 20 * 64).Select(i => (byte)(sbyte)(i % 2 == 0 ? first : second))];
        b.Ports([x], [FullyConnected(b, new Draw(1), x, "only", 64, 20, weights)]);
        CompiledModel model = Agreement.Compile("Bytes", b.Build(), first, second + 200, o => o);
        Assert.Equal(isSafe, LayersWriter.Write(model).Contains(Bytes, StringComparison.Ordinal));
        Assert.Equal(isSafe, Math.Max(255 * (Math.Max(first, 0) + Math.Max(second, 0)), -255 * (Math.Min(first, 0) + Math.Min(second, 0)) - 1) <= short.MaxValue);
    }

    /// <summary>One pair in a few fours is left to the kernel; many make the layer multiply words, as the preset for size and 3×3 filters do.</summary>
    [Fact]
    public void Layers_with_many_other_pairs_multiply_words()
    {
        string Written(int every, Func<CompileOptions, CompileOptions> options)
        {
            var b = new TfliteBuilder();
            int x = b.Tensor("input", ElementType.Int8, [1, 640], TfliteBuilder.Quantized(0.02f, 0));
            byte[] weights = [.. Enumerable.Range(0, 16 * 640).Select(i => (byte)(i % every < 2 ? 100 : 10))];
            b.Ports([x], [FullyConnected(b, new Draw(1), x, "only", 640, 16, weights)]);
            return LayersWriter.Write(Agreement.Compile("Bytes", b.Build(), every, 0, options));
        }

        Assert.Contains(Bytes, Written(640, o => o));
        Assert.DoesNotContain(Bytes, Written(16, o => o));
        Assert.DoesNotContain(Bytes, Written(640, o => o with { Preset = Preset.Size }));
        Assert.DoesNotContain(Bytes, Written(640, o => o with { Vectors = false }));
    }

    // Two pointwise convolutions and a fully connected layer whose weights are mostly small.
    private static byte[] File(Draw draw)
    {
        int height = draw.Int(1, 9), width = draw.Int(1, 21), depth = 4 * draw.Int(8, 40), middle = 4 * draw.Int(8, 20), units = draw.Int(1, 40);
        var b = new TfliteBuilder();
        int x = b.Tensor("input", ElementType.Int8, [1, height, width, depth], TfliteBuilder.Quantized(0.02f, draw.Int(-128, 60)));
        int h = b.Tensor("hidden", ElementType.Int8, [1, height, width, middle], TfliteBuilder.Quantized(0.02f, draw.Int(-128, 60)));
        float[] scales = [.. Enumerable.Range(0, middle).Select(_ => (float)(0.001 + (0.0001 * draw.Int(0, 100))))];
        int filter = b.Tensor("filter", ElementType.Int8, [middle, 1, 1, depth], new Quantization(scales, new int[middle], 0), Weights(draw, middle * depth));
        FlatValue one = FlatValue.Int32(1);
        b.Operator(Schema.Builtin.Conv2D, [x, filter, Bias(b, draw, "bias", middle)], [h], (0, one), (1, one), (2, one), (3, FlatValue.Int32(draw.Of(0, 1))), (4, one), (5, one));
        int length = height * width * middle;
        b.Ports([x], [FullyConnected(b, draw, h, "dense", length, units, Weights(draw, units * length))]);
        return b.Build();
    }

    // Pairs of at most 128, and one in about 500 beyond.
    private static byte[] Weights(Draw draw, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => (byte)(sbyte)(draw.Chance(1000) ? draw.Of(-128, 127) : draw.Int(-64, 64)))];

    private static int FullyConnected(TfliteBuilder b, Draw draw, int x, string name, int depth, int units, byte[] weights)
    {
        int filter = b.Tensor(name + "Filter", ElementType.Int8, [units, depth], TfliteBuilder.Quantized(0.004f, 0), weights);
        int y = b.Tensor(name, ElementType.Int8, [1, units], TfliteBuilder.Quantized(0.02f * depth / 64, draw.Int(-60, 60)));
        b.Operator(Schema.Builtin.FullyConnected, [x, filter, Bias(b, draw, name + "Bias", units)], [y]);
        return y;
    }

    private static int Bias(TfliteBuilder b, Draw draw, string name, int count) => b.Tensor(
        name, ElementType.Int32, [count], TfliteBuilder.Quantized(0.02f * 0.004f, 0), Values.Bytes(ElementType.Int32, Enumerable.Range(0, count).Select(_ => draw.Int(-100_000, 100_000)).ToArray()));
}
