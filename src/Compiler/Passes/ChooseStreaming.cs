using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;

namespace Etch.Passes;

/// <summary>Layers as steps and where their tensors are.</summary>
internal sealed record Schedule(Step[] Steps, ArenaPlan Plan);

/// <summary>Decides which layers run row by row: none where the budget holds without, else those that meet it at the least cost.</summary>
/// <remarks>
/// A partition of the layers into steps needs, during each step, what lives through it, what it writes for later and its line buffers. What
/// a step needs does not depend on how the others are cut, so that the partition with the smallest peak, and the cheapest below a
/// peak, are shortest paths over the layers.
/// </remarks>
internal static class ChooseStreaming
{
    // A placement may need more than the peak: then lower peaks are tried, so many at most.
    private const int Attempts = 4;

    // Bytes moved in the time that calling a layer takes.
    private const long CallCost = 256;

    public static Schedule Run(Graph graph, IReadOnlyList<Layer> layers, StatePlan state, CompileOptions options)
    {
        if (options.KeepTensors || options.Streaming == StreamingPolicy.Off) return None(graph, layers, state, options);
        if (options.Streaming == StreamingPolicy.Smallest) return Within(graph, layers, state, options, null);
        return options.MaxRam is { } ram
            ? Within(graph, layers, state, options, ram - MeasureCost.Stack(layers) - state.Bytes)
            : None(graph, layers, state, options);
    }

    /// <summary>What a schedule costs; above the RAM budget with what the other ways to run the layers would need.</summary>
    public static ModelCost Cost(
        ModelFile file, Graph graph, IReadOnlyList<Layer> layers, Schedule schedule, StatePlan state, CompileOptions options)
    {
        ModelCost cost = MeasureCost.Run(file, graph, schedule, state);
        if (!(cost.Ram > options.MaxRam) || options.KeepTensors) return cost;
        Schedule each = None(graph, layers, state, options), rows = Within(graph, layers, state, options, null);
        if (rows.Plan.Bytes >= each.Plan.Bytes) return cost;

        long ram = MeasureCost.Run(file, graph, rows, state).Ram;
        long pushed = RowPush.Of(graph, rows, state) is { } push ? ram - rows.Plan.Bytes + push.Bytes : 0;
        long input = graph.Inputs.Sum(id => (long)graph[id].ByteCount);
        return cost with { Streaming = new StreamingCost(MeasureCost.Run(file, graph, each, state).Ram, ram, pushed, input) };
    }

    /// <summary>Each layer by itself.</summary>
    private static Schedule None(Graph graph, IReadOnlyList<Layer> layers, StatePlan state, CompileOptions options)
    {
        Step[] each = Step.Each(layers);
        return new Schedule(each, PlanArena.Run(graph, each, state, options));
    }

    /// <summary>The schedule that needs at most so much arena at the least cost, or the smallest that there is.</summary>
    /// <param name="arena">The most bytes of arena, or null for as few as can be.</param>
    private static Schedule Within(Graph graph, IReadOnlyList<Layer> layers, StatePlan state, CompileOptions options, long? arena)
    {
        Schedule best = None(graph, layers, state, options);
        if (best.Plan.Bytes <= arena || layers.Count < 2) return best;

        var rows = new StreamRows(graph, layers, options);
        (Step Step, long Bytes)[][] steps = Candidates(graph, layers, rows, best);
        long[] peaks = [.. steps.SelectMany(from => from).Select(step => step.Bytes).Distinct().OrderBy(bytes => bytes)];
        long least = LeastPeak(steps), most = arena - MeasureCost.RowFrameBytes ?? 0;

        // Down from the budget until a placement meets it, then up from the least peak for the smallest placement.
        IEnumerable<long> limits =
        [
            .. peaks.Where(peak => peak >= least && peak <= most).Reverse().Take(Attempts),
            .. peaks.Where(peak => peak >= least).Take(Attempts),
        ];
        foreach (long limit in limits)
        {
            Step[] cut = Cheapest(steps, limit);
            var schedule = new Schedule(cut, PlanArena.Run(graph, cut, state, options));
            if (schedule.Plan.Bytes < best.Plan.Bytes) best = schedule;
            if (best.Plan.Bytes <= most || best.Plan.Bytes == least) break;
        }

        return best;
    }

    // From each layer, the steps that begin with it, the shorter first, with the bytes that live during them.
    private static (Step Step, long Bytes)[][] Candidates(Graph graph, IReadOnlyList<Layer> layers, StreamRows rows, Schedule each)
    {
        var written = new Dictionary<int, int>();
        var read = new Dictionary<int, int>();
        for (int i = 0; i < layers.Count; i++)
        {
            foreach (int id in layers[i].Inputs) read[graph.Root(id)] = i;
            foreach (int id in layers[i].Outputs.Where(id => each.Plan.Locations[graph.Root(id)].Place == Place.Arena))
            {
                if (!written.ContainsKey(graph.Root(id))) written[graph.Root(id)] = i;
            }
        }

        // The caller's tensors, where they lie in the arena: from the start on, and beyond the end.
        foreach (int id in graph.Inputs.Where(id => each.Plan.Locations[id].Place == Place.Arena)) written[id] = -1;
        foreach (int id in graph.Outputs) read[graph.Root(id)] = layers.Count;

        long LivesThrough(int begin, int end) => written
            .Where(pair => read.TryGetValue(pair.Key, out int last) && pair.Value < end && last >= (pair.Value < begin ? begin : end))
            .Sum(pair => (long)graph[pair.Key].ByteCount);

        return
        [
            .. Enumerable.Range(0, layers.Count).Select(begin =>
            {
                var from = new List<(Step, long)> { (each.Steps[begin], each.Plan.Live[begin]) };
                for (int end = begin + 2; end <= layers.Count && rows.IsRowwise(end - 1) && rows.IsRowwise(begin); end++)
                {
                    // What keeps layers from being one group keeps them from being one with more.
                    if (rows.Form(begin, end) is not { } step) break;
                    from.Add((step, LivesThrough(begin, end) + step.ScratchBytes));
                }

                return from.ToArray();
            }),
        ];
    }

    private static long LeastPeak((Step Step, long Bytes)[][] steps)
    {
        long[] peak = [0, .. Enumerable.Repeat(long.MaxValue, steps.Length)];
        for (int begin = 0; begin < steps.Length; begin++)
        {
            foreach ((Step step, long bytes) in steps[begin]) peak[step.End] = Math.Min(peak[step.End], Math.Max(peak[begin], bytes));
        }

        return peak[steps.Length];
    }

    // The partition with the least cost of streaming among those whose steps all stay within the limit.
    private static Step[] Cheapest((Step Step, long Bytes)[][] steps, long limit)
    {
        long[] cost = [0, .. Enumerable.Repeat(long.MaxValue, steps.Length)];
        var last = new Step[steps.Length + 1];
        for (int begin = 0; begin < steps.Length; begin++)
        {
            if (cost[begin] == long.MaxValue) continue;
            foreach ((Step step, long bytes) in steps[begin])
            {
                long sum = cost[begin] + Cost(step);
                if (bytes > limit || sum >= cost[step.End]) continue;
                cost[step.End] = sum;
                last[step.End] = step;
            }
        }

        var cut = new List<Step>();
        for (int end = steps.Length; end > 0; end = last[end].First) cut.Add(last[end]);
        cut.Reverse();
        return [.. cut];
    }

    // Calls, and rows that move up in their buffers.
    private static long Cost(Step step) => step.Rows is not { } rows ? 0
        : rows.Clocks.Sum(clock => CallCost * clock.Rows)
            + rows.Buffers.Values.Sum(buffer => (long)(buffer.Bytes / buffer.Lines) * (buffer.Lines - 1) * buffer.Clock.Rows);
}
