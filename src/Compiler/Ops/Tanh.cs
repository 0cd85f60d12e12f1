using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>TANH: INT8 by gemmlowp's fixed point, UINT8 in single precision, both a table after <c>TabulateUnary</c>; INT16 between the
/// points of TFLite's table.</summary>
/// <remarks>tanh.cc of TFLite Micro; activations.cc of TFLite for UINT8. The output has scale 1/128 and zero point 0 (UINT8: 128); INT16
/// 1/32768 and 0.</remarks>
internal sealed record Tanh : Op
{
    public override string Name => "TANH";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Tanh { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        if (!Argument16.Check(c, out Tensor? input, out Tensor? output)) return;
        if (input!.Type == ElementType.Int16) return;
        int middle = output!.Type == ElementType.UInt8 ? 128 : 0;
        c.RequireQuantization(output.Scale == 1f / 128 && output.ZeroPoint == middle, $"needs an output with scale 1/128 and zero point {middle}");
        if (!input.HasUInt8Rules) c.Multiplier(ScaledArgument.Of(input).Factor);
    }

    public override int ElementwiseInputs => 1;

    // ---- reference ----
    public override void Reference(Values values)
    {
        if (Xnnpack.Unary(this, values.Graph[Inputs[0]], values.Graph[Outputs[0]]) is { } function)
        {
            values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), x => function(x)));
            return;
        }

        Tensor input = values.Graph[Inputs[0]];
        if (input.Type == ElementType.Int16 || input.HasUInt8Rules)
        {
            Argument16.Reference(values, this, isTanh: true, x => (float)Math.Tanh(x));
            return;
        }

        ScaledArgument argument = ScaledArgument.Of(input);
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), q => argument.Apply(
            q, -128, 127, x => FixedPoint.RoundingDivideByPowerOfTwo(FixedPoint.Tanh(x), 24))));
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => Argument16.Of(graph[Inputs[0]], isTanh: true).Layer(graph, this, "Tanh", options);
}
