using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>QUANTIZE: float32 to int8, uint8 or int16 at the model's edge, or integers to another quantisation or type (8 bits by a table).</summary>
/// <remarks>quantize_common.cc of TFLite Micro. From float: x / scale in single precision, rounded half away from zero.</remarks>
internal sealed record QuantizeOp : Op
{
    public override string Name => "QUANTIZE";

    // ---- import ----
    public static Op Import(OperatorReader r) => new QuantizeOp { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Type(ElementType.Int8, ElementType.UInt8, ElementType.Int16, ElementType.Int32, ElementType.Float32).Tensor;
        if (input is null) return;
        ElementType[] types = input.Type switch
        {
            ElementType.Float32 => [ElementType.Int8, ElementType.UInt8, ElementType.Int16],
            ElementType.UInt8 => [ElementType.Int8, ElementType.UInt8],
            ElementType.Int8 => [ElementType.Int8, ElementType.UInt8, ElementType.Int16, ElementType.Int32],
            ElementType.Int16 => [ElementType.Int8, ElementType.Int16, ElementType.Int32],
            _ => [ElementType.Int8, ElementType.Int16],
        };
        c.Output(0).Type(types).PerTensor();
        if (!c.Holds) return;
        c.Output(0).Shape(input!.Shape.ToArray());
        if (input.Type == ElementType.Float32) return;
        c.Input(0).PerTensor();
        if (c.Holds) c.Multiplier(Factor(c.Graph));
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

        Tensor input = values.Graph[Inputs[0]], output = values.Graph[Outputs[0]];
        int min = output.Type.Min(), max = output.Type.Max();
        if (input.Type == ElementType.Float32)
        {
            float inverse = (float)(1f / output.Scale);
            values.Set(Outputs[0], Array.ConvertAll(values.Floats(Inputs[0]), x => output.HasXnnpackRules
                ? float.IsNaN(x) ? output.ZeroPoint : FixedPoint.Clamp(FixedPoint.RoundToEven((float)(x * inverse)) + output.ZeroPoint, min, max)
                : FromFloat(x, output.Scale, output.ZeroPoint, min, max)));
            return;
        }

        Multiplier factor = Factor(values.Graph);
        values.Set(Outputs[0], Array.ConvertAll(
            values.Integers(Inputs[0]), q => Requantization.Apply(unchecked(q - input.ZeroPoint), factor, output.ZeroPoint, (min, max))));
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]], output = graph[Outputs[0]];
        if (input.Type != ElementType.Float32)
        {
            // Of 16 or 32 bits: those of 8 became a table.
            Multiplier factor = Factor(graph);
            string type = output.Type.Keyword();
            string result = "FixedPoint.MultiplyByQuantizedMultiplier({1} - ZeroPoint, Multiplier, Shift) + OutputZeroPoint";
            return Elementwise.Layer(
                graph, this, "Requantize", options,
                [
                    InvariantText.Of($"const int ZeroPoint = {input.ZeroPoint}, OutputZeroPoint = {output.ZeroPoint};"),
                    InvariantText.Of($"const int Multiplier = {factor.Value}, Shift = {factor.Shift};"),
                ],
                [], output.Type == ElementType.Int32 ? result : $"({type})FixedPoint.Clamp({result}, {type}.MinValue, {type}.MaxValue)");
        }

        return new Layer(this, new QuantizeKernel(output.Type, output.Scale, output.ZeroPoint, output.HasXnnpackRules), new[] { Inputs[0] }, Array.Empty<Table>());
    }

    private sealed record QuantizeKernel(ElementType OutputType, float Scale, int ZeroPoint, bool IsToEven) : Kernel
    {
        public override string Name => "Quantize";

        public override int CodeBytes => 20;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, $"ReadOnlySpan<float> input, Span<{OutputType.Keyword()}> output"))
            {
                w.Line(IsToEven
                    ? InvariantText.Of($"Affine.QuantizeToEven(input, output, {Names.Float((float)(1f / Scale))}, {ZeroPoint});")
                    : InvariantText.Of($"Affine.Quantize(input, output, {Names.Float(Scale)}, {ZeroPoint});"));
            }
        }
    }

    private static int FromFloat(float x, float scale, int zeroPoint, int min, int max)
    {
        double rounded = Quantize.Round((float)(x / scale));
        return double.IsNaN(rounded) ? zeroPoint : (int)Math.Max(min, Math.Min(max, rounded + zeroPoint));
    }

    private Multiplier Factor(Graph graph) => Multiplier.Of((double)graph[Inputs[0]].Scale / graph[Outputs[0]].Scale);
}
