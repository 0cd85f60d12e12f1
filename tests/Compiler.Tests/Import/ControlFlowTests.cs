using System;
using System.Linq;
using System.Threading;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>CALL, and IF on a constant, stand for the operators of a subgraph; what depends on the input says the way out.</summary>
public sealed class ControlFlowTests
{
    private static readonly (int, FlatValue) None = (0, FlatValue.Int32(0));

    [Fact]
    public void CALL_is_the_subgraph_that_it_names()
    {
        byte[] file = File(b =>
        {
            (int x, int y, int z) = Outer(b);
            b.Operator(Schema.Builtin.Call, [x], [y], (0, FlatValue.Int32(1)));
            b.Operator(Schema.Builtin.Call, [y], [z], (0, FlatValue.Int32(1)));
            b.Ports([x], [z]);
            Doubled(b);
        });
        Assert.Equal([4, -8, 12, 124], Values.Run(Agreement.Import(file), [new[] { 1, -2, 3, 31 }]).Integers(2));
        Agreement.Check("Call", [file], others: 1);
        Assert.Equal("inputs %0\n%3 = ADD(%0, %0)\n%1 = RESHAPE(%3)\n%4 = ADD(%1, %1)\n%2 = RESHAPE(%4)\noutputs %2", Text(Agreement.Import(file)));
    }

    [Fact]
    public void A_call_reads_and_writes_in_order()
    {
        byte[] file = File(b =>
        {
            (int x, int y, int z) = Outer(b);
            int other = b.Int8("other", [4], 1, 0);
            b.Operator(Schema.Builtin.Call, [x, other], [y, z], (0, FlatValue.Int32(1)));
            b.Ports([x, other], [y, z]);
            b.NextSubgraph();
            int first = b.Int8("first", [4], 1, 0), second = b.Int8("second", [4], 1, 0), less = b.Int8("less", [4], 1, 0), most = b.Int8("most", [4], 1, 0);
            b.Operator(Schema.Builtin.Sub, [first, second], [less], None);
            b.Operator(Schema.Builtin.Maximum, [first, second], [most]);
            b.Ports([first, second], [less, most]);
        });
        Values values = Values.Run(Agreement.Import(file), [new[] { 1, 2, 3, 4 }, new[] { 4, 1, 1, 0 }]);
        Assert.Equal([-3, 1, 2, 4], values.Integers(1));
        Assert.Equal([4, 2, 3, 4], values.Integers(2));
        Agreement.Check("Order", [file], others: 1);
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(0, 3)]
    public void IF_on_a_constant_is_one_of_its_subgraphs(byte condition, int factor)
    {
        byte[] file = File(b =>
        {
            (int x, int y, int z) = Outer(b);
            int isTrue = b.Tensor("condition", ElementType.Bool, [1], null, [condition]);
            b.Operator(Schema.Builtin.If, [isTrue, x], [y], (0, FlatValue.Int32(1)), (1, FlatValue.Int32(2)));
            b.Operator(Schema.Builtin.Abs, [y], [z]);
            b.Ports([x], [z]);
            Doubled(b);
            b.NextSubgraph();
            int inner = b.Int8("x", [4], 1, 0), twice = b.Int8("twice", [4], 1, 0), three = b.Int8("three", [4], 1, 0);
            b.Operator(Schema.Builtin.Add, [inner, inner], [twice], None);
            b.Operator(Schema.Builtin.Add, [twice, inner], [three], None);
            b.Ports([inner], [three]);
        });
        Assert.Equal([1 * factor, 2 * factor], Values.Run(Agreement.Import(file), [new[] { 1, -2, 0, 0 }]).Integers(2).Take(2));
        Agreement.Check("If", [file], others: 1);
    }

    [Fact]
    public void A_subgraph_may_hand_its_input_or_a_constant_back()
    {
        byte[] file = File(b =>
        {
            (int x, int y, int z) = Outer(b);
            b.Operator(Schema.Builtin.Call, [x], [y, z], (0, FlatValue.Int32(1)));
            b.Ports([x], [y, z]);
            b.NextSubgraph();
            int inner = b.Int8("x", [4], 1, 0), constant = b.Int8("c", [4], 1, 0, [1, 2, 3, 4]);
            b.Ports([inner], [inner, constant]);
        });
        Values values = Values.Run(Agreement.Import(file), [new[] { 5, 6, 7, 8 }]);
        Assert.Equal([5, 6, 7, 8], values.Integers(1));
        Assert.Equal([1, 2, 3, 4], values.Integers(2));
        Agreement.Check("Back", [file], others: 1);
    }

    [Fact]
    public void What_depends_on_the_input_says_the_way_out()
    {
        Assert.Equal(
            "y: IF (version 1) is not supported on a condition that depends on the input: build the model with the condition as a Python value, so that one branch remains, or with tf.where of both results",
            Message(b =>
            {
                (int x, int y, _) = Outer(b);
                int condition = b.Tensor("condition", ElementType.Bool, [1]);
                b.Operator(Schema.Builtin.If, [condition, x], [y], (0, FlatValue.Int32(1)), (1, FlatValue.Int32(1)));
                b.Ports([x, condition], [y]);
                Doubled(b);
            }));
        Assert.Contains("y: WHILE (version 1) is not supported: unroll the loop (unroll=True", Message(b =>
        {
            (int x, int y, _) = Outer(b);
            b.Operator(Schema.Builtin.While, [x], [y], (0, FlatValue.Int32(1)), (1, FlatValue.Int32(1)));
            b.Ports([x], [y]);
            Doubled(b);
        }));
        Assert.Contains("custom operator 'FlexErf' (version 1) is not supported: it is TensorFlow's own; convert with supported_ops [TFLITE_BUILTINS_INT8] alone", Message(b =>
        {
            (int x, int y, _) = Outer(b);
            b.Custom("FlexErf", [x], [y]);
            b.Ports([x], [y]);
        }));
    }

    [Fact]
    public void Calls_that_do_not_fit_are_problems_of_the_file()
    {
        Assert.Contains("'y' calls subgraph 7 of 2", Call(7));
        Assert.Contains("'y' calls subgraph 0 of 2", Call(0));
        Assert.Contains("subgraph 1 calls itself", Call(1, b => b.Operator(Schema.Builtin.Call, [0], [1], (0, FlatValue.Int32(1)))));
        Assert.Contains("with another number of inputs or outputs than it has", Call(1, inputs: 2));
        Assert.Contains("with another type, shape or quantisation than its 'x' has", Call(1, scale: 2));
    }

    // Every subgraph calls the next one twice: 2^20 operators.
    [Fact]
    public void Calls_that_multiply_end_with_one_problem()
    {
        const int Depth = 20;
        Assert.Contains("where its subgraphs are called", Message(b =>
        {
            for (int i = 0; i <= Depth; i++)
            {
                if (i > 0) b.NextSubgraph();
                (int x, int y, int z) = Outer(b);
                bool isLast = i == Depth;
                b.Operator(isLast ? Schema.Builtin.Add : Schema.Builtin.Call, isLast ? [x, x] : [x], [y], (0, FlatValue.Int32(isLast ? 0 : i + 1)));
                b.Operator(isLast ? Schema.Builtin.Add : Schema.Builtin.Call, isLast ? [y, y] : [y], [z], (0, FlatValue.Int32(isLast ? 0 : i + 1)));
                b.Ports([x], [z]);
            }
        }));
    }

    private static string Call(int subgraph, Action<TfliteBuilder>? inner = null, int inputs = 1, float scale = 1) => Message(b =>
    {
        (int x, int y, _) = Outer(b);
        b.Operator(Schema.Builtin.Call, [.. Enumerable.Repeat(x, inputs)], [y], (0, FlatValue.Int32(subgraph)));
        b.Ports([x], [y]);
        b.NextSubgraph();
        int own = b.Int8("x", [4], scale, 0), result = b.Int8("y", [4], 1, 0);
        if (inner is null) b.Operator(Schema.Builtin.Add, [own, own], [result], None);
        else inner(b);
        b.Ports([own], [result]);
    });

    private static (int X, int Y, int Z) Outer(TfliteBuilder b) => (b.Int8("x", [4], 1, 0), b.Int8("y", [4], 1, 0), b.Int8("z", [4], 1, 0));

    // Subgraph 1: x + x.
    private static void Doubled(TfliteBuilder b)
    {
        b.NextSubgraph();
        int x = b.Int8("x", [4], 1, 0), sum = b.Int8("sum", [4], 1, 0);
        b.Operator(Schema.Builtin.Add, [x, x], [sum], None);
        b.Ports([x], [sum]);
    }

    private static string Text(Graph graph) =>
        string.Join("\n", graph.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split("  //")[0]));

    private static byte[] File(Action<TfliteBuilder> build)
    {
        var builder = new TfliteBuilder();
        build(builder);
        return builder.Build();
    }

    private static string Message(Action<TfliteBuilder> build)
    {
        CompiledModel model = Compiler.Compile(new ModelFile("flow.tflite", File(build)), new CompileOptions { ClassName = "Flow" }, CancellationToken.None);
        Problem problem = Assert.Single(model.Problems);
        return problem.Message;
    }
}
