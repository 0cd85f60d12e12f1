using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>READ_VARIABLE: the value that a variable has now.</summary>
/// <remarks>read_variable.cc of TFLite Micro. A copy; <c>ShareVariables</c> makes it a view where nothing changes the variable too early.</remarks>
internal sealed record ReadVariable : Op
{
    public override string Name => "READ_VARIABLE";

    // ---- import ----
    public static Op Import(OperatorReader r) => new ReadVariable { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        if (Check(c, c.Input(0), c.Output(0))) c.SameQuantization(0, 0);
    }

    /// <summary>What is asked of a variable and of what it is copied to or from: one type and as many elements.</summary>
    public static bool Check(Contract c, TensorContract from, TensorContract to)
    {
        from.Type(ElementType.Int8, ElementType.UInt8, ElementType.Int16, ElementType.Int32, ElementType.Float32, ElementType.Bool);
        if (from.Tensor is { } tensor)
        {
            c.Require(tensor.ElementCount > 0, "needs a variable with elements");
            to.Type(tensor.Type).Elements(tensor.ElementCount);
        }

        return c.Holds;
    }

    // ---- reference ----
    public override void Reference(Values values) => values.Set(Outputs[0], values[Inputs[0]]);

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        int[] shape = [graph[Inputs[0]].ElementCount];
        return StridedCopy.Layer(graph, this, "Copy", [Move.Of(0, shape, Shapes.Strides(shape), 0, Shapes.Strides(shape), 0)]);
    }
}
