using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;

namespace Etch.Passes;

/// <summary>Where a tensor's bytes are.</summary>
internal enum Place
{
    Constant,
    Input,
    Output,
    Arena,
    State,
}

/// <summary>Where a tensor's bytes are: in the caller's span of that index, or in the arena or the state from that offset on.</summary>
internal readonly record struct Location(Place Place, int At);

/// <summary>A piece of the arena and the layers it is needed for, both inclusive.</summary>
internal readonly record struct Buffer(int Bytes, int Alignment, int First, int Last);

/// <summary>Where every tensor is.</summary>
/// <param name="Locations">By tensor id; tensors that no longer exist have none.</param>
/// <param name="Bytes">The arena's size.</param>
/// <param name="LowerBound">No plan with these buffers is smaller: the most bytes that live during one layer.</param>
/// <param name="Live">Bytes that live in the arena during each layer.</param>
internal sealed record ArenaPlan(IReadOnlyDictionary<int, Location> Locations, int Bytes, int LowerBound, EquatableArray<int> Live);

/// <summary>Gives every tensor that a layer writes a place in the arena, so that tensors alive at the same time do not overlap.</summary>
/// <remarks>
/// A tensor lives from the layer that writes it to the last that reads it. Inputs and outputs live in the caller's spans. An
/// output takes over the bytes of an input that dies there, where the kernel allows it. Buffers are then placed one by one,
/// each at the lowest free offset among those it meets in time, in several orders; the smallest result stays. This is the
/// greedy-by-size planner of TFLite Micro (greedy_memory_planner.h) with more orders tried. The order of layers is the file's.
/// </remarks>
internal static class PlanArena
{
    public static ArenaPlan Run(Graph graph, IReadOnlyList<Layer> layers, StatePlan state, CompileOptions options)
    {
        var locations = new Dictionary<int, Location>();
        for (int i = 0; i < graph.Inputs.Count; i++) locations[graph.Inputs[i]] = new Location(Place.Input, i);
        for (int i = 0; i < graph.Outputs.Count; i++) locations[graph.Root(graph.Outputs[i])] = new Location(Place.Output, i);

        for (int id = 0; id < graph.Tensors.Count; id++)
        {
            if (graph[id].Variable is { } variable && state.Offsets.TryGetValue(variable.Key, out int at)) locations[id] = new Location(Place.State, at);
        }

        // Lifetimes by root; a root that takes over another's bytes joins its buffer.
        var last = new Dictionary<int, int>();
        for (int layer = 0; layer < layers.Count; layer++)
        {
            foreach (int id in layers[layer].Inputs) last[graph.Root(id)] = layer;
        }

        var bufferOf = new Dictionary<int, int>();
        var buffers = new List<Buffer>();
        for (int layer = 0; layer < layers.Count; layer++)
        {
            foreach (int output in layers[layer].Outputs.Select(graph.Root))
            {
                if (locations.ContainsKey(output)) continue;
                int end = options.KeepTensors ? layers.Count - 1 : last.TryGetValue(output, out int read) ? read : layer;
                Tensor tensor = graph[output];
                int takenOver = options.KeepTensors ? -1 : TakeOver(graph, layers[layer], layer, last, bufferOf, tensor.ByteCount);
                if (takenOver >= 0)
                {
                    bufferOf[output] = takenOver;
                    buffers[takenOver] = buffers[takenOver] with { Last = end, Alignment = Math.Max(buffers[takenOver].Alignment, tensor.Type.Size()) };
                }
                else
                {
                    bufferOf[output] = buffers.Count;
                    buffers.Add(new Buffer(tensor.ByteCount, tensor.Type.Size(), layer, end));
                }
            }
        }

        int[] live = [.. Enumerable.Range(0, layers.Count).Select(layer => buffers.Where(b => b.First <= layer && layer <= b.Last).Sum(b => b.Bytes))];
        int lowerBound = live.Length == 0 ? 0 : live.Max();
        int[] offsets = Assign(buffers, lowerBound);
        foreach (KeyValuePair<int, int> pair in bufferOf) locations[pair.Key] = new Location(Place.Arena, offsets[pair.Value]);
        for (int id = 0; id < graph.Tensors.Count; id++)
        {
            if (graph[id].IsConstant) locations[id] = new Location(Place.Constant, 0);
            else if (graph[id].ViewOf >= 0 && locations.TryGetValue(graph.Root(id), out Location root)) locations[id] = root;
        }

        return new ArenaPlan(locations, Extent(buffers, offsets), lowerBound, live);
    }

    // The buffer of an input that the kernel may overwrite: it dies here and is the arena's, of the same size.
    private static int TakeOver(
        Graph graph, Layer layer, int index, Dictionary<int, int> last, Dictionary<int, int> bufferOf, int bytes)
    {
        if (layer.Outputs.Count > 1) return -1;
        for (int i = 0; i < layer.Inputs.Count; i++)
        {
            int id = graph.Root(layer.Inputs[i]);
            bool diesHere = last[id] == index && layer.Inputs.Count(other => graph.Root(other) == id) == 1;
            if (layer.Kernel.CanOverwrite(i) && diesHere && graph[id].ByteCount == bytes && bufferOf.TryGetValue(id, out int buffer)) return buffer;
        }

        return -1;
    }

    /// <summary>Offsets for buffers: the best of several orders, at once when one reaches the lower bound.</summary>
    public static int[] Assign(IReadOnlyList<Buffer> buffers, int lowerBound)
    {
        IEnumerable<int> all = Enumerable.Range(0, buffers.Count);
        Func<Buffer, long>[] keys =
        [
            b => b.Bytes,
            b => (long)b.Bytes * (b.Last - b.First + 1),
            b => b.Last - b.First,
            b => -b.First,
            b => b.Last,
        ];
        int[] best = [];
        int bestExtent = int.MaxValue;
        foreach (Func<Buffer, long> key in keys)
        {
            int[] offsets = Assign(buffers, all.OrderByDescending(i => key(buffers[i])).ThenByDescending(i => buffers[i].Bytes).ThenBy(i => i));
            int extent = Extent(buffers, offsets);
            if (extent >= bestExtent) continue;
            best = offsets;
            bestExtent = extent;
            if (extent == lowerBound) break;
        }

        return best;
    }

    private static int[] Assign(IReadOnlyList<Buffer> buffers, IEnumerable<int> order)
    {
        int[] offsets = new int[buffers.Count];
        var placed = new List<int>();
        foreach (int i in order)
        {
            Buffer buffer = buffers[i];
            int offset = 0;
            foreach (int j in placed.Where(j => buffers[j].First <= buffer.Last && buffer.First <= buffers[j].Last).OrderBy(j => offsets[j]))
            {
                if (offset + buffer.Bytes <= offsets[j]) break;
                int after = offsets[j] + buffers[j].Bytes;
                offset = Math.Max(offset, (after + buffer.Alignment - 1) / buffer.Alignment * buffer.Alignment);
            }

            offsets[i] = offset;
            placed.Add(i);
        }

        return offsets;
    }

    private static int Extent(IReadOnlyList<Buffer> buffers, int[] offsets) =>
        buffers.Count == 0 ? 0 : Enumerable.Range(0, buffers.Count).Max(i => offsets[i] + buffers[i].Bytes);
}
