using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Tests;

/// <summary>Results beyond int8 are clamped to its ends: by hand, for the operators whose recordings do not reach them.</summary>
public sealed class SaturationTests
{
    public static TheoryData<string> Operators() => ["ABS", "ADD_N", "CUMSUM", "ELU", "L2_NORMALIZATION", "PRELU"];

    [Theory]
    [MemberData(nameof(Operators))]
    public void Results_beyond_the_range_are_clamped(string op)
    {
        // Scale 1 and zero point 0 but for the outputs named here.
        (Op Op, sbyte[][] Inputs, float Scale, int[] Expected) c = op switch
        {
            "ABS" => (new Abs { Inputs = new[] { 0 }, Outputs = new[] { 1 } }, [[-128, 127, -3]], 0.5f, [127, 127, 6]),
            "ADD_N" => (new AddN { Inputs = new[] { 0, 1 }, Outputs = new[] { 2 } }, [[100, -100, 1], [100, -100, 2]], 1, [127, -128, 3]),
            "CUMSUM" => (
                new CumSum(new[] { 0 }, false, false) { Inputs = new[] { 0 }, Outputs = new[] { 1 } },
                [[100, 100, -128, -128, -128]], 1, [100, 127, 72, -56, -128]),
            "ELU" => (new Elu { Inputs = new[] { 0 }, Outputs = new[] { 1 } }, [[100, 3, -128]], 0.5f, [127, 6, -2]),
            "L2_NORMALIZATION" => (
                new L2Normalization { Activation = Activation.None, Inputs = new[] { 0 }, Outputs = new[] { 1 } }, [[5]], 1f / 128, [127]),
            _ => (new Prelu { Inputs = new[] { 0, 1 }, Outputs = new[] { 2 } }, [[-100, -100, -1], [100, -100, 2]], 1, [-128, 127, -2]),
        };
        Tensor Int8(string name, float scale, sbyte[] values) => new()
        {
            Name = name,
            Type = ElementType.Int8,
            Shape = new[] { values.Length },
            Data = [.. values.Select(v => (byte)v)],
            Quantization = TfliteBuilder.Quantized(scale, 0),
        };
        Tensor output = Int8("output", c.Scale, [.. c.Expected.Select(v => (sbyte)0)]) with { Data = null };
        var graph = new Graph([.. c.Inputs.Select((values, i) => Int8($"input{i}", 1, values)), output], [c.Op], [], [c.Inputs.Length]);
        Assert.Equal(c.Expected, Values.Run(graph, graph.Ops[0]).Integers(c.Inputs.Length));
    }
}
