using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>TRANSPOSE: output dimension d is input dimension permutation[d].</summary>
internal sealed record Transpose : Op
{
    public required EquatableArray<int>? Permutation { get; init; }

    public override string Name => "TRANSPOSE";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Transpose
    {
        Inputs = r.Inputs,
        Outputs = r.Outputs,
        Permutation = r.Integers(1),
    };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = StridedCopy.Check(c, 0, 0);
        c.Require(Permutation is not null, "needs a constant permutation");
        if (!c.Holds) return;

        int rank = input!.Shape.Count;
        c.Require(Permutation!.Value.OrderBy(d => d).SequenceEqual(Enumerable.Range(0, rank)), $"needs a permutation of {rank} dimensions");
        if (c.Holds) c.Output(0).Shape([.. Permutation.Value.Select(d => input.Shape[d])]);
    }

    public override IEnumerable<Move> Moves(Graph graph) => [Turned(graph)];

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => StridedCopy.Layer(graph, this, "Transpose", Moves(graph));

    private Move Turned(Graph graph)
    {
        Tensor output = graph[Outputs[0]];
        int[] strides = Shapes.Strides(graph[Inputs[0]].Shape);
        return Move.Of(0, output.Shape, Shapes.Strides(output.Shape), 0, [.. Permutation!.Value.Select(d => strides[d])], 0);
    }
}
