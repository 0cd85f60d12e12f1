using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>The measures of the field, of the model as it is emitted.</summary>
/// <param name="Parameters">Elements of constants in the file that operators compute with: N.</param>
/// <param name="WorkingBytes">Arena, state, inputs and outputs together.</param>
/// <param name="TrafficBefore">Bytes of activations that the file's operators read and write in one inference.</param>
/// <param name="TrafficAfter">The same for the emitted layers.</param>
/// <param name="OpsBefore">Operators in the file.</param>
/// <param name="OpsAfter">Emitted layers.</param>
/// <param name="Kernels">Distinct emitted kernels.</param>
/// <param name="ChannelImbalance">The larger of input and output channels over the smaller one, averaged over convolutions by MACs
/// (the balance of ShuffleNet V2's guideline 1: 1 is best).</param>
/// <param name="MacsBefore">Multiply-accumulate operations of the file's operators.</param>
/// <param name="WeightsBefore">Elements of the filters of the file's convolutions and fully connected layers.</param>
/// <param name="WeightsAfter">The same for the emitted layers, after constant and unread channels are dropped.</param>
/// <param name="ChannelsBefore">Output channels of these layers in the file.</param>
/// <param name="ChannelsAfter">The same for the emitted layers.</param>
internal sealed record Measures(
    long Parameters, long WorkingBytes, long TrafficBefore, long TrafficAfter, int OpsBefore, int OpsAfter, int Kernels, double ChannelImbalance,
    long MacsBefore, long WeightsBefore, long WeightsAfter, int ChannelsBefore, int ChannelsAfter)
{
    /// <summary>How many operators less each pass left, in their order; less than 0 where it added some. From <see cref="OpsBefore"/> they lead
    /// to <see cref="OpsAfter"/>.</summary>
    public EquatableArray<(string Pass, int Operators)> Removed { get; init; }

    /// <summary>The same in words.</summary>
    public IEnumerable<string> Steps => Removed.Select(step => InvariantText.Of($"{step.Pass} {(step.Operators > 0 ? "-" : "+")}{Math.Abs(step.Operators)}"));

    /// <summary>Invocations per distinct kernel.</summary>
    public double Reuse => Kernels == 0 ? 0 : (double)OpsAfter / Kernels;

    /// <summary>Processor cores by name, with MHz and cycles per MAC of plain (not hand-vectorised) generated or reference code on
    /// the MLPerf Tiny models, averaged over their published results; the source is the last part.</summary>
    public static readonly (string Core, int Megahertz, double CyclesPerMac, string Source)[] Cores =
    [
        ("Cortex-M0+", 64, 10.3, "Bosch HALE, MLPerf Tiny v1.2"),
        ("Cortex-M4", 120, 5.2, "microTVM native, MLPerf Tiny v1.0"),
        ("Cortex-M33", 200, 3.9, "TFLite Micro, MLPerf Tiny v0.7"),
        ("Cortex-M7", 280, 1.4, "Bosch HALE, MLPerf Tiny v1.2"),
    ];
}

/// <summary>Counts what the layers cost.</summary>
internal static class MeasureCost
{
    /// <summary>Stack of the emitted methods' frames besides what they take by stackalloc: Invoke, a layer, its run kernel and the
    /// arithmetic below it. Frames were measured at 48 to 244 bytes on Arm; 64-bit frames are twice as large.</summary>
    public const int FrameBytes = 512;

    /// <summary>Stack of the method that runs layers row by row.</summary>
    public const int RowFrameBytes = 256;

    // Code besides kernels, fitted to NativeAOT builds for x64 as Kernel.CodeBytes is. Invoke itself, with its tests of lengths.
    private const int InvokeBytes = 130;

    // The property of a table.
    private const int TableBytes = 13;

    // The call of a layer: its spans, two registers each, and beyond six registers the stack.
    private const int CallBytes = 40, RegisterBytes = 14, Registers = 6;

    // What every layer beyond so many costs besides: its span is out of the processor's short reach.
    private const int NearLayers = 28, FarBytes = 100;

    // The loop around a layer that is computed in place.
    private const int InPlaceBytes = 62;

    // A layer of a group that runs row by row: the tests of its clock and the places in its buffers.
    private const int RowCallBytes = 270;

    // The kernels of Etch.Runtime, once each, with what only they call; what convolutions share counts with Convolve.
    private static readonly (RuntimeKernels Kernel, int Bytes)[] RuntimeBytes =
    [
        (RuntimeKernels.Convolve, 11_100), (RuntimeKernels.ConvolveDepthwise, 8_000), (RuntimeKernels.Add, 700), (RuntimeKernels.AddPixels, 360),
        (RuntimeKernels.AddLinear, 1_060), (RuntimeKernels.MaxPool, 470), (RuntimeKernels.Lookup, 590), (RuntimeKernels.Multiply, 1_820),
        (RuntimeKernels.Softmax, 1_400), (RuntimeKernels.MultiplyMatrices, 4_600), (RuntimeKernels.Winograd, 6_050),
        (RuntimeKernels.ConvolveBytes, 7_000),
    ];

    /// <summary>Bytes of stack that the emitted code needs.</summary>
    public static long Stack(IEnumerable<Layer> layers) => FrameBytes + layers.Select(l => l.Kernel.StackBytes).DefaultIfEmpty(0).Max();

    public static ModelCost Run(ModelFile file, Graph graph, Schedule schedule, StatePlan state)
    {
        var kernels = new HashSet<object>();
        var tables = new HashSet<(ElementType, EquatableArray<byte>)>();
        var costs = new List<LayerCost>();
        long tableBytes = 0, codeBytes = InvokeBytes;

        Layer[] layers = [.. schedule.Steps.SelectMany(step => step.Layers)];
        RowGroup?[] groups = [.. schedule.Steps.SelectMany(step => step.Layers.Select(_ => step.Rows))];
        for (int i = 0; i < layers.Length; i++)
        {
            Layer layer = layers[i];
            RowGroup? group = groups[i];
            long Held(int id) => group is not null && group.Buffers.TryGetValue(graph.Root(id), out RowBuffer? rows) ? rows.Bytes + (rows.WorkAt == rows.At ? 0 : rows.KeptBytes) : graph[id].ByteCount;
            int newTables = layer.Tables.Where(t => tables.Add((t.Type, t.Data))).Sum(t => t.Data.Count);
            int newCode = CallCode(layer, i, group is not null, schedule.Plan.InPlace.ContainsKey(i))
                + (TableBytes * layer.Tables.Count) + (kernels.Add(layer.Kernel.Code) ? layer.Kernel.CodeBytes : 0);
            long ram = layer.Inputs.Distinct().Concat(layer.Outputs).Sum(Held) + layer.Kernel.StackBytes;
            tableBytes += newTables;
            codeBytes += newCode;
            costs.Add(new LayerCost($"{layer.Op.Name} {layer.Op.LayerName(graph)}", ram, newTables + newCode, layer.Op.Macs(graph)));
        }

        tableBytes += state.Resets.Select(reset => reset.Table).OfType<Table>().Where(t => tables.Add((t.Type, t.Data))).Sum(t => t.Data.Count);
        codeBytes += 40 * state.Resets.Count;
        long stack = Stack(layers) + (schedule.Steps.Any(step => step.Rows is not null) ? RowFrameBytes : 0);
        return new ModelCost(file.Name, schedule.Plan.Bytes, state.Bytes, stack, tableBytes, codeBytes, costs.Sum(c => c.Macs), costs.ToArray()) { Runtime = Runtime(layers) };
    }

    /// <summary>Estimated bytes of the kernels of Etch.Runtime that layers call.</summary>
    public static int Runtime(IEnumerable<Layer> layers)
    {
        RuntimeKernels called = layers.Aggregate(RuntimeKernels.None, (all, layer) => all | layer.Kernel.Calls);
        return RuntimeBytes.Where(r => (called & r.Kernel) != 0).Sum(r => r.Bytes);
    }

    private static int CallCode(Layer layer, int index, bool isInGroup, bool isInPlace)
    {
        if (isInGroup) return RowCallBytes;
        int slots = (2 * (layer.Inputs.Count + layer.Outputs.Count + layer.Tables.Count)) + (layer.Kernel.Rows > 0 ? 3 : 0);
        return CallBytes + (RegisterBytes * Math.Max(0, slots - Registers)) + (index >= NearLayers ? FarBytes : 0) + (isInPlace ? InPlaceBytes : 0);
    }

    public static Measures Measure(Graph file, Graph graph, IReadOnlyList<Layer> layers, ArenaPlan plan, StatePlan state, CompileOptions options)
    {
        long Bytes(Graph g, IEnumerable<int> ids) => ids.Where(id => id >= 0 && !g[id].IsConstant).Sum(id => (long)g[id].ByteCount);
        long parameters = file.Ops.SelectMany(op => op.Inputs).Where(id => id >= 0 && file[id].IsConstant).Distinct().Sum(id => (long)file[id].ElementCount);
        long callers = options.InArena ? 0 : Bytes(file, file.Inputs.Concat(file.Outputs));

        double weighted = 0;
        long macs = 0;
        foreach (Layer layer in layers.Where(l => l.Op is Conv2D or FullyConnected))
        {
            Tensor filter = graph[layer.Op.Inputs[1]];
            double inputs = filter.Shape[filter.Shape.Count - 1], outputs = filter.Shape[0];
            long cost = layer.Op.Macs(graph);
            weighted += cost * Math.Max(inputs, outputs) / Math.Min(inputs, outputs);
            macs += cost;
        }

        IEnumerable<Op> Filters(Graph g) => g.Ops.Where(op => op is Conv2D or DepthwiseConv2D or FullyConnected);
        long Weights(Graph g) => Filters(g).Sum(op => (long)g[op.Inputs[1]].ElementCount);
        int Channels(Graph g) => Filters(g).Sum(op => ChannelRanges.Channels(g[op.Outputs[0]]));

        return new Measures(
            parameters, plan.Bytes + state.Bytes + callers,
            file.Ops.Sum(op => Bytes(file, op.Inputs) + Bytes(file, op.Outputs)),
            layers.Sum(l => Bytes(graph, l.Inputs) + Bytes(graph, l.Outputs)),
            file.Ops.Count, layers.Count, layers.Select(l => l.Kernel.Code).Distinct().Count(), macs == 0 ? 1 : weighted / macs,
            file.Ops.Sum(op => op.Macs(file)), Weights(file), Weights(graph), Channels(file), Channels(graph));
    }
}
