using System;
using System.Linq;
using Etch.Ir;
using Etch.Ops;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Results beyond int8 or int16 are clamped to its ends: by hand, for the operators whose recordings do not reach them.</summary>
public sealed class SaturationTests
{
    public static TheoryData<string> Operators() => ["ABS", "ADD_N", "CUMSUM", "ELU", "L2_NORMALIZATION", "PRELU", "MUL of int16", "MEAN of int16"];

    [Theory]
    [MemberData(nameof(Operators))]
    public void Results_beyond_the_range_are_clamped(string op)
    {
        // Scale 1 and zero point 0 but for the outputs named here.
        bool isInt16 = op.EndsWith(" of int16", StringComparison.Ordinal);
        (Op Op, short[][] Inputs, float Scale, int[] Expected) c = op switch
        {
            "ABS" => (new Abs { Inputs = new[] { 0 }, Outputs = new[] { 1 } }, [[-128, 127, -3]], 0.5f, [127, 127, 6]),
            "ADD_N" => (new AddN { Inputs = new[] { 0, 1 }, Outputs = new[] { 2 } }, [[100, -100, 1], [100, -100, 2]], 1, [127, -128, 3]),
            "CUMSUM" => (
                new CumSum(new[] { 0 }, false, false) { Inputs = new[] { 0 }, Outputs = new[] { 1 } },
                [[100, 100, -128, -128, -128]], 1, [100, 127, 72, -56, -128]),
            "ELU" => (new Elu { Inputs = new[] { 0 }, Outputs = new[] { 1 } }, [[100, 3, -128]], 0.5f, [127, 6, -2]),
            "L2_NORMALIZATION" => (
                new L2Normalization { Activation = Activation.None, Inputs = new[] { 0 }, Outputs = new[] { 1 } }, [[5]], 1f / 128, [127]),
            "MUL of int16" => (
                new Mul { Activation = Activation.None, Inputs = new[] { 0, 1 }, Outputs = new[] { 2 } },
                [[300, -300, 300, 3], [300, 300, 109, 4]], 1, [32767, -32768, 32700, 12]),
            "MEAN of int16" => (
                new Mean(true, new Reduction(new[] { 0 }, true)) { Inputs = new[] { 0 }, Outputs = new[] { 1 } }, [[-20000, -30000]], 0.5f, [-32768]),
            _ => (new Prelu { Inputs = new[] { 0, 1 }, Outputs = new[] { 2 } }, [[-100, -100, -1], [100, -100, 2]], 1, [-128, 127, -2]),
        };
        Tensor Stored(string name, float scale, short[] values) => new()
        {
            Name = name,
            Type = isInt16 ? ElementType.Int16 : ElementType.Int8,
            Shape = new[] { values.Length },
            Data = [.. values.SelectMany(v => BitConverter.GetBytes(v).Take(isInt16 ? 2 : 1))],
            Quantization = TfliteBuilder.Quantized(scale, 0),
        };
        Tensor output = Stored("output", c.Scale, [.. c.Expected.Select(v => (short)0)]) with { Data = null };
        var graph = new Graph([.. c.Inputs.Select((values, i) => Stored($"input{i}", 1, values)), output], [c.Op], [], [c.Inputs.Length]);
        Assert.Equal(c.Expected, Values.Run(graph, graph.Ops[0]).Integers(c.Inputs.Length));
    }

    // All gates but the candidate's are open, and the candidates are nearly 1 and −1: each step adds nearly that, until the cell is full.
    [Theory]
    [InlineData(0f, 12, 32767, -32768)]
    [InlineData(1.5f, 3, 6144, -6144)]
    public void The_cell_of_a_recurrent_layer_is_clamped(float clip, int steps, int most, int least)
    {
        var b = new TfliteBuilder();
        int x = b.Int8("input", [1, steps, 1], 1, 0);
        int Weights(string name, params sbyte[] values) => b.Int8(name, [2, values.Length / 2], 1, 0, [.. values.Select(v => (byte)v)]);
        int[] input = [Weights("Wi", 127, 127), Weights("Wf", 127, 127), Weights("Wc", 127, -127), Weights("Wo", 127, 127)];
        int[] recurrent = [.. input.Select(_ => Weights("U", 0, 0, 0, 0))], biases = [.. input.Select(_ => b.Int32("bias", 0, 0))];
        Quantization hidden = TfliteBuilder.Quantized(1f / 128, 0);
        int h = b.Variable("hidden", ElementType.Int8, [1, 2], hidden), c = b.Variable("cell", ElementType.Int16, [1, 2], TfliteBuilder.Quantized(1f / 4096, 0));
        int y = b.Tensor("output", ElementType.Int8, [1, steps, 2], hidden);
        b.Operator(
            Schema.Builtin.UnidirectionalSequenceLstm, [x, .. input, .. recurrent, -1, -1, -1, .. biases, -1, -1, h, c], [y],
            (0, FlatValue.Int32(4)), (1, FlatValue.Float(clip)), (3, FlatValue.Int32(0)));
        b.Ports([x], [y]);
        Graph graph = Agreement.Import(b.Build());
        Assert.Equal([most, least], Engines.Reference(graph, [[.. Enumerable.Repeat((byte)1, steps)]]).Integers(c));
    }
}
