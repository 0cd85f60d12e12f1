using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>DIV: a · (1 / b) by gemmlowp's reciprocal, requantised by sa / (sb · so) and clamped.</summary>
/// <remarks>
/// div.cc of TFLite Micro and reference/div.h: the factor is computed in single precision. Two cases are undefined there and
/// defined here, see <see cref="FixedPoint.Quotient"/>: b = 0 gives the end of the range on a's side (the zero point for a = 0), and a quotient
/// below 2^-31 of a step, such as every 0 / b, gives the zero point.
/// </remarks>
internal sealed record Div : Op
{
    public required Activation Activation { get; init; }

    public override string Name => "DIV";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Div { Inputs = r.Inputs, Outputs = r.Outputs, Activation = r.Activation(0) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Binary.Check(c, Activation);

        // The headroom of a dividend is at least 23 bits: the quotient is then only ever shifted right.
        if (c.Holds) c.RequireQuantization(Factor(c.Graph).Shift <= 23, "needs scales whose quotient is below 2^23");
    }

    public override string Describe(Graph graph) => Name + Activation.Describe();

    public override int ElementwiseInputs => 2;

    // ---- reference ----
    public override void Reference(Values values)
    {
        Multiplier factor = Factor(values.Graph);
        Tensor output = values.Graph[Outputs[0]];
        (int Min, int Max) range = Quantize.Range(Activation, output, isDelegated: false);
        Binary.Reference(values, this, (a, b) => FixedPoint.Clamp(
            unchecked(FixedPoint.Quotient(a, b, factor.Value, factor.Shift) + output.ZeroPoint), range.Min, range.Max));
    }

    // ---- kernel ----
    public override bool IsRowwise(Graph graph) => true;

    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Multiplier factor = Factor(graph);
        return Binary.Layer(
            graph, this, "Div", Quantize.Range(Activation, graph[Outputs[0]], isDelegated: false), options,
            [InvariantText.Of($"const int Multiplier = {factor.Value}, Shift = {factor.Shift};")],
            ["int result = FixedPoint.Quotient(a, b, Multiplier, Shift);"]);
    }

    private Multiplier Factor(Graph graph)
    {
        float divisor = (float)(graph[Inputs[1]].Scale * graph[Outputs[0]].Scale);
        return Multiplier.Of((float)(graph[Inputs[0]].Scale / divisor));
    }
}
