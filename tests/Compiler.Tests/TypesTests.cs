using System;
using System.Linq;
using System.Threading;
using Etch.Emit;
using Etch.Ir;
using Etch.Passes;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>INT16, UINT8 and INT4: what contracts refuse, what the caller sees, and what becomes of the graph.</summary>
public sealed class TypesTests
{
    [Theory]
    [InlineData(nameof(ElementType.Int16), 3, nameof(ElementType.Int8), 0, nameof(ElementType.Int64), "needs input 0 with zero point 0, as int16 has, and it has 3")]
    [InlineData(nameof(ElementType.Int16), 0, nameof(ElementType.UInt8), 0, nameof(ElementType.Int64), "needs input 1 as int8, and it is uint8")]
    [InlineData(nameof(ElementType.Int16), 0, nameof(ElementType.Int8), 1, nameof(ElementType.Int64), "needs input 1 with zero point 0, and it has 1")]
    [InlineData(nameof(ElementType.UInt8), 3, nameof(ElementType.Int8), 0, nameof(ElementType.Int32), "needs input 1 as uint8, and it is int8")]
    [InlineData(nameof(ElementType.UInt8), 3, nameof(ElementType.UInt8), 256, nameof(ElementType.Int32), "needs the zero point of input 1 inside uint8, and it is 256")]
    [InlineData(nameof(ElementType.UInt8), 3, nameof(ElementType.UInt8), 3, nameof(ElementType.Int64), "needs input 2 as int32, and it is int64")]
    [InlineData(nameof(ElementType.Int8), 3, nameof(ElementType.Int8), 0, nameof(ElementType.Int64), "needs input 2 as int32, and it is int64")]
    public void Convolution_refuses(string type, int zeroPoint, string filter, int filterZeroPoint, string bias, string demand) =>
        Assert.Contains(Problems(Convolution(Schema.Builtin.Conv2D, Type(type), zeroPoint, Type(filter), filterZeroPoint, Type(bias))), message => message.Contains(demand));

    [Fact]
    public void Depthwise_convolution_of_int16_wants_a_bias_of_64_bits() => Assert.Contains(
        Problems(Convolution(Schema.Builtin.DepthwiseConv2D, ElementType.Int16, 0, ElementType.Int8, 0, ElementType.Int32)),
        message => message.Contains("needs input 2 as int64, and it is int32"));

    [Fact]
    public void Operators_without_a_form_for_uint8_say_so() => Assert.Contains(
        Problems(Unary(Schema.Builtin.Elu, ElementType.UInt8, 128)), message => message.Contains("ELU needs input 0 as int8, and it is uint8: this operator has no form for the older converter's uint8"));

    [Fact]
    public void Operators_without_a_form_for_int16_say_so() => Assert.Contains(
        Problems(Unary(Schema.Builtin.HardSwish, ElementType.Int16, 0)), message => message.Contains("HARD_SWISH needs input 0 as int8, and it is int16: this operator has no form for int16"));

    [Fact]
    public void Logistic_of_int16_needs_its_output_scale() => Assert.Contains(
        Problems(Unary(Schema.Builtin.Logistic, ElementType.Int16, 0)), message => message.Contains("needs an output with scale 1/32768"));

    [Fact]
    public void Four_bits_are_for_constants_only()
    {
        var b = new TfliteBuilder();
        int x = b.Tensor("input", Schema.Int4Type, [1, 4], TfliteBuilder.Quantized(0.5f, 0), 0), y = b.Int8("output", [1, 4], 0.5f, 0);
        b.Operator(Schema.Builtin.Relu, [x], [y]);
        b.Ports([x], [y]);
        Assert.Equal(["tensor 'input' is INT4, which is supported for constants only"], Problems(b));
    }

    [Fact]
    public void Four_bits_of_the_wrong_length_are_malformed()
    {
        var b = new TfliteBuilder();
        int x = b.Int8("input", [1, 3], 0.5f, 0), y = b.Int8("output", [1, 3], 0.5f, 0);
        b.Operator(Schema.Builtin.FullyConnected, [x, b.Int4("filter", [3, 3], TfliteBuilder.Quantized(0.5f, 0), new byte[4])], [y]);
        b.Ports([x], [y]);
        Assert.Contains("tensor 'filter' of shape [3, 3] has 4 bytes of data instead of 5", Assert.Single(Problems(b)));
    }

    [Fact]
    public void Four_bits_are_unpacked_low_ones_first()
    {
        var b = new TfliteBuilder();
        int x = b.Int8("input", [1, 3], 0.5f, 0), y = b.Int8("output", [1, 1], 0.5f, 0);
        int filter = b.Int4("filter", [1, 3], TfliteBuilder.Quantized(0.5f, 0), [0x8F, 0xF7]);
        b.Operator(Schema.Builtin.FullyConnected, [x, filter], [y]);
        b.Ports([x], [y]);
        Assert.Equal([-1, -8, 7], Agreement.Import(b.Build())[filter].Integers());
    }

    [Theory]
    [InlineData(nameof(ElementType.Int16), "short")]
    [InlineData(nameof(ElementType.UInt8), "byte")]
    public void The_caller_sees_the_types_of_the_file(string name, string keyword)
    {
        ElementType type = Type(name);
        string surface = SurfaceWriter.Write(Compile(Unary(Schema.Builtin.Relu, type, type == ElementType.UInt8 ? 128 : 0)));
        Assert.Contains($"ReadOnlySpan<{keyword}> input", surface);
        Assert.Contains($"Span<{keyword}> output", surface);
        Assert.Contains($"public static {keyword} QuantizeInput(float real)", surface);
        Assert.Contains($"public static float DequantizeOutput({keyword} stored)", surface);
    }

    [Fact]
    public void Models_of_the_older_converter_compute_in_int8() => Graphs.AssertRewrites(
        RebaseUInt8.Run, Agreement.Import(Unary(Schema.Builtin.Relu, ElementType.UInt8, 128).Build()),
        "inputs %0\n%1 = RELU(%0)\noutputs %1",
        "inputs %0\n%2 = QUANTIZE(%0)\n%3 = RELU(%2)\n%1 = QUANTIZE(%3)\noutputs %1");

    [Fact]
    public void Zero_points_and_constants_move_by_128()
    {
        Graph before = Agreement.Import(Convolution(Schema.Builtin.Conv2D, ElementType.UInt8, 3, ElementType.UInt8, 100, ElementType.Int32).Build());
        Graph after = RebaseUInt8.Run(before);
        Tensor filter = after[1];
        Assert.Equal((ElementType.Int8, -28, true), (filter.Type, filter.ZeroPoint, filter.WasUInt8));
        Assert.Equal(before[1].Integers().Select(w => w - 128), filter.Integers());
        Assert.Equal(3, before[0].ZeroPoint);
        Assert.Equal(-125, after[after.Ops[0].Outputs[0]].ZeroPoint);
    }

    [Fact]
    public void Uint8_at_the_edges_of_an_int8_model_stays()
    {
        var b = new TfliteBuilder();
        Quantization q = TfliteBuilder.Quantized(0.5f, 128);
        int x = b.Tensor("input", ElementType.UInt8, [1, 4], q), flat = b.Tensor("flat", ElementType.UInt8, [4], q), inside = b.Int8("inside", [4], 0.5f, 0);
        int y = b.Int8("y", [4], 0.5f, 0), output = b.Tensor("output", ElementType.UInt8, [4], q);
        b.Operator(Schema.Builtin.Reshape, [x], [flat]);
        b.Operator(Schema.Builtin.Quantize, [flat], [inside]);
        b.Operator(Schema.Builtin.Relu, [inside], [y]);
        b.Operator(Schema.Builtin.Quantize, [y], [output]);
        b.Ports([x], [output]);
        Graphs.AssertKeeps(RebaseUInt8.Run, Agreement.Import(b.Build()));
    }

    [Fact]
    public void Cast_sees_the_numbers_of_the_file()
    {
        var b = new TfliteBuilder();
        Quantization q = TfliteBuilder.Quantized(0.5f, 128);
        int x = b.Tensor("input", ElementType.UInt8, [4], q), y = b.Tensor("y", ElementType.UInt8, [4], q), z = b.Tensor("output", ElementType.Float32, [4]);
        b.Operator(Schema.Builtin.Relu, [x], [y]);
        b.Operator(Schema.Builtin.Cast, [y], [z]);
        b.Ports([x], [z]);
        Graph graph = Agreement.Import(b.Build());
        byte[][] input = [[0, 100, 128, 255]];
        float[] expected = [128, 128, 128, 255];
        Assert.Equal(expected, Engines.Reference(graph, input).Floats(z));
        Assert.Equal(expected, Engines.Reference(RebaseUInt8.Run(graph), input).Floats(z));
    }

    // Scaled by the output's 1/256 or 1/128, rounded, moved by the zero point and clamped; where rounding hangs on the last bits, nothing is expected.
    [Theory]
    [InlineData("LOGISTIC", 0.06f, 130)]
    [InlineData("TANH", 0.05f, 100)]
    public void Functions_of_uint8_are_rounded_once(string function, float scale, int zeroPoint)
    {
        bool isTanh = function == "TANH";
        var b = new TfliteBuilder();
        int x = b.Tensor("input", ElementType.UInt8, [256], TfliteBuilder.Quantized(scale, zeroPoint));
        int y = b.Tensor("output", ElementType.UInt8, [256], isTanh ? TfliteBuilder.Quantized(1f / 128, 128) : TfliteBuilder.Quantized(1f / 256, 0));
        b.Operator(isTanh ? Schema.Builtin.Tanh : Schema.Builtin.Logistic, [x], [y]);
        b.Ports([x], [y]);
        Graph graph = Agreement.Import(b.Build());
        byte[] input = [.. Enumerable.Range(0, 256).Select(i => (byte)i)], stored = Engines.Reference(graph, [input]).Bytes(y), rebased = Engines.Reference(RebaseUInt8.Run(graph), [input]).Bytes(y);
        for (int q = 0; q < 256; q++)
        {
            double real = scale * (q - zeroPoint), place = isTanh ? (128 * Math.Tanh(real)) + 128 : 256 / (1 + Math.Exp(-real));
            if (Math.Abs(place - Math.Floor(place) - 0.5) < 1e-3) continue;
            Assert.Equal((byte)Math.Clamp(Math.Round(place), 0, 255), stored[q]);
            Assert.Equal(stored[q], rebased[q]);
        }
    }

    // As TFLite does it, in float: 2 · (q − 100) + 50, and (q − 100) / 2 + 50 with halves away from 0;
    // with 0.6 what would be −47.5, −42.5 and −37.5 without its rounding is a little more in codes of the file, and not in codes less 127.
    [Theory]
    [InlineData(0.25f, 50, new byte[] { 10, 76, 120, 255 }, new byte[] { 0, 2, 90, 255 })]
    [InlineData(1f, 50, new byte[] { 99, 100, 101, 103 }, new byte[] { 49, 50, 51, 52 })]
    [InlineData(0.5f, 100, new byte[] { 0, 99, 255 }, new byte[] { 0, 99, 255 })]
    [InlineData(0.6f, 50, new byte[] { 43, 49, 55, 100 }, new byte[] { 3, 8, 13, 50 })]
    public void Inputs_of_a_concatenation_are_requantised(float scale, int zeroPoint, byte[] input, byte[] expected)
    {
        var b = new TfliteBuilder();
        int x = b.Tensor("input", ElementType.UInt8, [input.Length], TfliteBuilder.Quantized(0.5f, 100));
        int z = b.Tensor("other", ElementType.UInt8, [1], TfliteBuilder.Quantized(scale, zeroPoint), [7]);
        int y = b.Tensor("output", ElementType.UInt8, [1 + input.Length], TfliteBuilder.Quantized(scale, zeroPoint));
        b.Operator(Schema.Builtin.Concatenation, [z, x], [y]);
        b.Ports([x], [y]);
        Graph graph = Agreement.Import(b.Build());
        Assert.Equal([7, .. expected], Engines.Reference(graph, [input]).Bytes(y));
        Assert.Equal([7, .. expected], Engines.Reference(RebaseUInt8.Run(graph), [input]).Bytes(y));
    }

    private static ElementType Type(string name) => Enum.Parse<ElementType>(name);

    private static TfliteBuilder Unary(int builtin, ElementType type, int zeroPoint)
    {
        var b = new TfliteBuilder();
        Quantization q = TfliteBuilder.Quantized(0.5f, zeroPoint);
        int x = b.Tensor("input", type, [1, 4], q), y = b.Tensor("output", type, [1, 4], q);
        b.Operator(builtin, [x], [y]);
        b.Ports([x], [y]);
        return b;
    }

    // One pixel, one channel, one tap; the filter is tensor 1.
    private static TfliteBuilder Convolution(int builtin, ElementType type, int zeroPoint, ElementType filter, int filterZeroPoint, ElementType bias)
    {
        var b = new TfliteBuilder();
        int x = b.Tensor("input", type, [1, 1, 1, 1], TfliteBuilder.Quantized(0.5f, zeroPoint));
        int w = b.Tensor("filter", filter, [1, 1, 1, 1], TfliteBuilder.Quantized(0.5f, filterZeroPoint), [77]);
        int start = b.Tensor("bias", bias, [1], null, new byte[bias.Size()]);
        int y = b.Tensor("output", type, [1, 1, 1, 1], TfliteBuilder.Quantized(0.5f, type == ElementType.Int16 ? 0 : 9));
        FlatValue one = FlatValue.Int32(1);
        if (builtin == Schema.Builtin.Conv2D) b.Operator(builtin, [x, w, start], [y], (1, one), (2, one));
        else b.Operator(builtin, [x, w, start], [y], (1, one), (2, one), (3, one));
        b.Ports([x], [y]);
        return b;
    }

    private static string[] Problems(TfliteBuilder b) => [.. Run(b).Problems.Select(problem => problem.Message)];

    private static CompiledModel Compile(TfliteBuilder b)
    {
        CompiledModel model = Run(b);
        Assert.True(model.Succeeded, string.Join("\n", model.Problems));
        return model;
    }

    private static CompiledModel Run(TfliteBuilder b) =>
        Compiler.Compile(new ModelFile("model.tflite", b.Build()), new CompileOptions { ClassName = "Model" }, CancellationToken.None);
}
