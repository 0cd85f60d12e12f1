using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Etch;

/// <summary>The schedule of layers that a generated model computes row by row, and the buffers that hold a tensor's last rows.</summary>
/// <remarks>
/// Row y of a tensor is due at tick <c>first + y · period</c>, both known at compile time; a tick computes the rows from <c>begin</c> to
/// <c>end</c> that became due. A buffer holds the newest rows in their order, so that the windows of some rows are one span.
/// </remarks>
public static class LineBuffer
{
    /// <summary>The rows of a tensor that are due at a tick or before.</summary>
    /// <param name="tick">The tick.</param>
    /// <param name="first">The tick of row 0.</param>
    /// <param name="period">Ticks from one row to the next.</param>
    /// <param name="rows">Rows of the tensor.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Rows(int tick, int first, int period, int rows) => tick < first ? 0 : Math.Min(rows, ((tick - first) / period) + 1);

    /// <summary>The place of new rows in a buffer that holds as many of the newest rows as it can: the oldest make way.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="begin">The first new row; those before it were written in their order.</param>
    /// <param name="end">The row after the last new one.</param>
    /// <param name="rowLength">Elements of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Span<T> Next<T>(Span<T> buffer, int begin, int end, int rowLength)
    {
        int length = (end - begin) * rowLength, there = Math.Min(begin * rowLength, buffer.Length), stay = Math.Min(there, buffer.Length - length);
        if (stay < there) buffer.Slice(there - stay, stay).CopyTo(buffer);
        return buffer.Slice(stay, length);
    }

    /// <summary>The place of new rows behind those that a buffer keeps between ticks.</summary>
    /// <param name="buffer">The buffer: the kept rows and the new ones.</param>
    /// <param name="kept">The most rows that are kept.</param>
    /// <param name="begin">The first new row.</param>
    /// <param name="end">The row after the last new one.</param>
    /// <param name="rowLength">Elements of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Span<T> Behind<T>(Span<T> buffer, int kept, int begin, int end, int rowLength) =>
        buffer.Slice(Math.Min(begin, kept) * rowLength, (end - begin) * rowLength);

    /// <summary>Brings the rows that were kept elsewhere to the beginning of a buffer.</summary>
    /// <param name="kept">As many rows as are kept.</param>
    /// <param name="buffer">The buffer.</param>
    /// <param name="begin">The first new row.</param>
    /// <param name="rowLength">Elements of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Restore<T>(Span<T> kept, Span<T> buffer, int begin, int rowLength) =>
        kept.Slice(0, Math.Min(begin * rowLength, kept.Length)).CopyTo(buffer);

    /// <summary>Keeps the newest rows when the others of a buffer have been read.</summary>
    /// <param name="buffer">The buffer: rows that were kept, and behind them the new ones.</param>
    /// <param name="kept">The place of as many rows as are kept; it may be the beginning of the buffer.</param>
    /// <param name="begin">The first new row.</param>
    /// <param name="end">The row after the last new one.</param>
    /// <param name="rowLength">Elements of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Keep<T>(Span<T> buffer, Span<T> kept, int begin, int end, int rowLength)
    {
        int there = Math.Min(begin * rowLength, kept.Length) + ((end - begin) * rowLength), stay = Math.Min(there, kept.Length);
        buffer.Slice(there - stay, stay).CopyTo(kept);
    }

    /// <summary>Counts a row that a caller hands over: returns its index and sets the counter to that of the next, 0 after the last.</summary>
    /// <exception cref="InvalidOperationException">The counter is no index of a row: the memory was not reset before the first row.</exception>
    public static int Take(ref int next, int rows)
    {
        if ((uint)next >= (uint)rows) ThrowNotReset();
        int row = next;
        next = row + 1 == rows ? 0 : row + 1;
        return row;
    }

    [DoesNotReturn]
    private static void ThrowNotReset() => throw new InvalidOperationException("The memory for rows must be reset once before the first row.");
}
