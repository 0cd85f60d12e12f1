using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Etch;

/// <summary>The schedule of layers that a generated model computes row by row, and the buffers that hold a tensor's last rows.</summary>
/// <remarks>
/// Row y of a tensor is computed at tick <c>first + y · period</c>, both known at compile time. A buffer of n rows holds the newest n in
/// their order, so that a window of them is one span; when it is full, the oldest row makes way.
/// </remarks>
public static class LineBuffer
{
    /// <summary>The row that is computed at a tick, or −1.</summary>
    /// <param name="tick">The tick, from 0 on.</param>
    /// <param name="first">The tick of row 0.</param>
    /// <param name="period">Ticks from one row to the next.</param>
    /// <param name="rows">Rows of the tensor.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Due(int tick, int first, int period, int rows)
    {
        int row = (tick - first) / period;
        return tick >= first && row < rows && first + (row * period) == tick ? row : -1;
    }

    /// <summary>The row with which a buffer begins after a tick at which its tensor's row, if one was due, was computed.</summary>
    /// <param name="tick">The tick.</param>
    /// <param name="first">The tick of the tensor's row 0.</param>
    /// <param name="period">Ticks from one of its rows to the next.</param>
    /// <param name="rows">Rows of the tensor.</param>
    /// <param name="lines">Rows of the buffer.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Top(int tick, int first, int period, int rows, int lines) =>
        Math.Max(0, Math.Min(rows - 1, (tick - first) / period) - lines + 1);

    /// <summary>The place of a row to be written in a buffer whose oldest row has made way already, if it had to.</summary>
    /// <param name="buffer">The buffer: as many rows as it holds.</param>
    /// <param name="row">The row; those before it were written in their order.</param>
    /// <param name="rowLength">Elements of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Span<T> Place<T>(Span<T> buffer, int row, int rowLength) =>
        buffer.Slice(Math.Min(row * rowLength, buffer.Length - rowLength), rowLength);

    /// <summary>Makes way after a row was written and read: in a full buffer the other rows move up and the oldest is gone.</summary>
    /// <param name="buffer">The buffer: as many rows as it holds.</param>
    /// <param name="row">The row, or −1 when none was written.</param>
    /// <param name="rowLength">Elements of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void DropOldest<T>(Span<T> buffer, int row, int rowLength)
    {
        if ((row + 1) * rowLength >= buffer.Length) buffer.Slice(rowLength).CopyTo(buffer);
    }

    /// <summary>Makes way for a row that is to be written, if the buffer is full, and returns its place.</summary>
    /// <param name="buffer">The buffer: as many rows as it holds.</param>
    /// <param name="row">The row; those before it were written in their order.</param>
    /// <param name="rowLength">Elements of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Span<T> Next<T>(Span<T> buffer, int row, int rowLength)
    {
        DropOldest(buffer, row - 1, rowLength);
        return Place(buffer, row, rowLength);
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
