using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Random models of one operator each at the edges of quantised models: on FLOAT32, INT32 and BOOL, and those that choose.</summary>
internal static class EdgeCases
{
    private static readonly ElementType[] Moved = [ElementType.Float32, ElementType.Float32, ElementType.Int32, ElementType.UInt8, ElementType.Int16, ElementType.Bool];

    /// <summary>The generators by operator.</summary>
    public static readonly IReadOnlyDictionary<string, Func<Draw, TfliteBuilder>> All = new Dictionary<string, Func<Draw, TfliteBuilder>>
    {
        ["float ABS"] = draw => Unary(draw, Schema.Builtin.Abs),
        ["float CEIL"] = draw => Unary(draw, Schema.Builtin.Ceil),
        ["float COS"] = draw => Unary(draw, Schema.Builtin.Cos),
        ["float EXP"] = draw => Unary(draw, Schema.Builtin.Exp),
        ["float FLOOR"] = draw => Unary(draw, Schema.Builtin.Floor),
        ["float HARD_SWISH"] = draw => Unary(draw, Schema.Builtin.HardSwish),
        ["float LEAKY_RELU"] = draw => Unary(draw, Schema.Builtin.LeakyRelu, (0, FlatValue.Float(draw.Of(0f, 0.01f, 0.3f, 1f, 1.7f, -0.4f)))),
        ["float LOG"] = draw => Unary(draw, Schema.Builtin.Log),
        ["float LOGISTIC"] = draw => Unary(draw, Schema.Builtin.Logistic),
        ["float NEG"] = draw => Unary(draw, Schema.Builtin.Neg),
        ["float RELU"] = draw => Unary(draw, Schema.Builtin.Relu),
        ["float RELU6"] = draw => Unary(draw, Schema.Builtin.Relu6),
        ["float RELU_N1_TO_1"] = draw => Unary(draw, Schema.Builtin.ReluN1To1),
        ["float RSQRT"] = draw => Unary(draw, Schema.Builtin.Rsqrt),
        ["float SIN"] = draw => Unary(draw, Schema.Builtin.Sin),
        ["float SQRT"] = draw => Unary(draw, Schema.Builtin.Sqrt),
        ["float SQUARE"] = draw => Unary(draw, Schema.Builtin.Square),
        ["float TANH"] = draw => Unary(draw, Schema.Builtin.Tanh),
        ["float SOFTMAX"] = draw => Unary(draw, Schema.Builtin.Softmax, (0, FlatValue.Float(draw.Of(1f, 1f, 0.25f, 3f)))),
        ["float LOG_SOFTMAX"] = draw => Unary(draw, Schema.Builtin.LogSoftmax),
        ["float ADD"] = draw => Binary(draw, Schema.Builtin.Add, ElementType.Float32, ElementType.Float32, hasActivation: true),
        ["float SUB"] = draw => Binary(draw, Schema.Builtin.Sub, ElementType.Float32, ElementType.Float32, hasActivation: true),
        ["float MUL"] = draw => Binary(draw, Schema.Builtin.Mul, ElementType.Float32, ElementType.Float32, hasActivation: true),
        ["float DIV"] = draw => Binary(draw, Schema.Builtin.Div, ElementType.Float32, ElementType.Float32, hasActivation: true),
        ["float MAXIMUM"] = draw => Binary(draw, Schema.Builtin.Maximum, ElementType.Float32, ElementType.Float32),
        ["float MINIMUM"] = draw => Binary(draw, Schema.Builtin.Minimum, ElementType.Float32, ElementType.Float32),
        ["float SQUARED_DIFFERENCE"] = draw => Binary(draw, Schema.Builtin.SquaredDifference, ElementType.Float32, ElementType.Float32),
        ["float EQUAL"] = draw => Binary(draw, Schema.Builtin.Equal, ElementType.Float32, ElementType.Bool),
        ["int32 EQUAL"] = draw => Binary(draw, Schema.Builtin.Equal, ElementType.Int32, ElementType.Bool),
        ["float NOT_EQUAL"] = draw => Binary(draw, Schema.Builtin.NotEqual, ElementType.Float32, ElementType.Bool),
        ["int32 NOT_EQUAL"] = draw => Binary(draw, Schema.Builtin.NotEqual, ElementType.Int32, ElementType.Bool),
        ["float GREATER"] = draw => Binary(draw, Schema.Builtin.Greater, ElementType.Float32, ElementType.Bool),
        ["int32 GREATER"] = draw => Binary(draw, Schema.Builtin.Greater, ElementType.Int32, ElementType.Bool),
        ["float GREATER_EQUAL"] = draw => Binary(draw, Schema.Builtin.GreaterEqual, ElementType.Float32, ElementType.Bool),
        ["int32 GREATER_EQUAL"] = draw => Binary(draw, Schema.Builtin.GreaterEqual, ElementType.Int32, ElementType.Bool),
        ["float LESS"] = draw => Binary(draw, Schema.Builtin.Less, ElementType.Float32, ElementType.Bool),
        ["int32 LESS"] = draw => Binary(draw, Schema.Builtin.Less, ElementType.Int32, ElementType.Bool),
        ["float LESS_EQUAL"] = draw => Binary(draw, Schema.Builtin.LessEqual, ElementType.Float32, ElementType.Bool),
        ["int32 LESS_EQUAL"] = draw => Binary(draw, Schema.Builtin.LessEqual, ElementType.Int32, ElementType.Bool),
        ["int32 ADD"] = draw => Binary(draw, Schema.Builtin.Add, ElementType.Int32, ElementType.Int32),
        ["int32 SUB"] = draw => Binary(draw, Schema.Builtin.Sub, ElementType.Int32, ElementType.Int32),
        ["int32 MUL"] = draw => Binary(draw, Schema.Builtin.Mul, ElementType.Int32, ElementType.Int32),
        ["int32 DIV"] = IntegerDiv,
        ["int32 MAXIMUM"] = draw => Binary(draw, Schema.Builtin.Maximum, ElementType.Int32, ElementType.Int32),
        ["int32 MINIMUM"] = draw => Binary(draw, Schema.Builtin.Minimum, ElementType.Int32, ElementType.Int32),
        ["LOGICAL_AND"] = draw => Binary(draw, Schema.Builtin.LogicalAnd, ElementType.Bool, ElementType.Bool),
        ["LOGICAL_OR"] = draw => Binary(draw, Schema.Builtin.LogicalOr, ElementType.Bool, ElementType.Bool),
        ["LOGICAL_NOT"] = draw => Same(draw, Schema.Builtin.LogicalNot, ElementType.Bool, ElementType.Bool, draw.Shape(draw.Int(0, 4), 6)),
        ["CAST"] = Cast,
        ["SELECT"] = draw => Choose(draw, Schema.Builtin.Select),
        ["SELECT_V2"] = draw => Choose(draw, Schema.Builtin.SelectV2),
        ["TOPK_V2"] = TopK,
        ["GELU"] = Gelu,
        ["float MEAN"] = draw => Reduce(draw, Schema.Builtin.Mean),
        ["float SUM"] = draw => Reduce(draw, Schema.Builtin.Sum),
        ["float REDUCE_MAX"] = draw => Reduce(draw, Schema.Builtin.ReduceMax),
        ["float REDUCE_MIN"] = draw => Reduce(draw, Schema.Builtin.ReduceMin),
        ["ARG_MAX"] = draw => Argument(draw, Schema.Builtin.ArgMax),
        ["ARG_MIN"] = draw => Argument(draw, Schema.Builtin.ArgMin),
        ["TRANSPOSE of any type"] = Transpose,
        ["PAD of any type"] = Pad,
        ["PADV2 of any type"] = PadV2,
        ["GATHER of any type"] = Gather,
        ["CONCATENATION of any type"] = Concatenation,
        ["PACK of any type"] = Pack,
        ["SLICE of any type"] = Slice,
        ["SPLIT of any type"] = Split,
    };

    private static TfliteBuilder Unary(Draw draw, int builtin, params (int, FlatValue)[] options) =>
        Same(draw, builtin, ElementType.Float32, ElementType.Float32, draw.Shape(draw.Int(1, 4), 6), options);

    // One input, one output of its shape.
    private static TfliteBuilder Same(Draw draw, int builtin, ElementType from, ElementType to, int[] shape, params (int, FlatValue)[] options)
    {
        var b = new TfliteBuilder();
        (int x, int port) = Input(b, draw, "input", from, shape);
        int y = b.Tensor("output", to, shape, Quantized(draw, to));
        b.Operator(builtin, [x], [y], options);
        b.Ports([port], [y]);
        return b;
    }

    // A tensor that the caller provides, or for FLOAT32 now and then what DEQUANTIZE makes of one.
    private static (int Tensor, int Port) Input(TfliteBuilder b, Draw draw, string name, ElementType type, int[] shape, Quantization? quantization = null)
    {
        if (type != ElementType.Float32 || !draw.Chance(3))
        {
            int input = b.Tensor(name, type, [.. shape], quantization);
            return (input, input);
        }

        int stored = b.Int8(name + "/stored", [.. shape], draw.Scale() * draw.Of(1, 1, 40), draw.ZeroPoint()), real = b.Tensor(name, type, [.. shape]);
        b.Operator(Schema.Builtin.Dequantize, [stored], [real]);
        return (real, stored);
    }

    private static Quantization? Quantized(Draw draw, ElementType type) => type switch
    {
        ElementType.Int8 => draw.Quantized(),
        ElementType.UInt8 => TfliteBuilder.Quantized(draw.Scale(), draw.Int(0, 255)),
        ElementType.Int16 => TfliteBuilder.Quantized(draw.Scale(), 0),
        _ => null,
    };

    private static byte[] Constant(Draw draw, ElementType type, params int[] shape) =>
        draw.Value(new Tensor { Name = "constant", Type = type, Shape = shape });

    private static TfliteBuilder Binary(Draw draw, int builtin, ElementType from, ElementType to, bool hasActivation = false)
    {
        (int[] first, int[] second, int[] output) = Broadcast(draw);

        // A tensor compared with itself: equal elements are rare otherwise.
        bool isSame = to == ElementType.Bool && draw.Chance(4);
        if (isSame) output = first;
        var b = new TfliteBuilder();
        (int x, int port) = Input(b, draw, "first", from, first);
        var ports = new List<int> { port };
        int y;
        if (isSame) y = x;
        else if (draw.Chance(3)) y = b.Tensor("second", from, second, null, Constant(draw, from, second));
        else
        {
            (y, port) = Input(b, draw, "second", from, second);
            ports.Add(port);
        }

        int z = b.Tensor("output", to, output);
        bool isSwapped = draw.Chance(3);
        b.Operator(builtin, isSwapped ? [y, x] : [x, y], [z], hasActivation ? [(0, FlatValue.Int32(draw.Of(0, 0, 1, 2, 3)))] : []);
        b.Ports([.. ports], [z]);
        return b;
    }

    private static (int[] First, int[] Second, int[] Output) Broadcast(Draw draw)
    {
        int[] output = draw.Shape(draw.Int(0, 4), 5);
        int[] first = [.. output], second = [.. output];
        for (int d = 0; d < output.Length; d++)
        {
            if (draw.Chance(4)) first[d] = 1;
            else if (draw.Chance(4)) second[d] = 1;
        }

        int missing = output.Length > 0 && draw.Chance(4) ? draw.Int(1, output.Length) : 0;
        for (int d = 0; d < missing; d++) first[d] = output[d];
        return (first, second[missing..], output);
    }

    private static TfliteBuilder IntegerDiv(Draw draw)
    {
        (_, int[] second, int[] output) = Broadcast(draw);
        var b = new TfliteBuilder();
        int x = b.Tensor("input", ElementType.Int32, output);
        int[] divisors = [.. Enumerable.Range(0, Shapes.Count(second)).Select(_ => draw.Of(draw.Int(1, 50), draw.Int(-1 << 20, -2), int.MaxValue, int.MinValue, 1))];
        int d = b.Tensor("divisor", ElementType.Int32, second, null, Values.Bytes(ElementType.Int32, divisors));
        int y = b.Tensor("output", ElementType.Int32, output);
        b.Operator(Schema.Builtin.Div, [x, d], [y]);
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Cast(Draw draw)
    {
        ElementType[] types = [ElementType.Int8, ElementType.UInt8, ElementType.Int16, ElementType.Int32, ElementType.UInt32, ElementType.Float32];
        return Same(draw, Schema.Builtin.Cast, draw.Of([.. types, ElementType.Bool]), draw.Of(types), draw.Shape(draw.Int(0, 4), 6));
    }

    private static TfliteBuilder Choose(Draw draw, int builtin)
    {
        var b = new TfliteBuilder();
        ElementType type = draw.Of(ElementType.Float32, ElementType.Int8, ElementType.UInt8, ElementType.Int16, ElementType.Int32);
        Quantization? quantization = Quantized(draw, type);
        (int[] first, int[] second, int[] output) = Broadcast(draw);
        int[] condition = [.. output.Select(size => draw.Chance(4) ? 1 : size)];
        if (draw.Chance(5)) condition = [];
        if (builtin == Schema.Builtin.Select && output.Length > 1 && draw.Chance(2)) (condition, first, second) = ([output[0]], output, output);
        int[]? shape = Shapes.Broadcast(first, second);
        if (shape is not null && condition.Length == output.Length) shape = Shapes.Broadcast(shape, condition);
        output = shape ?? output;

        int c = b.Tensor("condition", ElementType.Bool, condition);
        (int x, int port) = Input(b, draw, "first", type, first, quantization);
        bool isConstant = draw.Chance(3);
        int y = b.Tensor("second", type, second, quantization, isConstant ? Constant(draw, type, second) : null);
        int z = b.Tensor("output", type, output, quantization);
        b.Operator(builtin, [c, x, y], [z]);
        b.Ports(isConstant ? [c, port] : [c, port, y], [z]);
        return b;
    }

    private static TfliteBuilder TopK(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 7);
        ElementType type = draw.Of(ElementType.Float32, ElementType.Int8, ElementType.UInt8, ElementType.Int16, ElementType.Int32);
        Quantization? quantization = Quantized(draw, type);
        int k = draw.Int(1, shape[^1]);
        int[] output = [.. shape[..^1], k];
        var b = new TfliteBuilder();
        (int x, int port) = Input(b, draw, "input", type, shape, quantization);
        int values = b.Tensor("values", type, output, quantization), places = b.Tensor("places", ElementType.Int32, output);
        b.Operator(Schema.Builtin.TopKV2, [x, b.Tensor("k", ElementType.Int32, [], null, BitConverter.GetBytes(k))], [values, places]);
        b.Ports([port], [values, places]);
        return b;
    }

    private static TfliteBuilder Gelu(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(0, 4), 6);
        var b = new TfliteBuilder();
        int x = b.Int8("input", shape, draw.Scale(), draw.ZeroPoint()), y = b.Int8("output", shape, draw.Scale(), draw.ZeroPoint());
        b.Operator(Schema.Builtin.Gelu, [x], [y], (0, FlatValue.Int32(draw.Int(0, 1))));
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Reduce(Draw draw, int builtin)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 6);
        int[] axes = [.. Enumerable.Range(0, shape.Length).Where(_ => draw.Chance(2))];
        if (axes.Length == 0) axes = [draw.Int(0, shape.Length - 1)];
        bool keeps = draw.Chance(2);
        int[] output = [.. Enumerable.Range(0, shape.Length).Where(d => keeps || !axes.Contains(d)).Select(d => axes.Contains(d) ? 1 : shape[d])];
        if (draw.Chance(2)) axes = [.. axes.Select(axis => axis - shape.Length)];
        var b = new TfliteBuilder();
        (int x, int port) = Input(b, draw, "input", ElementType.Float32, shape);
        int y = b.Tensor("output", ElementType.Float32, output);
        b.Operator(builtin, [x, b.Int32("axes", axes)], [y], (0, FlatValue.Int32(keeps ? 1 : 0)));
        b.Ports([port], [y]);
        return b;
    }

    private static TfliteBuilder Argument(Draw draw, int builtin)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 6);
        int axis = draw.Int(0, shape.Length - 1);
        var b = new TfliteBuilder();
        ElementType type = draw.Of(ElementType.Float32, ElementType.Float32, ElementType.Int8);
        (int x, int port) = Input(b, draw, "input", type, shape, Quantized(draw, type));
        int y = b.Tensor("output", ElementType.Int32, [.. shape.Where((_, d) => d != axis)]);
        b.Operator(builtin, [x, b.Int32("axis", draw.Chance(2) ? axis : axis - shape.Length)], [y]);
        b.Ports([port], [y]);
        return b;
    }

    // An operator that moves elements: a random type on both sides.
    private static TfliteBuilder Mover(Draw draw, int builtin, int[] shape, int[] output, Func<TfliteBuilder, ElementType, Quantization?, int[]> more, params (int, FlatValue)[] options)
    {
        ElementType type = draw.Of(Moved);
        Quantization? quantization = Quantized(draw, type);
        var b = new TfliteBuilder();
        (int x, int port) = Input(b, draw, "input", type, shape, quantization);
        int y = b.Tensor("output", type, output, quantization);
        b.Operator(builtin, [x, .. more(b, type, quantization)], [y], options);
        b.Ports([port], [y]);
        return b;
    }

    private static TfliteBuilder Transpose(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 5), permutation = [.. Enumerable.Range(0, shape.Length).OrderBy(_ => draw.Int(0, 1 << 20))];
        return Mover(draw, Schema.Builtin.Transpose, shape, [.. permutation.Select(d => shape[d])], (b, _, _) => [b.Int32("permutation", permutation)]);
    }

    private static TfliteBuilder Pad(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 4);
        int[] paddings = [.. Enumerable.Range(0, 2 * shape.Length).Select(_ => draw.Int(0, 2))];
        return Mover(
            draw, Schema.Builtin.Pad, shape, [.. shape.Select((size, d) => paddings[2 * d] + size + paddings[(2 * d) + 1])],
            (b, _, _) => [b.Tensor("paddings", ElementType.Int32, [shape.Length, 2], null, Values.Bytes(ElementType.Int32, paddings))]);
    }

    // PADV2's value has the input's quantisation, which only types without one can have here.
    private static TfliteBuilder PadV2(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 4);
        int[] paddings = [.. Enumerable.Range(0, 2 * shape.Length).Select(_ => draw.Int(0, 2))];
        ElementType type = draw.Of(ElementType.Float32, ElementType.Int32, ElementType.Bool);
        var b = new TfliteBuilder();
        (int x, int port) = Input(b, draw, "input", type, shape);
        int y = b.Tensor("output", type, [.. shape.Select((size, d) => paddings[2 * d] + size + paddings[(2 * d) + 1])]);
        int p = b.Tensor("paddings", ElementType.Int32, [shape.Length, 2], null, Values.Bytes(ElementType.Int32, paddings));
        b.Operator(Schema.Builtin.PadV2, [x, p, b.Tensor("value", type, [], null, Constant(draw, type))], [y]);
        b.Ports([port], [y]);
        return b;
    }

    private static TfliteBuilder Gather(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 5);
        int axis = draw.Int(0, shape.Length - 1);
        int[] indices = [.. Enumerable.Range(0, draw.Int(1, 5)).Select(_ => draw.Int(0, shape[axis] - 1))];
        int[] output = [.. shape];
        output[axis] = indices.Length;
        return Mover(draw, Schema.Builtin.Gather, shape, output, (b, _, _) => [b.Int32("indices", indices)], (0, FlatValue.Int32(axis)));
    }

    private static TfliteBuilder Concatenation(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 4), second = [.. shape], output = [.. shape];
        int axis = draw.Int(0, shape.Length - 1);
        second[axis] = draw.Int(1, 4);
        output[axis] += second[axis];
        return Mover(
            draw, Schema.Builtin.Concatenation, shape, output,
            (b, type, quantization) => [b.Tensor("second", type, second, quantization, Constant(draw, type, second))], (0, FlatValue.Int32(axis)));
    }

    private static TfliteBuilder Pack(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(0, 3), 4);
        int axis = draw.Int(0, shape.Length);
        return Mover(
            draw, Schema.Builtin.Pack, shape, [.. shape[..axis], 2, .. shape[axis..]],
            (b, type, quantization) => [b.Tensor("second", type, shape, quantization, Constant(draw, type, shape))], (0, FlatValue.Int32(2)), (1, FlatValue.Int32(axis)));
    }

    private static TfliteBuilder Slice(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 6), begin = [.. shape.Select(size => draw.Int(0, size - 1))];
        int[] size = [.. shape.Select((all, d) => draw.Int(1, all - begin[d]))];
        return Mover(draw, Schema.Builtin.Slice, shape, size, (b, _, _) => [b.Int32("begin", begin), b.Int32("size", size)]);
    }

    private static TfliteBuilder Split(Draw draw)
    {
        int[] piece = draw.Shape(draw.Int(1, 4), 4), shape = [.. piece];
        int axis = draw.Int(0, piece.Length - 1), count = draw.Int(1, 3);
        shape[axis] *= count;
        ElementType type = draw.Of(Moved);
        Quantization? quantization = Quantized(draw, type);
        var b = new TfliteBuilder();
        (int x, int port) = Input(b, draw, "input", type, shape, quantization);
        int[] outputs = [.. Enumerable.Range(0, count).Select(i => b.Tensor($"output{i}", type, piece, quantization))];
        b.Operator(Schema.Builtin.Split, [b.Tensor("axis", ElementType.Int32, [], null, BitConverter.GetBytes(axis)), x], outputs, (0, FlatValue.Int32(count)));
        b.Ports([port], outputs);
        return b;
    }
}
