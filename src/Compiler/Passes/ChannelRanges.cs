using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>The stored values that a channel can have, both ends included.</summary>
internal readonly record struct Interval(int Low, int High)
{
    public bool IsPoint => Low == High;

    public Interval Hull(Interval other) => new(Math.Min(Low, other.Low), Math.Max(High, other.High));

    public Interval Clamp((int Min, int Max) range) => new(FixedPoint.Clamp(Low, range.Min, range.Max), FixedPoint.Clamp(High, range.Min, range.Max));
}

/// <summary>Which values the channels of INT8 tensors can have, whatever the inputs are; a channel is an index of the last dimension.</summary>
/// <remarks>
/// Interval arithmetic in execution order. Results at the ends of an interval come from the operators' own reference, so that a
/// channel that is proved constant has the very value that the operator stores. Operators that are not known here give the whole
/// range of their type.
/// </remarks>
internal sealed class ChannelRanges
{
    // Means of larger tensors are not computed here.
    private const int MostAveraged = 1 << 22;

    private readonly Graph _graph;
    private readonly Dictionary<int, Interval[]> _ranges = [];
    private readonly Dictionary<int, Sums> _sums = [];

    private ChannelRanges(Graph graph) => _graph = graph;

    public static ChannelRanges Of(Graph graph)
    {
        var ranges = new ChannelRanges(graph);
        foreach (Op op in graph.Ops)
        {
            if (Sums.Of(graph, op) is { } sums) ranges._sums[op.Outputs[0]] = sums;
            // A variable holds what an earlier inference or a reset put there, too.
            bool isVariable = graph[graph.Root(op.Outputs[0])].IsVariable;
            Interval[]? output = !isVariable && op.Outputs.Count == 1 && graph[op.Outputs[0]].Type == ElementType.Int8 ? ranges.Output(op) : null;
            if (output is not null) ranges._ranges[op.Outputs[0]] = output;
        }

        return ranges;
    }

    /// <summary>The sums that a tensor holds, or null when another operator writes it.</summary>
    public Sums? SumsOf(int id) => _sums.TryGetValue(id, out Sums? sums) ? sums : null;

    /// <summary>The ranges of a tensor's channels; those of its type where nothing more is known.</summary>
    public Interval[] this[int id]
    {
        get
        {
            if (_ranges.TryGetValue(id, out Interval[]? known)) return known;
            Tensor tensor = _graph[id];
            Interval[] ranges = [.. Enumerable.Repeat(new Interval(tensor.Type.Min(), tensor.Type.Max()), Channels(tensor))];
            if (tensor is { Type: ElementType.Int8, IsConstant: true })
            {
                int[] values = tensor.Integers();
                for (int i = 0; i < values.Length; i++)
                {
                    var value = new Interval(values[i], values[i]);
                    ranges[i % ranges.Length] = i < ranges.Length ? value : ranges[i % ranges.Length].Hull(value);
                }
            }

            return _ranges[id] = ranges;
        }
    }

    public static int Channels(Tensor tensor) => tensor.Shape.Count == 0 ? 1 : tensor.Shape[tensor.Shape.Count - 1];

    // The channels of an operator's output, or null where nothing is known about it.
    private Interval[]? Output(Op op)
    {
        Tensor output = _graph[op.Outputs[0]];
        int channels = Channels(output);
        switch (op)
        {
            case Conv2D or DepthwiseConv2D or FullyConnected:
                return SumsOf(op.Outputs[0]) is { } sums ? Accumulated(sums, output) : null;
            case AveragePool2D { Pool: var pool }:
                return [.. this[op.Inputs[0]].Select(x => x.Clamp(Quantize.Range(pool.Activation, output)))];
            case MaxPool2D { Pool: var pool }:
                return [.. this[op.Inputs[0]].Select(x => x.Clamp(Quantize.Range(pool.Activation, output)))];
            case Lookup lookup when _graph[op.Inputs[0]].Type == ElementType.Int8:
                return [.. this[op.Inputs[0]].Select(x => Among(Enumerable.Range(x.Low + 128, x.High - x.Low + 1).Select(i => lookup.Results[i])))];
            case Add or Sub or Mul or Maximum when op.Inputs.Take(2).All(id => _graph[id].Type == ElementType.Int8):
                return Corners(op, channels);
            case Reshape:
                return Redistributed(this[op.Inputs[0]], channels);
            case Concatenation concatenation:
                return concatenation.Dimension(output.Shape.Count) == output.Shape.Count - 1
                    ? [.. op.Inputs.SelectMany(id => this[id])]
                    : [.. Enumerable.Range(0, channels).Select(c => op.Inputs.Select(id => this[id][c]).Aggregate((a, b) => a.Hull(b)))];
            case Pad pad when pad.KeepsChannels:
                var outside = new Interval((int)pad.Value(_graph), (int)pad.Value(_graph));
                return [.. this[op.Inputs[0]].Select(x => x.Hull(outside))];
            case Mean mean when mean.Reduction.Keeps(_graph[op.Inputs[0]]) && _graph[op.Inputs[0]].ElementCount <= MostAveraged && this[op.Inputs[0]].Any(x => x.IsPoint):
                return Averaged(op);
            default:
                return null;
        }
    }

    // What the accumulators come to: from the operator's reference, which grows with the accumulator as long as nothing wraps.
    private Interval[] Accumulated(Sums sums, Tensor output)
    {
        (int Min, int Max) range = Quantize.Range(sums.Activation, output);
        (long Low, long High)[] bounds = [.. Enumerable.Range(0, sums.Outputs).Select(oc => sums.Bounds(oc, this[sums.Input]))];
        int[] low = sums.Results([.. bounds.Select(b => unchecked((int)b.Low))]), high = sums.Results([.. bounds.Select(b => unchecked((int)b.High))]);
        return
        [
            .. bounds.Select((b, oc) =>
            {
                double largest = Math.Max(Math.Abs((double)b.Low), Math.Abs((double)b.High));
                bool mayWrap = largest * Math.Max(1, 2 * sums.Factor(oc)) >= 1 << 30;
                return mayWrap && b.Low != b.High ? new Interval(range.Min, range.Max) : new Interval(low[oc], high[oc]);
            }),
        ];
    }

    // Operators that are monotone in each input: the extremes are at the corners. Channels of single values broadcast.
    private Interval[]? Corners(Op op, int channels)
    {
        Interval[] a = this[op.Inputs[0]], b = this[op.Inputs[1]];
        Tensor first = _graph[op.Inputs[0]], second = _graph[op.Inputs[1]], output = _graph[op.Outputs[0]];

        // A product that is scaled up that far could wrap.
        if (op is Mul && (double)first.Scale * second.Scale / output.Scale > 256) return null;
        Tensor Row(Tensor tensor) => tensor with { Shape = new[] { channels }, Data = null };
        var graph = new Graph([Row(first), Row(second), Row(output)], [op with { Inputs = new[] { 0, 1 }, Outputs = new[] { 2 } }], [0, 1], [2]);
        int[] Wide(Interval[] x, Func<Interval, int> end) => [.. Enumerable.Range(0, channels).Select(c => end(x[x.Length == 1 ? 0 : c]))];
        int[][] corners =
        [
            .. new Func<Interval, int>[] { x => x.Low, x => x.High }.SelectMany(
                _ => new Func<Interval, int>[] { x => x.Low, x => x.High },
                (left, right) => Values.Run(graph, [Wide(a, left), Wide(b, right)]).Integers(2)),
        ];
        return [.. Enumerable.Range(0, channels).Select(c => Among(corners.Select(corner => corner[c])))];
    }

    // The same elements under another last dimension: each channel has those that come to lie in it.
    private static Interval[]? Redistributed(Interval[] x, int channels)
    {
        if (x.Length % channels != 0 && channels % x.Length != 0) return null;
        var result = new Interval[channels];
        for (int i = 0; i < Math.Max(x.Length, channels); i++)
        {
            Interval value = x[i % x.Length];
            result[i % channels] = i < channels ? value : result[i % channels].Hull(value);
        }

        return result;
    }

    // Means of constant channels are constant; of the others nothing is said.
    private Interval[] Averaged(Op op)
    {
        Interval[] x = this[op.Inputs[0]];
        int[] filled = [.. Enumerable.Range(0, _graph[op.Inputs[0]].ElementCount).Select(i => x[i % x.Length].Low)];
        var means = (int[])Values.Run(_graph, op, filled);
        return [.. x.Select((channel, c) => channel.IsPoint ? new Interval(means[c], means[c]) : new Interval(-128, 127))];
    }

    private static Interval Among(IEnumerable<int> values)
    {
        int low = int.MaxValue, high = int.MinValue;
        foreach (int value in values)
        {
            low = Math.Min(low, value);
            high = Math.Max(high, value);
        }

        return new Interval(low, high);
    }
}
