using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>BROADCAST_TO: the input repeated along dimensions of size 1, as numpy broadcasts, to the shape of input 1.</summary>
/// <remarks>broadcast_to.cc of TFLite Micro.</remarks>
internal sealed record BroadcastTo : Op
{
    public override string Name => "BROADCAST_TO";

    // ---- import ----
    public static Op Import(OperatorReader r) => new BroadcastTo { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = StridedCopy.Check(c, 0, 0);
        int[]? shape = c.Integers(1);
        if (!c.Holds) return;

        c.Require(shape!.Length >= input!.Shape.Count, $"needs a shape of at least {input.Shape.Count} dimensions");
        c.Output(0).Shape(shape);
        if (!c.Holds) return;
        int[]? broadcast = Shapes.Broadcast(input.Shape, shape);
        c.Require(broadcast is not null && broadcast.SequenceEqual(shape), $"needs an input that broadcasts to [{string.Join(", ", shape)}], and it has the shape [{input.Shape}]");
    }

    public override IEnumerable<Move> Moves(Graph graph) => [Repeated(graph)];

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => StridedCopy.Layer(graph, this, "BroadcastTo", Moves(graph));

    private Move Repeated(Graph graph)
    {
        EquatableArray<int> shape = graph[Outputs[0]].Shape;
        return Move.Of(0, shape, Shapes.Strides(shape), 0, Shapes.BroadcastStrides(graph[Inputs[0]].Shape, shape), 0);
    }
}
