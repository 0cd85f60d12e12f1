using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>How an accumulator becomes a stored output: multiplied, rounded twice, moved by the zero point, clamped.</summary>
/// <param name="IsPerChannel">The multipliers come from tables, one for each output channel; else they are constants.</param>
/// <param name="Multiplier">The multiplier of all channels; 0 when per channel.</param>
/// <param name="Shift">The right shift of all channels when <paramref name="OnlyRight"/>, else TFLite's shift; 0 when per channel.</param>
/// <param name="OnlyRight">Every shift goes right by at least 1 and every accumulator is proved below 2^30: the shorter form is exact.</param>
internal sealed record Requantization(bool IsPerChannel, int Multiplier, int Shift, bool OnlyRight, int ZeroPoint, int Min, int Max)
{
    /// <summary>The arguments that carry a layer's tables to a method with <see cref="Parameters"/>.</summary>
    public string Arguments => IsPerChannel ? "filter, bias, multiplier, shift" : "filter, bias";

    /// <summary>The parameters of an emitted method that carry a layer's tables.</summary>
    public string Parameters(ElementType filter) =>
        $"ReadOnlySpan<{filter.Keyword()}> filter, ReadOnlySpan<int> bias{(IsPerChannel ? ", ReadOnlySpan<int> multiplier, ReadOnlySpan<sbyte> shift" : "")}";

    /// <summary>The factors of a convolution with a filter, one for each output channel: everything in double.</summary>
    /// <remarks>Prepare of conv_common.cc, depthwise_conv_common.cc and transpose_conv.cc in TFLite Micro.</remarks>
    public static Multiplier[] Factors(Tensor input, Tensor filter, Tensor output, int channels) =>
        [.. Enumerable.Range(0, channels).Select(oc => Ir.Multiplier.Of((double)input.Scale * filter.ScaleOf(oc) / output.Scale))];

    /// <summary>Chooses the form and makes the tables.</summary>
    /// <param name="bounds">The largest magnitude of each channel's accumulator.</param>
    /// <param name="pad">Fills values of the channels up as the kernel wants its tables.</param>
    public static Requantization Of(
        Multiplier[] channels, long[] bounds, Tensor output, (int Min, int Max) range, List<Table> tables, Func<int[], int[]> pad)
    {
        // A factor of 0 gives 0 whatever the shift.
        channels = [.. channels.Select(c => c.Value == 0 ? new Multiplier(0, -1) : c)];
        bool onlyRight = channels.All(c => c.Shift is <= -1 and >= -31) && bounds.All(b => b < 1 << 30);
        bool perChannel = channels.Distinct().Count() > 1;
        int Shift(Multiplier c) => onlyRight ? -c.Shift : c.Shift;
        if (perChannel)
        {
            tables.Add(Table.Of("Multiplier", pad([.. channels.Select(c => c.Value)])));
            tables.Add(Table.Of("Shift", [.. pad([.. channels.Select(Shift)]).Select(shift => (sbyte)shift)]));
        }

        return new Requantization(
            perChannel, perChannel ? 0 : channels[0].Value, perChannel ? 0 : Shift(channels[0]), onlyRight, output.ZeroPoint, range.Min, range.Max);
    }

    /// <summary>Declares the constants of <see cref="EmitFunction"/>.</summary>
    public void EmitConstants(CodeWriter w)
    {
        if (!IsPerChannel) w.Line($"const int Multiplier = {Multiplier}, {(OnlyRight ? "Right" : "Shift")} = {Shift};");
        w.Line($"const int OutputZeroPoint = {ZeroPoint}, ActivationMin = {Min}, ActivationMax = {Max};");
    }

    /// <summary>Writes the call of a vector kernel, which takes factors of one or of all channels, for processors that have it.</summary>
    public void EmitVectorCall(CodeWriter w, string kernel, string geometry)
    {
        using (w.Block("if (VectorKernels.IsSupported)"))
        {
            w.Line($"VectorKernels.{kernel}(");
            w.Line($"    window, rowStride, output, {geometry}, OutputChannels, Step,");
            w.Line($"    filter, bias, {(IsPerChannel ? "multiplier, shift" : "[Multiplier], [Right]")}, OutputZeroPoint, ActivationMin, ActivationMax);");
            w.Line("return;");
        }

        w.Line();
    }

    /// <summary>The stored output of accumulator <paramref name="acc"/> of channel <paramref name="channel"/>, as an expression.</summary>
    public string Expression(string acc, string channel) =>
        IsPerChannel ? $"Requantize({acc}, multiplier[{channel}], shift[{channel}])" : $"Requantize({acc})";

    /// <summary>Writes the local function that <see cref="Expression"/> calls, at the end of the method.</summary>
    public void EmitFunction(CodeWriter w)
    {
        string shift = OnlyRight ? "right" : "shift";
        string parameters = IsPerChannel ? $"int acc, int multiplier, int {shift}" : "int acc";
        string arguments = IsPerChannel ? $"acc, multiplier, {shift}" : $"acc, Multiplier, {(OnlyRight ? "Right" : "Shift")}";
        string method = OnlyRight ? "MultiplyAndShiftRight" : "MultiplyByQuantizedMultiplier";
        w.Line();
        w.Line("[MethodImpl(MethodImplOptions.AggressiveInlining)]");
        using (w.Block($"static sbyte Requantize({parameters})"))
        {
            w.Line($"int scaled = FixedPoint.{method}({arguments});");
            w.Line("return (sbyte)FixedPoint.Clamp(scaled + OutputZeroPoint, ActivationMin, ActivationMax);");
        }
    }

    /// <summary>The same in reference semantics.</summary>
    public static int Apply(int acc, Multiplier multiplier, int zeroPoint, (int Min, int Max) range) =>
        FixedPoint.Clamp(unchecked(multiplier.Apply(acc) + zeroPoint), range.Min, range.Max);

    /// <summary>Estimated bytes of code for one output.</summary>
    public const int CodeBytes = 48;
}
