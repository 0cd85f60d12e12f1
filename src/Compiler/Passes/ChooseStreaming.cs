using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

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

    // A step with the bytes that live during it and what it costs in time.
    private readonly record struct Candidate(Step Step, long Bytes, long Cost);

    // How many rows are tried.
    private static readonly RowsAtOnce[] Several =
    [
        new(1, 1), new(12, 1), new(1, 2), new(12, 2), new(24, 2), new(48, 2), new(96, 2),
    ];

    // What calling a layer and moving a byte take, in multiply-accumulate operations of a convolution; measured with vector instructions.
    private const long CallCost = 8_000, ByteCost = 2;

    // The same of a depthwise convolution's multiply-accumulate operation, whose weights are used for one channel only.
    private const long DepthwiseCost = 5;

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
        Candidate[][] steps = Candidates(graph, layers, rows, best);
        long least = LeastPeak(steps), most = arena - MeasureCost.RowFrameBytes ?? 0;
        Schedule Below(long limit)
        {
            Step[] cut = Cheapest(steps, limit);
            return new Schedule(cut, PlanArena.Run(graph, cut, state, options));
        }

        // Down from the budget until a placement meets it: each time by what it needs beyond.
        long limit = most;
        for (int i = 0; i < Attempts && limit >= least; i++)
        {
            Schedule schedule = Below(limit);
            if (schedule.Plan.Bytes <= most) return schedule;
            limit -= schedule.Plan.Bytes - most;
        }

        // Up from the least peak for the smallest placement.
        IEnumerable<long> peaks = steps.SelectMany(from => from).Select(step => step.Bytes).Where(bytes => bytes >= least).Distinct().OrderBy(bytes => bytes);
        foreach (long peak in peaks.Take(Attempts))
        {
            Schedule schedule = Below(peak);
            if (schedule.Plan.Bytes < best.Plan.Bytes) best = schedule;
            if (best.Plan.Bytes <= most || best.Plan.Bytes == least) break;
        }

        return best;
    }

    // From each layer, the steps that begin with it, the shorter first; of the same layers those that take less time for more bytes.
    private static Candidate[][] Candidates(Graph graph, IReadOnlyList<Layer> layers, StreamRows rows, Schedule each)
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
                var from = new List<Candidate> { new(each.Steps[begin], each.Plan.Live[begin], 0) };
                for (int end = begin + 2; end <= layers.Count && rows.IsRowwise(end - 1) && rows.IsRowwise(begin); end++)
                {
                    // What keeps layers from being one group keeps them from being one with more.
                    if (rows.Form(begin, end, null) is not { } single) break;
                    IEnumerable<Step> several = Several.Select(atOnce => rows.Form(begin, end, atOnce)).OfType<Step>();
                    long lives = LivesThrough(begin, end), least = long.MaxValue;
                    foreach (Step step in several.Prepend(single).OrderBy(step => step.ScratchBytes))
                    {
                        long cost = Cost(graph, step);
                        if (cost >= least) continue;
                        from.Add(new Candidate(step, lives + step.ScratchBytes, cost));
                        least = cost;
                    }
                }

                return from.ToArray();
            }),
        ];
    }

    private static long LeastPeak(Candidate[][] steps)
    {
        long[] peak = [0, .. Enumerable.Repeat(long.MaxValue, steps.Length)];
        for (int begin = 0; begin < steps.Length; begin++)
        {
            foreach ((Step step, long bytes, _) in steps[begin]) peak[step.End] = Math.Min(peak[step.End], Math.Max(peak[begin], bytes));
        }

        return peak[steps.Length];
    }

    // The partition with the least cost of streaming among those whose steps all stay within the limit.
    private static Step[] Cheapest(Candidate[][] steps, long limit)
    {
        long[] cost = [0, .. Enumerable.Repeat(long.MaxValue, steps.Length)];
        var last = new Step[steps.Length + 1];
        for (int begin = 0; begin < steps.Length; begin++)
        {
            if (cost[begin] == long.MaxValue) continue;
            foreach ((Step step, long bytes, long time) in steps[begin])
            {
                long sum = cost[begin] + time;
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

    // Time that computing layer by layer would not take: calls, work that a call for a few rows cannot share, and kept rows that move.
    private static long Cost(Graph graph, Step step)
    {
        if (step.Rows is not { } group) return 0;
        long cost = group.Buffers.Values.Sum(buffer => ByteCost * buffer.KeptBytes * buffer.Clock.Runs * (buffer.WorkAt == buffer.At ? 1 : 2));
        for (int i = 0; i < step.Layers.Count; i++)
        {
            Layer layer = step.Layers[i];
            RowClock clock = group.Clocks[i];
            cost += CallCost * clock.Runs;
            if (layer.Kernel.RowWindow is not { } window || layer.Op is not (Conv2D or DepthwiseConv2D)) continue;

            // Kernels take pixels by tiles, depthwise ones rows by pairs.
            long pixel = layer.Op.Macs(graph) / (window.OutputHeight * window.OutputWidth), rows = clock.RowsAtOnce;
            cost += layer.Op is Conv2D ? pixel * clock.Runs * (window.IsPointwise
                    ? ConvolutionShape.TileTime((int)rows * window.OutputWidth) - (rows * window.OutputWidth)
                    : rows * (ConvolutionShape.TileTime(window.OutputWidth) - window.OutputWidth))
                : StreamRows.SharesRows(window) ? DepthwiseCost * pixel * clock.Runs * (rows % 2) * window.OutputWidth
                : 0;
        }

        return cost;
    }
}
