using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>FILL: a tensor of the shape in input 0 whose elements are input 1; only of constants.</summary>
/// <remarks>fill.cc of TFLite Micro.</remarks>
internal sealed record Fill : Op
{
    public override string Name => "FILL";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Fill { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        int[]? shape = c.Integers(0);
        StridedCopy.Check(c, 1, 0);
        c.Input(1).Constant().Narrow().Elements(1);
        if (c.Holds) c.Output(0).Shape(shape!);
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        int value = Integers(values.Graph, 1)[0];
        values.Set(Outputs[0], Enumerable.Repeat(value, values.Graph[Outputs[0]].ElementCount).ToArray());
    }
}
