using System;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SignalEnergy: the squared magnitude of each complex number of a spectrum, as UINT32, within a range of frequencies.</summary>
/// <remarks>signal/src/energy.cc of TFLite Micro, which leaves the frequencies outside the range as they are in memory: here they are 0.</remarks>
/// <param name="Start">The first frequency.</param>
/// <param name="End">The one behind the last.</param>
internal sealed record SignalEnergy(int? Start, int? End) : Op
{
    public override string Name => "SignalEnergy";

    // ---- import ----
    public static Op Import(OperatorReader r) => new SignalEnergy(r.CustomInt32("start_index"), r.CustomInt32("end_index")) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Type(ElementType.Int16).Rank(1).Tensor, output = c.Output(0).Type(ElementType.UInt32).Rank(1).Tensor;
        if (!c.Holds) return;
        int most = Math.Min(input!.ElementCount / 2, output!.ElementCount);
        c.Require(Start >= 0 && Start <= End && End <= most, $"needs a range of frequencies from 0 to {most}, and it has {Start} to {End}");
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        int[] x = values.Integers(Inputs[0]), y = new int[values.Graph[Outputs[0]].ElementCount];
        for (int i = Start!.Value; i < End!.Value; i++) y[i] = unchecked((x[2 * i] * x[2 * i]) + (x[(2 * i) + 1] * x[(2 * i) + 1]));
        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) =>
        new(this, new EnergyKernel(Start!.Value, End!.Value, graph[Outputs[0]].ElementCount), new[] { Inputs[0] }, Array.Empty<Table>());

    private sealed record EnergyKernel(int Start, int End, int Length) : Kernel
    {
        public override string Name => "SignalEnergy";

        public override int CodeBytes => 146;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, "ReadOnlySpan<short> input, Span<uint> output"))
            {
                w.Line($"const int Start = {Start}, End = {End};");
                w.Line();
                if (Start > 0) w.Line("output.Slice(0, Start).Clear();");
                if (End < Length) w.Line("output.Slice(End).Clear();");
                using (w.Block("for (int i = Start; i < End; i++)"))
                {
                    w.Line("int real = input[2 * i], imaginary = input[(2 * i) + 1];");
                    w.Line("output[i] = unchecked((uint)((real * real) + (imaginary * imaginary)));");
                }
            }
        }
    }
}
