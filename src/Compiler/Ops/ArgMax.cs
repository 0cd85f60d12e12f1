using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>ARG_MAX and ARG_MIN: the place of the largest or smallest stored value along one dimension; the first of equal ones.</summary>
/// <remarks>arg_min_max.cc of TFLite Micro: the axis is an int32 constant, the output int32. NaN is never chosen where there is a number.</remarks>
/// <param name="IsMax">Which of the two it is.</param>
/// <param name="Axes">The dimension, or null when it is not constant.</param>
internal sealed record ArgMax(bool IsMax, EquatableArray<int>? Axes) : Op
{
    public override string Name => IsMax ? "ARG_MAX" : "ARG_MIN";

    // ---- import ----
    public static Op ImportMax(OperatorReader r) => new ArgMax(true, r.Integers(1)) { Inputs = r.Inputs, Outputs = r.Outputs };

    public static Op ImportMin(OperatorReader r) => new ArgMax(false, r.Integers(1)) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Type(ElementType.Int8, ElementType.UInt8, ElementType.Float32).Tensor;
        c.Input(1).Int32().Elements(1);
        c.Output(0).Type(ElementType.Int32);
        c.Require(Axes is not null, "needs a constant axis");
        if (!c.Holds) return;

        int rank = input!.Shape.Count, axis = Axes!.Value[0];
        c.Require(axis >= -rank && axis < rank, $"needs an axis from {-rank} to {rank - 1}, and it is {axis}");
        c.Require(input.ElementCount > 0, $"needs an input with elements, and it has the shape [{input.Shape}]");
        if (c.Holds) c.Output(0).Shape(Without(input.Shape.ToArray(), Axis(input)));
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        if (values.Graph[Inputs[0]].Type == ElementType.Float32) Find<float>(values, (a, b) => !float.IsNaN(a) && (float.IsNaN(b) || (IsMax ? a > b : a < b)));
        else Find<int>(values, (a, b) => IsMax ? a > b : a < b);
    }

    private void Find<T>(Values values, Func<T, T, bool> isBetter)
    {
        Tensor input = values.Graph[Inputs[0]], output = values.Graph[Outputs[0]];
        T[] x = (T[])values[Inputs[0]];
        int[] y = new int[output.ElementCount], source = Shapes.Strides(input.Shape);
        int axis = Axis(input), size = input.Shape[axis], stride = source[axis];
        Shapes.ForEach(output.Shape, [Without(source, axis)], (o, at) =>
        {
            for (int i = 1; i < size; i++)
            {
                if (isBetter(x[at[0] + (i * stride)], x[at[0] + (y[o] * stride)])) y[o] = i;
            }
        });
        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]], output = graph[Outputs[0]];
        int[] source = Shapes.Strides(input.Shape);
        int axis = Axis(input);
        Nest nest = Nest.Of(output.Shape, Shapes.Strides(output.Shape), Without(source, axis));
        return new Layer(this, new ArgMaxKernel(IsMax, input.Type, nest, input.Shape[axis], source[axis]), new[] { Inputs[0] }, Array.Empty<Table>());
    }

    private sealed record ArgMaxKernel(bool IsMax, ElementType Type, Nest Nest, int Size, int Stride) : Kernel
    {
        public override string Name => IsMax ? "ArgMax" : "ArgMin";

        public override int CodeBytes => 200;

        public override void Emit(CodeWriter w, string method)
        {
            string type = Type.Keyword(), number = Type == ElementType.Float32 ? "float" : "int", worse = IsMax ? "<=" : ">=";
            using (w.Method(method, $"ReadOnlySpan<{type}> input, Span<int> output"))
            {
                w.Line($"const int Size = {Size}, Stride = {Stride};");
                w.Line();
                Nest.Emit(w, "o", () =>
                {
                    w.Line($"ReadOnlySpan<{type}> taps = input.Slice({Nest.Offset(1, "o")});");
                    w.Line(number == "int" ? "int best = taps[0], place = 0;" : "float best = taps[0];\nint place = 0;");
                    using (w.Block("for (int i = 1; i < Size; i++)"))
                    {
                        w.Line($"{number} q = taps[i * Stride];");
                        w.Line($"if (q {worse} best{(number == "int" ? "" : " || float.IsNaN(q)")}) continue;");
                        w.Line("best = q;");
                        w.Line("place = i;");
                    }

                    w.Line();
                    w.Line($"output[{Nest.Offset(0, "o")}] = place;");
                });
            }
        }
    }

    private int Axis(Tensor input) => Axes!.Value[0] < 0 ? Axes.Value[0] + input.Shape.Count : Axes.Value[0];

    private static int[] Without(int[] all, int axis) => [.. all.Where((_, d) => d != axis)];
}
