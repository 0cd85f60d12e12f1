using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;

namespace Etch.Passes;

/// <summary>Asks every operator for the breaches of its contract; all of them become problems.</summary>
internal static class CheckContracts
{
    // More tables and activations than this do not compile in reasonable time and memory.
    private const long MaxActivationBytes = 1 << 28;

    public static void Run(Graph graph, Problems problems)
    {
        foreach (Op op in graph.Ops) op.Check(new Contract(graph, op, problems));

        long bytes = graph.Ops.SelectMany(op => op.Outputs).Max(id => (long)graph[id].ByteCount);
        if (bytes > MaxActivationBytes) problems.Add(Ids.TooLarge, $"a tensor has {bytes} bytes, more than the {MaxActivationBytes} that are supported");
        foreach (int id in graph.Inputs.Concat(graph.Outputs))
        {
            Tensor tensor = graph[id];
            bool isSupported = tensor.Type is not ElementType.Int64;
            if (!isSupported) problems.Add(Ids.UnsupportedType, $"'{tensor.Name}' is {tensor.Type.Name()}, which cannot be an input or output of the model");
        }
    }
}
