using System;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>The stack that a convolution is said to take holds the vector kernels' memory for a call of any number of rows.</summary>
public sealed class StackTests
{
    // An image of three columns runs down its columns when all rows are asked for, and along them when few are. Of 42 pixels of 200 channels
    // twelve are widened at a time, of 18 all.
    [Theory]
    [InlineData(128, 3, 1, 4, 3, 8)]
    [InlineData(42, 1, 8, 4, 1, 8)]
    [InlineData(7, 6, 200, 1, 1, 16)]
    [InlineData(25, 5, 64, 3, 3, 64)]
    [InlineData(48, 48, 8, 3, 3, 16)]
    public void Of_a_call_for_any_rows(int height, int width, int depth, int filterHeight, int filterWidth, int channels) => Check(
        Schema.Builtin.Conv2D, height, width, depth, filterHeight, filterWidth, channels, [channels, filterHeight, filterWidth, depth], [1, 2],
        (shape, rows) => shape.ConvolutionScratch(shape.OutputWidth, rows));

    // Of 144 pixels of 32 channels 120 are interleaved at a time, of 126 all.
    [Theory]
    [InlineData(16, 9, 32, 1, 1)]
    [InlineData(60, 1, 32, 3, 1)]
    [InlineData(130, 1, 24, 2, 1)]
    [InlineData(12, 12, 64, 3, 3)]
    public void Of_a_depthwise_call_for_any_rows(int height, int width, int channels, int filterHeight, int filterWidth) => Check(
        Schema.Builtin.DepthwiseConv2D, height, width, channels, filterHeight, filterWidth, channels, [1, filterHeight, filterWidth, channels], [1, 2, 3],
        (shape, _) => shape.DepthwiseScratch(shape.OutputWidth));

    private static void Check(
        int builtin, int height, int width, int depth, int filterHeight, int filterWidth, int channels, int[] filterShape, int[] ones,
        Func<ConvolutionShape, int, int> scratch)
    {
        var b = new TfliteBuilder();
        int x = b.Int8("x", [1, height, width, depth], 0.5f, 1), y = b.Int8("y", [1, height, width, channels], 0.5f, 1);
        int filter = b.Tensor(
            "filter", ElementType.Int8, filterShape, TfliteBuilder.Quantized(0.02f, 0), new Draw(7).Bytes(filterShape.Aggregate((p, q) => p * q)));
        b.Operator(builtin, [x, filter], [y], [.. ones.Select(slot => (slot, FlatValue.Int32(1)))]);
        b.Ports([x], [y]);
        CompiledModel model = Compiler.Compile(new ModelFile("m.tflite", b.Build()), new CompileOptions { ClassName = "Stack" }, default);
        Assert.True(model.Succeeded, string.Join("\n", model.Problems));

        var shape = new ConvolutionShape(
            height, width, depth, filterHeight, filterWidth, 1, 1, (filterHeight - 1) / 2, (filterWidth - 1) / 2, width);
        int most = Enumerable.Range(1, height).Max(rows => shape.IsOneRow(rows, 0, 0, out ConvolutionShape row) ? scratch(row, 1) : scratch(shape, rows));
        Assert.Equal(most + 512, model.Layers[0].Kernel.StackBytes);
    }
}
