using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;
using Etch.Passes;

namespace Etch.Tests;

/// <summary>What every plan has to satisfy, found out by brute force.</summary>
internal static class Plans
{
    /// <summary>Bytes that are alive at the same time do not overlap, everything lies inside the arena, and the lower bound holds.</summary>
    public static void AssertSound(CompiledModel model)
    {
        Graph graph = model.Graph;
        var written = new Dictionary<int, int>();
        var read = new Dictionary<int, int>();
        var wrote = new List<int>();
        for (int step = 0; step < model.Steps.Count; step++)
        {
            foreach (int id in model.Steps[step].Inputs) read[graph.Root(id)] = step;
            foreach (int id in model.Steps[step].Outputs)
            {
                // Parts of a tensor are written one after the other, each by one step; what is copied between them, bytes tell.
                read[graph.Root(id)] = step;
                written.TryAdd(graph.Root(id), step);
                if (!graph.IsPart(id) || model.Steps[step].Layers[0].Kernel is StridedCopy) continue;
                Assert.All(wrote, other => Assert.False(graph.Meet(id, other), $"%{id} and %{other} are both written\n{graph}"));
                wrote.Add(id);
            }
        }

        // The caller's tensors, where they lie in the arena: there before the first step, and after the last.
        foreach (int id in graph.Inputs) written[id] = -1;
        int[] outputs = [.. graph.Outputs.Select(graph.Root)];

        int End(int id) => outputs.Contains(id) ? model.Steps.Count
            : model.Options.KeepTensors ? model.Steps.Count - 1 : Math.Max(written[id], read.GetValueOrDefault(id, -1));
        int[] inArena = [.. written.Keys.Where(id => model.Plan.Locations[id].Place == Place.Arena)];
        (int From, int To) Extent(int id) => (model.Plan.Locations[id].At, model.Plan.Locations[id].At + graph[id].ByteCount);
        foreach (int a in inArena)
        {
            Assert.True(Extent(a).From >= 0 && Extent(a).To <= model.Plan.Bytes, $"%{a} leaves the arena");
            Assert.True(Extent(a).From % graph[a].Type.Size() == 0, $"%{a} is not aligned");
            foreach (int b in inArena.Where(b => b != a && written[a] <= written[b]))
            {
                bool meetInTime = written[b] <= End(a);
                bool meetInSpace = Extent(a).From < Extent(b).To && Extent(b).From < Extent(a).To;
                if (!meetInTime || !meetInSpace) continue;

                Assert.True(written[b] >= 0, $"inputs %{a} and %{b} overlap");

                // Only a step that computes in place may write where it reads: on exactly those bytes, or row by row.
                Step writer = model.Steps[written[b]];
                bool isInPlace = End(a) == written[b] && Extent(a) == Extent(b) &&
                    writer.Inputs.Select((id, place) => (id, place)).Any(x => graph.Root(x.id) == a && writer.CanOverwrite(x.place));
                bool isRowByRow = !isInPlace && End(a) == written[b] && model.Plan.InPlace.TryGetValue(writer.First, out RowOrder order) &&
                    graph.Root(writer.Inputs[0]) == a && KeepsRows(writer.Layers[0].Kernel.RowWindow!, order, Extent(a), Extent(b));
                Assert.True(isInPlace || isRowByRow, $"%{a} and %{b} overlap while both are alive\n{graph}");
            }
        }

        for (int step = 0; step < model.Steps.Count; step++)
        {
            (int from, int to) = (model.Plan.ScratchAt[step], model.Plan.ScratchAt[step] + model.Steps[step].ScratchBytes);
            Assert.InRange(to, 0, model.Plan.Bytes);
            foreach (int id in inArena.Where(id => written[id] <= step && step <= End(id) && from < to))
            {
                Assert.False(from < Extent(id).To && Extent(id).From < to, $"%{id} and the scratch of step {step} overlap\n{graph}");
            }
        }

        Assert.True(model.Plan.Bytes >= model.Plan.LowerBound, $"{model.Plan.Bytes} bytes are below the lower bound {model.Plan.LowerBound}");
        Assert.Equal(model.Plan.LowerBound, model.Plan.Live.DefaultIfEmpty(0).Max());
    }

    // No call writes a row that it or a later call reads, by looking at each.
    private static bool KeepsRows(Window2D g, RowOrder order, (int From, int To) input, (int From, int To) output)
    {
        int inputRow = (input.To - input.From) / g.InputHeight, outputRow = (output.To - output.From) / g.OutputHeight;
        var calls = Enumerable.Range(0, g.OutputHeight).Where(y => y % order.RowsPerCall == 0)
            .Select(y => (Begin: y, End: Math.Min(y + order.RowsPerCall, g.OutputHeight))).ToList();
        if (order.IsBackward) calls.Reverse();
        for (int i = 0; i < calls.Count; i++)
        {
            (int from, int to) = (output.From + (calls[i].Begin * outputRow), output.From + (calls[i].End * outputRow));
            foreach (int y in calls.Skip(i).SelectMany(c => Enumerable.Range(c.Begin, c.End - c.Begin)))
            {
                for (int ky = 0; ky < g.FilterHeight; ky++)
                {
                    int row = (y * g.StrideY) - g.PadTop + (ky * g.DilationY), at = input.From + (row * inputRow);
                    if (row >= 0 && row < g.InputHeight && from < at + inputRow && at < to) return false;
                }
            }
        }

        return true;
    }
}
