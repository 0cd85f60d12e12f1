using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>Operators that change no byte go: their readers read what they read. Where the shape changes or the caller reads the result, a RESHAPE stays.</summary>
/// <remarks>
/// Of operators that move elements the moves say it (TRANSPOSE of dimensions of size 1, SLICE of everything, PAD by 0, CONCATENATION of one),
/// of elementwise ones the reference, for each of the 256 values (MUL by one, QUANTIZE to the same scale, MAXIMUM with the smallest value).
/// Exact because type and quantisation are the same before and after.
/// </remarks>
internal static class RemoveIdentities
{
    public static Graph Run(Graph graph)
    {
        // What stands for a tensor, and the RESHAPE that made it.
        var same = new Dictionary<int, int>();
        var views = new Dictionary<int, int>();
        var ops = new List<Op>();
        int Same(int id) => same.TryGetValue(id, out int other) ? other : id;
        foreach (Op original in graph.Ops)
        {
            Op op = original.Inputs.Any(same.ContainsKey) ? original with { Inputs = original.Inputs.Select(Same).ToArray() } : original;
            if (!IsIdentity(graph, op, out int place))
            {
                ops.Add(op);
                continue;
            }

            // A RESHAPE of a RESHAPE is one of the first one's input.
            int output = op.Outputs[0], input = views.TryGetValue(op.Inputs[place], out int viewed) ? viewed : op.Inputs[place];
            bool isCallers = graph.Outputs.Contains(output);
            if (!isCallers && graph[input].Shape.Equals(graph[output].Shape))
            {
                same[output] = input;
                continue;
            }

            views[output] = input;
            ops.Add(new Reshape(op is Reshape { SchemaName: var name } ? name : "RESHAPE") { Inputs = new[] { input }, Outputs = new[] { output } });
        }

        return same.Count + views.Count == 0 ? graph : graph.With(ops);
    }

    // True where the only output has the bytes of the input at a place.
    private static bool IsIdentity(Graph graph, Op op, out int place)
    {
        place = -1;
        Tensor output = graph[op.Outputs[0]];
        if (op.Outputs.Count != 1 || output.IsVariable) return false;
        if (op.ElementwiseInputs > 0)
        {
            if (KeepsValues(graph, op)) place = Enumerable.Range(0, op.ElementwiseInputs).First(i => !graph[op.Inputs[i]].IsConstant);
        }
        else if (op.Moves(graph)?.Take(2).ToArray() is { Length: 1 } moves && moves[0].IsInOrder && moves[0].Elements == output.ElementCount)
        {
            place = moves[0].Input;
        }

        return place >= 0 && graph[op.Inputs[place]] is { IsConstant: false, IsVariable: false } input && input.ElementCount == output.ElementCount && input.IsStoredAs(output);
    }

    // Every value that an elementwise operator reads stays what it is, whichever value of a constant of 8 bits it meets.
    private static bool KeepsValues(Graph graph, Op op)
    {
        Tensor output = graph[op.Outputs[0]];
        int[] read = [.. op.Inputs.Take(op.ElementwiseInputs).Distinct()], constants = [.. read.Where(id => graph[id].IsConstant)];
        if (Lookup.HasOneElement(graph, op) || constants.Length != 1 || op is Select) return Lookup.ResultsOf(graph, op)?.SequenceEqual(Lookup.Stored(output.Type)) == true;

        Tensor constant = graph[constants[0]];
        if (read.Length != 2 || !Lookup.IsByte(constant)) return false;
        Tensor input = graph[read.First(id => id != constants[0])];
        Op alone = op with { Inputs = op.Inputs.Take(op.ElementwiseInputs).Select(id => id == constants[0] ? 1 : 0).ToArray(), Outputs = new[] { 2 } };
        return constant.Data!.Distinct().All(value =>
        {
            var single = new Graph([input, constant with { Shape = new[] { 1 }, Data = [value] }, output], [], [], []);
            return Lookup.ResultsOf(single, alone)?.SequenceEqual(Lookup.Stored(output.Type)) == true;
        });
    }
}
