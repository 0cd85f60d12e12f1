using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>L2_NORMALIZATION over the last dimension: x / √Σ x², by gemmlowp's inverse square root.</summary>
/// <remarks>l2norm.cc of TFLite Micro and integer_ops/l2normalization.h. The output has scale 1/128 and zero point 0.</remarks>
internal sealed record L2Normalization : Op
{
    // So many squares of 255 have a sum below 2^31.
    private const int MaxDepth = 33025;

    public required Activation Activation { get; init; }

    public override string Name => "L2_NORMALIZATION";

    // ---- import ----
    public static Op Import(OperatorReader r) => new L2Normalization { Inputs = r.Inputs, Outputs = r.Outputs, Activation = r.Activation(0) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Rank(1, 2, 3, 4).Tensor;
        Tensor? output = c.Output(0).Int8().Tensor;
        c.Require(Activation == Activation.None, "has a fused activation, which TensorFlow Lite Micro does not support");
        if (!c.Holds) return;
        c.Output(0).Shape(input!.Shape.ToArray());
        c.Require(input.Shape.Last() is > 0 and <= MaxDepth, $"needs a last dimension from 1 to {MaxDepth}, and it is {input.Shape.Last()}");
        c.RequireQuantization(output!.Scale == 1f / 128 && output.ZeroPoint == 0, "needs an output with scale 1/128 and zero point 0");
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        Tensor input = values.Graph[Inputs[0]];
        int[] x = [.. values.Integers(Inputs[0]).Select(q => q - input.ZeroPoint)], y = new int[x.Length];
        int depth = input.Shape.Last();
        for (int row = 0; row < x.Length; row += depth)
        {
            int sum = 0;
            for (int i = row; i < row + depth; i++) sum += x[i] * x[i];
            int multiplier = FixedPoint.InverseSquareRoot(sum, out int shift);
            for (int i = row; i < row + depth; i++)
            {
                y[i] = FixedPoint.Clamp(FixedPoint.MultiplyByQuantizedMultiplier(x[i], multiplier, shift + 7), -128, 127);
            }
        }

        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]];
        int depth = input.Shape.Last();
        return new Layer(this, new L2NormalizationKernel(input.ElementCount / depth, depth, input.ZeroPoint), new[] { Inputs[0] }, System.Array.Empty<Table>());
    }

    private sealed record L2NormalizationKernel(int InputRows, int Depth, int ZeroPoint) : Kernel
    {
        public override string Name => "L2Normalization";

        public override int CodeBytes => 600;

        public override bool CanOverwrite(int input) => true;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, "ReadOnlySpan<sbyte> input, Span<sbyte> output"))
            {
                w.Line($"const int Rows = {InputRows}, Depth = {Depth}, ZeroPoint = {ZeroPoint};");
                w.Line("const int OutputBits = 7; // the output's scale is 2^-7");
                w.Line();
                using (w.Block("for (int row = 0; row < Rows; row++)"))
                {
                    w.Line("ReadOnlySpan<sbyte> x = input.Slice(row * Depth, Depth);");
                    w.Line("Span<sbyte> y = output.Slice(row * Depth, Depth);");
                    w.Line();
                    w.Line("int sum = 0;");
                    w.Line("for (int i = 0; i < Depth; i++) sum += (x[i] - ZeroPoint) * (x[i] - ZeroPoint);");
                    w.Line();
                    w.Line("int multiplier = FixedPoint.InverseSquareRoot(sum, out int shift);");
                    using (w.Block("for (int i = 0; i < Depth; i++)"))
                    {
                        w.Line("int stored = FixedPoint.MultiplyByQuantizedMultiplier(x[i] - ZeroPoint, multiplier, shift + OutputBits);");
                        w.Line("y[i] = (sbyte)FixedPoint.Clamp(stored, -128, 127);");
                    }
                }
            }
        }
    }
}
