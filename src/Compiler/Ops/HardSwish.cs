using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>HARD_SWISH: x · relu6(x + 3) / 6 in 16-bit fixed point; a table after <c>TabulateUnary</c>.</summary>
/// <remarks>hard_swish_common.cc and reference/hard_swish.h of TFLite.</remarks>
internal sealed record HardSwish : Op
{
    public override string Name => "HARD_SWISH";

    // ---- import ----
    public static Op Import(OperatorReader r) => new HardSwish { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Tensor;
        c.Output(0).Int8();
        if (!c.Holds) return;
        c.Output(0).Shape(input!.Shape.ToArray());
        (Multiplier toOutput, Multiplier toReluish) = Factors(c.Graph);
        c.RequireQuantization(toOutput.Shift is <= 0 and >= -31, "needs an output scale that is not below 1/128 of the input's");
        c.RequireQuantization(toReluish.Shift is <= 16 and >= -31, "needs an input scale from 2^-40 to 768");
    }

    public override int ElementwiseInputs => 1;

    // ---- reference ----
    public override void Reference(Values values)
    {
        (Multiplier toOutput, Multiplier toReluish) = Factors(values.Graph);
        int outputFactor = High16(toOutput.Value), reluishFactor = High16(toReluish.Value);
        Tensor input = values.Graph[Inputs[0]], output = values.Graph[Outputs[0]];
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), q =>
        {
            int x = (q - input.ZeroPoint) * 128; // 7 more bits
            int scaled = DoublingHighMul16(x, outputFactor);

            // relu6(x + 3) / 6 as Q15: x scaled so that ±3 is ±2^15, saturated, then moved from [-1, 1] to [0, 1].
            int reluish = x;
            if (toReluish.Shift > 0) reluish = Saturate16(reluish << (toReluish.Shift - 1));
            reluish = DoublingHighMul16(reluish, reluishFactor);
            if (toReluish.Shift > 0) reluish = Saturate16(reluish << 1);
            if (toReluish.Shift < 0) reluish = FixedPoint.RoundingDivideByPowerOfTwo(reluish, -toReluish.Shift);
            reluish = (reluish + (1 << 15)) >> 1;

            int product = reluish == -32768 && scaled == -32768 ? 32767 : reluish * scaled / (1 << 15);
            return FixedPoint.Clamp(FixedPoint.RoundingDivideByPowerOfTwo(product, -toOutput.Shift) + output.ZeroPoint, -128, 127);
        }));
    }

    private (Multiplier ToOutput, Multiplier ToReluish) Factors(Graph graph)
    {
        float high = (float)((float)(1f / 128) * graph[Inputs[0]].Scale);
        float reluish = (float)(3f / 32768);
        return (Multiplier.Of((float)(high / graph[Outputs[0]].Scale)), Multiplier.Of((float)(high / reluish)));
    }

    // DownScaleInt32ToInt16Multiplier.
    private static int High16(int multiplier) => multiplier >= int.MaxValue - (1 << 15) ? 32767 : (multiplier + (1 << 15)) >> 16;

    // SaturatingRoundingDoublingHighMul on 16 bits.
    private static int DoublingHighMul16(int a, int b)
    {
        if (a == -32768 && b == -32768) return 32767;
        int product = a * b;
        return (product + (product >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15);
    }

    private static int Saturate16(int x) => FixedPoint.Clamp(x, -32768, 32767);
}
