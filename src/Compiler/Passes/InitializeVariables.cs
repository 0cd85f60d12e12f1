using System.Collections.Generic;
using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>What CALL_ONCE assigns to variables before the first inference becomes their value after a reset.</summary>
/// <remarks>Exact where only constants are assigned, or what follows from them: the result is the same every time.</remarks>
internal static class InitializeVariables
{
    public static Graph Run(Graph graph, IReadOnlyList<Graph> initializers, Problems problems)
    {
        Tensor[] tensors = graph.Tensors.ToArray();
        foreach (Graph initializer in initializers.Select(g => FoldConstants.Run(g, problems)))
        {
            foreach (Op op in initializer.Ops)
            {
                CheckContracts.Run(initializer, op, problems);
                if (op is not AssignVariable || !initializer[op.Inputs[0]].IsConstant)
                {
                    problems.Add(Ids.UnsupportedOption, $"{op.LayerName(initializer)}: {op.Name} runs in CALL_ONCE, where only constants can be assigned to variables");
                    continue;
                }

                Tensor value = initializer[op.Inputs[0]], assigned = initializer[op.Outputs[0]];
                for (int id = 0; id < tensors.Length; id++)
                {
                    if (tensors[id].Variable is not { } variable || variable.Key != assigned.Variable!.Key) continue;
                    if (value.Type != tensors[id].Type || value.ByteCount != tensors[id].ByteCount)
                    {
                        problems.Add(Ids.UnsupportedType, $"variable '{assigned.Name}' is initialised as {value} and used as {tensors[id]}");
                        continue;
                    }

                    tensors[id] = tensors[id] with { Variable = variable with { Value = value.Data! } };
                }
            }
        }

        return new Graph(tensors, graph.Ops.ToArray(), graph.Inputs.ToArray(), graph.Outputs.ToArray());
    }
}
