using System.Collections.Generic;
using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;

namespace Etch.Passes;

/// <summary>A piece of the state and how it is reset: to one byte everywhere, or to a table.</summary>
internal sealed record StateReset(int At, int Bytes, sbyte Fill, Table? Table);

/// <summary>Where every variable lies in the caller's state.</summary>
/// <param name="Offsets">By the variable's key.</param>
/// <param name="Bytes">The size of the state.</param>
/// <param name="Resets">How it is reset: all of it, in order.</param>
internal sealed record StatePlan(IReadOnlyDictionary<string, int> Offsets, int Bytes, EquatableArray<StateReset> Resets)
{
    public static readonly StatePlan None = new(new Dictionary<string, int>(), 0, default);
}

/// <summary>Gives every variable a place in the state, the widest elements first: so all are aligned when the state is.</summary>
internal static class PlanState
{
    public static StatePlan Run(Graph[] graphs, Problems problems)
    {
        var variables = new Dictionary<string, Tensor>();
        foreach (Graph graph in graphs)
        {
            foreach (int id in graph.Ops.SelectMany(op => op.Inputs.Concat(op.Outputs)).Where(id => id >= 0).Select(graph.Root))
            {
                if (graph[id].Variable is not { } variable) continue;
                Tensor known = variables.TryGetValue(variable.Key, out Tensor? first) ? first : variables[variable.Key] = graph[id];
                if (known.Type == graph[id].Type && known.ByteCount == graph[id].ByteCount) continue;
                problems.Add(Ids.UnsupportedType, $"variable '{known.Name}' is {known} in one signature and {graph[id]} in another");
            }
        }

        var offsets = new Dictionary<string, int>();
        var resets = new List<StateReset>();
        int at = 0;
        foreach (Tensor tensor in variables.Values.OrderByDescending(tensor => tensor.Type.Size()))
        {
            offsets[tensor.Variable!.Key] = at;
            Add(resets, at, tensor.Variable, tensor.ByteCount);
            at += tensor.ByteCount;
        }

        return new StatePlan(offsets, at, resets.ToArray());
    }

    private static void Add(List<StateReset> resets, int at, Variable variable, int bytes)
    {
        sbyte fill = unchecked((sbyte)variable.Fill);
        if (variable.Value is { } value)
        {
            fill = unchecked((sbyte)value[0]);
            if (value.Any(b => b != value[0]))
            {
                resets.Add(new StateReset(at, bytes, 0, new Table("Initial", ElementType.Int8, value)));
                return;
            }
        }

        bool joins = resets.Count > 0 && resets[resets.Count - 1] is { Table: null } last && last.Fill == fill;
        if (joins) resets[resets.Count - 1] = resets[resets.Count - 1] with { Bytes = resets[resets.Count - 1].Bytes + bytes };
        else resets.Add(new StateReset(at, bytes, fill, null));
    }
}
