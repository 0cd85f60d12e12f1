using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>CONV_2D: output[y, x, o] = bias[o] + Σ (input[y·s + ky·d − pad, …, i] − input zero point) · filter[o, ky, kx, i], requantised and clamped.</summary>
/// <remarks>TFLite 8-bit quantisation specification: input and output int8 per tensor; filter int8 OHWI, per tensor or per output
/// channel, zero point 0; bias int32. Taps outside the image contribute nothing. Filters with fewer input channels than the
/// input make groups.</remarks>
internal sealed record Conv2D : Op
{
    public required WindowOptions Options { get; init; }

    public required Activation Activation { get; init; }

    public override string Name => "CONV_2D";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Conv2D
    {
        Inputs = r.Inputs,
        Outputs = r.Outputs,
        Options = r.Window(dilationSlot: 4),
        Activation = r.Activation(3),
    };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Rank(4).Tensor;
        Tensor? filter = c.Input(1).Type(ElementType.Int8).Constant().Rank(4).PerChannel(axis: 0).Symmetric().Tensor;
        Tensor? output = c.Output(0).Int8().Rank(4).Tensor;
        c.Require(Options.IsValid, "needs strides and dilations from 1 to 32767");
        c.Require(Activation <= Activation.Relu6, "has an activation that is not supported");
        if (!c.Holds) return;

        int depth = filter!.Shape[3], outputs = filter.Shape[0];
        c.Optional(2).Int32().Constant().Elements(outputs);
        c.Require(
            depth > 0 && input!.Shape[3] % depth == 0 && outputs % (input.Shape[3] / depth) == 0,
            $"needs input channels that are a multiple of the filter's and outputs that the groups divide, and it has {input!.Shape[3]}, {depth} and {outputs}");
        Window2D window = Geometry(c.Graph);
        c.Require((long)window.Taps * depth <= Window2D.MaxCopiedBytes, $"needs windows of at most {Window2D.MaxCopiedBytes} bytes");
        c.Output(0).Shape(input.Shape[0], window.OutputHeight, window.OutputWidth, outputs);
        c.Multiplier(Multipliers(c.Graph));
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
        int[] x = values.Integers(Inputs[0]), w = values.Integers(Inputs[1]), y = new int[output.ElementCount];
        int[]? bias = Input(2) < 0 ? null : values.Integers(Inputs[2]);
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
            int acc = bias?[oc] ?? 0;
            for (int ky = 0; ky < g.FilterHeight; ky++)
            for (int kx = 0; kx < g.FilterWidth; kx++)
            {
                int iy = (oy * g.StrideY) - g.PadTop + (ky * g.DilationY), ix = (ox * g.StrideX) - g.PadLeft + (kx * g.DilationX);
                if (iy < 0 || iy >= g.InputHeight || ix < 0 || ix >= g.InputWidth) continue;
                int source = (((((n * g.InputHeight) + iy) * g.InputWidth) + ix) * channels) + (oc / perGroup * depth);
                int weight = ((((oc * g.FilterHeight) + ky) * g.FilterWidth) + kx) * depth;
                for (int i = 0; i < depth; i++) acc = unchecked(acc + ((x[source + i] - input.ZeroPoint) * w[weight + i]));
            }

            y[at++] = Requantization.Apply(acc, multipliers[oc], output.ZeroPoint, range);
        }

        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor filter = graph[Inputs[1]];
        int groups = graph[Inputs[0]].Shape[3] / filter.Shape[3];
        return Layer(graph, this, Geometry(graph), filter.Integers(), groups, Multipliers(graph), Activation, options);
    }

    /// <summary>The layer of a convolution whose inputs are those of <paramref name="op"/> and whose filter is OHWI.</summary>
    public static Layer Layer(
        Graph graph, Op op, Window2D window, int[] filter, int groups, Multiplier[] multipliers, Activation activation, CompileOptions options)
    {
        Tensor input = graph[op.Inputs[0]], output = graph[op.Outputs[0]];
        int outputs = output.Shape[3], depth = input.Shape[3] / groups;
        int rows = window.IsPointwise ? 1 : window.FilterHeight, rowLength = window.FilterWidth * depth;
        int[]? biasOfFile = op.Inputs.Count > 2 && op.Inputs[2] >= 0 ? graph[op.Inputs[2]].Integers() : null;
        (int, int) range = Ir.Quantize.Range(activation, output);
        (int[] bias, long[] bounds) = DotProducts.Fold(
            filter, biasOfFile, outputs, rows * rowLength, input.ZeroPoint, multipliers, output.ZeroPoint, range);
        var tables = new List<Table>
        {
            Table.Of("Filter", [.. DotProducts.Pack(filter, outputs, rows, rowLength, groups).Select(w => (sbyte)w)]),
            Table.Of("Bias", DotProducts.Pad(bias, groups)),
        };
        Requantization requantization = Requantization.Of(
            multipliers, bounds, output, range, tables, values => DotProducts.Pad(values, groups));
        (int unroll, bool unrollRows) = DotProducts.ChooseUnrolling(rows, rowLength, options);
        var kernel = new Conv2DKernel(
            input.Shape[0],
            new WindowRows { Window = window, InputChannels = input.Shape[3], OutputChannels = outputs, Groups = groups, Fill = input.ZeroPoint },
            new DotProducts
            {
                Rows = rows,
                RowLength = rowLength,
                Outputs = outputs / groups,
                Step = window.StrideX * input.Shape[3],
                Groups = groups,
                Pixels = window.IsPointwise ? window.OutputHeight * window.OutputWidth : window.OutputWidth,
                MayVectorise = options.Vectors,
                Unroll = unroll,
                UnrollRows = unrollRows,
                FilterType = ElementType.Int8,
                Output = requantization,
                IsUnchecked = options.CheckOverflow,
            });
        return new Layer(op, kernel, new[] { op.Inputs[0] }, tables.ToArray());
    }

    private sealed record Conv2DKernel(int Images, WindowRows Windows, DotProducts Dots) : Kernel
    {
        public override string Name => Windows.Window.IsPointwise ? "Conv2D_Pointwise" : "Conv2D";

        public override int Rows => Windows.Window.OutputHeight;

        public override int Batch => Images;

        public override int StackBytes => Windows.StackBytes + Dots.StackBytes;

        public override int CodeBytes => Windows.CodeBytes + Dots.CodeBytes;

        public override void Emit(CodeWriter w, string method)
        {
            Windows.Emit(w, method, Dots.Parameters, Dots.Output.Arguments);
            w.Line();
            Dots.Emit(w, method);
        }
    }

    private Window2D Geometry(Graph graph)
    {
        Tensor filter = graph[Inputs[1]];
        return Window2D.Of(graph[Inputs[0]], filter.Shape[1], filter.Shape[2], Options);
    }

    private Multiplier[] Multipliers(Graph graph) =>
        Requantization.Factors(graph[Inputs[0]], graph[Inputs[1]], graph[Outputs[0]], graph[Inputs[1]].Shape[0]);
}
