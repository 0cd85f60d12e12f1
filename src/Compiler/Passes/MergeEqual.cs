using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>Operators that compute the same from the same are computed once, and equal constants are one.</summary>
/// <remarks>Exact because an operator's result follows from its inputs, its options and what its outputs are; operators that read or change
/// variables, and random numbers, stay as they are.</remarks>
internal static class MergeEqual
{
    public static Graph Run(Graph graph)
    {
        // What stands for a tensor: the first that holds the same.
        var same = new Dictionary<int, int>();
        var constants = new Dictionary<(Tensor, EquatableArray<byte>), int>();
        foreach (int id in graph.Ops.SelectMany(op => op.Inputs).Where(id => id >= 0 && graph[id].IsConstant).Distinct())
        {
            var key = (Unnamed(graph[id]), (EquatableArray<byte>)graph[id].Data!);
            if (constants.TryGetValue(key, out int first)) same[id] = first;
            else constants[key] = id;
        }

        var ops = new List<Op>();
        var computed = new Dictionary<(Op, EquatableArray<Tensor>), Op>();
        bool isMerged = same.Count > 0;
        foreach (Op original in graph.Ops)
        {
            Op op = original.Inputs.Any(same.ContainsKey)
                ? original with { Inputs = original.Inputs.Select(id => same.TryGetValue(id, out int first) ? first : id).ToArray() } : original;
            bool isPure = op is not RandomUniform && op.Inputs.Concat(op.Outputs).All(id => id < 0 || !graph[id].IsVariable) && op.Outputs.All(id => graph[id].IsStoredAs(graph[id]));
            var key = (op with { Outputs = default }, (EquatableArray<Tensor>)op.Outputs.Select(id => Unnamed(graph[id])).ToArray());
            if (!isPure || !computed.TryGetValue(key, out Op? equal))
            {
                if (isPure) computed[key] = op;
                ops.Add(op);
                continue;
            }

            // The caller's second output of the same value is a copy.
            isMerged = true;
            for (int i = 0; i < op.Outputs.Count; i++)
            {
                if (graph.Outputs.Contains(op.Outputs[i])) ops.Add(new Reshape("RESHAPE") { Inputs = new[] { equal.Outputs[i] }, Outputs = new[] { op.Outputs[i] } });
                else same[op.Outputs[i]] = equal.Outputs[i];
            }
        }

        return isMerged ? graph.With(ops) : graph;
    }

    private static Tensor Unnamed(Tensor tensor) => tensor with { Name = "", Data = null };
}
