using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>REVERSE_V2: the elements in the opposite order along some dimensions.</summary>
/// <remarks>reverse.cc of TFLite Micro.</remarks>
internal sealed record ReverseV2 : Op
{
    public override string Name => "REVERSE_V2";

    // ---- import ----
    public static Op Import(OperatorReader r) => new ReverseV2 { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = StridedCopy.Check(c, 0, 0);
        int[]? axes = c.Integers(1);
        if (!c.Holds) return;

        c.Output(0).Shape(input!.Shape.ToArray());
        int[] dimensions = [.. axes!.Select(axis => c.Dimension(axis, input.Shape.Count))];
        c.Require(dimensions.Distinct().Count() == dimensions.Length, "names an axis twice");
    }

    public override IEnumerable<Move> Moves(Graph graph) => [Turned(graph)];

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => StridedCopy.Layer(graph, this, "ReverseV2", Moves(graph));

    private Move Turned(Graph graph)
    {
        EquatableArray<int> shape = graph[Inputs[0]].Shape;
        int[] to = Shapes.Strides(shape), from = Shapes.Strides(shape);
        int first = 0;
        foreach (int axis in Integers(graph, 1))
        {
            int d = axis < 0 ? axis + shape.Count : axis;
            first += (shape[d] - 1) * from[d];
            from[d] = -from[d];
        }

        return Move.Of(0, shape, to, 0, from, first);
    }
}
