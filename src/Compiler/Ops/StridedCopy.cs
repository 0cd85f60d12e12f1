using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>One block of elements moved from an input to the output.</summary>
/// <param name="Input">The place among the kernel's sources.</param>
/// <param name="Nest">The block: array 0 is the output, array 1 the source.</param>
internal sealed record Move(int Input, Nest Nest, int To, int From)
{
    public static Move Of(int input, IReadOnlyList<int> shape, int[] toStrides, int to, int[] fromStrides, int from) =>
        new(input, Nest.Of(shape, toStrides, fromStrides), to, from);
}

/// <summary>The kernel of every operator that only moves elements: blocks with strides, after filling what no block covers.</summary>
/// <param name="Operator">The last part of the method's name.</param>
/// <param name="Type">The element type.</param>
/// <param name="IsConstant">For each source, whether it is a table.</param>
/// <param name="Fill">The value outside the blocks, or null when they cover the output.</param>
internal sealed record StridedCopy(string Operator, ElementType Type, EquatableArray<bool> IsConstant, EquatableArray<Move> Moves, int? Fill) : Kernel
{
    public override string Name => Operator;

    public override int CodeBytes => 80 + (120 * Moves.Count);

    /// <summary>The layer that moves blocks of the operator's first <paramref name="sources"/> inputs.</summary>
    public static Layer Layer(Graph graph, Op op, string name, int sources, IEnumerable<Move> moves, int? fill = null)
    {
        Tensor[] tensors = [.. op.Inputs.Take(sources).Select(id => graph[id])];
        var kernel = new StridedCopy(name, graph[op.Outputs[0]].Type, tensors.Select(t => t.IsConstant).ToArray(), moves.ToArray(), fill);
        int[] inputs = [.. op.Inputs.Take(sources).Where(id => !graph[id].IsConstant)];
        Table[] tables = [.. tensors.Select((t, i) => (t, i)).Where(x => x.t.IsConstant).Select(x => new Table(InvariantText.Of($"Input{x.i}"), x.t.Type, x.t.Data!))];
        return new Layer(op, kernel, inputs, tables);
    }

    /// <summary>Moves the values as the kernel will: the reference of these operators.</summary>
    public static void Reference(Values values, Op op, IEnumerable<Move> moves, int? fill = null)
    {
        Tensor output = values.Graph[op.Outputs[0]];
        values.Set(op.Outputs[0], output.Type == ElementType.Float32
            ? Run(values.Floats, op, moves, new float[output.ElementCount])
            : Run(values.Integers, op, moves, [.. Enumerable.Repeat(fill ?? 0, output.ElementCount)]));
    }

    private static T[] Run<T>(System.Func<int, T[]> values, Op op, IEnumerable<Move> moves, T[] output)
    {
        foreach (Move move in moves)
        {
            T[] source = values(op.Inputs[move.Input]);
            int[][] strides = [.. move.Nest.Strides.Select(s => s.ToArray())];
            Shapes.ForEach(move.Nest.Shape, strides, (_, at) => output[move.To + at[0]] = source[move.From + at[1]]);
        }

        return output;
    }

    public override void Emit(CodeWriter w, string method)
    {
        string type = Type.Keyword();
        string Parameters(bool constant) => string.Join(
            ", ", IsConstant.Select((c, i) => (c, i)).Where(x => x.c == constant).Select(x => $"ReadOnlySpan<{type}> {Source(x.i)}"));
        using (w.Method(method, Parameters(false), $"Span<{type}> output", Parameters(true)))
        {
            if (Fill is { } fill) w.Line($"output.Fill({fill});");
            foreach (Move move in Moves) EmitMove(w, move);
        }
    }

    private string Source(int input) => IsConstant.Count == 1 ? "input" : InvariantText.Of($"input{input}");

    private void EmitMove(CodeWriter w, Move move)
    {
        Nest nest = move.Nest;
        int inner = nest.Shape.Count - 1;
        string source = Source(move.Input);
        if (inner >= 0 && nest.Strides[0][inner] == 1 && nest.Strides[1][inner] == 1)
        {
            int length = nest.Shape[inner];
            Nest outer = new(
                nest.Shape.Take(inner).ToArray(), nest.Strides.Select(s => (EquatableArray<int>)s.Take(inner).ToArray()).ToArray());
            void Copy() => w.Line($"{source}.Slice({outer.Offset(1, "i", move.From)}, {length}).CopyTo(output.Slice({outer.Offset(0, "i", move.To)}));");
            if (inner == 0) Copy();
            else outer.Emit(w, "i", Copy);
            return;
        }

        nest.Emit(w, "i", () => w.Line($"output[{nest.Offset(0, "i", move.To)}] = {source}[{nest.Offset(1, "i", move.From)}];"));
    }
}
