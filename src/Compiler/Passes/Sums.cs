using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED as what they have in common: each output channel is a weighted sum of taps, and
/// each tap reads one channel of the input.</summary>
internal sealed class Sums
{
    private readonly Tensor _input;
    private readonly Tensor _filter;
    private readonly Tensor _output;
    private readonly Op _op;
    private readonly int[] _weights;
    private readonly int[]? _bias;
    private readonly int _inputChannels;

    private Sums(Graph graph, Op op, bool isPadded, Activation activation)
    {
        _op = op;
        _input = graph[op.Inputs[0]];
        _filter = graph[op.Inputs[1]];
        _output = graph[op.Outputs[0]];
        _weights = _filter.Integers();
        _bias = op.Inputs.Count > 2 && op.Inputs[2] >= 0 ? graph[op.Inputs[2]].Integers() : null;
        _inputChannels = ChannelRanges.Channels(_input);
        Outputs = ChannelRanges.Channels(_output);
        Taps = _weights.Length / Outputs;
        IsPadded = isPadded;
        Activation = activation;
    }

    /// <summary>Id of the tensor that is summed.</summary>
    public int Input => _op.Inputs[0];

    public int Outputs { get; }

    /// <summary>Weights of one output channel.</summary>
    public int Taps { get; }

    /// <summary>Some window reaches outside the image, where a tap reads the zero point.</summary>
    public bool IsPadded { get; }

    public Activation Activation { get; }

    public bool IsDepthwise => _op is DepthwiseConv2D;

    /// <summary>Null for operators that are no such sums, for groups and for shapes where a tap reads several channels.</summary>
    public static Sums? Of(Graph graph, Op op)
    {
        if (op is not (Conv2D or DepthwiseConv2D or FullyConnected)) return null;
        Tensor input = graph[op.Inputs[0]], filter = graph[op.Inputs[1]], output = graph[op.Outputs[0]];
        if (input.IsConstant || new[] { input, filter, output }.Any(t => t.Type != ElementType.Int8)) return null;
        return op switch
        {
            Conv2D conv => filter.Shape[3] == input.Shape[3]
                ? new Sums(graph, op, !Window2D.Of(input, filter.Shape[1], filter.Shape[2], conv.Options).IsInside, conv.Activation)
                : null,
            DepthwiseConv2D conv => new Sums(graph, op, !Window2D.Of(input, filter.Shape[1], filter.Shape[2], conv.Options).IsInside, conv.Activation),
            FullyConnected dense => filter.Shape[1] % ChannelRanges.Channels(input) == 0 && ChannelRanges.Channels(output) == filter.Shape[0]
                ? new Sums(graph, op, false, dense.Activation)
                : null,
            _ => null,
        };
    }

    /// <summary>The channel of the input that a tap reads.</summary>
    public int Channel(int output, int tap) => IsDepthwise ? output / (Outputs / _inputChannels) : tap % _inputChannels;

    /// <summary>The weight of a tap without its zero point.</summary>
    public int Weight(int output, int tap) => _weights[At(output, tap)] - ZeroPoint;

    /// <summary>The real factor between accumulator and output.</summary>
    public double Factor(int output) => (double)_input.Scale * _filter.ScaleOf(output) / _output.Scale;

    /// <summary>The least and the greatest accumulator of an output channel, if none wraps; <paramref name="x"/> are the input's ranges.</summary>
    public (long Low, long High) Bounds(int output, Interval[] x)
    {
        long low = _bias?[output] ?? 0, high = low;
        for (int tap = 0; tap < Taps; tap++)
        {
            int weight = Weight(output, tap);
            if (weight == 0) continue;
            Interval range = x[Channel(output, tap)];
            int a = range.Low - _input.ZeroPoint, b = range.High - _input.ZeroPoint;
            if (IsPadded)
            {
                a = Math.Min(a, 0);
                b = Math.Max(b, 0);
            }

            low += Math.Min(weight * a, weight * b);
            high += Math.Max(weight * a, weight * b);
        }

        return (low, high);
    }

    /// <summary>A channel whose contribution is one number at every pixel, so that the bias can hold it: it is constant, and it is the zero
    /// point or no window sees anything else beside it.</summary>
    public bool CanFold(Interval x) => x.IsPoint && !IsDepthwise && (x.Low == _input.ZeroPoint || !IsPadded);

    /// <summary>The output of each channel for an accumulator, by the operator's reference: one tap of weight zero, and the accumulator as bias.</summary>
    public int[] Results(int[] accumulators)
    {
        bool isDense = _op is FullyConnected;
        int[] shape = isDense ? [Outputs, 1] : IsDepthwise ? [1, 1, 1, Outputs] : [Outputs, 1, 1, 1];
        byte[] nothing = Values.Bytes(ElementType.Int8, Enumerable.Repeat(ZeroPoint, Outputs).ToArray());
        int[] one = isDense ? [1, 1] : [1, 1, 1, 1];
        Tensor[] tensors =
        [
            _input with { Shape = one },
            _filter with { Shape = shape, Data = nothing },
            Bias(accumulators),
            _output with { Shape = isDense ? new[] { 1, Outputs } : new[] { 1, 1, 1, Outputs } },
        ];
        var plain = new WindowOptions { Padding = new Padding(false, default), StrideY = 1, StrideX = 1 };
        int[] inputs = [0, 1, 2], outputs = [3];
        Op op = _op switch
        {
            Conv2D conv => conv with { Inputs = inputs, Outputs = outputs, Options = plain },
            DepthwiseConv2D conv => conv with { Inputs = inputs, Outputs = outputs, Options = plain },
            var dense => dense with { Inputs = inputs, Outputs = outputs },
        };
        return Values.Run(new Graph(tensors, [op], [0], outputs), [new[] { _input.ZeroPoint }]).Integers(3);
    }

    /// <summary>The same sums over the channels <paramref name="kept"/> alone, for the output channels <paramref name="outputs"/>: filter and bias.
    /// What a dropped channel contributes, which <paramref name="x"/> then says, goes into the bias.</summary>
    public (Tensor Filter, Tensor Bias) Keep(int[] kept, int[] outputs, Interval[] x)
    {
        var isKept = new HashSet<int>(kept);
        int[] bias = new int[outputs.Length];
        var rows = new List<int>[outputs.Length];
        for (int i = 0; i < outputs.Length; i++)
        {
            int oc = outputs[i];
            bias[i] = _bias?[oc] ?? 0;
            rows[i] = [];
            for (int tap = 0; tap < Taps; tap++)
            {
                int channel = Channel(oc, tap);
                if (isKept.Contains(channel)) rows[i].Add(_weights[At(oc, tap)]);
                else bias[i] = unchecked(bias[i] + (Weight(oc, tap) * (x[channel].Low - _input.ZeroPoint)));
            }
        }

        // OHWI with the channels that are left, or 1HWO.
        int[] shape = _filter.Shape.ToArray();
        int taps = rows[0].Count;
        shape[IsDepthwise ? 3 : 0] = outputs.Length;
        if (!IsDepthwise) shape[shape.Length - 1] = shape[shape.Length - 1] / _inputChannels * kept.Length;
        int[] weights = IsDepthwise
            ? [.. Enumerable.Range(0, taps).SelectMany(_ => outputs.Select((_, i) => i), (tap, i) => rows[i][tap])]
            : [.. rows.SelectMany(row => row)];
        Quantization q = _filter.Quantization!;
        if (q.IsPerChannel)
        {
            q = q with
            {
                Scales = outputs.Select(oc => q.Scales[oc]).ToArray(),
                ZeroPoints = outputs.Select(oc => q.ZeroPoints[q.ZeroPoints.Count == 1 ? 0 : oc]).ToArray(),
            };
        }

        Tensor filter = _filter with { Shape = shape, Quantization = q, Data = Values.Bytes(ElementType.Int8, weights) };
        return (filter, Bias(bias));
    }

    /// <summary>The fewest output channels that may be left: the factors of FULLY_CONNECTED are rounded otherwise when there is one scale, and a depthwise
    /// layer of fewer channels than a vector kernel takes is slower without the others.</summary>
    public int FewestOutputs(bool hasVectors) => _op is FullyConnected && _filter.Quantization!.IsPerChannel ? 2
        : hasVectors && IsDepthwise && Outputs >= DepthwiseConv2D.LeastVector ? DepthwiseConv2D.LeastVector
        : 1;

    // Of one scale: filters with one for each channel have none.
    private int ZeroPoint => _filter.Quantization!.IsPerChannel ? 0 : _filter.ZeroPoint;

    private int At(int output, int tap) => IsDepthwise ? (tap * Outputs) + output : (output * Taps) + tap;

    private Tensor Bias(int[] values) => new()
    {
        Name = _output.Name + ", bias",
        Type = ElementType.Int32,
        Shape = new[] { values.Length },
        Data = Values.Bytes(ElementType.Int32, values),
    };
}
