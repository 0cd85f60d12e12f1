using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>Channels go that every reader can do without: constant ones move into the readers' biases, others nobody reads.</summary>
/// <remarks>
/// <para>Convolutions and fully connected layers can drop any input and any output channel. Most other operators treat channels one by
/// one, so that the same channels must remain in their inputs and outputs: these are tied. What is not known here, the caller's
/// tensors among it, keeps all channels.</para>
/// <para>A channel is needed when a sum that is needed gives it a weight other than zero, unless the bias can take its
/// contribution: it is constant (<see cref="ChannelRanges"/>), and at the border, where taps read the zero point instead, that makes
/// no difference. From the outputs backwards this is a least fixpoint; what it leaves, another run would leave too, since neither
/// ranges nor weights of the channels that stay have changed.</para>
/// </remarks>
internal sealed class ConstantChannels
{
    // Tensors with more channels than that together are left alone: no model has them.
    private const long MostChannels = 1 << 20;

    private readonly Graph _graph;
    private readonly ChannelRanges _ranges;

    // Where the channels of a tensor begin among all channels.
    private readonly Dictionary<int, int> _first = [];

    // Channels that stay or go together have one root; a root is needed or not.
    private readonly List<int> _parents = [];
    private readonly HashSet<int> _needed = [];

    private readonly bool _hasVectors;

    private ConstantChannels(Graph graph, bool hasVectors)
    {
        _graph = graph;
        _hasVectors = hasVectors;
        _ranges = ChannelRanges.Of(graph);
    }

    /// <param name="hasVectors">Depthwise layers keep as many channels as their vector kernel needs.</param>
    public static Graph Run(Graph graph, bool hasVectors)
    {
        long channels = graph.Inputs.Concat(graph.Ops.SelectMany(op => op.Outputs)).Sum(id => (long)ChannelRanges.Channels(graph[id]));
        if (channels > MostChannels) return graph;

        var pass = new ConstantChannels(graph, hasVectors);
        pass.Tie();
        pass.Need();
        return pass.Rewrite();
    }

    private void Tie()
    {
        int[] written = [.. _graph.Ops.SelectMany(op => op.Outputs).Distinct()];
        int[] read = [.. _graph.Inputs.Concat(_graph.Ops.SelectMany(op => op.Inputs)).Where(id => id >= 0 && !_graph[id].IsConstant).Distinct().Except(written)];
        foreach (int id in read.Concat(written))
        {
            _first[id] = _parents.Count;
            _parents.AddRange(Enumerable.Range(_parents.Count, ChannelRanges.Channels(_graph[id])));
        }

        // What no operator writes has all its channels, and so has what the next inference reads.
        foreach (int id in read.Concat(_graph.Outputs).Concat(written.Where(id => _graph[_graph.Root(id)].IsVariable))) NeedAll(id);
        foreach (Op op in _graph.Ops)
        {
            if (_ranges.SumsOf(op.Outputs[0]) is { } sums)
            {
                for (int oc = 0; sums.IsDepthwise && oc < sums.Outputs; oc++) Tie(op.Inputs[0], sums.Channel(oc, 0), op.Outputs[0], oc);
            }
            else if (!TieChannels(op))
            {
                foreach (int id in op.Inputs.Concat(op.Outputs)) NeedAll(id);
            }
        }
    }

    // Ties inputs and output of an operator that treats each channel by itself; false for any other operator.
    private bool TieChannels(Op op)
    {
        int output = op.Outputs[0];
        Tensor result = _graph[output];
        int channels = ChannelRanges.Channels(result);
        if (result.Shape.Count == 0 || channels == 0) return false;
        switch (op)
        {
            case AveragePool2D or MaxPool2D or Lookup or ResizeBilinear or ResizeNearestNeighbor:
            case Mean { Reduction: var mean } when mean.Keeps(_graph[op.Inputs[0]]):
            case ReduceMax { Reduction: var reduction } when reduction.Keeps(_graph[op.Inputs[0]]):
            case Pad pad when pad.KeepsChannels:
                if (ChannelRanges.Channels(_graph[op.Inputs[0]]) != channels || _graph[op.Inputs[0]].IsConstant) return false;
                for (int c = 0; c < channels; c++) Tie(op.Inputs[0], c, output, c);
                return true;
            case Add or Sub or Mul or Maximum:
                foreach (int id in op.Inputs.Take(2))
                {
                    if (ChannelRanges.Channels(_graph[id]) != channels) NeedAll(id);
                    else for (int c = 0; c < channels; c++) Tie(id, c, output, c);
                }

                return true;
            case Reshape when _graph[op.Inputs[0]] is { IsConstant: false, Shape.Count: > 0 }:
                int before = ChannelRanges.Channels(_graph[op.Inputs[0]]);
                if (before % channels != 0 && channels % before != 0) return false;
                for (int c = 0; c < Math.Max(before, channels); c++) Tie(op.Inputs[0], c % before, output, c % channels);
                return true;
            case Concatenation concatenation:
                bool isAlongChannels = concatenation.Dimension(result.Shape.Count) == result.Shape.Count - 1;
                int first = 0;
                foreach (int id in op.Inputs)
                {
                    int own = ChannelRanges.Channels(_graph[id]);
                    for (int c = 0; c < own; c++) Tie(id, c, output, first + c);
                    if (isAlongChannels) first += own;
                }

                // Constants stay whole, and so do the channels that they fill.
                for (int at = 0, i = 0; i < op.Inputs.Count; i++)
                {
                    int own = ChannelRanges.Channels(_graph[op.Inputs[i]]);
                    for (int c = 0; _graph[op.Inputs[i]].IsConstant && c < own; c++) _needed.Add(Root(_first[output] + at + c));
                    if (isAlongChannels) at += own;
                }

                return true;
            default:
                return false;
        }
    }

    private void Need()
    {
        // Each sum is looked at once, when its channel turns out to be needed.
        var done = new HashSet<int>();
        bool hasChanged = true;
        while (hasChanged)
        {
            hasChanged = false;
            for (int i = _graph.Ops.Count - 1; i >= 0; i--)
            {
                int input = _graph.Ops[i].Inputs[0], output = _graph.Ops[i].Outputs[0];
                if (_ranges.SumsOf(output) is not { } sums) continue;
                for (int oc = 0; oc < sums.Outputs; oc++)
                {
                    if (!IsNeeded(output, oc) || !done.Add(_first[output] + oc)) continue;
                    hasChanged = true;
                    for (int tap = 0; tap < sums.Taps; tap++)
                    {
                        int channel = sums.Channel(oc, tap);
                        if (sums.Weight(oc, tap) != 0 && !sums.CanFold(_ranges[input][channel])) _needed.Add(Root(_first[input] + channel));
                    }
                }
            }

            // No tensor becomes empty.
            if (!hasChanged) hasChanged = Fill();
        }
    }

    private bool Fill()
    {
        int before = _needed.Count;
        foreach (KeyValuePair<int, int> tensor in _first)
        {
            int channels = ChannelRanges.Channels(_graph[tensor.Key]);
            if (channels > 0 && !Enumerable.Range(0, channels).Any(c => IsNeeded(tensor.Key, c))) _needed.Add(Root(tensor.Value));
        }

        foreach (int output in _graph.Ops.Select(op => op.Outputs[0]))
        {
            if (_ranges.SumsOf(output) is not { } sums) continue;
            int fewest = sums.FewestOutputs(_hasVectors);
            for (int oc = 0; oc < sums.Outputs && Kept(output).Length < fewest; oc++) _needed.Add(Root(_first[output] + oc));
        }

        return _needed.Count > before;
    }

    private Graph Rewrite()
    {
        Dictionary<int, int[]> kept = _first.Keys.ToDictionary(id => id, Kept);
        bool IsWhole(int id) => kept[id].Length == ChannelRanges.Channels(_graph[id]);
        if (kept.Keys.All(IsWhole)) return _graph;

        List<Tensor> tensors = [.. _graph.Tensors];
        int Added(Tensor tensor)
        {
            tensors.Add(tensor);
            return tensors.Count - 1;
        }

        foreach (int id in kept.Keys.Where(id => !IsWhole(id)))
        {
            int[] shape = _graph[id].Shape.ToArray();
            shape[shape.Length - 1] = kept[id].Length;
            tensors[id] = _graph[id] with { Shape = shape };
        }

        var ops = new List<Op>();
        foreach (Op original in _graph.Ops)
        {
            Op op = original;
            int output = op.Outputs[0];
            if (_ranges.SumsOf(output) is { } sums && !(IsWhole(op.Inputs[0]) && IsWhole(output)))
            {
                (Tensor filter, Tensor bias) = sums.Keep(kept[op.Inputs[0]], kept[output], _ranges[op.Inputs[0]]);
                op = op with { Inputs = new[] { op.Inputs[0], Added(filter), Added(bias) } };
            }
            else if (op is Add or Sub or Mul or Maximum && !IsWhole(output))
            {
                int channels = ChannelRanges.Channels(_graph[output]);
                op = op with
                {
                    Inputs = op.Inputs.Take(2).Select(id =>
                        _graph[id].IsConstant && ChannelRanges.Channels(_graph[id]) == channels ? Added(Slice(_graph[id], kept[output])) : id).ToArray(),
                };
            }

            ops.Add(op);
        }

        return _graph.With(ops, tensors);
    }

    private static Tensor Slice(Tensor constant, int[] kept)
    {
        int[] shape = constant.Shape.ToArray();
        int channels = shape[shape.Length - 1], size = constant.Type.Size();
        shape[shape.Length - 1] = kept.Length;
        IEnumerable<int> elements = Enumerable.Range(0, constant.ElementCount / channels).SelectMany(_ => kept, (row, c) => (row * channels) + c);
        return constant with { Shape = shape, Data = [.. elements.SelectMany(i => constant.Data!.Skip(i * size).Take(size))] };
    }

    private int[] Kept(int id) => [.. Enumerable.Range(0, ChannelRanges.Channels(_graph[id])).Where(c => IsNeeded(id, c))];

    private bool IsNeeded(int id, int channel) => _needed.Contains(Root(_first[id] + channel));

    private void NeedAll(int id)
    {
        if (id < 0 || !_first.TryGetValue(id, out int first)) return;
        for (int c = 0; c < ChannelRanges.Channels(_graph[id]); c++) _needed.Add(Root(first + c));
    }

    // Constants are no part of it: they are cut to what their operator keeps.
    private void Tie(int a, int channelOfA, int b, int channelOfB)
    {
        if (!_first.TryGetValue(a, out int first)) return;
        int x = Root(first + channelOfA), y = Root(_first[b] + channelOfB);
        if (x == y) return;
        _parents[x] = y;
        if (_needed.Remove(x)) _needed.Add(y);
    }

    private int Root(int channel)
    {
        while (_parents[channel] != channel) channel = _parents[channel] = _parents[_parents[channel]];
        return channel;
    }
}
