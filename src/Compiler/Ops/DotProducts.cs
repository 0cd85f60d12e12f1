using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>The order of filters that scalar and vector code read: two taps of a channel side by side, in blocks of channels.</summary>
/// <remarks>
/// Channels come in blocks of 16, the last of 8 where at most 8 remain; a block that is not full is filled with zeros, and so is
/// a row with an odd number of taps. In a block, for each pair of taps, the two weights of each channel lie side by side: the
/// operands of one multiply-and-add of int16 pairs. Bias, multiplier and shift are filled up to the same number of channels.
/// </remarks>
internal static class PairLayout
{
    /// <summary>Channels from the first one on that lie in blocks of 16.</summary>
    public static int Wide(int channels) => channels % 16 is 0 or > 8 ? channels : channels / 16 * 16;

    /// <summary>Channels with those that fill up the last block.</summary>
    public static int Padded(int channels) => channels % 16 > 8 ? (channels + 15) / 16 * 16 : (channels + 7) / 8 * 8;

    public static int Even(int taps) => (taps + 1) / 2 * 2;

    /// <summary>Weights in reading order; <paramref name="weight"/> gives that of a channel and a tap, counted row by row.</summary>
    public static int[] Pack(int channels, int rows, int rowLength, Func<int, int, int> weight)
    {
        int even = Even(rowLength), at = 0;
        int[] packed = new int[Padded(channels) * rows * even];
        for (int first = 0; first < channels; first += 16)
        {
            int width = channels - first > 8 ? 16 : 8;
            for (int row = 0; row < rows; row++)
            for (int i = 0; i < even; i += 2)
            for (int lane = 0; lane < width; lane++)
            for (int t = i; t < i + 2; t++)
            {
                packed[at++] = first + lane < channels && t < rowLength ? weight(first + lane, (row * rowLength) + t) : 0;
            }
        }

        return packed;
    }

    public static long[] Pad(long[] values) => [.. values, .. new long[Padded(values.Length) - values.Length]];

    /// <summary>The element of a channel's first weight, as an expression in <paramref name="oc"/>.</summary>
    public static string First(string oc, int wide, int taps, bool isWide) => isWide
        ? InvariantText.Of($"(({oc} >> 4) * {16 * taps}) + (({oc} & 15) * 2)")
        : InvariantText.Of($"{wide * taps} + (({oc} - {wide}) * 2)");
}

/// <summary>The run kernel of CONV_2D and FULLY_CONNECTED: for each pixel, one dot product of its window with every filter.</summary>
/// <remarks>
/// Scalar code takes four filters at a time, which share the loads of the window. The input's zero point is folded into the bias:
/// Σ (q − z) · w = Σ q · w − z · Σ w, which holds at the border too because a window has the zero point outside the image.
/// </remarks>
internal sealed record DotProducts
{
    private const int Lanes = 4;

    // The most stack that a vector kernel may take.
    private const int MostScratch = 48 * 1024;

    /// <summary>Rows of the filter.</summary>
    public required int Rows { get; init; }

    /// <summary>Neighbouring elements of a window's row: filter width times input channels.</summary>
    public required int RowLength { get; init; }

    /// <summary>Output channels that one window gives.</summary>
    public required int Outputs { get; init; }

    /// <summary>Elements between the windows of neighbouring pixels.</summary>
    public required int Step { get; init; }

    /// <summary>Above 1, the method takes a group and uses that group's filters.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>The geometry for processors with vector instructions; null for scalar code only.</summary>
    public required ConvolutionShape? Shape { get; init; }

    /// <summary>Layers of 3×3 windows may take the table and the stack that Winograd's transform needs.</summary>
    public bool UseWinograd { get; init; }

    /// <summary>Output rows of one call.</summary>
    public required int VectorRows { get; init; }

    /// <summary>The stored value outside the image.</summary>
    public int Outside { get; init; }

    /// <summary>Taps of a row that are written out one after another, an even number; <see cref="RowLength"/> when no loop is left.</summary>
    public required int Unroll { get; init; }

    /// <summary>No loop over filter rows is left either.</summary>
    public required bool UnrollRows { get; init; }

    /// <summary>INT8, or INT16 for filters that lost their zero point at compile time and do not fit INT8 any more.</summary>
    public required ElementType FilterType { get; init; }

    public required Requantization Output { get; init; }

    public required bool IsUnchecked { get; init; }

    /// <summary>The vector kernel may multiply bytes, for which it has the tables of <see cref="WithBytes"/>.</summary>
    public bool MultipliesBytes { get; private init; }

    public string Parameters => Output.Parameters(FilterType);

    /// <summary>The parameters of the method that calls the vector kernel.</summary>
    public string CallParameters => Parameters
        + (IsWinograd ? ", ReadOnlySpan<short> transformed" : MultipliesBytes ? ", ReadOnlySpan<int> byteBias, ReadOnlySpan<sbyte> safe" : "");

    /// <summary>The vector kernel takes <see cref="WinogradFilter"/> too, the layer's last table.</summary>
    public bool IsWinograd => UseWinograd && IsVectorised && Shape!.Value.HasWinograd(Outputs) && Shape.Value.PaysWinograd(VectorRows);

    /// <summary>Estimated bytes of the run kernel: per lane a requantisation, per lane and tap a load, a multiplication and an addition.</summary>
    public int CodeBytes
    {
        get
        {
            int[] blocks = Blocks(Outputs);
            int lanes = blocks.Sum(), whole = RowLength / Unroll, rest = RowLength % Unroll;
            int taps = UnrollRows ? Rows * RowLength : (whole > 0 ? Unroll : 0) + rest;
            return 150 + (lanes * (Output.CodeBytes + (18 * taps))) - (118 * blocks.Length);
        }
    }

    /// <summary>Estimated bytes of the call of the vector kernel, and which it is.</summary>
    public int VectorCallBytes => IsVectorised ? 258 : 0;

    public RuntimeKernels Calls => !IsVectorised ? RuntimeKernels.None
        : RuntimeKernels.Convolve | (IsWinograd ? RuntimeKernels.Winograd : MultipliesBytes ? RuntimeKernels.ConvolveBytes : RuntimeKernels.None);

    /// <summary>Stack that the vector kernel takes.</summary>
    public int StackBytes => IsVectorised ? Math.Max(Scratch, IsWinograd ? Shape!.Value.WinogradScratch : 0) + 512 : 0;

    private int Taps => Rows * PairLayout.Even(RowLength);

    private int Scratch => WindowRows.MostScratch(Shape!.Value, VectorRows, (shape, rows) => shape.ConvolutionScratch(shape.OutputWidth, rows));

    private string Element => Output.Type.Keyword();

    private bool IsVectorised => Shape is not null && Groups == 1 && Output.Type == ElementType.Int8 && FilterType == ElementType.Int8 && Output.IsVectorised
        && Scratch <= MostScratch;

    // With fewer taps the bits cost more than they save.
    private const int LeastTaps = 32;

    // The share of safe fours from which on bytes are faster: at three quarters they are as fast as words with 256 and 512 bits (docs/performance.md).
    private const double LeastSafe = 0.9;

    // One load, multiplication and addition.
    private const int TapBytes = 18;

    /// <summary>How far to unroll under the policy and its ceiling.</summary>
    /// <param name="outputs">Output channels that one window gives.</param>
    public static (int Unroll, bool UnrollRows) ChooseUnrolling(int rows, int rowLength, int outputs, CompileOptions options)
    {
        // The JIT compiles a method without optimisation from somewhere between 2,048 and 3,072 products on.
        const int MostProducts = 1_500;
        int lanes = Blocks(outputs).Sum();
        bool Fits(int taps, int limit) => taps <= limit && taps * lanes <= MostProducts && taps * TapBytes * Lanes <= options.UnrollCeiling;

        int small = options.Unroll == UnrollPolicy.Full ? MostProducts : 32;
        if (options.Unroll == UnrollPolicy.None) return (2, false);
        if (Fits(rows * rowLength, small)) return (rowLength, true);
        if (Fits(rowLength, small)) return (rowLength, false);
        return (Fits(8, 8) ? 8 : 2, false);
    }

    /// <summary>Filters in reading order, group by group.</summary>
    /// <param name="filter">OHWI: for each output channel its rows one after the other.</param>
    public static int[] Pack(int[] filter, int outputs, int rows, int rowLength, int groups)
    {
        int perGroup = outputs / groups, length = rows * rowLength;
        return
        [
            .. Enumerable.Range(0, groups).SelectMany(group => PairLayout.Pack(
                perGroup, rows, rowLength, (channel, tap) => filter[(((group * perGroup) + channel) * length) + tap])),
        ];
    }

    /// <summary>Values of the output channels, group by group filled up to whole blocks.</summary>
    public static long[] Pad(long[] values, int groups)
    {
        int perGroup = values.Length / groups;
        return [.. Enumerable.Range(0, groups).SelectMany(group => PairLayout.Pad([.. values.Skip(group * perGroup).Take(perGroup)]))];
    }

    /// <summary>
    /// Folds the zero point into the bias and bounds each accumulator: its largest magnitude over all inputs. A channel that stores the same
    /// number whatever its input, since its weights or its factor are 0 or next to it, loses its weights; its bias and factor become small ones
    /// that give that number. Training leaves such channels with scales and biases that would cost the whole layer the shorter requantisation
    /// and the vectors.
    /// </summary>
    /// <param name="filter">For each output channel <paramref name="length"/> weights, without zero points; those of constant channels become 0.</param>
    /// <param name="multipliers">By channel; those of constant channels are replaced.</param>
    public static (long[] Bias, long[] Bounds) Fold(
        int[] filter, long[]? bias, int outputs, int length, Tensor input, Multiplier[] multipliers, int outputZeroPoint, (int, int) range, bool isWide)
    {
        // The largest magnitude of an input without its zero point.
        long largest = input.Type == ElementType.Int16 ? 1 << 15 : 255;
        long[] folded = new long[outputs];
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
            if (!isWide && IsConstant(start, largest * magnitude, multipliers[oc], outputZeroPoint, range))
            {
                // The number itself, or a quarter of four times it: 2^30 / 2^31, shifted right by one.
                int moved = Requantization.Apply(start, multipliers[oc], outputZeroPoint, range) - outputZeroPoint;
                bool isSingle = multipliers[oc].IsSingle;
                start = isSingle ? moved : 4 * moved;
                multipliers[oc] = isSingle ? Multiplier.OfSingle(1) : new Multiplier(1 << 30, -1);
                sum = magnitude = 0;
                Array.Clear(filter, oc * length, length);
            }

            folded[oc] = isWide ? start : unchecked((int)(start - (input.ZeroPoint * sum)));
            bounds[oc] = Math.Abs(Math.Max(start, -long.MaxValue)) + (largest * magnitude);
            if (bounds[oc] < 0) bounds[oc] = long.MaxValue;
        }

        return (folded, bounds);
    }

    /// <summary>
    /// The same with a vector kernel that multiplies bytes, where nearly all pairs of weights of a pointwise convolution or fully connected layer are
    /// proved to keep 16 bits. Adds the two tables that it needs: biases less 128 times the sum of weights, and a bit for each four taps of a block of
    /// channels, as VectorKernels.ConvolveBytes says.
    /// </summary>
    /// <param name="filter">For each output channel its weights, without zero points.</param>
    /// <param name="bias">By channel, the input's zero point folded in.</param>
    public DotProducts WithBytes(int[] filter, long[] bias, CompileOptions options, List<Table> tables)
    {
        int length = Rows * RowLength, quads = length / 4, blocks = (Outputs + 15) / 16, bytes = (quads + 7) / 8, count = 0;
        if (!IsVectorised || options.Preset == Preset.Size || length < LeastTaps || length % 4 > 0 || !Shape!.Value.IsOneRow(VectorRows, 0, 0, out _)) return this;
        byte[] safe = new byte[blocks * bytes];
        for (int block = 0; block < blocks; block++)
        for (int quad = 0; quad < quads; quad++)
        {
            bool isSafe = true;
            for (int oc = 16 * block; oc < Math.Min(16 * (block + 1), Outputs); oc++)
            {
                int at = (oc * length) + (4 * quad);
                isSafe &= FitWords(filter[at], filter[at + 1]) && FitWords(filter[at + 2], filter[at + 3]);
            }

            if (!isSafe) continue;
            safe[(block * bytes) + (quad / 8)] |= (byte)(1 << (quad % 8));
            count++;
        }

        if (count < LeastSafe * blocks * quads) return this;
        long[] starts = [.. bias];
        for (int i = 0; i < Outputs * length; i++) starts[i / length] -= 128 * filter[i];
        tables.Add(Table.Of("ByteBias", [.. PairLayout.Pad(starts).Select(start => unchecked((int)start))]));
        tables.Add(Table.Of("Safe", [.. safe.Select(b => unchecked((sbyte)b))]));
        return this with { MultipliesBytes = true };
    }

    // Whether two weights times any two bytes from 0 to 255 add up to a number of 16 bits.
    private static bool FitWords(int first, int second) =>
        Math.Max(first, 0) + Math.Max(second, 0) <= short.MaxValue / 255 && Math.Min(first, 0) + Math.Min(second, 0) >= short.MinValue / 255;

    // Whether all sums that are `reach` or less away from the start are stored as one number. Requantising keeps the order of sums that do not wrap.
    private static bool IsConstant(long start, long reach, Multiplier factor, int zeroPoint, (int, int) range)
    {
        if (reach == 0 || (!factor.IsSingle && factor.Value == 0)) return true;
        if (Math.Abs(start) + reach > int.MaxValue >> Math.Max(0, factor.Shift)) return false;
        return Requantization.Apply(start - reach, factor, zeroPoint, range) == Requantization.Apply(start + reach, factor, zeroPoint, range);
    }

    // Lanes of the blocks of code, for the channels in blocks of 16 and for the others: a loop over four at a time, and what remains.
    private static int[] Blocks(int outputs)
    {
        int wide = PairLayout.Wide(outputs), rest = outputs - wide;
        return [.. new[] { wide >= Lanes ? Lanes : 0, wide % Lanes, rest >= Lanes ? Lanes : 0, rest % Lanes }.Where(lanes => lanes > 0)];
    }

    /// <summary>Writes the call of the vector kernel, if there is one, in a method with these rows.</summary>
    public void EmitVectorCall(CodeWriter w, string rows)
    {
        if (!IsVectorised) return;
        if (IsWinograd) Output.EmitVectorCall(w, "ConvolveWinograd", rows, Shape!.Value, Outside, Outputs, "filter, transformed");
        else if (MultipliesBytes) Output.EmitVectorCall(w, "ConvolveBytes", rows, Shape!.Value, Outside, Outputs, "filter, byteBias, safe");
        else Output.EmitVectorCall(w, "Convolve", rows, Shape!.Value, Outside, Outputs);
    }

    public void Emit(CodeWriter w, string method)
    {
        w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        string group = Groups > 1 ? ", int group" : "";
        using (w.Method(method + "_Run", $"ReadOnlySpan<{Element}> window, int rowStride, Span<{Element}> output{group}", Parameters))
        {
            w.Line($"const int Rows = {Rows}, RowLength = {RowLength}, OutputChannels = {Outputs}, Step = {Step};");
            Output.EmitConstants(w);
            w.Line();
            if (Groups > 1) EmitGroup(w);
            w.Line("// The caller sliced window and output to what is read and written here.");
            w.Line($"ref {Element} pixel = ref MemoryMarshal.GetReference(window);");
            w.Line($"ref {Element} stored = ref MemoryMarshal.GetReference(output);");
            w.Line("int count = output.Length / OutputChannels;");
            using (w.Unchecked(IsUnchecked))
            using (w.Block("for (int i = 0; i < count; i++)"))
            {
                int wide = PairLayout.Wide(Outputs);
                EmitChannels(w, 0, wide, isWide: true);
                EmitChannels(w, wide, Outputs, isWide: false);
                w.Line();
                w.Line("pixel = ref Unsafe.Add(ref pixel, Step);");
                w.Line("stored = ref Unsafe.Add(ref stored, OutputChannels);");
            }

            Output.EmitFunction(w);
        }
    }

    private void EmitGroup(CodeWriter w)
    {
        int padded = PairLayout.Padded(Outputs), weights = padded * Taps;
        w.Line($"filter = filter.Slice(group * {weights}, {weights});");
        foreach (string table in Output.ChannelTables.Prepend("bias")) w.Line($"{table} = {table}.Slice(group * {padded}, {padded});");
        w.Line();
    }

    // Channels from `begin` to `end`, which lie in blocks of 16 or in one of 8: four at a time, then those that remain.
    private void EmitChannels(CodeWriter w, int begin, int end, bool isWide)
    {
        int whole = begin + ((end - begin) / Lanes * Lanes), wide = PairLayout.Wide(Outputs);
        void Block(int lanes, string oc)
        {
            string first = PairLayout.First(oc, wide, Taps, isWide);
            w.Line($"ref {FilterType.Keyword()} weights = ref Unsafe.Add(ref MemoryMarshal.GetReference(filter), {first});");
            EmitBlock(w, lanes, oc, isWide ? 32 : 16);
        }

        if (whole > begin)
        {
            using (w.Block($"for (int oc = {begin}; oc < {whole}; oc += {Lanes})")) Block(Lanes, "oc");
        }

        if (whole < end)
        {
            using (w.Block(""))
            {
                w.Line($"const int oc = {whole};");
                Block(end - whole, "oc");
            }
        }
    }

    // Accumulates `lanes` neighbouring output channels from channel `oc` on and stores them.
    private void EmitBlock(CodeWriter w, int lanes, string oc, int pairStride)
    {
        string Channel(int lane) => lane == 0 ? oc : InvariantText.Of($"{oc} + {lane}");
        var start = new List<string>();
        for (int lane = 0; lane < lanes; lane++) start.Add(InvariantText.Of($"acc{lane} = bias[{Channel(lane)}]"));
        w.Line($"{Output.Accumulator.Keyword()} {string.Join(", ", start)};");

        if (UnrollRows)
        {
            for (int row = 0; row < Rows; row++)
            {
                string source = row == 0 ? "pixel" : InvariantText.Of($"row{row}");
                if (row > 0) w.Line($"ref {Element} {source} = ref Unsafe.Add(ref pixel, {row} * rowStride);");
                EmitTaps(w, lanes, source, row * PairLayout.Even(RowLength), RowLength, pairStride);
            }
        }
        else if (Rows == 1)
        {
            EmitRow(w, lanes, "pixel", pairStride);
        }
        else
        {
            using (w.Block("for (int ky = 0; ky < Rows; ky++)"))
            {
                w.Line($"ref {Element} row = ref Unsafe.Add(ref pixel, ky * rowStride);");
                EmitRow(w, lanes, "row", pairStride);
            }
        }

        for (int lane = 0; lane < lanes; lane++)
        {
            w.Line($"Unsafe.Add(ref stored, {Channel(lane)}) = {Output.Expression(InvariantText.Of($"acc{lane}"), Channel(lane))};");
        }
    }

    // One row of the window; `weights` then stands at the next one.
    private void EmitRow(CodeWriter w, int lanes, string row, int pairStride)
    {
        int whole = RowLength / Unroll * Unroll, rest = RowLength - whole;
        void Advance(int taps) => w.Line($"weights = ref Unsafe.Add(ref weights, {PairLayout.Even(taps) / 2 * pairStride});");
        if (whole == Unroll && rest == 0)
        {
            EmitTaps(w, lanes, row, 0, Unroll, pairStride);
            Advance(Unroll);
            return;
        }

        if (whole > 0)
        {
            using (w.Block($"for (int tap = 0; tap < {whole}; tap += {Unroll})"))
            {
                w.Line($"ref {Element} taps = ref Unsafe.Add(ref {row}, tap);");
                EmitTaps(w, lanes, "taps", 0, Unroll, pairStride);
                Advance(Unroll);
            }
        }

        if (rest == 0) return;
        using (w.Block(""))
        {
            w.Line($"ref {Element} taps = ref Unsafe.Add(ref {row}, {whole});");
            EmitTaps(w, lanes, "taps", 0, rest, pairStride);
            Advance(rest);
        }
    }

    // `count` taps written out; `first` is the even number of taps before them in the order of the weights.
    private static void EmitTaps(CodeWriter w, int lanes, string row, int first, int count, int pairStride)
    {
        for (int tap = first; tap < first + count; tap++)
        {
            string q = InvariantText.Of($"q{tap}");
            w.Line($"int {q} = {(tap == first ? row : InvariantText.Of($"Unsafe.Add(ref {row}, {tap - first})"))};");
            var sums = new List<string>();
            for (int lane = 0; lane < lanes; lane++)
            {
                int at = (tap / 2 * pairStride) + (2 * lane) + (tap % 2);
                sums.Add(InvariantText.Of($"acc{lane} += {q} * {(at == 0 ? "weights" : InvariantText.Of($"Unsafe.Add(ref weights, {at})"))};"));
            }

            for (int lane = 0; lane < lanes; lane += 2) w.Line(string.Join(" ", sums.Skip(lane).Take(2)));
        }
    }
}
