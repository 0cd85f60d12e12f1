using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SOFTMAX over the last dimension: e^(beta·x) over its row's sum, in gemmlowp's fixed point.</summary>
/// <remarks>reference/softmax.h and softmax_common.cc of TFLite. The output has scale 1/256 and zero point −128.</remarks>
internal sealed record Softmax : Op
{
    public required float Beta { get; init; }

    public override string Name => "SOFTMAX";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Softmax { Inputs = r.Inputs, Outputs = r.Outputs, Beta = r.Float(0) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Rank(1, 2, 3, 4).Tensor;
        Tensor? output = c.Output(0).Int8().Tensor;
        c.Require(Beta > 0 && !float.IsInfinity(Beta), "needs a finite positive beta");
        if (!c.Holds) return;
        c.Output(0).Shape(input!.Shape.ToArray());
        c.RequireQuantization(output!.Scale == 1f / 256 && output.ZeroPoint == -128, "needs an output with scale 1/256 and zero point -128");
        c.Multiplier(Factor(c.Graph));
        c.RequireQuantization(Factor(c.Graph).Shift >= 0, "needs an input scale above 2^-27");
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        int[] x = values.Integers(Inputs[0]), y = new int[x.Length], powers = Powers(values.Graph);
        int depth = values.Graph[Inputs[0]].Shape.Last();
        for (int row = 0; row < x.Length; row += depth)
        {
            int max = x.Skip(row).Take(depth).Max(), sum = 0;
            for (int i = row; i < row + depth; i++) sum = unchecked(sum + FixedPoint.RoundingDivideByPowerOfTwo(powers[max - x[i]], 12));
            int scale = FixedPoint.Reciprocal(sum, 12, out int exponent), right = exponent + 31 - 8;
            for (int i = row; i < row + depth; i++)
            {
                int share = FixedPoint.SaturatingRoundingDoublingHighMul(scale, powers[max - x[i]]);
                y[i] = right > 31 ? -128 : FixedPoint.Clamp(FixedPoint.RoundingDivideByPowerOfTwo(share, right) - 128, -128, 127);
            }
        }

        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]];
        int depth = input.Shape.Last();
        return new Layer(
            this, new SoftmaxKernel(input.ElementCount / depth, depth), new[] { Inputs[0] }, new[] { Table.Of("Powers", Powers(graph)) });
    }

    private sealed record SoftmaxKernel(int InputRows, int Depth) : Kernel
    {
        public override string Name => "Softmax";

        public override int CodeBytes => 900;

        public override bool CanOverwrite(int input) => true;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, "ReadOnlySpan<sbyte> input, Span<sbyte> output", "ReadOnlySpan<int> powers"))
            {
                w.Line($"const int Rows = {InputRows}, Depth = {Depth};");
                w.Line();
                w.Line("// powers[d] is e to the -d times scale, as a fraction of 2^31.");
                using (w.Block("for (int row = 0; row < Rows; row++)"))
                {
                    w.Line("ReadOnlySpan<sbyte> x = input.Slice(row * Depth, Depth);");
                    w.Line("Span<sbyte> y = output.Slice(row * Depth, Depth);");
                    w.Line();
                    w.Line("int max = sbyte.MinValue;");
                    w.Line("for (int i = 0; i < Depth; i++) max = Math.Max(max, x[i]);");
                    w.Line();
                    w.Line("int sum = 0;");
                    w.Line("for (int i = 0; i < Depth; i++) sum = unchecked(sum + FixedPoint.RoundingDivideByPowerOfTwo(powers[max - x[i]], 12));");
                    w.Line();
                    w.Line("int scale = FixedPoint.Reciprocal(sum, 12, out int exponent);");
                    w.Line("int right = exponent + 31 - 8;");
                    using (w.Block("for (int i = 0; i < Depth; i++)"))
                    {
                        w.Line("int share = FixedPoint.SaturatingRoundingDoublingHighMul(scale, powers[max - x[i]]);");
                        if (Depth > 256) w.Line("// A sum above 2^27 leaves less than half a step for each.");
                        string shifted = "FixedPoint.RoundingDivideByPowerOfTwo(share, right)";
                        w.Line($"int stored = {(Depth > 256 ? $"right > 31 ? 0 : {shifted}" : shifted)};");
                        w.Line("y[i] = (sbyte)FixedPoint.Clamp(stored - 128, -128, 127);");
                    }
                }
            }
        }
    }

    // PreprocessSoftmaxScaling with 5 integer bits.
    private Multiplier Factor(Graph graph) =>
        Multiplier.Of(Math.Min((double)Beta * graph[Inputs[0]].Scale * (1 << 26), (1L << 31) - 1.0));

    // e^(−difference · beta · scale) in Q0 for each difference between a row's maximum and a stored value. Differences so large
    // that the power would not be computed have the power 0, which gives the smallest output, as leaving them out does.
    private int[] Powers(Graph graph)
    {
        Multiplier factor = Factor(graph);
        double radius = Math.Floor(31.0 * (1 << 26) / Math.Pow(2, factor.Shift));
        return
        [
            .. Enumerable.Range(0, 256).Select(difference => difference > radius
                ? 0
                : FixedPoint.ExpOnNegativeValues(FixedPoint.SaturatingRoundingDoublingHighMul(unchecked(-difference << factor.Shift), factor.Value), 5)),
        ];
    }
}
