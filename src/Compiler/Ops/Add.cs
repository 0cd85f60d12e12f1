using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>ADD: both inputs scaled to twice the larger scale with 20 more bits (INT16: 15), added, requantised and clamped.</summary>
/// <remarks>Prepare of add_common.cc and reference/add.h in TFLite: the multipliers are computed in double.</remarks>
internal sealed record Add : Op
{
    public required Activation Activation { get; init; }

    public override string Name => "ADD";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Add { Inputs = r.Inputs, Outputs = r.Outputs, Activation = r.Activation(0) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Binary.Check(c, Activation, types: ElementTypes.Quantized);
        if (c.Holds && XnnpackSum.Of(c.Graph, this, 1) is null) Of(c.Graph).Check(c);
    }

    public override string Describe(Graph graph) => Name + Activation.Describe();

    public override int ElementwiseInputs => 2;

    // ---- reference ----
    public override void Reference(Values values)
    {
        if (XnnpackSum.Of(values.Graph, this, 1) is { } sum) sum.Reference(values, this, Activation);
        else Of(values.Graph).Reference(values, this, Activation, 1);
    }

    // ---- kernel ----
    public override bool IsRowwise(Graph graph) => true;

    public override Layer SelectKernel(Graph graph, CompileOptions options) =>
        XnnpackSum.Of(graph, this, 1) is { } sum
            ? sum.Layer(graph, this, "Add", Activation, options)
            : Of(graph).Layer(graph, this, "Add", "+", Quantize.Range(Activation, graph[Outputs[0]]), options);

    private ScaledSum Of(Graph graph) => ScaledSum.InDouble(graph[Inputs[0]], graph[Inputs[1]], graph[Outputs[0]]);
}

/// <summary>The arithmetic of ADD and SUB: inputs shifted left and scaled to one scale, then the sum scaled to the output's.</summary>
/// <param name="LeftShift">Bits that the inputs are shifted by: 20, or 15 for INT16.</param>
internal sealed record ScaledSum(int LeftShift, Multiplier First, Multiplier Second, Multiplier Output)
{
    public static int LeftShiftOf(Tensor input) => input.Type == ElementType.Int16 ? 15 : 20;

    /// <summary>The factors in double, as ADD has them, and SUB of TFLite for UINT8.</summary>
    public static ScaledSum InDouble(Tensor first, Tensor second, Tensor output)
    {
        int leftShift = LeftShiftOf(first);
        double scale1 = first.Scale, scale2 = second.Scale, twice = 2 * Math.Max(scale1, scale2);
        return new ScaledSum(
            leftShift, Multiplier.Of(scale1 / twice), Multiplier.Of(scale2 / twice), Multiplier.Of(twice / ((1 << leftShift) * (double)output.Scale)));
    }

    public void Check(Contract c)
    {
        c.RequireQuantization(
            First.Shift <= 0 && Second.Shift <= 0 && Output.Shift <= 0,
            $"needs an output scale above 2^-{LeftShift - 1} of the larger input scale");
    }

    /// <summary>The clamped sum of two inputs; <paramref name="sign"/> is −1 for a difference.</summary>
    public void Reference(Values values, Op op, Activation activation, int sign)
    {
        Tensor output = values.Graph[op.Outputs[0]];
        (int Min, int Max) range = Quantize.Range(activation, output);
        Binary.Reference(values, op, (a, b) =>
        {
            int sum = First.Apply(a << LeftShift) + (sign * Second.Apply(b << LeftShift));
            return FixedPoint.Clamp(Output.Apply(sum) + output.ZeroPoint, range.Min, range.Max);
        });
    }

    public Layer Layer(Graph graph, Op op, string name, string sign, (int Min, int Max) range, CompileOptions options) => Binary.Layer(
        graph, op, name, range, options,
        [
            InvariantText.Of($"const int LeftShift = {LeftShift};"),
            InvariantText.Of($"const int Multiplier1 = {First.Value}, Shift1 = {First.Shift}, Multiplier2 = {Second.Value}, Shift2 = {Second.Shift};"),
            InvariantText.Of($"const int OutputMultiplier = {Output.Value}, OutputShift = {Output.Shift};"),
        ],
        [
            "int scaled1 = FixedPoint.MultiplyByQuantizedMultiplier(a << LeftShift, Multiplier1, Shift1);",
            "int scaled2 = FixedPoint.MultiplyByQuantizedMultiplier(b << LeftShift, Multiplier2, Shift2);",
            $"int result = FixedPoint.MultiplyByQuantizedMultiplier(scaled1 {sign} scaled2, OutputMultiplier, OutputShift);",
        ],
        options.Vectors ? VectorCall(graph, op, sign, range) : null);

    // One multiplication and addition of pairs where that gives the same for all inputs, else the three factors one after the other.
    private string[]? VectorCall(Graph graph, Op op, string sign, (int Min, int Max) range)
    {
        Tensor first = graph[op.Inputs[0]], second = graph[op.Inputs[1]], output = graph[op.Outputs[0]];
        if (first.Type != ElementType.Int8 || new[] { First, Second, Output }.Any(m => m.Shift < -31)) return null;

        int direction = sign == "-" ? -1 : 1;
        int[] scaled1 = [.. Enumerable.Range(-128, 256).Select(q => First.Apply((q - first.ZeroPoint) << LeftShift))];
        int[] scaled2 = [.. Enumerable.Range(-128, 256).Select(q => direction * Second.Apply((q - second.ZeroPoint) << LeftShift))];
        double unit = (1 << LeftShift) * Output.Real;
        LinearSum? linear = LinearSum.Of(
            First.Real * unit, direction * Second.Real * unit, range,
            (a, b) => FixedPoint.Clamp(Output.Apply(scaled1[a + 128] + scaled2[b + 128]) + output.ZeroPoint, range.Min, range.Max));
        if (linear is not null) return linear.VectorCall;

        return
        [
            "VectorKernels.Add(",
            "    input1, input2, output, new(ZeroPoint1, Multiplier1, -Shift1), new(ZeroPoint2, Multiplier2, -Shift2),",
            $"    new(OutputZeroPoint, OutputMultiplier, -OutputShift), isDifference: {(direction < 0 ? "true" : "false")}, ActivationMin, ActivationMax);",
        ];
    }
}
