using System.Linq;
using Etch.Ir;

namespace Etch.Passes;

/// <summary>Operators go whose outputs nobody reads.</summary>
internal static class DropUnread
{
    public static Graph Run(Graph graph)
    {
        while (true)
        {
            Op[] read = [.. graph.Ops.Where(op => op.Outputs.Any(id => graph.Outputs.Contains(id) || graph.Consumers(id).Any()))];
            if (read.Length == graph.Ops.Count) return graph;
            graph = graph.With(read);
        }
    }
}
