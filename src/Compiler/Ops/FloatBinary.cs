using System;
using System.Collections.Generic;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>Operators on two FLOAT32 tensors that broadcast, as a quantised model has them after DEQUANTIZE or before QUANTIZE.</summary>
/// <remarks>reference/add.h, sub.h, mul.h, div.h, maximum_minimum.h and squared_difference.cc of TFLite: single precision. Where there is
/// an activation, even none, the result is clamped, to the largest finite numbers at least: an infinity does not pass.</remarks>
/// <param name="SchemaName">Which of them it is: a key of the formulas.</param>
/// <param name="Activation">Of ADD, SUB, MUL and DIV.</param>
internal sealed record FloatBinary(string SchemaName, Activation Activation) : Op
{
    // The result for a and b as it is computed here, and the same in emitted code; then whether it has an activation.
    private static readonly Dictionary<string, (string Name, Func<float, float, float> Of, string Code, bool HasActivation)> Formulas = new()
    {
        ["ADD"] = ("Add", (a, b) => (float)(a + b), "a + b", true),
        ["DIV"] = ("Div", (a, b) => (float)(a / b), "a / b", true),
        ["MAXIMUM"] = ("Maximum", (a, b) => a > b ? a : b, "a > b ? a : b", false),
        ["MINIMUM"] = ("Minimum", (a, b) => a < b ? a : b, "a < b ? a : b", false),
        ["MUL"] = ("Mul", (a, b) => (float)(a * b), "a * b", true),
        ["SQUARED_DIFFERENCE"] = ("SquaredDifference", (a, b) => (float)((float)(a - b) * (float)(a - b)), "(a - b) * (a - b)", false),
        ["SUB"] = ("Sub", (a, b) => (float)(a - b), "a - b", true),
    };

    public override string Name => SchemaName;

    // ---- import ----
    public static Func<OperatorReader, Op> Import(string name) =>
        r => new FloatBinary(name, Formulas[name].HasActivation ? r.Activation(0) : Activation.None) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Elementwise.Check(c, 2, ElementType.Float32, ElementType.Float32);
        c.Require(Activation <= Activation.Relu6, "has an activation that is not supported");
    }

    public override string Describe(Graph graph) => Name + " of float32" + Activation.Describe();

    public override int ElementwiseInputs => 2;

    // ---- reference ----
    public override void Reference(Values values)
    {
        (_, Func<float, float, float> of, _, bool hasActivation) = Formulas[SchemaName];
        (float min, float max) = Range;
        Elementwise.Reference<float, float>(values, this, (a, b) =>
        {
            float result = of(a, b);
            if (!hasActivation) return result;
            return result < min ? min : result > max ? max : result;
        });
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        (string name, _, string code, bool hasActivation) = Formulas[SchemaName];
        Op op = this with { Inputs = new[] { Inputs[0], Inputs[1] } };
                if (!hasActivation) return Elementwise.Layer(graph, op, "Float" + name, options, [], ["float a = {1}, b = {2};"], code);
        return Elementwise.Layer(
            graph, op, "Float" + name, options,
            [$"const float ActivationMin = {Names.Float(Range.Min)}, ActivationMax = {Names.Float(Range.Max)};"],
            ["float a = {1}, b = {2};", $"float result = {code};"],
            "result < ActivationMin ? ActivationMin : result > ActivationMax ? ActivationMax : result");
    }

    private (float Min, float Max) Range => Activation switch
    {
        Activation.Relu => (0, float.MaxValue),
        Activation.ReluN1To1 => (-1, 1),
        Activation.Relu6 => (0, 6),
        _ => (-float.MaxValue, float.MaxValue),
    };
}
