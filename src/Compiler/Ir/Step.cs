using System.Collections.Generic;
using System.Linq;

namespace Etch.Ir;

/// <summary>What runs as a whole: one layer, or neighbouring layers row by row.</summary>
/// <param name="First">The index of its first layer.</param>
/// <param name="Layers">Its layers, in execution order.</param>
/// <param name="Rows">The schedule of layers that run row by row, else null: then there is one layer.</param>
/// <param name="Inputs">Ids of the tensors that it reads and something before it wrote.</param>
/// <param name="Outputs">Ids of the tensors that something after it reads.</param>
internal sealed record Step(int First, EquatableArray<Layer> Layers, RowGroup? Rows, EquatableArray<int> Inputs, EquatableArray<int> Outputs)
{
    /// <summary>The index of the first layer after it.</summary>
    public int End => First + Layers.Count;

    /// <summary>Bytes of the arena that only this step uses.</summary>
    public int ScratchBytes => Rows?.ScratchBytes ?? 0;

    public static Step Of(int index, Layer layer) => new(index, new[] { layer }, null, layer.Inputs, layer.Outputs);

    /// <summary>Each layer by itself.</summary>
    public static Step[] Each(IEnumerable<Layer> layers) => [.. layers.Select((layer, i) => Of(i, layer))];

    /// <summary>True when the output may lie on the bytes of the input (of equal size) at this place in the step's inputs.</summary>
    public bool CanOverwrite(int input) => Rows is null && Layers[0].Kernel.CanOverwrite(input);
}

/// <summary>When the rows of a tensor or of a layer's work come: row y at tick <see cref="First"/> + y · <see cref="Period"/>.</summary>
internal readonly record struct RowClock(int First, int Period, int Rows)
{
    /// <summary>The tick after the last row's.</summary>
    public int End => First + ((Rows - 1) * Period) + 1;
}

/// <summary>The last rows of a tensor that exists only inside a group of layers that run row by row; for a <see cref="Ops.RowSum"/>, its sums.</summary>
/// <param name="Tensor">The tensor's id.</param>
/// <param name="Lines">Rows that the buffer holds.</param>
/// <param name="DropsEarly">The oldest row goes as soon as the newest has been read, so that between ticks one row less exists.</param>
/// <param name="From">The first layer of the group, within a tick, that needs the place of the newest row; 0 where it outlives the tick.</param>
/// <param name="To">The last.</param>
/// <param name="At">Its offset in the group's scratch.</param>
internal sealed record RowBuffer(int Tensor, RowClock Clock, int Lines, int RowLength, ElementType Type, bool DropsEarly, int From, int To, int At)
{
    public int Bytes => Lines * RowLength * Type.Size();

    /// <summary>Bytes that outlive a tick.</summary>
    public int KeptBytes => (DropsEarly ? Lines - 1 : Lines) * RowLength * Type.Size();
}

/// <summary>Neighbouring layers that run row by row: at a tick each computes its next row, if it is due, from rows that are there.</summary>
/// <param name="Source">The image whose row y the group may read from tick y on.</param>
/// <param name="Clocks">By layer of the step: when it works. A <see cref="Ops.RowSum"/> takes an input row each time, others write an output row.</param>
/// <param name="Buffers">Tensors of which only some rows exist, and sums, by the id of the tensor's bytes.</param>
/// <param name="PushLines">Rows of the source that a buffer must hold when a caller hands them over one by one.</param>
internal sealed record RowGroup(
    int Source, EquatableArray<RowClock> Clocks, IReadOnlyDictionary<int, RowBuffer> Buffers, int ScratchBytes, int PushLines)
{
    public int Ticks => Clocks.Max(clock => clock.End);
}
