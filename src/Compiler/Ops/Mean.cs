using System;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>MEAN and SUM over any dimensions: the sum without its zero points, scaled by the quotient of the scales; MEAN's also over
/// the number of elements.</summary>
/// <remarks>reduce_common.cc of TFLite Micro: the division by the number of elements goes into the multiplier.</remarks>
/// <param name="IsMean">Which of the two it is.</param>
internal sealed record Mean(bool IsMean, Reduction Reduction) : Op
{
    public override string Name => IsMean ? "MEAN" : "SUM";

    // ---- import ----
    public static Op ImportMean(OperatorReader r) => new Mean(true, Reduction.Import(r)) { Inputs = r.Inputs, Outputs = r.Outputs };

    public static Op ImportSum(OperatorReader r) => new Mean(false, Reduction.Import(r)) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Reduction.Check(c);
        if (c.Holds) c.Multiplier(Factor(c.Graph));
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        Multiplier factor = Factor(values.Graph);
        Tensor output = values.Graph[Outputs[0]];
        (int Min, int Max) range = Quantize.Range(Activation.None, output);
        if (Single(values.Graph) is { } single)
        {
            Reduction.Reference(values, this, 0, (acc, q) => acc + q, acc => FixedPoint.Clamp(
                FixedPoint.RoundToEven((float)((float)((float)acc * single.Factor) + single.Offset)), range.Min, range.Max));
            return;
        }

        Reduction.Reference(
            values, this, Start(values.Graph), (acc, q) => unchecked(acc + q), acc => Requantization.Apply(acc, factor, output.ZeroPoint, range));
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => Reduction.Layer(
        graph, this, KernelName, options,
        [InvariantText.Of($"const int Start = {Start(graph)};{(Single(graph) is null ? " // minus the zero point of each input" : "")}"), Constants(graph)],
        "Start", "acc += {0};", [Scale(graph)], Result(graph), isSum: true);

    public override Layer? SelectRowSum(Graph graph, CompileOptions options) => Reduction.WindowOfRows(graph[Inputs[0]]) is not { } window
        ? null
        : RowSum.Layer(graph, this, KernelName, window, Start(graph), [Constants(graph)], [Scale(graph)], Result(graph), options);

    private string KernelName => IsMean ? "Mean" : "Sum";

    private string Scale(Graph graph) => Single(graph) is null
        ? $"int {Value} = FixedPoint.MultiplyByQuantizedMultiplier(acc, Multiplier, Shift) + OutputZeroPoint;"
        : $"int {Value} = FixedPoint.RoundToEven((float)(acc * Scale) + Offset);";

    private string Result(Graph graph)
    {
        ElementType type = graph[Outputs[0]].Type;
        return InvariantText.Of($"({type.Keyword()})FixedPoint.Clamp({Value}, {type.Min()}, {type.Max()})");
    }

    private string Value => IsMean ? "mean" : "sum";

    private string Constants(Graph graph)
    {
        if (Single(graph) is { } single) return $"const float Scale = {Names.Float(single.Factor)}, Offset = {Names.Float(single.Offset)};";
        Multiplier factor = Factor(graph);
        return InvariantText.Of($"const int Multiplier = {factor.Value}, Shift = {factor.Shift}, OutputZeroPoint = {graph[Outputs[0]].ZeroPoint};");
    }

    // XNNPACK's sums keep their zero points.
    private int Start(Graph graph) => Single(graph) is null ? unchecked(-graph[Inputs[0]].ZeroPoint * Reduction.Elements(graph, this)) : 0;

    private (float Factor, float Offset)? Single(Graph graph) =>
        Xnnpack.Mean(graph[Inputs[0]], graph[Outputs[0]], Reduction.Elements(graph, this), IsMean);

    private Multiplier Factor(Graph graph)
    {
        Multiplier factor = Multiplier.Of((double)graph[Inputs[0]].Scale / graph[Outputs[0]].Scale);
        if (!IsMean) return factor;
        int n = Reduction.Elements(graph, this);
        int shift = Math.Min(Math.Min(31 - FixedPoint.LeadingZeros(n), 32), 31 + factor.Shift);
        return new Multiplier((int)(((long)factor.Value << shift) / n), factor.Shift - shift);
    }
}
