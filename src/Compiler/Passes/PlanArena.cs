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

/// <summary>How a layer computes over its own input: so many output rows for each call, from the first row on or from the last back.</summary>
internal readonly record struct RowOrder(int RowsPerCall, bool IsBackward);

/// <summary>Where every tensor is.</summary>
/// <param name="Locations">By tensor id; tensors that no longer exist have none.</param>
/// <param name="Bytes">The arena's size.</param>
/// <param name="LowerBound">No plan of these layers is smaller: the most bytes that one step needs.</param>
/// <param name="IsOptimal">No placement of these tensors is smaller, by the lower bound or by an exhaustive search.</param>
/// <param name="Live">Bytes that each step needs at least: what lives then, less what input and output can share.</param>
internal sealed record ArenaPlan(
    IReadOnlyDictionary<int, Location> Locations, int Bytes, int LowerBound, bool IsOptimal, EquatableArray<int> Live)
{
    /// <summary>By layer: those whose output lies over the input that dies there.</summary>
    public IReadOnlyDictionary<int, RowOrder> InPlace { get; init; } = new Dictionary<int, RowOrder>();

    /// <summary>By step: where its scratch is, 0 where it has none.</summary>
    public EquatableArray<int> ScratchAt { get; init; }
}

/// <summary>Gives every tensor that a step writes for a later one a place in the arena, so that tensors alive at the same time do not overlap.</summary>
/// <remarks>
/// <para>A tensor lives from the step that writes it to the last that reads it, scratch during its step. Inputs and outputs live in the
/// caller's spans or, where the options say so, in the arena: from the start on, and beyond the end.</para>
/// <para>An elementwise output takes over the bytes of an input of equal size that dies there. The output of a layer that computes row by
/// row may lie over its dying input so far apart that every call writes only what no later call reads (<see cref="RowOverlaps"/>);
/// as few layers do so as give the same arena. <see cref="PlaceBuffers"/> finds the offsets.</para>
/// </remarks>
internal static class PlanArena
{
    /// <param name="pixelsPerCall">How many pixels a layer that computes over its input does in one call, at least.</param>
    public static ArenaPlan Run(
        Graph graph, IReadOnlyList<Step> steps, StatePlan state, CompileOptions options, int pixelsPerCall = RowOverlaps.FewPixels)
    {
        var locations = new Dictionary<int, Location>();
        for (int i = 0; i < graph.Inputs.Count && !options.InArena; i++) locations[graph.Inputs[i]] = new Location(Place.Input, i);
        for (int i = 0; i < graph.Outputs.Count && !options.InArena; i++) locations[graph.Root(graph.Outputs[i])] = new Location(Place.Output, i);

        for (int id = 0; id < graph.Tensors.Count; id++)
        {
            if (graph[id].Variable is { } variable && state.Offsets.TryGetValue(variable.Key, out int at)) locations[id] = new Location(Place.State, at);
        }

        // Lifetimes by root; a root that takes over another's bytes joins its buffer.
        var last = new Dictionary<int, int>();
        for (int step = 0; step < steps.Count; step++)
        {
            foreach (int id in steps[step].Inputs.Concat(steps[step].Outputs)) last[graph.Root(id)] = step;
        }

        var bufferOf = new Dictionary<int, int>();
        var buffers = new List<Buffer>();
        foreach (int input in options.InArena ? graph.Inputs : default)
        {
            bufferOf[input] = buffers.Count;
            int end = options.KeepTensors ? steps.Count - 1 : last.TryGetValue(input, out int read) ? read : 0;
            buffers.Add(new Buffer(graph[input].ByteCount, graph[input].Type.Size(), 0, end));
        }

        // Nothing lies over an output once it is written.
        foreach (int output in options.InArena ? graph.Outputs : default) last[graph.Root(output)] = steps.Count;
        for (int step = 0; step < steps.Count; step++)
        {
            foreach (int output in steps[step].Outputs.Select(graph.Root))
            {
                // Of tensors side by side in one, the first brings all bytes with it.
                if (locations.ContainsKey(output) || bufferOf.ContainsKey(output)) continue;
                int end = options.KeepTensors ? steps.Count - 1 : last[output];
                Tensor tensor = graph[output];
                int takenOver = options.KeepTensors ? -1 : TakeOver(graph, steps[step], step, last, bufferOf, tensor.ByteCount);
                if (takenOver >= 0)
                {
                    bufferOf[output] = takenOver;
                    buffers[takenOver] = buffers[takenOver] with { Last = end, Alignment = Math.Max(buffers[takenOver].Alignment, tensor.Type.Size()) };
                }
                else
                {
                    bufferOf[output] = buffers.Count;
                    buffers.Add(new Buffer(tensor.ByteCount, tensor.Type.Size(), step, end));
                }
            }
        }

        var scratch = new Dictionary<int, int>();
        for (int step = 0; step < steps.Count; step++)
        {
            if (steps[step].ScratchBytes == 0) continue;
            scratch[step] = buffers.Count;
            buffers.Add(new Buffer(steps[step].ScratchBytes, sizeof(int), step, step));
        }

        IReadOnlyList<Overlap> possible = options.KeepTensors ? [] : RowOverlaps.Of(graph, steps, bufferOf, buffers, pixelsPerCall);
        (int[] offsets, IReadOnlyList<Overlap> overlaps, bool isOptimal) = Assign(buffers, possible);
        var placed = new PlaceBuffers(buffers, possible);
        int[] live = [.. Enumerable.Range(0, steps.Count).Select(step => step < placed.Need.Count ? placed.Need[step] : 0)];
        foreach (KeyValuePair<int, int> pair in bufferOf) locations[pair.Key] = new Location(Place.Arena, offsets[pair.Value]);
        for (int id = 0; id < graph.Tensors.Count; id++)
        {
            if (graph[id].IsConstant) locations[id] = new Location(Place.Constant, 0);
            else if (graph[id].ViewOf >= 0 && locations.TryGetValue(graph.Root(id), out Location root))
                locations[id] = root.Place is Place.Arena ? root with { At = root.At + graph[id].ViewAt } : root;
        }

        return new ArenaPlan(locations, placed.Extent(offsets), placed.LowerBound, isOptimal, live)
        {
            InPlace = overlaps.ToDictionary(
                o => steps[o.Layer].First, o => RowOverlaps.Order(steps[o.Layer].Layers[0], offsets[o.Output] > offsets[o.Input], pixelsPerCall)),
            ScratchAt = steps.Select((_, step) => scratch.TryGetValue(step, out int buffer) ? offsets[buffer] : 0).ToArray(),
        };
    }

    /// <summary>The inputs over which a layer's output may lie where they die there, and how many bytes that saves.</summary>
    public static IEnumerable<(int Input, long Bytes)> Shares(Graph graph, Layer layer)
    {
        if (layer.Outputs.Count > 1 || graph.IsPart(layer.Outputs[0])) yield break;
        int bytes = graph[graph.Root(layer.Outputs[0])].ByteCount;
        for (int i = 0; i < layer.Inputs.Count; i++)
        {
            int id = graph.Root(layer.Inputs[i]);
            bool isReadOnce = layer.Inputs.Count(other => graph.Root(other) == id) == 1;
            if (layer.Kernel.CanOverwrite(i) && isReadOnce && graph[layer.Inputs[i]].ByteCount == bytes && graph[id].ByteCount == bytes) yield return (id, bytes);
        }

        if (RowOverlaps.Saved(graph, layer) is var saved and > 0) yield return (layer.Inputs[0], saved);
    }

    // Offsets, and the overlaps that they make use of.
    private static (int[] Offsets, IReadOnlyList<Overlap> Overlaps, bool IsOptimal) Assign(IReadOnlyList<Buffer> buffers, IReadOnlyList<Overlap> possible)
    {
        var all = new PlaceBuffers(buffers, possible);
        int[] best = new PlaceBuffers(buffers, []).Run(thorough: possible.Count == 0, out bool isOptimal);
        if (possible.Count == 0 || all.Extent(best) == all.LowerBound) return (best, [], isOptimal);

        int[] overlapping = all.Run(thorough: true, out isOptimal);
        if (all.Extent(overlapping) < all.Extent(best))
        {
            // Leave out what is not worth it, the last layers first.
            best = overlapping;
            var kept = new List<Overlap>(possible);
            for (int i = possible.Count - 1; i >= 0 && possible.Count * buffers.Count <= MostLeftOut; i--)
            {
                Overlap[] fewer = [.. kept.Where(o => o != possible[i])];
                int[] offsets = new PlaceBuffers(buffers, fewer).Run(thorough: false, out _);
                if (all.Extent(offsets) > all.Extent(best)) continue;
                best = offsets;
                kept = [.. fewer];
            }
        }
        else
        {
            int[] apart = new PlaceBuffers(buffers, []).Run(thorough: true, out _);
            if (all.Extent(apart) <= all.Extent(best)) best = apart;
        }

        bool Shares(Overlap o) => best[o.Input] < best[o.Output] + buffers[o.Output].Bytes && best[o.Output] < best[o.Input] + buffers[o.Input].Bytes;
        return (best, [.. possible.Where(Shares)], isOptimal);
    }

    // Layers times buffers up to which it is tried to leave out single overlaps.
    private const int MostLeftOut = 1 << 16;

    // The buffer of an input that the kernel may overwrite: it dies here and is the arena's, of the same size.
    private static int TakeOver(
        Graph graph, Step step, int index, Dictionary<int, int> last, Dictionary<int, int> bufferOf, int bytes)
    {
        if (step.Outputs.Count > 1 || graph.IsPart(step.Outputs[0])) return -1;
        for (int i = 0; i < step.Inputs.Count; i++)
        {
            int id = graph.Root(step.Inputs[i]);
            bool diesHere = last[id] == index && step.Inputs.Count(other => graph.Root(other) == id) == 1;
            if (step.CanOverwrite(i) && diesHere && !graph.IsPart(step.Inputs[i]) && graph[id].ByteCount == bytes && bufferOf.TryGetValue(id, out int buffer)) return buffer;
        }

        return -1;
    }
}
