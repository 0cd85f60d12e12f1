using System;
using System.Linq;
using System.Threading;
using Etch.Emit;
using Etch.Ir;
using Etch.Passes;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Channels that go, channels that stay, and outputs that never change.</summary>
public sealed class ConstantChannelsTests
{
    [Fact]
    public void A_channel_of_zeros_moves_into_the_bias_of_a_pointwise_reader()
    {
        Graph after = Run(Chain(size: 1, constant: 9));
        Assert.Equal([1, 4, 4, 2], after[Hidden].Shape);
        Assert.Equal([2, 1, 1, 2], after[after.Ops[1].Inputs[1]].Shape);

        // What the channel stores, (9 − 3) · weight, on top of the bias.
        Assert.Equal([100 + (6 * 5), 200 + (6 * -7)], after[after.Ops[1].Inputs[2]].Integers());
    }

    [Fact]
    public void A_constant_channel_stays_where_a_padded_window_sees_another_number_beside_it() =>
        AssertKeeps(Chain(size: 3, constant: 9));

    [Fact]
    public void A_constant_channel_goes_where_it_is_what_lies_outside_the_image() =>
        Assert.Equal([1, 4, 4, 2], Run(Chain(size: 3, constant: 3))[Hidden].Shape);

    [Fact]
    public void A_constant_channel_goes_where_no_window_reaches_outside_the_image() =>
        Assert.Equal([1, 4, 4, 2], Run(Chain(size: 3, constant: 9, isSame: false))[Hidden].Shape);

    [Fact]
    public void A_constant_channel_goes_through_a_depthwise_convolution_that_leaves_it_constant() =>
        Assert.Equal([1, 4, 4, 2], Run(Chain(size: 1, constant: 3, depthwise: 3))[Hidden].Shape);

    // Six of the channels are constant. A vector takes eight, so that a layer of four would have none.
    [Theory]
    [InlineData(10, true, 8)]
    [InlineData(10, false, 4)]
    [InlineData(7, true, 1)]
    [InlineData(17, true, 11)]
    public void A_depthwise_convolution_keeps_the_channels_of_a_vector(int channels, bool hasVectors, int kept)
    {
        Graph after = Run(
            Graphs.Of(b =>
            {
                int x = b.Int8("x", [1, 4, 4, 1], 1, 0), hidden = b.Int8("hidden", [1, 4, 4, channels], 2, 3), deep = b.Int8("deep", [1, 4, 4, channels], 8, 3);
                int filter = b.Int8("filter", [channels, 1, 1, 1], 1, 0, Signed([.. Enumerable.Range(0, channels).Select(c => c < 6 ? 0 : c - 3)]));
                int taps = b.Int8("taps", [1, 3, 3, channels], 1, 0, Signed([.. Enumerable.Range(0, 9 * channels).Select(i => (i % 7) - 3)]));
                int y = b.Int8("y", [1, 4, 4, 2], 64, -5), last = b.Int8("last", [2, 1, 1, channels], 1, 0, Signed([.. Enumerable.Range(1, 2 * channels)]));
                (int, FlatValue)[] window = [(0, FlatValue.Int32(0)), (1, FlatValue.Int32(1)), (2, FlatValue.Int32(1))];
                b.Operator(Schema.Builtin.Conv2D, [x, filter, b.Int32("bias", new int[channels])], [hidden], window);
                b.Operator(Schema.Builtin.DepthwiseConv2D, [hidden, taps], [deep], [.. window, (3, FlatValue.Int32(1))]);
                b.Operator(Schema.Builtin.Conv2D, [deep, last, b.Int32("lastBias", 100, 200)], [y], window);
                b.Ports([x], [y]);
            }),
            hasVectors);
        Assert.All(after.Ops.Take(2), op => Assert.Equal([1, 4, 4, kept], after[op.Outputs[0]].Shape));
    }

    // Zero weights: the depthwise layer writes its bias, whatever comes in.
    [Fact]
    public void A_channel_that_a_depthwise_convolution_ignores_is_not_computed_before_it()
    {
        Graph after = Run(Chain(size: 1, constant: null, depthwise: 3, isIgnored: true));
        Assert.Equal([1, 4, 4, 2], after[Hidden].Shape);
        Assert.Equal([1, 3, 3, 2], after[after.Ops[1].Inputs[1]].Shape);
    }

    [Fact]
    public void A_channel_that_is_clamped_to_one_value_is_constant() => Assert.Equal([1, 4, 4, 2], Run(Chain(size: 1, constant: null, bias: 1 << 20)).Tensors[Hidden].Shape);

    [Fact]
    public void A_channel_that_may_leave_its_clamp_is_not_constant() => AssertKeeps(Chain(size: 1, constant: null, bias: 100));

    [Fact]
    public void A_channel_that_nobody_reads_goes() => Assert.Equal([1, 4, 4, 2], Run(Chain(size: 3, constant: null, isUnread: true))[Hidden].Shape);

    [Fact]
    public void The_callers_channels_stay() => AssertKeeps(Chain(size: 1, constant: 9, isOutput: true));

    [Fact]
    public void An_added_channel_stays_when_only_one_of_the_terms_is_constant() => AssertKeeps(Sum(isOtherConstant: false));

    [Fact]
    public void An_added_channel_goes_when_both_terms_are_constant()
    {
        Graph after = Run(Sum(isOtherConstant: true));
        Assert.All(after.Ops.Take(3), op => Assert.Equal([1, 2, 2, 2], after[op.Outputs[0]].Shape));
    }

    [Fact]
    public void Channels_go_through_pools_reshapes_and_constants_into_a_dense_layer()
    {
        Graph graph = Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 4, 4, 2], 1, 0), h = b.Int8("h", [1, 4, 4, 3], 1, -3), p = b.Int8("p", [1, 2, 2, 3], 1, -3);
            int filter = b.Int8("f", [3, 1, 1, 2], 1, 0, Signed(1, 2, 0, 0, 3, 4)), s = b.Int8("s", [1, 2, 2, 3], 1, -3), flat = b.Int8("flat", [1, 12], 1, -3);
            int scale = b.Int8("scale", [3], 1, 0, Signed(1, 2, 1)), y = b.Int8("y", [1, 2], 1, 0);
            int dense = b.Int8("d", [2, 12], 1, 0, Signed([.. Enumerable.Range(1, 24)]));
            (int, FlatValue)[] pool = [(0, FlatValue.Int32(1)), (1, FlatValue.Int32(2)), (2, FlatValue.Int32(2)), (3, FlatValue.Int32(2)), (4, FlatValue.Int32(2))];
            b.Operator(Schema.Builtin.Conv2D, [x, filter, b.Int32("b", 0, 7, 0)], [h], (1, FlatValue.Int32(1)), (2, FlatValue.Int32(1)));
            b.Operator(Schema.Builtin.AveragePool2D, [h], [p], pool);
            b.Operator(Schema.Builtin.Mul, [p, scale], [s]);
            b.Operator(Schema.Builtin.Reshape, [s], [flat]);
            b.Operator(Schema.Builtin.FullyConnected, [flat, dense], [y]);
            b.Ports([x], [y]);
        });
        Graph after = Run(graph);
        Assert.Equal(["1, 4, 4, 2", "1, 2, 2, 2", "1, 2, 2, 2", "1, 8", "1, 2"], after.Ops.Select(op => after[op.Outputs[0]].Shape.ToString()));
        Assert.Equal([1, 1], after[after.Ops[2].Inputs[1]].Integers());
        Assert.Equal([1, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19, 21, 22, 24], after[after.Ops[4].Inputs[1]].Integers());
    }

    // With one unit left, the filter would count as quantised per tensor, whose factor is rounded otherwise.
    [Fact]
    public void A_dense_layer_quantised_per_unit_keeps_two_units()
    {
        Graph after = Run(Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 2], 0.1f, 0), h = b.Int8("h", [1, 3], 0.3f, 0), y = b.Int8("y", [1, 2], 0.7f, 0);
            var q = new Quantization(new[] { 0.1f, 0.2f, 0.3f }, new[] { 0, 0, 0 }, 0);
            int filter = b.Tensor("f", ElementType.Int8, [3, 2], q, Signed(0, 0, 3, 5, 0, 0));
            int reader = b.Int8("r", [2, 3], 0.1f, 0, Signed(1, 2, 3, 4, 5, 6));
            b.Operator(Schema.Builtin.FullyConnected, [x, filter], [h]);
            b.Operator(Schema.Builtin.FullyConnected, [h, reader], [y]);
            b.Ports([x], [y]);
        }));
        Assert.Equal([1, 2], after[after.Ops[0].Outputs[0]].Shape);
        Assert.Equal([0.1f, 0.2f], after[after.Ops[0].Inputs[1]].Quantization!.Scales);
    }

    [Fact]
    public void A_graph_of_constant_channels_alone_keeps_one_of_each()
    {
        Graph after = Run(Chain(size: 1, constant: 9, isAllConstant: true));
        Assert.Equal([1, 4, 4, 1], after[Hidden].Shape);
    }

    [Fact]
    public void Every_tensor_of_the_file_is_whole_where_all_are_kept()
    {
        var builder = new TfliteBuilder();
        Build(builder, 1, 9);
        CompiledModel model = Compiler.Compile(new ModelFile("kept.tflite", builder.Build()), new CompileOptions { ClassName = "Kept", KeepTensors = true }, CancellationToken.None);
        Assert.Equal([1, 4, 4, 3], model.Graph[Hidden].Shape);
        Assert.Equal(model.Measures.ChannelsBefore, model.Measures.ChannelsAfter);
    }

    [Fact]
    public void Random_graphs_with_dead_channels_compute_the_same()
    {
        var draw = new Draw(700);
        int dropped = 0;
        for (int run = 0; run < 400; run++)
        {
            Graph graph = TabulateUnary.Run(Agreement.Import(RandomGraphs.Build(draw, plants: true)));
            Graph after = Run(graph);
            if (!ReferenceEquals(graph, after)) dropped++;
        }

        Assert.InRange(dropped, 100, 400);
    }

    [Fact]
    public void Emitted_code_of_random_graphs_with_dead_channels_agrees_with_the_reference()
    {
        var draw = new Draw(701);
        byte[][] files = [.. Enumerable.Range(0, 60).Select(_ => RandomGraphs.Build(draw, plants: true))];
        Agreement.Check("Dead", files, others: 15);
    }

    // The tensor between the two convolutions of Chain.
    private const int Hidden = 1;

    // CONV_2D from 2 to 3 channels, of which channel 1 stores `constant`, then an optional DEPTHWISE, then CONV_2D to 2 channels.
    private static Graph Chain(
        int size, int? constant, bool isSame = true, int depthwise = 0, bool isIgnored = false, int bias = 0, bool isUnread = false, bool isOutput = false,
        bool isAllConstant = false) =>
        Graphs.Of(b => Build(b, size, constant, isSame, depthwise, isIgnored, bias, isUnread, isOutput, isAllConstant));

    private static void Build(
        TfliteBuilder b, int size, int? constant, bool isSame = true, int depthwise = 0, bool isIgnored = false, int bias = 0, bool isUnread = false,
        bool isOutput = false, bool isAllConstant = false)
    {
        int x = b.Int8("x", [1, 4, 4, 2], 1, 0), hidden = b.Int8("hidden", [1, 4, 4, 3], 16, 3);
        int[] weights = constant is null ? [90, 80, -70, 60, 50, -40] : isAllConstant ? [0, 0, 0, 0, 0, 0] : [90, 80, 0, 0, 50, -40];
        int filter = b.Int8("filter", [3, 1, 1, 2], 1, 0, Signed(weights));
        (int, FlatValue)[] Window(bool same, int activation) =>
            [(0, FlatValue.Int32(same ? 0 : 1)), (1, FlatValue.Int32(1)), (2, FlatValue.Int32(1)), (activation, FlatValue.Int32(0))];
        b.Operator(Schema.Builtin.Conv2D, [x, filter, b.Int32("bias", 10, ((constant ?? 3) - 3) * 16 + bias, 20)], [hidden], Window(true, 3));
        int from = hidden;
        if (depthwise > 0)
        {
            from = b.Int8("deep", [1, 4, 4, 3], 16, 3);
            int[] taps = [.. Enumerable.Range(0, 9).SelectMany(tap => new[] { tap + 1, isIgnored ? 0 : tap - 4, 3 - tap })];
            b.Operator(Schema.Builtin.DepthwiseConv2D, [hidden, b.Int8("deepFilter", [1, 3, 3, 3], 1, 0, Signed(taps))], [from], [.. Window(true, 4), (3, FlatValue.Int32(1))]);
        }

        int left = isSame ? 4 : 5 - size, y = b.Int8("y", [1, left, left, 2], 64, -5);
        int[] last = [.. Enumerable.Range(0, 2 * size * size * 3).Select(i => i % 3 == 1 ? (isUnread ? 0 : i < size * size * 3 ? 5 : -7) : i + 1)];
        b.Operator(Schema.Builtin.Conv2D, [from, b.Int8("last", [2, size, size, 3], 1, 0, Signed(last)), b.Int32("lastBias", 100, 200)], [y], Window(isSame, 3));
        b.Ports([x], isOutput ? [y, hidden] : [y]);
    }

    // Two convolutions to three channels, their sum, and a reader; channel 1 of the first is constant.
    private static Graph Sum(bool isOtherConstant) => Graphs.Of(b =>
    {
        int x = b.Int8("x", [1, 2, 2, 2], 1, 0), y = b.Int8("y", [1, 2, 2, 2], 64, 0), sum = b.Int8("sum", [1, 2, 2, 3], 20, 1);
        (int, FlatValue)[] window = [(1, FlatValue.Int32(1)), (2, FlatValue.Int32(1))];
        int[] terms =
        [
            .. new[] { true, isOtherConstant }.Select((isConstant, i) =>
            {
                int term = b.Int8($"term{i}", [1, 2, 2, 3], 16, 3);
                int filter = b.Int8($"filter{i}", [3, 1, 1, 2], 1, 0, Signed(9, -8, isConstant ? 0 : 7, isConstant ? 0 : 6, 5, 4));
                b.Operator(Schema.Builtin.Conv2D, [x, filter, b.Int32($"bias{i}", 10, 200, 20)], [term], window);
                return term;
            }),
        ];
        b.Operator(Schema.Builtin.Add, terms, [sum]);
        b.Operator(Schema.Builtin.Conv2D, [sum, b.Int8("last", [2, 1, 1, 3], 1, 0, Signed(1, 2, 3, 4, 5, 6))], [y], window);
        b.Ports([x], [y]);
    });

    private static void AssertKeeps(Graph graph) => Assert.Same(graph, Run(graph));

    // The pass; the outputs are the same for random inputs and extreme ones, and a second run finds nothing.
    private static Graph Run(Graph graph, bool hasVectors = true)
    {
        Graph after = ConstantChannels.Run(graph, hasVectors);
        Assert.Same(after, ConstantChannels.Run(after, hasVectors));
        var draw = new Draw(77);
        for (int run = 0; run < 4; run++)
        {
            byte[][] inputs = [.. graph.Inputs.Select(id => run < 2 ? draw.Bytes(graph[id].ByteCount) : [.. Enumerable.Repeat((byte)(126 + run - 1), graph[id].ByteCount)])];
            Values before = Engines.Reference(graph, inputs), then = Engines.Reference(after, inputs);
            Assert.All(graph.Outputs, id => Assert.True(before.Bytes(id).AsSpan().SequenceEqual(then.Bytes(id)), $"seed {Draw.Seed}, output {id}\n{graph}{after}"));
        }

        return after;
    }

    private static byte[] Signed(params int[] values) => [.. values.Select(v => unchecked((byte)v))];

    // One channel's factor is 0 in fixed point, another's so small that all its sums give the zero point; their biases are as large as they get.
    [Fact]
    public void Channels_that_store_one_number_leave_the_others_their_vectors()
    {
        const int Units = 12, Depth = 8;
        float[] scales = [.. Enumerable.Repeat(0.01f, Units)];
        (scales[3], scales[7]) = (1e-30f, 1e-7f);
        int[] bias = [.. Enumerable.Range(0, Units)];
        (bias[3], bias[7]) = (int.MaxValue, 1_000_000);
        var b = new TfliteBuilder();
        int x = b.Int8("x", [1, Depth], 0.5f, 3), y = b.Int8("y", [1, Units], 1, -4);
        int w = b.Tensor("w", ElementType.Int8, [Units, Depth], new Quantization(scales, new int[Units], 0), [.. Enumerable.Range(-48, Units * Depth).Select(i => (byte)i)]);
        b.Operator(Schema.Builtin.FullyConnected, [x, w, b.Int32("bias", bias)], [y]);
        b.Ports([x], [y]);
        foreach (bool keepsTensors in new[] { false, true })
        {
            CompiledModel model = Agreement.Compile("Dense", b.Build(), 0, keepsTensors ? 1 : 0, o => o with { KeepTensors = keepsTensors });
            Assert.Contains("VectorKernels.Convolve(", LayersWriter.Write(model));
            Agreement.Compare("Dense", [b.Build()], [(0, "Auto", model)], isChecked: false);
        }
    }
}
