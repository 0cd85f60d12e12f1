using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>PAD and PADV2: the input surrounded by the output's zero point (INT16: by 0), or by the stored value that input 2 of PADV2 holds.</summary>
/// <remarks>pad.cc of TFLite Micro.</remarks>
/// <param name="SchemaName">Which of the two it is.</param>
internal sealed record Pad(string SchemaName) : Op
{
    /// <summary>For each dimension the elements before and after, flattened; null when they are not constant.</summary>
    public required EquatableArray<int>? Paddings { get; init; }

    public override string Name => SchemaName;

    // ---- import ----
    public static Op ImportPad(OperatorReader r) => new Pad("PAD") { Inputs = r.Inputs, Outputs = r.Outputs, Paddings = r.Integers(1) };

    public static Op ImportPadV2(OperatorReader r) => new Pad("PADV2") { Inputs = r.Inputs, Outputs = r.Outputs, Paddings = r.Integers(1) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = StridedCopy.Check(c, 0, 0);
        c.Require(Paddings is not null, "needs constant paddings");
        if (HasValue)
        {
            if (input is not null) c.Input(2).Type(input.Type).Constant().Narrow().Elements(1);
            c.SameQuantization(2, 0);
        }

        if (!c.Holds) return;

        int rank = input!.Shape.Count;
        c.Require(Paddings!.Value.Count == 2 * rank && Paddings.Value.All(p => p is >= 0 and < 1 << 24), $"needs two paddings that are not negative for each of {rank} dimensions");
        if (c.Holds) c.Output(0).Shape([.. input.Shape.Select((size, d) => Before(d) + size + After(d))]);
    }

    public int Before(int dimension) => Paddings!.Value[2 * dimension];

    public int After(int dimension) => Paddings!.Value[(2 * dimension) + 1];

    /// <summary>True when there is a last dimension and nothing is added along it.</summary>
    public bool KeepsChannels => Paddings is { Count: > 0 } paddings && paddings[paddings.Count - 1] == 0 && paddings[paddings.Count - 2] == 0;

    /// <summary>The stored value around the input.</summary>
    public double Value(Graph graph)
    {
        Tensor output = graph[Outputs[0]];
        if (!HasValue) return output.Quantization is null || output.Type == ElementType.Int16 ? 0 : output.ZeroPoint;
        return output.Type == ElementType.Float32 ? graph[Inputs[2]].Floats()[0] : Integers(graph, 2)[0];
    }

    public override IEnumerable<Move> Moves(Graph graph) => [Inside(graph)];

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph), Value(values.Graph));

    // ---- kernel ----
    public override bool IsRowwise(Graph graph) => graph[Outputs[0]].Shape.Count == 4 && Before(1) + After(1) == 0;

    public override Layer SelectKernel(Graph graph, CompileOptions options) =>
        StridedCopy.Layer(graph, this, "Pad", Moves(graph), Value(graph));

    private bool HasValue => SchemaName == "PADV2" && Input(2) >= 0;

    private Move Inside(Graph graph)
    {
        Tensor input = graph[Inputs[0]];
        int[] strides = Shapes.Strides(graph[Outputs[0]].Shape);
        return Move.Of(0, input.Shape, strides, strides.Select((stride, d) => stride * Before(d)).Sum(), Shapes.Strides(input.Shape), 0);
    }
}
