using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>The run kernel of CONV_2D and FULLY_CONNECTED: for each pixel, one dot product of its window with every filter.</summary>
/// <remarks>
/// Four filters at a time share the loads of the window. Filters lie in that order: blocks of four output channels (the last
/// one narrower), in a block tap by tap, for each tap the block's weights. The input's zero point is folded into the bias:
/// Σ (q − z) · w = Σ q · w − z · Σ w, which holds at the border too because a window has the zero point outside the image.
/// </remarks>
internal sealed record DotProducts
{
    public const int Block = 4;

    /// <summary>Rows of the filter.</summary>
    public required int Rows { get; init; }

    /// <summary>Neighbouring bytes of a window's row: filter width times input channels.</summary>
    public required int RowLength { get; init; }

    /// <summary>Output channels that one window gives.</summary>
    public required int Outputs { get; init; }

    /// <summary>Bytes between the windows of neighbouring pixels.</summary>
    public required int Step { get; init; }

    /// <summary>Above 1, the method takes a group and uses that group's filters.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>Taps of a row that are written out one after another; <see cref="RowLength"/> when no loop is left.</summary>
    public required int Unroll { get; init; }

    /// <summary>No loop over filter rows is left either.</summary>
    public required bool UnrollRows { get; init; }

    /// <summary>INT8, or INT16 for filters whose zero point was subtracted at compile time.</summary>
    public required ElementType FilterType { get; init; }

    public required Requantization Output { get; init; }

    public required bool IsUnchecked { get; init; }

    public string Parameters =>
        $"ReadOnlySpan<{FilterType.Keyword()}> filter, ReadOnlySpan<int> bias{(Output.IsPerChannel ? ", " : "")}{Output.Parameters}";

    public string Arguments => Output.IsPerChannel ? "filter, bias, multiplier, shift" : "filter, bias";

    public int CodeBytes => 200 + ((Unroll * (UnrollRows ? Rows : 1) * TapBytes) + Requantization.CodeBytes) * Block + (Outputs % Block > 0 ? 300 : 0);

    // One load, multiplication and addition.
    private const int TapBytes = 11;

    /// <summary>How far to unroll under the policy and its ceiling.</summary>
    public static (int Unroll, bool UnrollRows) ChooseUnrolling(int rows, int rowLength, CompileOptions options)
    {
        // The JIT compiles a method of 20,000 IL instructions without optimisation; a tap of a block takes about 30.
        const int MostTaps = 400;
        int Bytes(int taps) => taps * TapBytes * Block;
        bool Fits(int taps, int limit) => taps <= limit && Bytes(taps) <= options.UnrollCeiling;

        int small = options.Unroll == UnrollPolicy.Full ? MostTaps : 32;
        if (options.Unroll == UnrollPolicy.None) return (1, false);
        if (Fits(rows * rowLength, small)) return (rowLength, true);
        if (Fits(rowLength, small)) return (rowLength, false);
        return (Fits(8, 8) ? 8 : 1, false);
    }

    /// <summary>Filters in the order of reading and the bias with the zero point folded in.</summary>
    /// <param name="filter">OHWI: one row of <paramref name="length"/> weights for each output channel.</param>
    /// <param name="groups">Output channels are packed group by group.</param>
    public static int[] Pack(int[] filter, int outputs, int length, int groups)
    {
        int[] packed = new int[filter.Length];
        int at = 0, perGroup = outputs / groups;
        for (int group = 0; group < groups; group++)
        {
            for (int oc = 0; oc < perGroup; oc += Block)
            {
                int width = Math.Min(Block, perGroup - oc);
                for (int i = 0; i < length; i++)
                {
                    for (int lane = 0; lane < width; lane++) packed[at++] = filter[(((group * perGroup) + oc + lane) * length) + i];
                }
            }
        }

        return packed;
    }

    /// <summary>Folds the zero point into the bias and bounds each accumulator: its largest magnitude over all inputs.</summary>
    public static (int[] Bias, long[] Bounds) Fold(int[] filter, int[]? bias, int outputs, int length, int zeroPoint)
    {
        int[] folded = new int[outputs];
        long[] bounds = new long[outputs];
        for (int oc = 0; oc < outputs; oc++)
        {
            long sum = 0, magnitude = 0;
            for (int i = 0; i < length; i++)
            {
                sum += filter[(oc * length) + i];
                magnitude += Math.Abs((long)filter[(oc * length) + i]);
            }

            long start = bias?[oc] ?? 0;
            folded[oc] = unchecked((int)(start - (zeroPoint * sum)));
            bounds[oc] = Math.Abs(start) + (255 * magnitude);
        }

        return (folded, bounds);
    }

    public void Emit(CodeWriter w, string method)
    {
        int whole = Outputs / Block * Block, rest = Outputs - whole;
        w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        string group = Groups > 1 ? ", int group" : "";
        using (w.Method(method + "_Run", $"ReadOnlySpan<sbyte> window, int rowStride, Span<sbyte> output{group}", Parameters))
        {
            w.Line($"const int Rows = {Rows}, RowLength = {RowLength}, OutputChannels = {Outputs}, Step = {Step};");
            Output.EmitConstants(w);
            w.Line();
            if (Groups > 1)
            {
                w.Line("filter = filter.Slice(group * OutputChannels * Rows * RowLength, OutputChannels * Rows * RowLength);");
                w.Line("bias = bias.Slice(group * OutputChannels, OutputChannels);");
                if (Output.IsPerChannel)
                {
                    w.Line("multiplier = multiplier.Slice(group * OutputChannels, OutputChannels);");
                    w.Line("shift = shift.Slice(group * OutputChannels, OutputChannels);");
                }

                w.Line();
            }

            w.Line("// The caller sliced window and output to what is read and written here.");
            w.Line("ref sbyte pixel = ref MemoryMarshal.GetReference(window);");
            w.Line("ref sbyte stored = ref MemoryMarshal.GetReference(output);");
            w.Line("int count = output.Length / OutputChannels;");
            using (w.Unchecked(IsUnchecked))
            using (w.Block("for (int i = 0; i < count; i++)"))
            {
                EmitPixel(w, whole, rest);
            }

            Output.EmitFunction(w);
        }
    }

    private void EmitPixel(CodeWriter w, int whole, int rest)
    {
        w.Line($"ref {FilterType.Keyword()} weights = ref MemoryMarshal.GetReference(filter);");
        if (whole > 0)
        {
            using (w.Block(whole == Block ? "" : $"for (int oc = 0; oc < {whole}; oc += {Block})")) EmitBlock(w, Block, whole == Block ? "" : "oc");
        }

        if (rest > 0)
        {
            using (w.Block("")) EmitBlock(w, rest, whole == 0 ? "" : InvariantText.Of($"{whole}"));
        }

        w.Line();
        w.Line("pixel = ref Unsafe.Add(ref pixel, Step);");
        w.Line("stored = ref Unsafe.Add(ref stored, OutputChannels);");
    }

    // Accumulates `lanes` neighbouring output channels from channel `first` on and stores them.
    private void EmitBlock(CodeWriter w, int lanes, string first)
    {
        string Channel(int lane) => first.Length == 0 ? InvariantText.Of($"{lane}") : lane == 0 ? first : InvariantText.Of($"{first} + {lane}");
        var start = new List<string>();
        for (int lane = 0; lane < lanes; lane++) start.Add(InvariantText.Of($"acc{lane} = bias[{Channel(lane)}]"));
        w.Line("int " + string.Join(", ", start) + ";");

        if (UnrollRows)
        {
            for (int row = 0; row < Rows; row++) EmitTaps(w, lanes, row == 0 ? "pixel" : InvariantText.Of($"Unsafe.Add(ref pixel, {row} * rowStride)"), row * RowLength, RowLength, row);
            w.Line($"weights = ref Unsafe.Add(ref weights, {Rows * RowLength * lanes});");
        }
        else if (Rows == 1)
        {
            EmitRow(w, lanes, "pixel");
        }
        else
        {
            using (w.Block("for (int ky = 0; ky < Rows; ky++)"))
            {
                w.Line("ref sbyte row = ref Unsafe.Add(ref pixel, ky * rowStride);");
                EmitRow(w, lanes, "row");
            }
        }

        for (int lane = 0; lane < lanes; lane++)
        {
            w.Line($"Unsafe.Add(ref stored, {Channel(lane)}) = {Output.Expression(InvariantText.Of($"acc{lane}"), Channel(lane))};");
        }
    }

    private void EmitRow(CodeWriter w, int lanes, string row)
    {
        int whole = RowLength / Unroll * Unroll;
        if (whole == RowLength && whole == Unroll)
        {
            EmitTaps(w, lanes, row, 0, Unroll, 0);
            w.Line($"weights = ref Unsafe.Add(ref weights, {Unroll * lanes});");
        }
        else
        {
            using (w.Block($"for (int tap = 0; tap < {whole}; tap += {Unroll})"))
            {
                w.Line($"ref sbyte taps = ref Unsafe.Add(ref {row}, tap);");
                EmitTaps(w, lanes, "taps", 0, Unroll, 0);
                w.Line($"weights = ref Unsafe.Add(ref weights, {Unroll * lanes});");
            }
        }

        if (whole < RowLength)
        {
            using (w.Block(""))
            {
                w.Line($"ref sbyte taps = ref Unsafe.Add(ref {row}, {whole});");
                EmitTaps(w, lanes, "taps", 0, RowLength - whole, 0);
                w.Line($"weights = ref Unsafe.Add(ref weights, {(RowLength - whole) * lanes});");
            }
        }
    }

    // `count` taps written out; weights of tap t and lane l stand at (firstWeight + t) · lanes + l.
    private static void EmitTaps(CodeWriter w, int lanes, string row, int firstWeight, int count, int suffix)
    {
        string source = row;
        if (row.StartsWith("Unsafe", StringComparison.Ordinal))
        {
            source = InvariantText.Of($"row{suffix}");
            w.Line($"ref sbyte {source} = ref {row};");
        }

        for (int tap = 0; tap < count; tap++)
        {
            string q = InvariantText.Of($"q{firstWeight + tap}");
            w.Line($"int {q} = {(tap == 0 ? source : InvariantText.Of($"Unsafe.Add(ref {source}, {tap})"))};");
            var sums = new List<string>();
            for (int lane = 0; lane < lanes; lane++)
            {
                int at = ((firstWeight + tap) * lanes) + lane;
                sums.Add(InvariantText.Of($"acc{lane} += {q} * {(at == 0 ? "weights" : InvariantText.Of($"Unsafe.Add(ref weights, {at})"))};"));
            }

            for (int lane = 0; lane < lanes; lane += 2) w.Line(string.Join(" ", sums.Skip(lane).Take(2)));
        }
    }
}
