using System.Collections.Generic;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>RESHAPE, SQUEEZE and EXPAND_DIMS: the same bytes under another shape, which the file states for the output.</summary>
/// <param name="SchemaName">Which of the three it is.</param>
internal sealed record Reshape(string SchemaName) : Op
{
    public override string Name => SchemaName;

    // ---- import ----
    public static Op ImportReshape(OperatorReader r) => new Reshape("RESHAPE") { Inputs = r.Inputs, Outputs = r.Outputs };

    public static Op ImportSqueeze(OperatorReader r) => new Reshape("SQUEEZE") { Inputs = r.Inputs, Outputs = r.Outputs };

    public static Op ImportExpandDims(OperatorReader r) => new Reshape("EXPAND_DIMS") { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Tensor;
        if (input is null) return;
        c.Output(0).Type(input.Type).Elements(input.ElementCount);
        c.SameQuantization(0, 0);
    }

    public override bool IsView => true;

    public override IEnumerable<Move> Moves(Graph graph) => [Move.Whole(graph[Outputs[0]].ElementCount)];

    // ---- reference ----
    public override void Reference(Values values) => values.Set(Outputs[0], values[Inputs[0]]);

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => StridedCopy.Layer(graph, this, "Copy", Moves(graph));
}
