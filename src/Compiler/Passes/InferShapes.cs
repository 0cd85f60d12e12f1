using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>Shapes that the file leaves open, where they follow from what was folded: of RESHAPE from its constant shape, of
/// FULLY_CONNECTED from its input.</summary>
/// <remarks>A converter writes 1 for a dimension that it does not know. A shape whose elements fit is never touched.</remarks>
internal static class InferShapes
{
    private const long MaxElements = 1 << 28;

    /// <summary>The shape that an operator's output has to have, or null when the file's is right or nothing better is known.</summary>
    public static int[]? Of(Op op, IReadOnlyList<Tensor> tensors)
    {
        if (op.Outputs.Count != 1 || op.Inputs.Count < 2 || op.Inputs[0] < 0 || op.Inputs[1] < 0) return null;
        Tensor input = tensors[op.Inputs[0]], second = tensors[op.Inputs[1]];
        int[]? shape = op switch
        {
            Reshape { SchemaName: "RESHAPE" } when second.IsConstant && second.Type == ElementType.Int32 && second.ElementCount <= 8 =>
                Filled(second.Integers(), input.ElementCount),
            FullyConnected when second.Shape.Count == 2 && second.Shape[1] > 0 && input.ElementCount % second.Shape[1] == 0 =>
                [input.ElementCount / second.Shape[1], second.Shape[0]],
            _ => null,
        };
        if (shape is null || shape.Aggregate(1L, (a, b) => a * b) is var elements && (elements > MaxElements || elements == tensors[op.Outputs[0]].ElementCount)) return null;
        return shape;
    }

    // One dimension of −1 takes what the others leave.
    private static int[]? Filled(int[] shape, int elements)
    {
        long known = shape.Where(d => d != -1).Aggregate(1L, (a, b) => b < 0 || a > MaxElements ? long.MaxValue / 4 : a * b);
        if (shape.Count(d => d == -1) == 1 && known > 0 && elements % known == 0) shape = [.. shape.Select(d => d == -1 ? (int)(elements / known) : d)];
        return shape.All(d => d > 0) && shape.Aggregate(1L, (a, b) => a > MaxElements ? a : a * b) == elements ? shape : null;
    }
}
