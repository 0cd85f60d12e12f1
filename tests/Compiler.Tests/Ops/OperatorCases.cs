using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Random models of one operator each: shapes, options, quantisation and constants.</summary>
internal static class OperatorCases
{
    /// <summary>The generators by operator.</summary>
    public static readonly IReadOnlyDictionary<string, Func<Draw, TfliteBuilder>> All = new Dictionary<string, Func<Draw, TfliteBuilder>>
    {
        ["CONV_2D"] = Conv2D,
        ["DEPTHWISE_CONV_2D"] = DepthwiseConv2D,
        ["FULLY_CONNECTED"] = FullyConnected,
        ["AVERAGE_POOL_2D"] = draw => Pool(draw, Schema.Builtin.AveragePool2D),
        ["MAX_POOL_2D"] = draw => Pool(draw, Schema.Builtin.MaxPool2D),
        ["ADD"] = draw => Binary(draw, Schema.Builtin.Add),
        ["SUB"] = draw => Binary(draw, Schema.Builtin.Sub),
        ["MUL"] = draw => Binary(draw, Schema.Builtin.Mul),
        ["MEAN"] = Mean,
        ["PAD"] = Pad,
        ["CONCATENATION"] = Concatenation,
        ["SOFTMAX"] = Softmax,
        ["TRANSPOSE"] = Transpose,
        ["STRIDED_SLICE"] = StridedSlice,
        ["RESHAPE"] = draw => View(draw, Schema.Builtin.Reshape),
        ["SQUEEZE"] = draw => View(draw, Schema.Builtin.Squeeze),
        ["EXPAND_DIMS"] = draw => View(draw, Schema.Builtin.ExpandDims),
        ["LOGISTIC"] = draw => Unary(draw, Schema.Builtin.Logistic, TfliteBuilder.Quantized(1f / 256, -128)),
        ["TANH"] = draw => Unary(draw, Schema.Builtin.Tanh, TfliteBuilder.Quantized(1f / 128, 0)),
        ["RELU"] = draw => Unary(draw, Schema.Builtin.Relu, draw.Quantized()),
        ["RELU6"] = draw => Unary(draw, Schema.Builtin.Relu6, draw.Quantized()),
        ["HARD_SWISH"] = draw => Unary(draw, Schema.Builtin.HardSwish, TfliteBuilder.Quantized(draw.Scale() + 0.02f, draw.ZeroPoint())),
        ["LEAKY_RELU"] = draw => Unary(
            draw, Schema.Builtin.LeakyRelu, draw.Quantized(), (0, FlatValue.Float(draw.Of(0f, 0.01f, 0.3f, 1f, 1.7f, -0.4f)))),
        ["QUANTIZE"] = QuantizeOrRequantize,
        ["DEQUANTIZE"] = draw => Convert(
            Schema.Builtin.Dequantize, draw.Shape(draw.Int(0, 4), 6), draw.Of(ElementType.Int8, ElementType.UInt8), draw.Quantized, ElementType.Float32, null),
    };

    private static TfliteBuilder Conv2D(Draw draw)
    {
        int groups = draw.Of(1, 1, 1, 2, 3), depth = draw.Int(1, 5), perGroup = draw.Int(1, 7);
        (int height, int width) filter = draw.Of((1, 1), (3, 3), (draw.Int(1, 5), draw.Int(1, 5)));
        return Convolution(draw, Schema.Builtin.Conv2D, groups * depth, [groups * perGroup, filter.height, filter.width, depth], 0, groups * perGroup);
    }

    private static TfliteBuilder DepthwiseConv2D(Draw draw)
    {
        int channels = draw.Int(1, 9), multiplier = draw.Of(1, 1, 1, 2, 3);
        int[] filter = [1, draw.Of(3, draw.Int(1, 5)), draw.Of(3, draw.Int(1, 5)), channels * multiplier];
        return Convolution(draw, Schema.Builtin.DepthwiseConv2D, channels, filter, 3, channels * multiplier, multiplier);
    }

    private static TfliteBuilder Convolution(Draw draw, int builtin, int channels, int[] filter, int axis, int outputs, int multiplier = 0)
    {
        bool isSame = draw.Chance(2);
        int strideY = draw.Of(1, 1, 2, draw.Int(1, 4)), strideX = draw.Of(strideY, draw.Int(1, 4));
        int dilationY = draw.Of(1, 1, 1, 2, 3), dilationX = draw.Of(dilationY, 1);
        (int height, int rows) = Axis(draw, filter[1], strideY, dilationY, isSame);
        (int width, int columns) = Axis(draw, filter[2], strideX, dilationX, isSame);
        int batch = draw.Of(1, 1, 1, 2, 3);

        var b = new TfliteBuilder();
        Quantization input = draw.Quantized(), weights = Filter(draw, outputs, axis);

        // Outputs that use their range: the scale of a sum of as many products.
        float output = input.Scale * weights.Scale * draw.Int(1, 400);
        int x = b.Int8("input", [batch, height, width, channels], input.Scale, input.ZeroPoint);
        int w = b.Tensor("filter", ElementType.Int8, filter, weights, draw.Bytes(Shapes.Count(filter)));
        int bias = draw.Chance(5) ? -1 : Bias(b, draw, outputs, null);
        int y = b.Int8("output", [batch, rows, columns, outputs], output, draw.ZeroPoint());
        FlatValue[] options = multiplier == 0
            ? [Flat(isSame ? 0 : 1), Flat(strideX), Flat(strideY), Flat(Activation(draw)), Flat(dilationX), Flat(dilationY)]
            : [Flat(isSame ? 0 : 1), Flat(strideX), Flat(strideY), Flat(multiplier), Flat(Activation(draw)), Flat(dilationX), Flat(dilationY)];
        b.Operator(builtin, bias < 0 && draw.Chance(2) ? [x, w] : [x, w, bias], [y], [.. options.Select((value, slot) => (slot, value))]);
        b.Ports([x], [y]);
        return b;
    }

    // An input size and the outputs it gives: windows may be larger than the image when it is padded.
    private static (int Size, int Outputs) Axis(Draw draw, int filter, int stride, int dilation, bool isSame)
    {
        int reach = ((filter - 1) * dilation) + 1, size = draw.Int(isSame ? 1 : reach, reach + 7);
        return (size, isSame ? (size + stride - 1) / stride : (size - reach + stride) / stride);
    }

    private static Quantization Filter(Draw draw, int outputs, int axis) => draw.Chance(3)
        ? TfliteBuilder.Quantized(draw.Scale(), 0)
        : new Quantization(Enumerable.Range(0, outputs).Select(_ => draw.Scale()).ToArray(), new int[outputs], axis);

    private static int Bias(TfliteBuilder b, Draw draw, int outputs, Quantization? quantization)
    {
        // Now and then so large that accumulators leave the range of the shorter requantisation.
        int most = draw.Of(1 << 10, 1 << 14, 1 << 30);
        int[] values = [.. Enumerable.Range(0, outputs).Select(_ => draw.Int(-most, most - 1))];
        return b.Tensor("bias", ElementType.Int32, [outputs], quantization, Values.Bytes(ElementType.Int32, values));
    }

    private static TfliteBuilder FullyConnected(Draw draw)
    {
        int units = draw.Int(1, 14), depth = draw.Of(draw.Int(1, 9), draw.Int(1, 70)), rows = draw.Of(1, 1, 2, 5);
        var b = new TfliteBuilder();
        Quantization input = draw.Quantized();
        Quantization filter = draw.Chance(3) ? draw.Quantized() : Filter(draw, units, 0);
        float output = input.Scale * filter.Scale * draw.Int(1, 400);
        int x = b.Int8("input", draw.Of<int[]>([rows, depth], [1, rows, 1, depth]), input.Scale, input.ZeroPoint);
        int w = b.Tensor("filter", ElementType.Int8, [units, depth], filter, draw.Bytes(units * depth));
        int bias = draw.Chance(5) ? -1 : Bias(b, draw, units, filter.IsPerChannel ? null : TfliteBuilder.Quantized(input.Scale * filter.Scale, 0));
        int y = b.Int8("output", [rows, units], output, draw.ZeroPoint());
        b.Operator(Schema.Builtin.FullyConnected, [x, w, bias], [y], (0, Flat(Activation(draw))));
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Pool(Draw draw, int builtin)
    {
        bool isSame = draw.Chance(2);
        int filterY = draw.Int(1, 5), filterX = draw.Int(1, 5), strideY = draw.Int(1, 4), strideX = draw.Int(1, 4);
        (int height, int rows) = Axis(draw, filterY, strideY, 1, isSame);
        (int width, int columns) = Axis(draw, filterX, strideX, 1, isSame);
        int batch = draw.Of(1, 1, 2), channels = draw.Int(1, 9);
        var b = new TfliteBuilder();
        Quantization q = draw.Quantized();
        int x = b.Int8("input", [batch, height, width, channels], q.Scale, q.ZeroPoint);
        int y = b.Int8("output", [batch, rows, columns, channels], q.Scale, q.ZeroPoint);
        b.Operator(
            builtin, [x], [y],
            (0, Flat(isSame ? 0 : 1)), (1, Flat(strideX)), (2, Flat(strideY)), (3, Flat(filterX)), (4, Flat(filterY)), (5, Flat(Activation(draw))));
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Binary(Draw draw, int builtin)
    {
        int[] shape = draw.Shape(draw.Int(0, 4), 6);
        int[] Repeated() => [.. shape.Select(size => draw.Chance(3) ? 1 : size).Skip(draw.Int(0, shape.Length))];
        int[] first = draw.Chance(2) ? shape : Repeated(), second = draw.Chance(2) ? shape : Repeated();
        int[] output = Shapes.Broadcast(first, second)!;
        var b = new TfliteBuilder();
        Quantization q1 = draw.Quantized(), q2 = draw.Quantized();
        int constant = draw.Of(0, 0, 1, 2);
        int x1 = b.Int8("first", first, q1.Scale, q1.ZeroPoint, constant == 1 ? draw.Bytes(Shapes.Count(first)) : null);
        int x2 = b.Int8("second", second, q2.Scale, q2.ZeroPoint, constant == 2 ? draw.Bytes(Shapes.Count(second)) : null);
        int y = b.Int8("output", output, draw.Scale() * (builtin == Schema.Builtin.Mul ? 0.5f : 1), draw.ZeroPoint());
        bool isSquare = constant == 0 && draw.Chance(6);
        if (isSquare) y = b.Int8("square", first, draw.Scale(), draw.ZeroPoint());
        b.Operator(builtin, isSquare ? [x1, x1] : [x1, x2], [y], (0, Flat(Activation(draw))));
        b.Ports(isSquare || constant == 2 ? [x1] : constant == 1 ? [x2] : [x1, x2], [y]);
        return b;
    }

    private static TfliteBuilder Mean(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 7);
        int[] axes = [.. Enumerable.Range(0, shape.Length).Where(_ => draw.Chance(2)).Select(d => draw.Chance(4) ? d - shape.Length : d)];
        bool keeps = draw.Chance(2);
        bool IsReduced(int d) => axes.Contains(d) || axes.Contains(d - shape.Length);
        int[] output = [.. Enumerable.Range(0, shape.Length).Where(d => keeps || !IsReduced(d)).Select(d => IsReduced(d) ? 1 : shape[d])];
        var b = new TfliteBuilder();
        Quantization qx = draw.Quantized(), qy = draw.Quantized();
        int x = b.Int8("input", shape, qx.Scale, qx.ZeroPoint), y = b.Int8("output", output, qy.Scale, qy.ZeroPoint);
        b.Operator(Schema.Builtin.Mean, [x, b.Int32("axes", axes)], [y], (0, Flat(keeps ? 1 : 0)));
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Pad(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 6);
        int[] paddings = [.. Enumerable.Range(0, 2 * shape.Length).Select(_ => draw.Of(0, draw.Int(0, 3)))];
        int[] output = [.. shape.Select((size, d) => paddings[2 * d] + size + paddings[(2 * d) + 1])];
        var b = new TfliteBuilder();
        Quantization q = draw.Quantized();
        int x = b.Int8("input", shape, q.Scale, q.ZeroPoint), y = b.Int8("output", output, q.Scale, q.ZeroPoint);
        int p = b.Tensor("paddings", ElementType.Int32, [shape.Length, 2], null, Values.Bytes(ElementType.Int32, paddings));
        b.Operator(Schema.Builtin.Pad, [x, p], [y]);
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Concatenation(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 5);
        int axis = draw.Int(0, shape.Length - 1), count = draw.Int(1, 4), total = 0;
        var b = new TfliteBuilder();
        Quantization q = draw.Quantized();
        var inputs = new List<int>();
        var ports = new List<int>();
        for (int i = 0; i < count; i++)
        {
            bool isRepeated = i > 0 && draw.Chance(6);
            if (isRepeated)
            {
                inputs.Add(inputs[^1]);
                total += shape[axis];
                continue;
            }

            shape[axis] = draw.Int(1, 5);
            total += shape[axis];
            bool isConstant = i > 0 && draw.Chance(3);
            inputs.Add(b.Int8($"input{i}", [.. shape], q.Scale, q.ZeroPoint, isConstant ? draw.Bytes(Shapes.Count(shape)) : null));
            if (!isConstant) ports.Add(inputs[^1]);
        }

        shape[axis] = total;
        int y = b.Int8("output", shape, q.Scale, q.ZeroPoint);
        b.Operator(Schema.Builtin.Concatenation, [.. inputs], [y], (0, Flat(draw.Chance(3) ? axis - shape.Length : axis)));
        b.Ports([.. ports], [y]);
        return b;
    }

    private static TfliteBuilder Softmax(Draw draw)
    {
        int depth = draw.Of(1, draw.Int(2, 20), draw.Int(240, 700), 5000);
        int[] shape = [.. draw.Shape(draw.Int(0, 3), depth > 100 ? 2 : 4), depth];
        var b = new TfliteBuilder();

        // A tiny scale makes all powers equal: the largest sum that a row can have.
        float scale = draw.Chance(4) ? draw.Scale() / 4096 : draw.Scale();
        int x = b.Int8("input", shape, scale, draw.ZeroPoint()), y = b.Int8("output", shape, 1f / 256, -128);
        b.Operator(Schema.Builtin.Softmax, [x], [y], (0, FlatValue.Float(draw.Of(1f, 1f, 0.25f, 3f))));
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Transpose(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(0, 5), 5);
        int[] permutation = [.. Enumerable.Range(0, shape.Length)];
        for (int d = shape.Length - 1; d > 0; d--)
        {
            int other = draw.Int(0, d);
            (permutation[d], permutation[other]) = (permutation[other], permutation[d]);
        }

        var b = new TfliteBuilder();
        Quantization q = draw.Quantized();
        int x = b.Int8("input", shape, q.Scale, q.ZeroPoint), y = b.Int8("output", [.. permutation.Select(d => shape[d])], q.Scale, q.ZeroPoint);
        b.Operator(Schema.Builtin.Transpose, [x, b.Int32("permutation", permutation)], [y]);
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder StridedSlice(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 7);
        int[] begin = new int[shape.Length], end = new int[shape.Length], strides = new int[shape.Length];
        var output = new List<int>();
        int beginMask = 0, endMask = 0, shrinkMask = 0;
        for (int d = 0; d < shape.Length; d++)
        {
            // Indices that are walked, first to last, and the ways to say so.
            int first = draw.Int(0, shape[d] - 1), last = draw.Int(0, shape[d] - 1);
            int step = draw.Int(1, 3) * (last < first ? -1 : 1);
            bool shrinks = draw.Chance(5);
            begin[d] = draw.Chance(4) ? first - shape[d] : first;
            strides[d] = shrinks ? 1 : step;
            end[d] = step > 0 ? draw.Of(last + 1, last == shape[d] - 1 ? shape[d] + 5 : last + 1) : last == 0 ? -shape[d] - 1 : last - 1;
            if (!shrinks && draw.Chance(5))
            {
                beginMask |= 1 << d;
                first = step > 0 ? 0 : shape[d] - 1;
            }

            if (!shrinks && draw.Chance(5))
            {
                endMask |= 1 << d;
                last = step > 0 ? shape[d] - 1 : 0;
            }

            if (shrinks) shrinkMask |= 1 << d;
            else output.Add((Math.Abs(last - first) / Math.Abs(step)) + 1);
        }

        var b = new TfliteBuilder();
        ElementType type = draw.Of(ElementType.Int8, ElementType.Int8, ElementType.UInt8, ElementType.Int32);
        Quantization? q = type == ElementType.Int32 ? null : TfliteBuilder.Quantized(draw.Scale(), draw.Int(0, 127));
        int x = b.Tensor("input", type, shape, q), y = b.Tensor("output", type, [.. output], q);
        b.Operator(
            Schema.Builtin.StridedSlice, [x, b.Int32("begin", begin), b.Int32("end", end), b.Int32("strides", strides)], [y],
            (0, Flat(beginMask)), (1, Flat(endMask)), (4, Flat(shrinkMask)));
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder View(Draw draw, int builtin)
    {
        int[] shape = draw.Shape(draw.Int(0, 4), 5);
        int[] output = [.. shape.Reverse(), 1];
        var b = new TfliteBuilder();
        Quantization q = draw.Quantized();
        ElementType type = draw.Of(ElementType.Int8, ElementType.Int8, ElementType.Float32);
        int x = b.Tensor("input", type, shape, type == ElementType.Int8 ? q : null), y = b.Tensor("output", type, output, type == ElementType.Int8 ? q : null);
        b.Operator(builtin, draw.Chance(2) ? [x] : [x, b.Int32("shape", output)], [y]);
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Unary(Draw draw, int builtin, Quantization output, params (int, FlatValue)[] options) =>
        Convert(builtin, draw.Shape(draw.Int(0, 4), 6), ElementType.Int8, draw.Quantized, ElementType.Int8, output, options);

    private static TfliteBuilder QuantizeOrRequantize(Draw draw)
    {
        Quantization Of(ElementType type) => TfliteBuilder.Quantized(draw.Scale(), type == ElementType.UInt8 ? draw.Int(0, 255) : draw.ZeroPoint());
        ElementType from = draw.Of(ElementType.Float32, ElementType.Int8, ElementType.UInt8), to = draw.Of(ElementType.Int8, ElementType.UInt8);
        return Convert(Schema.Builtin.Quantize, draw.Shape(draw.Int(0, 4), 6), from, () => Of(from), to, Of(to));
    }

    private static TfliteBuilder Convert(
        int builtin, int[] shape, ElementType from, Func<Quantization> quantized, ElementType to, Quantization? output, params (int, FlatValue)[] options)
    {
        Quantization? input = from == ElementType.Float32 ? null : quantized();
        if (from == ElementType.UInt8 && input is not null) input = TfliteBuilder.Quantized(input.Scale, Math.Abs(input.ZeroPoint));
        var b = new TfliteBuilder();
        int x = b.Tensor("input", from, shape, input), y = b.Tensor("output", to, shape, output);
        b.Operator(builtin, [x], [y], options);
        b.Ports([x], [y]);
        return b;
    }

    private static int Activation(Draw draw) => draw.Of(0, 0, 1, 2, 3);

    private static FlatValue Flat(int value) => FlatValue.Int32(value);
}
