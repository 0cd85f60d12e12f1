using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>The smallest code for weighted sums: one method for all convolutions of a model, one for all fully connected layers.</summary>
/// <remarks>
/// Shapes, zero points and clamps come in a table of numbers, so that layers differ only in tables. Filters lie one after the other,
/// without the padding of <see cref="PairLayout"/>, or without their blocks of zeros (<see cref="SparseFilter"/>). Input zero points are
/// folded into biases (<see cref="DotProducts.Fold"/>).
/// </remarks>
/// <param name="Images">Images of a batch.</param>
/// <param name="Window">The geometry of a convolution, null for FULLY_CONNECTED.</param>
/// <param name="IsSparse">The filter is without its blocks of zeros.</param>
internal sealed record SharedSums(
    int Images, Window2D? Window, ElementType FilterType, bool IsSparse, Requantization Output, bool IsUnchecked) : Kernel
{
    private static readonly string[] ConvolutionNumbers =
    [
        "inputHeight", "inputWidth", "inputChannels", "outputWidth", "outputChannels", "outputsPerGroup", "filterHeight", "filterWidth", "depth",
        "strideY", "strideX", "padTop", "padLeft", "dilationY", "dilationX", "outside", "zeroPoint", "min", "max", "block",
    ];

    private static readonly string[] FullyConnectedNumbers = ["outputChannels", "depth", "zeroPoint", "min", "max", "block"];

    public override string Name => (Window is null ? "FullyConnected" : "Convolution") + (IsSparse ? "_Sparse" : "");

    public override Window2D? RowWindow => Window;

    public override int Batch => Images;

    public override object Code =>
        (Window is null, FilterType, IsSparse, Output.Type, Output.Accumulator, Output.IsWide, Output.OnlyRight, Output.IsSingle, IsUnchecked);

    public override int CodeBytes => Window is null ? FullyConnectedBytes : ConvolutionBytes;

    private const int FullyConnectedBytes = 650, ConvolutionBytes = 1_750;

    /// <summary>The layer of a convolution, or null where a number leaves 16 bits.</summary>
    /// <param name="filter">OHWI, for each output channel its taps over the inputs of its group; without zero points.</param>
    public static Layer? Convolution(
        Graph graph, Op op, Window2D window, int[] filter, int groups, Multiplier[] multipliers, bool isWide, Activation activation, CompileOptions options)
    {
        Tensor input = graph[op.Inputs[0]], output = graph[op.Outputs[0]];
        int outputs = output.Shape[3], depth = input.Shape[3] / groups;
        int[] numbers =
        [
            window.InputHeight, window.InputWidth, input.Shape[3], window.OutputWidth, outputs, outputs / groups,
            window.FilterHeight, window.FilterWidth, depth, window.StrideY, window.StrideX, window.PadTop, window.PadLeft,
            window.DilationY, window.DilationX, input.ZeroPoint,
        ];
        return Layer(graph, op, window, numbers, filter, outputs, depth, multipliers, isWide, activation, options);
    }

    /// <summary>The layer of FULLY_CONNECTED, or null as above.</summary>
    public static Layer? FullyConnected(
        Graph graph, Op op, int[] filter, int outputs, int depth, Multiplier[] multipliers, bool isWide, Activation activation, CompileOptions options) =>
        Layer(graph, op, null, [outputs, depth], filter, outputs, depth, multipliers, isWide, activation, options);

    private static Layer? Layer(
        Graph graph, Op op, Window2D? window, int[] shape, int[] filter, int outputs, int depth, Multiplier[] multipliers, bool isWide, Activation activation,
        CompileOptions options)
    {
        Tensor input = graph[op.Inputs[0]], output = graph[op.Outputs[0]];
        if (shape.Concat([output.ZeroPoint]).Any(n => n is < short.MinValue or > short.MaxValue)) return null;
        (int Min, int Max) range = Quantize.Range(activation, output);
        long[]? biasOfFile = op.Inputs.Count > 2 && op.Inputs[2] >= 0 ? graph[op.Inputs[2]].Longs() : null;
        (long[] bias, long[] bounds) = DotProducts.Fold(
            filter, biasOfFile, outputs, filter.Length / outputs, input, multipliers, output.ZeroPoint, range, isWide);
        SparseFilter? sparse = SparseFilter.Of(filter, depth, window is null ? FullyConnectedBytes : ConvolutionBytes);
        Table weights = WeightedSum.Table(sparse?.Weights ?? filter);
        var tables = new List<Table>
        {
            Table.Of("Numbers", [.. shape.Concat([output.ZeroPoint, range.Min, range.Max, sparse?.Block ?? 0]).Select(n => (short)n)]),
            weights,
        };
        if (sparse is not null) tables.Add(Table.Of("Blocks", sparse.Stored));
        Requantization requantization = Requantization.Of(multipliers, bias, bounds, isWide, output, range, tables, values => values);
        if (!requantization.IsPerChannel && requantization.IsSingle)
        {
            tables.Add(Table.Of("Scale", new[] { requantization.Scale }));
        }
        else if (!requantization.IsPerChannel)
        {
            tables.Add(Table.Of("Multiplier", new[] { requantization.Multiplier }));
            tables.Add(Table.Of("Shift", [(sbyte)requantization.Shift]));
        }

        int images = window is null ? 1 : input.Shape[0];
        return new Layer(op, new SharedSums(images, window, weights.Type, sparse is not null, requantization, options.CheckOverflow), new[] { op.Inputs[0] }, tables.ToArray());
    }

    public override void Emit(CodeWriter w, string method)
    {
        string element = Output.Type.Keyword();
        string spans = Window is null
            ? $"ReadOnlySpan<{element}> input, Span<{element}> output"
            : $"ReadOnlySpan<{element}> input, int inputTop, Span<{element}> output, int rowBegin, int rowEnd";
        string filter = $"ReadOnlySpan<{FilterType.Keyword()}> filter{(IsSparse ? ", ReadOnlySpan<byte> blocks" : "")}";
        string factors = Output.IsSingle ? "ReadOnlySpan<float> scale" : "ReadOnlySpan<int> multiplier, ReadOnlySpan<sbyte> shift";
        string requantization = $"ReadOnlySpan<{Output.Accumulator.Keyword()}> bias, {factors}";
        using (w.Method(method, spans, $"ReadOnlySpan<short> numbers, {filter}, {requantization}"))
        {
            w.Line("// One method for all layers of this kind: what they differ in comes in tables.");
            string[] numbers = Window is null ? FullyConnectedNumbers : ConvolutionNumbers;
            for (int i = 0; i < numbers.Length; i++)
            {
                if (numbers[i] != "block" || IsSparse) w.Line($"int {numbers[i]} = numbers[{i}];");
            }

            w.Line("int stored = 0;");
            using (w.Unchecked(IsUnchecked))
            {
                if (Window is null) EmitVectors(w);
                else EmitPixels(w);
            }
        }
    }

    // FULLY_CONNECTED: each vector of the input with every filter.
    private void EmitVectors(CodeWriter w)
    {
        using (w.Block("for (; stored < output.Length; input = input.Slice(depth))"))
        {
            EmitStart(w);
            using (w.Block("for (int oc = 0; oc < outputChannels; oc++)"))
            {
                w.Line($"{Output.Accumulator.Keyword()} acc = bias[oc];");
                EmitProducts(w, "input");
                EmitStore(w);
            }
        }
    }

    private void EmitPixels(CodeWriter w)
    {
        w.Line("for (int oy = rowBegin; oy < rowEnd; oy++)");
        using (w.Block("for (int ox = 0; ox < outputWidth; ox++)"))
        {
            EmitStart(w);
            using (w.Block("for (int oc = 0; oc < outputChannels; oc++)"))
            {
                w.Line($"{Output.Accumulator.Keyword()} acc = bias[oc];");
                w.Line("int channel = oc / outputsPerGroup * depth;");
                w.Line("for (int ky = 0; ky < filterHeight; ky++)");
                using (w.Block("for (int kx = 0; kx < filterWidth; kx++)"))
                {
                    w.Line("int iy = (oy * strideY) - padTop + (ky * dilationY), ix = (ox * strideX) - padLeft + (kx * dilationX);");
                    w.Line("bool isInside = iy >= 0 && iy < inputHeight && ix >= 0 && ix < inputWidth;");
                    w.Line($"ReadOnlySpan<{Output.Type.Keyword()}> pixel = default;");
                    w.Line("if (isInside) pixel = input.Slice(((((iy - inputTop) * inputWidth) + ix) * inputChannels) + channel, depth);");
                    EmitProducts(w, "pixel");
                }

                EmitStore(w);
            }
        }
    }

    private void EmitStart(CodeWriter w) => w.Line(IsSparse ? "int weight = 0, bit = 0;" : "int weight = 0;");

    // The products of neighbouring weights with as many inputs; outside the image, where there is no pixel, with the zero point.
    private void EmitProducts(CodeWriter w, string pixel)
    {
        string input = Window is null ? $"{pixel}[i]" : "(isInside ? pixel[i] : outside)";
        if (!IsSparse)
        {
            w.Line($"ReadOnlySpan<{FilterType.Keyword()}> weights = filter.Slice(weight, depth);");
            w.Line($"for (int i = 0; i < weights.Length; i++) acc += {input} * weights[i];");
            w.Line("weight += depth;");
            return;
        }

        using (w.Block("for (int begin = 0; begin < depth; begin += block)"))
        {
            w.Line("// A bit for each block: only blocks with a weight other than zero are stored.");
            w.Line("bool isStored = (blocks[bit >> 3] >> (bit & 7) & 1) != 0;");
            w.Line("bit++;");
            w.Line("if (!isStored) continue;");
            w.Line("int end = Math.Min(begin + block, depth);");
            w.Line($"for (int i = begin; i < end; i++) acc += {input} * filter[weight++];");
        }
    }

    private void EmitStore(CodeWriter w)
    {
        string method = Output.IsSingle ? "MultiplyAndRound" : Output.IsWide ? "MultiplyByReducedMultiplier"
            : Output.OnlyRight ? "MultiplyAndShiftRight" : "MultiplyByQuantizedMultiplier";
        w.Line(Output.IsSingle ? "int factor = scale.Length > 1 ? oc : 0;" : "int factor = multiplier.Length > 1 ? oc : 0;");
        w.Line($"int scaled = FixedPoint.{method}(acc, {(Output.IsSingle ? "scale[factor]" : "multiplier[factor], shift[factor]")});");
        w.Line($"output[stored++] = ({Output.Type.Keyword()})FixedPoint.Clamp(scaled + zeroPoint, min, max);");
    }
}

/// <summary>A filter without its blocks of zeros: a bit for each block of neighbouring weights, and the weights of the others.</summary>
/// <param name="Block">Weights of a block; the last block of a row of <c>depth</c> weights may have fewer.</param>
/// <param name="Stored">A bit for each block, the lowest of a byte first: 1 where its weights are stored.</param>
/// <param name="Weights">The weights of the stored blocks, one block after the other.</param>
internal sealed record SparseFilter(int Block, byte[] Stored, int[] Weights)
{
    /// <summary>The smallest form, or null where none saves as much as the method that reads it takes: flash never grows by leaving zeros out.</summary>
    /// <param name="filter">Rows of <paramref name="depth"/> weights.</param>
    /// <param name="methodBytes">What a second method, for sparse filters beside dense ones, takes.</param>
    public static SparseFilter? Of(int[] filter, int depth, int methodBytes)
    {
        SparseFilter smallest = new[] { 1, 2, 4, 8, 16 }.Select(block => WithBlocks(filter, depth, block)).OrderBy(form => form.Bytes).First();
        return smallest.Bytes + methodBytes < filter.Length ? smallest : null;
    }

    private int Bytes => Stored.Length + Weights.Length;

    private static SparseFilter WithBlocks(int[] filter, int depth, int block)
    {
        var weights = new List<int>();
        var bits = new List<bool>();
        for (int row = 0; row < filter.Length; row += depth)
        for (int begin = 0; begin < depth; begin += block)
        {
            var values = new ArraySegment<int>(filter, row + begin, Math.Min(block, depth - begin));
            bits.Add(values.Any(value => value != 0));
            if (bits[bits.Count - 1]) weights.AddRange(values);
        }

        byte[] stored = new byte[(bits.Count + 7) / 8];
        for (int i = 0; i < bits.Count; i++)
        {
            if (bits[i]) stored[i / 8] |= (byte)(1 << (i % 8));
        }

        return new SparseFilter(block, stored, [.. weights]);
    }
}
