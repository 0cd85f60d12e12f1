using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SOFTMAX and LOG_SOFTMAX of FLOAT32 over the last dimension.</summary>
/// <remarks>reference/softmax.h and log_softmax.h of TFLite: single precision, sums from the first element to the last. Powers and
/// logarithms are computed in double and rounded once.</remarks>
/// <param name="IsLog">Which of the two it is.</param>
/// <param name="Beta">The factor of the differences from the row's maximum; 1 for LOG_SOFTMAX.</param>
internal sealed record FloatSoftmax(bool IsLog, float Beta) : Op
{
    public override string Name => IsLog ? "LOG_SOFTMAX" : "SOFTMAX";

    // ---- import ----
    public static Op ImportSoftmax(OperatorReader r) => new FloatSoftmax(false, r.Float(0)) { Inputs = r.Inputs, Outputs = r.Outputs };

    public static Op ImportLogSoftmax(OperatorReader r) => new FloatSoftmax(true, 1) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor[]? inputs = Elementwise.Check(c, 1, ElementType.Float32, ElementType.Float32);
        c.Require(!float.IsNaN(Beta) && !float.IsInfinity(Beta), "needs a finite beta");
        if (inputs is not null) c.Require(inputs[0].Shape.Count > 0 && inputs[0].ElementCount > 0, $"needs rows, and the input has the shape [{inputs[0].Shape}]");
    }

    public override string Describe(Graph graph) => Name + " of float32";

    // ---- reference ----
    public override void Reference(Values values)
    {
        float[] x = values.Floats(Inputs[0]), y = new float[x.Length];
        int depth = values.Graph[Inputs[0]].Shape.Last();
        for (int row = 0; row < x.Length; row += depth)
        {
            float max = -float.MaxValue, sum = 0;
            for (int i = row; i < row + depth; i++) max = max < x[i] ? x[i] : max;
            for (int i = row; i < row + depth; i++)
            {
                float difference = (float)(x[i] - max);
                float power = (float)Math.Exp((float)(difference * Beta));
                y[i] = IsLog ? difference : power;
                sum = (float)(sum + power);
            }

            float log = (float)Math.Log(sum);
            for (int i = row; i < row + depth; i++) y[i] = IsLog ? (float)(y[i] - log) : (float)(y[i] / sum);
        }

        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]];
        int depth = input.Shape.Last();
        return new Layer(this, new FloatSoftmaxKernel(IsLog, input.ElementCount / depth, depth, Beta), new[] { Inputs[0] }, Array.Empty<Table>());
    }

    private sealed record FloatSoftmaxKernel(bool IsLog, int InputRows, int Depth, float Beta) : Kernel
    {
        public override string Name => IsLog ? "FloatLogSoftmax" : "FloatSoftmax";

        public override int CodeBytes => 400;

        public override bool CanOverwrite(int input) => true;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, "ReadOnlySpan<float> input, Span<float> output"))
            {
                w.Line($"const int Rows = {InputRows}, Depth = {Depth};");
                if (!IsLog) w.Line($"const float Beta = {Names.Float(Beta)};");
                w.Line();
                using (w.Block("for (int row = 0; row < Rows; row++)"))
                {
                    w.Line("ReadOnlySpan<float> x = input.Slice(row * Depth, Depth);");
                    w.Line("Span<float> y = output.Slice(row * Depth, Depth);");
                    w.Line("float max = float.MinValue, sum = 0;");
                    w.Line("for (int i = 0; i < Depth; i++) max = max < x[i] ? x[i] : max;");
                    using (w.Block("for (int i = 0; i < Depth; i++)"))
                    {
                        w.Line("float difference = x[i] - max;");
                        w.Line($"float power = (float)Math.Exp(difference{(IsLog ? "" : " * Beta")});");
                        w.Line($"y[i] = {(IsLog ? "difference" : "power")};");
                        w.Line("sum += power;");
                    }

                    w.Line();
                    if (IsLog) w.Line("float log = (float)Math.Log(sum);");
                    w.Line($"for (int i = 0; i < Depth; i++) y[i] = {(IsLog ? "y[i] - log" : "y[i] / sum")};");
                }
            }
        }
    }
}
