using System.Collections.Generic;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SPLIT: the input cut along one dimension into outputs of equal size.</summary>
/// <remarks>split.cc of TFLite Micro. Input 0 is the axis.</remarks>
internal sealed record Split : Op
{
    public required int Count { get; init; }

    public override string Name => "SPLIT";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Split { Inputs = r.Inputs, Outputs = r.Outputs, Count = r.Int32(0) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        c.Require(Count == Outputs.Count, $"needs {Count} outputs, and it has {Outputs.Count}");
        int[]? sizes = Pieces.Check(c, this, input: 1, axis: 0);
        for (int i = 1; sizes is not null && i < sizes.Length; i++) c.Require(sizes[i] == sizes[0], "needs outputs of equal size");
    }

    public override IEnumerable<Move> Moves(Graph graph) => Pieces.Moves(graph, this, input: 1, axis: 0);

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) =>
        StridedCopy.Layer(graph, this, "Split", Moves(graph));
}

/// <summary>What SPLIT and SPLIT_V share: the outputs lie side by side in the input, along the dimension that an input names.</summary>
internal static class Pieces
{
    /// <returns>The outputs' sizes along the dimension, or null when a demand is broken.</returns>
    public static int[]? Check(Contract c, Op op, int input, int axis)
    {
        int[]? dimension = c.Integers(axis);
        Tensor? whole = c.Input(input).Tensor;
        c.Require(dimension is not { Length: > 1 }, "needs one axis");
        if (!c.Holds) return null;

        int d = c.Dimension(dimension![0], whole!.Shape.Count);
        int[] sizes = new int[op.Outputs.Count];
        long total = 0;
        for (int i = 0; i < sizes.Length && c.Holds; i++)
        {
            StridedCopy.Check(c, input, i);
            Tensor? piece = c.Output(i).Rank(whole.Shape.Count).Tensor;
            if (!c.Holds) return null;
            int[] expected = whole.Shape.ToArray();
            total += sizes[i] = expected[d] = piece!.Shape[d];
            c.Output(i).Shape(expected);
        }

        if (c.Holds) c.Require(total == whole.Shape[d], $"needs outputs that make up the input's dimension {d}");
        return c.Holds ? sizes : null;
    }

    public static IEnumerable<Move> Moves(Graph graph, Op op, int input, int axis)
    {
        Tensor whole = graph[op.Inputs[input]];
        int[] strides = Shapes.Strides(whole.Shape);
        int d = graph[op.Inputs[axis]].Integers()[0], from = 0;
        if (d < 0) d += strides.Length;
        for (int i = 0; i < op.Outputs.Count; i++)
        {
            EquatableArray<int> shape = graph[op.Outputs[i]].Shape;
            yield return Move.Of(input, shape, Shapes.Strides(shape), 0, strides, from, i);
            from += shape[d] * strides[d];
        }
    }
}
