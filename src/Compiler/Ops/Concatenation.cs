using System.Collections.Generic;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>CONCATENATION: the inputs side by side along one dimension; all have the output's quantisation.</summary>
internal sealed record Concatenation : Op
{
    public required int Axis { get; init; }

    public required Activation Activation { get; init; }

    public override string Name => "CONCATENATION";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Concatenation { Inputs = r.Inputs, Outputs = r.Outputs, Axis = r.Int32(0), Activation = r.Activation(1) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? output = c.Output(0).Tensor;
        c.Require(Inputs.Count > 0, "needs an input");
        c.Require(Activation == Activation.None, "has a fused activation, which TensorFlow Lite Micro does not support");
        if (!c.Holds) return;

        int rank = output!.Shape.Count, total = 0;
        c.Require(Axis >= -rank && Axis < rank, $"needs an axis from {-rank} to {rank - 1}, and it is {Axis}");
        for (int i = 0; i < Inputs.Count && c.Holds; i++)
        {
            Tensor? input = StridedCopy.Check(c, i, 0);
            c.Input(i).Rank(rank);
            if (!c.Holds) return;
            int[] expected = output.Shape.ToArray();
            expected[Dimension(rank)] = input!.Shape[Dimension(rank)];
            c.Input(i).Shape(expected);
            total += input.Shape[Dimension(rank)];
        }

        if (c.Holds) c.Require(total == output.Shape[Dimension(rank)], $"needs inputs that fill the output's dimension {Axis}");
    }

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => StridedCopy.Layer(graph, this, "Concatenation", Moves(graph));

    private IEnumerable<Move> Moves(Graph graph)
    {
        int[] strides = Shapes.Strides(graph[Outputs[0]].Shape);
        int to = 0;
        for (int i = 0; i < Inputs.Count; i++)
        {
            Tensor input = graph[Inputs[i]];
            yield return Move.Of(i, input.Shape, strides, to, Shapes.Strides(input.Shape), 0);
            to += input.Shape[Dimension(strides.Length)] * strides[Dimension(strides.Length)];
        }
    }

    /// <summary>The dimension along which the inputs lie, of tensors with <paramref name="rank"/> dimensions.</summary>
    public int Dimension(int rank) => Axis < 0 ? Axis + rank : Axis;
}
