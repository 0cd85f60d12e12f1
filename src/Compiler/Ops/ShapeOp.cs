using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SHAPE: the input's dimensions. They are known at compile time, so that <c>FoldConstants</c> always computes it.</summary>
internal sealed record ShapeOp : Op
{
    public override string Name => "SHAPE";

    // ---- import ----
    public static Op Import(OperatorReader r) => new ShapeOp { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Tensor;
        c.Output(0).Type(ElementType.Int32, ElementType.Int64);
        if (c.Holds) c.Output(0).Shape(input!.Shape.Count);
    }

    public override bool ReadsOnlyShapes => true;

    // ---- reference ----
    public override void Reference(Values values) => values.Set(Outputs[0], values.Graph[Inputs[0]].Shape.ToArray());
}
