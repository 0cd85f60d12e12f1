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
/// and is reported with the rest. Shapes that the file left open are stated on the way (<see cref="InferShapes"/>). A result that the caller receives is copied from a constant.
/// </remarks>
internal static class FoldConstants
{
    private const long MaxWork = 1 << 24;

    public static Graph Run(Graph graph, Problems problems)
    {
        // An operator sees what was folded before it: the array is the graph's own.
        Tensor[] tensors = graph.Tensors.ToArray();
        var folded = new Graph(tensors, graph.Ops.ToArray(), graph.Inputs.ToArray(), graph.Outputs.ToArray());
        var copied = new List<Tensor>();
        var ops = new List<Op>();
        long work = 0;
        foreach (Op op in graph.Ops)
        {
            if (op.Outputs.Count == 1 && !graph.Outputs.Contains(op.Outputs[0]) && InferShapes.Of(op, tensors) is { } shape)
            {
                tensors[op.Outputs[0]] = tensors[op.Outputs[0]] with { Shape = shape };
            }

            bool isConstant = op.ReadsOnlyShapes || op.Inputs.All(id => id < 0 || tensors[id].IsConstant);
            if (!isConstant || op.Outputs.Any(id => tensors[id].IsVariable) || !Holds(folded, op))
            {
                ops.Add(op);
                continue;
            }

            work += Work(folded, op);
            if (work > MaxWork)
            {
                problems.Add(Ids.TooLarge, $"{op.LayerName(graph)}: what depends on constants alone takes too long to compute at compile time: fold it before conversion");
                return graph;
            }

            Values values = Values.Run(folded, op);
            foreach (int id in op.Outputs)
            {
                Tensor result = tensors[id] with { Data = values.Bytes(id) };
                if (graph.Outputs.Contains(id))
                {
                    ops.Add(new Reshape("RESHAPE") { Inputs = new[] { tensors.Length + copied.Count }, Outputs = new[] { id } });
                    copied.Add(result with { Name = result.Name + ", folded" });
                }
                else
                {
                    tensors[id] = result;
                }
            }
        }

        return new Graph([.. tensors, .. copied], [.. ops], graph.Inputs.ToArray(), graph.Outputs.ToArray());
    }

    // What an operator takes of memory and time, in elements: a window counts as often as it is placed.
    private static long Work(Graph graph, Op op)
    {
        long elements = op.Outputs.Sum(id => (long)graph[id].ElementCount);
        PoolOptions? pool = op is AveragePool2D average ? average.Pool : (op as MaxPool2D)?.Pool;
        return (4 * elements) + (pool is null ? op.Macs(graph) : elements * pool.FilterHeight * pool.FilterWidth);
    }

    private static bool Holds(Graph graph, Op op)
    {
        var problems = new Problems();
        CheckContracts.Run(graph, op, problems);
        return !problems.Any;
    }
}
