using System;
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

/// <summary>When the rows of a tensor come: row y is due at tick <see cref="First"/> + y · <see cref="Period"/>, and at the ticks that are
/// multiples of <see cref="Every"/> all rows are computed that became due since the last such tick.</summary>
internal readonly record struct RowClock(int First, int Period, int Rows, int Every)
{
    /// <summary>The tick after the one that computes the last row.</summary>
    public int End => ((First + ((Rows - 1) * Period) + Every - 1) / Every * Every) + 1;

    /// <summary>The most rows that a tick computes.</summary>
    public int RowsAtOnce => Math.Min(Rows, (Every + Period - 1) / Period);

    /// <summary>Ticks that compute a row.</summary>
    public int Runs => Every <= Period ? Rows : Math.Min(Rows, (((Rows - 1) * Period) / Every) + 1);

    /// <summary>Rows that are due at a tick or before, were there as many before and after the image.</summary>
    public int Due(int tick) => tick >= First ? ((tick - First) / Period) + 1 : -((First - tick - 1) / Period);
}

/// <summary>The last rows of a tensor that exists only inside a group of layers that run row by row; for a <see cref="Ops.RowSum"/>, its sums.</summary>
/// <param name="Tensor">The tensor's id.</param>
/// <param name="Layer">The layer of the group that writes it.</param>
/// <param name="Lines">Rows that the buffer holds.</param>
/// <param name="Kept">Rows that outlive a tick: all lines, or fewer where the others go as soon as they have been read.</param>
/// <param name="From">The first layer of the group, within a tick, that needs more than the kept rows; 0 where all lines are kept.</param>
/// <param name="To">The last.</param>
/// <param name="At">The offset of the kept rows in the group's scratch.</param>
/// <param name="WorkAt">The offset of all lines. Where it is not <paramref name="At"/>, the kept rows are copied there before the new ones are
/// computed, and the newest are copied back when they have been read.</param>
internal sealed record RowBuffer(
    int Tensor, int Layer, RowClock Clock, int Lines, int Kept, int RowLength, ElementType Type, int From, int To, int At, int WorkAt)
{
    public int Bytes => Lines * RowLength * Type.Size();

    /// <summary>Bytes that outlive a tick.</summary>
    public int KeptBytes => Kept * RowLength * Type.Size();

    /// <summary>Some lines are gone after the tick that computed them.</summary>
    public bool DropsEarly => Kept < Lines;
}

/// <summary>Neighbouring layers that run row by row: at a tick each computes its next rows, if they are due, from rows that are there.</summary>
/// <param name="Source">The image that the group reads row by row.</param>
/// <param name="SourceClock">When the group may read a row of it. Ticks are multiples of its <see cref="RowClock.Every"/>.</param>
/// <param name="Clocks">By layer of the step: when it works. A <see cref="Ops.RowSum"/> takes input rows, others write output rows.</param>
/// <param name="Buffers">Tensors of which only some rows exist, and sums, by the id of the tensor's bytes.</param>
/// <param name="SourceKept">Rows of the source that outlive a tick when a caller hands them over one by one.</param>
internal sealed record RowGroup(
    int Source, RowClock SourceClock, EquatableArray<RowClock> Clocks, IReadOnlyDictionary<int, RowBuffer> Buffers, int ScratchBytes, int SourceKept)
{
    /// <summary>Ticks from one at which something is computed to the next.</summary>
    public int Every => SourceClock.Every;

    /// <summary>The first tick.</summary>
    public int Begin => (SourceClock.First + Every - 1) / Every * Every;

    /// <summary>The tick after the last.</summary>
    public int End => Clocks.Max(clock => clock.End);

    /// <summary>Rows of the source that a buffer must hold when a caller hands them over one by one.</summary>
    public int PushLines => Math.Min(SourceClock.Rows, SourceKept + Every);
}
