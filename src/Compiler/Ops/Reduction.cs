using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>What MEAN, SUM, REDUCE_MAX and REDUCE_MIN share: the dimensions to reduce, and the loops over what is kept and what is reduced.</summary>
/// <param name="Axes">The dimensions to reduce, or null when they are not constant.</param>
internal sealed record Reduction(EquatableArray<int>? Axes, bool KeepDims)
{
    public static Reduction Import(OperatorReader r) => new(r.Integers(1), r.Bool(0));

    /// <summary>Demands that hold for all of them; afterwards <see cref="Elements"/> is defined while the contract holds.</summary>
    public void Check(Contract c, bool isFloat = false)
    {
        Tensor? input = isFloat ? c.Input(0).Type(ElementType.Float32).Tensor : c.Input(0).Activation(ElementTypes.Quantized).Tensor;
        if (isFloat) c.Output(0).Type(ElementType.Float32);
        else if (c.HasTypes) c.Output(0).Activation(input!.Type);
        c.Input(1).Int32();
        c.Require(Axes is not null, "needs constant axes");
        if (!c.Holds) return;

        int rank = input!.Shape.Count;
        c.Require(Axes!.Value.All(axis => axis >= -rank && axis < rank), $"needs axes from {-rank} to {rank - 1}");
        if (!c.Holds) return;
        bool[] reduced = Reduced(input);
        c.Require(input.ElementCount > 0, $"needs an input with elements, and it has the shape [{input.Shape}]");
        int[] kept = [.. Enumerable.Range(0, rank).Where(d => KeepDims || !reduced[d]).Select(d => reduced[d] ? 1 : input.Shape[d])];
        c.Output(0).Elements(Shapes.Count(kept));
    }

    /// <summary>True when the last dimension is not reduced: each channel of the output comes from that channel alone.</summary>
    public bool Keeps(Tensor input) => input.Shape.Count > 0 && !Reduced(input)[input.Shape.Count - 1];

    /// <summary>Inputs that make one output.</summary>
    public static int Elements(Graph graph, Op op) => graph[op.Inputs[0]].ElementCount / graph[op.Outputs[0]].ElementCount;

    /// <summary>For each output, <paramref name="step"/> over its stored inputs from <paramref name="start"/> on, then <paramref name="result"/>.</summary>
    public void Reference<T>(Values values, Op op, T start, Func<T, T, T> step, Func<T, T> result)
    {
        Tensor input = values.Graph[op.Inputs[0]], output = values.Graph[op.Outputs[0]];
        T[] x = (T[])values[op.Inputs[0]], acc = [.. Enumerable.Repeat(start, output.ElementCount)];
        Shapes.ForEach(input.Shape, [TargetStrides(input, Reduced(input))], (i, at) => acc[at[0]] = step(acc[at[0]], x[i]));
        values.Set(op.Outputs[0], Array.ConvertAll(acc, a => result(a)));
    }

    /// <summary>The layer: <paramref name="step"/> is a statement on <c>acc</c> and the stored input <c>{0}</c>, <paramref name="lines"/> may follow, then
    /// <paramref name="result"/> is stored.</summary>
    /// <param name="isSum">The step adds: vectors may take neighbouring channels at once.</param>
    public Layer Layer(
        Graph graph, Op op, string name, CompileOptions options, string[] constants, string start, string step, string[] lines, string result, bool isSum = false)
    {
        Tensor input = graph[op.Inputs[0]];
        bool[] reduced = Reduced(input);
        int[] source = Shapes.Strides(input.Shape), target = TargetStrides(input, reduced), shape = input.Shape.ToArray();
        int[] Select(int[] all, bool isReduced) => [.. all.Where((_, d) => reduced[d] == isReduced)];
        Nest kept = Nest.Of(Select(shape, false), Select(target, false), Select(source, false));
        Nest taps = Nest.Of(Select(shape, true), Select(source, true));
        bool isVectorised = isSum && options.Vectors && input.Type == ElementType.Int8 && IsOverPixels(kept, taps);
        var kernel = new ReductionKernel(name, input.Type, kept, taps, constants, start, step, lines, result, isVectorised, options.CheckOverflow);
        return new Layer(op, kernel, new[] { op.Inputs[0] }, Array.Empty<Table>());
    }

    // Pixels that lie one behind the other become one, of as many channels as vectors pay for and the stack may hold sums of; so for each image.
    private static bool IsOverPixels(Nest kept, Nest taps)
    {
        if (kept.Shape.Count is not (1 or 2) || taps.Shape.Count != 1 || kept.Strides[1].Last() != 1) return false;
        int channels = kept.Shape.Last();
        return channels is >= 4 and <= 4096 && taps.Strides[0][0] == channels && (kept.Shape.Count == 1 || kept.Strides[1][0] == channels * taps.Shape[0]);
    }

    private sealed record ReductionKernel(
        string Operator, ElementType Type, Nest Kept, Nest Taps, EquatableArray<string> Constants, string Start, string Step,
        EquatableArray<string> Lines, string Result, bool IsVectorised, bool IsUnchecked) : Kernel
    {
        public override string Name => Operator;

        public override int StackBytes => IsVectorised ? sizeof(int) * Kept.Shape.Last() : 0;

        public override int CodeBytes => 215 + (IsVectorised ? 260 : 0);

        public override RuntimeKernels Calls => IsVectorised ? RuntimeKernels.AddPixels : RuntimeKernels.None;

        public override void Emit(CodeWriter w, string method)
        {
            string type = Type.Keyword();
            w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
            using (w.Method(method, $"ReadOnlySpan<{type}> input, Span<{type}> output"))
            {
                foreach (string constant in Constants) w.Line(constant);
                if (Constants.Count > 0) w.Line();
                using (w.Unchecked(IsUnchecked))
                {
                    if (IsVectorised) EmitVectors(w);
                    Kept.Emit(w, "o", () =>
                    {
                        w.Line($"{(Type == ElementType.Float32 ? "float" : "int")} acc = {Start};");
                        w.Line($"ReadOnlySpan<{type}> taps = input.Slice({Kept.Offset(1, "o")});");
                        Taps.Emit(w, "i", () => w.Line(Step.Replace("{0}", $"taps[{Taps.Offset(0, "i")}]")));
                        foreach (string line in Lines) w.Line(line);
                        w.Line($"output[{Kept.Offset(0, "o")}] = {Result};");
                    });
                }
            }
        }

        private void EmitVectors(CodeWriter w)
        {
            using (w.Block("if (VectorKernels.IsSupported)"))
            {
                w.Line($"const int Images = {(Kept.Shape.Count == 1 ? 1 : Kept.Shape[0])}, Pixels = {Taps.Shape[0]}, Channels = {Kept.Shape.Last()};");
                w.Line("Span<int> sums = stackalloc int[Channels];");
                using (w.Block("for (int image = 0; image < Images; image++)"))
                {
                    w.Line($"sums.Fill({Start});");
                    w.Line("VectorKernels.AddPixels(input.Slice(image * Pixels * Channels), 0, rows: 1, columns: Pixels, sums);");
                    using (w.Block("for (int c = 0; c < Channels; c++)"))
                    {
                        w.Line("int acc = sums[c];");
                        foreach (string line in Lines) w.Line(line);
                        w.Line($"output[(image * Channels) + c] = {Result};");
                    }
                }

                w.Line("return;");
            }

            w.Line();
        }
    }

    /// <summary>The sum over all rows of an NHWC image, and over all or single columns, as windows; null for other reductions.</summary>
    public Window2D? WindowOfRows(Tensor input)
    {
        bool[] reduced = Reduced(input);
        if (reduced.Length != 4 || reduced[0] || !reduced[1] || reduced[3]) return null;
        int width = input.Shape[2];
        return new Window2D
        {
            InputHeight = input.Shape[1], InputWidth = width, FilterHeight = input.Shape[1], FilterWidth = reduced[2] ? width : 1,
            StrideY = 1, StrideX = 1, OutputHeight = 1, OutputWidth = reduced[2] ? 1 : width, PadTop = 0, PadLeft = 0,
        };
    }

    private bool[] Reduced(Tensor input)
    {
        bool[] reduced = new bool[input.Shape.Count];
        foreach (int axis in Axes!.Value) reduced[axis < 0 ? axis + reduced.Length : axis] = true;
        return reduced;
    }

    // For each input dimension, the elements between neighbours in the output; 0 along reduced dimensions.
    private static int[] TargetStrides(Tensor input, bool[] reduced)
    {
        int[] strides = new int[reduced.Length];
        int stride = 1;
        for (int d = reduced.Length - 1; d >= 0; d--)
        {
            if (reduced[d]) continue;
            strides[d] = stride;
            stride *= input.Shape[d];
        }

        return strides;
    }
}
