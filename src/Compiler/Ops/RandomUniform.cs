using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>RANDOM_UNIFORM: random numbers. Nothing computes them: <c>RemoveDropout</c> removes those of a training's dropout, others are refused.</summary>
internal sealed record RandomUniform : Op
{
    public override string Name => "RANDOM_UNIFORM";

    // ---- import ----
    public static Op Import(OperatorReader r) => new RandomUniform { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        c.Output(0);
        c.Break(Diagnostics.Ids.UnsupportedOperator, "draws random numbers, as training does: export the model for inference (training=False)");
    }

    // ---- reference ----
    public override void Reference(Values values) => throw new InvalidOperationException("the contract of RANDOM_UNIFORM never holds");
}
