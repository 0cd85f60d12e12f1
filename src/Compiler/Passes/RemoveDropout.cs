using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>Dropout that an export left in the model goes: RANDOM_UNIFORM ≥ p selects x / (1 − p) or 0, and becomes x.</summary>
/// <remarks>
/// Training keeps a value with the probability 1 − p and divides it by that, so that its expectation is x: inference leaves both out.
/// What is put in is therefore the value before the multiplication by 1 / (1 − p), requantised to the result's quantisation, and not
/// the multiplied one. Without that multiplication nobody can say what was meant: then the random numbers stay and are refused. This
/// changes what the file computes, deliberately: it is reported.
/// </remarks>
internal static class RemoveDropout
{
    // How far the stored numbers p and 1 / (1 − p) may be from fitting together.
    private const double Tolerance = 0.02;

    public static Graph Run(Graph graph, Problems problems)
    {
        Op[] ops = [.. graph.Ops];
        var dropped = new HashSet<Op>();
        string first = "";
        int count = 0;
        double rate = 0;
        for (int i = 0; i < ops.Length; i++)
        {
            if (ops[i] is not Select { Inputs.Count: 3 } select || Mask(graph, select.Inputs[0], dropped) is not { } p) continue;
            if (!IsZero(graph[select.Inputs[2]]) || Unscaled(graph, select.Inputs[1], p, dropped) is not { } source) continue;

            Tensor before = graph[source], after = graph[select.Outputs[0]];
            if (before.Type != after.Type || !before.Shape.SequenceEqual(after.Shape)) continue;
            int[] inputs = [source];
            bool isSame = before.Quantization is null || before.Quantization == after.Quantization;
            ops[i] = isSame ? new Reshape("RESHAPE") { Inputs = inputs, Outputs = select.Outputs } : new QuantizeOp { Inputs = inputs, Outputs = select.Outputs };
            if (count++ > 0) continue;
            first = after.Name;
            rate = p;
        }

        if (count == 0) return graph;
        problems.Warn(
            Ids.Dropout,
            $"the model was exported for training: {count} dropout{(count > 1 ? "s" : "")} of rate {Math.Round(rate, 3).ToString(System.Globalization.CultureInfo.InvariantCulture)}" +
            $" ({(count > 1 ? "the first " : "")}at '{first}') {(count > 1 ? "are" : "is")} taken as the identity, as in inference: export it with training=False");

        // What only fed them goes, from the end.
        var kept = new List<Op>(ops);
        for (int i = ops.Length - 1; i >= 0; i--)
        {
            bool isRead = ops[i].Outputs.Any(id => graph.Outputs.Contains(id) || kept.Any(op => op.Inputs.Contains(id)));
            if (dropped.Contains(ops[i]) && !isRead) kept.Remove(ops[i]);
        }

        return new Graph(graph.Tensors.ToArray(), [.. kept], graph.Inputs.ToArray(), graph.Outputs.ToArray());
    }

    // The rate p where a tensor says which random numbers are at least p.
    private static double? Mask(Graph graph, int id, HashSet<Op> parts)
    {
        if (graph.Producer(id) is not { Name: "GREATER_EQUAL", Inputs.Count: 2 } comparison || Number(graph[comparison.Inputs[1]]) is not { } p || p is <= 0 or >= 1) return null;
        int random = comparison.Inputs[0];
        Op? quantize = graph.Producer(random) as QuantizeOp;
        Op? source = quantize is null ? graph.Producer(random) : graph.Producer(quantize.Inputs[0]);
        if (source is not RandomUniform) return null;
        parts.UnionWith(new[] { comparison, quantize, source }.OfType<Op>());
        return p;
    }

    // What was multiplied by 1 / (1 − p), or null where nothing was.
    private static int? Unscaled(Graph graph, int id, double p, HashSet<Op> parts)
    {
        if (graph.Producer(id) is not (Mul { Activation: Activation.None } or FloatBinary { SchemaName: "MUL", Activation: Activation.None }) || graph.Producer(id) is not { Inputs.Count: 2 } mul) return null;
        foreach (int place in new[] { 1, 0 })
        {
            if (Number(graph[mul.Inputs[place]]) is not { } factor || Math.Abs((factor * (1 - p)) - 1) > Tolerance) continue;
            parts.Add(mul);
            return mul.Inputs[1 - place];
        }

        return null;
    }

    private static bool IsZero(Tensor tensor) => Number(tensor) is 0;

    // The real value of a constant that is one number everywhere.
    private static double? Number(Tensor tensor)
    {
        if (!tensor.IsConstant || tensor.ElementCount == 0) return null;
        if (tensor.Type == ElementType.Float32) return tensor.Floats().Distinct().Count() == 1 ? tensor.Floats()[0] : null;
        if (tensor.Type != ElementType.Int8 || tensor.Quantization is not { IsPerChannel: false } q) return null;
        int[] stored = [.. tensor.Integers().Distinct()];
        return stored.Length == 1 ? (double)q.Scale * (stored[0] - q.ZeroPoint) : null;
    }
}
