using System;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SignalFftAutoScale: samples shifted left so far that the largest magnitude fills 15 bits; output 1 is the shift.</summary>
/// <remarks>signal/src/fft_auto_scale.cc, max_abs.cc and msb_32.cc of TFLite Micro. The magnitude of −32768 wraps to −32768 there, from
/// where the search goes on.</remarks>
internal sealed record SignalFftAutoScale : Op
{
    public override string Name => "SignalFftAutoScale";

    // ---- import ----
    public static Op Import(OperatorReader r) => new SignalFftAutoScale { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Type(ElementType.Int16).Rank(1).Tensor;
        c.Output(0).Type(ElementType.Int16);
        c.Output(1).Int32().Elements(1);
        if (c.Holds) c.Output(0).Shape(input!.Shape.ToArray());
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        int[] x = values.Integers(Inputs[0]);
        short max = 0;
        foreach (int value in x)
        {
            if (value > max) max = (short)value;
            else if (-value > max) max = unchecked((short)-value);
        }

        int bits = max == 0 ? 32 : 32 - FixedPoint.LeadingZeros(max), shift = Math.Max(0, 15 - bits);
        values.Set(Outputs[0], Array.ConvertAll(x, value => (int)unchecked((short)(value << shift))));
        values.Set(Outputs[1], new[] { shift });
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) =>
        new(this, new AutoScaleKernel(graph[Inputs[0]].ElementCount), new[] { Inputs[0] }, Array.Empty<Table>());

    private sealed record AutoScaleKernel(int Length) : Kernel
    {
        public override string Name => "SignalFftAutoScale";

        public override int CodeBytes => 262;

        // The shift, output 1, has another size.
        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, "ReadOnlySpan<short> input, Span<short> output, Span<int> scale"))
            {
                w.Line($"input = input.Slice(0, {Length});");
                w.Line("short max = 0;");
                using (w.Block("for (int i = 0; i < input.Length; i++)"))
                {
                    w.Line("int value = input[i];");
                    w.Line("if (value > max) max = (short)value;");
                    w.Line("else if (-value > max) max = unchecked((short)-value); // -32768 wraps");
                }

                w.Line();
                w.Line("// The position of the highest bit, 32 where there is none.");
                w.Line("int bits = max == 0 ? 32 : 32 - FixedPoint.LeadingZeros(max);");
                w.Line("int shift = Math.Max(0, 15 - bits);");
                w.Line("for (int i = 0; i < input.Length; i++) output[i] = unchecked((short)(input[i] << shift));");
                w.Line("scale[0] = shift;");
            }
        }
    }
}
