using System;
using System.Collections.Generic;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>DEPTHWISE_CONV_2D: output[y, x, i·m + j] = bias + Σ (input[y·s + ky·d − pad, …, i] − input zero point) · filter[0, ky, kx, i·m + j].</summary>
/// <remarks>As CONV_2D, but the filter is 1HWO and its scales lie along dimension 3, and with INT16 the bias is INT64; m is the depth
/// multiplier, output channels over input channels.</remarks>
internal sealed record DepthwiseConv2D : Op
{
    public required WindowOptions Options { get; init; }

    public required Activation Activation { get; init; }

    public override string Name => "DEPTHWISE_CONV_2D";

    // ---- import ----
    public static Op Import(OperatorReader r) => new DepthwiseConv2D
    {
        Inputs = r.Inputs,
        Outputs = r.Outputs,
        Options = r.Window(dilationSlot: 5),
        Activation = r.Activation(4),
    };

    // ---- contract ----
    public override void Check(Contract c)
    {
        TensorContract x = c.Input(0), w = c.Input(1), y = c.Output(0);
        if (WeightedSum.Check(c, x, w, y, axis: 3) && !x.Tensor!.HasUInt8Rules) w.Symmetric();
        Tensor? input = x.Rank(4).Tensor, filter = w.Rank(4).Tensor;
        y.Rank(4);
        c.Require(Options.IsValid, "needs strides and dilations from 1 to 32767");
        c.Require(Activation <= Activation.Relu6, "has an activation that is not supported");
        if (!c.Holds) return;

        int channels = input!.Shape[3], outputs = filter!.Shape[3];
        c.Require(filter.Shape[0] == 1 && outputs % channels == 0, $"needs a filter [1, height, width, a multiple of {channels}], and it has [{filter.Shape}]");
        Window2D window = Geometry(c.Graph);
        c.Require((long)window.Taps * channels * input.Type.Size() <= Window2D.MaxCopiedBytes, $"needs windows of at most {Window2D.MaxCopiedBytes} bytes");
        c.Output(0).Shape(input.Shape[0], window.OutputHeight, window.OutputWidth, outputs);
        WeightedSum.CheckBias(c, 2, input, Multipliers(c.Graph), IsWide(c.Graph), isOnlyWide: true);
    }

    public override string Describe(Graph graph) => $"{Name} {Geometry(graph).Describe(Options)}{Activation.Describe()}";

    public override long Macs(Graph graph)
    {
        Tensor filter = graph[Inputs[1]];
        return (long)graph[Outputs[0]].ElementCount * filter.Shape[1] * filter.Shape[2];
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        Tensor input = values.Graph[Inputs[0]], filter = values.Graph[Inputs[1]], output = values.Graph[Outputs[0]];
        int[] x = values.Integers(Inputs[0]), w = WeightedSum.Weights(filter), y = new int[output.ElementCount];
        long[]? bias = Input(2) < 0 ? null : values.Graph[Inputs[2]].Longs();
        bool isWide = IsWide(values.Graph);
        Window2D g = Geometry(values.Graph);
        Multiplier[] multipliers = Multipliers(values.Graph);
        (int, int) range = Ir.Quantize.Range(Activation, output);
        int channels = input.Shape[3], outputs = filter.Shape[3], depthMultiplier = outputs / channels;

        int at = 0;
        for (int n = 0; n < input.Shape[0]; n++)
        for (int oy = 0; oy < g.OutputHeight; oy++)
        for (int ox = 0; ox < g.OutputWidth; ox++)
        for (int oc = 0; oc < outputs; oc++)
        {
            long acc = bias?[oc] ?? 0;
            for (int ky = 0; ky < g.FilterHeight; ky++)
            for (int kx = 0; kx < g.FilterWidth; kx++)
            {
                int iy = (oy * g.StrideY) - g.PadTop + (ky * g.DilationY), ix = (ox * g.StrideX) - g.PadLeft + (kx * g.DilationX);
                if (iy < 0 || iy >= g.InputHeight || ix < 0 || ix >= g.InputWidth) continue;
                int source = (((((n * g.InputHeight) + iy) * g.InputWidth) + ix) * channels) + (oc / depthMultiplier);
                acc = unchecked(acc + ((x[source] - input.ZeroPoint) * w[(((ky * g.FilterWidth) + kx) * outputs) + oc]));
            }

            y[at++] = Requantization.Apply(acc, multipliers[oc], output.ZeroPoint, range, isWide);
        }

        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]], filter = graph[Inputs[1]], output = graph[Outputs[0]];
        Window2D window = Geometry(graph);
        int channels = input.Shape[3], outputs = filter.Shape[3], taps = window.Taps;

        // OHW: channel by channel, each with its taps.
        int[] stored = WeightedSum.Weights(filter);
        int[] weights = new int[stored.Length];
        for (int oc = 0; oc < outputs; oc++)
        {
            for (int tap = 0; tap < taps; tap++) weights[(oc * taps) + tap] = stored[(tap * outputs) + oc];
        }

        Multiplier[] multipliers = Multipliers(graph);
        bool isWide = IsWide(graph);

        if (options.SharesKernels && SharedSums.Convolution(graph, this, window, weights, channels, multipliers, isWide, Activation, options) is { } shared)
        {
            return shared;
        }

        // One input channel: every output channel sees all of the input, as in CONV_2D.
        if (channels == 1) return Conv2D.Layer(graph, this, window, weights, groups: 1, multipliers, isWide, Activation, options);

        (int, int) range = Ir.Quantize.Range(Activation, output);
        long[]? biasOfFile = Input(2) < 0 ? null : graph[Inputs[2]].Longs();
        (long[] bias, long[] bounds) = DotProducts.Fold(weights, biasOfFile, outputs, taps, input, multipliers, output.ZeroPoint, range, isWide);
        for (int tap = 0; tap < taps; tap++)
        {
            for (int oc = 0; oc < outputs; oc++) stored[(tap * outputs) + oc] = weights[(oc * taps) + tap];
        }

        var tables = new List<Table> { WeightedSum.Table(stored) };
        ElementType filterType = tables[0].Type;
        Requantization requantization = Requantization.Of(multipliers, bias, bounds, isWide, output, range, tables, values => values);
        var kernel = new DepthwiseKernel(
            input.Shape[0],
            new WindowRows { Window = window, InputChannels = channels, OutputChannels = outputs, Type = input.Type, Fill = input.ZeroPoint },
            filterType,
            requantization,
            IsUnrolled: options.Unroll != UnrollPolicy.None && taps <= (options.Unroll == UnrollPolicy.Full ? 400 : 64),
            IsVectorised: options.Vectors && channels == outputs && channels >= LeastVector && !window.IsDilated && input.Type == ElementType.Int8 && filterType == ElementType.Int8
                && requantization.IsVectorised && taps <= 400,
            IsUnchecked: options.CheckOverflow);
        return new Layer(this, kernel, new[] { Inputs[0] }, tables.ToArray());
    }

    /// <summary>Of fewer channels than a vector takes the kernels would go through them one by one, and code for this layer is faster.</summary>
    public const int LeastVector = 8;

    private sealed record DepthwiseKernel(
        int Images, WindowRows Windows, ElementType FilterType, Requantization Output, bool IsUnrolled, bool IsVectorised, bool IsUnchecked) : Kernel
    {
        public override string Name => "DepthwiseConv2D";

        public override Window2D? RowWindow => Windows.Window;

        public override int Batch => Images;

        public override int StackBytes => Math.Max(
            Windows.StackBytes,
            IsVectorised ? WindowRows.MostScratch(Windows.Shape, Windows.Window.OutputHeight, (shape, _) => shape.DepthwiseScratch(shape.OutputWidth)) + 512 : 0);

        // Filters of many taps share the computation of addresses.
        public override int CodeBytes =>
            Windows.CodeBytes + (IsVectorised ? 580 : 0) + 550 + (Output.IsPerChannel ? 208 : 0) + (Output.OnlyRight || Output.IsWide ? 0 : 124)
                + (IsUnrolled ? 25 * Math.Min(Windows.Window.Taps + 1, 29) : 0);

        public override RuntimeKernels Calls => IsVectorised ? RuntimeKernels.ConvolveDepthwise : RuntimeKernels.None;

        public override void Emit(CodeWriter w, string method)
        {
            string parameters = Output.Parameters(FilterType), element = Windows.Type.Keyword();
            Windows.Emit(w, method, parameters, Output.Arguments, rows =>
            {
                if (IsVectorised) Output.EmitVectorCall(w, "ConvolveDepthwise", rows, Windows.Shape, Windows.Fill, channels: null);
            });
            w.Line();

            Window2D g = Windows.Window;
            int depthMultiplier = Windows.OutputChannels / Windows.InputChannels;
            w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
            using (w.Method(method + "_Run", $"ReadOnlySpan<{element}> window, int rowStride, Span<{element}> output", parameters))
            {
                w.Line($"const int FilterHeight = {g.FilterHeight}, FilterWidth = {g.FilterWidth};");
                w.Line($"const int InputChannels = {Windows.InputChannels}, OutputChannels = {Windows.OutputChannels}, Step = {g.StrideX} * InputChannels;");
                if (depthMultiplier > 1) w.Line($"const int DepthMultiplier = {depthMultiplier};");
                Output.EmitConstants(w);
                w.Line();
                w.Line("// The caller sliced window and output to what is read and written here.");
                w.Line($"ref {element} pixel = ref MemoryMarshal.GetReference(window);");
                w.Line($"ref {element} stored = ref MemoryMarshal.GetReference(output);");
                w.Line("int count = output.Length / OutputChannels;");
                using (w.Unchecked(IsUnchecked))
                using (w.Block("for (int i = 0; i < count; i++)"))
                {
                    EmitChannels(w);
                    w.Line();
                    w.Line("pixel = ref Unsafe.Add(ref pixel, Step);");
                    w.Line("stored = ref Unsafe.Add(ref stored, OutputChannels);");
                }

                Output.EmitFunction(w);
            }
        }

        private void EmitChannels(CodeWriter w)
        {
            Window2D g = Windows.Window;
            bool isOneToOne = Windows.InputChannels == Windows.OutputChannels;
            using (w.Block("for (int oc = 0; oc < OutputChannels; oc++)"))
            {
                w.Line($"ref {FilterType.Keyword()} weights = ref Unsafe.Add(ref MemoryMarshal.GetReference(filter), oc);");
                w.Line($"ref {Windows.Type.Keyword()} taps = ref Unsafe.Add(ref pixel, {(isOneToOne ? "oc" : "oc / DepthMultiplier")});");
                w.Line($"{Output.Accumulator.Keyword()} acc = bias[oc];");
                if (IsUnrolled) EmitTaps(w, g);
                else EmitTapLoop(w);
                w.Line($"Unsafe.Add(ref stored, oc) = {Output.Expression("acc", "oc")};");
            }
        }

        private void EmitTaps(CodeWriter w, Window2D g)
        {
            for (int ky = 0; ky < g.FilterHeight; ky++)
            {
                string row = ky == 0 ? "taps" : InvariantText.Of($"row{ky}");
                if (ky > 0) w.Line($"ref {Windows.Type.Keyword()} {row} = ref Unsafe.Add(ref taps, {ky} * rowStride);");
                for (int kx = 0; kx < g.FilterWidth; kx++)
                {
                    int tap = (ky * g.FilterWidth) + kx;
                    string q = kx == 0 ? row : InvariantText.Of($"Unsafe.Add(ref {row}, {kx} * InputChannels)");
                    w.Line($"acc += {q} * {(tap == 0 ? "weights" : InvariantText.Of($"Unsafe.Add(ref weights, {tap} * OutputChannels)"))};");
                }
            }
        }

        private static void EmitTapLoop(CodeWriter w)
        {
            w.Line("for (int ky = 0; ky < FilterHeight; ky++)");
            using (w.Block("for (int kx = 0; kx < FilterWidth; kx++)"))
            {
                w.Line("int q = Unsafe.Add(ref taps, (ky * rowStride) + (kx * InputChannels));");
                w.Line("acc += q * Unsafe.Add(ref weights, ((ky * FilterWidth) + kx) * OutputChannels);");
            }
        }
    }

    private Window2D Geometry(Graph graph)
    {
        Tensor filter = graph[Inputs[1]];
        return Window2D.Of(graph[Inputs[0]], filter.Shape[1], filter.Shape[2], Options);
    }

    private bool IsWide(Graph graph) => WeightedSum.IsWide(graph, this, hasNarrowSums: false);

    private Multiplier[] Multipliers(Graph graph) =>
        WeightedSum.Factors(graph[Inputs[0]], graph[Inputs[1]], graph[Outputs[0]], graph[Inputs[1]].Shape[3]);
}
