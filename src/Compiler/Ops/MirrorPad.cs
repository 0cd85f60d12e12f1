using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>MIRROR_PAD: the input surrounded by its own mirror image, with the border elements once (REFLECT) or twice (SYMMETRIC).</summary>
/// <remarks>mirror_pad.cc of TFLite Micro.</remarks>
internal sealed record MirrorPad : Op
{
    /// <summary>MirrorPadMode of the schema: 0 is REFLECT, 1 is SYMMETRIC.</summary>
    public required int Mode { get; init; }

    public override string Name => "MIRROR_PAD";

    // ---- import ----
    public static Op Import(OperatorReader r) => new MirrorPad { Inputs = r.Inputs, Outputs = r.Outputs, Mode = r.Byte(0) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = StridedCopy.Check(c, 0, 0);
        c.Input(0).Rank(1, 2, 3, 4);
        int[]? paddings = c.Integers(1);
        c.Require(Mode is 0 or 1, "has a mode that is not supported");
        if (!c.Holds) return;

        int rank = input!.Shape.Count;
        c.Require(paddings!.Length == 2 * rank, $"needs two paddings for each of {rank} dimensions");
        for (int d = 0; d < rank && c.Holds; d++)
        {
            int most = input.Shape[d] - Skipped;
            c.Require(paddings[2 * d] >= 0 && paddings[(2 * d) + 1] >= 0, "needs paddings that are not negative");
            c.Require(paddings[2 * d] <= most && paddings[(2 * d) + 1] <= most, $"needs paddings of dimension {d} up to {most}");
        }

        if (c.Holds) c.Output(0).Shape([.. input.Shape.Select((size, d) => paddings[2 * d] + size + paddings[(2 * d) + 1])]);
    }

    public override string Describe(Graph graph) => Name + (Mode == 0 ? ", REFLECT" : ", SYMMETRIC");

    public override IEnumerable<Move> Moves(Graph graph)
    {
        EquatableArray<int> shape = graph[Inputs[0]].Shape;
        int[] paddings = Integers(graph, 1), to = Shapes.Strides(graph[Outputs[0]].Shape), from = Shapes.Strides(shape);
        IEnumerable<Part[]> blocks = [[]];
        for (int d = 0; d < shape.Count; d++)
        {
            Part[] parts = [.. Parts(shape[d], paddings[2 * d], paddings[(2 * d) + 1])];
            blocks = [.. blocks.SelectMany(_ => parts, (block, part) => (Part[])[.. block, part])];
        }

        return blocks.Select(block => Move.Of(
            0, [.. block.Select(part => part.Count)],
            to, block.Select((part, d) => part.To * to[d]).Sum(),
            [.. block.Select((part, d) => part.Step * from[d])], block.Select((part, d) => part.From * from[d]).Sum()));
    }

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => StridedCopy.Layer(graph, this, "MirrorPad", Moves(graph));

    private int Skipped => Mode == 0 ? 1 : 0;

    // The parts of the output along a dimension: mirrored, as it is, mirrored.
    private IEnumerable<Part> Parts(int size, int before, int after)
    {
        if (before > 0) yield return new Part(0, before - 1 + Skipped, -1, before);
        yield return new Part(before, 0, 1, size);
        if (after > 0) yield return new Part(before + size, size - 1 - Skipped, -1, after);
    }

    private sealed record Part(int To, int From, int Step, int Count);
}
