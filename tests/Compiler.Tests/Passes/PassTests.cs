using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Ops;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Each pass by itself: the graph before and after, and the cases that it must leave alone.</summary>
public sealed class PassTests
{
    private static readonly (int, FlatValue)[] Valid3X3Pool =
        [(0, FlatValue.Int32(1)), (1, FlatValue.Int32(1)), (2, FlatValue.Int32(1)), (3, FlatValue.Int32(3)), (4, FlatValue.Int32(3))];

    private static readonly (int, FlatValue)[] ValidConvolution = [(0, FlatValue.Int32(1)), (1, FlatValue.Int32(1)), (2, FlatValue.Int32(1))];

    [Fact]
    public void FoldConstants_computes_what_depends_on_constants_alone()
    {
        Graph graph = Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 4], 0.5f, 0), c = b.Int8("c", [1, 4], 0.5f, 0, [1, 2, 3, 4]);
            int sum = b.Int8("sum", [1, 4], 1, 0), twice = b.Int8("twice", [1, 4], 1, 0), y = b.Int8("y", [1, 4], 1, 0);
            b.Operator(Schema.Builtin.Add, [c, c], [sum]);
            b.Operator(Schema.Builtin.Add, [sum, sum], [twice]);
            b.Operator(Schema.Builtin.Add, [x, twice], [y]);
            b.Ports([x], [y]);
        });
        Graphs.AssertRewrites(
            Fold, graph,
            "inputs %0\n%2 = ADD(%1, %1)\n%3 = ADD(%2, %2)\n%4 = ADD(%0, %3)\noutputs %4",
            "inputs %0\n%4 = ADD(%0, %3)\noutputs %4");

        // 1 + 1 halves are 1, and 1 + 1 are 2.
        Assert.Equal([2, 4, 6, 8], Fold(graph)[3].Integers());
    }

    [Fact]
    public void FoldConstants_leaves_what_depends_on_the_input() => Graphs.AssertKeeps(Fold, Graphs.Of(b =>
    {
        int x = b.Int8("x", [1, 4], 0.5f, 0), c = b.Int8("c", [1, 4], 0.5f, 0, [1, 2, 3, 4]), y = b.Int8("y", [1, 4], 1, 0);
        b.Operator(Schema.Builtin.Add, [x, c], [y]);
        b.Ports([x], [y]);
    }));

    [Fact]
    public void DropUnread_drops_chains_that_lead_nowhere() => Graphs.AssertRewrites(
        Passes.DropUnread.Run,
        Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 4], 1, 0), y = b.Int8("y", [1, 4], 1, 0), u = b.Int8("u", [1, 4], 1, 0), v = b.Int8("v", [1, 4], 1, 0);
            b.Operator(Schema.Builtin.Relu, [x], [u]);
            b.Operator(Schema.Builtin.Relu, [x], [y]);
            b.Operator(Schema.Builtin.Add, [u, y], [v]);
            b.Ports([x], [y]);
        }),
        "inputs %0\n%2 = RELU(%0)\n%1 = RELU(%0)\n%3 = ADD(%2, %1)\noutputs %1",
        "inputs %0\n%1 = RELU(%0)\noutputs %1");

    [Fact]
    public void DropUnread_keeps_an_output_that_is_read_as_well() => Graphs.AssertKeeps(Passes.DropUnread.Run, Graphs.Of(b =>
    {
        int x = b.Int8("x", [1, 4], 1, 0), y = b.Int8("y", [1, 4], 1, 0), z = b.Int8("z", [1, 4], 1, 0);
        b.Operator(Schema.Builtin.Relu, [x], [y]);
        b.Operator(Schema.Builtin.Relu, [y], [z]);
        b.Ports([x], [z, y]);
    }));

    [Fact]
    public void DropUnread_keeps_what_a_second_input_reads() => Graphs.AssertKeeps(Passes.DropUnread.Run, Graphs.Of(b =>
    {
        int x = b.Int8("x", [1, 4], 1, 0), y = b.Int8("y", [1, 4], 1, 0), z = b.Int8("z", [1, 4], 1, 0);
        b.Operator(Schema.Builtin.Relu, [x], [y]);
        b.Operator(Schema.Builtin.Add, [x, y], [z]);
        b.Ports([x], [z]);
    }));

    [Fact]
    public void FusePad_gives_the_padding_to_every_convolution_that_reads_it()
    {
        Graph graph = Padded(readers: [Schema.Builtin.Conv2D, Schema.Builtin.DepthwiseConv2D]);
        Graphs.AssertRewrites(
            Passes.FusePad.Run, graph,
            "inputs %0\n%2 = PAD(%0, %1)\n%4 = CONV_2D(%2, %3)\n%6 = DEPTHWISE_CONV_2D(%2, %5)\noutputs %4, %6",
            "inputs %0\n%4 = CONV_2D(%0, %3)\n%6 = DEPTHWISE_CONV_2D(%0, %5)\noutputs %4, %6");
        Graph fused = Passes.FusePad.Run(graph);
        Assert.Equal((1, 2, 3, 4), fused.Ops.OfType<Conv2D>().Single().Options.Padding.Extra);
        Assert.Equal((1, 2, 3, 4), fused.Ops.OfType<DepthwiseConv2D>().Single().Options.Padding.Extra);
    }

    [Fact]
    public void FusePad_leaves_a_pad_that_a_pool_reads() =>
        Graphs.AssertKeeps(Passes.FusePad.Run, Padded(readers: [Schema.Builtin.Conv2D, Schema.Builtin.MaxPool2D]));

    [Fact]
    public void FusePad_leaves_a_pad_that_the_caller_reads() =>
        Graphs.AssertKeeps(Passes.FusePad.Run, Padded(readers: [Schema.Builtin.Conv2D], isOutput: true));

    [Fact]
    public void FusePad_leaves_a_pad_of_channels() =>
        Graphs.AssertKeeps(Passes.FusePad.Run, Padded(readers: [Schema.Builtin.Conv2D], channels: 1));

    [Theory]
    [InlineData(Schema.Builtin.Relu, "RELU", Activation.Relu)]
    [InlineData(Schema.Builtin.Relu6, "RELU6", Activation.Relu6)]
    public void FuseActivation_makes_a_clamp_of_its_producer(int builtin, string name, object activation)
    {
        Graph graph = Activated(builtin);
        Graphs.AssertRewrites(
            Passes.FuseActivation.Run, graph,
            $"inputs %0\n%2 = FULLY_CONNECTED(%0, %1)\n%3 = {name}(%2)\noutputs %3",
            "inputs %0\n%3 = FULLY_CONNECTED(%0, %1)\noutputs %3");
        Assert.Equal((Activation)activation, ((FullyConnected)Passes.FuseActivation.Run(graph).Ops[0]).Activation);
    }

    [Fact]
    public void FuseActivation_leaves_other_quantisation() => Graphs.AssertKeeps(Passes.FuseActivation.Run, Activated(Schema.Builtin.Relu, scale: 0.25f));

    [Fact]
    public void FuseActivation_leaves_other_quantisation_of_int16() => Graphs.AssertKeeps(Passes.FuseActivation.Run, Graphs.Of(b =>
    {
        Quantization Of(float scale) => TfliteBuilder.Quantized(scale, 0);
        int x = b.Tensor("x", ElementType.Int16, [1, 4], Of(1)), filter = b.Int8("filter", [4, 4], 1, 0, new byte[16]);
        int sum = b.Tensor("sum", ElementType.Int16, [1, 4], Of(0.5f)), y = b.Tensor("y", ElementType.Int16, [1, 4], Of(0.25f));
        b.Operator(Schema.Builtin.FullyConnected, [x, filter], [sum], (0, FlatValue.Int32(0)));
        b.Operator(Schema.Builtin.Relu, [sum], [y]);
        b.Ports([x], [y]);
    }));

    [Fact]
    public void FuseActivation_leaves_another_zero_point() => Graphs.AssertKeeps(Passes.FuseActivation.Run, Activated(Schema.Builtin.Relu, zeroPoint: 1));

    [Fact]
    public void FuseActivation_leaves_a_tensor_that_is_read_twice() => Graphs.AssertKeeps(Passes.FuseActivation.Run, Activated(Schema.Builtin.Relu, isReadTwice: true));

    [Fact]
    public void FuseActivation_leaves_a_tensor_that_the_caller_reads() => Graphs.AssertKeeps(Passes.FuseActivation.Run, Activated(Schema.Builtin.Relu, isOutput: true));

    [Theory]
    [InlineData(Schema.Builtin.Relu6, 1, Activation.Relu6)]
    [InlineData(Schema.Builtin.Relu, 3, Activation.Relu6)]
    [InlineData(Schema.Builtin.Relu6, 3, Activation.Relu6)]
    public void FuseActivation_adds_to_a_producer_that_clamps_already(int builtin, int activation, object both) =>
        Assert.Equal((Activation)both, ((FullyConnected)Assert.Single(Passes.FuseActivation.Run(Activated(builtin, activation: activation)).Ops)).Activation);

    // From 0 to 1 is no activation.
    [Fact]
    public void FuseActivation_leaves_a_producer_that_clamps_otherwise() => Graphs.AssertKeeps(Passes.FuseActivation.Run, Activated(Schema.Builtin.Relu, activation: 2));

    [Fact]
    public void TabulateUnary_makes_a_table_of_every_result()
    {
        Graph graph = Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 4], 0.1f, 0), y = b.Int8("y", [1, 4], 1f / 256, -128), z = b.Int8("z", [1, 4], 1, 0);
            b.Operator(Schema.Builtin.Logistic, [x], [y]);
            b.Operator(Schema.Builtin.Add, [y, b.Int8("c", [4], 1, 0, [1, 2, 3, 4])], [z]);
            b.Ports([x], [z]);
        });
        Graph tabulated = Passes.TabulateUnary.Run(graph);
        var table = Assert.IsType<Lookup>(tabulated.Ops[0]);
        Assert.Equal(256, table.Results.Count);
        Assert.Equal(0, table.Results[128]); // 1 / (1 + e^0) is 1/2: 128 steps above -128
        Assert.Equal([.. table.Results.Order()], table.Results.ToArray());
        Assert.IsType<Add>(tabulated.Ops[1]);
    }

    [Fact]
    public void TabulateUnary_leaves_floats() => Assert.IsType<QuantizeOp>(Passes.TabulateUnary.Run(Graphs.Of(b =>
    {
        int x = b.Tensor("x", ElementType.Float32, [1, 4]), y = b.Int8("y", [1, 4], 1, 0);
        b.Operator(Schema.Builtin.Quantize, [x], [y]);
        b.Ports([x], [y]);
    })).Ops[0]);

    [Fact]
    public void RemoveViews_renames_bytes_through_chains()
    {
        Graph graph = Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 4], 1, 0), r = b.Int8("r", [1, 4], 1, 0), v = b.Int8("v", [4], 1, 0), w = b.Int8("w", [2, 2], 1, 0), y = b.Int8("y", [2, 2], 1, 0);
            b.Operator(Schema.Builtin.Relu, [x], [r]);
            b.Operator(Schema.Builtin.Reshape, [r], [v]);
            b.Operator(Schema.Builtin.Squeeze, [v], [w]);
            b.Operator(Schema.Builtin.Relu, [w], [y]);
            b.Ports([x], [y]);
        });
        Graphs.AssertRewrites(
            Passes.RemoveViews.Run, graph,
            "inputs %0\n%1 = RELU(%0)\n%2 = RESHAPE(%1)\n%3 = SQUEEZE(%2)\n%4 = RELU(%3)\noutputs %4",
            "inputs %0\n%1 = RELU(%0)\n%4 = RELU(%3)\noutputs %4");
        Assert.Equal(1, Passes.RemoveViews.Run(graph).Root(3));
    }

    [Fact]
    public void RemoveViews_copies_between_two_tensors_of_the_caller() => Graphs.AssertKeeps(Passes.RemoveViews.Run, Graphs.Of(b =>
    {
        int x = b.Int8("x", [1, 4], 1, 0), y = b.Int8("y", [4], 1, 0);
        b.Operator(Schema.Builtin.Reshape, [x], [y]);
        b.Ports([x], [y]);
    }));

    [Fact]
    public void RemoveViews_copies_the_second_of_two_outputs_of_the_same_bytes() => Graphs.AssertRewrites(
        Passes.RemoveViews.Run,
        Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 4], 1, 0), r = b.Int8("r", [1, 4], 1, 0), y = b.Int8("y", [4], 1, 0), z = b.Int8("z", [2, 2], 1, 0);
            b.Operator(Schema.Builtin.Relu, [x], [r]);
            b.Operator(Schema.Builtin.Reshape, [r], [y]);
            b.Operator(Schema.Builtin.Reshape, [r], [z]);
            b.Ports([x], [y, z]);
        }),
        "inputs %0\n%1 = RELU(%0)\n%2 = RESHAPE(%1)\n%3 = RESHAPE(%1)\noutputs %2, %3",
        "inputs %0\n%1 = RELU(%0)\n%3 = RESHAPE(%1)\noutputs %2, %3");

    private static Graph Fold(Graph graph) => Passes.FoldConstants.Run(graph, new Problems());

    // Input 0, paddings 1, the padded image 2, then a filter where there is one and the output of each reader.
    private static Graph Padded(int[] readers, bool isOutput = false, int channels = 0) => Graphs.Of(b =>
    {
        int x = b.Int8("x", [1, 4, 4, 2], 1, 7);
        int paddings = b.Tensor("paddings", ElementType.Int32, [4, 2], null, Values.Bytes(ElementType.Int32, new[] { 0, 0, 1, 2, 3, 4, 0, channels }));
        int padded = b.Int8("padded", [1, 7, 11, 2 + channels], 1, 7);
        b.Operator(Schema.Builtin.Pad, [x, paddings], [padded]);
        int[] outputs =
        [
            .. readers.Select(reader =>
            {
                int depth = 2 + channels;
                bool isPool = reader == Schema.Builtin.MaxPool2D;
                int filter = isPool ? -1 : b.Int8("filter", reader == Schema.Builtin.Conv2D ? [depth, 3, 3, depth] : [1, 3, 3, depth], 1, 0, new byte[9 * depth * (reader == Schema.Builtin.Conv2D ? depth : 1)]);
                int y = b.Int8("y", [1, 5, 9, depth], 1, 7);
                b.Operator(reader, isPool ? [padded] : [padded, filter], [y], isPool ? Valid3X3Pool : ValidConvolution);
                return y;
            }),
        ];
        b.Ports([x], isOutput ? [.. outputs, padded] : outputs);
    });

    // Input 0, filter 1, the sums 2, the activated sums 3.
    private static Graph Activated(
        int builtin, float scale = 0.5f, int zeroPoint = 0, bool isReadTwice = false, bool isOutput = false, int activation = 0) => Graphs.Of(b =>
    {
        int x = b.Int8("x", [1, 4], 1, 0), filter = b.Int8("filter", [4, 4], 1, 0, new byte[16]);
        int sum = b.Int8("sum", [1, 4], 0.5f, 0), y = b.Int8("y", [1, 4], scale, zeroPoint);
        b.Operator(Schema.Builtin.FullyConnected, [x, filter], [sum], (0, FlatValue.Int32(activation)));
        b.Operator(builtin, [sum], [y]);
        int other = isReadTwice ? b.Int8("other", [1, 4], 1, 0) : -1;
        if (isReadTwice) b.Operator(Schema.Builtin.Relu, [sum], [other]);
        b.Ports([x], isReadTwice ? [y, other] : isOutput ? [y, sum] : [y]);
    });
}
