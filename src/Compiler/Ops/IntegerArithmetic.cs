using System;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>ADD, SUB and MUL of INT32 constants, modulo 2^32: the shape arithmetic that exporters leave behind.</summary>
/// <param name="SchemaName">Which of them it is.</param>
/// <param name="Activation">None is supported.</param>
internal sealed record IntegerArithmetic(string SchemaName, Activation Activation) : Op
{
    public override string Name => SchemaName;

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? a = c.Input(0).Int32().Constant().Tensor, b = c.Input(1).Int32().Constant().Tensor;
        c.Output(0).Int32();
        c.Require(Activation == Activation.None, "of INT32 has an activation, which is not supported");
        if (!c.Holds) return;

        int[]? shape = Shapes.Broadcast(a!.Shape, b!.Shape);
        c.Require(shape is not null, $"needs inputs that broadcast, and they have the shapes [{a.Shape}] and [{b.Shape}]");
        if (shape is not null) c.Output(0).Shape(shape);
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        Tensor a = values.Graph[Inputs[0]], b = values.Graph[Inputs[1]], output = values.Graph[Outputs[0]];
        int[] x = values.Integers(Inputs[0]), y = values.Integers(Inputs[1]), z = new int[output.ElementCount];
        int[][] strides = [Shapes.BroadcastStrides(a.Shape, output.Shape), Shapes.BroadcastStrides(b.Shape, output.Shape)];
        Shapes.ForEach(output.Shape, strides, (i, at) => z[i] = Result(x[at[0]], y[at[1]]));
        values.Set(Outputs[0], z);
    }

    private int Result(int a, int b) => SchemaName switch
    {
        "ADD" => unchecked(a + b),
        "SUB" => unchecked(a - b),
        "MUL" => unchecked(a * b),
        _ => throw new InvalidOperationException($"no arithmetic for {SchemaName}"),
    };
}
