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
    public void Of_a_call_for_any_rows(int height, int width, int depth, int filterHeight, int filterWidth, int channels)
    {
        var b = new TfliteBuilder();
        int x = b.Int8("x", [1, height, width, depth], 0.5f, 1), y = b.Int8("y", [1, height, width, channels], 0.5f, 1);
        int filter = b.Tensor(
            "filter", ElementType.Int8, [channels, filterHeight, filterWidth, depth], TfliteBuilder.Quantized(0.02f, 0),
            new Draw(7).Bytes(channels * filterHeight * filterWidth * depth));
        b.Operator(Schema.Builtin.Conv2D, [x, filter], [y], (1, FlatValue.Int32(1)), (2, FlatValue.Int32(1)));
        b.Ports([x], [y]);
        CompiledModel model = Compiler.Compile(new ModelFile("m.tflite", b.Build()), new CompileOptions { ClassName = "Stack" }, default);
        Assert.True(model.Succeeded, string.Join("\n", model.Problems));

        var shape = new ConvolutionShape(
            height, width, depth, filterHeight, filterWidth, 1, 1, (filterHeight - 1) / 2, (filterWidth - 1) / 2, width);
        int most = Enumerable.Range(1, height).Max(
            rows => shape.IsOneRow(rows, 0, 0, out ConvolutionShape row) ? row.ConvolutionScratch(row.OutputWidth, 1) : shape.ConvolutionScratch(width, rows));
        Assert.Equal(most + 512, model.Layers[0].Kernel.StackBytes);
    }
}
