using System;
using System.Linq;
using Etch.Ir;

namespace Etch.Passes;

/// <summary>How a caller hands the input of a model over row by row, so that the whole of it exists nowhere.</summary>
/// <param name="Rows">Rows of the input.</param>
/// <param name="RowLength">Elements of a row.</param>
/// <param name="Lines">Rows that are there at most.</param>
/// <param name="LinesAt">Where they are in the memory that the caller provides.</param>
/// <param name="CounterAt">Where the index of the next row is, an int32.</param>
/// <param name="Bytes">The memory that the caller provides: arena, kept rows and counter.</param>
internal sealed record RowPush(ElementType Type, int Rows, int RowLength, int Lines, int LinesAt, int CounterAt, int Bytes)
{
    /// <summary>Only for a model without state and with one input outside the arena, which nothing reads besides the layers that begin row by row.</summary>
    public static RowPush? Of(Graph graph, Schedule schedule, StatePlan state)
    {
        if (state.Bytes > 0 || graph.Inputs.Count != 1 || schedule.Steps.Length == 0 || schedule.Steps[0].Rows is not { } group) return null;
        int input = graph.Inputs[0];
        bool isReadLater = schedule.Steps.Skip(1).Any(step => step.Inputs.Any(id => graph.Root(id) == input));
        if (graph.Root(group.Source) != input || isReadLater || schedule.Plan.Locations[input].Place != Place.Input) return null;

        // The kept rows live while the first step runs: they lie in the first gap that it leaves.
        ArenaPlan plan = schedule.Plan;
        Tensor image = graph[group.Source];
        int rowLength = image.Shape[2] * image.Shape[3], size = image.Type.Size(), at = 0;
        var taken = schedule.Steps[0].Outputs.Select(graph.Root).Where(root => plan.Locations[root].Place == Place.Arena)
            .Select(root => (plan.Locations[root].At, End: plan.Locations[root].At + graph[root].ByteCount))
            .Append((At: plan.ScratchAt[0], End: plan.ScratchAt[0] + group.ScratchBytes));
        foreach ((int begin, int end) in taken.OrderBy(bytes => bytes))
        {
            if (at + (group.PushLines * rowLength * size) <= begin) break;
            at = Math.Max(at, Aligned(end, size));
        }

        int counter = Aligned(Math.Max(plan.Bytes, at + (group.PushLines * rowLength * size)), sizeof(int));
        return new RowPush(image.Type, image.Shape[1], rowLength, group.PushLines, at, counter, counter + sizeof(int));
    }

    private static int Aligned(int at, int alignment) => (at + alignment - 1) / alignment * alignment;
}
