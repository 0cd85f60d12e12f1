using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;

namespace Etch.Passes;

/// <summary>Decides in which order layers run: the file's, or another one that takes a smaller arena.</summary>
internal static class ChooseOrder
{
    /// <param name="graph">The graph after all passes.</param>
    /// <param name="layers">In the file's order.</param>
    /// <param name="state">Where variables lie.</param>
    /// <param name="options">The options of the model.</param>
    /// <returns>The layers in the order in which they run, and their plan.</returns>
    public static (IReadOnlyList<Layer> Layers, Schedule Schedule) Run(Graph graph, IReadOnlyList<Layer> layers, StatePlan state, CompileOptions options)
    {
        Schedule filed = ChooseStreaming.Run(graph, layers, state, options);
        if (options.KeepTensors || OrderLayers.Run(graph, layers, options) is not { } order) return (layers, filed);
        Schedule ordered = ChooseStreaming.Run(graph, order, state, options);
        return Rank(ordered, state, options).CompareTo(Rank(filed, state, options)) < 0 ? (order, ordered) : (layers, filed);
    }

    // The less the better: bytes above the budget, layers that run row by row although nobody asked for it, bytes of arena.
    private static (long, int, long) Rank(Schedule schedule, StatePlan state, CompileOptions options)
    {
        bool streams = schedule.Steps.Any(step => step.Rows is not null);
        long ram = schedule.Plan.Bytes + state.Bytes + MeasureCost.Stack(schedule.Steps.SelectMany(step => step.Layers)) + (streams ? MeasureCost.RowFrameBytes : 0);
        return (
            Math.Max(0, ram - options.MaxRam ?? 0),
            options.Streaming == StreamingPolicy.Smallest ? 0 : schedule.Steps.Where(step => step.Rows is not null).Sum(step => step.Layers.Count),
            schedule.Plan.Bytes);
    }
}
