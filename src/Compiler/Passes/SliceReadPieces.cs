using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>SPLIT, SPLIT_V and UNPACK with pieces that nobody reads → a SLICE for each of the others: what nobody reads takes no memory and no time.</summary>
/// <remarks>Exact because the elements of a piece are those of the slice.</remarks>
internal static class SliceReadPieces
{
    public static Graph Run(Graph graph)
    {
        var read = new HashSet<int>(graph.Ops.SelectMany(op => op.Inputs).Concat(graph.Outputs));
        List<Tensor> tensors = [.. graph.Tensors];
        var ops = new List<Op>();
        foreach (Op op in graph.Ops)
        {
            (int Input, int Axis)? split = op switch
            {
                Split => (1, graph[op.Inputs[0]].Integers()[0]),
                SplitV => (0, graph[op.Inputs[2]].Integers()[0]),
                Unpack unpack => (0, unpack.Axis),
                _ => null,
            };
            if (split is not { } whole || op.Outputs.All(read.Contains)) ops.Add(op);
            else ops.AddRange(Slices(op, op.Inputs[whole.Input], whole.Axis));
        }

        return tensors.Count == graph.Tensors.Count ? graph : graph.With(ops, tensors);

        IEnumerable<Op> Slices(Op op, int input, int axis)
        {
            EquatableArray<int> shape = graph[input].Shape;
            int d = axis < 0 ? axis + shape.Count : axis, from = 0;
            foreach (int output in op.Outputs)
            {
                int[] begin = new int[shape.Count], size = shape.ToArray();
                begin[d] = from;
                size[d] = op is Unpack ? 1 : graph[output].Shape[d];
                from += size[d];
                if (!read.Contains(output)) continue;

                string name = graph[output].Name;
                tensors.Add(Numbers(name + ", begin", begin));
                tensors.Add(Numbers(name + ", size", size));
                int[] inputs = [input, tensors.Count - 2, tensors.Count - 1];
                if (op is Unpack) tensors.Add(graph[output] with { Name = name + ", whole", Shape = size });
                int piece = op is Unpack ? tensors.Count - 1 : output;
                yield return new Slice { Inputs = inputs, Outputs = new[] { piece } };
                if (piece != output) yield return new Reshape("RESHAPE") { Inputs = new[] { piece }, Outputs = new[] { output } };
            }
        }
    }

    private static Tensor Numbers(string name, int[] values) =>
        new() { Name = name, Type = ElementType.Int32, Shape = new[] { values.Length }, Data = Values.Bytes(ElementType.Int32, values) };
}
