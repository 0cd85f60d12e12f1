using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>Models of the older converter: UINT8 tensors become INT8 ones, stored values and zero points less 128, so that one family of kernels does.</summary>
/// <remarks>
/// Exact because q − z stays what it is, and what an operator computes depends on nothing else; where the type decides more (the
/// precision of a factor, a tie in an average), operators ask <see cref="Tensor.HasUInt8Rules"/>. UINT8 stays where only QUANTIZE and
/// DEQUANTIZE see it, also through operators that move elements: at the edges of INT8 models. The caller's tensors stay as they are,
/// and are taken over by a QUANTIZE to and from INT8.
/// </remarks>
internal static class RebaseUInt8
{
    public static Graph Run(Graph graph)
    {
        HashSet<int> rebased = Rebased(graph);
        if (rebased.Count == 0) return graph;

        List<Tensor> tensors = [.. graph.Tensors];
        var ops = new List<Op>();
        var stands = new Dictionary<int, int>();
        foreach (int id in rebased)
        {
            bool isCallers = graph.Inputs.Contains(id) || graph.Outputs.Contains(id);
            if (!isCallers) tensors[id] = AsInt8(graph[id]);
        }

        // The caller's tensors have another in their place inside.
        int Inside(int id)
        {
            if (!rebased.Contains(id) || !(graph.Inputs.Contains(id) || graph.Outputs.Contains(id))) return id;
            if (stands.TryGetValue(id, out int inside)) return inside;
            tensors.Add(AsInt8(graph[id]) with { Name = graph[id].Name + " as int8" });
            return stands[id] = tensors.Count - 1;
        }

        foreach (int id in graph.Inputs.Where(rebased.Contains)) ops.Add(new QuantizeOp { Inputs = new[] { id }, Outputs = new[] { Inside(id) } });
        foreach (Op op in graph.Ops)
        {
            if (op is Cast)
            {
                ops.AddRange(OnStoredValues(op, rebased, Inside, tensors));
                continue;
            }

            Op inside = op with { Inputs = op.Inputs.Select(Inside).ToArray(), Outputs = op.Outputs.Select(Inside).ToArray() };
            ops.AddRange(inside is Concatenation ? WithEqualInputs(inside, tensors) : [inside]);
            foreach (int id in op.Outputs.Where(stands.ContainsKey)) ops.Add(new QuantizeOp { Inputs = new[] { stands[id] }, Outputs = new[] { id } });
        }

        return graph.With(ops, tensors);
    }

    // CAST sees the numbers as the file stores them: QUANTIZE gives them back, or takes them over.
    private static IEnumerable<Op> OnStoredValues(Op cast, HashSet<int> rebased, Func<int, int> inside, List<Tensor> tensors)
    {
        int input = cast.Inputs[0], output = cast.Outputs[0];
        int Stored(int id)
        {
            if (tensors[id].Type == ElementType.UInt8) return id;
            Tensor tensor = tensors[id];
            tensors.Add(tensor with
            {
                Name = tensor.Name + " as uint8",
                Type = ElementType.UInt8,
                WasUInt8 = false,
                Quantization = tensor.Quantization! with { ZeroPoints = tensor.Quantization.ZeroPoints.Select(z => z + 128).ToArray() },
            });
            return tensors.Count - 1;
        }

        // What is not UINT8 at all stays; the caller's tensors still are UINT8 themselves.
        int read = rebased.Contains(input) ? Stored(input) : input, written = rebased.Contains(output) ? Stored(output) : output;
        if (read != input) yield return new QuantizeOp { Inputs = new[] { inside(input) }, Outputs = new[] { read } };
        yield return cast with { Inputs = new[] { read }, Outputs = new[] { written } };
        if (rebased.Contains(output)) yield return new QuantizeOp { Inputs = new[] { written }, Outputs = new[] { inside(output) } };
    }

    // Tensors that an operator computes with, and those that reach them through operators that move elements.
    private static HashSet<int> Rebased(Graph graph)
    {
        var rebased = new HashSet<int>();
        for (bool grows = true; grows;)
        {
            grows = false;
            foreach (Op op in graph.Ops)
            {
                if (op is QuantizeOp or Dequantize or Cast) continue;
                int[] all = [.. op.Inputs.Concat(op.Outputs).Where(id => id >= 0 && graph[id].Type == ElementType.UInt8)];
                if (!Computes(op) && !all.Any(rebased.Contains)) continue;
                foreach (int id in all) grows |= rebased.Add(id);
            }
        }

        return rebased;
    }

    private static bool Computes(Op op) => op is
        Conv2D or DepthwiseConv2D or FullyConnected or TransposeConv or Add or Sub or Mul or Prelu or Maximum or AveragePool2D or MaxPool2D or
        Mean or ReduceMax or ArgMax or Softmax or Logistic or Tanh or Relu or Relu6 or LeakyRelu or Concatenation;

    private static Tensor AsInt8(Tensor tensor) => tensor with
    {
        Type = ElementType.Int8,
        WasUInt8 = true,
        Quantization = tensor.Quantization is { } q ? q with { ZeroPoints = q.ZeroPoints.Select(z => z - 128).ToArray() } : null,
        Data = tensor.Data?.Select(b => (byte)(b ^ 0x80)).ToArray(),
        Variable = tensor.Variable?.LessBy128(),
    };

    // CONCATENATION after a table for each input whose quantisation is not the output's.
    private static IEnumerable<Op> WithEqualInputs(Op concatenation, List<Tensor> tensors)
    {
        Tensor output = tensors[concatenation.Outputs[0]];
        int[] inputs = concatenation.Inputs.ToArray();
        for (int i = 0; i < inputs.Length; i++)
        {
            Tensor input = tensors[inputs[i]];
            if (!output.WasUInt8 || (input.Scale == output.Scale && input.ZeroPoint == output.ZeroPoint)) continue;
            Tensor equal = input with { Name = $"{output.Name}, input {i}", Quantization = output.Quantization };
            if (input.IsConstant) equal = equal with { Data = [.. input.Integers().Select(q => unchecked((byte)RequantizedInput.Apply(q, input, output)))] };
            else yield return new RequantizedInput { Inputs = new[] { inputs[i] }, Outputs = new[] { tensors.Count } };
            inputs[i] = tensors.Count;
            tensors.Add(equal);
        }

        yield return concatenation with { Inputs = inputs };
    }
}
