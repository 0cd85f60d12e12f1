using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SignalWindow: a frame of samples times a window function, shifted right and clamped to INT16.</summary>
/// <remarks>signal/src/window.cc of TFLite Micro. Input 1 is the window; a longer input is several frames.</remarks>
/// <param name="Shift">Fraction bits of the window.</param>
internal sealed record SignalWindow(int? Shift) : Op
{
    public override string Name => "SignalWindow";

    // ---- import ----
    public static Op Import(OperatorReader r) => new SignalWindow(r.CustomInt32("shift")) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Type(ElementType.Int16).Tensor;
        Tensor? window = c.Input(1).Type(ElementType.Int16).Constant().Rank(1).Tensor;
        c.Output(0).Type(ElementType.Int16);
        c.Require(Shift is >= 0 and <= 31, "needs a shift from 0 to 31");
        if (!c.Holds) return;
        c.Output(0).Shape(input!.Shape.ToArray());
        c.Require(input.ElementCount % window!.ElementCount == 0, $"needs frames of {window.ElementCount} samples, and it has {input.ElementCount}");
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        int[] x = values.Integers(Inputs[0]), window = values.Integers(Inputs[1]), y = new int[x.Length];
        for (int i = 0; i < x.Length; i++) y[i] = FixedPoint.Clamp((x[i] * window[i % window.Length]) >> Shift!.Value, short.MinValue, short.MaxValue);
        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]], window = graph[Inputs[1]];
        var kernel = new WindowKernel(input.ElementCount / window.ElementCount, window.ElementCount, Shift!.Value);
        return new Layer(this, kernel, new[] { Inputs[0] }, new[] { new Table("Window", ElementType.Int16, window.Data!) });
    }

    private sealed record WindowKernel(int Frames, int Length, int Shift) : Kernel
    {
        public override string Name => "SignalWindow";

        public override int CodeBytes => 319;

        public override bool CanOverwrite(int input) => true;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, "ReadOnlySpan<short> input, Span<short> output", "ReadOnlySpan<short> window"))
            {
                w.Line($"const int Frames = {Frames}, Length = {Length}, Shift = {Shift};");
                w.Line();
                using (w.Block("for (int frame = 0; frame < Frames; frame++)"))
                {
                    w.Line("ReadOnlySpan<short> x = input.Slice(frame * Length, Length);");
                    w.Line("Span<short> y = output.Slice(frame * Length, Length);");
                    w.Line("for (int i = 0; i < Length; i++) y[i] = (short)FixedPoint.Clamp((x[i] * window[i]) >> Shift, short.MinValue, short.MaxValue);");
                }
            }
        }
    }
}
