using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>FULLY_CONNECTED: output[b, u] = bias[u] + Σ (input[b, i] − input zero point) · (filter[u, i] − filter zero point), requantised and clamped.</summary>
/// <remarks>TFLite 8-bit quantisation specification: input and output int8 per tensor; filter int8 [units, depth], per tensor or
/// per unit; bias int32. The batch is what remains of the input's elements.</remarks>
internal sealed record FullyConnected : Op
{
    public required Activation Activation { get; init; }

    /// <summary>FullyConnectedOptionsWeightsFormat: 0 is the plain layout.</summary>
    public required int WeightsFormat { get; init; }

    public override string Name => "FULLY_CONNECTED";

    // ---- import ----
    public static Op Import(OperatorReader r) => new FullyConnected
    {
        Inputs = r.Inputs,
        Outputs = r.Outputs,
        Activation = r.Activation(0),
        WeightsFormat = r.Byte(1),
    };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Tensor;
        Tensor? filter = c.Input(1).Type(ElementType.Int8).Constant().Rank(2).PerChannel(axis: 0).Tensor;
        Tensor? output = c.Output(0).Int8().Tensor;
        c.Require(WeightsFormat == 0, "has shuffled weights, which are not supported");
        c.Require(Activation <= Activation.Relu6, "has an activation that is not supported");
        if (!c.Holds) return;

        int units = filter!.Shape[0], depth = filter.Shape[1];
        if (filter.Quantization!.IsPerChannel) c.Input(1).Symmetric();
        else c.Input(1).PerTensor();
        Tensor? bias = c.Optional(2).Int32().Constant().Elements(units).Tensor;
        c.Require(depth > 0 && input!.ElementCount % depth == 0, $"needs an input whose size is a multiple of the filter's depth {depth}, and it has the shape [{input!.Shape}]");
        if (!c.Holds) return;
        c.Output(0).Elements(input!.ElementCount / depth * units);
        c.Multiplier(Multipliers(c.Graph));

        // Prepare of fully_connected_common.cc refuses a bias whose scale is not that of the products.
        if (bias?.Quantization is { } q && !filter.Quantization!.IsPerChannel)
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
        int[] x = values.Integers(Inputs[0]), w = values.Integers(Inputs[1]), y = new int[output.ElementCount];
        int[]? bias = Input(2) < 0 ? null : values.Integers(Inputs[2]);
        Multiplier[] multipliers = Multipliers(values.Graph);
        (int, int) range = Ir.Quantize.Range(Activation, output);
        int units = filter.Shape[0], depth = filter.Shape[1];

        for (int b = 0; b < x.Length / depth; b++)
        for (int unit = 0; unit < units; unit++)
        {
            int acc = bias?[unit] ?? 0;
            for (int i = 0; i < depth; i++)
            {
                acc = unchecked(acc + ((x[(b * depth) + i] - input.ZeroPoint) * (w[(unit * depth) + i] - filter.ZeroPoint)));
            }

            y[(b * units) + unit] = Requantization.Apply(acc, multipliers[unit], output.ZeroPoint, range);
        }

        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]], filter = graph[Inputs[1]], output = graph[Outputs[0]];
        int units = filter.Shape[0], depth = filter.Shape[1];
        int[] weights = [.. filter.Integers().Select(w => w - filter.ZeroPoint)];
        Multiplier[] multipliers = Multipliers(graph);
        (int, int) range = Ir.Quantize.Range(Activation, output);
        int[]? biasOfFile = Input(2) < 0 ? null : graph[Inputs[2]].Integers();
        (int[] bias, long[] bounds) = DotProducts.Fold(weights, biasOfFile, units, depth, input.ZeroPoint, multipliers, output.ZeroPoint, range);
        int[] packed = DotProducts.Pack(weights, units, 1, depth, groups: 1);
        bool isNarrow = filter.ZeroPoint == 0;
        var tables = new List<Table>
        {
            isNarrow ? Table.Of("Filter", [.. packed.Select(w => (sbyte)w)]) : Table.Of("Filter", [.. packed.Select(w => (short)w)]),
            Table.Of("Bias", PairLayout.Pad(bias)),
        };
        Requantization requantization = Requantization.Of(multipliers, bounds, output, range, tables, PairLayout.Pad);
        (int unroll, bool unrollRows) = DotProducts.ChooseUnrolling(1, depth, options);
        var kernel = new FullyConnectedKernel(input.ElementCount / depth, new DotProducts
        {
            Rows = 1,
            RowLength = depth,
            Outputs = units,
            Step = depth,
            Pixels = input.ElementCount / depth,
            MayVectorise = options.Vectors,
            Unroll = unroll,
            UnrollRows = unrollRows,
            FilterType = isNarrow ? ElementType.Int8 : ElementType.Int16,
            Output = requantization,
            IsUnchecked = options.CheckOverflow,
        });
        return new Layer(this, kernel, new[] { Inputs[0] }, tables.ToArray());
    }

    private sealed record FullyConnectedKernel(int InputRows, DotProducts Dots) : Kernel
    {
        public override string Name => "FullyConnected";

        public override int StackBytes => Dots.StackBytes;

        public override int CodeBytes => 80 + Dots.CodeBytes;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, "ReadOnlySpan<sbyte> input, Span<sbyte> output", Dots.Parameters))
            {
                w.Line($"{method}_Run(input.Slice(0, {InputRows * Dots.RowLength}), 0, output.Slice(0, {InputRows * Dots.Outputs}), {Dots.Output.Arguments});");
            }

            w.Line();
            Dots.Emit(w, method);
        }
    }

    // Prepare of fully_connected_common.cc: per unit in double; per tensor the product of the scales is rounded to float first.
    private Multiplier[] Multipliers(Graph graph)
    {
        Tensor filter = graph[Inputs[1]];
        float input = graph[Inputs[0]].Scale;
        double output = graph[Outputs[0]].Scale;
        int units = filter.Shape[0];
        return filter.Quantization!.IsPerChannel
            ? [.. Enumerable.Range(0, units).Select(u => Multiplier.Of((double)input * filter.ScaleOf(u) / output))]
            : [.. Enumerable.Repeat(Multiplier.Of((float)(input * filter.Scale) / output), units)];
    }
}
