using System;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SELECT and SELECT_V2: where the condition holds the stored value of input 1, elsewhere that of input 2.</summary>
/// <remarks>select.cc of TFLite Micro and of TFLite. All three inputs broadcast; a condition of SELECT with one dimension chooses along
/// the first dimension of the others.</remarks>
/// <param name="SchemaName">Which of the two it is.</param>
internal sealed record Select(string SchemaName) : Op
{
    public override string Name => SchemaName;

    // ---- import ----
    public static Func<OperatorReader, Op> Import(string name) => r => new Select(name) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? condition = c.Input(0).Type(ElementType.Bool).Tensor;
        Tensor? first = c.Input(1).Type(ElementType.Float32, ElementType.Int8, ElementType.UInt8, ElementType.Int16, ElementType.Int32).Tensor;
        if (!c.Holds) return;

        Tensor? second = c.Input(2).Type(first!.Type).Tensor;
        c.Output(0).Type(first.Type);
        c.SameQuantization(1, 0);
        c.SameQuantization(2, 0);
        if (!c.Holds) return;
        if (!ChoosesRows(condition!, first)) Elementwise.CheckShapes(c, [condition!, first, second!]);
        else
        {
            c.Input(2).Shape(first.Shape.ToArray());
            c.Output(0).Shape(first.Shape.ToArray());
        }
    }

    public override int ElementwiseInputs => 3;

    // ---- reference ----
    public override void Reference(Values values)
    {
        if (values.Graph[Outputs[0]].Type == ElementType.Float32) Choose<float>(values);
        else Choose<int>(values);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) =>
        Elementwise.Layer(graph, this, "Select", options, [], [], "{1} ? {2} : {3}", Strides(graph));

    private void Choose<T>(Values values)
    {
        int[] condition = values.Integers(Inputs[0]);
        T[] first = (T[])values[Inputs[1]], second = (T[])values[Inputs[2]];
        Tensor output = values.Graph[Outputs[0]];
        var y = new T[output.ElementCount];
        Shapes.ForEach(output.Shape, Strides(values.Graph), (i, at) => y[i] = condition[at[0]] != 0 ? first[at[1]] : second[at[2]]);
        values.Set(Outputs[0], y);
    }

    private bool ChoosesRows(Tensor condition, Tensor first) =>
        SchemaName == "SELECT" && condition.Shape.Count == 1 && first.Shape.Count > 1 && condition.Shape[0] == first.Shape[0];

    private int[][] Strides(Graph graph)
    {
        EquatableArray<int> shape = graph[Outputs[0]].Shape;
        int[][] strides = [.. Inputs.Select(id => Shapes.BroadcastStrides(graph[id].Shape, shape))];
        if (ChoosesRows(graph[Inputs[0]], graph[Inputs[1]])) strides[0] = [.. shape.Select((_, d) => d == 0 && shape[0] > 1 ? 1 : 0)];
        return strides;
    }
}
