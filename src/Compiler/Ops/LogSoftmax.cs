using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>LOG_SOFTMAX over the last dimension: x − max − log Σ e^(x − max), in gemmlowp's fixed point.</summary>
/// <remarks>log_softmax.cc of TFLite Micro and reference/log_softmax.h. The output has scale 16/256 and zero point 127.</remarks>
internal sealed record LogSoftmax : Op
{
    // A row of so many maxima still has a sum below 2^31.
    private const int MaxDepth = 4095;

    public override string Name => "LOG_SOFTMAX";

    // ---- import ----
    public static Op Import(OperatorReader r) => new LogSoftmax { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Rank(1, 2, 3, 4).Tensor;
        Tensor? output = c.Output(0).Int8().Tensor;
        if (!c.Holds) return;
        c.Output(0).Shape(input!.Shape.ToArray());
        c.Require(input.Shape.Last() is > 0 and <= MaxDepth, $"needs a last dimension from 1 to {MaxDepth}, and it is {input.Shape.Last()}");
        c.RequireQuantization(output!.Scale == 16f / 256 && output.ZeroPoint == 127, "needs an output with scale 1/16 and zero point 127");
        c.RequireQuantization(Factor(c.Graph).Shift is >= 1 and <= 30, "needs an input scale from 2^-26 to 16");
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        int[] x = values.Integers(Inputs[0]), y = new int[x.Length];
        (int[] differences, int[] powers, int smallest) = Tables(values.Graph);
        Multiplier back = Back(values.Graph);
        int depth = values.Graph[Inputs[0]].Shape.Last();
        for (int row = 0; row < x.Length; row += depth)
        {
            int max = x.Skip(row).Take(depth).Max(), sum = 0;
            for (int i = row; i < row + depth; i++) sum += powers[max - x[i]];
            int log = FixedPoint.Log(sum);
            int least = Math.Max(smallest, back.Apply(unchecked(log + int.MinValue)));
            for (int i = row; i < row + depth; i++)
            {
                int stored = FixedPoint.RoundingDivideByPowerOfTwo(unchecked(differences[max - x[i]] - log), 22) + 127;
                y[i] = x[i] - max > least ? FixedPoint.Clamp(stored, -128, 127) : -128;
            }
        }

        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]];
        int depth = input.Shape.Last();
        (int[] differences, int[] powers, int smallest) = Tables(graph);
        Multiplier back = Back(graph);
        var kernel = new LogSoftmaxKernel(input.ElementCount / depth, depth, smallest, back.Value, back.Shift, options.CheckOverflow);
        return new Layer(this, kernel, new[] { Inputs[0] }, new[] { Table.Of("Differences", differences), Table.Of("Powers", powers) });
    }

    private sealed record LogSoftmaxKernel(int InputRows, int Depth, int Smallest, int Multiplier, int Shift, bool IsUnchecked) : Kernel
    {
        public override string Name => "LogSoftmax";

        public override int CodeBytes => 1200;

        public override bool CanOverwrite(int input) => true;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, "ReadOnlySpan<sbyte> input, Span<sbyte> output", "ReadOnlySpan<int> differences, ReadOnlySpan<int> powers"))
            {
                w.Line($"const int Rows = {InputRows}, Depth = {Depth};");
                w.Line($"const int Smallest = {Smallest}, Multiplier = {Multiplier}, Shift = {Shift};");
                w.Line();
                w.Line("// differences[d] is -d times scale in Q5, powers[d] is e to that in Q12.");
                using (w.Unchecked(IsUnchecked))
                using (w.Block("for (int row = 0; row < Rows; row++)"))
                {
                    w.Line("ReadOnlySpan<sbyte> x = input.Slice(row * Depth, Depth);");
                    w.Line("Span<sbyte> y = output.Slice(row * Depth, Depth);");
                    w.Line();
                    w.Line("int max = sbyte.MinValue;");
                    w.Line("for (int i = 0; i < Depth; i++) max = Math.Max(max, x[i]);");
                    w.Line();
                    w.Line("int sum = 0;");
                    w.Line("for (int i = 0; i < Depth; i++) sum += powers[max - x[i]];");
                    w.Line();
                    w.Line("// Differences below this one are beyond Q5.");
                    w.Line("int log = FixedPoint.Log(sum);");
                    w.Line("int least = FixedPoint.MultiplyByQuantizedMultiplier(log + int.MinValue, Multiplier, Shift);");
                    w.Line("least = Math.Max(Smallest, least);");
                    using (w.Block("for (int i = 0; i < Depth; i++)"))
                    {
                        w.Line("int stored = FixedPoint.RoundingDivideByPowerOfTwo(differences[max - x[i]] - log, 22) + 127;");
                        w.Line("y[i] = (sbyte)(x[i] - max > least ? FixedPoint.Clamp(stored, -128, 127) : -128);");
                    }
                }
            }
        }
    }

    // PreprocessSoftmaxScaling with 5 integer bits.
    private Multiplier Factor(Graph graph) => Multiplier.Of(Math.Min((double)graph[Inputs[0]].Scale * (1 << 26), (1L << 31) - 1.0));

    // PreprocessLogSoftmaxScalingExp: from Q5 back to a difference of stored values.
    private Multiplier Back(Graph graph)
    {
        Multiplier factor = Factor(graph);
        return Multiplier.Of((1 << (31 - factor.Shift)) / (double)factor.Value);
    }

    // For each difference between a row's maximum and a stored value: −difference · scale in Q5 and its power in Q12. Differences
    // beyond the radius of Q5 count for nothing; the third part is the first of them, negative.
    private (int[] Differences, int[] Powers, int Smallest) Tables(Graph graph)
    {
        Multiplier factor = Factor(graph);
        int radius = (int)Math.Floor(31.0 * (1 << 26) / Math.Pow(2, factor.Shift));
        int[] differences = [.. Enumerable.Range(0, 256).Select(d => d > radius ? 0 : factor.Apply(-d))];
        int[] powers =
        [
            .. differences.Select((x, d) => d > radius ? 0 : FixedPoint.RoundingDivideByPowerOfTwo(FixedPoint.ExpOnNegativeValues(x, 5), 12)),
        ];
        return (differences, powers, -radius - 1);
    }
}
