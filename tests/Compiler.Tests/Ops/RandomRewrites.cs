using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Small random models of what exporters leave behind: chains of functions of one byte, constants of one value, transpositions that meet,
/// operators that change nothing and operators that stand twice.</summary>
internal sealed class RandomRewrites
{
    private static readonly int[][] Permutations = [[0, 3, 1, 2], [0, 2, 3, 1], [0, 3, 1, 2], [0, 2, 3, 1], [0, 2, 1, 3], [3, 0, 1, 2], [0, 1, 2, 3]];

    private readonly Draw _draw;
    private readonly TfliteBuilder _b = new();
    private readonly List<Value> _values = [];
    private int _names;

    private RandomRewrites(Draw draw) => _draw = draw;

    private sealed record Value(int Id, int[] Shape, Quantization Quantization);

    public static byte[] Build(Draw draw) => new RandomRewrites(draw).Build();

    private byte[] Build()
    {
        Value input = New([1, _draw.Int(1, 4), _draw.Int(1, 4), _draw.Int(1, 4)], _draw.Quantized());
        _values.Add(input);
        int steps = _draw.Int(3, 14);
        for (int i = 0; i < steps; i++)
        {
            Value from = _draw.Chance(4) ? _draw.Of(_values.ToArray()) : _values[^1];
            _values.Add(Step(from));
        }

        var outputs = new List<int> { _values[^1].Id };
        Value other = _draw.Of(_values.ToArray());
        if (_draw.Chance(2) && other != input && !outputs.Contains(other.Id)) outputs.Add(other.Id);
        _b.Ports([input.Id], [.. outputs]);
        return _b.Build();
    }

    private Value Step(Value x) => _draw.Int(0, 11) switch
    {
        0 => Unary(x),
        1 or 2 => WithConstant(x, [.. Enumerable.Repeat(1, _draw.Int(0, 4))]),
        3 => Gate(x),
        4 => ThroughFloats(x),
        5 => Unchanged(x),
        6 or 7 => Transposed(x, _draw.Of(Permutations)),
        8 => WithConstant(x, _draw.Chance(2) ? [x.Shape[3]] : [1, 1, 1, x.Shape[3]]),
        9 => Twice(x),
        10 => Joined(x),
        _ => _draw.Chance(2) ? Mean(x) : Convolved(x),
    };

    private Value New(int[] shape, Quantization q) => new(_b.Tensor($"t{_names++}", ElementType.Int8, shape, q), shape, q);

    private Value Unary(Value x)
    {
        int builtin = _draw.Of(Schema.Builtin.Logistic, Schema.Builtin.Relu, Schema.Builtin.Relu6, Schema.Builtin.Quantize, Schema.Builtin.Abs, Schema.Builtin.LeakyRelu);
        Quantization q = builtin switch
        {
            Schema.Builtin.Logistic => TfliteBuilder.Quantized(1f / 256, -128),
            Schema.Builtin.Abs => TfliteBuilder.Quantized(x.Quantization.Scale, -128),
            Schema.Builtin.Quantize => _draw.Quantized(),
            _ => _draw.Chance(2) ? x.Quantization : _draw.Quantized(),
        };
        Value y = New(x.Shape, q);
        if (builtin == Schema.Builtin.LeakyRelu) _b.Operator(builtin, [x.Id], [y.Id], (0, FlatValue.Float(0.2f)));
        else _b.Operator(builtin, [x.Id], [y.Id]);
        return y;
    }

    // A constant of any values, or of the same everywhere; now and then one that changes nothing.
    private Value WithConstant(Value x, int[] shape)
    {
        int builtin = _draw.Of(Schema.Builtin.Add, Schema.Builtin.Sub, Schema.Builtin.Mul, Schema.Builtin.Maximum, Schema.Builtin.Minimum);
        bool isBound = builtin is Schema.Builtin.Maximum or Schema.Builtin.Minimum, isNeutral = _draw.Chance(3);
        int neutral = builtin switch { Schema.Builtin.Mul => 1, Schema.Builtin.Maximum => -128, Schema.Builtin.Minimum => 127, _ => 0 };
        byte[] data = isNeutral ? [.. Enumerable.Repeat((byte)neutral, Shapes.Count(shape))] : _draw.Bytes(Shapes.Count(shape));
        int constant = _b.Tensor(
            $"c{_names++}", ElementType.Int8, shape, isBound ? x.Quantization : isNeutral ? TfliteBuilder.Quantized(1, 0) : _draw.Quantized(), data);
        Value y = New(x.Shape, isBound || isNeutral ? x.Quantization : _draw.Quantized());
        int[] inputs = _draw.Chance(3) && builtin != Schema.Builtin.Sub ? [constant, x.Id] : [x.Id, constant];
        if (isBound) _b.Operator(builtin, inputs, [y.Id]);
        else _b.Operator(builtin, inputs, [y.Id], (0, FlatValue.Int32(_draw.Of(0, 0, 0, 1, 3))));
        return y;
    }

    // x · sigmoid(x), or x².
    private Value Gate(Value x)
    {
        Value gate = x;
        if (_draw.Chance(2))
        {
            gate = New(x.Shape, TfliteBuilder.Quantized(1f / 256, -128));
            _b.Operator(Schema.Builtin.Logistic, [x.Id], [gate.Id]);
            if (_draw.Chance(5)) _values.Add(gate);
        }

        Value y = New(x.Shape, _draw.Quantized());
        _b.Operator(Schema.Builtin.Mul, [x.Id, gate.Id], [y.Id], (0, FlatValue.Int32(0)));
        return y;
    }

    private Value ThroughFloats(Value x)
    {
        int real = _b.Tensor($"t{_names++}", ElementType.Float32, x.Shape);
        _b.Operator(Schema.Builtin.Dequantize, [x.Id], [real]);
        int count = _draw.Int(0, 2);
        for (int i = 0; i < count; i++)
        {
            int next = _b.Tensor($"t{_names++}", ElementType.Float32, x.Shape);
            int half = _b.Tensor($"c{_names++}", ElementType.Float32, [1], null, Values.Bytes(ElementType.Float32, new[] { 0.5f }));
            if (_draw.Chance(2)) _b.Operator(_draw.Of(Schema.Builtin.Exp, Schema.Builtin.Sin, Schema.Builtin.Neg), [real], [next]);
            else _b.Operator(_draw.Of(Schema.Builtin.Mul, Schema.Builtin.Add), [real, half], [next], (0, FlatValue.Int32(0)));
            real = next;
        }

        Value y = New(x.Shape, _draw.Quantized());
        _b.Operator(Schema.Builtin.Quantize, [real], [y.Id]);
        return y;
    }

    private Value Unchanged(Value x)
    {
        Value y = New(x.Shape, x.Quantization);
        switch (_draw.Int(0, 5))
        {
            case 0:
                _b.Operator(Schema.Builtin.Reshape, [x.Id], [y.Id]);
                break;
            case 1:
                _b.Operator(Schema.Builtin.Slice, [x.Id, _b.Int32($"begin{_names++}", 0, 0, 0, 0), _b.Int32($"size{_names++}", x.Shape)], [y.Id]);
                break;
            case 2:
                int paddings = _b.Tensor($"paddings{_names++}", ElementType.Int32, [4, 2], null, new byte[32]);
                _b.Operator(Schema.Builtin.Pad, [x.Id, paddings], [y.Id]);
                break;
            case 3:
                _b.Operator(Schema.Builtin.Concatenation, [x.Id], [y.Id], (0, FlatValue.Int32(3)));
                break;
            case 4:
                _b.Operator(Schema.Builtin.Tile, [x.Id, _b.Int32($"times{_names++}", 1, 1, 1, 1)], [y.Id]);
                break;
            default:
                _b.Operator(Schema.Builtin.Quantize, [x.Id], [y.Id]);
                break;
        }

        return y;
    }

    private Value Transposed(Value x, int[] permutation)
    {
        Value y = New([.. permutation.Select(d => x.Shape[d])], x.Quantization);
        _b.Operator(Schema.Builtin.Transpose, [x.Id, _b.Int32($"permutation{_names++}", permutation)], [y.Id]);
        return y;
    }

    // The same operator two times; what comes of both meets again.
    private Value Twice(Value x)
    {
        Quantization q = _draw.Quantized(), sum = _draw.Quantized();
        int kind = _draw.Int(0, 2);
        Value[] both = [Once(), Once()];
        Value y = New(both[0].Shape, sum);
        _b.Operator(Schema.Builtin.Add, [both[0].Id, both[1].Id], [y.Id], (0, FlatValue.Int32(0)));
        return y;

        Value Once()
        {
            if (kind == 0) return Transposed(x, [0, 3, 1, 2]);
            Value z = New(x.Shape, q);
            if (kind == 1) _b.Operator(Schema.Builtin.Quantize, [x.Id], [z.Id]);
            else _b.Operator(Schema.Builtin.Mul, [x.Id, _b.Int8($"c{_names++}", [x.Shape[3]], 0.1f, 3, [.. Enumerable.Range(5, x.Shape[3]).Select(i => (byte)i)])], [z.Id], (0, FlatValue.Int32(0)));
            return z;
        }
    }

    private Value Joined(Value x)
    {
        Value other = _draw.Of(_values.Where(v => v.Shape.SequenceEqual(x.Shape)).ToArray());
        Value y = New(x.Shape, _draw.Quantized());
        _b.Operator(_draw.Of(Schema.Builtin.Add, Schema.Builtin.Mul, Schema.Builtin.Sub), [x.Id, other.Id], [y.Id], (0, FlatValue.Int32(_draw.Of(0, 0, 1))));
        return y;
    }

    // Always with four dimensions.
    private Value Mean(Value x)
    {
        int[] axes = _draw.Of<int[]>([1, 2], [2, 3], [1], [3], [-1, 1]);
        int[] shape = [.. x.Shape.Select((n, d) => axes.Contains(d) || axes.Contains(d - 4) ? 1 : n)];
        Value y = New(shape, _draw.Quantized());
        bool keepsDims = _draw.Chance(2);
        if (keepsDims)
        {
            _b.Operator(Schema.Builtin.Mean, [x.Id, _b.Int32($"axes{_names++}", axes)], [y.Id], (0, FlatValue.Int32(1)));
            return y;
        }

        int[] kept = [.. Enumerable.Range(0, 4).Where(d => !axes.Contains(d) && !axes.Contains(d - 4)).Select(d => x.Shape[d])];
        Value flat = New(kept, y.Quantization);
        _b.Operator(Schema.Builtin.Mean, [x.Id, _b.Int32($"axes{_names++}", axes)], [flat.Id]);
        _b.Operator(Schema.Builtin.Reshape, [flat.Id], [y.Id]);
        return y;
    }

    private Value Convolved(Value x)
    {
        int outputs = _draw.Int(1, 4), channels = x.Shape[3];
        int filter = _b.Int8($"filter{_names++}", [outputs, 1, 1, channels], 0.02f, 0, _draw.Bytes(outputs * channels));
        Value y = New([x.Shape[0], x.Shape[1], x.Shape[2], outputs], _draw.Quantized());
        FlatValue one = FlatValue.Int32(1);
        _b.Operator(Schema.Builtin.Conv2D, [x.Id, filter], [y.Id], (0, one), (1, one), (2, one), (3, FlatValue.Int32(_draw.Of(0, 1, 3))));
        return y;
    }
}
