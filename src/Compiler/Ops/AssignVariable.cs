using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>ASSIGN_VARIABLE: gives a variable another value. Input 0 is the value, output 0 the variable.</summary>
/// <remarks>assign_variable.cc of TFLite Micro. A copy; <c>ShareVariables</c> lets the value be written where the variable lies, where
/// nothing reads the old one any more.</remarks>
internal sealed record AssignVariable : Op
{
    public override string Name => "ASSIGN_VARIABLE";

    // ---- import ----
    // The file has the variable as input 0, the value as input 1, and no output.
    public static Op Import(OperatorReader r) => new AssignVariable
    {
        Inputs = r.Inputs.Length > 1 ? new[] { r.Inputs[1] } : [],
        Outputs = new[] { r.Inputs[0] },
    };

    // ---- contract ----
    public override void Check(Contract c)
    {
        if (ReadVariable.Check(c, c.Input(0), c.Output(0))) c.SameQuantization(0, 0);
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
