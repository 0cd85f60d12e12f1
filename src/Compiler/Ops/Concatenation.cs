using System;
using System.Collections.Generic;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>CONCATENATION: the inputs side by side along one dimension; all have the output's quantisation, but for UINT8, where inputs that
/// have another are requantised.</summary>
/// <remarks>concatenation.cc of TFLite Micro; ConcatenationWithScaling of TFLite for UINT8.</remarks>
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
            Tensor? input = output.Type == ElementType.UInt8 ? c.Input(i).Activation(output.Type).Tensor : StridedCopy.Check(c, i, 0);
            c.Output(0).Type(input is null ? output.Type : input.Type);
            c.Input(i).Rank(rank);
            if (!c.Holds) return;
            int[] expected = output.Shape.ToArray();
            expected[Dimension(rank)] = input!.Shape[Dimension(rank)];
            c.Input(i).Shape(expected);
            total += input.Shape[Dimension(rank)];
        }

        if (c.Holds) c.Require(total == output.Shape[Dimension(rank)], $"needs inputs that fill the output's dimension {Axis}");
    }

    public override IEnumerable<Move> Moves(Graph graph)
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

    // ---- reference ----
    public override void Reference(Values values)
    {
        StridedCopy.Reference(values, this, Moves(values.Graph));
        Tensor output = values.Graph[Outputs[0]];
        if (output.Type != ElementType.UInt8) return;

        // What lies in each input's block is requantised afterwards.
        int[] y = values.Integers(Outputs[0]);
        foreach (Move move in Moves(values.Graph))
        {
            Tensor input = values.Graph[Inputs[move.Input]];
            Shapes.ForEach(move.Nest.Shape, [move.Nest.Strides[0].ToArray()], (_, at) =>
                y[move.To + at[0]] = RequantizedInput.Apply(y[move.To + at[0]], input, output));
        }
    }

    // ---- kernel ----
    public override bool IsRowwise(Graph graph) => Dimension(graph[Outputs[0]].Shape.Count) > 1;

    public override Layer SelectKernel(Graph graph, CompileOptions options) => StridedCopy.Layer(graph, this, "Concatenation", Moves(graph));

    /// <summary>The dimension along which the inputs lie, of tensors with <paramref name="rank"/> dimensions.</summary>
    public int Dimension(int rank) => Axis < 0 ? Axis + rank : Axis;
}

/// <summary>An input of CONCATENATION that had another quantisation than the output, where the file has UINT8: <c>RebaseUInt8</c> puts it in front.</summary>
internal sealed record RequantizedInput : Op
{
    public override string Name => "CONCATENATION";

    // ---- contract ----
    public override void Check(Contract c)
    {
        c.Input(0).Int8();
        c.Output(0).Int8();
    }

    public override string Describe(Graph graph) => Name + ", an input requantised";

    public override int ElementwiseInputs => 1;

    // ---- reference ----
    public override void Reference(Values values)
    {
        Tensor input = values.Graph[Inputs[0]], output = values.Graph[Outputs[0]];
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), q => Apply(q, input, output)));
    }

    /// <summary>The stored value with the output's quantisation: everything in single precision, rounded half away from zero.</summary>
    public static int Apply(int q, Tensor input, Tensor output)
    {
        if (input.Scale == output.Scale && input.ZeroPoint == output.ZeroPoint) return q;

        // In the codes of the file, whose size matters to the rounding.
        int offset = input.WasUInt8 ? 128 : 0;
        float scale = (float)(input.Scale * (float)(1f / output.Scale)), bias = (float)(-(input.ZeroPoint + offset) * scale);
        double stored = Quantize.Round((float)((float)((q + offset) * scale) + bias)) + output.ZeroPoint;
        return (int)Math.Max(output.Type.Min(), Math.Min(output.Type.Max(), stored));
    }
}
