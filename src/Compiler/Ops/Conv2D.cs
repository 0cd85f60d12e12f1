using System;
using System.Collections.Generic;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>CONV_2D: output[y, x, o] = bias[o] + Σ (input[y·s + ky·d − pad, …, i] − input zero point) · filter[o, ky, kx, i], requantised and clamped.</summary>
/// <remarks>Types as <see cref="WeightedSum"/> says; the filter is OHWI. Taps outside the image contribute nothing. Filters with fewer
/// input channels than the input make groups.</remarks>
internal sealed record Conv2D : Op
{
    public required WindowOptions Options { get; init; }

    public required Activation Activation { get; init; }

    /// <summary>With INT16 and without a bias, accumulators have the 32 bits of a bias of INT32.</summary>
    public required bool HasNarrowSums { get; init; }

    public override string Name => "CONV_2D";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Conv2D
    {
        Inputs = r.Inputs,
        Outputs = r.Outputs,
        Options = r.Window(dilationSlot: 4),
        Activation = r.Activation(3),
        HasNarrowSums = r.Byte(6) == Schema.Int32Type,
    };

    // ---- contract ----
    public override void Check(Contract c)
    {
        TensorContract x = c.Input(0), w = c.Input(1), y = c.Output(0);
        if (WeightedSum.Check(c, x, w, y, axis: 0) && !x.Tensor!.HasUInt8Rules) w.Symmetric();
        Tensor? input = x.Rank(4).Tensor, filter = w.Rank(4).Tensor;
        y.Rank(4);
        c.Require(Options.IsValid, "needs strides and dilations from 1 to 32767");
        c.Require(Activation <= Activation.Relu6, "has an activation that is not supported");
        if (!c.Holds) return;

        int depth = filter!.Shape[3], outputs = filter.Shape[0];
        c.Require(
            depth > 0 && input!.Shape[3] % depth == 0 && outputs % (input.Shape[3] / depth) == 0,
            $"needs input channels that are a multiple of the filter's and outputs that the groups divide, and it has {input!.Shape[3]}, {depth} and {outputs}");
        Window2D window = Geometry(c.Graph);
        c.Require((long)window.Taps * depth * input!.Type.Size() <= Window2D.MaxCopiedBytes, $"needs windows of at most {Window2D.MaxCopiedBytes} bytes");
        c.Output(0).Shape(input.Shape[0], window.OutputHeight, window.OutputWidth, outputs);
        WeightedSum.CheckBias(c, 2, input, Multipliers(c.Graph), IsWide(c.Graph));
    }

    public override string Describe(Graph graph) => $"{Name} {Geometry(graph).Describe(Options)}{Activation.Describe()}";

    public override long Macs(Graph graph)
    {
        Tensor filter = graph[Inputs[1]];
        return (long)graph[Outputs[0]].ElementCount * filter.ElementCount / filter.Shape[0];
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
        int channels = input.Shape[3], depth = filter.Shape[3], outputs = filter.Shape[0], perGroup = outputs / (channels / depth);

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
                int source = (((((n * g.InputHeight) + iy) * g.InputWidth) + ix) * channels) + (oc / perGroup * depth);
                int weight = ((((oc * g.FilterHeight) + ky) * g.FilterWidth) + kx) * depth;
                for (int i = 0; i < depth; i++) acc = unchecked(acc + ((x[source + i] - input.ZeroPoint) * w[weight + i]));
            }

            y[at++] = Requantization.Apply(acc, multipliers[oc], output.ZeroPoint, range, isWide);
        }

        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor filter = graph[Inputs[1]];
        int groups = graph[Inputs[0]].Shape[3] / filter.Shape[3];
        return Layer(graph, this, Geometry(graph), WeightedSum.Weights(filter), groups, Multipliers(graph), IsWide(graph), Activation, options);
    }

    /// <summary>The layer of a convolution whose inputs are those of <paramref name="op"/>; the filter is OHWI and without zero points.</summary>
    public static Layer Layer(
        Graph graph, Op op, Window2D window, int[] filter, int groups, Multiplier[] multipliers, bool isWide, Activation activation,
        CompileOptions options)
    {
        if (options.SharesKernels && SharedSums.Convolution(graph, op, window, filter, groups, multipliers, isWide, activation, options) is { } shared) return shared;

        Tensor input = graph[op.Inputs[0]], output = graph[op.Outputs[0]];
        int outputs = output.Shape[3], depth = input.Shape[3] / groups;
        int rows = window.IsPointwise ? 1 : window.FilterHeight, rowLength = window.FilterWidth * depth;
        long[]? biasOfFile = op.Inputs.Count > 2 && op.Inputs[2] >= 0 ? graph[op.Inputs[2]].Longs() : null;
        (int, int) range = Ir.Quantize.Range(activation, output);
        (long[] bias, long[] bounds) = DotProducts.Fold(
            filter, biasOfFile, outputs, rows * rowLength, input, multipliers, output.ZeroPoint, range, isWide);
        var tables = new List<Table> { WeightedSum.Table(DotProducts.Pack(filter, outputs, rows, rowLength, groups)) };
        ElementType filterType = tables[0].Type;
        Requantization requantization = Requantization.Of(
            multipliers, bias, bounds, isWide, output, range, tables, values => DotProducts.Pad(values, groups));
        (int unroll, bool unrollRows) = DotProducts.ChooseUnrolling(rows, rowLength, outputs / groups, options);
        var rowLoop = new WindowRows
        {
            Window = window, InputChannels = input.Shape[3], OutputChannels = outputs, Groups = groups, Type = input.Type, Fill = input.ZeroPoint,
        };
        var dots = new DotProducts
        {
            Rows = rows,
            RowLength = rowLength,
            Outputs = outputs / groups,
            Step = window.StrideX * input.Shape[3],
            Groups = groups,
            Shape = options.Vectors && !window.IsDilated ? rowLoop.Shape : null,
            UseWinograd = options.Preset == Preset.Speed,
            VectorRows = window.OutputHeight,
            Outside = input.ZeroPoint,
            Unroll = unroll,
            UnrollRows = unrollRows,
            FilterType = filterType,
            Output = requantization,
            IsUnchecked = options.CheckOverflow,
        };
        if (dots.IsWinograd) tables.Add(WinogradFilter.Transform(filter, outputs, depth));
        else dots = dots.WithBytes(filter, bias, options, tables);
        var kernel = new Conv2DKernel(input.Shape[0], rowLoop, dots);
        return new Layer(op, kernel, new[] { op.Inputs[0] }, tables.ToArray());
    }

    private sealed record Conv2DKernel(int Images, WindowRows Windows, DotProducts Dots) : Kernel
    {
        public override string Name => Windows.Window.IsPointwise ? "Conv2D_Pointwise" : Dots.IsWinograd ? "Conv2D_Winograd" : "Conv2D";

        public override Window2D? RowWindow => Windows.Window;

        public override int Batch => Images;

        public override int StackBytes => Math.Max(Windows.StackBytes, Dots.StackBytes);

        public override int CodeBytes => Windows.CodeBytes + Dots.VectorCallBytes + Dots.CodeBytes;

        public override RuntimeKernels Calls => Dots.Calls;

        public override void Emit(CodeWriter w, string method)
        {
            Windows.Emit(w, method, Dots.CallParameters, Dots.Output.Arguments, rows => Dots.EmitVectorCall(w, rows));
            w.Line();
            Dots.Emit(w, method);
        }
    }

    private Window2D Geometry(Graph graph)
    {
        Tensor filter = graph[Inputs[1]];
        return Window2D.Of(graph[Inputs[0]], filter.Shape[1], filter.Shape[2], Options);
    }

    private bool IsWide(Graph graph) => WeightedSum.IsWide(graph, this, HasNarrowSums);

    private Multiplier[] Multipliers(Graph graph) =>
        WeightedSum.Factors(graph[Inputs[0]], graph[Inputs[1]], graph[Outputs[0]], graph[Inputs[1]].Shape[0]);
}
