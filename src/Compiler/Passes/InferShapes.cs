using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>Shapes that the file leaves open, where they follow from what was folded: a RESHAPE or FILL with a constant shape, and what
/// comes behind it.</summary>
/// <remarks>A converter writes 1 for a dimension that it does not know. A shape whose elements fit is never touched.</remarks>
internal static class InferShapes
{
    private const long MaxElements = 1 << 28;

    /// <summary>The shape that an operator's output has to have, or null when the file's is right or nothing better is known.</summary>
    public static int[]? Of(Op op, IReadOnlyList<Tensor> tensors)
    {
        if (op.Outputs.Count != 1 || op.Inputs.Count == 0 || op.Inputs.Take(2).Any(id => id < 0)) return null;
        int[]? shape = Stated(op, tensors[op.Inputs[0]], op.Inputs.Count > 1 ? tensors[op.Inputs[1]] : null);
        if (shape is null || shape.Any(d => d <= 0)) return null;
        long elements = shape.Aggregate(1L, (a, b) => a > MaxElements ? a : a * b);
        return elements > MaxElements || elements == tensors[op.Outputs[0]].ElementCount ? null : shape;
    }

    private static int[]? Stated(Op op, Tensor input, Tensor? second)
    {
        EquatableArray<int> shape = input.Shape;
        switch (op)
        {
            case Reshape { SchemaName: "RESHAPE" } when IsShape(second):
                return Filled(second!.Integers(), input.ElementCount);
            case Fill when IsShape(input):
                return input.Integers();
            case Transpose { Permutation: { } permutation } when permutation.OrderBy(d => d).SequenceEqual(Enumerable.Range(0, shape.Count)):
                return [.. permutation.Select(d => shape[d])];
            case FullyConnected when second is { Shape.Count: 2 } && second.Shape[1] > 0 && input.ElementCount % second.Shape[1] == 0:
                return [input.ElementCount / second.Shape[1], second.Shape[0]];
            case BatchMatMul matrices when second?.Shape.Count == shape.Count && shape.Count >= 2:
                int rank = shape.Count;
                int[]? batch = Shapes.Broadcast(shape.Take(rank - 2).ToArray(), second.Shape.Take(rank - 2).ToArray());
                return batch is null ? null : [.. batch, shape[matrices.AdjX ? rank - 1 : rank - 2], second.Shape[matrices.AdjY ? rank - 2 : rank - 1]];
            case Mean { Reduction: { Axes: { } axes } reduction } when axes.All(axis => axis >= -shape.Count && axis < shape.Count):
                bool IsReduced(int d) => axes.Contains(d) || axes.Contains(d - shape.Count);
                return [.. Enumerable.Range(0, shape.Count).Where(d => reduction.KeepDims || !IsReduced(d)).Select(d => IsReduced(d) ? 1 : shape[d])];
            case Add or Sub or Mul or SquaredDifference or Div when second is not null:
                return Shapes.Broadcast(shape, second.Shape);
            default:
                return op.ElementwiseInputs == 1 || op is Softmax ? shape.ToArray() : null;
        }
    }

    private static bool IsShape(Tensor? tensor) => tensor is { IsConstant: true, Type: ElementType.Int32, ElementCount: <= 8 };

    // One dimension of −1 takes what the others leave.
    private static int[]? Filled(int[] shape, int elements)
    {
        long known = shape.Where(d => d != -1).Aggregate(1L, (a, b) => b < 0 || a > MaxElements ? long.MaxValue / 4 : a * b);
        if (shape.Count(d => d == -1) == 1 && known > 0 && elements % known == 0) shape = [.. shape.Select(d => d == -1 ? (int)(elements / known) : d)];
        return shape.All(d => d > 0) && shape.Aggregate(1L, (a, b) => a > MaxElements ? a : a * b) == elements ? shape : null;
    }
}
