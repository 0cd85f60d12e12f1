using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;

namespace Etch.Passes;

/// <summary>Asks every operator for the breaches of its contract; all of them become problems, as do models beyond what can be compiled.</summary>
internal static class CheckContracts
{
    // More tables and activations than this do not compile in reasonable time and memory.
    private const long MaxActivationBytes = 1 << 28;
    private const long MaxTotalBytes = 1 << 30;
    private const long MaxConstants = 1 << 27;

    public static void Run(Graph graph, Problems problems)
    {
        foreach (Op op in graph.Ops) Run(graph, op, problems);
        CheckSize(graph, problems);
        foreach (int id in graph.Inputs.Concat(graph.Outputs))
        {
            Tensor tensor = graph[id];
            bool isSupported = tensor.Type is not ElementType.Int64;
            if (!isSupported) problems.Add(Ids.UnsupportedType, $"'{tensor.Name}' is {tensor.Type.Name()}, which cannot be an input or output of the model");
        }
    }

    /// <summary>Asks one operator.</summary>
    public static void Run(Graph graph, Op op, Problems problems)
    {
        var contract = new Contract(graph, op, problems);
        op.Check(contract);
        if (contract.Holds) contract.Require(op.Outputs.Count == contract.Outputs, $"has {contract.Outputs} outputs, and here it has {op.Outputs.Count}");
    }

    private static void CheckSize(Graph graph, Problems problems)
    {
        long Bytes(int id) => (long)graph[id].ElementCount * graph[id].Type.Size();
        long largest = graph.Ops.SelectMany(op => op.Outputs).Select(Bytes).DefaultIfEmpty(0).Max(), all = graph.Ops.SelectMany(op => op.Outputs).Sum(Bytes);
        if (largest > MaxActivationBytes) problems.Add(Ids.TooLarge, $"a tensor has {largest} bytes, more than the {MaxActivationBytes} that are supported");
        else if (all > MaxTotalBytes) problems.Add(Ids.TooLarge, $"all tensors together have {all} bytes, more than the {MaxTotalBytes} that are supported");

        // A constant counts once for each operator that makes a table of it.
        long constants = graph.Ops.SelectMany(op => op.Inputs).Where(id => id >= 0 && graph[id].IsConstant).Sum(id => (long)graph[id].ElementCount);
        if (constants > MaxConstants) problems.Add(Ids.TooLarge, $"operators read {constants} constants, more than the {MaxConstants} that are supported");
    }
}
