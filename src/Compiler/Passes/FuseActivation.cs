using System;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>RELU and RELU6 that stand alone go into the clamp of the operator that wrote their input.</summary>
/// <remarks>Exact where both tensors have the same quantisation: the operator then only clamps stored values, to the range that
/// the fused activation has. XNNPACK rounds a tie in that range the other way: there they stay apart.</remarks>
internal static class FuseActivation
{
    public static Graph Run(Graph graph)
    {
        Op?[] ops = [.. graph.Ops];
        for (int i = 0; i < ops.Length; i++)
        {
            if (ops[i] is not { } op || op is not (Relu or Relu6)) continue;
            int input = op.Inputs[0], output = op.Outputs[0];
            Tensor before = graph[input], after = graph[output];
            if (!graph.IsReadOnce(input) || before.Scale != after.Scale || before.ZeroPoint != after.ZeroPoint) continue;

            Activation activation = op is Relu ? Activation.Relu : Activation.Relu6;
            if (Quantize.Range(activation, after) != Quantize.Range(activation, after, isDelegated: false)) continue;
            int[] outputs = [output];
            int producer = Array.FindIndex(ops, o => o is not null && o.Outputs.Contains(input));
            Op? fused = producer < 0 ? null : ops[producer] switch
            {
                Conv2D { Activation: Activation.None } p => p with { Activation = activation, Outputs = outputs },
                DepthwiseConv2D { Activation: Activation.None } p => p with { Activation = activation, Outputs = outputs },
                FullyConnected { Activation: Activation.None } p => p with { Activation = activation, Outputs = outputs },
                Add { Activation: Activation.None } p => p with { Activation = activation, Outputs = outputs },
                Sub { Activation: Activation.None } p => p with { Activation = activation, Outputs = outputs },
                Mul { Activation: Activation.None } p => p with { Activation = activation, Outputs = outputs },
                _ => null,
            };
            if (fused is null) continue;
            ops[producer] = fused;
            ops[i] = null;
        }

        return graph.With(ops.OfType<Op>());
    }
}
