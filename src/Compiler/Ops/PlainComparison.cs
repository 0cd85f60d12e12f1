using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>EQUAL, NOT_EQUAL, GREATER, GREATER_EQUAL, LESS and LESS_EQUAL of tensors whose stored values are the real ones: FLOAT32 and INT32.</summary>
/// <remarks>reference/comparisons.h of TFLite. As in C, NOT_EQUAL is the only one that holds of NaN.</remarks>
/// <param name="SchemaName">Which of the six it is.</param>
/// <param name="Symbol">Its operator in C#.</param>
internal sealed record PlainComparison(string SchemaName, string Symbol) : Op
{
    public override string Name => SchemaName;

    // ---- import ----
    public static Func<OperatorReader, Op> Import(string name, string symbol) =>
        r => new PlainComparison(name, symbol) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? first = c.Input(0).Tensor;
        Elementwise.Check(c, 2, ElementType.Bool, first?.Type == ElementType.Int32 ? ElementType.Int32 : ElementType.Float32);
    }

    public override string Describe(Graph graph) => $"{Name} of {graph[Inputs[0]].Type.Name()}";

    public override int ElementwiseInputs => 2;

    // ---- reference ----
    public override void Reference(Values values)
    {
        if (values.Graph[Inputs[0]].Type == ElementType.Int32) Elementwise.Reference<int, int>(values, this, (a, b) => Holds(a < b, a == b, a > b));
        else Elementwise.Reference<float, int>(values, this, (a, b) => Holds(a < b, a == b, a > b));
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        string name = Symbol switch { "==" => "Equal", "!=" => "NotEqual", ">" => "Greater", ">=" => "GreaterEqual", "<" => "Less", _ => "LessEqual" };
        return Elementwise.Layer(graph, this, "Plain" + name, options, [], [], $"{{1}} {Symbol} {{2}}");
    }

    private int Holds(bool isLess, bool isEqual, bool isGreater) => Symbol switch
    {
        "==" => isEqual,
        "!=" => !isEqual,
        ">" => isGreater,
        ">=" => isGreater || isEqual,
        "<" => isLess,
        _ => isLess || isEqual,
    } ? 1 : 0;
}
