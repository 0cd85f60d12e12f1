using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>READ_VARIABLE and ASSIGN_VARIABLE go where the value can lie where the variable lies: it becomes a view of the variable.</summary>
/// <remarks>
/// Exact while nobody sees the difference. What was read may be a view until the variable changes: its last reader comes before. What
/// is assigned may be written into the variable at once when nobody reads the old value from then on, and nobody reads the new one
/// after the next change. Between the caller's tensors and a variable the copy stays.
/// </remarks>
internal static class ShareVariables
{
    public static Graph Run(Graph graph)
    {
        Tensor[] tensors = graph.Tensors.ToArray();
        var callers = new HashSet<int>(graph.Inputs.Concat(graph.Outputs).Select(graph.Root));
        Op?[] ops = [.. graph.Ops];
        int Root(int id) => tensors[id].ViewOf < 0 ? id : tensors[id].ViewOf;
        bool Reads(int at, int root) => ops[at] is { } op && op.Inputs.Any(id => id >= 0 && Root(id) == root);
        bool Writes(int at, int root) => ops[at] is { } op && op.Outputs.Any(id => Root(id) == root);
        int LastRead(int root) => Array.FindLastIndex(ops, op => op is not null && op.Inputs.Any(id => id >= 0 && Root(id) == root));

        // The next change of a variable after an operator; behind all operators when there is none.
        int Change(int after, int variable)
        {
            int at = after + 1;
            while (at < ops.Length && !Writes(at, variable)) at++;
            return at;
        }

        void Share(int root, int variable)
        {
            for (int id = 0; id < tensors.Length; id++)
            {
                if (Root(id) == root) tensors[id] = tensors[id] with { ViewOf = variable };
            }
        }

        for (int i = 0; i < ops.Length; i++)
        {
            if (ops[i] is not ReadVariable read) continue;
            int variable = read.Inputs[0], value = read.Outputs[0];
            if (callers.Contains(value) || LastRead(value) >= Change(i, variable)) continue;
            ops[i] = null;
            Share(value, variable);
        }

        for (int i = 0; i < ops.Length; i++)
        {
            if (ops[i] is not AssignVariable assignment) continue;
            int variable = assignment.Outputs[0], value = Root(assignment.Inputs[0]);
            if (tensors[value].IsConstant || tensors[value].IsVariable || callers.Contains(value)) continue;
            int writer = Array.FindIndex(ops, op => op is not null && op.Outputs.Contains(value));
            bool isFree = Enumerable.Range(writer, i - writer).All(at => !Reads(at, variable) && !Writes(at, variable));
            if (!isFree || LastRead(value) >= Change(i, variable)) continue;
            ops[i] = null;
            Share(value, variable);
        }

        return graph.With(ops.OfType<Op>(), tensors);
    }
}
