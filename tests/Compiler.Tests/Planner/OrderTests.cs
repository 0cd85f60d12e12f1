using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Passes;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Layers in an order that keeps fewer bytes alive, and the same bytes as outputs.</summary>
public sealed class OrderTests
{
    [Fact]
    public void A_branch_ends_before_the_next_begins()
    {
        // As filed, both wide tensors of 400 wait for each other: 804 bytes with the first sum. One after the other they take 408.
        CompiledModel model = Compile(TwoBranches());
        Assert.Equal(["w0", "n0", "w1", "n1", "y"], Names(model));
        Assert.Equal(408, model.Plan.Bytes);
        Assert.Equal(804, ChooseStreaming.Run(model.Graph, Filed(model.Graph), model.State, model.Options).Plan.Bytes);
        Plans.AssertSound(model);
    }

    [Fact]
    public void What_gains_nothing_stays_in_the_order_of_the_file()
    {
        // The branches gain 400 bytes one after the other, and 2,000 bytes that a layer needs in any case hide it.
        CompiledModel model = Compile(TwoBranches(tail: 1000));
        Assert.Equal(["w0", "w1", "n0", "n1", "y", "wide", "wider", "z"], Names(model));
    }

    [Fact]
    public void Debugging_keeps_the_order_of_the_file() =>
        Assert.Equal(["w0", "w1", "n0", "n1", "y"], Names(Compile(TwoBranches(), o => o with { KeepTensors = true })));

    [Fact]
    public void Operators_on_a_variable_keep_their_order()
    {
        // The old value is read before the narrow layer of the first branch is stored, and the difference after it.
        CompiledModel model = Compile(TwoBranches(withVariable: true));
        Assert.Equal(["w1", "n1", "w0", "old", "n0", "y", "sum", "z"], Names(model));
        Agreement.Check("OrderState", [TwoBranches(withVariable: true)], others: 1);
    }

    [Fact]
    public void No_order_of_a_small_graph_keeps_fewer_bytes_alive()
    {
        var draw = new Draw(960);
        int gained = 0;
        for (int run = 0; run < 60; run++)
        {
            Graph graph = Rewritten(Branches(draw, draw.Int(3, 7)));
            IReadOnlyList<Layer> filed = Filed(graph);
            IReadOnlyList<Layer> order = OrderLayers.Run(graph, filed, Options) ?? filed;
            int least = Orders(graph, filed, []).Min(layers => LowerBound(graph, layers));
            Assert.Equal(least, LowerBound(graph, order));
            if (least < LowerBound(graph, filed)) gained++;
        }

        Assert.InRange(gained, 10, 60);
    }

    [Fact]
    public void Random_graphs_in_another_order_agree_with_the_reference_in_no_more_memory()
    {
        var draw = new Draw(961);
        byte[][] files = [.. Enumerable.Range(0, 40).Select(_ => Branches(draw, draw.Int(5, 20)))];
        Agreement.Check("Order", files, others: 8);
        CompiledModel[] models = [.. files.Select(file => Compile(file))];
        int[] filed = [.. files.Select(Rewritten).Select(graph => ChooseStreaming.Run(graph, Filed(graph), StatePlan.None, Options).Plan.Bytes)];
        Assert.All(models, (model, i) => Assert.InRange(model.Plan.Bytes, 0, filed[i]));
        Assert.InRange(models.Where((model, i) => model.Plan.Bytes < filed[i]).Count(), 15, 40);
        Assert.All(models, (model, i) => Assert.Equal(Names(model), Names(Compile(files[i]))));
    }

    private static readonly CompileOptions Options = new() { ClassName = "Order" };

    // The graph before order and parts are chosen.
    private static Graph Rewritten(byte[] file)
    {
        var entry = new Entry(Options, Agreement.Import(file));
        entry.Rewrite([], new Problems(), CancellationToken.None);
        return entry.Graph;
    }

    private static IReadOnlyList<Layer> Filed(Graph graph) => [.. graph.Ops.Select(op => op.SelectKernel(graph, Options))];

    private static IEnumerable<string> Names(CompiledModel model) => model.Layers.Select(layer => layer.Op.LayerName(model.Graph));

    private static int LowerBound(Graph graph, IReadOnlyList<Layer> layers) => PlanArena.Run(graph, Step.Each(layers), StatePlan.None, Options).LowerBound;

    // Every order in which what a layer reads is there.
    private static IEnumerable<IReadOnlyList<Layer>> Orders(Graph graph, IReadOnlyList<Layer> layers, List<Layer> first)
    {
        if (first.Count == layers.Count) return [[.. first]];
        HashSet<int> written = [.. graph.Inputs, .. first.SelectMany(layer => layer.Outputs)];
        return layers.Where(layer => !first.Contains(layer) && layer.Inputs.All(id => written.Contains(graph.Root(id))))
            .SelectMany(layer => Orders(graph, layers, [.. first, layer]));
    }

    private static CompiledModel Compile(byte[] file, System.Func<CompileOptions, CompileOptions>? options = null)
    {
        CompiledModel model = Compiler.Compile(new ModelFile("order.tflite", file), options is null ? Options : options(Options), CancellationToken.None);
        Assert.True(model.Succeeded, string.Join("\n", model.Problems));
        return model;
    }

    // From the input two wide layers, from each of them a narrow one, and the sum of these.
    private static byte[] TwoBranches(int tail = 0, bool withVariable = false)
    {
        var b = new TfliteBuilder();
        int x = Dense(b, "x", 8), w0 = Dense(b, "w0", 400), w1 = Dense(b, "w1", 400), n0 = Dense(b, "n0", 4), n1 = Dense(b, "n1", 4), y = Dense(b, "y", 4);
        FullyConnect(b, x, w0, 8, 400);
        FullyConnect(b, x, w1, 8, 400);
        int h = withVariable ? b.Handle("h") : 0, old = withVariable ? Dense(b, "old", 4) : 0, sum = withVariable ? Dense(b, "sum", 4) : 0;
        if (withVariable) b.Read(h, old);
        FullyConnect(b, w0, n0, 400, 4);
        if (withVariable) b.Assign(h, n0);
        FullyConnect(b, w1, n1, 400, 4);
        b.Operator(Schema.Builtin.Add, [n0, n1], [y]);
        int last = y;
        if (tail > 0)
        {
            int wide = Dense(b, "wide", tail), wider = Dense(b, "wider", tail);
            last = Dense(b, "z", 4);
            FullyConnect(b, y, wide, 4, tail);
            FullyConnect(b, wide, wider, tail, tail);
            FullyConnect(b, wider, last, tail, 4);
        }

        if (withVariable)
        {
            int now = Dense(b, "new", 4);
            b.Read(h, now);
            b.Operator(Schema.Builtin.Sub, [old, now], [sum]);
            last = Dense(b, "z", 4);
            b.Operator(Schema.Builtin.Mul, [y, sum], [last]);
        }

        b.Ports([x], [last]);
        return b.Build();
    }

    private static int Dense(TfliteBuilder b, string name, int size) => b.Int8(name, [1, size], 0.25f, 3);

    private static void FullyConnect(TfliteBuilder b, int input, int output, int inputs, int outputs)
    {
        // Of its own: equal layers of one input are computed once.
        byte[] weights = [.. Enumerable.Range(0, inputs * outputs).Select(i => (byte)((i * 37) + 11 + output))];
        b.Operator(Schema.Builtin.FullyConnected, [input, b.Int8($"filter{output}", [outputs, inputs], 0.01f, 0, weights)], [output]);
    }

    // Vectors of many sizes, each from one or two older ones; all that nobody reads are joined in the end.
    private static byte[] Branches(Draw draw, int layers)
    {
        var b = new TfliteBuilder();
        int first = draw.Int(1, 8), x = Dense(b, "x", first);
        var vectors = new List<(int Id, int Size)> { (x, first) };
        var unread = new List<(int Id, int Size)>();
        for (int i = 1; i < layers; i++)
        {
            (int Id, int Size) from = vectors[draw.Int(System.Math.Max(0, vectors.Count - 4), vectors.Count - 1)];
            (int Id, int Size)[] alike = [.. vectors.Where(v => v.Size == from.Size && v.Id != x && v.Id != from.Id)];
            bool joins = alike.Length > 0 && draw.Chance(2), isTable = !joins && draw.Chance(4);
            int size = joins || isTable ? from.Size : draw.Of(4, 4, 40, draw.Int(1, 60), 20), to = Dense(b, $"v{i}", size);
            if (joins)
            {
                (int Id, int Size) other = draw.Of(alike);
                b.Operator(Schema.Builtin.Add, [from.Id, other.Id], [to]);
                unread.Remove(other);
            }
            else if (isTable) b.Operator(Schema.Builtin.Relu, [from.Id], [to]);
            else FullyConnect(b, from.Id, to, from.Size, size);
            unread.Remove(from);
            vectors.Add((to, size));
            unread.Add((to, size));
        }

        int y = Dense(b, "y", unread.Sum(v => v.Size));
        b.Operator(Schema.Builtin.Concatenation, [.. unread.Select(v => v.Id)], [y], (0, FlatValue.Int32(1)));
        b.Ports([x], [y]);
        return b.Build();
    }
}
