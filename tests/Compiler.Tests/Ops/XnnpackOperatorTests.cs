using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Passes;

namespace Etch.Tests;

/// <summary>Operators under XNNPACK's arithmetic. That it is XNNPACK's the recordings of whole models show (XnnpackTests of EndToEnd.Tests).</summary>
public sealed class XnnpackOperatorTests
{
    private const int Cases = 40;

    public static TheoryData<string> Operators() =>
    [
        "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "FULLY_CONNECTED with int4 filter", "TRANSPOSE_CONV", "BATCH_MATMUL", "ADD", "SUB", "MUL", "QUANTIZE",
        "DEQUANTIZE", "LEAKY_RELU", "LOGISTIC", "TANH", "ELU", "MEAN", "SUM", "RESIZE_BILINEAR", "SOFTMAX", "MAX_POOL_2D", "AVERAGE_POOL_2D", "RELU6", "HARD_SWISH",
        "UNIDIRECTIONAL_SEQUENCE_LSTM of TFLite",
    ];

    [Theory]
    [MemberData(nameof(Operators))]
    public void Emitted_code_agrees_with_the_reference(string op)
    {
        byte[][] files = [.. PropertyCases.Files(op).Take(Cases)];
        (int Case, string Engine, CompiledModel Model)[] Models(Func<CompileOptions, CompileOptions> options, string engine, int variant) =>
            [.. files.Select((file, i) => (i, engine, Agreement.Compile(op.Replace(' ', '_'), file, i, variant, o => options(o) with { Numerics = Numerics.Xnnpack })))];

        Agreement.Compare(
            op, files,
            [.. Models(o => o, "Auto", 0), .. Models(o => o with { KeepTensors = true }, "every tensor kept", 1), .. Models(o => o with { Vectors = false }, "scalar", 3)],
            isChecked: false, Numerics.Xnnpack);
        Agreement.Compare(op, files, Models(o => o with { CheckOverflow = true }, "with overflow checks", 2), isChecked: true, Numerics.Xnnpack);
    }

    // A bias of 2^30 leaves the vector kernels no room for doubled sums. The scale makes it 16.5, so that the outputs depend on the inputs.
    [Theory]
    [InlineData(1000, 1f, true)]
    [InlineData(1 << 30, (1 << 27) / 16.5f, false)]
    public void Layers_have_vector_kernels_as_far_as_their_sums_are_below_2_to_the_30(int bias, float scale, bool isVectorised)
    {
        var b = new TfliteBuilder();
        int x = b.Int8("x", [1, 8], 0.5f, 3), w = b.Int8("w", [4, 8], 0.25f, 0, [.. Enumerable.Range(-16, 32).Select(i => (byte)i)]);
        int start = b.Int32("bias", bias, -bias, 0, 1), y = b.Int8("y", [1, 4], scale, 0);
        b.Operator(Etch.Tflite.Schema.Builtin.FullyConnected, [x, w, start], [y]);
        b.Ports([x], [y]);
        CompiledModel model = Agreement.Compile("Dense", b.Build(), 0, 0, o => o with { Numerics = Numerics.Xnnpack });
        Assert.Equal(isVectorised, LayersWriter.Write(model).Contains("VectorKernels.Convolve(", System.StringComparison.Ordinal));
        Agreement.Compare("Dense", [b.Build()], [(0, "Auto", model)], isChecked: false, Numerics.Xnnpack);
    }

    // XNNPACK's README and qs8 microkernels: f32(acc) · f32(f32(s_in · s_w) / s_out), to the nearest even.
    [Theory]
    [InlineData(5, 0.5f, 2)]
    [InlineData(7, 0.5f, 4)]
    [InlineData(-5, 0.5f, -2)]
    [InlineData(-7, 0.5f, -4)]
    [InlineData(16_777_217, 0.25f, 4_194_304)]
    [InlineData(int.MaxValue, 255f, 1 << 30)]
    [InlineData(int.MinValue, 255f, -(1 << 30))]
    public void A_sum_is_scaled_in_single_precision_and_rounded_to_even(int acc, float scale, int expected)
    {
        Assert.Equal(expected, FixedPoint.MultiplyAndRound(acc, scale));
        Assert.Equal(expected, Multiplier.OfSingle(scale).Apply(acc));
    }

    // The input gate is open in the first step and fills the hidden state. In the second its sums are −65024 of the input, −32768 once clamped, and 40000 of the
    // hidden state, which only TensorFlow Lite Micro clamps: 7232 or −1 in Q3.12, so that the cell is sigmoid(7232 / 4096) = 0.854 or a half.
    [Theory]
    [InlineData(false, 0.5)]
    [InlineData(true, 0.854)]
    public void The_recurrent_sum_of_a_gate_is_added_before_it_is_clamped(bool isXnnpack, double expected)
    {
        Graph graph = Agreement.Import(Recurrent(12));
        if (isXnnpack) graph = MarkForXnnpack.Run(graph);
        int cell = Enumerable.Range(0, graph.Tensors.Count).Single(id => graph[id].Name == "cell");
        Assert.Equal(expected, Engines.Reference(graph, [[127, 128]]).Integers(cell)[0] / 4096.0, 2e-3);
    }

    // TFLite leaves the output unwritten where the cell has more than 15 fraction bits.
    [Theory]
    [InlineData(15, true, true)]
    [InlineData(16, true, false)]
    [InlineData(16, false, true)]
    public void Cell_states_have_the_scales_that_TFLite_computes_with(int bits, bool isXnnpack, bool isTaken)
    {
        var options = new CompileOptions { ClassName = "Cell", Numerics = isXnnpack ? Numerics.Xnnpack : Numerics.TfliteReference };
        CompiledModel model = Compiler.Compile(new ModelFile("cell.tflite", Recurrent(bits)), options, default);
        Assert.Equal(isTaken, model.Succeeded);
        if (!isTaken) Assert.Contains("a power of two from 2^-15 to 2^-9", Assert.Single(model.Problems).ToString(), StringComparison.Ordinal);
    }

    // One unit, two steps of one input; candidates and output gate are nearly 1, the forget gate is nearly 0.
    private static byte[] Recurrent(int cellBits)
    {
        var b = new TfliteBuilder();
        int x = b.Int8("input", [1, 2, 1], 1, 0);
        int Weights(float scale, sbyte value) => b.Int8("w", [1, 1], scale, 0, [(byte)value]);
        int[] input = [Weights(1f / 1024, 127), .. Enumerable.Range(0, 3).Select(_ => Weights(1f / 1024, 0))];
        int[] recurrent = [Weights(40000f / (127 * 127 * 16), 127), .. Enumerable.Range(0, 3).Select(_ => Weights(1, 0))];
        int[] biases = [b.Int32("bias", 0), b.Int32("bias", -8000), b.Int32("bias", 8000), b.Int32("bias", 8000)];
        Quantization hidden = TfliteBuilder.Quantized(1f / 256, 0);
        int h = b.Variable("hidden", ElementType.Int8, [1, 1], hidden);
        int c = b.Variable("cell", ElementType.Int16, [1, 1], TfliteBuilder.Quantized((float)Math.Pow(2, -cellBits), 0));
        int y = b.Tensor("output", ElementType.Int8, [1, 2, 1], hidden);
        b.Operator(
            Etch.Tflite.Schema.Builtin.UnidirectionalSequenceLstm, [x, .. input, .. recurrent, -1, -1, -1, .. biases, -1, -1, h, c], [y],
            (0, FlatValue.Int32(4)), (1, FlatValue.Float(0)), (3, FlatValue.Int32(0)));
        b.Ports([x], [y]);
        return b.Build();
    }

    // −16.5: TFLite rounds away from zero, XNNPACK up; beyond its ranges of scales TFLite's arithmetic stays.
    [Fact]
    public void Ties_and_ranges_decide_as_documented()
    {
        byte[] Quantize(float from, float to)
        {
            var b = new TfliteBuilder();
            int x = b.Int8("x", [256], from, 0), y = b.Int8("y", [256], to, 0);
            b.Operator(Etch.Tflite.Schema.Builtin.Quantize, [x], [y]);
            b.Ports([x], [y]);
            return b.Build();
        }

        int At(byte[] file, Numerics numerics, int x)
        {
            Graph graph = Agreement.Import(file);
            if (numerics == Numerics.Xnnpack) graph = MarkForXnnpack.Run(graph);
            byte[] all = [.. Enumerable.Range(0, 256).Select(i => (byte)(i - 128))];
            Values values = Engines.Reference(graph, [all]);
            return values.Integers(graph.Outputs[0])[x + 128];
        }

        Assert.Equal(-17, At(Quantize(0.25f, 1), Numerics.TfliteReference, -66));
        Assert.Equal(-16, At(Quantize(0.25f, 1), Numerics.Xnnpack, -66));
        Assert.Equal(At(Quantize(0.001f, 1), Numerics.TfliteReference, 127), At(Quantize(0.001f, 1), Numerics.Xnnpack, 127));
    }
}
