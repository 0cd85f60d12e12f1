using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>Operators whose output elements each follow from one element of an 8-bit tensor become a table of the 256 results.</summary>
/// <remarks>
/// The table is computed by the operators' reference, so that it is exact by construction. It spans as many operators as it can: all
/// between an 8-bit tensor and the next tensor that something else reads, in chains (QUANTIZE, RELU, LOGISTIC) and in branches that
/// meet again (x · sigmoid(x)), through types that are no bytes (DEQUANTIZE, EXP, QUANTIZE). Constants of one value are part of the
/// function. A tensor that is stored in any case ends a chain and begins others, so that nothing has to live longer than before.
/// </remarks>
internal static class TabulateUnary
{
    // Wider results are computed: a table of them costs more than it saves.
    private const int WidestResult = 2;

    /// <param name="graph">The graph.</param>
    /// <param name="keepsTensors">Every tensor is stored: each operator becomes a table by itself.</param>
    public static Graph Run(Graph graph, bool keepsTensors = false)
    {
        HashSet<int> stored = [.. graph.Outputs, .. graph.Ops.SelectMany(op => op.Outputs).Where(id => keepsTensors || graph[id].IsVariable)];
        Dictionary<int, int> bytes;
        do bytes = Bytes(graph, stored);
        while (StoreInputs(graph, stored, bytes));

        var ops = new List<Op>();
        var functions = new Dictionary<int, (Op Op, Array Results)>();
        var order = new Dictionary<int, int>();
        foreach (Op op in graph.Ops)
        {
            int output = op.Outputs[0];
            order[output] = order.Count;
            if (!bytes.TryGetValue(output, out int source))
            {
                ops.Add(op);
                continue;
            }

            functions[output] = (op, Lookup.Run(graph, op, id => id == source ? Lookup.Stored(graph[source].Type) : functions[id].Results));
            if (!stored.Contains(output)) continue;
            Op[] sources = [.. Sources(output).Select(id => functions[id].Op)];
            ops.Add(IsComputed(graph, op, sources) ? op : new Lookup(sources, (int[])functions[output].Results) { Inputs = new[] { source }, Outputs = new[] { output } });

            // The tensors between the byte and the output, in execution order, and the output.
            SortedSet<int> Sources(int last)
            {
                var found = new HashSet<int> { last };
                var open = new Stack<int>([last]);
                while (open.Count > 0)
                {
                    Op next = functions[open.Pop()].Op;
                    foreach (int id in next.Inputs.Take(next.ElementwiseInputs).Where(id => id != source && !graph[id].IsConstant && found.Add(id))) open.Push(id);
                }

                return new SortedSet<int>(found, Comparer<int>.Create((x, y) => order[x].CompareTo(order[y])));
            }
        }

        return graph.With(ops);
    }

    // For each output of an operator that is a function of one byte, the tensor of these bytes.
    private static Dictionary<int, int> Bytes(Graph graph, HashSet<int> stored)
    {
        var bytes = new Dictionary<int, int>();
        foreach (Op op in graph.Ops)
        {
            if (!Lookup.HasOneElement(graph, op)) continue;
            int[] sources =
            [
                .. op.Inputs.Take(op.ElementwiseInputs).Where(id => !graph[id].IsConstant)
                    .Select(id => !stored.Contains(id) && bytes.TryGetValue(id, out int source) ? source : id).Distinct(),
            ];
            if (sources.Length == 1 && Lookup.IsByte(graph[sources[0]])) bytes[op.Outputs[0]] = sources[0];
        }

        return bytes;
    }

    // Stores what operators read that are computed after all; true when that is more than before.
    private static bool StoreInputs(Graph graph, HashSet<int> stored, Dictionary<int, int> bytes)
    {
        int before = stored.Count;
        foreach (Op op in graph.Ops)
        {
            int output = op.Outputs[0];
            bool isFunction = bytes.TryGetValue(output, out int source);

            // The value of a variable is that of its place in the order: nothing is read later than here.
            if (isFunction && graph[source].IsVariable) stored.Add(output);
            if (!isFunction || (stored.Contains(output) && graph[output].Type.Size() > WidestResult)) stored.UnionWith(op.Inputs);
        }

        return stored.Count > before;
    }

    // A conversion by itself takes fewer bytes than its table.
    private static bool IsComputed(Graph graph, Op op, Op[] sources) =>
        graph[op.Outputs[0]].Type.Size() > WidestResult || (op is Cast && sources.Length == 1);
}
