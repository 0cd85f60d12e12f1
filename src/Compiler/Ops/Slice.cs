using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SLICE: along each dimension <c>size</c> elements from <c>begin</c> on; a size of −1 takes all that follow.</summary>
/// <remarks>slice.cc of TFLite Micro.</remarks>
internal sealed record Slice : Op
{
    public override string Name => "SLICE";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Slice { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = StridedCopy.Check(c, 0, 0);
        int[]? begin = c.Integers(1), size = c.Integers(2);
        if (!c.Holds) return;

        int rank = input!.Shape.Count;
        c.Require(begin!.Length == rank && size!.Length == rank, $"needs begin and size for each of {rank} dimensions");
        for (int d = 0; d < rank && c.Holds; d++)
        {
            int rest = input.Shape[d] - begin[d];
            c.Require(begin[d] >= 0 && rest >= 0 && size![d] >= -1 && size[d] <= rest, $"needs a range inside dimension {d} of [{input.Shape}]");
        }

        if (c.Holds) c.Output(0).Shape([.. input.Shape.Select((n, d) => size![d] < 0 ? n - begin[d] : size[d])]);
    }

    public override IEnumerable<Move> Moves(Graph graph) => [Part(graph)];

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => StridedCopy.Layer(graph, this, "Slice", Moves(graph));

    private Move Part(Graph graph)
    {
        int[] from = Shapes.Strides(graph[Inputs[0]].Shape), to = Shapes.Strides(graph[Outputs[0]].Shape);
        return Move.Of(0, graph[Outputs[0]].Shape, to, 0, from, Integers(graph, 1).Select((begin, d) => begin * from[d]).Sum());
    }
}
