using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Random models of one operator with state each, and random programs of reads and assignments.</summary>
internal static class StatefulCases
{
    /// <summary>The generators by what they make.</summary>
    public static readonly IReadOnlyDictionary<string, Func<Draw, TfliteBuilder>> All = new Dictionary<string, Func<Draw, TfliteBuilder>>
    {
        ["SVDF"] = Svdf,
        ["UNIDIRECTIONAL_SEQUENCE_LSTM"] = draw => Lstm(draw, finest: 20),
        ["UNIDIRECTIONAL_SEQUENCE_LSTM of TFLite"] = draw => Lstm(draw, finest: 15),
        ["VARIABLES"] = Variables,
    };

    private static TfliteBuilder Svdf(Draw draw)
    {
        int batch = draw.Of(1, 1, 2, 3), inputs = draw.Int(1, 12), rank = draw.Int(1, 3), units = draw.Int(1, 6), memory = draw.Int(1, 9), filters = units * rank;
        ElementType type = draw.Of(ElementType.Int8, ElementType.Int16);
        bool isWide = type == ElementType.Int16;

        // Features and outputs that use their range, some of them beyond it.
        Quantization input = draw.Quantized();
        float feature = draw.Scale(), time = draw.Scale(), state = input.Scale * feature * draw.Int(1, 400) / (isWide ? 256 : 1);
        float output = state * time * draw.Int(1, 400) * (isWide ? 256 * 256 : 1);
        var b = new TfliteBuilder();
        int x = b.Int8("input", [batch, inputs], input.Scale, input.ZeroPoint);
        int wf = b.Int8("feature", [filters, inputs], feature, 0, draw.Bytes(filters * inputs));
        int wt = b.Tensor("time", type, [filters, memory], TfliteBuilder.Quantized(time, 0), draw.Bytes(filters * memory * type.Size()));
        int bias = draw.Chance(4) ? -1 : b.Int32("bias", [.. Enumerable.Range(0, units).Select(_ => draw.Int(-(1 << 14), 1 << 14))]);
        int zeroPoint = draw.Of(0, isWide ? draw.Int(-32768, 32767) : draw.ZeroPoint());
        int s = b.Variable("state", type, [batch, filters * memory], TfliteBuilder.Quantized(state, zeroPoint));
        int y = b.Int8("output", [batch, units], output, draw.ZeroPoint());
        b.Operator(Schema.Builtin.Svdf, [x, wf, wt, bias, s], [y], (0, FlatValue.Int32(rank)), (1, FlatValue.Int32(draw.Of(0, 1))));
        b.Ports([x], [y]);
        return b;
    }

    // The finest scale of the cell is 2^-finest.
    private static TfliteBuilder Lstm(Draw draw, int finest)
    {
        int batch = draw.Of(1, 1, 2, 3), steps = draw.Int(1, 5), inputs = draw.Int(1, 9), units = draw.Int(1, 7);
        bool isTimeMajor = draw.Chance(2);
        int[] Sequence(int depth) => isTimeMajor ? [steps, batch, depth] : [batch, steps, depth];

        // Gates between -8 and 8, now and then outside; a cell in Q3.12 or near it.
        Quantization hidden = TfliteBuilder.Quantized(draw.Of(1f / 128, draw.Scale() / 4), draw.ZeroPoint());
        float cell = (float)Math.Pow(2, -draw.Of(9, 11, 12, 13, draw.Int(9, finest)));
        var b = new TfliteBuilder();
        Quantization input = draw.Quantized();
        int x = b.Int8("input", Sequence(inputs), input.Scale, input.ZeroPoint);
        int Weights(string name, int depth, float scale) =>
            b.Int8(name, [units, depth], draw.Int(1, 40) / (scale * 128 * 128 * depth), 0, draw.Bytes(units * depth));
        string[] gates = ["i", "f", "c", "o"];
        int[] fromInput = [.. gates.Select(gate => Weights("W" + gate, inputs, input.Scale))];
        int[] fromHidden = [.. gates.Select(gate => Weights("U" + gate, units, hidden.Scale))];
        int[] biases = [.. gates.Select(gate => b.Int32("b" + gate, [.. Enumerable.Range(0, units).Select(_ => draw.Int(-4000, 4000))]))];
        int h = b.Variable("hidden", ElementType.Int8, [batch, units], hidden);
        int c = b.Variable("cell", ElementType.Int16, [batch, units], TfliteBuilder.Quantized(cell, 0));
        int y = b.Tensor("output", ElementType.Int8, Sequence(units), hidden);
        b.Operator(
            Schema.Builtin.UnidirectionalSequenceLstm, [x, .. fromInput, .. fromHidden, -1, -1, -1, .. biases, -1, -1, h, c, .. draw.Of<int[]>([], [-1, -1, -1, -1])], [y],
            (0, FlatValue.Int32(4)), (1, FlatValue.Float(draw.Of(0f, 0f, 0.7f, 3f, 10f))), (3, FlatValue.Int32(isTimeMajor ? 1 : 0)));
        b.Ports([x], [y]);
        return b;
    }

    // Reads, assignments and sums in any order, over variables of both kinds: what is a view, what a copy, and when a variable changes.
    private static TfliteBuilder Variables(Draw draw)
    {
        int count = draw.Int(1, 6);
        Quantization q = draw.Quantized();
        var b = new TfliteBuilder();
        bool isInitialised = draw.Chance(2);
        int New(string name) => b.Tensor(name, ElementType.Int8, [1, count], q);
        int x = New("x");
        if (isInitialised) b.CallOnce(1);
        int[] handles = [.. Enumerable.Range(0, draw.Int(1, 3)).Select(i => b.Handle($"h{i}"))];
        int marked = b.Variable("marked", ElementType.Int8, [1, count], q);
        var values = new List<int> { x };
        int Any() => values[draw.Int(0, values.Count - 1)];
        int steps = draw.Int(3, 12);
        for (int step = 0; step < steps; step++)
        {
            int handle = handles[draw.Int(0, handles.Length - 1)];
            int value = New($"v{step}");
            switch (draw.Int(0, 7))
            {
                case 0 or 1:
                    b.Read(handle, value);
                    break;
                case 2 or 3:
                    b.Assign(handle, Any());
                    continue;
                case 4:
                    b.Operator(Schema.Builtin.Add, [Any(), marked], [marked]);
                    continue;
                case 5:
                    b.Operator(Schema.Builtin.Reshape, [Any()], [value]);
                    break;
                default:
                    b.Operator(Schema.Builtin.Add, [draw.Chance(4) ? marked : Any(), Any()], [value]);
                    break;
            }

            values.Add(value);
        }

        int y = New("y");
        b.Operator(Schema.Builtin.Add, [values[^1], marked], [y]);

        // Sometimes the caller sees a value that variables deal with.
        int[] seen = [.. values.Skip(1).Where(_ => draw.Chance(5))];
        b.Ports([x], [y, .. seen]);
        if (!isInitialised) return b;
        b.NextSubgraph();
        foreach (int i in Enumerable.Range(0, handles.Length).Where(_ => draw.Chance(2)))
        {
            b.Assign(b.Handle($"h{i}"), b.Tensor($"c{i}", ElementType.Int8, [1, count], q, draw.Chance(3) ? [.. Enumerable.Repeat((byte)7, count)] : draw.Bytes(count)));
        }

        return b;
    }
}
