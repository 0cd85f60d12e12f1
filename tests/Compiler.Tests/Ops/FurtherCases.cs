using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Random models of one operator each on INT8: those beside <see cref="OperatorCases"/>, and shape arithmetic.</summary>
internal static class FurtherCases
{
    /// <summary>The generators by operator.</summary>
    public static readonly IReadOnlyDictionary<string, Func<Draw, TfliteBuilder>> All = new Dictionary<string, Func<Draw, TfliteBuilder>>
    {
        ["ABS"] = draw => Unary(draw, Schema.Builtin.Abs, draw.Quantized()),
        ["ELU"] = draw => Unary(draw, Schema.Builtin.Elu, draw.Quantized()),
        ["RSQRT"] = draw => Unary(draw, Schema.Builtin.Rsqrt, draw.Quantized()),
        ["LOG_SOFTMAX"] = draw => Rows(draw, Schema.Builtin.LogSoftmax, TfliteBuilder.Quantized(1f / 16, 127)),
        ["L2_NORMALIZATION"] = draw => Rows(draw, Schema.Builtin.L2Normalization, TfliteBuilder.Quantized(1f / 128, 0)),
        ["EQUAL"] = draw => Binary(draw, Schema.Builtin.Equal, ElementType.Bool),
        ["NOT_EQUAL"] = draw => Binary(draw, Schema.Builtin.NotEqual, ElementType.Bool),
        ["GREATER"] = draw => Binary(draw, Schema.Builtin.Greater, ElementType.Bool),
        ["GREATER_EQUAL"] = draw => Binary(draw, Schema.Builtin.GreaterEqual, ElementType.Bool),
        ["LESS"] = draw => Binary(draw, Schema.Builtin.Less, ElementType.Bool),
        ["LESS_EQUAL"] = draw => Binary(draw, Schema.Builtin.LessEqual, ElementType.Bool),
        ["MAXIMUM"] = draw => Binary(draw, Schema.Builtin.Maximum, ElementType.Int8),
        ["MINIMUM"] = draw => Binary(draw, Schema.Builtin.Minimum, ElementType.Int8),
        ["PRELU"] = draw => Binary(draw, Schema.Builtin.Prelu, ElementType.Int8),
        ["SQUARED_DIFFERENCE"] = draw => Binary(draw, Schema.Builtin.SquaredDifference, ElementType.Int8),
        ["DIV"] = draw => Binary(draw, Schema.Builtin.Div, ElementType.Int8, hasActivation: true),
        ["ADD_N"] = AddN,
        ["CUMSUM"] = CumSum,
        ["SUM"] = draw => Reduce(draw, Schema.Builtin.Sum),
        ["REDUCE_MAX"] = draw => Reduce(draw, Schema.Builtin.ReduceMax),
        ["REDUCE_MIN"] = draw => Reduce(draw, Schema.Builtin.ReduceMin),
        ["BATCH_MATMUL"] = BatchMatMul,
        ["TRANSPOSE_CONV"] = TransposeConv,
        ["RESIZE_BILINEAR"] = draw => Resize(draw, Schema.Builtin.ResizeBilinear, 2),
        ["RESIZE_NEAREST_NEIGHBOR"] = draw => Resize(draw, Schema.Builtin.ResizeNearestNeighbor, 0),
        ["SPACE_TO_DEPTH"] = draw => Blocks(draw, isToDepth: true),
        ["DEPTH_TO_SPACE"] = draw => Blocks(draw, isToDepth: false),
        ["SPACE_TO_BATCH_ND"] = draw => BatchBlocks(draw, isToBatch: true),
        ["BATCH_TO_SPACE_ND"] = draw => BatchBlocks(draw, isToBatch: false),
        ["MIRROR_PAD"] = MirrorPad,
        ["PADV2"] = PadV2,
        ["REVERSE_V2"] = Reverse,
        ["BROADCAST_TO"] = BroadcastTo,
        ["TILE"] = Tile,
        ["GATHER"] = Gather,
        ["SLICE"] = Slice,
        ["PACK"] = Pack,
        ["UNPACK"] = Unpack,
        ["SPLIT"] = draw => Split(draw, isSized: false),
        ["SPLIT_V"] = draw => Split(draw, isSized: true),
        ["SHAPE"] = Shape,
        ["FILL"] = Fill,
        ["RANGE"] = Range,
        ["REDUCE_PROD"] = ReduceProd,
    };

    // ---- one element after another ----

    private static TfliteBuilder Unary(Draw draw, int builtin, Quantization output) => Quantized(draw, builtin, draw.Shape(draw.Int(0, 4), 6), output);

    private static TfliteBuilder Rows(Draw draw, int builtin, Quantization output) =>
        Quantized(draw, builtin, [.. draw.Shape(draw.Int(0, 3), 4), draw.Of(1, draw.Int(2, 20), draw.Int(200, 400))], output);

    private static TfliteBuilder Quantized(Draw draw, int builtin, int[] shape, Quantization output)
    {
        var b = new TfliteBuilder();
        int x = b.Int8("input", shape, draw.Scale(), draw.ZeroPoint()), y = b.Tensor("output", ElementType.Int8, shape, output);
        b.Operator(builtin, [x], [y]);
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Binary(Draw draw, int builtin, ElementType result, bool hasActivation = false)
    {
        // One of 256 pairs is equal: comparisons see many.
        int[] shape = draw.Shape(draw.Int(0, 4), result == ElementType.Bool ? 12 : 6);
        int[] Repeated() => [.. shape.Select(size => draw.Chance(3) ? 1 : size).Skip(draw.Int(0, shape.Length))];
        int[] first = draw.Chance(2) ? shape : Repeated(), second = draw.Chance(2) ? shape : Repeated();

        // Comparisons of unlike scales are nearly always unequal.
        Quantization q1 = draw.Quantized(), q2 = draw.Chance(2) ? q1 : draw.Quantized();
        int constant = draw.Of(0, 0, 1, 2);
        var b = new TfliteBuilder();
        int x1 = b.Tensor("first", ElementType.Int8, first, q1, constant == 1 ? draw.Bytes(Shapes.Count(first)) : null);
        int x2 = b.Tensor("second", ElementType.Int8, second, q2, constant == 2 ? draw.Bytes(Shapes.Count(second)) : null);

        // A tensor compared with itself.
        bool isSame = result == ElementType.Bool && constant == 0 && draw.Chance(4);
        int y = b.Tensor("output", result, isSame ? first : Shapes.Broadcast(first, second)!, result == ElementType.Int8 ? draw.Quantized() : null);
        b.Operator(builtin, isSame ? [x1, x1] : [x1, x2], [y], hasActivation ? [(0, Flat(draw.Of(0, 0, 1, 2, 3)))] : []);
        b.Ports(isSame || constant == 2 ? [x1] : constant == 1 ? [x2] : [x1, x2], [y]);
        return b;
    }

    private static TfliteBuilder AddN(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(0, 4), 6);
        Quantization q = draw.Quantized();
        var b = new TfliteBuilder();
        int[] inputs = [.. Enumerable.Range(0, draw.Int(2, 6)).Select(i => b.Tensor($"input{i}", ElementType.Int8, shape, q))];
        int y = b.Int8("output", shape, draw.Scale(), draw.ZeroPoint());
        b.Operator(Schema.Builtin.AddN, inputs, [y]);
        b.Ports(inputs, [y]);
        return b;
    }

    // ---- along dimensions ----

    private static TfliteBuilder CumSum(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 7);
        int axis = draw.Int(-shape.Length, shape.Length - 1);
        var b = new TfliteBuilder();
        int x = b.Int8("input", shape, draw.Scale(), draw.ZeroPoint()), y = b.Int8("output", shape, draw.Scale(), draw.ZeroPoint());
        b.Operator(Schema.Builtin.CumSum, [x, b.Int32("axis", axis)], [y], (0, Flat(draw.Int(0, 1))), (1, Flat(draw.Int(0, 1))));
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Reduce(Draw draw, int builtin)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 7);
        bool[] isReduced = [.. shape.Select(_ => draw.Chance(2))];
        int[] axes = [.. Enumerable.Range(0, shape.Length).Where(d => isReduced[d]).Select(d => draw.Chance(4) ? d - shape.Length : d)];
        bool keeps = draw.Chance(2);
        int[] output = [.. Enumerable.Range(0, shape.Length).Where(d => keeps || !isReduced[d]).Select(d => isReduced[d] ? 1 : shape[d])];
        Quantization q = draw.Quantized();
        var b = new TfliteBuilder();
        int x = b.Tensor("input", ElementType.Int8, shape, q), y = b.Tensor("output", ElementType.Int8, output, builtin == Schema.Builtin.Sum ? draw.Quantized() : q);
        b.Operator(builtin, [x, b.Int32("axes", axes)], [y], (0, Flat(keeps ? 1 : 0)));
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder BatchMatMul(Draw draw)
    {
        int rows = draw.Int(1, 6), depth = draw.Int(1, 20), columns = draw.Of(draw.Int(1, 6), draw.Int(7, 40));
        int[] batch = draw.Shape(draw.Int(0, 3), 3);
        int[] Repeated() => [.. batch.Select(size => draw.Chance(4) ? 1 : size)];
        int[] first = Repeated(), second = Repeated();
        bool adjX = draw.Chance(2), adjY = draw.Chance(2);
        int[] a = [.. first, .. adjX ? new[] { depth, rows } : [rows, depth]], c = [.. second, .. adjY ? new[] { columns, depth } : [depth, columns]];
        Quantization q1 = draw.Quantized(), q2 = draw.Quantized();
        bool isConstant = draw.Chance(3);
        var b = new TfliteBuilder();
        int x1 = b.Tensor("first", ElementType.Int8, a, q1), x2 = b.Tensor("second", ElementType.Int8, c, q2, isConstant ? draw.Bytes(Shapes.Count(c)) : null);
        int y = b.Int8("output", [.. Shapes.Broadcast(first, second)!, rows, columns], q1.Scale * q2.Scale * draw.Int(1, 400), draw.ZeroPoint());
        b.Operator(Schema.Builtin.BatchMatMul, [x1, x2], [y], (0, Flat(adjX ? 1 : 0)), (1, Flat(adjY ? 1 : 0)));
        b.Ports(isConstant ? [x1] : [x1, x2], [y]);
        return b;
    }

    // ---- images ----

    private static TfliteBuilder TransposeConv(Draw draw)
    {
        bool isSame = draw.Chance(2);
        int batch = draw.Of(1, 1, 2), depth = draw.Int(1, 6), outputs = draw.Int(1, 6), strideY = draw.Int(1, 3), strideX = draw.Int(1, 3);
        int[] filter = [outputs, draw.Int(1, 5), draw.Int(1, 5), depth];
        int Image(int window) => draw.Int(isSame ? 1 : window, window + 7);
        int height = Image(filter[1]), width = Image(filter[2]);

        // The input is what a convolution would make of the output.
        int Windows(int image, int window, int stride) => isSame ? (image + stride - 1) / stride : (image - window + stride) / stride;
        Quantization weights = draw.Chance(3)
            ? TfliteBuilder.Quantized(draw.Scale(), 0)
            : new Quantization(Enumerable.Range(0, outputs).Select(_ => draw.Scale()).ToArray(), new int[outputs], 0);
        Quantization input = draw.Quantized();
        var b = new TfliteBuilder();
        int shape = b.Int32("shape", batch, height, width, outputs), w = b.Tensor("filter", ElementType.Int8, filter, weights, draw.Bytes(Shapes.Count(filter)));
        int x = b.Tensor("input", ElementType.Int8, [batch, Windows(height, filter[1], strideY), Windows(width, filter[2], strideX), depth], input);
        int y = b.Int8("output", [batch, height, width, outputs], input.Scale * weights.Scale * draw.Int(1, 400), draw.ZeroPoint());
        int[] bias = draw.Chance(3) ? [] : [b.Int32("bias", [.. Enumerable.Range(0, outputs).Select(_ => draw.Int(-20_000, 20_000))])];
        b.Operator(
            Schema.Builtin.TransposeConv, [shape, w, x, .. bias], [y],
            (0, Flat(isSame ? 0 : 1)), (1, Flat(strideX)), (2, Flat(strideY)), (3, Flat(draw.Of(0, 0, 1, 2, 3))));
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Resize(Draw draw, int builtin, int alignsSlot)
    {
        int[] input = [draw.Int(1, 2), draw.Int(1, 6), draw.Int(1, 6), draw.Int(1, 4)];

        // RESIZE_BILINEAR refuses sizes whose rounded steps leave the image; these have steps that are exact.
        int Size(int size) => builtin == Schema.Builtin.ResizeBilinear ? draw.Of(size, 2 * size, 4 * size, 8 * size, Math.Max(1, size / 2)) : draw.Int(1, 12);
        int[] size = [Size(input[1]), Size(input[2])];
        (int aligns, int half) = builtin == Schema.Builtin.ResizeBilinear ? draw.Of((0, 0), (0, 1)) : draw.Of((0, 0), (1, 0), (0, 1));
        return Mover(
            draw, builtin, input, [input[0], size[0], size[1], input[3]], b => [b.Int32("size", size)],
            (alignsSlot, Flat(aligns)), (alignsSlot + 1, Flat(half)));
    }

    private static TfliteBuilder Blocks(Draw draw, bool isToDepth)
    {
        int block = draw.Int(1, 4);
        int[] deep = [draw.Int(1, 2), draw.Int(1, 4), draw.Int(1, 4), draw.Int(1, 4) * block * block];
        int[] wide = [deep[0], deep[1] * block, deep[2] * block, deep[3] / block / block];
        return isToDepth
            ? Mover(draw, Schema.Builtin.SpaceToDepth, wide, deep, _ => [], (0, Flat(block)))
            : Mover(draw, Schema.Builtin.DepthToSpace, deep, wide, _ => [], (0, Flat(block)));
    }

    private static TfliteBuilder BatchBlocks(Draw draw, bool isToBatch)
    {
        int rank = draw.Int(1, 2);
        int[] block = draw.Shape(rank, 3), inside = draw.Shape(rank, 4), around = new int[2 * rank];

        // Padding or cropping at both ends, down to an image of at least one place.
        int[] image = [.. inside.Select((size, d) =>
        {
            int all = size * block[d], first = draw.Int(0, Math.Min(2, all - 1)), last = draw.Int(0, Math.Min(2, all - 1 - first));
            (around[2 * d], around[(2 * d) + 1]) = (first, last);
            return all - first - last;
        })];
        int batch = draw.Int(1, 2), depth = draw.Int(1, 4);
        int[] whole = [batch, .. image, depth], cut = [batch * Shapes.Count(block), .. inside, depth];
        int[] More(TfliteBuilder b) =>
            [b.Int32("block", block), b.Tensor("around", ElementType.Int32, [rank, 2], null, Values.Bytes(ElementType.Int32, around))];
        return isToBatch ? Mover(draw, Schema.Builtin.SpaceToBatchNd, whole, cut, More) : Mover(draw, Schema.Builtin.BatchToSpaceNd, cut, whole, More);
    }

    // ---- moved elements ----

    // One input that is no constant, one output, one quantisation.
    private static TfliteBuilder Mover(Draw draw, int builtin, int[] from, int[] to, Func<TfliteBuilder, int[]> more, params (int, FlatValue)[] options)
    {
        Quantization q = draw.Quantized();
        var b = new TfliteBuilder();
        int x = b.Tensor("input", ElementType.Int8, from, q), y = b.Tensor("output", ElementType.Int8, to, q);
        b.Operator(builtin, [x, .. more(b)], [y], options);
        b.Ports([x], [y]);
        return b;
    }

    private static int Pairs(TfliteBuilder b, int[] paddings) =>
        b.Tensor("paddings", ElementType.Int32, [paddings.Length / 2, 2], null, Values.Bytes(ElementType.Int32, paddings));

    private static int[] Padded(int[] shape, int[] paddings) => [.. shape.Select((size, d) => paddings[2 * d] + size + paddings[(2 * d) + 1])];

    private static TfliteBuilder MirrorPad(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 5);
        int mode = draw.Int(0, 1);
        int[] paddings = [.. shape.SelectMany(size => new[] { draw.Int(0, size - 1 + mode), draw.Int(0, size - 1 + mode) })];
        return Mover(draw, Schema.Builtin.MirrorPad, shape, Padded(shape, paddings), b => [Pairs(b, paddings)], (0, Flat(mode)));
    }

    private static TfliteBuilder PadV2(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 5), paddings = [.. Enumerable.Range(0, 2 * shape.Length).Select(_ => draw.Int(0, 3))];
        Quantization q = draw.Quantized();
        var b = new TfliteBuilder();
        int x = b.Tensor("input", ElementType.Int8, shape, q), y = b.Tensor("output", ElementType.Int8, Padded(shape, paddings), q);
        b.Operator(Schema.Builtin.PadV2, [x, Pairs(b, paddings), b.Tensor("value", ElementType.Int8, [], q, draw.Bytes(1))], [y]);
        b.Ports([x], [y]);
        return b;
    }

    private static TfliteBuilder Reverse(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 5);
        int[] axes = [.. Enumerable.Range(0, shape.Length).Where(_ => draw.Chance(2)).Select(d => draw.Chance(2) ? d : d - shape.Length).DefaultIfEmpty(-1)];
        return Mover(draw, Schema.Builtin.ReverseV2, shape, shape, b => [b.Int32("axes", axes)]);
    }

    private static TfliteBuilder BroadcastTo(Draw draw)
    {
        int[] output = draw.Shape(draw.Int(1, 4), 5), input = [.. output.Select(size => draw.Chance(2) ? 1 : size).Skip(draw.Int(0, output.Length))];
        return Mover(draw, Schema.Builtin.BroadcastTo, input, output, b => [b.Int32("shape", output)]);
    }

    private static TfliteBuilder Tile(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 4), times = draw.Shape(shape.Length, 3);
        return Mover(draw, Schema.Builtin.Tile, shape, [.. shape.Zip(times, (size, n) => size * n)], b => [b.Int32("times", times)]);
    }

    private static TfliteBuilder Gather(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 5);
        int axis = draw.Int(0, shape.Length - 1);
        int[] indices = [.. Enumerable.Range(0, draw.Int(1, 5)).Select(_ => draw.Int(0, shape[axis] - 1))];
        return Mover(
            draw, Schema.Builtin.Gather, shape, [.. shape[..axis], indices.Length, .. shape[(axis + 1)..]], b => [b.Int32("indices", indices)],
            (0, Flat(draw.Chance(3) ? axis - shape.Length : axis)));
    }

    private static TfliteBuilder Slice(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 6), begin = [.. shape.Select(size => draw.Int(0, size - 1))];
        int[] output = [.. shape.Select((size, d) => draw.Int(1, size - begin[d]))];

        // −1 stands for all that follows.
        int[] asked = [.. output.Select((size, d) => size == shape[d] - begin[d] && draw.Chance(3) ? -1 : size)];
        return Mover(draw, Schema.Builtin.Slice, shape, output, b => [b.Int32("begin", begin), b.Int32("size", asked)]);
    }

    private static TfliteBuilder Pack(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(0, 3), 5);
        int axis = draw.Int(0, shape.Length), count = draw.Int(1, 4);
        Quantization q = draw.Quantized();
        var b = new TfliteBuilder();
        bool[] isConstant = [.. Enumerable.Range(0, count).Select(i => i > 0 && draw.Chance(4))];
        int[] inputs = [.. isConstant.Select((known, i) => b.Tensor($"input{i}", ElementType.Int8, shape, q, known ? draw.Bytes(Shapes.Count(shape)) : null))];
        int y = b.Tensor("output", ElementType.Int8, [.. shape[..axis], count, .. shape[axis..]], q);
        b.Operator(Schema.Builtin.Pack, inputs, [y], (0, Flat(count)), (1, Flat(draw.Chance(3) ? axis - shape.Length - 1 : axis)));
        b.Ports([.. inputs.Where((_, i) => !isConstant[i])], [y]);
        return b;
    }

    private static TfliteBuilder Unpack(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 5);
        int axis = draw.Int(0, shape.Length - 1);
        return Pieces(
            draw, Schema.Builtin.Unpack, shape, [.. Enumerable.Repeat<int[]>([.. shape[..axis], .. shape[(axis + 1)..]], shape[axis])],
            (_, x) => [x], (0, Flat(shape[axis])), (1, Flat(draw.Chance(3) ? axis - shape.Length : axis)));
    }

    private static TfliteBuilder Split(Draw draw, bool isSized)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 5);
        int axis = draw.Int(0, shape.Length - 1), count = draw.Int(1, 4), equal = draw.Int(1, 3);
        int[] sizes = [.. Enumerable.Range(0, count).Select(_ => isSized ? draw.Int(1, 3) : equal)];
        int[] Along(int size) => [.. shape[..axis], size, .. shape[(axis + 1)..]];
        int[] asked = [.. sizes];
        if (draw.Chance(3)) asked[draw.Int(0, count - 1)] = -1;
        int Axis(TfliteBuilder b) => b.Tensor("axis", ElementType.Int32, [], null, BitConverter.GetBytes(draw.Chance(3) ? axis - shape.Length : axis));
        return Pieces(
            draw, isSized ? Schema.Builtin.SplitV : Schema.Builtin.Split, Along(sizes.Sum()), [.. sizes.Select(Along)],
            (b, x) => isSized ? [x, b.Int32("sizes", asked), Axis(b)] : [Axis(b), x], (0, Flat(count)));
    }

    // One input, several outputs, one quantisation.
    private static TfliteBuilder Pieces(Draw draw, int builtin, int[] from, int[][] to, Func<TfliteBuilder, int, int[]> inputs, params (int, FlatValue)[] options)
    {
        Quantization q = draw.Quantized();
        var b = new TfliteBuilder();
        int x = b.Tensor("input", ElementType.Int8, from, q);
        int[] outputs = [.. to.Select((shape, i) => b.Tensor($"output{i}", ElementType.Int8, shape, q))];
        b.Operator(builtin, inputs(b, x), outputs, options);
        b.Ports([x], outputs);
        return b;
    }

    // ---- shape arithmetic: computed while compiling, and added to an input so that something is left ----

    private static TfliteBuilder Shape(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 6), 9);
        return Added(draw, [shape.Length], (b, y) =>
        {
            int x = b.Int8("measured", shape, draw.Scale(), draw.ZeroPoint());
            b.Operator(Schema.Builtin.Shape, [x], [y]);
            return [x];
        });
    }

    private static TfliteBuilder Fill(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 4), 5);
        return Added(draw, shape, (b, y) =>
        {
            b.Operator(Schema.Builtin.Fill, [b.Int32("shape", shape), b.Tensor("value", ElementType.Int32, [], null, draw.Bytes(4))], [y]);
            return [];
        });
    }

    private static TfliteBuilder Range(Draw draw)
    {
        int start = draw.Int(-50, 50), count = draw.Int(1, 40), delta = draw.Of(-1, 1) * draw.Int(1, 9);

        // The limit is not reached: up to a whole step behind the last number.
        int limit = start + (count * delta) - (Math.Sign(delta) * draw.Int(0, Math.Abs(delta) - 1));
        return Added(draw, [count], (b, y) =>
        {
            int[] inputs = [.. new[] { start, limit, delta }.Select((value, i) => b.Tensor($"number{i}", ElementType.Int32, [], null, BitConverter.GetBytes(value)))];
            b.Operator(Schema.Builtin.Range, inputs, [y]);
            return [];
        });
    }

    private static TfliteBuilder ReduceProd(Draw draw)
    {
        int[] shape = draw.Shape(draw.Int(1, 3), 4);
        bool[] isReduced = [.. shape.Select(_ => draw.Chance(2))];
        bool keeps = draw.Chance(2);
        int[] axes = [.. Enumerable.Range(0, shape.Length).Where(d => isReduced[d]).Select(d => draw.Chance(3) ? d - shape.Length : d).DefaultIfEmpty(0)];
        isReduced[0] |= !isReduced.Contains(true);
        int[] output = [.. Enumerable.Range(0, shape.Length).Where(d => keeps || !isReduced[d]).Select(d => isReduced[d] ? 1 : shape[d])];
        return Added(draw, output, (b, y) =>
        {
            int x = b.Tensor("factors", ElementType.Int32, shape, null, draw.Bytes(4 * Shapes.Count(shape)));
            b.Operator(Schema.Builtin.ReduceProd, [x, b.Int32("axes", axes)], [y], (0, Flat(keeps ? 1 : 0)));
            return [];
        });
    }

    private static TfliteBuilder Added(Draw draw, int[] shape, Func<TfliteBuilder, int, int[]> known)
    {
        var b = new TfliteBuilder();
        int x = b.Tensor("input", ElementType.Int32, shape), number = b.Tensor("known", ElementType.Int32, shape), y = b.Tensor("output", ElementType.Int32, shape);
        int[] more = known(b, number);
        b.Operator(Schema.Builtin.Add, draw.Chance(2) ? [x, number] : [number, x], [y]);
        b.Ports([x, .. more], [y]);
        return b;
    }

    private static FlatValue Flat(int value) => FlatValue.Int32(value);
}
