using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SignalFilterBankLog: the natural logarithm of each UINT32 times a scale, as INT16.</summary>
/// <remarks>signal/src/filter_bank_log.cc and log.cc of TFLite Micro: the binary logarithm from the highest bit and a table of 128
/// segments, interpolated, then times ln 2, all with 16 fraction bits.</remarks>
/// <param name="OutputScale">What a logarithm of 1 becomes.</param>
/// <param name="CorrectionBits">The input is shifted left so far.</param>
internal sealed record SignalFilterBankLog(int? OutputScale, int? CorrectionBits) : Op
{
    private const int Segments = 128;

    // ln 2 with 16 fraction bits.
    private const int Ln2 = 45_426;

    public override string Name => "SignalFilterBankLog";

    // ---- import ----
    public static Op Import(OperatorReader r) =>
        new SignalFilterBankLog(r.CustomInt32("output_scale"), r.CustomInt32("input_correction_bits")) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Type(ElementType.UInt32).Rank(1).Tensor;
        c.Output(0).Type(ElementType.Int16);
        c.Require(OutputScale is not null, "needs an output_scale");
        c.Require(CorrectionBits is >= 0 and <= 31, "needs input_correction_bits from 0 to 31");
        if (c.Holds) c.Output(0).Shape(input!.Shape.ToArray());
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        int[] corrections = Corrections();
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), stored => Log(unchecked((uint)stored << CorrectionBits!.Value), corrections)));
    }

    private int Log(uint x, int[] corrections)
    {
        if (x <= 1) return 0;
        int whole = 31 - FixedPoint.LeadingZeros(unchecked((int)x));

        // What stands behind the highest bit, cut to 16 bits, is nearly the logarithm; the table corrects it.
        int fraction = (int)(((ulong)(x - (1u << whole)) << 16) >> whole);
        int segment = fraction >> 9, rest = fraction - (segment << 9);
        int correction = corrections[segment] + (((corrections[segment + 1] - corrections[segment]) * rest) >> 16);
        uint log2 = unchecked((uint)((whole << 16) + fraction + correction));
        uint natural = (uint)((((ulong)Ln2 * log2) + (1 << 15)) >> 16);
        uint scaled = unchecked(((uint)OutputScale!.Value * natural) + (1 << 15)) >> 16;
        return (int)Math.Min(scaled, (uint)short.MaxValue);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        var kernel = new LogKernel(graph[Inputs[0]].ElementCount, CorrectionBits!.Value, unchecked((uint)OutputScale!.Value));
        return new Layer(this, kernel, new[] { Inputs[0] }, new[] { Table.Of("Corrections", [.. Corrections().Select(x => (short)x)]) });
    }

    private sealed record LogKernel(int Length, int CorrectionBits, uint OutputScale) : Kernel
    {
        public override string Name => "SignalFilterBankLog";

        public override int CodeBytes => 558;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, "ReadOnlySpan<uint> input, Span<short> output", "ReadOnlySpan<short> corrections"))
            {
                w.Line($"const int Length = {Length}, CorrectionBits = {CorrectionBits};");
                w.Line($"const uint OutputScale = {OutputScale}, Ln2 = {Ln2}; // with 16 fraction bits");
                w.Line();
                using (w.Block("for (int i = 0; i < Length; i++)"))
                {
                    w.Line("uint x = input[i] << CorrectionBits;");
                    using (w.Block("if (x <= 1)"))
                    {
                        w.Line("output[i] = 0;");
                        w.Line("continue;");
                    }

                    w.Line();
                    w.Line("// log2 x: the place of the highest bit, what stands behind it, and a correction.");
                    w.Line("int whole = 31 - FixedPoint.LeadingZeros(unchecked((int)x));");
                    w.Line("uint behind = x - (1u << whole);");
                    w.Line("int fraction = (int)(whole < 16 ? behind << (16 - whole) : behind >> (whole - 16));");
                    w.Line("int segment = fraction >> 9;");
                    w.Line("int low = corrections[segment], high = corrections[segment + 1];");
                    w.Line("int correction = low + (((high - low) * (fraction & 511)) >> 16);");
                    w.Line("uint log2 = (uint)((whole << 16) + fraction + correction);");
                    w.Line("uint natural = (uint)(((ulong)Ln2 * log2 + 32768) >> 16);");
                    w.Line("uint scaled = unchecked(OutputScale * natural + 32768) >> 16;");
                    w.Line("output[i] = (short)Math.Min(scaled, 32767u);");
                }
            }
        }
    }

    /// <summary>log2(1 + i/128) − i/128 with 16 fraction bits.</summary>
    private static int[] Corrections() =>
        [.. Enumerable.Range(0, Segments + 1).Select(i => (int)Math.Round(65536 * ((Math.Log(1 + (i / (double)Segments)) / Math.Log(2)) - (i / (double)Segments))))];
}
