using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>REDUCE_PROD: the product over some dimensions; only of INT32 constants, and modulo 2^32.</summary>
/// <remarks>reference/reduce.h of TFLite.</remarks>
internal sealed record ReduceProd : Op
{
    public required bool KeepsDimensions { get; init; }

    public override string Name => "REDUCE_PROD";

    // ---- import ----
    public static Op Import(OperatorReader r) => new ReduceProd { Inputs = r.Inputs, Outputs = r.Outputs, KeepsDimensions = r.Bool(0) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int32().Constant().Tensor;
        c.Output(0).Int32();
        int[]? axes = c.Integers(1);
        if (!c.Holds) return;

        foreach (int axis in axes!) c.Dimension(axis, input!.Shape.Count);
        if (!c.Holds) return;
        bool[] reduced = Reduced(c.Graph);
        c.Output(0).Shape([.. input!.Shape.Select((n, d) => reduced[d] ? 1 : n).Where((_, d) => KeepsDimensions || !reduced[d])]);
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        EquatableArray<int> shape = values.Graph[Inputs[0]].Shape;
        bool[] reduced = Reduced(values.Graph);
        int[] kept = Shapes.Strides([.. shape.Select((n, d) => reduced[d] ? 1 : n)]);
        int[] x = values.Integers(Inputs[0]), y = [.. Enumerable.Repeat(1, values.Graph[Outputs[0]].ElementCount)];
        Shapes.ForEach(shape, [[.. kept.Select((stride, d) => reduced[d] ? 0 : stride)]], (i, at) => y[at[0]] = unchecked(y[at[0]] * x[i]));
        values.Set(Outputs[0], y);
    }

    private bool[] Reduced(Graph graph)
    {
        bool[] reduced = new bool[graph[Inputs[0]].Shape.Count];
        foreach (int axis in Integers(graph, 1)) reduced[axis < 0 ? axis + reduced.Length : axis] = true;
        return reduced;
    }
}
