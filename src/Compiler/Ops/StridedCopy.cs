using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>One block of elements moved from an input to an output.</summary>
/// <param name="Input">The place among the operator's inputs; in a kernel, among its sources.</param>
/// <param name="Nest">The block: array 0 is the output, array 1 the source.</param>
/// <param name="Output">The place among the outputs.</param>
internal sealed record Move(int Input, Nest Nest, int To, int From, int Output = 0)
{
    /// <summary>True for elements that follow each other in both.</summary>
    public bool IsRun => Nest.IsDense(0) && Nest.IsDense(1);

    public static Move Of(int input, IReadOnlyList<int> shape, int[] toStrides, int to, int[] fromStrides, int from, int output = 0) =>
        new(input, Nest.Of(shape, toStrides, fromStrides), to, from, output);

    /// <summary>All elements of the first input in their order.</summary>
    public static Move Whole(int elements) => Of(0, [elements], [1], 0, [1], 0);

    /// <summary>True when elements keep their order, without a gap, from the first on.</summary>
    public bool IsInOrder => To == 0 && From == 0 && IsRun;

    public int Elements => Shapes.Count(Nest.Shape);
}

/// <summary>The kernel of every operator that only moves elements: blocks with strides, after filling what no block covers.</summary>
/// <param name="Operator">The last part of the method's name.</param>
/// <param name="Type">The element type.</param>
/// <param name="Outputs">How many tensors are written.</param>
/// <param name="IsConstant">For each source, whether it is a table.</param>
/// <param name="Fill">The value outside the blocks, or null when they cover the outputs.</param>
internal sealed record StridedCopy(string Operator, ElementType Type, int Outputs, EquatableArray<bool> IsConstant, EquatableArray<Move> Moves, double? Fill) : Kernel
{
    public override string Name => Operator;

    public override int CodeBytes => 10 + Moves.Sum(move => 45 + (60 * Math.Max(0, move.Nest.Shape.Count - 1))) + (Fill is null ? 0 : 60);

    /// <summary>What an operator that only moves elements asks of a source and a target: one type and one quantisation.</summary>
    /// <remarks>INT64 only as constants: what exporters compute shapes with, which is folded.</remarks>
    /// <returns>The source, or null when a demand is broken.</returns>
    public static Tensor? Check(Contract c, int input, int output)
    {
        TensorContract demands = c.Input(input).Type(
            ElementType.Int8, ElementType.UInt8, ElementType.Int16, ElementType.Int32, ElementType.UInt32, ElementType.Int64, ElementType.Bool, ElementType.Float32);
        if (demands.Tensor is not { } source) return null;
        if (source.Type is ElementType.Int64) demands.Constant().Narrow();
        c.Output(output).Type(source.Type);
        c.SameQuantization(input, output);
        c.RequireQuantization(source.Quantization is not { IsPerChannel: true }, $"needs input {input} quantised per tensor");
        return c.Holds ? source : null;
    }

    /// <summary>The layer that moves blocks between those tensors that the moves name; without a fill, not what lies where it goes.</summary>
    public static Layer Layer(Graph graph, Op op, string name, IEnumerable<Move> moves, double? fill = null)
    {
        Move[] all = [.. moves.Where(move => fill is not null || !IsDone(graph, op, move))];
        int[] places = [.. all.Select(move => move.Input).Distinct().OrderBy(place => place)];
        int[] targets = [.. Enumerable.Range(0, op.Outputs.Count).Where(place => fill is not null || all.Any(move => move.Output == place))];
        Tensor[] sources = [.. places.Select(place => graph[op.Inputs[place]])];
        var kernel = new StridedCopy(
            name, graph[op.Outputs[0]].Type, targets.Length, sources.Select(t => t.IsConstant).ToArray(),
            all.Select(move => move with { Input = Array.IndexOf(places, move.Input), Output = Array.IndexOf(targets, move.Output) }).ToArray(), fill);
        int[] inputs = [.. places.Select(place => op.Inputs[place]).Where(id => !graph[id].IsConstant)];
        Table[] tables = [.. sources.Select((t, i) => (t, i)).Where(x => x.t.IsConstant).Select(x => new Table(InvariantText.Of($"Input{x.i}"), x.t.Type, x.t.Data!))];
        return new Layer(op, kernel, inputs, tables) { Outputs = targets.Select(place => op.Outputs[place]).ToArray() };
    }

    // A block whose source lies where it goes.
    private static bool IsDone(Graph graph, Op op, Move move)
    {
        int from = op.Inputs[move.Input], to = op.Outputs[move.Output], size = graph[to].Type.Size();
        return graph.Root(from) == graph.Root(to) && move.IsRun && graph[from].ViewAt + (move.From * size) == graph[to].ViewAt + (move.To * size);
    }

    /// <summary>Moves the values as the kernel will: the reference of these operators.</summary>
    public static void Reference(Values values, Op op, IEnumerable<Move> moves, double? fill = null)
    {
        Move[] all = [.. moves];
        for (int i = 0; i < op.Outputs.Count; i++)
        {
            Tensor output = values.Graph[op.Outputs[i]];
            Move[] own = [.. all.Where(move => move.Output == i)];
            values.Set(op.Outputs[i], output.Type == ElementType.Float32
                ? Run(values.Floats, op, own, [.. Enumerable.Repeat((float)(fill ?? 0), output.ElementCount)])
                : Run(values.Integers, op, own, [.. Enumerable.Repeat((int)(fill ?? 0), output.ElementCount)]));
        }
    }

    private static T[] Run<T>(Func<int, T[]> values, Op op, Move[] moves, T[] output)
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
        string Sources(bool constant) => string.Join(
            ", ", IsConstant.Select((c, i) => (c, i)).Where(x => x.c == constant).Select(x => $"ReadOnlySpan<{type}> {Source(x.i)}"));
        string targets = string.Join(", ", Enumerable.Range(0, Outputs).Select(i => $"Span<{type}> {Target(i)}"));
        using (w.Method(method, Sources(false), targets, Sources(true)))
        {
            string fill = Type switch
            {
                _ when Fill is null => "",
                ElementType.Float32 => Names.Float((float)Fill),
                ElementType.Bool => Fill == 0 ? "false" : "true",
                _ => InvariantText.Of($"{(long)Fill}"),
            };
            for (int i = 0; i < Outputs && Fill is not null; i++) w.Line($"{Target(i)}.Fill({fill});");
            foreach (Move move in Moves) EmitMove(w, move);
        }
    }

    private string Source(int input) => IsConstant.Count == 1 ? "input" : InvariantText.Of($"input{input}");

    private string Target(int output) => Outputs == 1 ? "output" : InvariantText.Of($"output{output}");

    private void EmitMove(CodeWriter w, Move move)
    {
        Nest nest = move.Nest;
        int inner = nest.Shape.Count - 1;
        string source = Source(move.Input), target = Target(move.Output);
        if (inner >= 0 && nest.Strides[0][inner] == 1 && nest.Strides[1][inner] == 1)
        {
            int length = nest.Shape[inner];
            Nest outer = new(
                nest.Shape.Take(inner).ToArray(), nest.Strides.Select(s => (EquatableArray<int>)s.Take(inner).ToArray()).ToArray());
            void Copy() => w.Line($"{source}.Slice({outer.Offset(1, "i", move.From)}, {length}).CopyTo({target}.Slice({outer.Offset(0, "i", move.To)}));");
            if (inner == 0) Copy();
            else outer.Emit(w, "i", Copy);
            return;
        }

        nest.Emit(w, "i", () => w.Line($"{target}[{nest.Offset(0, "i", move.To)}] = {source}[{nest.Offset(1, "i", move.From)}];"));
    }
}
