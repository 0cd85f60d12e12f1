using System.Collections.Generic;
using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>Operators whose inputs are all constant become their results, by the reference semantics.</summary>
/// <remarks>
/// Runs before the contracts are checked, so that the shape arithmetic that exporters leave behind, on types that no kernel
/// has, is gone by then: SHAPE → STRIDED_SLICE → PACK → FILL. It folds only what keeps its own contract; what does not, stays
/// and is reported with the rest. A result that the caller receives is copied from a constant.
/// </remarks>
internal static class FoldConstants
{
    // All results together, in elements.
    private const long MaxElements = 1 << 24;

    public static Graph Run(Graph graph, Problems problems)
    {
        var tensors = graph.Tensors.ToList();
        var ops = new List<Op>();
        long elements = 0;
        foreach (Op op in graph.Ops)
        {
            bool isConstant = op.ReadsOnlyShapes || op.Inputs.All(id => id < 0 || graph[id].IsConstant);
            if (!isConstant || !Holds(graph, op))
            {
                ops.Add(op);
                continue;
            }

            elements += op.Outputs.Sum(id => (long)graph[id].ElementCount);
            if (elements > MaxElements)
            {
                problems.Add(Ids.TooLarge, $"{op.LayerName(graph)}: constants computed at compile time have more than {MaxElements} elements");
                return graph;
            }

            Values values = Values.Run(graph, op);
            foreach (int id in op.Outputs)
            {
                Tensor result = graph[id] with { Data = values.Bytes(id) };
                if (graph.Outputs.Contains(id))
                {
                    ops.Add(new Reshape("RESHAPE") { Inputs = new[] { tensors.Count }, Outputs = new[] { id } });
                    tensors.Add(result with { Name = result.Name + ", folded" });
                }
                else
                {
                    tensors[id] = result;
                }
            }

            graph = new Graph([.. tensors], graph.Ops.ToArray(), graph.Inputs.ToArray(), graph.Outputs.ToArray());
        }

        return new Graph([.. tensors], [.. ops], graph.Inputs.ToArray(), graph.Outputs.ToArray());
    }

    private static bool Holds(Graph graph, Op op)
    {
        var problems = new Problems();
        op.Check(new Contract(graph, op, problems));
        return !problems.Any;
    }
}
