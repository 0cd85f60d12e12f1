using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>FULLY_CONNECTED: output[b, u] = bias[u] + Σ (input[b, i] − input zero point) · (filter[u, i] − filter zero point), requantised and clamped.</summary>
/// <remarks>Types as <see cref="WeightedSum"/> says; the filter is [units, depth] and, per tensor, may have any zero point. The batch is
/// what remains of the input's elements.</remarks>
internal sealed record FullyConnected : Op
{
    public required Activation Activation { get; init; }

    /// <summary>FullyConnectedOptionsWeightsFormat: 0 is the plain layout.</summary>
    public required int WeightsFormat { get; init; }

    /// <summary>With INT16 and without a bias, accumulators have the 32 bits of a bias of INT32.</summary>
    public required bool HasNarrowSums { get; init; }

    public override string Name => "FULLY_CONNECTED";

    // ---- import ----
    public static Op Import(OperatorReader r) => new FullyConnected
    {
        Inputs = r.Inputs,
        Outputs = r.Outputs,
        Activation = r.Activation(0),
        WeightsFormat = r.Byte(1),
        HasNarrowSums = r.Byte(4) == Schema.Int32Type,
    };

    // ---- contract ----
    public override void Check(Contract c)
    {
        TensorContract x = c.Input(0), w = c.Input(1), y = c.Output(0);
        WeightedSum.Check(c, x, w, y, axis: 0);
        Tensor? input = x.Tensor, filter = w.Rank(2).Tensor, output = y.Tensor;
        c.Require(WeightsFormat == 0, "has shuffled weights, which are not supported");
        c.Require(Activation <= Activation.Relu6, "has an activation that is not supported");
        if (!c.Holds) return;

        int units = filter!.Shape[0], depth = filter.Shape[1];
        if (filter.Quantization!.IsPerChannel) w.Symmetric();
        else w.PerTensor();
        c.Require(depth > 0 && input!.ElementCount % depth == 0, $"needs an input whose size is a multiple of the filter's depth {depth}, and it has the shape [{input!.Shape}]");
        if (!c.Holds) return;
        c.Output(0).Elements(input!.ElementCount / depth * units);
        WeightedSum.CheckBias(c, 2, input, Multipliers(c.Graph), IsWide(c.Graph));

        // Prepare of fully_connected_common.cc refuses a bias whose scale is not that of the products.
        if (c.Holds && c.Optional(2).Tensor?.Quantization is { } q && !filter.Quantization!.IsPerChannel)
        {
            double product = (float)(input.Scale * filter.Scale);
            c.RequireQuantization(
                Math.Abs(product - q.Scale) / output!.Scale <= 0.02,
                "needs a bias whose scale is that of the input times that of the filter");
        }
    }

    public override string Describe(Graph graph) => Name + Activation.Describe();

    public override long Macs(Graph graph) => (long)graph[Inputs[0]].ElementCount * graph[Inputs[1]].Shape[0];

    // ---- reference ----
    public override void Reference(Values values)
    {
        Tensor input = values.Graph[Inputs[0]], filter = values.Graph[Inputs[1]], output = values.Graph[Outputs[0]];
        int[] x = values.Integers(Inputs[0]), w = WeightedSum.Weights(filter), y = new int[output.ElementCount];
        long[]? bias = Input(2) < 0 ? null : values.Graph[Inputs[2]].Longs();
        bool isWide = IsWide(values.Graph);
        Multiplier[] multipliers = Multipliers(values.Graph);
        (int, int) range = Ir.Quantize.Range(Activation, output);
        int units = filter.Shape[0], depth = filter.Shape[1];

        for (int b = 0; b < x.Length / depth; b++)
        for (int unit = 0; unit < units; unit++)
        {
            long acc = bias?[unit] ?? 0;
            for (int i = 0; i < depth; i++)
            {
                acc = unchecked(acc + ((x[(b * depth) + i] - input.ZeroPoint) * w[(unit * depth) + i]));
            }

            y[(b * units) + unit] = Requantization.Apply(acc, multipliers[unit], output.ZeroPoint, range, isWide);
        }

        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]], filter = graph[Inputs[1]], output = graph[Outputs[0]];
        int units = filter.Shape[0], depth = filter.Shape[1], rows = input.ElementCount / depth;
        int[] weights = WeightedSum.Weights(filter);
        Multiplier[] multipliers = Multipliers(graph);
        bool isWide = IsWide(graph);
        if (options.SharesKernels && SharedSums.FullyConnected(graph, this, weights, units, depth, multipliers, isWide, Activation, options) is { } shared)
        {
            return shared;
        }

        if (ImmediateSums.Of(graph, this, weights, units, depth, multipliers, isWide, Activation, options) is { } immediate) return immediate;

        (int, int) range = Ir.Quantize.Range(Activation, output);
        long[]? biasOfFile = Input(2) < 0 ? null : graph[Inputs[2]].Longs();
        (long[] bias, long[] bounds) = DotProducts.Fold(weights, biasOfFile, units, depth, input, multipliers, output.ZeroPoint, range, isWide);
        int[] packed = DotProducts.Pack(weights, units, 1, depth, groups: 1);
        var tables = new List<Table> { WeightedSum.Table(packed) };
        ElementType filterType = tables[0].Type;
        Requantization requantization = Requantization.Of(multipliers, bias, bounds, isWide, output, range, tables, PairLayout.Pad);
        (int unroll, bool unrollRows) = DotProducts.ChooseUnrolling(1, depth, units, options);
        var dots = new DotProducts
        {
            Rows = 1,
            RowLength = depth,
            Outputs = units,
            Step = depth,
            Shape = options.Vectors ? new ConvolutionShape(1, rows, depth, 1, 1, 1, 1, 0, 0, rows) : null,
            VectorRows = 1,
            Unroll = unroll,
            UnrollRows = unrollRows,
            FilterType = filterType,
            Output = requantization,
            IsUnchecked = options.CheckOverflow,
        };
        var kernel = new FullyConnectedKernel(rows, dots.WithBytes(weights, bias, options, tables));
        return new Layer(this, kernel, new[] { Inputs[0] }, tables.ToArray());
    }

    private sealed record FullyConnectedKernel(int InputRows, DotProducts Dots) : Kernel
    {
        public override string Name => "FullyConnected";

        public override int StackBytes => Dots.StackBytes;

        public override int CodeBytes => 84 + Dots.VectorCallBytes + Dots.CodeBytes;

        public override RuntimeKernels Calls => Dots.Calls;

        public override void Emit(CodeWriter w, string method)
        {
            string element = Dots.Output.Type.Keyword();
            using (w.Method(method, $"ReadOnlySpan<{element}> input, Span<{element}> output", Dots.CallParameters))
            {
                Dots.EmitVectorCall(w, "input, 0, output, 0, 1");
                w.Line($"{method}_Run(input.Slice(0, {InputRows * Dots.RowLength}), 0, output.Slice(0, {InputRows * Dots.Outputs}), {Dots.Output.Arguments});");
            }

            w.Line();
            Dots.Emit(w, method);
        }
    }

    private bool IsWide(Graph graph) => WeightedSum.IsWide(graph, this, HasNarrowSums);

    // Prepare of fully_connected_common.cc: per unit in double; per tensor the product of the scales is rounded to float first.
    private Multiplier[] Multipliers(Graph graph)
    {
        Tensor filter = graph[Inputs[1]];
        float input = graph[Inputs[0]].Scale;
        double output = graph[Outputs[0]].Scale;
        int units = filter.Shape[0];
        if (Xnnpack.Factors(graph[Inputs[0]], filter, graph[Outputs[0]], units) is { } factors) return factors;
        return filter.Quantization!.IsPerChannel
            ? [.. Enumerable.Range(0, units).Select(u => Multiplier.Of((double)input * filter.ScaleOf(u) / output))]
            : [.. Enumerable.Repeat(Multiplier.Of((float)(input * filter.Scale) / output), units)];
    }
}
