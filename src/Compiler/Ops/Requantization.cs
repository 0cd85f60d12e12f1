using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>How an accumulator becomes a stored output: multiplied, rounded twice, moved by the zero point, clamped.</summary>
/// <param name="IsPerChannel">The multipliers come from tables, one for each output channel; else they are constants.</param>
/// <param name="Multiplier">The multiplier of all channels; 0 when per channel.</param>
/// <param name="Shift">The right shift of all channels when <paramref name="OnlyRight"/> or wide, else TFLite's shift; 0 when per channel.</param>
/// <param name="OnlyRight">Every shift goes right by at least 1 and every accumulator is proved below 2^30: the shorter form is exact.</param>
internal sealed record Requantization(bool IsPerChannel, int Multiplier, int Shift, bool OnlyRight, int ZeroPoint, int Min, int Max)
{
    /// <summary>The type of what is stored: INT8 or INT16.</summary>
    public required ElementType Type { get; init; }

    /// <summary>Accumulators have 64 bits in TFLite: the multiplier is one of 16 bits, the shift goes right, and there is one rounding.</summary>
    public required bool IsWide { get; init; }

    /// <summary>The type that accumulators need: INT64 where those of <see cref="IsWide"/> may leave 32 bits.</summary>
    public required ElementType Accumulator { get; init; }

    /// <summary>XNNPACK's arithmetic: one factor in single precision, one rounding to even. <see cref="Scale"/> is that of all channels.</summary>
    public bool IsSingle { get; init; }

    public float Scale { get; init; }

    /// <summary>The vector kernels have this form: accumulators, shifted left where they are, are below 2^30; doubled they fit 32 bits.</summary>
    public required bool IsVectorised { get; init; }

    /// <summary>The tables with a factor for each channel.</summary>
    public string[] ChannelTables => !IsPerChannel ? [] : IsSingle ? ["scale"] : ["multiplier", "shift"];

    /// <summary>The arguments that carry a layer's tables to a method with <see cref="Parameters"/>.</summary>
    public string Arguments => string.Join(", ", ["filter", "bias", .. ChannelTables]);

    /// <summary>The parameters of an emitted method that carry a layer's tables.</summary>
    public string Parameters(ElementType filter)
    {
        string factors = !IsPerChannel ? "" : IsSingle ? ", ReadOnlySpan<float> scale" : ", ReadOnlySpan<int> multiplier, ReadOnlySpan<sbyte> shift";
        return $"ReadOnlySpan<{filter.Keyword()}> filter, ReadOnlySpan<{Accumulator.Keyword()}> bias{factors}";
    }

    /// <summary>Biases of sums of products whose factors keep their zero point: Σ w · (q − z) + b = Σ w · q + (b − z · Σ w).</summary>
    /// <param name="weights">For each sum <paramref name="length"/> weights.</param>
    public static int[] WithoutZeroPoint(int[] weights, int[]? bias, int sums, int length, int zeroPoint)
    {
        int[] folded = bias?.ToArray() ?? new int[sums];
        for (int i = 0; i < sums * length; i++) folded[i / length] = unchecked(folded[i / length] - (zeroPoint * weights[i]));
        return folded;
    }

    /// <summary>Chooses the form and makes the tables of bias, multiplier and shift.</summary>
    /// <param name="bias">What each channel's accumulator starts from.</param>
    /// <param name="bounds">The largest magnitude of each channel's accumulator.</param>
    /// <param name="isWide">The accumulators of TFLite have 64 bits.</param>
    /// <param name="pad">Fills values of the channels up as the kernel wants its tables.</param>
    public static Requantization Of(
        Multiplier[] channels, long[] bias, long[] bounds, bool isWide, Tensor output, (int Min, int Max) range, List<Table> tables, Func<long[], long[]> pad)
    {
        bool isSingle = channels.Any(c => c.IsSingle);
        long[] starts = pad(bias);
        if (isSingle)
        {
            tables.Add(Table.Of("Bias", [.. starts.Select(n => (int)n)]));
            bool isOne = channels.Distinct().Count() == 1;
            static long Bits(float x) => BitConverter.ToInt32(BitConverter.GetBytes(x), 0);
            if (!isOne)
            {
                long[] padded = pad([.. channels.Select(c => Bits(c.Single))]);
                tables.Add(Table.Of("Scale", [.. padded.Select(bits => BitConverter.ToSingle(BitConverter.GetBytes((int)bits), 0))]));
            }

            return new Requantization(!isOne, 0, 0, OnlyRight: false, output.ZeroPoint, range.Min, range.Max)
            {
                Type = output.Type,
                IsWide = false,
                Accumulator = ElementType.Int32,
                IsSingle = true,
                IsVectorised = bounds.All(b => b < 1 << 30),
                Scale = isOne ? channels[0].Single : 0,
            };
        }

        // A factor of 0 gives 0 whatever the shift.
        channels = [.. channels.Select(c => c.Value == 0 ? new Multiplier(0, -1) : c)];
        bool onlyRight = !isWide && channels.All(c => c.Shift is <= -1 and >= -31) && bounds.All(b => b < 1 << 30);
        bool isLong = isWide && bounds.Any(b => b > int.MaxValue);
        bool perChannel = channels.Distinct().Count() > 1;
        int Value(Multiplier c) => isWide ? c.Reduced : c.Value;
        int Shift(Multiplier c) => isWide ? c.ReducedRight : onlyRight ? -c.Shift : c.Shift;
        tables.Add(isLong ? Table.Of("Bias", starts) : Table.Of("Bias", [.. starts.Select(n => (int)n)]));
        if (perChannel)
        {
            tables.Add(Table.Of("Multiplier", [.. pad([.. channels.Select(c => (long)Value(c))]).Select(value => (int)value)]));
            tables.Add(Table.Of("Shift", [.. pad([.. channels.Select(c => (long)Shift(c))]).Select(shift => (sbyte)shift)]));
        }

        return new Requantization(
            perChannel, perChannel ? 0 : Value(channels[0]), perChannel ? 0 : Shift(channels[0]), onlyRight, output.ZeroPoint, range.Min, range.Max)
        {
            Type = output.Type,
            IsWide = isWide,
            IsVectorised = onlyRight || (!isWide && channels.Zip(bounds, (c, b) => c.Shift >= -31 && b < (1 << 30) >> Math.Max(0, c.Shift)).All(fits => fits)),
            Accumulator = isLong ? ElementType.Int64 : ElementType.Int32,
        };
    }

    /// <summary>Declares the constants of <see cref="EmitFunction"/>.</summary>
    public void EmitConstants(CodeWriter w)
    {
        if (!IsPerChannel && IsSingle) w.Line($"const float Scale = {Names.Float(Scale)};");
        else if (!IsPerChannel) w.Line($"const int Multiplier = {Multiplier}, {(OnlyRight || IsWide ? "Right" : "Shift")} = {Shift};");
        w.Line($"const int OutputZeroPoint = {ZeroPoint}, ActivationMin = {Min}, ActivationMax = {Max};");
    }

    /// <summary>Writes the call of a vector kernel for processors that have it.</summary>
    /// <param name="kernel">The method of VectorKernels.</param>
    /// <param name="rows">The kernel's first arguments: input, inputTop, output, rowBegin, rowEnd.</param>
    /// <param name="outside">The stored value outside the image.</param>
    /// <param name="channels">Output channels, where the kernel takes them.</param>
    /// <param name="filters">The kernel's tables of weights.</param>
    public void EmitVectorCall(CodeWriter w, string kernel, string rows, ConvolutionShape shape, int outside, int? channels, string filters = "filter")
    {
        using (w.Block("if (VectorKernels.IsSupported)"))
        {
            w.Line("var shape = new ConvolutionShape(");
            w.Line($"    InputHeight: {shape.InputHeight}, InputWidth: {shape.InputWidth}, InputChannels: {shape.InputChannels},");
            w.Line($"    FilterHeight: {shape.FilterHeight}, FilterWidth: {shape.FilterWidth}, StrideY: {shape.StrideY}, StrideX: {shape.StrideX},");
            w.Line($"    PadTop: {shape.PadTop}, PadLeft: {shape.PadLeft}, OutputWidth: {shape.OutputWidth});");
            w.Line($"VectorKernels.{kernel}(");
            w.Line($"    {rows}, shape, outside: {outside}{(channels is { } n ? InvariantText.Of($", channels: {n}") : "")},");
            string factors = IsPerChannel ? string.Join(", ", ChannelTables) : IsSingle ? $"[{Names.Float(Scale)}]" : InvariantText.Of($"[{Multiplier}], [{Shift}]");
            w.Line($"    {filters}, bias, {factors}, zeroPoint: {ZeroPoint}, min: {Min}, max: {Max}{(OnlyRight || IsSingle ? "" : ", hasLeft: true")});");
            w.Line("return;");
        }

        w.Line();
    }

    /// <summary>The stored output of accumulator <paramref name="acc"/> of channel <paramref name="channel"/>, as an expression.</summary>
    public string Expression(string acc, string channel) =>
        $"Requantize({string.Join(", ", [acc, .. ChannelTables.Select(table => $"{table}[{channel}]")])})";

    /// <summary>Writes the local function that <see cref="Expression"/> calls, at the end of the method.</summary>
    public void EmitFunction(CodeWriter w)
    {
        string type = Type.Keyword(), acc = Accumulator.Keyword(), shift = OnlyRight || IsWide ? "right" : "shift";
        string parameters = !IsPerChannel ? $"{acc} acc" : IsSingle ? "int acc, float scale" : $"{acc} acc, int multiplier, int {shift}";
        string arguments = (IsPerChannel, IsSingle) switch
        {
            (true, true) => "acc, scale",
            (false, true) => "acc, Scale",
            (true, false) => $"acc, multiplier, {shift}",
            (false, false) => $"acc, Multiplier, {(OnlyRight || IsWide ? "Right" : "Shift")}",
        };
        string method = IsSingle ? "MultiplyAndRound" : IsWide ? "MultiplyByReducedMultiplier" : OnlyRight ? "MultiplyAndShiftRight" : "MultiplyByQuantizedMultiplier";
        w.Line();
        w.Line("[MethodImpl(MethodImplOptions.AggressiveInlining)]");
        using (w.Block($"static {type} Requantize({parameters})"))
        {
            w.Line($"int scaled = FixedPoint.{method}({arguments});");
            w.Line($"return ({type})FixedPoint.Clamp(scaled + OutputZeroPoint, ActivationMin, ActivationMax);");
        }
    }

    /// <summary>The same in reference semantics; an accumulator that is not wide wraps to 32 bits.</summary>
    public static int Apply(long acc, Multiplier multiplier, int zeroPoint, (int Min, int Max) range, bool isWide = false) =>
        FixedPoint.Clamp(unchecked((isWide ? multiplier.Apply(acc) : multiplier.Apply((int)acc)) + zeroPoint), range.Min, range.Max);

    /// <summary>Declares one factor as constants for <see cref="Scaled"/>.</summary>
    public static string Declaration(Multiplier factor) =>
        factor.IsSingle ? $"const float Scale = {Names.Float(factor.Single)};" : InvariantText.Of($"const int Multiplier = {factor.Value}, Shift = {factor.Shift};");

    /// <summary>An integer expression times the declared factor.</summary>
    public static string Scaled(Multiplier factor, string x) =>
        factor.IsSingle ? $"FixedPoint.MultiplyAndRound({x}, Scale)" : $"FixedPoint.MultiplyByQuantizedMultiplier({x}, Multiplier, Shift)";

    /// <summary>Estimated bytes of code for one output: its bias, its factor, multiplication, rounding and clamp.</summary>
    public int CodeBytes => IsSingle ? 90 : IsWide ? 170 : IsPerChannel ? (OnlyRight ? 203 : 291) : OnlyRight ? 132 : 149;
}
