using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SUB: as ADD with the second input negated, but TensorFlow Lite Micro computes the multipliers in single precision.</summary>
/// <remarks>Prepare of sub_common.cc in TFLite Micro; TFLite's own, which is the reference for UINT8, does it in double.</remarks>
internal sealed record Sub : Op
{
    public required Activation Activation { get; init; }

    public override string Name => "SUB";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Sub { Inputs = r.Inputs, Outputs = r.Outputs, Activation = r.Activation(0) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Binary.Check(c, Activation, types: ElementTypes.Quantized);
        if (c.Holds && XnnpackSum.Of(c.Graph, this, -1) is null) Of(c.Graph).Check(c);
    }

    public override string Describe(Graph graph) => Name + Activation.Describe();

    public override int ElementwiseInputs => 2;

    // ---- reference ----
    public override void Reference(Values values)
    {
        if (XnnpackSum.Of(values.Graph, this, -1) is { } sum) sum.Reference(values, this, Activation);
        else Of(values.Graph).Reference(values, this, Activation, -1);
    }

    // ---- kernel ----
    public override bool IsRowwise(Graph graph) => true;

    public override Layer SelectKernel(Graph graph, CompileOptions options) =>
        XnnpackSum.Of(graph, this, -1) is { } sum
            ? sum.Layer(graph, this, "Sub", Activation, options)
            : Of(graph).Layer(graph, this, "Sub", "-", Quantize.Range(Activation, graph[Outputs[0]]), options);

    private ScaledSum Of(Graph graph)
    {
        if (graph[Inputs[0]].HasUInt8Rules) return ScaledSum.InDouble(graph[Inputs[0]], graph[Inputs[1]], graph[Outputs[0]]);
        int leftShift = ScaledSum.LeftShiftOf(graph[Inputs[0]]);
        float scale1 = graph[Inputs[0]].Scale, scale2 = graph[Inputs[1]].Scale, output = graph[Outputs[0]].Scale;
        float twice = (float)(2 * Math.Max(scale1, scale2));
        return new ScaledSum(
            leftShift,
            Multiplier.Of((float)(scale1 / twice)),
            Multiplier.Of((float)(scale2 / twice)),
            Multiplier.Of((float)(twice / (float)((1 << leftShift) * output))));
    }
}
