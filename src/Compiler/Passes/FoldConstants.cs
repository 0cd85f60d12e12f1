using System.Linq;
using Etch.Ir;

namespace Etch.Passes;

/// <summary>Operators whose inputs are all constant become their result, by the reference semantics.</summary>
internal static class FoldConstants
{
    public static Graph Run(Graph graph)
    {
        foreach (Op op in graph.Ops)
        {
            if (op.Outputs.Count != 1 || graph.Outputs.Contains(op.Outputs[0])) continue;
            if (!op.Inputs.All(id => id < 0 || graph[id].IsConstant)) continue;

            int output = op.Outputs[0];
            byte[] data = Values.Bytes(graph[output].Type, Values.Run(graph, op));
            Tensor[] tensors = graph.Tensors.ToArray();
            tensors[output] = tensors[output] with { Data = data };
            graph = graph.With(graph.Ops.Where(other => other != op), tensors);
        }

        return graph;
    }
}
