using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>GATHER: output[…, i, …] = input[…, indices[i], …] along one dimension, with constant indices.</summary>
/// <remarks>gather.cc of TFLite Micro. The indices' dimensions take the place of the dimension.</remarks>
internal sealed record Gather : Op
{
    public required int Axis { get; init; }

    public required int BatchDimensions { get; init; }

    public override string Name => "GATHER";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Gather { Inputs = r.Inputs, Outputs = r.Outputs, Axis = r.Int32(0), BatchDimensions = r.Int32(1) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = StridedCopy.Check(c, 0, 0);
        int[]? indices = c.Integers(1);
        c.Require(BatchDimensions == 0, "has batch dimensions, which are not supported");
        if (!c.Holds) return;

        int d = c.Dimension(Axis, input!.Shape.Count);
        if (!c.Holds) return;
        c.Require(indices!.All(i => i >= 0 && i < input.Shape[d]), $"needs indices from 0 to {input.Shape[d] - 1}");
        c.Output(0).Shape([.. input.Shape.Take(d), .. c.Graph[Inputs[1]].Shape, .. input.Shape.Skip(d + 1)]);
    }

    /// <summary>All indices in their order take everything.</summary>
    public override IEnumerable<Move>? Moves(Graph graph) => Integers(graph, 1).SequenceEqual(Enumerable.Range(0, Numbers(graph).Size))
        ? [Move.Whole(graph[Inputs[0]].ElementCount)] : null;

    // ---- reference ----
    public override void Reference(Values values)
    {
        if (values.Graph[Inputs[0]].Type == ElementType.Float32) Take<float>(values);
        else Take<int>(values);
    }

    private void Take<T>(Values values)
    {
        GatherKernel k = Numbers(values.Graph);
        int[] indices = Integers(values.Graph, 1);
        T[] x = (T[])values[Inputs[0]], y = new T[values.Graph[Outputs[0]].ElementCount];
        for (int outer = 0; outer < k.Outer; outer++)
        for (int i = 0; i < k.Count; i++)
        for (int inner = 0; inner < k.Inner; inner++)
        {
            y[(((outer * k.Count) + i) * k.Inner) + inner] = x[(((outer * k.Size) + indices[i]) * k.Inner) + inner];
        }

        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) =>
        new(this, Numbers(graph), new[] { Inputs[0] }, new[] { Table.Of("Indices", Integers(graph, 1)) });

    /// <param name="Outer">Elements of the dimensions before.</param>
    /// <param name="Size">Elements of the dimension.</param>
    /// <param name="Count">Indices.</param>
    /// <param name="Inner">Elements of the dimensions after.</param>
    /// <param name="Type">The element type.</param>
    private sealed record GatherKernel(int Outer, int Size, int Count, int Inner, ElementType Type) : Kernel
    {
        public override string Name => "Gather";

        public override int CodeBytes => 160;

        public override void Emit(CodeWriter w, string method)
        {
            string type = Type.Keyword();
            using (w.Method(method, $"ReadOnlySpan<{type}> input, Span<{type}> output", "ReadOnlySpan<int> indices"))
            {
                w.Line($"const int Outer = {Outer}, Size = {Size}, Count = {Count}, Inner = {Inner};");
                w.Line();
                w.Line("for (int outer = 0; outer < Outer; outer++)");
                using (w.Block("for (int i = 0; i < Count; i++)"))
                {
                    w.Line("ReadOnlySpan<" + type + "> taken = input.Slice(((outer * Size) + indices[i]) * Inner, Inner);");
                    w.Line("taken.CopyTo(output.Slice(((outer * Count) + i) * Inner));");
                }
            }
        }
    }

    private GatherKernel Numbers(Graph graph)
    {
        Tensor input = graph[Inputs[0]];
        int d = Axis < 0 ? Axis + input.Shape.Count : Axis;
        return new GatherKernel(
            Shapes.Count(input.Shape.Take(d)), input.Shape[d], graph[Inputs[1]].ElementCount, Shapes.Count(input.Shape.Skip(d + 1)), input.Type);
    }
}
