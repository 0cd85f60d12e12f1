using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>Operators on the single elements of an 8-bit tensor become a table of their 256 results, by the reference semantics.</summary>
internal static class TabulateUnary
{
    public static Graph Run(Graph graph) => graph.With(graph.Ops.Select(op =>
    {
        Tensor input = graph[op.Inputs[0]];
        if (!op.IsElementwiseUnary || input.Type is not (ElementType.Int8 or ElementType.UInt8)) return op;
        int[] all = [.. Enumerable.Range(input.Type.Min(), 256)];
        return new Lookup(op, (int[])Values.Run(graph, op, all)) { Inputs = op.Inputs, Outputs = op.Outputs };
    }));
}
