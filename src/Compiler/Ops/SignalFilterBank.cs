using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SignalFilterBank: energies of a spectrum gathered into overlapping channels (mel bands), as UINT64.</summary>
/// <remarks>
/// signal/src/filter_bank.cc of TFLite Micro. Inputs 1 and 2 are the weights of a frequency for its channel and for the next one,
/// inputs 3 to 5 for each channel where its frequencies start, where its weights start and how many there are. A channel is the sum
/// of its own weights and of what its predecessor leaves it; the first one only leaves.
/// </remarks>
/// <param name="Channels">Channels of the output.</param>
internal sealed record SignalFilterBank(int? Channels) : Op
{
    public override string Name => "SignalFilterBank";

    // ---- import ----
    public static Op Import(OperatorReader r) => new SignalFilterBank(r.CustomInt32("num_channels")) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Type(ElementType.UInt32).Rank(1).Tensor;
        Tensor? output = c.Output(0).Type(ElementType.UInt64).Rank(1).Tensor;
        Tensor?[] tables = [.. Enumerable.Range(1, 5).Select(i => c.Input(i).Type(ElementType.Int16).Constant().Rank(1).Tensor)];
        if (!c.Holds) return;

        int count = output!.ElementCount;
        c.Require(Channels == count, $"needs an output of its {Channels} channels, and it has {count}");
        c.Require(tables.Skip(2).All(t => t!.ElementCount == count + 1), $"needs starts and widths of {count + 1} channels");
        if (!c.Holds) return;
        int weights = Math.Min(tables[0]!.ElementCount, tables[1]!.ElementCount);
        int[] frequencies = tables[2]!.Integers(), starts = tables[3]!.Integers(), widths = tables[4]!.Integers();
        for (int i = 0; i <= count && c.Holds; i++)
        {
            bool isInside = widths[i] <= 0 || (frequencies[i] >= 0 && starts[i] >= 0 && frequencies[i] + widths[i] <= input!.ElementCount && starts[i] + widths[i] <= weights);
            c.Require(isInside, $"has channel {i} outside its spectrum or its weights");
        }
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        int[] energies = values.Integers(Inputs[0]);
        int[] weights = values.Integers(Inputs[1]), rests = values.Integers(Inputs[2]);
        int[] frequencies = values.Integers(Inputs[3]), starts = values.Integers(Inputs[4]), widths = values.Integers(Inputs[5]);
        ulong[] y = new ulong[values.Graph[Outputs[0]].ElementCount];
        for (int channel = 1; channel <= y.Length; channel++)
        {
            y[channel - 1] = unchecked(Sum(channel - 1, rests) + Sum(channel, weights));
        }

        values.Set(Outputs[0], y);

        ulong Sum(int channel, int[] factors)
        {
            ulong sum = 0;
            for (int j = 0; j < widths[channel]; j++)
            {
                sum = unchecked(sum + ((ulong)factors[starts[channel] + j] * (uint)energies[frequencies[channel] + j]));
            }

            return sum;
        }
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        string[] names = ["Weights", "Rests", "Frequencies", "Starts", "Widths"];
        Table[] tables = [.. names.Select((name, i) => new Table(name, ElementType.Int16, graph[Inputs[i + 1]].Data!))];
        return new Layer(this, new FilterBankKernel(Channels!.Value), new[] { Inputs[0] }, tables);
    }

    private sealed record FilterBankKernel(int Channels) : Kernel
    {
        public override string Name => "SignalFilterBank";

        public override int CodeBytes => 567;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(
                method, "ReadOnlySpan<uint> input, Span<ulong> output",
                "ReadOnlySpan<short> weights, ReadOnlySpan<short> rests",
                "ReadOnlySpan<short> frequencies, ReadOnlySpan<short> starts, ReadOnlySpan<short> widths"))
            {
                w.Line($"const int Channels = {Channels};");
                w.Line();
                w.Line("// What a channel leaves of its frequencies goes to the next one; the first one only leaves.");
                w.Line("ulong left = 0;");
                using (w.Block("for (int channel = 0; channel <= Channels; channel++)"))
                {
                    w.Line("ulong own = left;");
                    w.Line("left = 0;");
                    using (w.Block("for (int j = 0; j < widths[channel]; j++)"))
                    {
                        w.Line("ulong energy = input[frequencies[channel] + j];");
                        w.Line("own = unchecked(own + ((ulong)weights[starts[channel] + j] * energy));");
                        w.Line("left = unchecked(left + ((ulong)rests[starts[channel] + j] * energy));");
                    }

                    w.Line();
                    w.Line("if (channel > 0) output[channel - 1] = own;");
                }
            }
        }
    }
}
