using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>CUMSUM: running sums along one dimension, requantised.</summary>
/// <remarks>cumsum.cc of TFLite Micro and reference/cumsum.h, whose sums start at minus the zero point instead of 0; see <see cref="RunningSum"/>.</remarks>
/// <param name="Axes">The dimension, or null when it is not constant.</param>
/// <param name="IsExclusive">An element's sum ends before the element.</param>
/// <param name="IsReverse">Sums run from the last element to the first.</param>
internal sealed record CumSum(EquatableArray<int>? Axes, bool IsExclusive, bool IsReverse) : Op
{
    public override string Name => "CUMSUM";

    // ---- import ----
    public static Op Import(OperatorReader r) => new CumSum(r.Integers(1), r.Bool(0), r.Bool(1)) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Tensor;
        c.Input(1).Int32().Elements(1);
        c.Output(0).Int8();
        c.Require(Axes is not null, "needs a constant axis");
        if (!c.Holds) return;

        int rank = input!.Shape.Count, axis = Axes!.Value[0];
        c.Require(axis >= -rank && axis < rank, $"needs an axis from {-rank} to {rank - 1}, and it is {axis}");
        c.Output(0).Shape(input.Shape.ToArray());
        RunningSum.Of(c.Graph, this).Check(c);
    }

    public override string Describe(Graph graph) => Name + (IsExclusive ? ", exclusive" : "") + (IsReverse ? ", reverse" : "");

    // ---- reference ----
    public override void Reference(Values values)
    {
        RunningSum sum = RunningSum.Of(values.Graph, this);
        (int[] shape, int[] strides, int size, int stride) = Geometry(values.Graph);
        int[] x = values.Integers(Inputs[0]), y = new int[x.Length];
        Shapes.ForEach(shape, [strides], (_, at) =>
        {
            int acc = sum.Start;
            for (int i = 0; i < size; i++)
            {
                int place = at[0] + ((IsReverse ? size - 1 - i : i) * stride), after = unchecked(acc + x[place] - sum.ZeroPoint);
                y[place] = sum.Result(IsExclusive ? acc : after);
                acc = after;
            }
        });
        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        (int[] shape, int[] strides, int size, int stride) = Geometry(graph);
        var kernel = new CumSumKernel(Nest.Of(shape, strides), size, stride, IsExclusive, IsReverse, RunningSum.Of(graph, this), options.CheckOverflow);
        return new Layer(this, kernel, new[] { Inputs[0] }, Array.Empty<Table>());
    }

    private sealed record CumSumKernel(
        Nest Nest, int Size, int Stride, bool IsExclusive, bool IsReverse, RunningSum Sum, bool IsUnchecked) : Kernel
    {
        public override string Name => "CumSum";

        public override int CodeBytes => 240;

        public override bool CanOverwrite(int input) => true;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, "ReadOnlySpan<sbyte> input, Span<sbyte> output"))
            {
                w.Line($"const int Size = {Size}, Stride = {Stride}, ZeroPoint = {Sum.ZeroPoint}, Start = {Sum.Start};");
                Sum.EmitConstants(w);
                w.Line();
                using (w.Unchecked(IsUnchecked))
                {
                    Nest.Emit(w, "o", () =>
                    {
                        string first = Nest.Offset(0, "o");
                        w.Line("int sum = Start;");
                        using (w.Block(IsReverse ? "for (int i = Size - 1; i >= 0; i--)" : "for (int i = 0; i < Size; i++)"))
                        {
                            w.Line(first == "0" ? "int place = i * Stride;" : $"int place = {first} + (i * Stride);");
                            w.Line("int after = sum + input[place] - ZeroPoint;");
                            w.Line($"int acc = {(IsExclusive ? "sum" : "after")};");
                            Sum.EmitResult(w);
                            w.Line("output[place] = (sbyte)FixedPoint.Clamp(result, -128, 127);");
                            w.Line("sum = after;");
                        }
                    });
                }
            }
        }
    }

    // The shape without the dimension, its strides, and the dimension's size and stride.
    private (int[] Shape, int[] Strides, int Size, int Stride) Geometry(Graph graph)
    {
        int[] shape = graph[Inputs[0]].Shape.ToArray(), strides = Shapes.Strides(shape);
        int axis = Axes!.Value[0] < 0 ? Axes.Value[0] + shape.Length : Axes.Value[0];
        return ([.. shape.Where((_, d) => d != axis)], [.. strides.Where((_, d) => d != axis)], shape[axis], strides[axis]);
    }
}
