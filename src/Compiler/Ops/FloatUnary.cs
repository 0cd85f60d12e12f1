using System;
using System.Collections.Generic;
using Etch.Diagnostics;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>Operators on the single elements of a FLOAT32 tensor, as a quantised model has them after DEQUANTIZE or before QUANTIZE.</summary>
/// <remarks>
/// The reference kernels of TFLite (reference/logistic.h, tanh.h, floor.h, neg.h, leaky_relu.h, hard_swish.h and elementwise.cc,
/// exp.cc, activations_common.cc of TFLite Micro): single precision, in their order of operations. Powers, logarithms and tangents
/// are computed in double and rounded once, where C's functions for float may differ in the last bit.
/// </remarks>
/// <param name="SchemaName">Which of them it is: a key of the formulas.</param>
/// <param name="Alpha">The slope below 0 of LEAKY_RELU.</param>
internal sealed record FloatUnary(string SchemaName, float Alpha) : Op
{
    // Where LOGISTIC is 1 to the last bit, and where 1 adds nothing to its denominator that counts.
    private const float UpperCutoff = 16.6190472f;
    private const float LowerCutoff = -9;

    // The result for x as it is computed here, and the same in emitted code.
    private static readonly Dictionary<string, (string Name, Func<float, float, float> Of, string Code)> Formulas = new()
    {
        ["ABS"] = ("Abs", (x, _) => Math.Abs(x), "Math.Abs(x)"),
        ["CEIL"] = ("Ceil", (x, _) => (float)Math.Ceiling(x), "(float)Math.Ceiling(x)"),
        ["COS"] = ("Cos", (x, _) => (float)Math.Cos(x), "(float)Math.Cos(x)"),
        ["EXP"] = ("Exp", (x, _) => (float)Math.Exp(x), "(float)Math.Exp(x)"),
        ["FLOOR"] = ("Floor", (x, _) => (float)Math.Floor(x), "(float)Math.Floor(x)"),
        ["HARD_SWISH"] = ("HardSwish", (x, _) => HardSwish(x), "x * (x + 3 < 0 ? 0f : x + 3 > 6 ? 6f : x + 3) / 6"),
        ["LEAKY_RELU"] = ("LeakyRelu", (x, alpha) => x > 0 ? x : (float)(x * alpha), "x > 0 ? x : x * {alpha}"),
        ["LOG"] = ("Log", (x, _) => (float)Math.Log(x), "(float)Math.Log(x)"),
        ["LOGISTIC"] = ("Logistic", (x, _) => Logistic(x), "x > {upper} ? 1f : x < {lower} ? (float)Math.Exp(x) : 1f / (1f + (float)Math.Exp(-x))"),
        ["NEG"] = ("Neg", (x, _) => -x, "-x"),
        ["RELU"] = ("Relu", (x, _) => x < 0 ? 0 : x, "x < 0 ? 0f : x"),
        ["RELU6"] = ("Relu6", (x, _) => x > 6 ? 6 : x < 0 ? 0 : x, "x > 6 ? 6f : x < 0 ? 0f : x"),
        ["RELU_N1_TO_1"] = ("ReluN1To1", (x, _) => x > 1 ? 1 : x < -1 ? -1 : x, "x > 1 ? 1f : x < -1 ? -1f : x"),
        ["RSQRT"] = ("Rsqrt", (x, _) => (float)(1f / (float)Math.Sqrt(x)), "1f / (float)Math.Sqrt(x)"),
        ["SIN"] = ("Sin", (x, _) => (float)Math.Sin(x), "(float)Math.Sin(x)"),
        ["SQRT"] = ("Sqrt", (x, _) => (float)Math.Sqrt(x), "(float)Math.Sqrt(x)"),
        ["SQUARE"] = ("Square", (x, _) => (float)(x * x), "x * x"),
        ["TANH"] = ("Tanh", (x, _) => (float)Math.Tanh(x), "(float)Math.Tanh(x)"),
    };

    public override string Name => SchemaName;

    // ---- import ----
    public static Func<OperatorReader, Op> Import(string name) =>
        r => new FloatUnary(name, name == "LEAKY_RELU" ? r.Float(0) : 0) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        if (c.Input(0).Tensor is { Type: not ElementType.Float32 } input)
        {
            c.Break(Ids.UnsupportedType, $"needs float32, and input 0 is {input.Type.Name()}: TensorFlow Lite Micro computes it on float32 alone, as between DEQUANTIZE and QUANTIZE");
            return;
        }

        Elementwise.Check(c, 1, ElementType.Float32, ElementType.Float32);
        c.Require(!float.IsNaN(Alpha) && !float.IsInfinity(Alpha), "needs a finite alpha");
    }

    public override string Describe(Graph graph) => Name + " of float32";

    public override int ElementwiseInputs => 1;

    // ---- reference ----
    public override void Reference(Values values) => Elementwise.Reference<float, float>(values, this, x => Formulas[SchemaName].Of(x, Alpha));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        (string name, _, string code) = Formulas[SchemaName];
        string result = code.Replace("{alpha}", Names.Float(Alpha)).Replace("{upper}", Names.Float(UpperCutoff)).Replace("{lower}", Names.Float(LowerCutoff));
        return Elementwise.Layer(graph, this with { Inputs = new[] { Inputs[0] } }, "Float" + name, options, [], ["float x = {1};"], result);
    }

    private static float Logistic(float x)
    {
        if (x > UpperCutoff) return 1;
        return x < LowerCutoff ? (float)Math.Exp(x) : (float)(1f / (float)(1f + (float)Math.Exp(-x)));
    }

    private static float HardSwish(float x)
    {
        float moved = (float)(x + 3);
        return (float)((float)(x * (moved < 0 ? 0 : moved > 6 ? 6 : moved)) / 6);
    }
}
