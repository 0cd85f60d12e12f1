using System;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>RANGE: start, start + delta, … before limit; only of constants.</summary>
/// <remarks>range.cc of TFLite.</remarks>
internal sealed record RangeOp : Op
{
    public override string Name => "RANGE";

    // ---- import ----
    public static Op Import(OperatorReader r) => new RangeOp { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        for (int i = 0; i < 3; i++) c.Input(i).Type(ElementType.Int32, ElementType.Int64).Constant().Narrow().Elements(1);
        if (!c.Holds) return;

        (int start, int limit, int delta) = Numbers(c.Graph);
        c.Output(0).Type(c.Graph[Inputs[0]].Type);
        c.Require(delta != 0 && limit > start == delta > 0 && limit != start, "needs a delta that leads from start to limit");
        if (!c.Holds) return;
        long span = Math.Abs((long)limit - start), step = Math.Abs((long)delta), count = (span + step - 1) / step;
        c.Require(count <= 1 << 24, "needs fewer elements");
        if (c.Holds) c.Output(0).Shape((int)count);
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        (int start, _, int delta) = Numbers(values.Graph);
        values.Set(Outputs[0], Enumerable.Range(0, values.Graph[Outputs[0]].ElementCount).Select(i => start + (i * delta)).ToArray());
    }

    private (int Start, int Limit, int Delta) Numbers(Graph graph) => (Integers(graph, 0)[0], Integers(graph, 1)[0], Integers(graph, 2)[0]);
}
