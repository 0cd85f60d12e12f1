using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>TRANSPOSE_CONV: each input pixel adds its window, output[y·s + ky − pad, …, o] += Σ (input[y, x, i] − input zero point) · filter[o, ky, kx, i];
/// then bias, requantised and clamped.</summary>
/// <remarks>transpose_conv.cc of TFLite Micro: the padding is that of the convolution from the output back to the input. INT8 and UINT8 as
/// <see cref="WeightedSum"/> says, the filter OHWI. The first input repeats the output's shape.</remarks>
internal sealed record TransposeConv : Op
{
    public required WindowOptions Options { get; init; }

    public required Activation Activation { get; init; }

    public override string Name => "TRANSPOSE_CONV";

    // ---- import ----
    public static Op Import(OperatorReader r) => new TransposeConv
    {
        Inputs = r.Inputs,
        Outputs = r.Outputs,
        Options = r.Window(),
        Activation = r.Activation(3),
    };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? shape = c.Input(0).Int32().Elements(4).Tensor;
        TensorContract x = c.Input(2), w = c.Input(1), y = c.Output(0);
        x.Type(ElementType.Int8, ElementType.UInt8);
        if (WeightedSum.Check(c, x, w, y, axis: 0) && !x.Tensor!.HasUInt8Rules) w.Symmetric();
        Tensor? input = x.Rank(4).Tensor, filter = w.Rank(4).Tensor, output = y.Rank(4).Tensor;
        c.Require(Options.IsValid, "needs strides from 1 to 32767");
        c.Require(Activation <= Activation.Relu6, "has an activation that is not supported");
        if (!c.Holds) return;

        int outputs = filter!.Shape[0];
        c.Require(!shape!.IsConstant || shape.Integers().SequenceEqual(output!.Shape), "needs an output of the shape that input 0 says");
        c.Require(
            input!.Shape[3] == filter.Shape[3] && output!.Shape[3] == outputs && output.Shape[0] == input.Shape[0],
            $"needs a filter that fits input and output, and they have the shapes [{filter.Shape}], [{input.Shape}] and [{output!.Shape}]");
        if (!c.Holds) return;

        Window2D window = Geometry(c.Graph);
        c.Require(
            window.OutputHeight == input.Shape[1] && window.OutputWidth == input.Shape[2],
            $"needs an output that the convolution takes back to the input's size, which is [{input.Shape}], and it has [{output.Shape}]");
        WeightedSum.CheckBias(c, 3, input, Multipliers(c.Graph), isWide: false);
    }

    public override string Describe(Graph graph) => $"{Name} {Geometry(graph).Describe(Options)}{Activation.Describe()}";

    public override long Macs(Graph graph)
    {
        Tensor filter = graph[Inputs[1]];
        return (long)graph[Inputs[2]].ElementCount * filter.ElementCount / filter.Shape[3];
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        Tensor input = values.Graph[Inputs[2]], filter = values.Graph[Inputs[1]], output = values.Graph[Outputs[0]];
        int[] x = values.Integers(Inputs[2]), w = WeightedSum.Weights(filter), acc = new int[output.ElementCount];
        int[]? bias = Input(3) < 0 ? null : values.Integers(Inputs[3]);
        Window2D g = Geometry(values.Graph);
        Multiplier[] multipliers = Multipliers(values.Graph);
        (int, int) range = Ir.Quantize.Range(Activation, output);
        int depth = filter.Shape[3], outputs = filter.Shape[0];

        for (int n = 0; n < input.Shape[0]; n++)
        for (int iy = 0; iy < g.OutputHeight; iy++)
        for (int ix = 0; ix < g.OutputWidth; ix++)
        for (int ky = 0; ky < g.FilterHeight; ky++)
        for (int kx = 0; kx < g.FilterWidth; kx++)
        {
            int oy = (iy * g.StrideY) - g.PadTop + ky, ox = (ix * g.StrideX) - g.PadLeft + kx;
            if (oy < 0 || oy >= g.InputHeight || ox < 0 || ox >= g.InputWidth) continue;
            int source = ((((n * g.OutputHeight) + iy) * g.OutputWidth) + ix) * depth;
            int target = ((((n * g.InputHeight) + oy) * g.InputWidth) + ox) * outputs;
            for (int oc = 0; oc < outputs; oc++)
            {
                int weight = ((((oc * g.FilterHeight) + ky) * g.FilterWidth) + kx) * depth;
                for (int i = 0; i < depth; i++)
                {
                    acc[target + oc] = unchecked(acc[target + oc] + ((x[source + i] - input.ZeroPoint) * w[weight + i]));
                }
            }
        }

        values.Set(Outputs[0], acc.Select((sum, i) => Requantization.Apply(
            unchecked(sum + (bias?[i % outputs] ?? 0)), multipliers[i % outputs], output.ZeroPoint, range)).ToArray());
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[2]], filter = graph[Inputs[1]], output = graph[Outputs[0]];
        int outputs = filter.Shape[0], length = filter.ElementCount / outputs;
        int[] weights = WeightedSum.Weights(filter);
        long[]? biasOfFile = Input(3) < 0 ? null : graph[Inputs[3]].Longs();
        Multiplier[] multipliers = Multipliers(graph);
        (int, int) range = Ir.Quantize.Range(Activation, output);

        // The kernel subtracts the zero point itself.
        Tensor centred = input with { Quantization = new Quantization(new[] { input.Scale }, new[] { 0 }, 0) };
        (long[] bias, long[] bounds) = DotProducts.Fold(
            weights, biasOfFile, outputs, length, centred, multipliers, output.ZeroPoint, range, isWide: false);
        var tables = new List<Table> { WeightedSum.Table(weights) };
        ElementType filterType = tables[0].Type;
        Requantization requantization = Requantization.Of(
            multipliers, bias, bounds, isWide: false, output, range, tables, pad: values => values);
        var kernel = new TransposeConvKernel(
            input.Shape[0], Geometry(graph), input.Shape[3], outputs, input.ZeroPoint, filterType, requantization, options.CheckOverflow);
        return new Layer(this, kernel, new[] { Inputs[2] }, tables.ToArray());
    }

    // The window's input is the operator's output and the other way round.
    private sealed record TransposeConvKernel(
        int Images, Window2D Window, int InputChannels, int OutputChannels, int InputZeroPoint, ElementType FilterType, Requantization Output, bool IsUnchecked) : Kernel
    {
        public override string Name => "TransposeConv";

        public override int CodeBytes => 620;

        public override void Emit(CodeWriter w, string method)
        {
            Window2D g = Window;
            w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
            using (w.Method(method, "ReadOnlySpan<sbyte> input, Span<sbyte> output", Output.Parameters(FilterType)))
            {
                w.Line($"const int Images = {Images}, InputHeight = {g.OutputHeight}, InputWidth = {g.OutputWidth}, InputChannels = {InputChannels};");
                w.Line($"const int OutputHeight = {g.InputHeight}, OutputWidth = {g.InputWidth}, OutputChannels = {OutputChannels};");
                w.Line($"const int FilterHeight = {g.FilterHeight}, FilterWidth = {g.FilterWidth}, StrideY = {g.StrideY}, StrideX = {g.StrideX};");
                w.Line($"const int PadTop = {g.PadTop}, PadLeft = {g.PadLeft}, InputZeroPoint = {InputZeroPoint};");
                w.Line("const int InputSize = InputHeight * InputWidth * InputChannels;");
                Output.EmitConstants(w);
                w.Line();
                w.Line("int stored = 0;");
                using (w.Unchecked(IsUnchecked))
                {
                    w.Line("for (int n = 0; n < Images; n++)");
                    w.Line("for (int oy = 0; oy < OutputHeight; oy++)");
                    w.Line("for (int ox = 0; ox < OutputWidth; ox++)");
                    using (w.Block("for (int oc = 0; oc < OutputChannels; oc++)"))
                    {
                        w.Line("ReadOnlySpan<sbyte> image = input.Slice(n * InputSize, InputSize);");
                        w.Line("int acc = bias[oc];");
                        w.Line("// Taps whose distance from the output is a multiple of the stride meet an input pixel.");
                        using (w.Block("for (int ky = (oy + PadTop) % StrideY; ky < FilterHeight; ky += StrideY)"))
                        {
                            w.Line("int iy = (oy + PadTop - ky) / StrideY;");
                            w.Line("if ((uint)iy >= InputHeight) continue;");
                            using (w.Block("for (int kx = (ox + PadLeft) % StrideX; kx < FilterWidth; kx += StrideX)"))
                            {
                                w.Line("int ix = (ox + PadLeft - kx) / StrideX;");
                                w.Line("if ((uint)ix >= InputWidth) continue;");
                                w.Line("int source = ((iy * InputWidth) + ix) * InputChannels;");
                                w.Line("int weight = ((((oc * FilterHeight) + ky) * FilterWidth) + kx) * InputChannels;");
                                w.Line("ReadOnlySpan<sbyte> pixel = image.Slice(source, InputChannels);");
                                w.Line($"ReadOnlySpan<{FilterType.Keyword()}> weights = filter.Slice(weight, InputChannels);");
                                w.Line("for (int i = 0; i < pixel.Length; i++) acc += (pixel[i] - InputZeroPoint) * weights[i];");
                            }
                        }

                        w.Line();
                        w.Line($"output[stored++] = {Output.Expression("acc", "oc")};");
                    }
                }

                Output.EmitFunction(w);
            }
        }
    }

    // The convolution that goes from the output back to the input.
    private Window2D Geometry(Graph graph)
    {
        Tensor filter = graph[Inputs[1]];
        return Window2D.Of(graph[Outputs[0]], filter.Shape[1], filter.Shape[2], Options);
    }

    private Multiplier[] Multipliers(Graph graph) =>
        WeightedSum.Factors(graph[Inputs[2]], graph[Inputs[1]], graph[Outputs[0]], graph[Inputs[1]].Shape[0]);
}
