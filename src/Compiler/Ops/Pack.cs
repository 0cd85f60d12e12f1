using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>PACK: inputs of one shape stacked along a new dimension.</summary>
/// <remarks>pack.cc of TFLite Micro.</remarks>
internal sealed record Pack : Op
{
    public required int Count { get; init; }

    public required int Axis { get; init; }

    public override string Name => "PACK";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Pack { Inputs = r.Inputs, Outputs = r.Outputs, Count = r.Int32(0), Axis = r.Int32(1) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        c.Require(Count == Inputs.Count && Count > 0, $"needs {Count} inputs, and it has {Inputs.Count}");
        Tensor? output = c.Output(0).Tensor;
        if (!c.Holds) return;

        int d = c.Dimension(Axis, output!.Shape.Count);
        if (c.Holds) c.Require(output.Shape[d] == Count, $"needs an output with {Count} elements along dimension {d}");
        for (int i = 0; i < Count && c.Holds; i++)
        {
            StridedCopy.Check(c, i, 0);
            c.Input(i).Shape([.. output.Shape.Where((_, at) => at != d)]);
        }
    }

    public override IEnumerable<Move> Moves(Graph graph)
    {
        EquatableArray<int> shape = graph[Inputs[0]].Shape;
        int[] strides = Shapes.Strides(graph[Outputs[0]].Shape);
        int d = Axis < 0 ? Axis + strides.Length : Axis;
        int[] own = [.. strides.Where((_, at) => at != d)];
        return Enumerable.Range(0, Count).Select(i => Move.Of(i, shape, own, i * strides[d], Shapes.Strides(shape), 0));
    }

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => StridedCopy.Layer(graph, this, "Pack", Moves(graph));
}
