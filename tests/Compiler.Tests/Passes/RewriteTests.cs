using System;
using System.Linq;
using Etch.Ir;
using Etch.Ops;
using Etch.Passes;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>What exporters leave behind, before and after the passes that take it out, and what these must leave alone.</summary>
public sealed class RewriteTests
{
    private static readonly Func<Graph, Graph> Tabulate = graph => TabulateUnary.Run(graph);

    [Fact]
    public void TabulateUnary_makes_one_table_of_a_chain()
    {
        Graph graph = Chain();
        Graphs.AssertRewrites(
            Tabulate, graph,
            "inputs %0\n%1 = RELU(%0)\n%2 = LOGISTIC(%1)\n%3 = QUANTIZE(%2)\noutputs %3",
            "inputs %0\n%3 = RELU→LOGISTIC→QUANTIZE(%0)\noutputs %3");

        // 1 / (1 + e^-2) in steps of 1/100; below 0 it is 1/2.
        var table = (Lookup)Tabulate(graph).Ops[0];
        Assert.Equal((50, 50, 88), (table.Results[0], table.Results[127], table.Results[128 + 20]));
        int[] all = Lookup.Stored(ElementType.Int8);
        Assert.Equal(Values.Run(Chain(256), [all]).Integers(3), table.Results.ToArray());
    }

    [Fact]
    public void TabulateUnary_keeps_every_tensor_when_all_are_asked_for() => Graphs.AssertRewrites(
        graph => TabulateUnary.Run(graph, keepsTensors: true), Chain(),
        "inputs %0\n%1 = RELU(%0)\n%2 = LOGISTIC(%1)\n%3 = QUANTIZE(%2)\noutputs %3",
        "inputs %0\n%1 = RELU(%0)\n%2 = LOGISTIC(%1)\n%3 = QUANTIZE(%2)\noutputs %3");

    [Fact]
    public void TabulateUnary_ends_a_chain_at_what_the_caller_reads() => Graphs.AssertRewrites(
        Tabulate, Chain(isOutput: true),
        "inputs %0\n%1 = RELU(%0)\n%2 = LOGISTIC(%1)\n%3 = QUANTIZE(%2)\noutputs %3, %2",
        "inputs %0\n%2 = RELU→LOGISTIC(%0)\n%3 = QUANTIZE(%2)\noutputs %3, %2");

    [Fact]
    public void TabulateUnary_takes_a_constant_of_one_value_and_branches_that_meet()
    {
        Graph graph = Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 4], 0.1f, 0), six = b.Int8("six", [1], 0.05f, 0, [60]), s = b.Int8("s", [1, 4], 1f / 256, -128);
            int moved = b.Int8("moved", [1, 4], 0.1f, -100), y = b.Int8("y", [1, 4], 0.1f, -100);
            b.Operator(Schema.Builtin.Add, [x, six], [moved], (0, FlatValue.Int32(0)));
            b.Operator(Schema.Builtin.Logistic, [x], [s]);
            b.Operator(Schema.Builtin.Mul, [moved, s], [y], (0, FlatValue.Int32(0)));
            b.Ports([x], [y]);
        });
        Graphs.AssertRewrites(
            Tabulate, graph,
            "inputs %0\n%3 = ADD(%0, %1)\n%2 = LOGISTIC(%0)\n%4 = MUL(%3, %2)\noutputs %4",
            "inputs %0\n%4 = ADD→LOGISTIC→MUL(%0)\noutputs %4");

        // (0 + 3) / 2 is 15 steps above the zero point.
        Assert.Equal(-85, ((Lookup)Tabulate(graph).Ops[0]).Results[128]);
    }

    [Fact]
    public void TabulateUnary_passes_through_floats() => Graphs.AssertRewrites(
        Tabulate,
        Graphs.Of(b =>
        {
            int x = b.Int8("x", [4], 0.1f, 0), f = b.Tensor("f", ElementType.Float32, [4]), g = b.Tensor("g", ElementType.Float32, [4]), y = b.Int8("y", [4], 0.1f, 0);
            b.Operator(Schema.Builtin.Dequantize, [x], [f]);
            b.Operator(Schema.Builtin.Exp, [f], [g]);
            b.Operator(Schema.Builtin.Quantize, [g], [y]);
            b.Ports([x], [y]);
        }),
        "inputs %0\n%1 = DEQUANTIZE(%0)\n%2 = EXP(%1)\n%3 = QUANTIZE(%2)\noutputs %3",
        "inputs %0\n%3 = DEQUANTIZE→EXP→QUANTIZE(%0)\noutputs %3");

    [Fact]
    public void TabulateUnary_computes_floats_that_the_caller_reads() => Graphs.AssertKeeps(Tabulate, Graphs.Of(b =>
    {
        int x = b.Int8("x", [4], 0.1f, 0), f = b.Tensor("f", ElementType.Float32, [4]), g = b.Tensor("g", ElementType.Float32, [4]);
        b.Operator(Schema.Builtin.Dequantize, [x], [f]);
        b.Operator(Schema.Builtin.Exp, [f], [g]);
        b.Ports([x], [g]);
    }));

    [Fact]
    public void TabulateUnary_leaves_constants_of_several_values_and_broadcasts() => Graphs.AssertKeeps(Tabulate, Graphs.Of(b =>
    {
        int x = b.Int8("x", [1, 2], 0.1f, 0), two = b.Int8("two", [2], 0.05f, 0, [60, 61]), y = b.Int8("y", [1, 2], 0.2f, 0);
        int one = b.Int8("one", [3, 2], 0.05f, 0, new byte[6]), z = b.Int8("z", [3, 2], 0.2f, 0);
        b.Operator(Schema.Builtin.Add, [x, two], [y], (0, FlatValue.Int32(0)));
        b.Operator(Schema.Builtin.Add, [x, one], [z], (0, FlatValue.Int32(0)));
        b.Ports([x], [y, z]);
    }));

    [Fact]
    public void TabulateUnary_leaves_two_inputs() => Graphs.AssertKeeps(Tabulate, Graphs.Of(b =>
    {
        int x = b.Int8("x", [4], 1, 0), other = b.Int8("other", [4], 1, 0), y = b.Int8("y", [4], 1, 0);
        b.Operator(Schema.Builtin.Add, [x, other], [y], (0, FlatValue.Int32(0)));
        b.Ports([x, other], [y]);
    }));

    [Fact]
    public void RemoveIdentities_drops_what_changes_no_byte() => Graphs.AssertRewrites(
        RemoveIdentities.Run,
        Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 2, 3], 1, 0), one = b.Int8("one", [1], 1, 0, [1]), low = b.Int8("low", [1], 1, 0, [0x80]);
            int[] t = [.. Enumerable.Range(0, 9).Select(i => b.Int8($"t{i}", [1, 2, 3], 1, 0))];
            b.Operator(Schema.Builtin.Slice, [x, b.Int32("begin", 0, 0, 0), b.Int32("size", 1, -1, 3)], [t[0]]);
            b.Operator(Schema.Builtin.Pad, [t[0], b.Tensor("pad", ElementType.Int32, [3, 2], null, new byte[24])], [t[1]]);
            b.Operator(Schema.Builtin.Concatenation, [t[1]], [t[2]], (0, FlatValue.Int32(1)));
            b.Operator(Schema.Builtin.Tile, [t[2], b.Int32("times", 1, 1, 1)], [t[3]]);
            b.Operator(Schema.Builtin.Transpose, [t[3], b.Int32("order", 0, 1, 2)], [t[4]]);
            b.Operator(Schema.Builtin.Split, [b.Int32("axis", 2), t[4]], [t[5]], (0, FlatValue.Int32(1)));
            b.Operator(Schema.Builtin.Mul, [t[5], one], [t[6]], (0, FlatValue.Int32(0)));
            b.Operator(Schema.Builtin.Maximum, [low, t[6]], [t[7]]);
            b.Operator(Schema.Builtin.Quantize, [t[7]], [t[8]]);
            int y = b.Int8("y", [1, 2, 3], 0.5f, 0);
            b.Operator(Schema.Builtin.Relu, [t[8]], [y]);
            b.Ports([x], [y]);
        }),
        "inputs %0\n%3 = SLICE(%0, %12, %13)\n%4 = PAD(%3, %14)\n%5 = CONCATENATION(%4)\n%6 = TILE(%5, %15)\n%7 = TRANSPOSE(%6, %16)\n%8 = SPLIT(%17, %7)\n" +
        "%9 = MUL(%8, %1)\n%10 = MAXIMUM(%2, %9)\n%11 = QUANTIZE(%10)\n%18 = RELU(%11)\noutputs %18",
        "inputs %0\n%18 = RELU(%0)\noutputs %18");

    [Fact]
    public void RemoveIdentities_leaves_a_view_where_the_shape_changes_or_the_caller_reads()
    {
        Graph graph = Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 2, 3], 1, 0), turned = b.Int8("turned", [2, 1, 3], 1, 0), flat = b.Int8("flat", [6], 1, 0), y = b.Int8("y", [6], 1, 0), z = b.Int8("z", [1, 2, 3], 1, 0);
            b.Operator(Schema.Builtin.Transpose, [x, b.Int32("order", 1, 0, 2)], [turned]);
            b.Operator(Schema.Builtin.Reshape, [turned], [flat]);
            b.Operator(Schema.Builtin.Abs, [flat], [y]);
            b.Operator(Schema.Builtin.Quantize, [x], [z]);
            b.Ports([x], [y, z]);
        });
        Graphs.AssertRewrites(
            RemoveIdentities.Run, graph,
            "inputs %0\n%1 = TRANSPOSE(%0, %5)\n%2 = RESHAPE(%1)\n%3 = ABS(%2)\n%4 = QUANTIZE(%0)\noutputs %3, %4",
            "inputs %0\n%1 = RESHAPE(%0)\n%2 = RESHAPE(%0)\n%3 = ABS(%2)\n%4 = RESHAPE(%0)\noutputs %3, %4");
    }

    [Fact]
    public void RemoveIdentities_leaves_equal_bytes_of_another_scale() => Graphs.AssertKeeps(RemoveIdentities.Run, Graphs.Of(b =>
    {
        // 2 · x in steps twice as large: the same bytes, but what reads them must know.
        int x = b.Int8("x", [4], 1, 0), two = b.Int8("two", [1], 1, 0, [2]), y = b.Int8("y", [4], 2, 0), z = b.Int8("z", [4], 1, 0);
        b.Operator(Schema.Builtin.Mul, [x, two], [y], (0, FlatValue.Int32(0)));
        b.Operator(Schema.Builtin.Add, [y, x], [z], (0, FlatValue.Int32(0)));
        b.Ports([x], [z]);
    }));

    [Fact]
    public void RemoveIdentities_drops_constants_of_several_values_that_are_too_small_to_count()
    {
        // A quarter of a step and less never reaches the next value; half a step does.
        Graph Added(byte most) => Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 2], 1, 0), small = b.Int8("small", [2], 1f / 64, 0, [3, most]), y = b.Int8("y", [1, 2], 1, 0), z = b.Int8("z", [1, 2], 0.5f, 0);
            b.Operator(Schema.Builtin.Add, [x, small], [y], (0, FlatValue.Int32(0)));
            b.Operator(Schema.Builtin.Abs, [y], [z]);
            b.Ports([x], [z]);
        });
        Graphs.AssertRewrites(RemoveIdentities.Run, Added(16), "inputs %0\n%2 = ADD(%0, %1)\n%3 = ABS(%2)\noutputs %3", "inputs %0\n%3 = ABS(%0)\noutputs %3");
        Graphs.AssertKeeps(RemoveIdentities.Run, Added(33));
    }

    [Fact]
    public void RemoveIdentities_leaves_what_clamps_one_value() => Graphs.AssertKeeps(RemoveIdentities.Run, Graphs.Of(b =>
    {
        int x = b.Int8("x", [4], 1, 0), low = b.Int8("low", [1], 1, 0, [0x81]), y = b.Int8("y", [4], 1, 0);
        b.Operator(Schema.Builtin.Maximum, [x, low], [y]);
        b.Ports([x], [y]);
    }));

    [Fact]
    public void RemoveIdentities_leaves_what_moves_or_repeats_elements() => Graphs.AssertKeeps(RemoveIdentities.Run, Graphs.Of(b =>
    {
        int x = b.Int8("x", [2, 2], 1, 0), turned = b.Int8("turned", [2, 2], 1, 0), y = b.Int8("y", [2, 2], 1, 0);
        b.Operator(Schema.Builtin.Transpose, [x, b.Int32("order", 1, 0)], [turned]);
        b.Operator(Schema.Builtin.ReverseV2, [turned, b.Int32("axis", 0)], [y]);
        b.Ports([x], [y]);
    }));

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void RemoveIdentities_drops_a_resize_to_the_same_size(bool aligns, bool centers)
    {
        if (aligns && centers) return;
        foreach (int builtin in new[] { Schema.Builtin.ResizeBilinear, Schema.Builtin.ResizeNearestNeighbor })
        {
            Graph Resize(int height, int width) => Graphs.Of(b =>
            {
                int x = b.Int8("x", [1, 3, 5, 2], 1, 0), y = b.Int8("y", [1, height, width, 2], 1, 0), z = b.Int8("z", [1, height, width, 2], 1, 0);
                b.Operator(
                    builtin, [x, b.Int32("size", height, width)], [y],
                    builtin == Schema.Builtin.ResizeBilinear ? [(2, FlatValue.Int32(aligns ? 1 : 0)), (3, FlatValue.Int32(centers ? 1 : 0))] : [(0, FlatValue.Int32(aligns ? 1 : 0)), (1, FlatValue.Int32(centers ? 1 : 0))]);
                b.Operator(Schema.Builtin.Abs, [y], [z]);
                b.Ports([x], [z]);
            });
            Graph same = Resize(3, 5);
            int[] all = [.. Enumerable.Range(-15, 30).Select(i => i * 8)];
            Assert.Equal(all, Values.Run(same, [all]).Integers(1));
            Assert.Equal("ABS", Assert.Single(RemoveIdentities.Run(same).Ops).Name);
            Graphs.AssertKeeps(RemoveIdentities.Run, Resize(6, 5));
        }
    }

    [Fact]
    public void FuseActivation_takes_maximum_and_minimum_with_the_ends_of_an_activation()
    {
        Graph graph = Clamped(0, 12);
        Graphs.AssertRewrites(
            FuseActivation.Run, graph,
            "inputs %0\n%4 = FULLY_CONNECTED(%0, %1)\n%5 = MAXIMUM(%4, %2)\n%6 = MINIMUM(%5, %3)\noutputs %6",
            "inputs %0\n%6 = FULLY_CONNECTED(%0, %1)\noutputs %6");
        Assert.Equal(Activation.Relu6, ((FullyConnected)FuseActivation.Run(graph).Ops[0]).Activation);
    }

    [Fact]
    public void FuseActivation_leaves_ends_that_no_activation_has()
    {
        Graph fused = FuseActivation.Run(Clamped(1, 11));
        Assert.Equal(["FULLY_CONNECTED", "MAXIMUM", "MINIMUM"], fused.Ops.Select(op => op.Name));
    }

    [Fact]
    public void MoveTransposes_joins_two_of_them()
    {
        Graph graph = Transposed(b => (b.Int8("t", [1, 4, 2, 3], 1, 0), b.Int8("y", [2, 4, 3, 1], 1, 0)), (b, x, t, y) =>
        {
            Turn(b, x, t, 0, 3, 1, 2);
            Turn(b, t, y, 2, 1, 3, 0);
        });
        Graphs.AssertRewrites(MoveTransposes.Run, graph, "inputs %0\n%1 = TRANSPOSE(%0, %3)\n%2 = TRANSPOSE(%1, %4)\noutputs %2", "inputs %0\n%2 = TRANSPOSE(%0)\noutputs %2");
        AssertSame(graph, MoveTransposes.Run(graph));
    }

    [Fact]
    public void MoveTransposes_makes_a_view_of_two_that_take_each_other_back_around_elementwise_operators()
    {
        Graph graph = Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 2, 3, 4], 1, 0), c = b.Int8("c", [4, 2, 1], 1, 0, [1, 2, 3, 4, 5, 6, 7, 8]);
            int[] t = [.. Enumerable.Range(0, 4).Select(i => b.Int8($"t{i}", i == 3 ? [1, 2, 3, 4] : [1, 4, 2, 3], 1, 0))];
            Turn(b, x, t[0], 0, 3, 1, 2);
            b.Operator(Schema.Builtin.Add, [t[0], c], [t[1]], (0, FlatValue.Int32(0)));
            b.Operator(Schema.Builtin.Mul, [t[1], t[0]], [t[2]], (0, FlatValue.Int32(0)));
            Turn(b, t[2], t[3], 0, 2, 3, 1);
            b.Ports([x], [t[3]]);
        });
        Graphs.AssertRewrites(
            MoveTransposes.Run, graph,
            "inputs %0\n%2 = TRANSPOSE(%0, %6)\n%3 = ADD(%2, %1)\n%4 = MUL(%3, %2)\n%5 = TRANSPOSE(%4, %7)\noutputs %5",
            "inputs %0\n%8 = ADD(%0, %10)\n%9 = MUL(%8, %0)\n%5 = RESHAPE(%9)\noutputs %5");
        AssertSame(graph, MoveTransposes.Run(graph));
    }

    [Fact]
    public void MoveTransposes_reduces_other_dimensions_instead()
    {
        Graph graph = Transposed(b => (b.Int8("t", [1, 4, 2, 3], 1, 0), b.Int8("y", [1, 4], 1, 0)), (b, x, t, y) =>
        {
            Turn(b, x, t, 0, 3, 1, 2);
            b.Operator(Schema.Builtin.Mean, [t, b.Int32("axes", 2, -1)], [y]);
        });
        Graphs.AssertRewrites(MoveTransposes.Run, graph, "inputs %0\n%1 = TRANSPOSE(%0, %3)\n%2 = MEAN(%1, %4)\noutputs %2", "inputs %0\n%2 = MEAN(%0, %4)\noutputs %2");
        Assert.Equal([1, 2], ((Mean)MoveTransposes.Run(graph).Ops[0]).Reduction.Axes!.Value.Order());
        AssertSame(graph, MoveTransposes.Run(graph));
    }

    [Fact]
    public void MoveTransposes_joins_two_with_a_reshape_between_that_splits_and_joins_dimensions()
    {
        // As the heads of detectors have them: channels are boxes times numbers.
        Graph graph = Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 2, 3, 8], 1, 0), t = b.Int8("t", [1, 8, 2, 3], 1, 0), r = b.Int8("r", [1, 2, 4, 6], 1, 0), y = b.Int8("y", [1, 2, 6, 4], 1, 0);
            Turn(b, x, t, 0, 3, 1, 2);
            b.Operator(Schema.Builtin.Reshape, [t], [r]);
            Turn(b, r, y, 0, 1, 3, 2);
            b.Ports([x], [y]);
        });
        Graphs.AssertRewrites(
            MoveTransposes.Run, graph,
            "inputs %0\n%1 = TRANSPOSE(%0, %4)\n%2 = RESHAPE(%1)\n%3 = TRANSPOSE(%2, %5)\noutputs %3",
            "inputs %0\n%6 = RESHAPE(%0)\n%7 = TRANSPOSE(%6)\n%3 = RESHAPE(%7)\noutputs %3");
        AssertSame(graph, MoveTransposes.Run(graph));
    }

    [Fact]
    public void MoveTransposes_pads_and_concatenates_other_dimensions_instead()
    {
        Graph graph = Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 2, 3, 4], 1, 5), t = b.Int8("t", [1, 4, 2, 3], 1, 5), padded = b.Int8("padded", [1, 4, 5, 3], 1, 5);
            int both = b.Int8("both", [1, 8, 5, 3], 1, 5), y = b.Int8("y", [1, 5, 3, 8], 1, 5);
            Turn(b, x, t, 0, 3, 1, 2);
            b.Operator(Schema.Builtin.Pad, [t, b.Tensor("pad", ElementType.Int32, [4, 2], null, Values.Bytes(ElementType.Int32, new[] { 0, 0, 0, 0, 1, 2, 0, 0 }))], [padded]);
            b.Operator(Schema.Builtin.Concatenation, [padded, padded], [both], (0, FlatValue.Int32(1)));
            Turn(b, both, y, 0, 2, 3, 1);
            b.Ports([x], [y]);
        });
        Graph moved = MoveTransposes.Run(graph);
        Assert.Equal(["PAD", "CONCATENATION", "RESHAPE"], moved.Ops.Select(op => op.Name));
        AssertSame(graph, moved);
    }

    [Fact]
    public void MoveTransposes_leaves_one_that_would_only_stand_elsewhere() => Graphs.AssertKeeps(MoveTransposes.Run, Graphs.Of(b =>
    {
        int x = b.Int8("x", [1, 2, 3, 4], 1, 0), t = b.Int8("t", [1, 4, 2, 3], 1, 0), y = b.Int8("y", [1, 4, 2, 3], 0.5f, 0);
        Turn(b, x, t, 0, 3, 1, 2);
        b.Operator(Schema.Builtin.Abs, [t], [y]);
        b.Ports([x], [y, t]);
    }));

    [Fact]
    public void SliceReadPieces_leaves_out_what_nobody_reads()
    {
        Graph graph = Graphs.Of(b =>
        {
            int x = b.Int8("x", [2, 6], 1, 0);
            int[] t = [.. Enumerable.Range(0, 3).Select(i => b.Int8($"t{i}", [2, 2], 1, 0))], v = [.. new[] { 1, 3, 2 }.Select(n => b.Int8($"v{n}", [2, n], 1, 0))];
            int[] u = [b.Int8("u0", [6], 1, 0), b.Int8("u1", [6], 1, 0)];
            b.Operator(Schema.Builtin.Split, [b.Int32("axis", -1), x], t, (0, FlatValue.Int32(3)));
            b.Operator(Schema.Builtin.SplitV, [x, b.Int32("sizes", 1, 3, 2), b.Int32("axis", 1)], v, (0, FlatValue.Int32(3)));
            b.Operator(Schema.Builtin.Unpack, [x], u, (0, FlatValue.Int32(2)), (1, FlatValue.Int32(0)));
            b.Ports([x], [t[1], v[0], v[1], v[2], u[1]]);
        });
        Graph sliced = SliceReadPieces.Run(graph);
        Assert.Equal(["SLICE", "SPLIT_V", "SLICE", "RESHAPE"], sliced.Ops.Select(op => op.Name));
        int[] values = [.. Enumerable.Range(0, 12)];
        Values expected = Values.Run(graph, [values]), actual = Values.Run(sliced, [values]);
        Assert.Equal([2, 3, 8, 9], actual.Integers(graph.Outputs[0]));
        Assert.All(graph.Outputs, id => Assert.Equal(expected.Integers(id), actual.Integers(id)));
    }

    [Fact]
    public void MoveTransposes_makes_a_view_of_two_whose_first_somebody_else_reads()
    {
        // Only the dimension of size 1 moves by both together.
        Graph graph = Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 2, 3, 4], 1, 0), other = b.Int8("other", [1, 4, 2, 3], 1, 0), t = b.Int8("t", [1, 4, 2, 3], 1, 0);
            int y = b.Int8("y", [2, 1, 3, 4], 1, 0), z = b.Int8("z", [1, 4, 2, 3], 1, 0);
            Turn(b, x, t, 0, 3, 1, 2);
            Turn(b, t, y, 2, 0, 3, 1);
            b.Operator(Schema.Builtin.Add, [t, other], [z], (0, FlatValue.Int32(0)));
            b.Ports([x, other], [y, z]);
        });
        Graph moved = MoveTransposes.Run(graph);
        Assert.Equal(["TRANSPOSE", "RESHAPE", "ADD"], moved.Ops.Select(op => op.Name));
        int[] values = [.. Enumerable.Range(0, 24)];
        Assert.All(graph.Outputs, id => Assert.Equal(Values.Run(graph, [values, values]).Integers(id), Values.Run(moved, [values, values]).Integers(id)));
    }

    [Fact]
    public void MoveTransposes_leaves_what_the_caller_reads()
    {
        Graph graph = Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 2, 3, 4], 1, 0), t = b.Int8("t", [1, 4, 2, 3], 1, 0), y = b.Int8("y", [1, 3, 4, 2], 1, 0);
            Turn(b, x, t, 0, 3, 1, 2);
            Turn(b, t, y, 0, 3, 1, 2);
            b.Ports([x], [t, y]);
        });
        Graph moved = MoveTransposes.Run(graph);
        Assert.Contains(moved.Ops, op => op.Outputs[0] == graph.Outputs[0]);
        AssertSame(graph, moved);
    }

    [Fact]
    public void MergeEqual_computes_the_same_once()
    {
        Graph graph = Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 2], 1, 0), c = b.Int8("c", [2], 1, 0, [1, 2]), d = b.Int8("d", [2], 1, 0, [1, 2]), e = b.Int8("e", [2], 1, 0, [1, 3]);
            int[] t = [.. Enumerable.Range(0, 3).Select(i => b.Int8($"t{i}", [1, 2], 1, 0))];
            int[] u = [.. Enumerable.Range(0, 3).Select(i => b.Int8($"u{i}", [1, 2], 0.5f, 0))];
            b.Operator(Schema.Builtin.Add, [x, c], [t[0]], (0, FlatValue.Int32(0)));
            b.Operator(Schema.Builtin.Add, [x, d], [t[1]], (0, FlatValue.Int32(0)));
            b.Operator(Schema.Builtin.Add, [x, e], [t[2]], (0, FlatValue.Int32(0)));
            for (int i = 0; i < 3; i++) b.Operator(Schema.Builtin.Abs, [t[i]], [u[i]]);
            b.Ports([x], u);
        });
        Graphs.AssertRewrites(
            MergeEqual.Run, graph,
            "inputs %0\n%4 = ADD(%0, %1)\n%5 = ADD(%0, %2)\n%6 = ADD(%0, %3)\n%7 = ABS(%4)\n%8 = ABS(%5)\n%9 = ABS(%6)\noutputs %7, %8, %9",
            "inputs %0\n%4 = ADD(%0, %1)\n%6 = ADD(%0, %3)\n%7 = ABS(%4)\n%8 = RESHAPE(%7)\n%9 = ABS(%6)\noutputs %7, %8, %9");
    }

    [Fact]
    public void MergeEqual_leaves_other_options_and_other_quantisation() => Graphs.AssertKeeps(MergeEqual.Run, Graphs.Of(b =>
    {
        int x = b.Int8("x", [1, 2], 1, 0);
        int[] t = [.. new[] { 1f, 1f, 2f }.Select((scale, i) => b.Int8($"t{i}", [1, 2], scale, 0))];
        b.Operator(Schema.Builtin.Add, [x, x], [t[0]], (0, FlatValue.Int32(0)));
        b.Operator(Schema.Builtin.Add, [x, x], [t[1]], (0, FlatValue.Int32(1)));
        b.Operator(Schema.Builtin.Add, [x, x], [t[2]], (0, FlatValue.Int32(0)));
        b.Ports([x], t);
    }));

    [Fact]
    public void MergeEqual_leaves_what_reads_variables() => Graphs.AssertKeeps(MergeEqual.Run, Graphs.Of(b =>
    {
        int x = b.Int8("x", [1, 2], 1, 0), first = b.Int8("first", [1, 2], 1, 0), second = b.Int8("second", [1, 2], 1, 0), y = b.Int8("y", [1, 2], 1, 0);
        int handle = b.Handle("memory");
        b.Read(handle, first);
        b.Assign(handle, x);
        b.Read(handle, second);
        b.Operator(Schema.Builtin.Add, [first, second], [y], (0, FlatValue.Int32(0)));
        b.Ports([x], [y]);
    }));

    [Fact]
    public void MergeEqual_leaves_constants_of_other_bytes_and_random_numbers() => Graphs.AssertKeeps(MergeEqual.Run, Graphs.Of(b =>
    {
        int x = b.Int8("x", [1, 2], 1, 0), one = b.Int8("one", [2], 1, 0, [1, 2]), other = b.Int8("other", [2], 1, 0, [1, 3]), shape = b.Int32("shape", 1, 2);
        int[] y = [b.Int8("y0", [1, 2], 1, 0), b.Int8("y1", [1, 2], 1, 0)], random = [.. Enumerable.Range(0, 2).Select(i => b.Tensor($"random{i}", ElementType.Float32, [1, 2]))];
        b.Operator(Schema.Builtin.Add, [x, one], [y[0]], (0, FlatValue.Int32(0)));
        b.Operator(Schema.Builtin.Add, [x, other], [y[1]], (0, FlatValue.Int32(0)));
        foreach (int id in random) b.Operator(Schema.Builtin.RandomUniform, [shape], [id]);
        b.Ports([x], [.. y, .. random]);
    }));

    [Fact]
    public void MergeEqual_takes_every_output()
    {
        Graph graph = Graphs.Of(b =>
        {
            int x = b.Int8("x", [1, 4], 1, 0), axis = b.Int32("axis", 1), y = b.Int8("y", [1, 2], 1, 0);
            int[] parts = [.. Enumerable.Range(0, 4).Select(i => b.Int8($"part{i}", [1, 2], 1, 0))];
            b.Operator(Schema.Builtin.Split, [axis, x], [parts[0], parts[1]], (0, FlatValue.Int32(2)));
            b.Operator(Schema.Builtin.Split, [axis, x], [parts[2], parts[3]], (0, FlatValue.Int32(2)));
            b.Operator(Schema.Builtin.Sub, [parts[0], parts[3]], [y], (0, FlatValue.Int32(0)));
            b.Ports([x], [y]);
        });
        Graph merged = MergeEqual.Run(graph);
        Assert.Equal(["SPLIT", "SUB"], merged.Ops.Select(op => op.Name));
        AssertSame(graph, merged);
    }

    // An image and what becomes of it.
    private static Graph Transposed(Func<TfliteBuilder, (int Turned, int Result)> tensors, Action<TfliteBuilder, int, int, int> operators) => Graphs.Of(b =>
    {
        int x = b.Int8("x", [1, 2, 3, 4], 1, 0);
        (int turned, int result) = tensors(b);
        operators(b, x, turned, result);
        b.Ports([x], [result]);
    });

    private static void Turn(TfliteBuilder b, int input, int output, params int[] permutation) =>
        b.Operator(Schema.Builtin.Transpose, [input, b.Int32($"permutation{output}", permutation)], [output]);

    private static void AssertSame(Graph before, Graph after)
    {
        int[] values = [.. Enumerable.Range(0, before[before.Inputs[0]].ElementCount).Select(i => (i * 37 % 200) - 100)];
        Assert.Equal(Values.Run(before, [values]).Integers(before.Outputs[0]), Values.Run(after, [values]).Integers(after.Outputs[0]));
    }

    // Input 0, RELU 1, LOGISTIC 2, in steps of 1/100 3.
    private static Graph Chain(int length = 4, bool isOutput = false) => Graphs.Of(b =>
    {
        int x = b.Int8("x", [length], 0.1f, 0), r = b.Int8("r", [length], 0.1f, 0), s = b.Int8("s", [length], 1f / 256, -128), y = b.Int8("y", [length], 0.01f, 0);
        b.Operator(Schema.Builtin.Relu, [x], [r]);
        b.Operator(Schema.Builtin.Logistic, [r], [s]);
        b.Operator(Schema.Builtin.Quantize, [s], [y]);
        b.Ports([x], isOutput ? [y, s] : [y]);
    });

    // Sums in halves, then at least and at most a stored value.
    private static Graph Clamped(int least, int most) => Graphs.Of(b =>
    {
        int x = b.Int8("x", [1, 4], 1, 0), filter = b.Int8("filter", [4, 4], 1, 0, new byte[16]);
        int low = b.Int8("low", [1], 0.5f, 0, [(byte)least]), high = b.Int8("high", [], 0.5f, 0, [(byte)most]);
        int[] t = [.. Enumerable.Range(0, 3).Select(i => b.Int8($"t{i}", [1, 4], 0.5f, 0))];
        b.Operator(Schema.Builtin.FullyConnected, [x, filter], [t[0]]);
        b.Operator(Schema.Builtin.Maximum, [t[0], low], [t[1]]);
        b.Operator(Schema.Builtin.Minimum, [t[1], high], [t[2]]);
        b.Ports([x], [t[2]]);
    });
}
