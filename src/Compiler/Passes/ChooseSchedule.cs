using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;

namespace Etch.Passes;

/// <summary>Decides in which order layers run and which tensors lie side by side in one: as the file has it, or as it takes a smaller arena.</summary>
internal static class ChooseSchedule
{
    /// <param name="graph">The graph after all passes.</param>
    /// <param name="layers">In the file's order.</param>
    /// <param name="state">Where variables lie.</param>
    /// <param name="options">The options of the model.</param>
    /// <returns>The graph, whose tensors may be parts of others now, the layers in the order in which they run, and their plan.</returns>
    public static (Graph Graph, IReadOnlyList<Layer> Layers, Schedule Schedule) Run(
        Graph graph, IReadOnlyList<Layer> layers, StatePlan state, CompileOptions options)
    {
        (Graph, IReadOnlyList<Layer>, Schedule Schedule) copied = Ordered(graph, layers, state, options);
        if (options.KeepTensors || ShareParts.Run(graph, layers, options) is not { } shared) return copied;
        (Graph, IReadOnlyList<Layer>, Schedule Schedule) parts = Ordered(shared.Graph, shared.Layers, state, options);
        return Rank(parts.Schedule, state, options).CompareTo(Rank(copied.Schedule, state, options)) <= 0 ? parts : copied;
    }

    private static (Graph, IReadOnlyList<Layer>, Schedule) Ordered(Graph graph, IReadOnlyList<Layer> layers, StatePlan state, CompileOptions options)
    {
        Schedule filed = ChooseStreaming.Run(graph, layers, state, options);
        if (options.KeepTensors || OrderLayers.Run(graph, layers, options) is not { } order) return (graph, layers, filed);
        Schedule ordered = ChooseStreaming.Run(graph, order, state, options);
        return Rank(ordered, state, options).CompareTo(Rank(filed, state, options)) < 0 ? (graph, order, ordered) : (graph, layers, filed);
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
