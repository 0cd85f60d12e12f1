using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>RESIZE_BILINEAR: the mean of four neighbours by their distances, in integers with ten bits of fraction along each dimension.</summary>
/// <remarks>ResizeBilinearInteger of reference/resize_bilinear.h in TFLite. The weights of the four add up to 2^20; with half pixel
/// centers those before the first pixel are negative, where both neighbours are that pixel.</remarks>
internal sealed record ResizeBilinear : Op
{
    public required bool AlignsCorners { get; init; }

    public required bool HasHalfPixelCenters { get; init; }

    public override string Name => "RESIZE_BILINEAR";

    // ---- import ----
    public static Op Import(OperatorReader r) =>
        new ResizeBilinear { Inputs = r.Inputs, Outputs = r.Outputs, AlignsCorners = r.Bool(2), HasHalfPixelCenters = r.Bool(3) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = StridedCopy.Check(c, 0, 0);
        c.Input(0).Int8();
        c.Require(!AlignsCorners || !HasHalfPixelCenters, "has aligned corners and half pixel centers, which exclude each other");
        Resized.Check(c, input);
        if (!c.Holds) return;

        // The rounded step adds up: TFLite would read behind the image.
        Tensor output = c.Graph[Outputs[0]];
        c.Require(
            Along(input!, output, 1).IsInside(input!.Shape[1]) && Along(input, output, 2).IsInside(input.Shape[2]),
            $"needs sizes whose quotient 1/1024 steps approach, and it resizes [{input.Shape}] to [{output.Shape}]");
    }

    /// <summary>Of the same size, each pixel takes itself alone.</summary>
    public override IEnumerable<Move>? Moves(Graph graph)
    {
        Tensor input = graph[Inputs[0]], output = graph[Outputs[0]];
        return input.Shape.Equals(output.Shape) && IsInOrder(1) && IsInOrder(2) ? [Move.Whole(input.ElementCount)] : null;

        bool IsInOrder(int d) => Along(input, output, d) is var at && at.Weight.All(weight => weight == 0) && at.Before.SequenceEqual(Enumerable.Range(0, input.Shape[d]));
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        Tensor input = values.Graph[Inputs[0]], output = values.Graph[Outputs[0]];
        int[] x = values.Integers(Inputs[0]), y = new int[output.ElementCount];
        Neighbours rows = Along(input, output, 1), columns = Along(input, output, 2);
        int[] strides = Shapes.Strides(input.Shape);
        long one = One(output);
        int at = 0;
        for (int n = 0; n < output.Shape[0]; n++)
        for (int oy = 0; oy < output.Shape[1]; oy++)
        for (int ox = 0; ox < output.Shape[2]; ox++)
        for (int c = 0; c < output.Shape[3]; c++)
        {
            int Pixel(int iy, int ix) => x[(n * strides[0]) + (iy * strides[1]) + (ix * strides[2]) + c];
            long top = ((long)Pixel(rows.Before[oy], columns.Before[ox]) * (one - columns.Weight[ox])) + ((long)Pixel(rows.Before[oy], columns.After[ox]) * columns.Weight[ox]);
            long bottom = ((long)Pixel(rows.After[oy], columns.Before[ox]) * (one - columns.Weight[ox])) + ((long)Pixel(rows.After[oy], columns.After[ox]) * columns.Weight[ox]);
            long sum = (top * (one - rows.Weight[oy])) + (bottom * rows.Weight[oy]);
            y[at++] = (int)(output.HasXnnpackRules ? (sum + (one * one / 2)) >> 22 : (sum + (sum > 0 ? one * one / 2 : -one * one / 2)) / (one * one));
        }

        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]], output = graph[Outputs[0]];
        int[] strides = Shapes.Strides(input.Shape);
        Neighbours rows = Along(input, output, 1), columns = Along(input, output, 2);
        int[] Offsets(int[] indices, int stride) => [.. indices.Select(i => i * stride)];
        return new Layer(
            this, new BilinearKernel(input.Shape[0], strides[0], output.Shape[1], output.Shape[2], input.Shape[3], One(output), output.HasXnnpackRules),
            new[] { Inputs[0] },
            new[]
            {
                Table.Of("Upper", Offsets(rows.Before, strides[1])), Table.Of("Lower", Offsets(rows.After, strides[1])), Table.Of("RowWeight", rows.Weight),
                Table.Of("Left", Offsets(columns.Before, strides[2])), Table.Of("Right", Offsets(columns.After, strides[2])), Table.Of("ColumnWeight", columns.Weight),
            });
    }

    private sealed record BilinearKernel(int Images, int ImageSize, int OutputHeight, int OutputWidth, int Channels, int One, bool RoundsUp) : Kernel
    {
        public override string Name => "ResizeBilinear";

        public override int CodeBytes => 560;

        public override void Emit(CodeWriter w, string method)
        {
            w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
            using (w.Method(
                method, "ReadOnlySpan<sbyte> input, Span<sbyte> output",
                "ReadOnlySpan<int> upper, ReadOnlySpan<int> lower, ReadOnlySpan<int> rowWeight",
                "ReadOnlySpan<int> left, ReadOnlySpan<int> right, ReadOnlySpan<int> columnWeight"))
            {
                w.Line($"const int Images = {Images}, ImageSize = {ImageSize};");
                w.Line($"const int OutputHeight = {OutputHeight}, OutputWidth = {OutputWidth}, Channels = {Channels};");
                w.Line($"const int One = {One}, Half = One * One / 2; // weights are fractions of One");
                w.Line();
                w.Line("int o = 0;");
                w.Line("for (int n = 0; n < Images; n++)");
                using (w.Block("for (int oy = 0; oy < OutputHeight; oy++)"))
                {
                    w.Line("ReadOnlySpan<sbyte> above = input.Slice((n * ImageSize) + upper[oy]);");
                    w.Line("ReadOnlySpan<sbyte> below = input.Slice((n * ImageSize) + lower[oy]);");
                    w.Line("int wy = rowWeight[oy];");
                    using (w.Block("for (int ox = 0; ox < OutputWidth; ox++)"))
                    {
                        w.Line("int ix = left[ox], jx = right[ox], wx = columnWeight[ox];");
                        w.Line("int a = (One - wy) * (One - wx), b = (One - wy) * wx, c = wy * (One - wx), d = wy * wx;");
                        using (w.Block("for (int oc = 0; oc < Channels; oc++)"))
                        {
                            w.Line("int acc = (a * above[ix + oc]) + (b * above[jx + oc]) + (c * below[ix + oc]) + (d * below[jx + oc]);");
                            w.Line(RoundsUp ? "output[o++] = (sbyte)((acc + Half) >> 22); // One * One is 2 to the 22" : "output[o++] = (sbyte)((acc + (acc > 0 ? Half : -Half)) / (One * One));");
                        }
                    }
                }
            }
        }
    }

    // One in the fixed point of the weights; XNNPACK has eleven bits and rounds halves up.
    private static int One(Tensor output) => output.HasXnnpackRules ? 1 << 11 : 1 << 10;

    // ComputeInterpolationValues for each output index along a dimension.
    private Neighbours Along(Tensor input, Tensor output, int dimension)
    {
        int size = input.Shape[dimension], outputs = output.Shape[dimension], one = One(output);
        if (output.HasXnnpackRules)
        {
            int less = AlignsCorners && outputs > 1 ? 1 : 0;
            float scale = (float)((float)(size - less) / (float)(outputs - less)), offset = HasHalfPixelCenters ? (float)((float)(0.5f * scale) - 0.5f) : 0;
            float[] at = [.. Enumerable.Range(0, outputs).Select(i => Math.Min(Math.Max(0, (float)((float)(i * scale) + offset)), size - 1))];
            return new Neighbours(
                [.. at.Select(v => (int)v)], [.. at.Select(v => Math.Min((int)v + 1, size - 1))], [.. at.Select(v => FixedPoint.RoundToEven((float)((float)(v - (int)v) * one)))]);
        }

        int step = AlignsCorners && outputs > 1
            ? ((one * (size - 1)) + ((outputs - 1) / 2)) / (outputs - 1)
            : ((one * size) + (outputs / 2)) / outputs;
        long[] place = [.. Enumerable.Range(0, outputs).Select(i => ((long)i * step) + (HasHalfPixelCenters ? (step / 2) - (one / 2) : 0))];
        int[] before = [.. place.Select(p => (int)Math.Max(0, p / one))];
        return new Neighbours(
            before, [.. place.Select(p => (int)Math.Min((p + one - 1) / one, size - 1))], [.. place.Select((p, i) => (int)(p - ((long)one * before[i])))]);
    }

    private sealed record Neighbours(int[] Before, int[] After, int[] Weight)
    {
        public bool IsInside(int size) => Before.All(i => i < size);
    }
}
