using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>TILE: the input repeated along each dimension as often as input 1 says.</summary>
/// <remarks>reference/tile.h of TFLite; TensorFlow Lite Micro has no kernel for it.</remarks>
internal sealed record Tile : Op
{
    public override string Name => "TILE";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Tile { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = StridedCopy.Check(c, 0, 0);
        int[]? times = c.Integers(1);
        if (!c.Holds) return;

        int rank = input!.Shape.Count;
        Tensor? output = c.Output(0).Rank(rank).Tensor;
        c.Require(times!.Length == rank && times.All(n => n > 0), $"needs a positive number for each of {rank} dimensions");
        if (c.Holds) c.Require(times.Select((n, d) => (long)n * input.Shape[d] == output!.Shape[d]).All(same => same), "needs an output of the input's shape times input 1");
    }

    public override IEnumerable<Move> Moves(Graph graph) => [Repeated(graph)];

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => StridedCopy.Layer(graph, this, "Tile", Moves(graph));

    // Each dimension twice: which repetition, and the element in it.
    private Move Repeated(Graph graph)
    {
        EquatableArray<int> size = graph[Inputs[0]].Shape;
        int[] times = Integers(graph, 1), from = Shapes.Strides(size), to = Shapes.Strides(graph[Outputs[0]].Shape);
        int[] Twice(int[] first, int[] second) => [.. first.SelectMany((n, d) => new[] { n, second[d] })];
        return Move.Of(
            0, Twice(times, size.ToArray()),
            Twice([.. to.Select((stride, d) => stride * size[d])], to), 0, Twice(new int[from.Length], from), 0);
    }
}
