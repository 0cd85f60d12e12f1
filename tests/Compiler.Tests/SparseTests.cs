using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Filters with zeros: <c>Preset = Size</c> stores them without their blocks of zeros where that pays, and computes the same.</summary>
public sealed class SparseTests
{
    public enum Zeros
    {
        Unstructured,
        PerFilter,
        Blocks,
        Few,
    }

    public static TheoryData<string, Zeros> Cases()
    {
        var cases = new TheoryData<string, Zeros>();
        foreach (string layer in new[] { "CONV_2D", "pointwise CONV_2D", "CONV_2D in groups", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED" })
        {
            foreach (Zeros zeros in new[] { Zeros.Unstructured, Zeros.PerFilter, Zeros.Blocks, Zeros.Few }) cases.Add(layer, zeros);
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Zeros_are_left_out_where_that_pays_and_nothing_else_changes(string layer, Zeros zeros)
    {
        byte[][] files = [.. Enumerable.Range(0, 4).Select(i => File(layer, zeros, new Draw((uint)i)).Build())];
        string what = $"sparse {layer} {zeros}";
        CompiledModel[] small = [.. files.Select((file, i) => Agreement.Compile(what, file, i, 0, o => o with { Preset = Preset.Size }))];
        CompiledModel[] dense = [.. files.Select((file, i) => Agreement.Compile(what, file, i, 1, o => o with { Vectors = false }))];
        Assert.All(small.Zip(dense), pair =>
        {
            bool isSparse = pair.First.Layers.Any(l => l.Tables.Any(t => t.Name == "Blocks"));

            // Whole filters of zeros are constant channels, which no layer computes in any preset.
            if (zeros != Zeros.PerFilter) Assert.Equal(zeros != Zeros.Few, isSparse);
            if (isSparse) Assert.True(pair.First.Cost.Tables < pair.Second.Cost.Tables * 3 / 4, $"{pair.First.Cost.Tables} of {pair.Second.Cost.Tables}");
        });

        List<(int, string, CompiledModel)> models = [.. small.Select((m, i) => (i, "emitted, Size", m)), .. dense.Select((m, i) => (i, "emitted, scalar", m))];
        Agreement.Compare(what, files, models, isChecked: false);
        Agreement.Compare(
            what, files, [.. files.Select((file, i) => (i, "emitted, Size, checked", Agreement.Compile(what, file, i, 2, o => o with { Preset = Preset.Size, CheckOverflow = true })))],
            isChecked: true);
    }

    [Fact]
    public void Layers_of_one_kind_share_one_method()
    {
        var draw = new Draw(7);
        var b = new TfliteBuilder();
        int[] ids = [.. new[] { 24, 40, 16, 8 }.Select((n, i) => b.Tensor($"x{i}", ElementType.Int8, [1, n], draw.Quantized()))];
        for (int i = 0; i < 3; i++)
        {
            int units = new[] { 40, 16, 8 }[i], depth = new[] { 24, 40, 16 }[i];
            int filter = b.Tensor($"filter{i}", ElementType.Int8, [units, depth], TfliteBuilder.Quantized(0.01f * (i + 1), 0), draw.Bytes(units * depth));
            b.Operator(Schema.Builtin.FullyConnected, [ids[i], filter, -1], [ids[i + 1]]);
        }

        b.Ports([ids[0]], [ids[3]]);
        byte[][] files = [b.Build()];
        CompiledModel size = Agreement.Compile("shared", files[0], 0, 0, o => o with { Preset = Preset.Size });
        CompiledModel balanced = Agreement.Compile("shared", files[0], 0, 1, o => o);
        Assert.Equal((1, 3), (size.Measures.Kernels, balanced.Measures.Kernels));
        Assert.True(size.Cost.Flash < balanced.Cost.Flash);
        Agreement.Compare("shared", files, [(0, "Size", size), (0, "Balanced", balanced)], isChecked: false);
    }

    private static TfliteBuilder File(string layer, Zeros zeros, Draw draw)
    {
        var b = new TfliteBuilder();
        Quantization input = TfliteBuilder.Quantized(0.05f, draw.ZeroPoint()), output = TfliteBuilder.Quantized(1, draw.ZeroPoint());
        (int[] filter, int axis) = layer switch
        {
            "CONV_2D" => ([40, 3, 3, 20], 0),
            "pointwise CONV_2D" => ([72, 1, 1, 90], 0),
            "CONV_2D in groups" => ([60, 3, 3, 10], 0),
            "DEPTHWISE_CONV_2D" => ([1, 8, 8, 90], 3),
            _ => (new[] { 50, 64 }, 0),
        };
        int channels = layer switch { "CONV_2D in groups" => 20, "DEPTHWISE_CONV_2D" => 90, _ => filter[^1] }, outputs = filter[axis];
        bool isFullyConnected = layer == "FULLY_CONNECTED", isDepthwise = layer == "DEPTHWISE_CONV_2D";
        int x = b.Tensor("input", ElementType.Int8, isFullyConnected ? [2, channels] : [1, 5, 6, channels], input);
        var scales = new Quantization(Enumerable.Range(0, outputs).Select(_ => draw.Scale()).ToArray(), new int[outputs], axis);
        int w = b.Tensor("filter", ElementType.Int8, filter, isFullyConnected ? TfliteBuilder.Quantized(0.02f, 0) : scales, Prune(draw, zeros, filter, axis));
        int[] values = [.. Enumerable.Range(0, outputs).Select(_ => draw.Int(-1000, 1000))];
        int bias = b.Tensor("bias", ElementType.Int32, [outputs], null, Values.Bytes(ElementType.Int32, values));
        int y = b.Tensor("output", ElementType.Int8, isFullyConnected ? [2, outputs] : [1, 5, 6, outputs], output);
        FlatValue One() => FlatValue.Int32(1);
        if (isFullyConnected) b.Operator(Schema.Builtin.FullyConnected, [x, w, bias], [y]);
        else if (isDepthwise) b.Operator(Schema.Builtin.DepthwiseConv2D, [x, w, bias], [y], (1, One()), (2, One()), (3, One()));
        else b.Operator(Schema.Builtin.Conv2D, [x, w, bias], [y], (1, One()), (2, One()));
        b.Ports([x], [y]);
        return b;
    }

    // Two thirds of the weights become zeros: single ones, all of a filter, or eight neighbours.
    private static byte[] Prune(Draw draw, Zeros zeros, int[] shape, int axis)
    {
        byte[] weights = draw.Bytes(Shapes.Count(shape));
        bool[] isZero = [.. Enumerable.Range(0, weights.Length).Select(_ => !draw.Chance(3))];
        int inner = axis == 0 ? weights.Length / shape[0] : 1, outputs = shape[axis];
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] == 0) weights[i] = 1;
            int chosen = zeros switch { Zeros.PerFilter => i / inner % outputs, Zeros.Blocks => i / 8, _ => i };
            if (isZero[chosen] && (zeros != Zeros.Few || i % 10 == 0)) weights[i] = 0;
        }

        return weights;
    }
}
