using System.Collections.Generic;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SPACE_TO_DEPTH: output[n, y, x, (i·b + j)·c + k] = input[n, y·b + i, x·b + j, k] with blocks of b × b pixels.</summary>
/// <remarks>space_to_depth.cc of TFLite Micro.</remarks>
internal sealed record SpaceToDepth : Op
{
    public required int Block { get; init; }

    public override string Name => "SPACE_TO_DEPTH";

    // ---- import ----
    public static Op Import(OperatorReader r) => new SpaceToDepth { Inputs = r.Inputs, Outputs = r.Outputs, Block = r.Int32(0) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        StridedCopy.Check(c, 0, 0);
        c.Output(0).Rank(4);
        if (c.Holds) Blocks.Check(c, c.Graph[Outputs[0]], c.Input(0).Rank(4), Block);
    }

    public override string Describe(Graph graph) => InvariantText.Of($"{Name}, blocks of {Block}×{Block}");

    public override IEnumerable<Move> Moves(Graph graph) => [Gathered(graph)];

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => StridedCopy.Layer(graph, this, "SpaceToDepth", Moves(graph));

    private Move Gathered(Graph graph)
    {
        (int[] shape, int[] deep, int[] wide) = Blocks.Walk(graph[Outputs[0]], Block);
        return Move.Of(0, shape, deep, 0, wide, 0);
    }
}

/// <summary>What SPACE_TO_DEPTH and DEPTH_TO_SPACE share: a deep image whose pixels are the blocks of a wide one.</summary>
internal static class Blocks
{
    public static void Check(Contract c, Tensor deep, TensorContract wide, int block)
    {
        c.Require(block is > 0 and < 0x4000 && deep.Shape[3] % ((long)block * block) == 0, $"needs a depth that blocks of {block} by {block} divide");
        if (c.Holds) c.Require((long)block * deep.Shape[1] < 1 << 28 && (long)block * deep.Shape[2] < 1 << 28, "needs a smaller block");
        if (c.Holds) wide.Shape(deep.Shape[0], deep.Shape[1] * block, deep.Shape[2] * block, deep.Shape[3] / (block * block));
    }

    /// <summary>All elements in the wide image's order — n, y, i, x, j, k — with their strides in both.</summary>
    public static (int[] Shape, int[] Deep, int[] Wide) Walk(Tensor deep, int block)
    {
        int height = deep.Shape[1], width = deep.Shape[2], depth = deep.Shape[3], channels = depth / (block * block);
        int[] shape = [deep.Shape[0], height, block, width, block, channels];
        return (shape, [height * width * depth, width * depth, block * channels, depth, channels, 1], Shapes.Strides(shape));
    }
}
