using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>PRELU: x where x ≥ 0, else alpha · x, each requantised by its own factor; alpha broadcasts to the input.</summary>
/// <remarks>prelu_common.cc of TFLite Micro and reference/prelu.h: both factors are computed in double; for UINT8, as in TFLite, in
/// single precision.</remarks>
internal sealed record Prelu : Op
{
    public override string Name => "PRELU";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Prelu { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Binary.Check(c, types: ElementTypes.Quantized);
        if (!c.Holds) return;
        (Multiplier above, Multiplier below) = Factors(c.Graph);
        c.Multiplier(above, below);
    }

    public override int ElementwiseInputs => 2;

    // ---- reference ----
    public override void Reference(Values values)
    {
        (Multiplier above, Multiplier below) = Factors(values.Graph);
        Tensor output = values.Graph[Outputs[0]];
        (int, int) range = Quantize.Range(Activation.None, output);
        Binary.Reference(values, this, (x, alpha) => x >= 0
            ? Requantization.Apply(x, above, output.ZeroPoint, range)
            : Requantization.Apply(x * alpha, below, output.ZeroPoint, range));
    }

    // ---- kernel ----
    public override bool IsRowwise(Graph graph) => true;

    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        (Multiplier above, Multiplier below) = Factors(graph);
        return Binary.Layer(
            graph, this, "Prelu", Quantize.Range(Activation.None, graph[Outputs[0]]), options,
            [
                InvariantText.Of($"const int Multiplier = {above.Value}, Shift = {above.Shift};"),
                InvariantText.Of($"const int AlphaMultiplier = {below.Value}, AlphaShift = {below.Shift};"),
            ],
            [
                "int result = a >= 0",
                "    ? FixedPoint.MultiplyByQuantizedMultiplier(a, Multiplier, Shift)",
                "    : FixedPoint.MultiplyByQuantizedMultiplier(a * b, AlphaMultiplier, AlphaShift);",
            ]);
    }

    private (Multiplier Above, Multiplier Below) Factors(Graph graph)
    {
        if (graph[Inputs[0]].HasUInt8Rules)
        {
            float x = graph[Inputs[0]].Scale, a = graph[Inputs[1]].Scale, y = graph[Outputs[0]].Scale;
            return (Multiplier.Of((float)(x / y)), Multiplier.Of((float)((float)(x * a) / y)));
        }

        double input = graph[Inputs[0]].Scale, alpha = graph[Inputs[1]].Scale, output = graph[Outputs[0]].Scale;
        return (Multiplier.Of(input / output), Multiplier.Of(input * alpha / output));
    }
}
