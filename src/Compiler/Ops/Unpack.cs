using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>UNPACK: one output for each index of a dimension, which the outputs no longer have.</summary>
/// <remarks>unpack.cc of TFLite Micro.</remarks>
internal sealed record Unpack : Op
{
    public required int Count { get; init; }

    public required int Axis { get; init; }

    public override string Name => "UNPACK";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Unpack { Inputs = r.Inputs, Outputs = r.Outputs, Count = r.Int32(0), Axis = r.Int32(1) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        c.Require(Count == Outputs.Count, $"needs {Count} outputs, and it has {Outputs.Count}");
        Tensor? input = c.Input(0).Tensor;
        if (!c.Holds) return;

        int d = c.Dimension(Axis, input!.Shape.Count);
        if (c.Holds) c.Require(input.Shape[d] == Count, $"needs an input with {Count} elements along dimension {d}");
        for (int i = 0; i < Count && c.Holds; i++)
        {
            StridedCopy.Check(c, 0, i);
            c.Output(i).Shape([.. input.Shape.Where((_, at) => at != d)]);
        }
    }

    public override IEnumerable<Move> Moves(Graph graph)
    {
        EquatableArray<int> shape = graph[Outputs[0]].Shape;
        int[] strides = Shapes.Strides(graph[Inputs[0]].Shape);
        int d = Axis < 0 ? Axis + strides.Length : Axis;
        int[] own = [.. strides.Where((_, at) => at != d)];
        return Enumerable.Range(0, Count).Select(i => Move.Of(0, shape, Shapes.Strides(shape), 0, own, i * strides[d], i));
    }

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => StridedCopy.Layer(graph, this, "Unpack", Moves(graph));
}
