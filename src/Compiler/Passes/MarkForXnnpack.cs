using System.Linq;
using Etch.Ir;

namespace Etch.Passes;

/// <summary>All tensors follow XNNPACK's rules, where operators have them.</summary>
internal static class MarkForXnnpack
{
    // The file's contracts are not checked yet.
    public static Graph Run(Graph graph) =>
        new([.. graph.Tensors.Select(t => t with { IsForXnnpack = true })], graph.Ops.ToArray(), graph.Inputs.ToArray(), graph.Outputs.ToArray());
}
