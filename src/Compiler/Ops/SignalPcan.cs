using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SignalPCAN: each channel's UINT32 energy divided by its noise estimate (input 1) through a gain table (input 2), then compressed.</summary>
/// <remarks>signal/src/pcan_argc_fixed.cc of TFLite Micro (per-channel amplitude normalisation): the table holds a quadratic polynomial for
/// each power of two; the ratio has 12 fraction bits, the result 6: x²/4 below 2, x − 1 from there on.</remarks>
/// <param name="Shift">Bits that the product of energy and gain is shifted right.</param>
internal sealed record SignalPcan(int? Shift) : Op
{
    // Three numbers for each position of the highest bit from 3 to 32, after those for 0, 1 and 2.
    private const int TableLength = (4 * 32) - 6 + 3;

    public override string Name => "SignalPCAN";

    // ---- import ----
    public static Op Import(OperatorReader r) => new SignalPcan(r.CustomInt32("snr_shift")) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Type(ElementType.UInt32).Rank(1).Tensor;
        Tensor? gains = c.Input(2).Type(ElementType.Int16).Constant().Tensor;
        c.Require(Shift is >= 0 and <= 63, "needs an snr_shift from 0 to 63");
        if (!c.Holds) return;
        c.Input(1).Type(ElementType.UInt32).Shape(input!.Shape.ToArray());
        c.Output(0).Type(ElementType.UInt32).Shape(input.Shape.ToArray());
        c.Require(gains!.ElementCount >= TableLength, $"needs a gain table of {TableLength} numbers, and it has {gains.ElementCount}");
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        int[] x = values.Integers(Inputs[0]), noise = values.Integers(Inputs[1]), gains = values.Integers(Inputs[2]), y = new int[x.Length];
        for (int i = 0; i < y.Length; i++)
        {
            uint gain = unchecked((uint)Gain((uint)noise[i], gains));
            uint ratio = unchecked((uint)(((ulong)(uint)x[i] * gain) >> Shift!.Value));
            y[i] = unchecked((int)(ratio < 2 << 12 ? (ratio * ratio) >> 20 : (ratio >> 6) - 64));
        }

        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => new(
        this, new PcanKernel(graph[Inputs[0]].ElementCount, Shift!.Value), new[] { Inputs[0], Inputs[1] },
        new[] { new Table("Gains", ElementType.Int16, graph[Inputs[2]].Data!) });

    private sealed record PcanKernel(int Length, int Shift) : Kernel
    {
        public override string Name => "SignalPcan";

        public override int CodeBytes => 498;

        public override bool CanOverwrite(int input) => true;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, "ReadOnlySpan<uint> input, ReadOnlySpan<uint> noise, Span<uint> output", "ReadOnlySpan<short> gains"))
            {
                w.Line($"const int Length = {Length}, Shift = {Shift};");
                w.Line();
                using (w.Block("for (int i = 0; i < Length; i++)"))
                {
                    w.Line("uint gain = unchecked((uint)Gain(noise[i], gains));");
                    w.Line("uint ratio = unchecked((uint)((input[i] * (ulong)gain) >> Shift)); // 12 fraction bits");
                    w.Line("output[i] = ratio < 2u << 12 ? (ratio * ratio) >> 20 : (ratio >> 6) - 64;");
                }

                w.Line();
                w.Line("// A quadratic polynomial for each power of two, of the ten bits behind the highest one.");
                using (w.Block("static short Gain(uint x, ReadOnlySpan<short> gains)"))
                {
                    w.Line("if (x <= 2) return gains[(int)x];");
                    w.Line("int bits = 32 - FixedPoint.LeadingZeros(unchecked((int)x));");
                    w.Line("ReadOnlySpan<short> terms = gains.Slice((4 * bits) - 6, 3);");
                    w.Line("int fraction = (int)(bits < 11 ? x << (11 - bits) : x >> (bits - 11)) & 0x3FF;");
                    w.Line("int sum = unchecked((((terms[2] * fraction) >> 5) + (terms[1] << 5)) * fraction);");
                    w.Line("return unchecked((short)(((sum + (1 << 14)) >> 15) + terms[0]));");
                }
            }
        }
    }

    private static short Gain(uint x, int[] gains)
    {
        if (x <= 2) return (short)gains[x];
        int bits = 32 - FixedPoint.LeadingZeros(unchecked((int)x)), at = (4 * bits) - 6;
        int fraction = (int)(((((ulong)x << 11) >> bits) & 0x3FF));
        int linear = unchecked(((gains[at + 2] * fraction) >> 5) + (gains[at + 1] << 5));
        return unchecked((short)((((linear * fraction) + (1 << 14)) >> 15) + gains[at]));
    }
}
