using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>MEAN over any dimensions: the sum without its zero points, scaled by the quotient of the scales over the number of elements.</summary>
/// <remarks>reduce_common.cc of TFLite Micro: the division by the number of elements goes into the multiplier.</remarks>
internal sealed record Mean : Op
{
    /// <summary>The dimensions to reduce, or null when they are not constant.</summary>
    public required EquatableArray<int>? Axes { get; init; }

    public required bool KeepDims { get; init; }

    public override string Name => "MEAN";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Mean
    {
        Inputs = r.Inputs,
        Outputs = r.Outputs,
        Axes = r.Integers(1),
        KeepDims = r.Bool(0),
    };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Tensor;
        c.Output(0).Int8();
        c.Require(Axes is not null, "needs constant axes");
        if (!c.Holds) return;

        int rank = input!.Shape.Count;
        c.Require(Axes!.Value.All(axis => axis >= -rank && axis < rank), $"needs axes from {-rank} to {rank - 1}");
        if (!c.Holds) return;
        bool[] reduced = Reduced(input);
        int[] kept = [.. Enumerable.Range(0, rank).Where(d => KeepDims || !reduced[d]).Select(d => reduced[d] ? 1 : input.Shape[d])];
        c.Output(0).Elements(Shapes.Count(kept));
        c.Multiplier(Factor(c.Graph));
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        Tensor input = values.Graph[Inputs[0]], output = values.Graph[Outputs[0]];
        int[] x = values.Integers(Inputs[0]), sums = new int[output.ElementCount];
        bool[] reduced = Reduced(input);
        int[] target = TargetStrides(input, reduced);
        Shapes.ForEach(input.Shape, [target], (i, at) => sums[at[0]] = unchecked(sums[at[0]] + x[i]));
        int n = input.ElementCount / output.ElementCount;
        Multiplier factor = Factor(values.Graph);
        values.Set(Outputs[0], Array.ConvertAll(
            sums, sum => Requantization.Apply(unchecked(sum - (input.ZeroPoint * n)), factor, output.ZeroPoint, (-128, 127))));
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]], output = graph[Outputs[0]];
        bool[] reduced = Reduced(input);
        int[] source = Shapes.Strides(input.Shape), target = TargetStrides(input, reduced);
        int[] Select(int[] all, bool isReduced) => [.. all.Where((_, d) => reduced[d] == isReduced)];
        int[] shape = input.Shape.ToArray();
        Nest kept = Nest.Of(Select(shape, false), Select(target, false), Select(source, false));
        Nest summed = Nest.Of(Select(shape, true), Select(source, true));
        Multiplier factor = Factor(graph);
        int n = input.ElementCount / output.ElementCount;
        return new Layer(
            this, new MeanKernel(kept, summed, unchecked(-input.ZeroPoint * n), factor.Value, factor.Shift, output.ZeroPoint, options.CheckOverflow),
            new[] { Inputs[0] }, Array.Empty<Table>());
    }

    private sealed record MeanKernel(Nest Kept, Nest Summed, int Start, int Multiplier, int Shift, int OutputZeroPoint, bool IsUnchecked) : Kernel
    {
        public override string Name => "Mean";

        public override int CodeBytes => 320;

        public override void Emit(CodeWriter w, string method)
        {
            w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
            using (w.Method(method, "ReadOnlySpan<sbyte> input, Span<sbyte> output"))
            {
                w.Line($"const int Start = {Start}; // minus the zero point of each input");
                w.Line($"const int Multiplier = {Multiplier}, Shift = {Shift}, OutputZeroPoint = {OutputZeroPoint};");
                w.Line();
                using (w.Unchecked(IsUnchecked))
                {
                    Kept.Emit(w, "o", () =>
                    {
                        w.Line("int acc = Start;");
                        string first = Kept.Offset(1, "o");
                        w.Line($"ReadOnlySpan<sbyte> taps = input.Slice({first});");
                        Summed.Emit(w, "i", () => w.Line($"acc += taps[{Summed.Offset(0, "i")}];"));
                        w.Line("int mean = FixedPoint.MultiplyByQuantizedMultiplier(acc, Multiplier, Shift) + OutputZeroPoint;");
                        w.Line($"output[{Kept.Offset(0, "o")}] = (sbyte)FixedPoint.Clamp(mean, -128, 127);");
                    });
                }
            }
        }
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

    private Multiplier Factor(Graph graph)
    {
        Tensor input = graph[Inputs[0]], output = graph[Outputs[0]];
        Multiplier factor = Multiplier.Of((double)input.Scale / output.Scale);
        int n = input.ElementCount / output.ElementCount;
        int shift = Math.Min(Math.Min(31 - FixedPoint.LeadingZeros(n), 32), 31 + factor.Shift);
        return new Multiplier((int)(((long)factor.Value << shift) / n), factor.Shift - shift);
    }
}
