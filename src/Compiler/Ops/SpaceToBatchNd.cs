using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SPACE_TO_BATCH_ND: every block-th pixel of the padded image becomes an image of its own, one for each place in a block.</summary>
/// <remarks>reference/space_to_batch_nd.h of TFLite: output[k·N + n, y] = padded[n, y·block + k]. Outside is the output's zero point;
/// TensorFlow Lite Micro takes that value from a field it never sets.</remarks>
internal sealed record SpaceToBatchNd : Op
{
    public override string Name => "SPACE_TO_BATCH_ND";

    // ---- import ----
    public static Op Import(OperatorReader r) => new SpaceToBatchNd { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? image = StridedCopy.Check(c, 0, 0);
        BatchBlocks.Check(c, image, c.Output(0).Tensor);
    }

    public override IEnumerable<Move> Moves(Graph graph) => BatchBlocks
        .Of(graph[Inputs[0]], graph[Outputs[0]], Integers(graph, 1), Integers(graph, 2))
        .Select(b => Move.Of(0, b.Shape, b.BatchStrides, b.InBatch, b.ImageStrides, b.InImage));

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph), Fill(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) =>
        StridedCopy.Layer(graph, this, "SpaceToBatchNd", Moves(graph), Fill(graph));

    private int? Fill(Graph graph) => Integers(graph, 2).All(p => p == 0) ? null : graph[Outputs[0]].Quantization?.ZeroPoint ?? 0;
}

/// <summary>What SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND share: images that take turns in the pixels of a larger one.</summary>
/// <param name="Shape">Elements that belong together.</param>
/// <param name="InBatch">The first one's offset in the images.</param>
/// <param name="InImage">The first one's offset in the larger image.</param>
internal sealed record BatchBlocks(int[] Shape, int[] BatchStrides, int InBatch, int[] ImageStrides, int InImage)
{
    // Without padding all is one block; with it, each place in a block has a border of its own.
    private const int MaxPlaces = 256;

    /// <summary>Input 1 is the block's shape, input 2 what lies around the larger image, before and after.</summary>
    public static void Check(Contract c, Tensor? image, Tensor? batch)
    {
        c.Input(0).Rank(3, 4);
        c.Output(0).Rank(3, 4);
        int[]? block = c.Integers(1), around = c.Integers(2);
        if (!c.Holds) return;

        int spatial = image!.Shape.Count - 2;
        c.Require(batch!.Shape.Count == image.Shape.Count, "needs input and output of one rank");
        c.Require(block!.Length == spatial && block.All(b => b is > 0 and <= MaxPlaces), $"needs a block of {spatial} numbers from 1 to {MaxPlaces}");
        c.Require(around!.Length == 2 * spatial && around.All(p => p is >= 0 and < 1 << 24), $"needs {2 * spatial} numbers around it that are not negative");
        if (!c.Holds) return;
        c.Require(block.Aggregate(1L, (all, b) => all * b) <= MaxPlaces, $"needs a block of at most {MaxPlaces} places");
        if (!c.Holds) return;

        bool fits = batch.Shape[0] == (long)image.Shape[0] * Shapes.Count(block) && batch.Shape[spatial + 1] == image.Shape[spatial + 1];
        for (int d = 0; d < spatial; d++)
        {
            fits &= (long)batch.Shape[d + 1] * block[d] == (long)image.Shape[d + 1] + around[2 * d] + around[(2 * d) + 1];
        }

        c.Require(fits, $"needs shapes that fit its block, and it has [{image.Shape}] and [{batch.Shape}]");
    }

    public static IEnumerable<BatchBlocks> Of(Tensor image, Tensor batch, int[] block, int[] around)
    {
        int spatial = block.Length;
        int[] small = Shapes.Strides(batch.Shape), large = Shapes.Strides(image.Shape), places = Shapes.Strides(block);
        int[] strides = [large[0], .. block.Select((b, d) => b * large[d + 1]), 1];
        if (around.All(p => p == 0))
        {
            yield return new BatchBlocks(
                [.. block, image.Shape[0], .. batch.Shape.Skip(1)],
                [.. places.Select(p => p * image.Shape[0] * small[0]), .. small], 0,
                [.. large.Skip(1).Take(spatial), .. strides], 0);
            yield break;
        }

        for (int place = 0; place < Shapes.Count(block); place++)
        {
            int[] shape = [image.Shape[0], .. batch.Shape.Skip(1)];
            int inBatch = place * image.Shape[0] * small[0], inImage = 0;
            for (int d = 0; d < spatial; d++)
            {
                // The pixels of the image on this dimension are y · block + first, from the first y that lies inside.
                int first = (place / places[d] % block[d]) - around[2 * d];
                int begin = Math.Max(0, CeilingOf(-first, block[d])), end = Math.Min(shape[d + 1], CeilingOf(image.Shape[d + 1] - first, block[d]));
                shape[d + 1] = Math.Max(0, end - begin);
                inBatch += begin * small[d + 1];
                inImage += ((begin * block[d]) + first) * large[d + 1];
            }

            if (Shapes.Count(shape) > 0) yield return new BatchBlocks(shape, small, inBatch, strides, inImage);
        }
    }

    private static int CeilingOf(int n, int divisor) => (n / divisor) + (n % divisor > 0 ? 1 : 0);
}
