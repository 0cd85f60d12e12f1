using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>MAXIMUM and MINIMUM: the larger or smaller of the stored values, which are never rescaled.</summary>
/// <remarks>maximum_minimum.cc of TFLite Micro: where the quantisations differ, stored values are compared all the same.</remarks>
/// <param name="IsMaximum">Which of the two it is.</param>
internal sealed record Maximum(bool IsMaximum) : Op
{
    public override string Name => IsMaximum ? "MAXIMUM" : "MINIMUM";

    // ---- import ----
    public static Op ImportMaximum(OperatorReader r) => new Maximum(true) { Inputs = r.Inputs, Outputs = r.Outputs };

    public static Op ImportMinimum(OperatorReader r) => new Maximum(false) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c) => Binary.Check(c, types: ElementTypes.Quantized);

    public override int ElementwiseInputs => 2;

    // ---- reference ----
    public override void Reference(Values values) => Binary.ReferenceOfStored(values, this, IsMaximum ? Math.Max : Math.Min);

    // ---- kernel ----
    public override bool IsRowwise(Graph graph) => true;

    public override Layer SelectKernel(Graph graph, CompileOptions options) => Binary.Layer(
        graph, this, IsMaximum ? "Maximum" : "Minimum", options, [], ["int a = {1}, b = {2};"],
        $"({graph[Outputs[0]].Type.Keyword()})Math.{(IsMaximum ? "Max" : "Min")}(a, b)");
}
