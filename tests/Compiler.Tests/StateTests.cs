using System;
using System.Linq;
using System.Threading;
using Etch.Emit;
using Etch.Ir;
using Etch.Passes;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Models that remember: how variables start, where they lie, who changes them when, and what is refused.</summary>
public sealed class StateTests
{
    private static readonly (int, FlatValue)[] Slice = [(0, FlatValue.Int32(0)), (1, FlatValue.Int32(0))];

    [Fact]
    public void A_delay_line_needs_no_copy() => Graphs.AssertRewrites(
        ShareVariables.Run, Graphs.Of(DelayLine),
        "inputs %0\n%2 = READ_VARIABLE(%1)\n%3 = CONCATENATION(%2, %0)\n%4 = STRIDED_SLICE(%3, %6, %7, %8)\n%1 = ASSIGN_VARIABLE(%4)\n" +
        "%5 = ADD(%3, %3)\noutputs %5",
        "inputs %0\n%3 = CONCATENATION(%2, %0)\n%4 = STRIDED_SLICE(%3, %6, %7, %8)\n%5 = ADD(%3, %3)\noutputs %5");

    [Fact]
    public void What_is_read_after_the_change_stays_a_copy() => Graphs.AssertRewrites(
        ShareVariables.Run,
        Graphs.Of(b =>
        {
            (int x, int h, int old) = (Int8(b, "x"), b.Handle("h"), Int8(b, "old"));
            (int next, int y) = (Int8(b, "next"), Int8(b, "y"));
            b.Read(h, old);
            b.Operator(Schema.Builtin.Add, [x, x], [next]);
            b.Assign(h, next);
            b.Operator(Schema.Builtin.Add, [x, old], [y]);
            b.Ports([x], [y]);
        }),
        "inputs %0\n%2 = READ_VARIABLE(%1)\n%3 = ADD(%0, %0)\n%1 = ASSIGN_VARIABLE(%3)\n%4 = ADD(%0, %2)\noutputs %4",
        "inputs %0\n%2 = READ_VARIABLE(%1)\n%3 = ADD(%0, %0)\n%4 = ADD(%0, %2)\noutputs %4");

    [Fact]
    public void An_operator_does_not_write_where_it_reads() => Graphs.AssertRewrites(
        ShareVariables.Run,
        Graphs.Of(b =>
        {
            (int x, int h, int old) = (Int8(b, "x"), b.Handle("h"), Int8(b, "old"));
            (int next, int y) = (Int8(b, "next"), Int8(b, "y"));
            b.Read(h, old);
            b.Operator(Schema.Builtin.Add, [x, old], [next]);
            b.Assign(h, next);
            b.Operator(Schema.Builtin.Mul, [x, next], [y]);
            b.Ports([x], [y]);
        }),
        "inputs %0\n%2 = READ_VARIABLE(%1)\n%3 = ADD(%0, %2)\n%1 = ASSIGN_VARIABLE(%3)\n%4 = MUL(%0, %3)\noutputs %4",
        "inputs %0\n%3 = ADD(%0, %2)\n%1 = ASSIGN_VARIABLE(%3)\n%4 = MUL(%0, %3)\noutputs %4");

    [Fact]
    public void A_value_that_is_read_after_the_next_change_is_copied_in() => Graphs.AssertRewrites(
        ShareVariables.Run,
        Graphs.Of(b =>
        {
            (int x, int h, int first) = (Int8(b, "x"), b.Handle("h"), Int8(b, "first"));
            (int second, int y) = (Int8(b, "second"), Int8(b, "y"));
            b.Operator(Schema.Builtin.Add, [x, x], [first]);
            b.Assign(h, first);
            b.Operator(Schema.Builtin.Mul, [x, x], [second]);
            b.Assign(h, second);
            b.Operator(Schema.Builtin.Sub, [first, second], [y]);
            b.Ports([x], [y]);
        }),
        "inputs %0\n%2 = ADD(%0, %0)\n%1 = ASSIGN_VARIABLE(%2)\n%3 = MUL(%0, %0)\n%1 = ASSIGN_VARIABLE(%3)\n%4 = SUB(%2, %3)\noutputs %4",
        "inputs %0\n%2 = ADD(%0, %0)\n%1 = ASSIGN_VARIABLE(%2)\n%3 = MUL(%0, %0)\n%4 = SUB(%2, %3)\noutputs %4");

    [Fact]
    public void Nothing_is_shared_with_the_caller() => Graphs.AssertKeeps(ShareVariables.Run, Graphs.Of(b =>
    {
        (int x, int h, int g) = (Int8(b, "x"), b.Handle("h"), b.Handle("g"));
        (int old, int y) = (Int8(b, "old"), Int8(b, "y"));
        b.Read(h, old);
        b.Assign(h, x);
        b.Operator(Schema.Builtin.Add, [x, x], [y]);
        b.Assign(g, y);
        b.Ports([x], [old, y]);
    }));

    [Fact]
    public void An_operator_that_is_read_only_by_the_next_inference_stays()
    {
        Graph graph = Graphs.Of(DelayLine);
        Graphs.AssertKeeps(DropUnread.Run, graph);
    }

    [Fact]
    public void A_tensor_marked_as_variable_is_read_and_assigned_like_any_other()
    {
        Graph graph = Graphs.Of(Accumulator);
        Assert.Equal(
            "inputs %0 | %4 = READ_VARIABLE(%1) | %3 = ADD(%0, %4) | %1 = ASSIGN_VARIABLE(%3) | %5 = READ_VARIABLE(%1) | %2 = MUL(%5, %0) | outputs %2",
            string.Join(" | ", graph.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split("  //")[0])));
        Agreement.Check("Accumulator", [Build(Accumulator)], others: 1);
    }

    [Fact]
    public void Variables_start_at_the_zero_point_or_at_what_CALL_ONCE_assigns()
    {
        (EmittedModels emitted, CompiledModel model) = Emit("Starts", b =>
        {
            // Widest first in the state: int32 "wide", then int16 "half", then in their order "zero", "same", "table", "unassigned".
            int x = b.Int8("x", [1, 2], 1, 0), y = b.Int8("y", [1, 2], 1, 0);
            b.CallOnce(1);
            foreach ((string name, int zeroPoint) in new[] { ("zero", -3), ("same", -3), ("table", 7), ("unassigned", 9) })
            {
                int value = b.Int8("read " + name, [1, 2], 1, zeroPoint);
                int h = b.Handle(name);
                b.Read(h, value);
                b.Assign(h, value);
            }

            foreach ((string name, ElementType type) in new[] { ("half", ElementType.Int16), ("wide", ElementType.Int32) })
            {
                int value = b.Tensor("read " + name, type, [2], type == ElementType.Int16 ? TfliteBuilder.Quantized(1, 0) : null);
                int h = b.Handle(name);
                b.Read(h, value);
                b.Assign(h, value);
            }

            b.Operator(Schema.Builtin.Add, [x, x], [y]);
            b.Ports([x], [y]);
            b.NextSubgraph();
            b.Assign(b.Handle("same"), b.Int8("two of five", [1, 2], 1, -3, [5, 5]));
            b.Assign(b.Handle("table"), b.Int8("one and two", [1, 2], 1, 7, [1, 2]));
            b.Assign(b.Handle("wide"), b.Tensor("big", ElementType.Int32, [2], null, [0, 1, 0, 0, 0, 0, 0, 2]));
        });
        Assert.Equal(20, model.Cost.State);
        Assert.Equal([0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0xFD, 0xFD, 5, 5, 1, 2, 9, 9], emitted.NewState(model));
        Assert.Equal(emitted.NewState(model).Length + model.Cost.Arena + 4, model.Measures.WorkingBytes);
    }

    // y = (v + v) / 2 of the last six numbers.
    [Fact]
    public void A_delay_line_remembers_what_came_before()
    {
        (EmittedModels emitted, CompiledModel model) = Emit("Remembers", DelayLine);
        Graph graph = Graphs.Of(DelayLine);
        byte[] state = emitted.NewState(model);
        Values? values = null;
        foreach ((byte[] input, byte[] expected) in new (byte[], byte[])[] { ([1, 2], [0, 0, 0, 0, 1, 2]), ([3, 4], [0, 0, 1, 2, 3, 4]), ([5, 6], [1, 2, 3, 4, 5, 6]), ([7, 8], [3, 4, 5, 6, 7, 8]) })
        {
            values = Engines.Reference(graph, [input], values);
            Assert.Equal(expected, values.Bytes(graph.Outputs[0]));
            Assert.Equal(expected, emitted.Run(model, [input], state).Outputs[0]);
        }
    }

    [Fact]
    public void Two_streams_do_not_touch_each_other()
    {
        (EmittedModels emitted, CompiledModel model) = Emit("Streams", DelayLine);
        byte[][][] first = [[[1, 2]], [[3, 4]], [[5, 6]], [[7, 8]]], second = [[[40, 30]], [[20, 10]], [[0, 9]], [[8, 7]]];
        byte[][] Alone(byte[][][] stream)
        {
            byte[] state = emitted.NewState(model);
            return [.. stream.Select(inputs => emitted.Run(model, inputs, state).Outputs[0])];
        }

        byte[] one = emitted.NewState(model), other = emitted.NewState(model);
        for (int step = 0; step < first.Length; step++)
        {
            Assert.Equal(Alone(first)[step], emitted.Run(model, first[step], one).Outputs[0]);
            Assert.Equal(Alone(second)[step], emitted.Run(model, second[step], other).Outputs[0]);
        }

        // Without its past, the last input gives something else.
        Assert.NotEqual(Alone(first)[^1], Alone(first[^1..])[0]);
    }

    [Fact]
    public void A_state_that_was_reset_is_a_new_one()
    {
        (EmittedModels emitted, CompiledModel model) = Emit("Reset", DelayLine);
        byte[] state = emitted.NewState(model), fresh = [.. state];
        emitted.Run(model, [[1, 2]], state);
        Assert.NotEqual(fresh, state);
        emitted.Reset(model, state);
        Assert.Equal(fresh, state);
    }

    [Fact]
    public void A_state_may_be_longer_but_not_shorter_than_the_model_needs()
    {
        (EmittedModels emitted, CompiledModel model) = Emit("Lengths", DelayLine);
        byte[] longer = [.. emitted.NewState(model), 77];
        Assert.Equal(emitted.Run(model, [[1, 2]]).Outputs[0], emitted.Run(model, [[1, 2]], longer).Outputs[0]);
        Assert.Equal(77, longer[^1]);

        ArgumentException short1 = Assert.Throws<ArgumentException>(() => emitted.Run(model, [[1, 2]], longer[..3]));
        Assert.Equal("The span has 3 elements and must have at least 4. (Parameter 'state')", short1.Message);
        ArgumentException short2 = Assert.Throws<ArgumentException>(() => emitted.Reset(model, longer[..3]));
        Assert.Equal(short1.Message, short2.Message);
    }

    [Fact]
    public void A_model_without_variables_has_no_state()
    {
        CompiledModel model = Compile("Stateless", b =>
        {
            (int x, int y) = (Int8(b, "x"), Int8(b, "y"));
            b.Operator(Schema.Builtin.Add, [x, x], [y]);
            b.Ports([x], [y]);
        });
        Assert.DoesNotContain("state)", SurfaceWriter.Write(model));
        Assert.DoesNotContain("StateBytes", SurfaceWriter.Write(model));
        Assert.Contains("State = 0,", SurfaceWriter.Write(model));
    }

    [Fact]
    public void A_model_that_failed_keeps_the_surface_of_its_state()
    {
        CompiledModel model = Compile("Failed", b =>
        {
            DelayLine(b);
            b.Operator(31, [0], [b.Int8("z", [1, 2], 1, 0)]);
        });
        Assert.False(model.Succeeded);
        string surface = SurfaceWriter.Write(model);
        Assert.Contains("Span<sbyte> state)", surface);
        Assert.Contains("public const int StateBytes = 0;", surface);
        Assert.Contains("public static void ResetState(", surface);
    }

    [Fact]
    public void A_budget_counts_the_state()
    {
        CompiledModel model = Compile("Budget", DelayLine);
        Assert.Equal(4, model.Cost.State);
        Budget budget = Budget.None.With(BudgetFigure.Ram, new BudgetLimit(model.Cost.Ram - 1, BudgetSource.Attribute));
        Assert.Contains("state 4 + stack", Assert.Single(budget.Check("M", model.Cost)).Message);
    }

    [Fact]
    public void What_cannot_be_initialised_is_refused()
    {
        Assert.Contains("ADD runs in CALL_ONCE, where only constants can be assigned", Message(b => Initialised(b, () =>
        {
            // A variable's value is not known before the first inference.
            int h = b.Handle("other"), was = b.Int8("was", [1, 4], 1, 0), sum = b.Int8("sum", [1, 4], 1, 0);
            b.Read(h, was);
            b.Operator(Schema.Builtin.Add, [was, was], [sum]);
            b.Assign(b.Handle("h"), sum);
        })));
        Assert.Contains("is initialised as int8[1, 3] and used as int8[1, 4]", Message(b => Initialised(b, () =>
            b.Assign(b.Handle("h"), b.Int8("short", [1, 3], 1, 0, [1, 2, 3])))));
        Assert.Contains("CALL_ONCE is supported at the start of an entry point only", Message(b => Initialised(b, () => b.CallOnce(1))));
        Assert.Contains("CALL_ONCE refers to subgraph 0 of 1", Message(b =>
        {
            b.CallOnce(0);
            DelayLine(b);
        }));
        Assert.Contains("CALL_ONCE is supported at the start of an entry point only", Message(b =>
        {
            DelayLine(b);
            b.CallOnce(1);
            b.NextSubgraph();
        }));
    }

    [Fact]
    public void What_is_computed_from_constants_can_be_initialised()
    {
        (EmittedModels emitted, CompiledModel model) = Emit("Computed", b => Initialised(b, () =>
        {
            int c = b.Int8("c", [1, 4], 1, 0, [1, 2, 3, 4]), sum = b.Int8("sum", [1, 4], 1, 0);
            b.Operator(Schema.Builtin.Add, [c, c], [sum]);
            b.Assign(b.Handle("h"), sum);
        }));
        Assert.Equal([2, 4, 6, 8], emitted.NewState(model));
    }

    [Fact]
    public void Handles_go_to_READ_VARIABLE_and_ASSIGN_VARIABLE_only()
    {
        Assert.Contains("RESHAPE and the handle of a variable do not go together", Message(b =>
        {
            DelayLine(b);
            b.Operator(Schema.Builtin.Reshape, [1], [b.Int8("z", [1, 2], 1, 0)]);
        }));
        Assert.Contains("READ_VARIABLE and the handle of a variable do not go together", Message(b =>
        {
            DelayLine(b);
            b.Read(0, b.Int8("z", [1, 2], 1, 0));
        }));
        Assert.Contains("output 'h' is a variable", Message(b =>
        {
            DelayLine(b);
            b.Ports([0], [5, 1]);
        }));
        Assert.Contains("'h' is a resource, which the caller cannot provide", Message(b =>
        {
            int h = b.Tensor(FlatValue.Table(
                (Schema.Tensor.Type, FlatValue.Int32(Schema.ResourceType)), (Schema.Tensor.Name, FlatValue.Text("h")), (Schema.Tensor.Buffer, FlatValue.Int32(0))));
            int y = b.Int8("y", [1, 2], 1, 0);
            b.Read(h, y);
            b.Ports([h], [y]);
        }));
    }

    [Theory]
    [InlineData(nameof(ElementType.Int8), 3, 1f, 0, "needs output 0 with 2 elements")]
    [InlineData(nameof(ElementType.Int16), 2, 1f, 0, "needs output 0 as int8")]
    [InlineData(nameof(ElementType.Int8), 2, 2f, 0, "needs equal quantisation")]
    [InlineData(nameof(ElementType.Int8), 2, 1f, 5, "needs equal quantisation")]
    public void All_values_of_a_variable_are_of_one_kind(string type, int count, float scale, int zeroPoint, string demand) => Assert.Contains(
        demand, Message(b =>
        {
            (int x, int h, int y) = (Int8(b, "x"), b.Handle("h"), Int8(b, "y"));
            int read = b.Tensor("read", Enum.Parse<ElementType>(type), [1, count], TfliteBuilder.Quantized(scale, zeroPoint));
            b.Assign(h, x);
            b.Read(h, read);
            b.Operator(Schema.Builtin.Add, [x, x], [y]);
            b.Ports([x], [y]);
        }));

    [Fact]
    public void A_variable_with_a_value_in_the_file_is_refused() => Assert.Contains("is a variable with a value in the file", Message(b =>
    {
        Accumulator(b);
        b.Tensor(FlatValue.Table(
            (Schema.Tensor.Shape, FlatValue.Int32s([2])), (Schema.Tensor.Type, FlatValue.Int32(9)), (Schema.Tensor.Name, FlatValue.Text("v")),
            (Schema.Tensor.Buffer, FlatValue.Int32(b.Buffer(FlatValue.Table((Schema.Buffer.Data, FlatValue.Bytes([1, 2])))))),
            (Schema.Tensor.IsVariable, FlatValue.Int32(1))));
    }));

    [Fact]
    public void Variables_of_uint8_start_where_the_file_says()
    {
        static void Build(TfliteBuilder b, bool isInitialised)
        {
            Quantization q = TfliteBuilder.Quantized(1, 130);
            int x = b.Tensor("x", ElementType.UInt8, [1, 2], q), was = b.Tensor("was", ElementType.UInt8, [1, 2], q), y = b.Tensor("y", ElementType.UInt8, [1, 2], q);
            if (isInitialised) b.CallOnce(1);
            int h = b.Handle("h");
            b.Read(h, was);
            b.Operator(Schema.Builtin.Add, [x, was], [y]);
            b.Assign(h, y);
            b.Ports([x], [y]);
            if (!isInitialised) return;
            b.NextSubgraph();
            b.Assign(b.Handle("h"), b.Tensor("c", ElementType.UInt8, [1, 2], q, [131, 129]));
        }

        // 3 + 0 and 4 + 0; then 3 + 1 and 4 - 1.
        (EmittedModels emitted, CompiledModel model) = Emit("Zero", b => Build(b, isInitialised: false));
        Assert.Equal([133, 134], emitted.Run(model, [[133, 134]]).Outputs[0]);
        (emitted, model) = Emit("One", b => Build(b, isInitialised: true));
        byte[] state = emitted.NewState(model);
        Assert.Equal([134, 133], emitted.Run(model, [[133, 134]], state).Outputs[0]);
        Assert.Equal([135, 133], emitted.Run(model, [[131, 130]], state).Outputs[0]);
    }

    // y = twice the input before last, the last one and this one: what was read and what is kept overlap.
    private static void DelayLine(TfliteBuilder b)
    {
        int x = b.Int8("x", [1, 2], 1, 0), h = b.Handle("h"), old = b.Int8("old", [1, 4], 1, 0), both = b.Int8("both", [1, 6], 1, 0);
        int next = b.Int8("next", [1, 4], 1, 0), y = b.Int8("y", [1, 6], 2, 0);
        b.Read(h, old);
        b.Operator(Schema.Builtin.Concatenation, [old, x], [both], (0, FlatValue.Int32(1)));
        b.Operator(Schema.Builtin.StridedSlice, [both, b.Int32("begin", 0, 2), b.Int32("end", 1, 6), b.Int32("strides", 1, 1)], [next], Slice);
        b.Assign(h, next);
        b.Operator(Schema.Builtin.Add, [both, both], [y]);
        b.Ports([x], [y]);
    }

    private static void Initialised(TfliteBuilder b, Action initialise)
    {
        b.CallOnce(1);
        DelayLine(b);
        b.NextSubgraph();
        initialise();
    }

    // v += x; y = v · x, with a tensor that is marked as variable and operators that do not care.
    private static void Accumulator(TfliteBuilder b)
    {
        int x = b.Int8("x", [1, 2], 1, 0), v = b.Variable("v", ElementType.Int8, [1, 2], TfliteBuilder.Quantized(1, 3)), y = b.Int8("y", [1, 2], 1, 0);
        b.Operator(Schema.Builtin.Add, [x, v], [v]);
        b.Operator(Schema.Builtin.Mul, [v, x], [y]);
        b.Ports([x], [y]);
    }

    private static int Int8(TfliteBuilder b, string name) => b.Int8(name, [1, 2], 1, 0);

    private static byte[] Build(Action<TfliteBuilder> build)
    {
        var builder = new TfliteBuilder();
        build(builder);
        return builder.Build();
    }

    private static CompiledModel Compile(string name, Action<TfliteBuilder> build) => Compiler.Compile(
        new ModelFile(name + ".tflite", Build(build)), new CompileOptions { ClassName = "State" + name }, CancellationToken.None);

    private static (EmittedModels Emitted, CompiledModel Model) Emit(string name, Action<TfliteBuilder> build)
    {
        CompiledModel model = Compile(name, build);
        Assert.True(model.Succeeded, string.Join("\n", model.Problems));
        return (new EmittedModels([model], isChecked: false), model);
    }

    private static string Message(Action<TfliteBuilder> build) => string.Join("\n", Compile("Refused", build).Problems.Select(p => p.Message));
}
