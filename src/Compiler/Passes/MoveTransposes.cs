using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>TRANSPOSE operators that exporters put between layers of one layout and of another meet and go.</summary>
/// <remarks>
/// <para>A TRANSPOSE of a TRANSPOSE is one, also where a RESHAPE between them only splits and joins dimensions. Behind a TRANSPOSE,
/// elementwise operators, PAD, CONCATENATION and reductions can as well work on what lies before it: it then stands behind them, where
/// another takes it back, or where a reduction or dimensions of size 1 make it unnecessary. That is done where fewer elements are moved
/// afterwards.</para>
/// <para>Exact because these operators treat elements alike wherever they lie: elementwise ones one by one, and reductions of integers
/// in any order, as their sums wrap.</para>
/// </remarks>
internal static class MoveTransposes
{
    // Graphs with more of them are left alone.
    private const int MostTransposes = 200;

    public static Graph Run(Graph graph)
    {
        if (graph.Ops.Count(op => op is Transpose) > MostTransposes) return graph;

        while (Step(graph) is { } next && Moved(next).CompareTo(Moved(graph)) < 0) graph = next;
        return graph;
    }

    // The elements that are moved, and by how many operators.
    private static (long Elements, int Operators) Moved(Graph graph)
    {
        Op[] transposes = [.. graph.Ops.Where(op => op is Transpose)];
        return (transposes.Sum(op => (long)graph[op.Outputs[0]].ElementCount), transposes.Length);
    }

    private static Graph? Step(Graph graph)
    {
        var edges = new Edges(graph);
        foreach (Transpose transpose in graph.Ops.OfType<Transpose>())
        {
            Graph? next = Joined(graph, edges, transpose) ?? Layout.Changed(graph, edges, transpose, isWide: false) ?? Layout.Changed(graph, edges, transpose, isWide: true);
            if (next is not null) return next;
        }

        return null;
    }

    // One TRANSPOSE instead of two, between which there may be a RESHAPE.
    private static Graph? Joined(Graph graph, Edges edges, Transpose second)
    {
        int between = second.Inputs[0];
        var view = edges.Producer(between) as Reshape;
        if (edges.Producer(view?.Inputs[0] ?? between) is not Transpose first || graph[first.Inputs[0]].IsVariable) return null;

        int[] p = [.. first.Permutation!.Value], q = [.. second.Permutation!.Value];
        int source = first.Inputs[0], result = second.Outputs[0];
        if (graph[source].ElementCount == 0) return null;
        bool isReadOnce = edges.IsReadOnce(first.Outputs[0]) && (view is null || edges.IsReadOnce(between));
        List<Tensor> tensors = [.. graph.Tensors];
        List<Op> together = [];
        if (view is null)
        {
            int[] both = [.. q.Select(d => p[d])];
            if (!isReadOnce && !KeepsOrder(graph[source].Shape, both)) return null;
            together.Add(Turn(source, result, graph[source].Shape, both));
        }
        else
        {
            if (!isReadOnce || Split(graph[first.Outputs[0]].Shape, graph[between].Shape) is not var (sizes, ofFirst, ofSecond)) return null;
            int[] before = [.. Enumerable.Range(0, p.Length).SelectMany(d => ofFirst[System.Array.IndexOf(p, d)])], after = [.. q.SelectMany(d => ofSecond[d])];
            int[] both = [.. after.Select(part => System.Array.IndexOf(before, part))];
            tensors.Add(graph[source] with { Name = graph[result].Name + ", split", Shape = before.Select(part => sizes[part]).ToArray() });
            tensors.Add(graph[result] with { Name = graph[result].Name + ", transposed", Shape = after.Select(part => sizes[part]).ToArray() });
            together.Add(View(source, tensors.Count - 2));
            together.Add(Turn(tensors.Count - 2, tensors.Count - 1, tensors[tensors.Count - 2].Shape, both));
            together.Add(View(tensors.Count - 1, result));
        }

        return graph.With(
            graph.Ops.Where(op => !isReadOnce || (!ReferenceEquals(op, first) && !ReferenceEquals(op, view)))
                .SelectMany(op => ReferenceEquals(op, second) ? together : [op]),
            tensors);
    }

    // The dimensions of two shapes of as many elements as products of common factors: the factors, and which of them each dimension is made of.
    private static (int[] Sizes, int[][] OfFirst, int[][] OfSecond)? Split(EquatableArray<int> first, EquatableArray<int> second)
    {
        int[] Ends(EquatableArray<int> shape) => [.. shape.Select((_, d) => Shapes.Count(shape.Take(d + 1)))];
        int[] ends = [.. Ends(first).Concat(Ends(second)).Append(1).Distinct().OrderBy(end => end)];
        int[] sizes = [.. ends.Skip(1).Select((end, i) => end / ends[i])];
        if (ends.Skip(1).Where((end, i) => end % ends[i] != 0).Any()) return null;

        int[][] Parts(EquatableArray<int> shape) =>
        [
            .. Ends(shape).Select((end, d) => Enumerable.Range(0, sizes.Length).Where(i => ends[i] >= end / shape[d] && ends[i + 1] <= end).ToArray()),
        ];
        return (sizes, Parts(first), Parts(second));
    }

    /// <summary>True when the dimensions that have more than one index stay in their order: no element moves.</summary>
    private static bool KeepsOrder(IReadOnlyList<int> shape, IReadOnlyList<int> permutation)
    {
        int[] large = [.. permutation.Where(d => shape[d] != 1)];
        return large.SequenceEqual(large.OrderBy(d => d));
    }

    private static long Cost(IReadOnlyList<int> shape, IReadOnlyList<int> permutation) => KeepsOrder(shape, permutation) ? 0 : Shapes.Count(shape);

    private static Op Turn(int input, int output, IReadOnlyList<int> shape, int[] permutation) => KeepsOrder(shape, permutation)
        ? View(input, output)
        : new Transpose { Inputs = new[] { input }, Outputs = new[] { output }, Permutation = permutation };

    private static Op View(int input, int output) => new Reshape("RESHAPE") { Inputs = new[] { input }, Outputs = new[] { output } };

    /// <summary>Who writes and who reads each tensor.</summary>
    private sealed class Edges
    {
        private readonly Graph _graph;
        private readonly Dictionary<int, Op> _producers = [];
        private readonly Dictionary<int, List<Op>> _readers = [];

        public Edges(Graph graph)
        {
            _graph = graph;
            foreach (Op op in graph.Ops)
            {
                foreach (int id in op.Outputs) _producers[id] = op;
                foreach (int id in op.Inputs.Distinct().Where(id => id >= 0))
                {
                    if (!_readers.TryGetValue(id, out List<Op>? readers)) _readers[id] = readers = [];
                    readers.Add(op);
                }
            }
        }

        public Op? Producer(int id) => _producers.TryGetValue(id, out Op? op) ? op : null;

        public IReadOnlyList<Op> Readers(int id) => _readers.TryGetValue(id, out List<Op>? readers) ? readers : [];

        public bool IsReadOnce(int id) => Readers(id).Count == 1 && !_graph.Outputs.Contains(id);
    }

    /// <summary>Tensors that are stored in the layout before a TRANSPOSE instead of in that behind it, and the operators between them.</summary>
    private sealed class Layout
    {
        private readonly Graph _graph;
        private readonly Edges _edges;

        // Dimension d of a tensor is dimension _permutation[d] of what is stored instead.
        private readonly int[] _permutation;
        private readonly int[] _inverse;
        private readonly HashSet<int> _changed = [];

        private Layout(Graph graph, Edges edges, Transpose start, bool isWide)
        {
            _graph = graph;
            _edges = edges;
            _permutation = [.. start.Permutation!.Value];
            _inverse = [.. Enumerable.Range(0, _permutation.Length).Select(d => System.Array.IndexOf(_permutation, d))];

            // Readers change their outputs too, and with them the other inputs of these: those that are transposed alike, and if it goes wide
            // those that other operators wrote that can change.
            var open = new Stack<int>([start.Outputs[0]]);
            while (open.Count > 0)
            {
                int id = open.Pop();
                if (!_changed.Add(id)) continue;
                foreach (Op reader in edges.Readers(id).Where(CanChange)) open.Push(reader.Outputs[0]);
                if (edges.Producer(id) is not { } op || IsStart(op)) continue;
                foreach (int input in Moving(op).Where(input => edges.Producer(input) is { } other && (IsStart(other) || (isWide && CanChange(other))))) open.Push(input);
            }
        }

        /// <summary>The graph with the changed layout, or null where that moves no fewer elements.</summary>
        public static Graph? Changed(Graph graph, Edges edges, Transpose start, bool isWide)
        {
            if (graph[start.Inputs[0]].IsVariable) return null;
            var layout = new Layout(graph, edges, start, isWide);
            return layout.Gain() > 0 ? layout.Rewrite() : null;
        }

        // Elements that need not be moved any longer, less those that have to be now.
        private long Gain()
        {
            long gain = 0;
            var turned = new HashSet<int>();
            foreach (int id in _changed)
            {
                Op producer = _edges.Producer(id)!;
                long own = Cost(Before(_graph[id].Shape), _permutation);
                if (IsStart(producer)) gain += IsNeeded(id) ? 0 : own;
                else gain -= IsNeeded(id) ? own : 0;
                foreach (Transpose reader in _edges.Readers(id).OfType<Transpose>().Where(reader => !_changed.Contains(reader.Outputs[0])))
                {
                    gain += Cost(_graph[id].Shape, reader.Permutation!.Value) - Cost(Before(_graph[id].Shape), Composed(reader));
                }

                if (IsStart(producer)) continue;
                foreach (int input in Moving(producer).Where(input => !_changed.Contains(input) && !_graph[input].IsConstant && turned.Add(input)))
                {
                    gain -= Cost(Expanded(_graph[input]), _inverse);
                }
            }

            return gain;
        }

        private Graph Rewrite()
        {
            List<Tensor> tensors = [.. _graph.Tensors];
            int Added(Tensor tensor)
            {
                tensors.Add(tensor);
                return tensors.Count - 1;
            }

            // What is stored instead of each changed tensor.
            var instead = new Dictionary<int, int>();
            foreach (int id in _graph.Ops.Select(op => op.Outputs[0]).Where(_changed.Contains))
            {
                instead[id] = _edges.Producer(id) is Transpose start && IsStart(start)
                    ? start.Inputs[0]
                    : Added(_graph[id] with { Name = IsNeeded(id) ? _graph[id].Name + ", as before" : _graph[id].Name, Shape = Before(_graph[id].Shape) });
            }

            var ops = new List<Op>();
            int Instead(int id)
            {
                if (instead.TryGetValue(id, out int known)) return known;
                Tensor tensor = _graph[id];
                if (tensor.ElementCount == 1) return id;
                int[] expanded = Expanded(tensor), shape = [.. _inverse.Select(d => expanded[d])];
                if (tensor.IsConstant) return instead[id] = Added(tensor with { Shape = shape, Data = Turned(tensor, expanded) });

                int turned = Added(tensor with { Name = tensor.Name + ", transposed", Shape = shape });
                int whole = tensor.Shape.Count == expanded.Length || KeepsOrder(expanded, _inverse) ? id : Added(tensor with { Name = tensor.Name + ", expanded", Shape = expanded });
                if (whole != id) ops.Add(View(id, whole));
                ops.Add(Turn(whole, turned, expanded, _inverse));
                return instead[id] = turned;
            }

            foreach (Op op in _graph.Ops)
            {
                int output = op.Outputs[0];
                if (_changed.Contains(output))
                {
                    if (!IsStart(op)) ops.Add(Changed(op, Instead) with { Outputs = new[] { instead[output] } });
                    if (IsNeeded(output)) ops.Add(Turn(instead[output], output, Before(_graph[output].Shape), _permutation));
                }
                else if (op is Transpose reader && _changed.Contains(op.Inputs[0]))
                {
                    ops.Add(Turn(instead[op.Inputs[0]], output, Before(_graph[op.Inputs[0]].Shape), Composed(reader)));
                }
                else
                {
                    ops.Add(op.Inputs.Count > 0 && _changed.Contains(op.Inputs[0]) && IsReduced(op) ? Changed(op, Instead) : op);
                }
            }

            return _graph.With(ops, tensors);
        }

        // The operator on the tensors that are stored instead.
        private Op Changed(Op op, System.Func<int, int> instead)
        {
            int moving = Moving(op).Length;
            int[] inputs = [.. op.Inputs.Select((id, i) => i < moving ? instead(id) : id)];
            return op switch
            {
                Pad pad => pad with { Inputs = inputs, Paddings = _inverse.SelectMany(d => new[] { pad.Before(d), pad.After(d) }).ToArray() },
                Concatenation join => join with { Inputs = inputs, Axis = _permutation[join.Dimension(_permutation.Length)] },
                Mean mean => mean with { Inputs = inputs, Reduction = Changed(mean.Reduction) },
                ReduceMax extreme => extreme with { Inputs = inputs, Reduction = Changed(extreme.Reduction) },
                _ => op with { Inputs = inputs },
            };
        }

        private Reduction Changed(Reduction reduction) =>
            reduction with { Axes = reduction.Axes!.Value.Select(axis => _permutation[axis < 0 ? axis + _permutation.Length : axis]).ToArray() };

        // A TRANSPOSE of the same kind: what is stored instead of its output is its input.
        private bool IsStart(Op op) => op is Transpose transpose && transpose.Permutation!.Value.SequenceEqual(_permutation) && !_graph[op.Inputs[0]].IsVariable;

        // An operator that can work on tensors of another layout and then gives one.
        private bool CanChange(Op op)
        {
            if (op.Outputs.Count != 1 || _graph[op.Outputs[0]].Shape.Count != _permutation.Length || Moving(op).Length == 0) return false;
            if (ReductionOf(op) is { } reduction && !(reduction.KeepDims && IsShaped(op, reduction))) return false;
            return op.Outputs.Concat(op.Inputs.Where(id => id >= 0)).All(id => !_graph[id].IsVariable && _graph[id].IsStoredAs(_graph[id]));
        }

        // The inputs of such an operator that change with its output.
        private static int[] Moving(Op op) => op switch
        {
            Select => [],
            { ElementwiseInputs: > 0 } => [.. op.Inputs.Take(op.ElementwiseInputs)],
            Concatenation => op.Inputs.ToArray(),
            Pad or Mean or ReduceMax => [op.Inputs[0]],
            _ => [],
        };

        // True for a reduction of a changed tensor whose result is the same without another TRANSPOSE.
        private bool IsReduced(Op op)
        {
            if (ReductionOf(op) is not { } reduction || op.Outputs.Any(id => _graph[id].IsVariable)) return false;
            EquatableArray<int> shape = _graph[op.Inputs[0]].Shape;
            int[] axes = [.. reduction.Axes!.Value.Select(axis => axis < 0 ? axis + shape.Count : axis)];
            int[] kept = [.. Enumerable.Range(0, shape.Count).Where(d => shape[d] != 1 && !axes.Contains(d)).Select(d => _permutation[d])];
            return kept.SequenceEqual(kept.OrderBy(d => d));
        }

        // Of integers: sums of floats depend on their order.
        private static Reduction? ReductionOf(Op op) => op is Mean mean ? mean.Reduction : (op as ReduceMax)?.Reduction;

        // The file states the output of a reduction with ones for the reduced dimensions.
        private bool IsShaped(Op op, Reduction reduction)
        {
            EquatableArray<int> shape = _graph[op.Inputs[0]].Shape;
            return _graph[op.Outputs[0]].Shape.SequenceEqual(
                shape.Select((n, d) => reduction.Axes!.Value.Contains(d) || reduction.Axes.Value.Contains(d - shape.Count) ? 1 : n));
        }

        // Somebody reads the tensor as it was.
        private bool IsNeeded(int id) => _graph.Outputs.Contains(id) || _edges.Readers(id).Any(
            op => op is Transpose ? _changed.Contains(op.Outputs[0]) : !_changed.Contains(op.Outputs[0]) && !(op.Inputs[0] == id && IsReduced(op)));

        private int[] Composed(Transpose reader) => [.. reader.Permutation!.Value.Select(d => _permutation[d])];

        private int[] Before(EquatableArray<int> shape) => [.. _inverse.Select(d => shape[d])];

        // With ones in front, as it broadcasts.
        private int[] Expanded(Tensor tensor) => [.. Enumerable.Repeat(1, _permutation.Length - tensor.Shape.Count), .. tensor.Shape];

        private byte[] Turned(Tensor constant, int[] shape)
        {
            int size = constant.Type.Size();
            int[] strides = Shapes.Strides(shape);
            var data = new List<byte>(constant.Data!.Length);
            Shapes.ForEach(
                [.. _inverse.Select(d => shape[d])], [[.. _inverse.Select(d => strides[d])]], (_, at) => data.AddRange(constant.Data.Skip(at[0] * size).Take(size)));
            return [.. data];
        }
    }
}
