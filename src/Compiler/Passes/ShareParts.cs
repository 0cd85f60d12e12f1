using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>Tensors that an operator joins or cuts lie side by side in the whole: CONCATENATION, PACK, SPLIT, UNPACK and slices copy nothing.</summary>
/// <remarks>
/// <para>That takes a block whose bytes follow each other in both tensors: along the outermost dimension that is not 1. A tensor that is joined is then
/// written where it goes, one that is cut out is read where it is. The operator stays in the graph, for it says what the bytes mean;
/// its kernel has no such blocks, and where it has none left there is no layer.</para>
/// <para>A block is still copied when the tensor is the caller's, a variable or a constant, into and out of variables, and to all places but
/// one when it goes to several. All bytes of the whole live as long as any: parts that would raise the peak by that are copied as well.</para>
/// </remarks>
internal static class ShareParts
{
    // Pairs of layers that are looked at, at most, to find out which parts raise the peak.
    private const long MostPairs = 1 << 22;

    /// <returns>The graph with parts and its layers, or null where there are none.</returns>
    public static (Graph Graph, IReadOnlyList<Layer> Layers)? Run(Graph graph, IReadOnlyList<Layer> layers, CompileOptions options)
    {
        IReadOnlyList<Layer> Layers(Graph shared) =>
        [
            .. layers.Select(layer => layer.Kernel is StridedCopy ? layer.Op.SelectKernel(shared, options) : layer)
                .Where(layer => layer.Kernel is not StridedCopy { Fill: null, Moves.Count: 0 }),
        ];
        Layer[] copies = [.. layers.Where(layer => layer.Kernel is StridedCopy { Fill: null })];
        Graph all = copies.Aggregate(graph, Share);
        if (all == graph) return null;
        Invariants.Hold(all);

        long most = OrderLayers.Peak(graph, layers, options);
        if (OrderLayers.Peak(all, Layers(all), options) <= most) return (all, Layers(all));
        if ((long)copies.Length * layers.Count * layers.Count > MostPairs) return null;

        Graph some = graph;
        foreach (Layer copy in copies)
        {
            Graph next = Share(some, copy);
            if (next != some && OrderLayers.Peak(next, Layers(next), options) <= most) some = next;
        }

        return some == graph ? null : (some, Layers(some));
    }

    // The graph in which the blocks of a copy lie where they go, as far as they can.
    private static Graph Share(Graph graph, Layer layer)
    {
        var copy = (StridedCopy)layer.Kernel;
        Tensor[] tensors = graph.Tensors.ToArray();
        Graph shared = graph;
        HashSet<int> callers = [.. graph.Inputs.Concat(graph.Outputs).Select(graph.Root)];

        void Lie(int root, int whole, int at)
        {
            for (int id = 0; id < tensors.Length; id++)
            {
                if (shared.Root(id) == root) tensors[id] = tensors[id] with { ViewOf = shared.Root(whole), ViewAt = tensors[id].ViewAt + tensors[whole].ViewAt + at };
            }

            shared = new Graph([.. tensors], graph.Ops.ToArray(), graph.Inputs.ToArray(), graph.Outputs.ToArray());
        }

        bool IsFree(int id) => !shared.IsPart(id) && !callers.Contains(shared.Root(id)) && !IsVariable(id);
        bool IsVariable(int id) => shared[shared.Root(id)].IsVariable;

        foreach (Move move in copy.Moves.Where(move => move.IsRun && !copy.IsConstant[move.Input]))
        {
            int source = layer.Inputs[copy.IsConstant.Take(move.Input).Count(isConstant => !isConstant)], target = layer.Outputs[move.Output];
            int size = graph[target].Type.Size();
            if (shared.Root(source) == shared.Root(target) || IsVariable(source) || IsVariable(target)) continue;
            bool isCut = move.To == 0 && move.Elements == graph[target].ElementCount && IsFree(target) && shared[target].ViewOf < 0;
            bool isJoined = move.From == 0 && move.Elements == graph[source].ElementCount && IsFree(source);
            if (isCut) Lie(target, source, move.From * size);
            else if (isJoined) Lie(shared.Root(source), target, move.To * size);
        }

        return shared;
    }
}
