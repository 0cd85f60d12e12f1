using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>TOPK_V2: the k largest stored values of each row of the last dimension and their places, the largest first.</summary>
/// <remarks>topk_v2.cc of TFLite: of equal values the earlier one comes first. TFLite Micro has no such operator.</remarks>
internal sealed record TopK : Op
{
    public override string Name => "TOPK_V2";

    // ---- import ----
    public static Op Import(OperatorReader r) => new TopK { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Type(ElementType.Int8, ElementType.UInt8, ElementType.Int16, ElementType.Int32, ElementType.Float32).Tensor;
        c.Input(1).Int32().Elements(1);
        int[]? count = c.Integers(1);
        if (!c.Holds) return;

        c.Require(input!.Shape.Count > 0, "needs an input with a dimension");
        if (!c.Holds) return;
        int depth = input.Shape.Last(), k = count![0];
        c.Require(k >= 1 && k <= depth, $"needs a k from 1 to {depth}, and it is {k}");
        int[] shape = [.. input.Shape.Take(input.Shape.Count - 1), k];
        c.Output(0).Type(input.Type).Shape(shape);
        c.SameQuantization(0, 0);
        c.Output(1).Int32().Shape(shape);
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        if (values.Graph[Inputs[0]].Type == ElementType.Float32) Largest<float>(values);
        else Largest<int>(values);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]];
        int depth = input.Shape.Last();
        return new Layer(
            this, new TopKKernel(input.Type, input.ElementCount / depth, depth, Integers(graph, 1)[0]), new[] { Inputs[0] }, Array.Empty<Table>());
    }

    private sealed record TopKKernel(ElementType Type, int InputRows, int Depth, int Count) : Kernel
    {
        public override string Name => "TopK";

        public override int CodeBytes => 240;

        public override void Emit(CodeWriter w, string method)
        {
            string type = Type.Keyword();
            using (w.Method(method, $"ReadOnlySpan<{type}> input, Span<{type}> values, Span<int> places"))
            {
                w.Line($"const int Rows = {InputRows}, Depth = {Depth}, Count = {Count};");
                w.Line();
                using (w.Block("for (int row = 0; row < Rows; row++)"))
                {
                    w.Line($"ReadOnlySpan<{type}> x = input.Slice(row * Depth, Depth);");
                    w.Line($"Span<{type}> largest = values.Slice(row * Count, Count);");
                    w.Line("Span<int> place = places.Slice(row * Count, Count);");
                    w.Line();
                    w.Line("// What was taken so far is in order; each value moves forward past the smaller ones.");
                    using (w.Block("for (int i = 0; i < Depth; i++)"))
                    {
                        w.Line("int at = Math.Min(i, Count);");
                        string isLarger = Type == ElementType.Float32 ? "IsLarger(x[i], largest[at - 1])" : "x[i] > largest[at - 1]";
                        using (w.Block($"for (; at > 0 && {isLarger}; at--)"))
                        {
                            w.Line("if (at == Count) continue;");
                            w.Line("largest[at] = largest[at - 1];");
                            w.Line("place[at] = place[at - 1];");
                        }

                        w.Line();
                        w.Line("if (at == Count) continue;");
                        w.Line("largest[at] = x[i];");
                        w.Line("place[at] = i;");
                    }
                }

                if (Type != ElementType.Float32) return;
                w.Line();
                w.Line("static bool IsLarger(float a, float b) => a > b || (float.IsNaN(b) && !float.IsNaN(a));");
            }
        }
    }

    private void Largest<T>(Values values)
    {
        T[] x = (T[])values[Inputs[0]];
        int depth = values.Graph[Inputs[0]].Shape.Last(), k = Integers(values.Graph, 1)[0];
        T[] y = new T[x.Length / depth * k];
        int[] places = new int[y.Length];
        for (int row = 0; row < x.Length / depth; row++)
        {
            // The order is stable and has NaN as the smallest value.
            int[] order = [.. Enumerable.Range(0, depth).OrderByDescending(i => x[(row * depth) + i])];
            for (int i = 0; i < k; i++)
            {
                places[(row * k) + i] = order[i];
                y[(row * k) + i] = x[(row * depth) + order[i]];
            }
        }

        values.Set(Outputs[0], y);
        values.Set(Outputs[1], places);
    }
}
