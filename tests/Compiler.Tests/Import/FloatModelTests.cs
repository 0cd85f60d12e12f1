using System;
using System.Threading;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Models that are not quantised get one message, whatever else they have; a float tail is no such model.</summary>
public sealed class FloatModelTests
{
    private const int Float16 = 1;

    [Fact]
    public void Float_weights() => Assert.StartsWith(
        "the model is not quantised: all 2 operators with weights compute in float32 with float32 weights; convert it", Only(b => Layers(b, ElementType.Float32)));

    [Fact]
    public void Dynamic_range() => Assert.StartsWith(
        "the model is quantised for its weights only (dynamic range): all 2 operators with weights compute in float32 with int8 weights; convert it",
        Only(b => Layers(b, ElementType.Int8)));

    [Fact]
    public void Half_precision() => Assert.StartsWith(
        "the model is quantised to float16 only: its operator with weights computes in float32 with float16 weights; convert it", Only(b =>
        {
            int stored = b.Tensor("half", Float16, [3, 4], null, b.Buffer(FlatValue.Table((Schema.Buffer.Data, FlatValue.Bytes(new byte[24])))));
            int filter = b.Tensor("filter", ElementType.Float32, [3, 4]);
            int x = b.Tensor("input", ElementType.Float32, [1, 4]), y = b.Tensor("output", ElementType.Float32, [1, 3]);
            b.Operator(Schema.Builtin.Dequantize, [stored], [filter]);
            b.Operator(Schema.Builtin.FullyConnected, [x, filter], [y]);
            b.Ports([x], [y]);
        }));

    [Fact]
    public void A_float_tail_is_none_of_them()
    {
        var b = new TfliteBuilder();
        int x = b.Int8("input", [1, 4], 0.5f, 0), y = b.Int8("logits", [1, 3], 0.5f, 0);
        int filter = b.Int8("filter", [3, 4], 0.5f, 0, new byte[12]);
        int real = b.Tensor("real", ElementType.Float32, [1, 3]), output = b.Tensor("output", ElementType.Float32, [1, 3]);
        b.Operator(Schema.Builtin.FullyConnected, [x, filter], [y]);
        b.Operator(Schema.Builtin.Dequantize, [y], [real]);
        b.Operator(Schema.Builtin.Softmax, [real], [output], (0, FlatValue.Float(1)));
        b.Ports([x], [output]);
        Assert.True(Compile(b).Succeeded);
    }

    [Fact]
    public void One_float_layer_among_quantised_ones_is_reported_itself()
    {
        var b = new TfliteBuilder();
        int x = b.Int8("input", [1, 4], 0.5f, 0), y = b.Int8("logits", [1, 4], 0.5f, 0);
        int filter = b.Int8("filter", [4, 4], 0.5f, 0, new byte[16]);
        int real = b.Tensor("real", ElementType.Float32, [1, 4]), output = b.Tensor("output", ElementType.Float32, [1, 4]);
        b.Operator(Schema.Builtin.FullyConnected, [x, filter], [y]);
        b.Operator(Schema.Builtin.Dequantize, [y], [real]);
        b.Operator(Schema.Builtin.FullyConnected, [real, filter], [output]);
        b.Ports([x], [output]);
        Problem problem = Assert.Single(Compile(b).Problems);
        Assert.Equal("ETCH103", problem.Id);
        Assert.StartsWith("output: FULLY_CONNECTED needs input 0 as int8 or uint8 or int16, and it is float32", problem.Message);
    }

    // Two layers and an operator that nobody knows: it is not mentioned.
    private static void Layers(TfliteBuilder b, ElementType weights)
    {
        int x = b.Tensor("input", ElementType.Float32, [1, 4]), hidden = b.Tensor("hidden", ElementType.Float32, [1, 4]), y = b.Tensor("output", ElementType.Float32, [1, 4]);
        int z = b.Tensor("unknown", ElementType.Float32, [1, 4]);
        Quantization? q = weights == ElementType.Int8 ? TfliteBuilder.Quantized(0.5f, 0) : null;
        int filter = b.Tensor("filter", weights, [4, 4], q, new byte[16 * weights.Size()]);
        b.Operator(Schema.Builtin.FullyConnected, [x, filter], [hidden]);
        b.Operator(Schema.Builtin.FullyConnected, [hidden, filter], [y]);
        b.Operator(125, [y], [z]);
        b.Ports([x], [z]);
    }

    private static string Only(Action<TfliteBuilder> build)
    {
        var b = new TfliteBuilder();
        build(b);
        CompiledModel model = Compile(b);
        Problem problem = Assert.Single(model.Problems);
        Assert.Equal("ETCH106", problem.Id);
        return problem.Message;
    }

    private static CompiledModel Compile(TfliteBuilder b) =>
        Compiler.Compile(new ModelFile("model.tflite", b.Build()), new CompileOptions { ClassName = "Model" }, CancellationToken.None);
}
