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
    }.Concat(OtherTypes()).ToDictionary(pair => pair.Key, pair => pair.Value);

    // The operators that have a form for INT16 activations and for UINT8 of the older converter.
    private static Dictionary<string, Func<Draw, TfliteBuilder>> OtherTypes()
    {
        var cases = new Dictionary<string, Func<Draw, TfliteBuilder>>();
        foreach (ElementType type in new[] { ElementType.Int16, ElementType.UInt8 })
        {
            void Add(string name, Func<Draw, TfliteBuilder> build) => cases[$"{name} of {type.Name()}"] = build;
            bool isShort = type == ElementType.Int16;
            Quantization Activation(Draw draw) => Of(draw, type);
            TfliteBuilder Unary(Draw draw, int builtin, Quantization output, params (int, FlatValue)[] options) =>
                Convert(builtin, draw.Shape(draw.Int(0, 4), 6), type, () => Activation(draw), type, output, options);
            Add("CONV_2D", draw => Conv2D(draw, type));
            Add("DEPTHWISE_CONV_2D", draw => DepthwiseConv2D(draw, type));
            Add("FULLY_CONNECTED", draw => FullyConnected(draw, type));
            Add("AVERAGE_POOL_2D", draw => Pool(draw, Schema.Builtin.AveragePool2D, type));
            Add("MAX_POOL_2D", draw => Pool(draw, Schema.Builtin.MaxPool2D, type));
            Add("ADD", draw => Binary(draw, Schema.Builtin.Add, type));
            Add("SUB", draw => Binary(draw, Schema.Builtin.Sub, type));
            Add("MUL", draw => Binary(draw, Schema.Builtin.Mul, type));
            Add("PRELU", draw => Binary(draw, Schema.Builtin.Prelu, type));
            Add("MAXIMUM", draw => Binary(draw, Schema.Builtin.Maximum, type));
            Add("MEAN", draw => Mean(draw, type));
            Add("SUM", draw => Mean(draw, type, Schema.Builtin.Sum));
            Add("PAD", draw => Pad(draw, type));
            Add("CONCATENATION", draw => Concatenation(draw, type));
            Add("SOFTMAX", draw => Softmax(draw, type));
            Add("TRANSPOSE", draw => Transpose(draw, type));
            Add("LOGISTIC", draw => Unary(draw, Schema.Builtin.Logistic, isShort ? TfliteBuilder.Quantized(1f / 32768, 0) : TfliteBuilder.Quantized(1f / 256, 0)));
            Add("TANH", draw => Unary(draw, Schema.Builtin.Tanh, isShort ? TfliteBuilder.Quantized(1f / 32768, 0) : TfliteBuilder.Quantized(1f / 128, 128)));
            Add("RELU", draw => Unary(draw, Schema.Builtin.Relu, Activation(draw)));
            Add("RELU6", draw => Unary(draw, Schema.Builtin.Relu6, Activation(draw)));
            Add("LEAKY_RELU", draw => Unary(draw, Schema.Builtin.LeakyRelu, Activation(draw), (0, FlatValue.Float(draw.Of(0f, 0.01f, 0.3f, 1f, 1.7f, -0.4f)))));
        }

        cases["SOFTMAX of int8 to int16"] = draw => Softmax(draw, ElementType.Int8, ElementType.Int16);
        cases["QUANTIZE of int16 and int32"] = Requantize;
        cases["DEQUANTIZE of int16"] = draw => Convert(
            Schema.Builtin.Dequantize, draw.Shape(draw.Int(0, 4), 6), ElementType.Int16, () => TfliteBuilder.Quantized(draw.Scale(), draw.Of(0, -32768, 77)), ElementType.Float32, null);
        cases["FULLY_CONNECTED with int4 filter"] = FullyConnected4;
        return cases;
    }

    // Scale and zero point of activations: INT16 has the zero point 0.
    private static Quantization Of(Draw draw, ElementType type) => type switch
    {
        ElementType.Int16 => TfliteBuilder.Quantized(draw.Scale() / 256, 0),
        ElementType.UInt8 => TfliteBuilder.Quantized(draw.Scale(), draw.ZeroPoint() + 128),
        _ => draw.Quantized(),
    };

    private static Quantization Like(Draw draw, ElementType type, float scale)
    {
        int zeroPoint = draw.ZeroPoint();
        return TfliteBuilder.Quantized(scale, type switch
        {
            ElementType.Int16 => 0,
            ElementType.UInt8 => zeroPoint + 128,
            _ => zeroPoint,
        });
    }

    private static TfliteBuilder Conv2D(Draw draw) => Conv2D(draw, ElementType.Int8);

    private static TfliteBuilder Conv2D(Draw draw, ElementType type)
    {
        int groups = draw.Of(1, 1, 1, 2, 3), depth = draw.Int(1, 5), perGroup = draw.Int(1, 7);
        (int height, int width) filter = draw.Of((1, 1), (3, 3), (draw.Int(1, 5), draw.Int(1, 5)));
        return Convolution(draw, Schema.Builtin.Conv2D, groups * depth, [groups * perGroup, filter.height, filter.width, depth], 0, groups * perGroup, 0, type);
    }

    private static TfliteBuilder DepthwiseConv2D(Draw draw) => DepthwiseConv2D(draw, ElementType.Int8);

    private static TfliteBuilder DepthwiseConv2D(Draw draw, ElementType type)
    {
        int channels = draw.Int(1, 9), multiplier = draw.Of(1, 1, 1, 2, 3);
        int[] filter = [1, draw.Of(3, draw.Int(1, 5)), draw.Of(3, draw.Int(1, 5)), channels * multiplier];
        return Convolution(draw, Schema.Builtin.DepthwiseConv2D, channels, filter, 3, channels * multiplier, multiplier, type);
    }

    private static TfliteBuilder Convolution(Draw draw, int builtin, int channels, int[] filter, int axis, int outputs, int multiplier, ElementType type)
    {
        bool isSame = draw.Chance(2);
        int strideY = draw.Of(1, 1, 2, draw.Int(1, 4)), strideX = draw.Of(strideY, draw.Int(1, 4));
        int dilationY = draw.Of(1, 1, 1, 2, 3), dilationX = draw.Of(dilationY, 1);
        (int height, int rows) = Axis(draw, filter[1], strideY, dilationY, isSame);
        (int width, int columns) = Axis(draw, filter[2], strideX, dilationX, isSame);
        int batch = draw.Of(1, 1, 1, 2, 3);

        var b = new TfliteBuilder();
        Quantization input = Of(draw, type), weights = Filter(draw, outputs, axis, type);

        // Outputs that use their range: the scale of a sum of as many products.
        float output = input.Scale * weights.Scale * draw.Int(1, 400);
        int x = b.Tensor("input", type, [batch, height, width, channels], input);
        int w = b.Tensor("filter", FilterType(type), filter, weights, draw.Bytes(Shapes.Count(filter)));
        int bias = draw.Chance(5) ? -1 : Bias(b, draw, outputs, null, type, isOnlyWide: multiplier > 0);
        int y = b.Tensor("output", type, [batch, rows, columns, outputs], Like(draw, type, output));
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

    private static ElementType FilterType(ElementType type) => type == ElementType.UInt8 ? ElementType.UInt8 : ElementType.Int8;

    private static Quantization Filter(Draw draw, int outputs, int axis, ElementType type) => type == ElementType.UInt8
        ? TfliteBuilder.Quantized(draw.Scale(), draw.Of(128, draw.Int(0, 255)))
        : draw.Chance(3)
        ? TfliteBuilder.Quantized(draw.Scale(), 0)
        : new Quantization(Enumerable.Range(0, outputs).Select(_ => draw.Scale()).ToArray(), new int[outputs], axis);

    private static int Bias(TfliteBuilder b, Draw draw, int outputs, Quantization? quantization, ElementType type = ElementType.Int8, bool isOnlyWide = false)
    {
        if (type == ElementType.Int16 && (isOnlyWide || draw.Chance(2)))
        {
            // Now and then too large for 32 bits.
            int bits = draw.Of(0, 6, 14);
            byte[] wide = [.. Enumerable.Range(0, outputs).SelectMany(_ => BitConverter.GetBytes((long)draw.Int(-(1 << 30), 1 << 30) << bits >> 6))];
            return b.Tensor("bias", ElementType.Int64, [outputs], quantization, wide);
        }

        // Now and then so large that accumulators leave the range of the shorter requantisation.
        int most = draw.Of(1 << 10, 1 << 14, 1 << 30);
        int[] values = [.. Enumerable.Range(0, outputs).Select(_ => draw.Int(-most, most - 1))];
        return b.Tensor("bias", ElementType.Int32, [outputs], quantization, Values.Bytes(ElementType.Int32, values));
    }

    private static TfliteBuilder FullyConnected(Draw draw) => FullyConnected(draw, ElementType.Int8);

    private static TfliteBuilder FullyConnected(Draw draw, ElementType type)
    {
        int units = draw.Int(1, 14), depth = draw.Of(draw.Int(1, 9), draw.Int(1, 70)), rows = draw.Of(1, 1, 2, 5);
        var b = new TfliteBuilder();
        Quantization input = Of(draw, type);
        Quantization filter = draw.Chance(3) && type != ElementType.UInt8 ? draw.Quantized() : Filter(draw, units, 0, type);
        float output = input.Scale * filter.Scale * draw.Int(1, 400);
        int x = b.Tensor("input", type, draw.Of<int[]>([rows, depth], [1, rows, 1, depth]), input);
        int w = b.Tensor("filter", FilterType(type), [units, depth], filter, draw.Bytes(units * depth));
        int bias = draw.Chance(5) ? -1 : Bias(b, draw, units, filter.IsPerChannel ? null : TfliteBuilder.Quantized(input.Scale * filter.Scale, 0), type);
        int y = b.Tensor("output", type, [rows, units], Like(draw, type, output));
        b.Operator(Schema.Builtin.FullyConnected, [x, w, bias], [y], (0, Flat(Activation(draw))));
        b.Ports([x], [y]);
        return b;
    }

    // Filters of four bits, with an odd number of weights now and then.
    private static TfliteBuilder FullyConnected4(Draw draw)
    {
        int units = draw.Int(1, 9), depth = draw.Int(1, 21);
        var b = new TfliteBuilder();
        Quantization input = draw.Quantized(), filter = Filter(draw, units, 0, ElementType.Int8);
        int x = b.Int8("input", [1, depth], input.Scale, input.ZeroPoint);
        int w = b.Int4("filter", [units, depth], filter, draw.Bytes(((units * depth) + 1) / 2));
        int y = b.Int8("output", [1, units], input.Scale * filter.Scale * draw.Int(1, 40), draw.ZeroPoint());
        b.Operator(Schema.Builtin.FullyConnected, [x, w], [y], (0, Flat(Activation(draw))));
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Pool(Draw draw, int builtin, ElementType type = ElementType.Int8)
    {
        bool isSame = draw.Chance(2);
        int filterY = draw.Int(1, 5), filterX = draw.Int(1, 5), strideY = draw.Int(1, 4), strideX = draw.Int(1, 4);
        (int height, int rows) = Axis(draw, filterY, strideY, 1, isSame);
        (int width, int columns) = Axis(draw, filterX, strideX, 1, isSame);
        int batch = draw.Of(1, 1, 2), channels = draw.Int(1, 9);
        var b = new TfliteBuilder();
        Quantization q = Of(draw, type);
        int x = b.Tensor("input", type, [batch, height, width, channels], q);
        int y = b.Tensor("output", type, [batch, rows, columns, channels], q);
        b.Operator(
            builtin, [x], [y],
            (0, Flat(isSame ? 0 : 1)), (1, Flat(strideX)), (2, Flat(strideY)), (3, Flat(filterX)), (4, Flat(filterY)), (5, Flat(Activation(draw))));
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Binary(Draw draw, int builtin, ElementType type = ElementType.Int8)
    {
        int[] shape = draw.Shape(draw.Int(0, 4), 6);
        int[] Repeated() => [.. shape.Select(size => draw.Chance(3) ? 1 : size).Skip(draw.Int(0, shape.Length))];
        int[] first = draw.Chance(2) ? shape : Repeated(), second = draw.Chance(2) ? shape : Repeated();
        int[] output = Shapes.Broadcast(first, second)!;
        var b = new TfliteBuilder();
        Quantization q1 = Of(draw, type), q2 = Of(draw, type);
        int constant = draw.Of(0, 0, 1, 2);
        int x1 = b.Tensor("first", type, first, q1, constant == 1 ? draw.Bytes(Shapes.Count(first) * type.Size()) : null);
        int x2 = b.Tensor("second", type, second, q2, constant == 2 ? draw.Bytes(Shapes.Count(second) * type.Size()) : null);
        float unit = type == ElementType.Int16 ? 1f / 256 : 1;
        int y = b.Tensor("output", type, output, Like(draw, type, unit * draw.Scale() * (builtin == Schema.Builtin.Mul ? 0.5f : 1)));
        bool isSquare = constant == 0 && draw.Chance(6);
        if (isSquare) y = b.Tensor("square", type, first, Like(draw, type, unit * draw.Scale()));
        b.Operator(builtin, isSquare ? [x1, x1] : [x1, x2], [y], (0, Flat(Activation(draw))));
        b.Ports(isSquare || constant == 2 ? [x1] : constant == 1 ? [x2] : [x1, x2], [y]);
        return b;
    }

    private static TfliteBuilder Mean(Draw draw) => Mean(draw, ElementType.Int8);

    private static TfliteBuilder Mean(Draw draw, ElementType type, int builtin = Schema.Builtin.Mean)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 7);

        // Enough channels for vectors of them.
        if (draw.Chance(3)) shape[^1] = draw.Int(8, 40);
        int[] axes = [.. Enumerable.Range(0, shape.Length).Where(_ => draw.Chance(2)).Select(d => draw.Chance(4) ? d - shape.Length : d)];
        bool keeps = draw.Chance(2);
        bool IsReduced(int d) => axes.Contains(d) || axes.Contains(d - shape.Length);
        int[] output = [.. Enumerable.Range(0, shape.Length).Where(d => keeps || !IsReduced(d)).Select(d => IsReduced(d) ? 1 : shape[d])];
        var b = new TfliteBuilder();
        Quantization qx = Of(draw, type), qy = Of(draw, type);
        int x = b.Tensor("input", type, shape, qx), y = b.Tensor("output", type, output, qy);
        b.Operator(builtin, [x, b.Int32("axes", axes)], [y], (0, Flat(keeps ? 1 : 0)));
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Pad(Draw draw) => Pad(draw, ElementType.Int8);

    private static TfliteBuilder Pad(Draw draw, ElementType type)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 6);
        int[] paddings = [.. Enumerable.Range(0, 2 * shape.Length).Select(_ => draw.Of(0, draw.Int(0, 3)))];
        int[] output = [.. shape.Select((size, d) => paddings[2 * d] + size + paddings[(2 * d) + 1])];
        var b = new TfliteBuilder();
        Quantization q = Of(draw, type);
        int x = b.Tensor("input", type, shape, q), y = b.Tensor("output", type, output, q);
        int p = b.Tensor("paddings", ElementType.Int32, [shape.Length, 2], null, Values.Bytes(ElementType.Int32, paddings));
        b.Operator(Schema.Builtin.Pad, [x, p], [y]);
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Concatenation(Draw draw) => Concatenation(draw, ElementType.Int8);

    private static TfliteBuilder Concatenation(Draw draw, ElementType type)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 5);
        int axis = draw.Int(0, shape.Length - 1), count = draw.Int(1, 4), total = 0;
        var b = new TfliteBuilder();
        Quantization q = Of(draw, type);
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

            // Only UINT8 may have another quantisation.
            Quantization own = type == ElementType.UInt8 && draw.Chance(2) ? Of(draw, type) : q;
            inputs.Add(b.Tensor($"input{i}", type, [.. shape], own, isConstant ? draw.Bytes(Shapes.Count(shape) * type.Size()) : null));
            if (!isConstant) ports.Add(inputs[^1]);
        }

        shape[axis] = total;
        int y = b.Tensor("output", type, shape, q);
        b.Operator(Schema.Builtin.Concatenation, [.. inputs], [y], (0, Flat(draw.Chance(3) ? axis - shape.Length : axis)));
        b.Ports([.. ports], [y]);
        return b;
    }

    private static TfliteBuilder Softmax(Draw draw) => Softmax(draw, ElementType.Int8);

    private static TfliteBuilder Softmax(Draw draw, ElementType type, ElementType? to = null)
    {
        int depth = draw.Of(1, draw.Int(2, 20), draw.Int(240, 700), 5000);
        int[] shape = [.. draw.Shape(draw.Int(0, 3), depth > 100 ? 2 : 4), depth];
        var b = new TfliteBuilder();

        // A tiny scale makes all powers equal: the largest sum that a row can have.
        float scale = draw.Chance(4) ? draw.Scale() / 4096 : draw.Scale();
        ElementType result = to ?? type;
        int x = b.Tensor("input", type, shape, Like(draw, type, type == ElementType.Int16 ? scale / 64 : scale));
        int y = b.Tensor("output", result, shape, (type, result) switch
        {
            (ElementType.Int16, _) => TfliteBuilder.Quantized(1f / 32768, 0),
            (_, ElementType.Int16) => TfliteBuilder.Quantized(1f / 65536, -32768),
            _ => TfliteBuilder.Quantized(1f / 256, result.Min()),
        });
        b.Operator(Schema.Builtin.Softmax, [x], [y], (0, FlatValue.Float(draw.Of(1f, 1f, 0.25f, 3f))));
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Transpose(Draw draw) => Transpose(draw, ElementType.Int8);

    private static TfliteBuilder Transpose(Draw draw, ElementType type)
    {
        int[] shape = draw.Shape(draw.Int(0, 5), 5);
        int[] permutation = [.. Enumerable.Range(0, shape.Length)];
        for (int d = shape.Length - 1; d > 0; d--)
        {
            int other = draw.Int(0, d);
            (permutation[d], permutation[other]) = (permutation[other], permutation[d]);
        }

        var b = new TfliteBuilder();
        Quantization q = Of(draw, type);
        int x = b.Tensor("input", type, shape, q), y = b.Tensor("output", type, [.. permutation.Select(d => shape[d])], q);
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

    private static TfliteBuilder Requantize(Draw draw)
    {
        (ElementType from, ElementType to) = draw.Of(
            (ElementType.Int16, ElementType.Int8), (ElementType.Int16, ElementType.Int16), (ElementType.Int16, ElementType.Int32), (ElementType.Int8, ElementType.Int16),
            (ElementType.Int8, ElementType.Int32), (ElementType.Int32, ElementType.Int8), (ElementType.Int32, ElementType.Int16), (ElementType.Float32, ElementType.Int16));
        Quantization Of(ElementType type) => type switch
        {
            ElementType.Int16 => TfliteBuilder.Quantized(draw.Scale() / 256, draw.Of(0, 0, -32768, 99)),
            ElementType.Int32 => TfliteBuilder.Quantized(draw.Scale() / 4096, draw.Of(0, 0, -1000)),
            _ => draw.Quantized(),
        };
        return Convert(Schema.Builtin.Quantize, draw.Shape(draw.Int(0, 4), 6), from, () => Of(from), to, Of(to));
    }

    private static TfliteBuilder Convert(
        int builtin, int[] shape, ElementType from, Func<Quantization> quantized, ElementType to, Quantization? output, params (int, FlatValue)[] options)
    {
        Quantization? input = from == ElementType.Float32 ? null : quantized();
        if (from == ElementType.UInt8 && input is { ZeroPoint: < 0 }) input = TfliteBuilder.Quantized(input.Scale, -input.ZeroPoint);
        var b = new TfliteBuilder();
        int x = b.Tensor("input", from, shape, input), y = b.Tensor("output", to, shape, output);
        b.Operator(builtin, [x], [y], options);
        b.Ports([x], [y]);
        return b;
    }

    private static int Activation(Draw draw) => draw.Of(0, 0, 1, 2, 3);

    private static FlatValue Flat(int value) => FlatValue.Int32(value);
}
