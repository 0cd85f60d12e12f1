using System;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>Operators that only clamp go into the clamp of the operator that wrote their input: RELU and RELU6, MAXIMUM and MINIMUM with a constant
/// that is an end of such a range, and what changes none of the values that can come.</summary>
/// <remarks>Exact where both tensors have the same quantisation and both clamps together let through the range of one activation. Of
/// 8-bit tensors the reference says what becomes of each value that the first clamp lets through; where XNNPACK rounds the end of a range the
/// other way, they stay apart.</remarks>
internal static class FuseActivation
{
    private static readonly Activation[] All = [Activation.None, Activation.Relu, Activation.ReluN1To1, Activation.Relu6];

    public static Graph Run(Graph graph)
    {
        Op?[] ops = [.. graph.Ops];
        for (int i = 0; i < ops.Length; i++)
        {
            if (ops[i] is not { ElementwiseInputs: > 0 } op) continue;
            int input = op.Inputs.FirstOrDefault(id => id >= 0 && !graph[id].IsConstant), output = op.Outputs[0];
            Tensor before = graph[input], after = graph[output];
            if (before.Quantization is null || !before.IsStoredAs(after)) continue;

            int producer = Array.FindIndex(ops, o => o is not null && o.Outputs.Contains(input));
            if (producer < 0 || ActivationOf(ops[producer]!) is not { } first || !graph.IsReadOnce(input) || Together(graph, op, ops[producer]!, first, after) is not { } both) continue;
            ops[producer] = With(ops[producer]!, both) with { Outputs = new[] { output } };
            ops[i] = null;
        }

        return graph.With(ops.OfType<Op>());
    }

    // The activation that does what the first one and then the operator do, or null.
    private static Activation? Together(Graph graph, Op op, Op producer, Activation first, Tensor output)
    {
        if (Lookup.ResultsOf(graph, op) is not { } results)
        {
            bool isFirst = first == Activation.None && op.Inputs.Count == 1;
            return isFirst && op is Relu ? Activation.Relu : isFirst && op is Relu6 ? Activation.Relu6 : null;
        }

        bool isDelegated = producer is not (AveragePool2D or Div);
        (int Min, int Max) let = Quantize.Range(first, output, isDelegated);
        foreach (Activation both in All)
        {
            (int Min, int Max) range = Quantize.Range(both, output, isDelegated);
            bool isClamp = range.Min >= let.Min && range.Max <= let.Max && Enumerable.Range(let.Min, let.Max - let.Min + 1).All(
                q => results[q - output.Type.Min()] == FixedPoint.Clamp(q, range.Min, range.Max));
            if (isClamp) return both;
        }

        return null;
    }

    private static Activation? ActivationOf(Op op) => op switch
    {
        Conv2D o => o.Activation,
        DepthwiseConv2D o => o.Activation,
        FullyConnected o => o.Activation,
        Add o => o.Activation,
        Sub o => o.Activation,
        Mul o => o.Activation,
        Div o => o.Activation,
        AveragePool2D o => o.Pool.Activation,
        MaxPool2D o => o.Pool.Activation,
        _ => null,
    };

    private static Op With(Op op, Activation activation) => op switch
    {
        Conv2D o => o with { Activation = activation },
        DepthwiseConv2D o => o with { Activation = activation },
        FullyConnected o => o with { Activation = activation },
        Add o => o with { Activation = activation },
        Sub o => o with { Activation = activation },
        Mul o => o with { Activation = activation },
        Div o => o with { Activation = activation },
        AveragePool2D o => o with { Pool = o.Pool with { Activation = activation } },
        MaxPool2D o => o with { Pool = o.Pool with { Activation = activation } },
        _ => op,
    };
}
