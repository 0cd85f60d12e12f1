using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>3×3 convolutions of stride 1 by Winograd's transform, which the preset Speed takes: the reference semantics and the emitted code agree.</summary>
public sealed class WinogradTests
{
    [Fact]
    public void Speed_agrees_with_the_reference()
    {
        byte[][] files = [.. Enumerable.Range(0, 24).Select(i => File(new Draw((uint)i)))];
        var models = new List<(int Case, string Engine, CompiledModel Model)>();
        for (int i = 0; i < files.Length; i++)
        {
            StreamingPolicy[] policies = [StreamingPolicy.Off, StreamingPolicy.Smallest];
            models.AddRange(policies.Select((streaming, v) =>
                (i, $"Speed, streaming {streaming}", Agreement.Compile("Winograd", files[i], i, v, o => o with { Preset = Preset.Speed, Streaming = streaming }))));
        }

        Assert.All(models, m => Assert.Contains("VectorKernels.ConvolveWinograd(", LayersWriter.Write(m.Model)));
        Agreement.Compare("Winograd", files, models, isChecked: false);
    }

    [Fact]
    public void Only_Speed_takes_the_stack_and_the_tables()
    {
        byte[] file = File(new Draw(1));
        CompiledModel balanced = Agreement.Compile("Winograd", file, 0, 0, o => o), speed = Agreement.Compile("Winograd", file, 0, 1, o => o with { Preset = Preset.Speed });
        Assert.DoesNotContain("ConvolveWinograd", LayersWriter.Write(balanced));
        int[] depths = [.. speed.Layers.Where(layer => layer.Kernel.Name == "Conv2D_Winograd").Select(layer => speed.Graph[layer.Op.Inputs[0]].Shape[3])];
        Assert.True(speed.Layers.Max(layer => layer.Kernel.StackBytes) > 2 * 16 * 16 * depths.Max(), "sixteen positions of sixteen tiles");
        Assert.True(balanced.Layers.Max(layer => layer.Kernel.StackBytes) < speed.Layers.Max(layer => layer.Kernel.StackBytes));

        // Sixteen INT16 for nine weights of each channel, of blocks of sixteen channels.
        long tables = speed.Layers.Where(layer => layer.Kernel.Name == "Conv2D_Winograd")
            .Sum(layer => 2L * 16 * speed.Graph[layer.Op.Inputs[0]].Shape[3] * ((speed.Graph[layer.Outputs[0]].Shape[3] + 15) / 16 * 16));
        Assert.Equal(balanced.Cost.Tables + tables, speed.Cost.Tables);
        Assert.True(speed.Cost.Runtime > balanced.Cost.Runtime);
    }

    [Fact]
    public void Channels_that_no_pair_or_vector_fills_go_the_usual_way()
    {
        foreach ((int depth, int channels) in new[] { (8, 16), (14, 16), (17, 16), (130, 16), (32, 8) })
        {
            var b = new TfliteBuilder();
            int x = b.Tensor("input", ElementType.Int8, [1, 8, 8, depth], TfliteBuilder.Quantized(0.02f, 0));
            b.Ports([x], [Convolution(b, new Draw(3), x, "only", depth, channels, [1, 8, 8, channels], isSame: true)]);
            CompiledModel model = Agreement.Compile("Winograd", b.Build(), depth, channels, o => o with { Preset = Preset.Speed });
            Assert.Contains("VectorKernels.Convolve(", LayersWriter.Write(model));
        }
    }

    // Two convolutions behind each other, so that they can run row by row; every factor is below 1.
    private static byte[] File(Draw draw)
    {
        bool isSame = draw.Chance(2);
        int height = draw.Int(7, 12), width = draw.Int(7, 21), depth = draw.Of(16, 20, 32, 64, 2 * draw.Int(8, 64)), middle = draw.Of(16, 32, draw.Int(9, 40)), channels = draw.Of(16, draw.Int(1, 40));
        int lost = isSame ? 0 : 2;
        var b = new TfliteBuilder();
        int x = b.Tensor("input", ElementType.Int8, [1, height, width, depth], TfliteBuilder.Quantized(0.02f, draw.Int(-128, 60)));
        int h = Convolution(b, draw, x, "first", depth, middle, [1, height - lost, width - lost, middle], isSame);
        int y = Convolution(b, draw, h, "second", middle, channels, [1, height - (2 * lost), width - (2 * lost), channels], isSame);
        b.Ports([x], [y]);
        return b.Build();
    }

    private static int Convolution(TfliteBuilder b, Draw draw, int x, string name, int depth, int channels, int[] shape, bool isSame)
    {
        // All weights as large as they get, now and then.
        byte[] weights = draw.Bytes(channels * 9 * depth);
        if (draw.Chance(4)) weights = [.. weights.Select(w => (byte)((w & 1) == 0 ? 127 : -127))];
        float[] scales = [.. Enumerable.Range(0, channels).Select(_ => (float)(0.001 + (0.0001 * draw.Int(0, 100))))];
        int filter = b.Tensor(name + "Filter", ElementType.Int8, [channels, 3, 3, depth], new Quantization(scales, new int[channels], 0), weights);
        int bias = b.Tensor(name + "Bias", ElementType.Int32, [channels], null, Values.Bytes(ElementType.Int32, Enumerable.Range(0, channels).Select(_ => draw.Int(-100_000, 100_000)).ToArray()));
        int y = b.Tensor(name, ElementType.Int8, shape, TfliteBuilder.Quantized(0.02f, draw.Int(-128, 60)));
        FlatValue one = FlatValue.Int32(1);
        b.Operator(Schema.Builtin.Conv2D, [x, filter, bias], [y], (0, FlatValue.Int32(isSame ? 0 : 1)), (1, one), (2, one), (3, FlatValue.Int32(draw.Of(0, 1))), (4, one), (5, one));
        return y;
    }
}
