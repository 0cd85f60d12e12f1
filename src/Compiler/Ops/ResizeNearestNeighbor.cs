using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>RESIZE_NEAREST_NEIGHBOR: output[n, y, x, c] = input[n, row(y), column(x), c], where row and column are tables.</summary>
/// <remarks>GetNearestNeighbor of reference/resize_nearest_neighbor.h in TFLite, in single precision.</remarks>
internal sealed record ResizeNearestNeighbor : Op
{
    public required bool AlignsCorners { get; init; }

    public required bool HasHalfPixelCenters { get; init; }

    public override string Name => "RESIZE_NEAREST_NEIGHBOR";

    // ---- import ----
    public static Op Import(OperatorReader r) =>
        new ResizeNearestNeighbor { Inputs = r.Inputs, Outputs = r.Outputs, AlignsCorners = r.Bool(0), HasHalfPixelCenters = r.Bool(1) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = StridedCopy.Check(c, 0, 0);
        c.Require(!AlignsCorners || !HasHalfPixelCenters, "has aligned corners and half pixel centers, which exclude each other");
        Resized.Check(c, input);
    }

    /// <summary>Of the same size, each pixel takes itself.</summary>
    public override IEnumerable<Move>? Moves(Graph graph)
    {
        Tensor input = graph[Inputs[0]], output = graph[Outputs[0]];
        return input.Shape.Equals(output.Shape) && IsInOrder(1) && IsInOrder(2) ? [Move.Whole(input.ElementCount)] : null;

        bool IsInOrder(int d) => Offsets(input, output, d).SequenceEqual(Enumerable.Range(0, input.Shape[d]).Select(i => i * Shapes.Strides(input.Shape)[d]));
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        Tensor input = values.Graph[Inputs[0]], output = values.Graph[Outputs[0]];
        int[] x = values.Integers(Inputs[0]), y = new int[output.ElementCount], rows = Offsets(input, output, 1), columns = Offsets(input, output, 2);
        int channels = input.Shape[3], image = input.ElementCount / input.Shape[0], at = 0;
        for (int n = 0; n < output.Shape[0]; n++)
        for (int oy = 0; oy < output.Shape[1]; oy++)
        for (int ox = 0; ox < output.Shape[2]; ox++)
        for (int c = 0; c < channels; c++)
        {
            y[at++] = x[(n * image) + rows[oy] + columns[ox] + c];
        }

        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]], output = graph[Outputs[0]];
        return new Layer(
            this, new NearestKernel(input.Type, input.Shape[0], input.ElementCount / input.Shape[0], output.Shape[1], output.Shape[2], input.Shape[3]),
            new[] { Inputs[0] }, new[] { Table.Of("Rows", Offsets(input, output, 1)), Table.Of("Columns", Offsets(input, output, 2)) });
    }

    private sealed record NearestKernel(ElementType Type, int Images, int ImageSize, int OutputHeight, int OutputWidth, int Channels) : Kernel
    {
        public override string Name => "ResizeNearestNeighbor";

        public override int CodeBytes => 780;

        public override void Emit(CodeWriter w, string method)
        {
            string type = Type.Keyword();
            using (w.Method(method, $"ReadOnlySpan<{type}> input, Span<{type}> output", "ReadOnlySpan<int> rows, ReadOnlySpan<int> columns"))
            {
                w.Line($"const int Images = {Images}, ImageSize = {ImageSize};");
                w.Line($"const int OutputHeight = {OutputHeight}, OutputWidth = {OutputWidth}, Channels = {Channels};");
                w.Line("const int RowSize = OutputWidth * Channels;");
                w.Line();
                w.Line("// rows and columns are offsets into an image.");
                w.Line("int o = 0;");
                w.Line("for (int n = 0; n < Images; n++)");
                using (w.Block("for (int oy = 0; oy < OutputHeight; oy++)"))
                {
                    using (w.Block("if (oy > 0 && rows[oy] == rows[oy - 1])"))
                    {
                        w.Line("output.Slice(o - RowSize, RowSize).CopyTo(output.Slice(o, RowSize));");
                        w.Line("o += RowSize;");
                        w.Line("continue;");
                    }

                    w.Line();
                    w.Line($"ReadOnlySpan<{type}> row = input.Slice((n * ImageSize) + rows[oy]);");
                    using (w.Block("for (int ox = 0; ox < OutputWidth; ox++)"))
                    {
                        w.Line("row.Slice(columns[ox], Channels).CopyTo(output.Slice(o, Channels));");
                        w.Line("o += Channels;");
                    }
                }
            }
        }
    }

    // For each output index along a dimension, the offset of the input that it takes.
    private int[] Offsets(Tensor input, Tensor output, int dimension)
    {
        int size = input.Shape[dimension], outputs = output.Shape[dimension], stride = Shapes.Strides(input.Shape)[dimension];
        float scale = AlignsCorners && outputs > 1 ? (float)((size - 1) / (float)(outputs - 1)) : (float)(size / (float)outputs);
        float offset = HasHalfPixelCenters ? 0.5f : 0;
        return
        [
            .. Enumerable.Range(0, outputs).Select(i =>
            {
                float place = (float)((float)(i + offset) * scale);
                double nearest = AlignsCorners ? Quantize.Round(place) : Math.Floor(place);
                return (int)Math.Max(0, Math.Min(nearest, size - 1)) * stride;
            }),
        ];
    }
}

/// <summary>What the contracts of RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR share.</summary>
internal static class Resized
{
    // Far beyond every image, and 1024 times as much fits 32 bits.
    private const int MaxSize = 1 << 16;

    public static void Check(Contract c, Tensor? input)
    {
        c.Input(0).Rank(4);
        int[]? size = c.Integers(1);
        if (!c.Holds) return;

        c.Require(input!.ElementCount > 0 && input.Shape.All(n => n <= MaxSize), $"needs an input of at most {MaxSize} elements along each dimension");
        c.Require(size!.Length == 2 && size.All(n => n is > 0 and <= MaxSize), $"needs an output height and width from 1 to {MaxSize}");
        if (c.Holds) c.Output(0).Shape(input.Shape[0], size[0], size[1], input.Shape[3]);
    }
}
