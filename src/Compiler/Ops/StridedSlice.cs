using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>STRIDED_SLICE: every stride-th element from begin to end along each dimension, with TensorFlow's masks.</summary>
/// <remarks>Bit d of a mask concerns dimension d: begin and end masks open the range, the shrink mask takes one element and
/// drops the dimension. TensorFlow Lite Micro reads ellipsis and new-axis masks as 0; a model that has them is refused.</remarks>
internal sealed record StridedSlice : Op
{
    public required EquatableArray<int>? Begin { get; init; }

    public required EquatableArray<int>? End { get; init; }

    public required EquatableArray<int>? Strides { get; init; }

    public required int BeginMask { get; init; }

    public required int EndMask { get; init; }

    public required int ShrinkMask { get; init; }

    /// <summary>The ellipsis and new-axis masks together.</summary>
    public required int OtherMasks { get; init; }

    public override string Name => "STRIDED_SLICE";

    // ---- import ----
    public static Op Import(OperatorReader r) => new StridedSlice
    {
        Inputs = r.Inputs,
        Outputs = r.Outputs,
        Begin = r.Integers(1),
        End = r.Integers(2),
        Strides = r.Integers(3),
        BeginMask = r.Int32(0),
        EndMask = r.Int32(1),
        OtherMasks = r.Int32(2) | r.Int32(3),
        ShrinkMask = r.Int32(4),
    };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = StridedCopy.Check(c, 0, 0);
        c.Require(OtherMasks == 0, "has an ellipsis or new-axis mask, which TensorFlow Lite Micro ignores");
        c.Require(Begin is not null && End is not null && Strides is not null, "needs constant begin, end and strides");
        if (!c.Holds) return;

        int rank = input!.Shape.Count;
        c.Require(
            Begin!.Value.Count == rank && End!.Value.Count == rank && Strides!.Value.Count == rank && Strides.Value.All(s => s != 0 && s != int.MinValue),
            $"needs begin, end and a stride other than 0 for each of {rank} dimensions");
        if (!c.Holds) return;
        c.Output(0).Elements(Shapes.Count(Enumerable.Range(0, rank).Select(d => Count(input, d))));
    }

    public override IEnumerable<Move> Moves(Graph graph) => [Part(graph)];

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => StridedCopy.Layer(graph, this, "StridedSlice", Moves(graph));

    private Move Part(Graph graph)
    {
        Tensor input = graph[Inputs[0]];
        int[] strides = Shapes.Strides(input.Shape);
        int[] shape = [.. Enumerable.Range(0, strides.Length).Select(d => Count(input, d))];
        int from = Enumerable.Range(0, strides.Length).Sum(d => First(input, d) * strides[d]);
        return Move.Of(0, shape, Shapes.Strides(shape), 0, [.. strides.Select((stride, d) => Count(input, d) == 1 ? stride : stride * Strides!.Value[d])], from);
    }

    // The index of the first element along a dimension: StridedSliceStartForAxis.
    private int First(Tensor input, int d)
    {
        int size = input.Shape[d], stride = Strides!.Value[d], begin = Begin!.Value[d];
        if (Has(BeginMask, d) && !Has(ShrinkMask, d)) return stride > 0 ? 0 : size - 1;
        long index = begin < 0 ? (long)begin + size : begin;
        return (int)(stride > 0 ? Math.Max(0, Math.Min(size, index)) : Math.Max(-1, Math.Min(size - 1, index)));
    }

    // The number of elements along a dimension.
    private int Count(Tensor input, int d)
    {
        int size = input.Shape[d], stride = Strides!.Value[d], first = First(input, d);
        if (Has(ShrinkMask, d)) return first >= 0 && first < size ? 1 : 0;

        long end = End!.Value[d];
        if (Has(EndMask, d)) end = stride > 0 ? size : -1;
        else
        {
            if (end < 0) end += size;
            end = stride > 0 ? Math.Max(0, Math.Min(size, end)) : Math.Max(-1, Math.Min(size - 1, end));
        }

        long span = stride > 0 ? end - first : first - end;
        long step = Math.Abs((long)stride);
        return span <= 0 ? 0 : (int)((span + step - 1) / step);
    }

    private static bool Has(int mask, int d) => (mask & (1 << d)) != 0;
}
