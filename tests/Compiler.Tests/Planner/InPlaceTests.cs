using System;
using System.Linq;
using System.Threading;
using Etch.Ir;
using Etch.Passes;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Layers whose output lies over their dying input: the same bytes as with buffers of their own.</summary>
public sealed class InPlaceTests
{
    [Fact]
    public void Random_windows_over_their_inputs_agree_with_the_reference()
    {
        var draw = new Draw(950);
        byte[][] files = [.. Enumerable.Range(0, 120).Select(_ => Chain(draw))];

        // Among the variants are separate buffers for all tensors.
        Agreement.Check("InPlace", files, others: 25);

        RowOrder[] orders = [.. files.SelectMany(file => Compile(file).Plan.InPlace.Values)];
        Assert.InRange(orders.Length, 100, 600);
        Assert.Contains(orders, order => order.IsBackward);
        Assert.Contains(orders, order => !order.IsBackward);
        Assert.Contains(orders, order => order.RowsPerCall > 1);
    }

    [Fact]
    public void Longer_calls_agree_with_the_reference()
    {
        var draw = new Draw(952);
        byte[][] files = [.. Enumerable.Range(0, 120).Select(_ => Chain(draw)).Where(file => Compile(file, o => o with { LongCalls = true }).Plan.InPlace.Count > 0)];
        Assert.InRange(files.Length, 10, 120);
        Agreement.Compare(
            "LongCalls", files, [.. files.Select((file, i) => (i, "longer calls", Agreement.Compile("LongCalls", file, i, 0, o => o with { LongCalls = true })))], isChecked: false);
    }

    // Three rows of 16 pixels are a call, which writes three rows. A 3×3 window reads one row up besides. Rows that get wider catch up
    // with the last row, which is a call of its own. What shrinks fits inside its input.
    [Theory]
    [InlineData(3, 1, 4, 4, 1024 + 256)]
    [InlineData(1, 1, 4, 4, 1024 + 192)]
    [InlineData(1, 1, 4, 8, 2048 + 128)]
    [InlineData(1, 2, 4, 4, 1024)]
    public void Distances_are_the_least(int size, int stride, int channels, int outputs, int expected)
    {
        CompiledModel model = Compile(Three(size, stride, channels, outputs));
        Assert.Equal(expected, model.Plan.Bytes);
        Assert.Equal(model.Plan.LowerBound, model.Plan.Bytes);
        Assert.Equal([1], model.Plan.InPlace.Keys);
        Plans.AssertSound(model);
    }

    // Two rows of 32 pixels are a call with 48 pixels at least, twelve rows one with 384. A 3×3 window reads one row up besides.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Speed_makes_longer_calls_as_far_as_the_budget_has_the_bytes(bool isOff)
    {
        byte[] file = Three(3, 1, 4, 4, side: 32);
        CompiledModel At(Preset preset, long? ram) => Compile(file, o => o with { Preset = preset, MaxRam = ram, Streaming = isOff ? StreamingPolicy.Off : StreamingPolicy.Auto });
        void Check(CompiledModel model, int bytes, int rows)
        {
            Assert.Equal(bytes, model.Plan.Bytes);
            Assert.Equal(rows, Assert.Single(model.Plan.InPlace).Value.RowsPerCall);
            Assert.All(model.Steps, step => Assert.Null(step.Rows));
            Plans.AssertSound(model);
        }

        const int Image = 32 * 32 * 4, Row = 32 * 4;
        CompiledModel longer = At(Preset.Speed, null);
        Check(longer, Image + (13 * Row), 12);
        Check(At(Preset.Speed, longer.Cost.Ram), Image + (13 * Row), 12);
        Check(At(Preset.Speed, longer.Cost.Ram - 1), Image + (3 * Row), 2);
        Check(At(Preset.Balanced, null), Image + (3 * Row), 2);
    }

    [Fact]
    public void Nothing_is_in_place_that_gains_nothing()
    {
        // The second convolution makes the peak; the third fits below it in any case.
        CompiledModel model = Compile(Three(3, 1, 4, 4, tail: true));
        Assert.Equal([1], model.Plan.InPlace.Keys);
    }

    [Fact]
    public void The_plan_of_a_model_is_the_same_every_time()
    {
        byte[] file = Chain(new Draw(951));
        Assert.Equal(Compile(file).Plan.Locations.OrderBy(pair => pair.Key), Compile(file).Plan.Locations.OrderBy(pair => pair.Key));
    }

    private static CompiledModel Compile(byte[] file) => Compile(file, o => o);

    private static CompiledModel Compile(byte[] file, Func<CompileOptions, CompileOptions> options)
    {
        CompiledModel model = Compiler.Compile(new ModelFile("rows.tflite", file), options(new CompileOptions { ClassName = "Rows" }), CancellationToken.None);
        Assert.True(model.Succeeded, string.Join("\n", model.Problems));
        return model;
    }

    // Three convolutions on a square image: pointwise, the one in question, and one to a single number each pixel.
    private static byte[] Three(int size, int stride, int channels, int outputs, bool tail = false, int side = 16)
    {
        var b = new TfliteBuilder();
        int left = side / stride;
        int x = b.Int8("x", [1, side, side, 1], 1, 0), h = b.Int8("h", [1, side, side, channels], 8, 0), i = b.Int8("i", [1, left, left, outputs], 64, 0);
        Convolve(b, x, h, 1, channels, 1, 1);
        Convolve(b, h, i, channels, outputs, size, stride);
        int from = i, depth = outputs;
        if (tail)
        {
            from = b.Int8("j", [1, left / 4, left / 4, outputs], 64, 0);
            Convolve(b, i, from, outputs, outputs, 1, 4);
            left /= 4;
        }

        int y = b.Int8("y", [1, left, left, 1], 512, 0);
        Convolve(b, from, y, depth, 1, 1, 1);
        b.Ports([x], [y]);
        return b.Build();
    }

    private static void Convolve(TfliteBuilder b, int input, int output, int channels, int outputs, int size, int stride)
    {
        byte[] weights = [.. Enumerable.Range(0, outputs * size * size * channels).Select(i => (byte)((i * 37) + 11))];
        int filter = b.Int8($"filter{output}", [outputs, size, size, channels], 1, 0, weights);
        b.Operator(Schema.Builtin.Conv2D, [input, filter], [output], (0, FlatValue.Int32(0)), (1, FlatValue.Int32(stride)), (2, FlatValue.Int32(stride)));
    }

    // Convolutions and pools of any geometry one after the other.
    private static byte[] Chain(Draw draw)
    {
        var b = new TfliteBuilder();
        int height = draw.Int(12, 40), width = draw.Int(3, 20), channels = draw.Int(1, 5);
        Quantization q = draw.Quantized();
        int x = b.Tensor("t0", ElementType.Int8, [1, height, width, channels], q), from = x;
        int layers = draw.Int(4, 6);
        for (int i = 1; i <= layers; i++)
        {
            int kind = draw.Int(0, 4), filterHeight = draw.Int(1, 4), filterWidth = draw.Int(1, 3), strideY = draw.Of(1, 1, 1, 2, 3), strideX = draw.Of(1, 1, 2);
            if (kind == 0) (filterHeight, filterWidth) = (1, 1);
            int dilation = kind is 1 or 3 && strideY == 1 && strideX == 1 ? draw.Of(1, 1, 2) : 1;
            int reachY = ((filterHeight - 1) * dilation) + 1, reachX = ((filterWidth - 1) * dilation) + 1;
            bool isSame = draw.Chance(2) || reachY > height || reachX > width;
            int Size(int size, int reach, int stride) => isSame ? (size + stride - 1) / stride : (size - reach + stride) / stride;
            int inputs = channels;
            (height, width) = (Size(height, reachY, strideY), Size(width, reachX, strideX));
            if (kind <= 2) channels = kind == 2 ? channels : draw.Int(1, 8);
            (int, FlatValue)[] window = [(0, FlatValue.Int32(isSame ? 0 : 1)), (1, FlatValue.Int32(strideX)), (2, FlatValue.Int32(strideY))];
            FlatValue one = FlatValue.Int32(1), dilated = FlatValue.Int32(dilation);
            if (kind == 4)
            {
                int pooled = b.Tensor($"t{i}", ElementType.Int8, [1, height, width, channels], q);
                b.Operator(
                    draw.Of(Schema.Builtin.MaxPool2D, Schema.Builtin.AveragePool2D), [from], [pooled],
                    [.. window, (3, FlatValue.Int32(filterWidth)), (4, FlatValue.Int32(filterHeight))]);
                from = pooled;
                continue;
            }

            bool isDepthwise = kind >= 2;
            float scale = draw.Scale();
            int[] shape = isDepthwise ? [1, filterHeight, filterWidth, channels] : [channels, filterHeight, filterWidth, inputs];
            int filter = b.Int8($"filter{i}", shape, scale, 0, draw.Bytes(Shapes.Count(shape)));
            q = TfliteBuilder.Quantized(Math.Min(2, q.Scale * scale * draw.Int(50, 300)), draw.ZeroPoint());
            int next = b.Tensor($"t{i}", ElementType.Int8, [1, height, width, channels], q);
            if (isDepthwise) b.Operator(Schema.Builtin.DepthwiseConv2D, [from, filter], [next], [.. window, (3, one), (5, dilated), (6, dilated)]);
            else b.Operator(Schema.Builtin.Conv2D, [from, filter], [next], [.. window, (4, dilated), (5, dilated)]);
            from = next;
        }

        b.Ports([x], [from]);
        return b.Build();
    }
}
