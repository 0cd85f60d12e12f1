using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>PRELU: x where x ≥ 0, else alpha · x, each requantised by its own factor; alpha broadcasts to the input.</summary>
/// <remarks>prelu_common.cc of TFLite Micro and reference/prelu.h: both factors are computed in double.</remarks>
internal sealed record Prelu : Op
{
    public override string Name => "PRELU";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Prelu { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Binary.Check(c);
        if (!c.Holds) return;
        (Multiplier above, Multiplier below) = Factors(c.Graph);
        c.Multiplier(above, below);
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        (Multiplier above, Multiplier below) = Factors(values.Graph);
        int zeroPoint = values.Graph[Outputs[0]].ZeroPoint;
        Binary.Reference(values, this, (x, alpha) => x >= 0
            ? Requantization.Apply(x, above, zeroPoint, (-128, 127))
            : Requantization.Apply(x * alpha, below, zeroPoint, (-128, 127)));
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        (Multiplier above, Multiplier below) = Factors(graph);
        return Binary.Layer(
            graph, this, "Prelu", (-128, 127), options,
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
        double input = graph[Inputs[0]].Scale, alpha = graph[Inputs[1]].Scale, output = graph[Outputs[0]].Scale;
        return (Multiplier.Of(input / output), Multiplier.Of(input * alpha / output));
    }
}
