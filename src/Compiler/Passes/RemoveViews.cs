using System.Collections.Generic;
using System.Linq;
using Etch.Ir;

namespace Etch.Passes;

/// <summary>Operators that only give bytes another shape go; their output becomes another name for the input's bytes.</summary>
/// <remarks>A view stays (as a copy) between two tensors of the caller: the input's span cannot be the output's.</remarks>
internal static class RemoveViews
{
    public static Graph Run(Graph graph)
    {
        Tensor[] tensors = graph.Tensors.ToArray();
        int Root(int id) => tensors[id].ViewOf < 0 ? id : tensors[id].ViewOf;

        // Names of the same bytes that the caller sees; at most one of a group may be.
        var callers = new HashSet<int>(graph.Inputs.Concat(graph.Outputs));
        var ops = new List<Op>();
        foreach (Op op in graph.Ops)
        {
            int root = op.IsView ? Root(op.Inputs[0]) : -1;
            bool isCallers = op.IsView && callers.Contains(op.Outputs[0]);
            if (!op.IsView || tensors[root].IsConstant || (isCallers && callers.Contains(root)))
            {
                ops.Add(op);
                continue;
            }

            tensors[op.Outputs[0]] = tensors[op.Outputs[0]] with { ViewOf = root };
            if (isCallers) callers.Add(root);
        }

        return graph.With(ops, tensors);
    }
}
