using System;
using System.Collections.Generic;
using System.Linq;

namespace Etch.Ir;

/// <summary>Tensors and operators in execution order. Immutable: a pass makes a new one through <see cref="With"/>.</summary>
internal sealed class Graph(Tensor[] tensors, Op[] ops, int[] inputs, int[] outputs)
{
    public EquatableArray<Tensor> Tensors { get; } = tensors;

    public EquatableArray<Op> Ops { get; } = ops;

    /// <summary>Ids of the tensors that the caller provides.</summary>
    public EquatableArray<int> Inputs { get; } = inputs;

    /// <summary>Ids of the tensors that the caller receives.</summary>
    public EquatableArray<int> Outputs { get; } = outputs;

    public Tensor this[int id] => Tensors[id];

    /// <summary>The tensor whose bytes a tensor has: itself, or what it is a view of.</summary>
    public int Root(int id) => this[id].ViewOf < 0 ? id : this[id].ViewOf;

    /// <summary>True for a tensor that has some of its root's bytes and not all.</summary>
    public bool IsPart(int id) => this[id].ByteCount != this[Root(id)].ByteCount;

    /// <summary>The tensor that stands for all that have the same bytes: the root, or of a root's parts the first.</summary>
    public int Same(int id)
    {
        if (!IsPart(id)) return Root(id);
        Tensor part = this[id];
        int first = 0;
        while (Tensors[first].ViewOf != part.ViewOf || Tensors[first].ViewAt != part.ViewAt || Tensors[first].ByteCount != part.ByteCount) first++;
        return first;
    }

    /// <summary>True where the bytes of two tensors, or some of them, are the same.</summary>
    public bool Meet(int a, int b) => Root(a) == Root(b) &&
        (a == b || (this[a].ViewAt < this[b].ViewAt + this[b].ByteCount && this[b].ViewAt < this[a].ViewAt + this[a].ByteCount));

    /// <summary>The same graph with other operators (and tensors); throws when the result breaks an invariant.</summary>
    public Graph With(IEnumerable<Op> ops, IEnumerable<Tensor>? tensors = null)
    {
        var graph = new Graph(tensors?.ToArray() ?? Tensors.ToArray(), [.. ops], Inputs.ToArray(), Outputs.ToArray());
        Invariants.Hold(graph);
        return graph;
    }

    /// <summary>The operator that writes a tensor, or null for inputs and constants.</summary>
    public Op? Producer(int id) => Ops.FirstOrDefault(op => op.Outputs.Contains(id));

    public IEnumerable<Op> Consumers(int id) => Ops.Where(op => op.Inputs.Contains(id));

    /// <summary>True when one operator reads the tensor and the caller does not.</summary>
    public bool IsReadOnce(int id) => Consumers(id).Count() == 1 && !Outputs.Contains(id);

    /// <summary>One line per operator: what tests, dumps and bug reports show.</summary>
    public override string ToString()
    {
        string Side(EquatableArray<int> ids) => string.Join(", ", ids.Select(id => id < 0 ? "-" : $"%{id}"));
        IEnumerable<string> lines = Ops.Select(op =>
            $"{Side(op.Outputs)} = {op.Name}({Side(op.Inputs)})  // {op.LayerName(this)}: {this[op.Outputs[0]]}");
        return string.Join("\n", [$"inputs {Side(Inputs)}", .. lines, $"outputs {Side(Outputs)}"]) + "\n";
    }
}

/// <summary>What must hold after every pass.</summary>
internal static class Invariants
{
    /// <summary>Order is topological, every tensor but variables is written at most once, every operator's contract holds.</summary>
    /// <exception cref="InvalidOperationException">A pass bent the graph.</exception>
    public static void Hold(Graph graph)
    {
        bool[] written = new bool[graph.Tensors.Count];
        for (int id = 0; id < written.Length; id++) written[id] = graph[id].IsConstant || graph[id].IsVariable;
        foreach (int id in graph.Inputs) written[id] = true;

        // Of parts of a tensor, other names of the same bytes are written with them.
        var parts = new HashSet<int>();
        bool HasValue(int id) => written[id] || written[graph.Root(id)] || parts.Contains(graph.Same(id));

        foreach (Op op in graph.Ops)
        {
            foreach (int id in op.Inputs)
            {
                if (id >= 0 && !HasValue(id)) throw new InvalidOperationException($"{op.Name} reads tensor {id} before it is written");
            }

            foreach (int id in op.Outputs)
            {
                if (written[id] && !graph[id].IsVariable) throw new InvalidOperationException($"{op.Name} writes tensor {id}, which has a value already");
                written[id] = true;
                if (graph.IsPart(id)) parts.Add(graph.Same(id));
            }

            var problems = new Diagnostics.Problems();
            op.Check(new Contract(graph, op, problems));
            if (problems.Any) throw new InvalidOperationException(problems.ToArray()[0].Message);
        }

        foreach (int id in graph.Outputs)
        {
            if (!HasValue(id)) throw new InvalidOperationException($"nothing writes output tensor {id}");
        }
    }
}
