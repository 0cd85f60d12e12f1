using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>REDUCE_MAX and REDUCE_MIN over any dimensions: the largest or smallest stored value; input and output have one quantisation.</summary>
/// <remarks>reduce_common.cc of TFLite Micro.</remarks>
/// <param name="IsMax">Which of the two it is.</param>
internal sealed record ReduceMax(bool IsMax, Reduction Reduction) : Op
{
    public override string Name => IsMax ? "REDUCE_MAX" : "REDUCE_MIN";

    // ---- import ----
    public static Op ImportMax(OperatorReader r) => new ReduceMax(true, Reduction.Import(r)) { Inputs = r.Inputs, Outputs = r.Outputs };

    public static Op ImportMin(OperatorReader r) => new ReduceMax(false, Reduction.Import(r)) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Reduction.Check(c);
        c.SameQuantization(0, 0);
    }

    // ---- reference ----
    public override void Reference(Values values) =>
        Reduction.Reference(values, this, IsMax ? values.Graph[Inputs[0]].Type.Min() : values.Graph[Inputs[0]].Type.Max(), IsMax ? Math.Max : Math.Min, acc => acc);

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        string type = graph[Inputs[0]].Type.Keyword();
        return Reduction.Layer(
            graph, this, IsMax ? "ReduceMax" : "ReduceMin", options, [],
            IsMax ? $"{type}.MinValue" : $"{type}.MaxValue", IsMax ? "acc = Math.Max(acc, {0});" : "acc = Math.Min(acc, {0});", [], $"({type})acc");
    }
}
