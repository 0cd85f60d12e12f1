using System;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>LOGISTIC: 1 / (1 + e^−x): INT8 by gemmlowp's fixed point, UINT8 in single precision, both a table after <c>TabulateUnary</c>;
/// INT16 between the points of TFLite's table.</summary>
/// <remarks>logistic_common.cc of TFLite Micro; activations.cc of TFLite for UINT8. The output has scale 1/256 and the smallest zero point;
/// INT16 1/32768 and 0.</remarks>
internal sealed record Logistic : Op
{
    public override string Name => "LOGISTIC";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Logistic { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        if (!Argument16.Check(c, out Tensor? input, out Tensor? output)) return;
        if (input!.Type == ElementType.Int16) return;
        int smallest = output!.Type.Min();
        c.RequireQuantization(output.Scale == 1f / 256 && output.ZeroPoint == smallest, $"needs an output with scale 1/256 and zero point {smallest}");
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
            Argument16.Reference(values, this, isTanh: false, x => (float)(1f / (float)(1f + (float)Math.Exp(-x))));
            return;
        }

        ScaledArgument argument = ScaledArgument.Of(input);
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), q => argument.Apply(
            q, -128, 127, x => FixedPoint.RoundingDivideByPowerOfTwo(FixedPoint.Logistic(x), 23) - 128)));
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => Argument16.Of(graph[Inputs[0]], isTanh: false).Layer(graph, this, "Logistic", options);
}

/// <summary>The argument of LOGISTIC and TANH in Q4, and the radius outside which the function is saturated.</summary>
internal sealed record ScaledArgument(int ZeroPoint, Multiplier Factor, int Radius)
{
    public static ScaledArgument Of(Tensor input)
    {
        Multiplier factor = Multiplier.Of((double)input.Scale * (1 << 27));

        // CalculateInputRadius(4 integer bits, shift, 31 bits).
        double radius = Math.Floor(15.0 * (1 << 27) / Math.Pow(2, factor.Shift));
        return new ScaledArgument(input.ZeroPoint, factor, (int)Math.Min(radius, int.MaxValue));
    }

    public int Apply(int q, int low, int high, Func<int, int> function)
    {
        int x = q - ZeroPoint;
        if (x <= -Radius) return low;
        if (x >= Radius) return high;
        return FixedPoint.Clamp(function(Factor.Apply(x)), -128, 127);
    }
}

/// <summary>The argument of LOGISTIC and TANH of INT16 in units of 1 / (3 · 2^12), as a multiplier and a right shift.</summary>
internal sealed record Argument16(bool IsTanh, int Multiplier, int Shift)
{
    /// <summary>Demands on input and output of both, and on the scales of INT16; true when they hold.</summary>
    public static bool Check(Contract c, out Tensor? input, out Tensor? output)
    {
        input = c.Input(0).Activation(ElementTypes.Quantized).Tensor;
        output = c.HasTypes ? c.Output(0).Activation(input!.Type).Tensor : null;
        if (!c.Holds) return false;
        c.Output(0).Shape(input!.Shape.ToArray());
        if (input.Type == ElementType.Int16)
        {
            c.RequireQuantization(IsPowerOfTwo(output!.Scale, out int exponent) && exponent == -15, "needs an output with scale 1/32768");
            c.RequireQuantization(input.Scale is > 1e-12f and < 2.66f, "needs an input scale from 1e-12 to 2.66");
        }

        return c.Holds;
    }

    /// <summary>Prepare of logistic_common.cc and tanh.cc in TFLite Micro.</summary>
    public static Argument16 Of(Tensor input, bool isTanh)
    {
        bool isPower = IsPowerOfTwo(input.Scale, out int exponent);
        int left = 12 + exponent;
        if (isPower && (left == 0 || (isTanh && left == 1))) return new Argument16(isTanh, 3 << left, 0);

        double multiplier = input.Scale * 4096.0 * 3.0;
        int shift = 0;
        for (; multiplier <= 32767.0 / 2.0 && shift <= 30; shift++) multiplier *= 2;
        return new Argument16(isTanh, (int)multiplier, shift);
    }

    /// <summary>INT16 by the table; UINT8 by a function in single precision, scaled and moved by the zero point after rounding.</summary>
    public static void Reference(Values values, Op op, bool isTanh, Func<float, float> function)
    {
        Tensor input = values.Graph[op.Inputs[0]], output = values.Graph[op.Outputs[0]];
        if (input.Type == ElementType.Int16)
        {
            Argument16 argument = Of(input, isTanh);
            values.Set(op.Outputs[0], Array.ConvertAll(values.Integers(op.Inputs[0]), q => isTanh
                ? FixedPoint.Tanh16(q, argument.Multiplier, argument.Shift)
                : FixedPoint.Logistic16(q, argument.Multiplier, argument.Shift)));
            return;
        }

        float inverse = (float)(1f / output.Scale);
        values.Set(op.Outputs[0], Array.ConvertAll(values.Integers(op.Inputs[0]), q =>
        {
            float y = function((float)(input.Scale * (q - input.ZeroPoint)));
            double stored = Quantize.Round((float)(y * inverse)) + output.ZeroPoint;
            return (int)Math.Max(output.Type.Min(), Math.Min(output.Type.Max(), stored));
        }));
    }

    public Layer Layer(Graph graph, Op op, string name, CompileOptions options) => Elementwise.Layer(
        graph, op, name, options,
        [InvariantText.Of($"const int Multiplier = {Multiplier}, Shift = {Shift}; // to units of 1 / (3 * 4096)")],
        [], $"(short)FixedPoint.{(IsTanh ? "Tanh16" : "Logistic16")}({{1}}, Multiplier, Shift)");

    // CheckedLog2 of TFLite, in single precision.
    private static bool IsPowerOfTwo(float x, out int exponent)
    {
        float log = (float)((float)Math.Log(x) * (float)(1.0f / (float)Math.Log(2.0)));
        float rounded = (float)Quantize.Round(log);
        exponent = (int)rounded;
        return Math.Abs((float)(log - rounded)) < 1e-3f;
    }
}
