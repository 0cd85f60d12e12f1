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

    // How many rows at once are tried, and how much work that may be for a model, all groups that are formed together.
    private static readonly int[] Rows = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64];
    private const long Work = 4_000_000;

    // What calling a layer, asking whether it is due and moving a byte take, in multiply-accumulate operations of a convolution; measured
    // with vector instructions.
    private const long CallCost = 7_000, DepthwiseCallCost = 12_000, TickCost = 400, ByteCost = 2;

    public static Schedule Run(Graph graph, IReadOnlyList<Layer> layers, StatePlan state, CompileOptions options)
    {
        if (options is { Streaming: StreamingPolicy.Smallest, KeepTensors: false }) return Within(graph, layers, state, options, null);
        long? arena = options.KeepTensors ? null : options.MaxRam - MeasureCost.Stack(layers) - state.Bytes;

        // Layers in place in longer calls, where the budget holds with them.
        if (options.LongCalls && None(graph, layers, state, options, RowOverlaps.ManyPixels) is var longer && !(longer.Plan.Bytes > arena)) return longer;
        return arena is null || options.Streaming == StreamingPolicy.Off ? None(graph, layers, state, options) : Within(graph, layers, state, options, arena);
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
    private static Schedule None(
        Graph graph, IReadOnlyList<Layer> layers, StatePlan state, CompileOptions options, int pixelsPerCall = RowOverlaps.FewPixels)
    {
        Step[] each = Step.Each(layers);
        return new Schedule(each, PlanArena.Run(graph, each, state, options, pixelsPerCall));
    }

    /// <summary>The schedule that needs at most so much arena at the least cost, or the smallest that there is.</summary>
    /// <param name="arena">The most bytes of arena, or null for as few as can be.</param>
    private static Schedule Within(Graph graph, IReadOnlyList<Layer> layers, StatePlan state, CompileOptions options, long? arena)
    {
        Schedule best = None(graph, layers, state, options);
        if (best.Plan.Bytes <= arena || layers.Count < 2) return best;

        var rows = new StreamRows(graph, layers, options);
        Candidate[][] steps = Candidates(graph, layers, rows, best);
        long least = LeastPeak(steps), most = arena - MeasureCost.RowFrameBytes ?? 0, work = rows.Work + Work;
        Schedule Placed(IEnumerable<Step> cut)
        {
            Step[] all = [.. cut];
            return new Schedule(all, PlanArena.Run(graph, all, state, options));
        }

        // What the budget has beyond goes into rows at once.
        Schedule SeveralRows(Candidate[] cut, Schedule single)
        {
            long limit = most;
            for (int i = 0; i < Attempts / 2; i++)
            {
                Schedule several = Placed(cut.Select(candidate => AtOnce(graph, rows, candidate, limit, work)));
                if (several.Plan.Bytes <= most) return several;
                limit -= several.Plan.Bytes - most;
            }

            return single;
        }

        // Down from the budget until a placement meets it: each time by what it needs beyond.
        long limit = most;
        for (int i = 0; i < Attempts && limit >= least; i++)
        {
            Candidate[] cut = Cheapest(steps, limit);
            Schedule schedule = Placed(cut.Select(candidate => candidate.Step));
            if (schedule.Plan.Bytes <= most) return SeveralRows(cut, schedule);
            limit -= schedule.Plan.Bytes - most;
        }

        // Up from the least peak for the smallest placement.
        IEnumerable<long> peaks = steps.SelectMany(from => from).Select(step => step.Bytes).Where(bytes => bytes >= least).Distinct().OrderBy(bytes => bytes);
        foreach (long peak in peaks.Take(Attempts))
        {
            Schedule schedule = Placed(Cheapest(steps, peak).Select(candidate => candidate.Step));
            if (schedule.Plan.Bytes < best.Plan.Bytes) best = schedule;
            if (best.Plan.Bytes <= most || best.Plan.Bytes == least) break;
        }

        return best;
    }

    // From each layer, the steps that begin with it, the shorter first, each row when it is due.
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
                    from.Add(new Candidate(single, LivesThrough(begin, end) + single.ScratchBytes, Cost(graph, single)));
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
    private static Candidate[] Cheapest(Candidate[][] steps, long limit)
    {
        long[] cost = [0, .. Enumerable.Repeat(long.MaxValue, steps.Length)];
        var last = new Candidate[steps.Length + 1];
        for (int begin = 0; begin < steps.Length; begin++)
        {
            if (cost[begin] == long.MaxValue) continue;
            foreach (Candidate candidate in steps[begin])
            {
                long sum = cost[begin] + candidate.Cost;
                if (candidate.Bytes > limit || sum >= cost[candidate.Step.End]) continue;
                cost[candidate.Step.End] = sum;
                last[candidate.Step.End] = candidate;
            }
        }

        var cut = new List<Candidate>();
        for (int end = steps.Length; end > 0; end = last[end].Step.First) cut.Add(last[end]);
        cut.Reverse();
        return [.. cut];
    }

    // The same layers with several rows at once where the bytes up to the limit allow it: one layer more after the other, that which saves
    // most time for a byte. Where that is too much work, all layers the same number of rows, if that is better than what was found.
    private static Step AtOnce(Graph graph, StreamRows groups, Candidate single, long limit, long work)
    {
        Step best = single.Step;
        if (best.Rows is null) return best;
        long scratch = limit - single.Bytes + best.ScratchBytes, cost = single.Cost;
        int[] atOnce = new int[best.Layers.Count];
        while (true)
        {
            (Step Step, long Cost, int Layer, int Rows)? next = null;
            double most = 0;
            for (int i = 0; i < atOnce.Length; i++)
            {
                if (best.Layers[i].Kernel.RowWindow is not { } window) continue;
                foreach (int more in Rows.Where(rows => rows > atOnce[i] && rows <= window.OutputHeight))
                {
                    if (groups.Work > work) return AllAtOnce(graph, groups, best, cost, scratch);
                    int[] trial = [.. atOnce];
                    trial[i] = more;
                    if (groups.Form(best.First, best.End, trial) is not { } step || step.ScratchBytes > scratch) break;
                    long time = Cost(graph, step);
                    double gain = (cost - time) / (double)Math.Max(1, step.ScratchBytes - best.ScratchBytes);
                    if (gain <= most) continue;
                    most = gain;
                    next = (step, time, i, more);
                }
            }

            if (next is not { } better) return best;
            (best, cost) = (better.Step, better.Cost);
            atOnce[better.Layer] = better.Rows;
        }
    }

    private static Step AllAtOnce(Graph graph, StreamRows groups, Step best, long cost, long scratch)
    {
        foreach (int same in Rows)
        {
            if (groups.Form(best.First, best.End, [.. best.Layers.Select(_ => same)]) is not { } step || step.ScratchBytes > scratch) break;
            long time = Cost(graph, step);
            if (time < cost) (best, cost) = (step, time);
        }

        return best;
    }

    // Time that computing layer by layer would not take: calls, work that a call for a few rows cannot share, and kept rows that move.
    private static long Cost(Graph graph, Step step)
    {
        if (step.Rows is not { } group) return 0;
        long cost = group.Buffers.Values.Sum(buffer => ByteCost * buffer.KeptBytes * buffer.Clock.Runs * (buffer.WorkAt == buffer.At ? 1 : 2));
        cost += TickCost * step.Layers.Count * ((group.End - group.Begin) / group.Every);
        for (int i = 0; i < step.Layers.Count; i++)
        {
            Layer layer = step.Layers[i];
            RowClock clock = group.Clocks[i];
            cost += (layer.Op is DepthwiseConv2D ? DepthwiseCallCost : CallCost) * clock.Runs;
            if (layer.Kernel.RowWindow is not { } window || layer.Op is not (Conv2D or DepthwiseConv2D)) continue;

            // Kernels take pixels by tiles, depthwise ones rows by pairs.
            int width = window.OutputWidth;
            long Pixels(int rows) => layer.Op is not Conv2D ? StreamRows.SharesRows(window) ? (rows + 1) / 2 * 2 * width : rows * width
                : window.IsPointwise ? ConvolutionShape.TileTime(rows * width)
                : Math.Min(rows * ConvolutionShape.TileTime(width), width * ConvolutionShape.TileTime(rows));
            int most = clock.RowsAtOnce;
            long pixels = (clock.Rows / most * Pixels(most)) + (clock.Rows % most > 0 ? Pixels(clock.Rows % most) : 0) - (clock.Rows * width);
            cost += layer.Op.Macs(graph) / (clock.Rows * width) * pixels;
        }

        return cost;
    }
}
