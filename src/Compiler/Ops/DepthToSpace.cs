using System.Collections.Generic;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>DEPTH_TO_SPACE: output[n, y·b + i, x·b + j, k] = input[n, y, x, (i·b + j)·c + k] with blocks of b × b pixels.</summary>
/// <remarks>depth_to_space.cc of TFLite Micro.</remarks>
internal sealed record DepthToSpace : Op
{
    public required int Block { get; init; }

    public override string Name => "DEPTH_TO_SPACE";

    // ---- import ----
    public static Op Import(OperatorReader r) => new DepthToSpace { Inputs = r.Inputs, Outputs = r.Outputs, Block = r.Int32(0) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        StridedCopy.Check(c, 0, 0);
        c.Input(0).Rank(4);
        if (c.Holds) Blocks.Check(c, c.Graph[Inputs[0]], c.Output(0).Rank(4), Block);
    }

    public override string Describe(Graph graph) => InvariantText.Of($"{Name}, blocks of {Block}×{Block}");

    public override IEnumerable<Move> Moves(Graph graph) => [Scattered(graph)];

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => StridedCopy.Layer(graph, this, "DepthToSpace", Moves(graph));

    private Move Scattered(Graph graph)
    {
        (int[] shape, int[] deep, int[] wide) = Blocks.Walk(graph[Inputs[0]], Block);
        return Move.Of(0, shape, wide, 0, deep, 0);
    }
}
