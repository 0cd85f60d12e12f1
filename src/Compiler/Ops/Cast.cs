using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>CAST between INT32, INT64 and BOOL; only of constants. A number is true when it is not 0.</summary>
/// <remarks>cast.cc of TFLite Micro.</remarks>
internal sealed record Cast : Op
{
    public override string Name => "CAST";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Cast { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Type(ElementType.Int32, ElementType.Int64, ElementType.Bool).Constant().Narrow().Tensor;
        c.Output(0).Type(ElementType.Int32, ElementType.Int64, ElementType.Bool);
        if (c.Holds) c.Output(0).Shape(input!.Shape.ToArray());
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        bool isBool = values.Graph[Outputs[0]].Type == ElementType.Bool;
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), x => isBool && x != 0 ? 1 : x));
    }
}
