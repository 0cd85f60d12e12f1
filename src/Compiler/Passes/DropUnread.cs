using System.Collections.Generic;
using System.Linq;
using Etch.Ir;

namespace Etch.Passes;

/// <summary>Operators go whose outputs nobody reads; the next inference reads variables.</summary>
internal static class DropUnread
{
    public static Graph Run(Graph graph)
    {
        // Backwards: every reader is seen before what it reads.
        var read = new HashSet<int>(graph.Outputs);
        var kept = new Stack<Op>();
        foreach (Op op in graph.Ops.Reverse())
        {
            if (!op.Outputs.Any(id => read.Contains(id) || graph[id].IsVariable)) continue;
            kept.Push(op);
            read.UnionWith(op.Inputs);
        }

        return kept.Count == graph.Ops.Count ? graph : graph.With(kept);
    }
}
