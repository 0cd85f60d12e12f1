using System;
using System.Collections.Generic;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>The options of AVERAGE_POOL_2D and MAX_POOL_2D, and what their contracts share.</summary>
internal sealed record PoolOptions(WindowOptions Window, int FilterHeight, int FilterWidth, Activation Activation)
{
    public static PoolOptions Import(OperatorReader r) => new(r.Window(), r.Int32(4), r.Int32(3), r.Activation(5));

    public void Check(Contract c)
    {
        Tensor? input = c.Input(0).Activation(ElementTypes.Quantized).Rank(4).Tensor;
        if (c.HasTypes) c.Output(0).Activation(input!.Type).Rank(4);
        c.SameQuantization(0, 0);
        c.Require(Window.IsValid && FilterHeight is > 0 and < 0x8000 && FilterWidth is > 0 and < 0x8000, "needs strides and a filter size from 1 to 32767");
        c.Require(Activation <= Activation.Relu6, "has an activation that is not supported");
        if (!c.Holds) return;

        // Sums of as many inputs stay inside 32 bits.
        int most = input!.Type == ElementType.Int16 ? 1 << 15 : 1 << 22;
        Window2D window = Geometry(input);
        c.Require(
            window.IsInside ? window.Taps <= most : (long)window.Taps * input!.Shape[3] * input.Type.Size() <= Window2D.MaxCopiedBytes,
            $"needs windows of at most {most} pixels, and of at most {Window2D.MaxCopiedBytes} bytes where they reach outside the image");
        c.Output(0).Shape(input!.Shape[0], window.OutputHeight, window.OutputWidth, input.Shape[3]);
    }

    public Window2D Geometry(Tensor input) => Window2D.Of(input, FilterHeight, FilterWidth, Window);

    public string Describe(string name, Tensor input) => $"{name} {Geometry(input).Describe(Window)}{Activation.Describe()}";

    /// <summary>Calls <paramref name="result"/> with the stored inputs inside each window and clamps what it returns.</summary>
    public void Reference(Values values, Op op, Func<List<int>, int> result)
    {
        Tensor input = values.Graph[op.Inputs[0]], output = values.Graph[op.Outputs[0]];
        int[] x = values.Integers(op.Inputs[0]), y = new int[output.ElementCount];
        Window2D g = Geometry(input);
        (int Min, int Max) range = Quantize.Range(Activation, output, isDelegated: op is MaxPool2D);
        int channels = input.Shape[3], at = 0;
        var inside = new List<int>();
        for (int n = 0; n < input.Shape[0]; n++)
        for (int oy = 0; oy < g.OutputHeight; oy++)
        for (int ox = 0; ox < g.OutputWidth; ox++)
        for (int c = 0; c < channels; c++)
        {
            inside.Clear();
            for (int ky = 0; ky < g.FilterHeight; ky++)
            for (int kx = 0; kx < g.FilterWidth; kx++)
            {
                int iy = (oy * g.StrideY) - g.PadTop + ky, ix = (ox * g.StrideX) - g.PadLeft + kx;
                if (iy < 0 || iy >= g.InputHeight || ix < 0 || ix >= g.InputWidth) continue;
                inside.Add(x[(((((n * g.InputHeight) + iy) * g.InputWidth) + ix) * channels) + c]);
            }

            y[at++] = FixedPoint.Clamp(result(inside), range.Min, range.Max);
        }

        values.Set(op.Outputs[0], y);
    }
}

/// <summary>A pool, row by row: an average or a maximum over each window, channel by channel.</summary>
/// <param name="Offset">What is added to each input of an average, and taken away from the result: 128 for a tensor that was UINT8, so
/// that ties are rounded as in the file's type.</param>
internal sealed record PoolKernel(bool IsAverage, int Offset, int Images, WindowRows Windows, int Min, int Max, bool IsUnrolled, bool IsVectorised) : Kernel
{
    public override string Name => IsAverage ? "AveragePool2D" : "MaxPool2D";

    public override Window2D? RowWindow => Windows.Window;

    public override int Batch => Images;

    public override int StackBytes => Windows.StackBytes + (IsVectorised && IsAverage ? 4 * Windows.OutputChannels : 0);

    public override int CodeBytes =>
        Windows.CodeBytes + (IsAverage ? 210 : 140) + (!IsVectorised ? 0 : IsAverage ? 375 : 130) + (IsUnrolled ? Windows.Window.Taps * 14 : 0);

    public override RuntimeKernels Calls => !IsVectorised ? RuntimeKernels.None : IsAverage ? RuntimeKernels.AddPixels : RuntimeKernels.MaxPool;

    public static Layer Layer(Graph graph, Op op, PoolOptions pool, bool isAverage, CompileOptions options)
    {
        Tensor input = graph[op.Inputs[0]];
        (int min, int max) = Quantize.Range(pool.Activation, graph[op.Outputs[0]], isDelegated: !isAverage);
        Window2D window = pool.Geometry(input);
        var windows = new WindowRows
        {
            Window = window,
            InputChannels = input.Shape[3],
            OutputChannels = input.Shape[3],
            Fill = isAverage ? (input.WasUInt8 ? -128 : 0) : input.Type.Min(),
            CountsTaps = isAverage,
            Type = input.Type,
        };
        bool isUnrolled = options.Unroll != UnrollPolicy.None && window.Taps <= (options.Unroll == UnrollPolicy.Full ? 400 : 32);
        bool isVectorised = options.Vectors && input.Type == ElementType.Int8 && (isAverage ? input.Shape[3] is >= 4 and <= 4096 : input.Shape[3] >= 8);
        return new Layer(op, new PoolKernel(isAverage, input.WasUInt8 ? 128 : 0, input.Shape[0], windows, min, max, isUnrolled, isVectorised), new[] { op.Inputs[0] }, Array.Empty<Table>());
    }

    public override void Emit(CodeWriter w, string method)
    {
        Windows.Emit(w, method, "", "");
        w.Line();
        Window2D g = Windows.Window;
        w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        string element = Windows.Type.Keyword();
        using (w.Method(method + "_Run", $"ReadOnlySpan<{element}> window, int rowStride, Span<{element}> output" + (IsAverage ? ", int taps" : "")))
        {
            w.Line($"const int FilterHeight = {g.FilterHeight}, FilterWidth = {g.FilterWidth}, Channels = {Windows.OutputChannels}, StrideX = {g.StrideX};");
            w.Line($"const int ActivationMin = {Min}, ActivationMax = {Max};");
            w.Line();
            w.Line("// The caller sliced window and output to what is read and written here.");
            w.Line($"ref {element} pixel = ref MemoryMarshal.GetReference(window);");
            w.Line($"ref {element} stored = ref MemoryMarshal.GetReference(output);");
            w.Line("int count = output.Length / Channels;");
            if (IsAverage) w.Line("int half = taps / 2;");
            if (IsVectorised) EmitVectors(w);
            using (w.Block("for (int i = 0; i < count; i++)"))
            {
                using (w.Block("for (int c = 0; c < Channels; c++)"))
                {
                    w.Line($"ref {element} first = ref Unsafe.Add(ref pixel, c);");
                    w.Line(!IsAverage ? $"int acc = {element}.MinValue;" : Offset == 0 ? "int acc = 0;" : $"int acc = {Offset} * FilterHeight * FilterWidth;");
                    if (IsUnrolled) EmitTaps(w, g);
                    else EmitTapLoop(w);
                    if (IsAverage) EmitAverage(w);
                    w.Line($"Unsafe.Add(ref stored, c) = ({element})FixedPoint.Clamp(acc, ActivationMin, ActivationMax);");
                }

                w.Line();
                w.Line("pixel = ref Unsafe.Add(ref pixel, StrideX * Channels);");
                w.Line("stored = ref Unsafe.Add(ref stored, Channels);");
            }
        }
    }

    private void EmitVectors(CodeWriter w)
    {
        using (w.Block("if (VectorKernels.IsSupported)"))
        {
            if (!IsAverage)
            {
                w.Line("VectorKernels.MaxPool(");
                w.Line("    window, rowStride, FilterHeight, FilterWidth, step: StrideX * Channels, output, Channels, ActivationMin, ActivationMax);");
                w.Line("return;");
            }
            else
            {
                EmitSums(w);
            }
        }

        w.Line();
    }

    private void EmitSums(CodeWriter w)
    {
        w.Line("Span<int> sums = stackalloc int[Channels];");
        using (w.Block("for (int i = 0; i < count; i++)"))
        {
            w.Line(Offset == 0 ? "sums.Clear();" : $"sums.Fill({Offset} * FilterHeight * FilterWidth);");
            w.Line("VectorKernels.AddPixels(window.Slice(i * StrideX * Channels), rowStride, FilterHeight, FilterWidth, sums);");
            using (w.Block("for (int c = 0; c < Channels; c++)"))
            {
                w.Line("int acc = sums[c];");
                EmitAverage(w);
                w.Line("output[(i * Channels) + c] = (sbyte)FixedPoint.Clamp(acc, ActivationMin, ActivationMax);");
            }
        }

        w.Line("return;");
    }

    private void EmitAverage(CodeWriter w) =>
        w.Line(Offset == 0 ? "acc = (acc > 0 ? acc + half : acc - half) / taps;" : $"acc = ((acc + half) / taps) - {Offset};");

    private string Step(string q) => IsAverage ? $"acc += {q};" : $"acc = Math.Max(acc, {q});";

    private void EmitTaps(CodeWriter w, Window2D g)
    {
        for (int ky = 0; ky < g.FilterHeight; ky++)
        {
            string row = ky == 0 ? "first" : InvariantText.Of($"row{ky}");
            if (ky > 0) w.Line($"ref {Windows.Type.Keyword()} {row} = ref Unsafe.Add(ref first, {ky} * rowStride);");
            for (int kx = 0; kx < g.FilterWidth; kx++) w.Line(Step(kx == 0 ? row : InvariantText.Of($"Unsafe.Add(ref {row}, {kx} * Channels)")));
        }
    }

    private void EmitTapLoop(CodeWriter w)
    {
        w.Line("for (int ky = 0; ky < FilterHeight; ky++)");
        using (w.Block("for (int kx = 0; kx < FilterWidth; kx++)")) w.Line(Step("Unsafe.Add(ref first, (ky * rowStride) + (kx * Channels))"));
    }
}
