using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SignalFilterBankSpectralSubtraction: each channel's UINT32 energy without its noise estimate, which follows the energy slowly
/// from inference to inference; output 1 is the estimate.</summary>
/// <remarks>signal/src/filter_bank_spectral_subtraction.cc of TFLite Micro. The estimate is a variable, the operator's last input and output;
/// it starts at 0. Even and odd channels have smoothing factors of their own.</remarks>
internal sealed record SignalSpectralSubtraction : Op
{
    private const int MaxChannels = 1 << 16;

    public required int? Channels { get; init; }

    /// <summary>Of even and odd channels: how much of the energy enters the estimate, and how much of the estimate stays.</summary>
    public required EquatableArray<int?> Factors { get; init; }

    /// <summary>The share of the energy that always remains.</summary>
    public required int? MinRemaining { get; init; }

    /// <summary>Extra fraction bits of the estimate.</summary>
    public required int? SmoothingBits { get; init; }

    /// <summary>Fraction bits of the factors.</summary>
    public required int? Bits { get; init; }

    /// <summary>The estimate never stays above the energy.</summary>
    public required bool IsClamping { get; init; }

    public override string Name => "SignalFilterBankSpectralSubtraction";

    // ---- import ----
    public static Op Import(OperatorReader r)
    {
        int? channels = r.CustomInt32("num_channels");
        int estimate = r.Variable("estimate", ElementType.UInt32, channels is > 0 and <= MaxChannels ? channels.Value : 1);
        string[] factors = ["smoothing", "one_minus_smoothing", "alternate_smoothing", "alternate_one_minus_smoothing"];
        return new SignalSpectralSubtraction
        {
            Inputs = (int[])[.. r.Inputs.Take(1), estimate],
            Outputs = (int[])[.. r.Outputs.Take(2), estimate],
            Channels = channels,
            Factors = factors.Select(r.CustomInt32).ToArray(),
            MinRemaining = r.CustomInt32("min_signal_remaining"),
            SmoothingBits = r.CustomInt32("smoothing_bits"),
            Bits = r.CustomInt32("spectral_subtraction_bits"),
            IsClamping = r.Custom("clamping") is not (null or 0),
        };
    }

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Type(ElementType.UInt32).Rank(1).Tensor;
        c.Require(Factors.Count == 4 && Factors.All(f => f is not null) && MinRemaining is not null, "needs all of its factors");
        c.Require(SmoothingBits is >= 0 and <= 31 && Bits is >= 0 and <= 63, "needs smoothing_bits from 0 to 31 and spectral_subtraction_bits from 0 to 63");
        c.Require(Channels is > 0 and <= MaxChannels, $"needs 1 to {MaxChannels} channels, and it has {Channels}");
        if (!c.Holds) return;
        int channels = Channels!.Value;
        c.Input(0).Shape(channels);
        c.Output(0).Type(ElementType.UInt32).Shape(channels);
        c.Output(1).Type(ElementType.UInt32).Shape(channels);
        c.Variable(1, 2).Type(ElementType.UInt32).Shape(channels);
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        int[] x = values.Integers(Inputs[0]), old = values.Integers(Inputs[1]), y = new int[x.Length], estimate = new int[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            uint energy = unchecked((uint)x[i]), enters = Factor(2 * (i % 2)), stays = Factor((2 * (i % 2)) + 1);
            uint scaled = energy << SmoothingBits!.Value;
            uint noise = unchecked((uint)((((ulong)scaled * enters) + ((ulong)(uint)old[i] * stays)) >> Bits!.Value));
            uint subtracted = Math.Min(noise, scaled), least = unchecked((uint)(((ulong)energy * (uint)MinRemaining!.Value) >> Bits.Value));
            estimate[i] = unchecked((int)(IsClamping ? subtracted : noise));
            y[i] = unchecked((int)Math.Max((scaled - subtracted) >> SmoothingBits.Value, least));
        }

        values.Set(Outputs[0], y);
        values.Set(Outputs[1], estimate);
        values.Set(Outputs[2], estimate);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        var kernel = new SubtractionKernel(
            Channels!.Value, Factor(0), Factor(1), Factor(2), Factor(3), unchecked((uint)MinRemaining!.Value), SmoothingBits!.Value, Bits!.Value, IsClamping);
        return new Layer(this, kernel, new[] { Inputs[0] }, Array.Empty<Table>());
    }

    private sealed record SubtractionKernel(
        int Channels, uint EvenEnters, uint EvenStays, uint OddEnters, uint OddStays, uint MinRemaining, int SmoothingBits, int Bits, bool IsClamping) : Kernel
    {
        public override string Name => "SignalSpectralSubtraction";

        public override int CodeBytes => 442;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, "ReadOnlySpan<uint> input, Span<uint> output, Span<uint> noise, Span<uint> estimate"))
            {
                w.Line($"const int Channels = {Channels}, SmoothingBits = {SmoothingBits}, Bits = {Bits};");
                w.Line($"const uint EvenEnters = {EvenEnters}, EvenStays = {EvenStays}, OddEnters = {OddEnters}, OddStays = {OddStays};");
                w.Line($"const uint MinRemaining = {MinRemaining};");
                w.Line();
                using (w.Block("for (int i = 0; i < Channels; i++)"))
                {
                    w.Line("ulong enters = (i & 1) == 0 ? EvenEnters : OddEnters, stays = (i & 1) == 0 ? EvenStays : OddStays;");
                    w.Line("uint scaled = input[i] << SmoothingBits;");
                    w.Line("uint followed = unchecked((uint)(((scaled * enters) + (estimate[i] * stays)) >> Bits));");
                    w.Line("uint subtracted = Math.Min(followed, scaled);");
                    w.Line("uint least = unchecked((uint)((input[i] * (ulong)MinRemaining) >> Bits));");
                    w.Line($"estimate[i] = {(IsClamping ? "subtracted" : "followed")};");
                    w.Line("output[i] = Math.Max((scaled - subtracted) >> SmoothingBits, least);");
                }

                w.Line();
                w.Line("estimate.CopyTo(noise);");
            }
        }
    }

    private uint Factor(int index) => unchecked((uint)Factors[index]!.Value);
}
