using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>LOGICAL_AND, LOGICAL_OR and LOGICAL_NOT of BOOL tensors, which broadcast.</summary>
/// <remarks>logical.cc and elementwise.cc of TFLite Micro.</remarks>
/// <param name="SchemaName">Which of the three it is.</param>
internal sealed record Logical(string SchemaName) : Op
{
    public override string Name => SchemaName;

    // ---- import ----
    public static Func<OperatorReader, Op> Import(string name) => r => new Logical(name) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c) => Elementwise.Check(c, IsNot ? 1 : 2, ElementType.Bool, ElementType.Bool);

    public override int ElementwiseInputs => SchemaName == "LOGICAL_NOT" ? 1 : 2;

    // ---- reference ----
    public override void Reference(Values values)
    {
        if (IsNot) Elementwise.Reference<int, int>(values, this, a => a == 0 ? 1 : 0);
        else Elementwise.Reference<int, int>(values, this, (a, b) => (SchemaName == "LOGICAL_AND" ? a != 0 && b != 0 : a != 0 || b != 0) ? 1 : 0);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => SchemaName switch
    {
        "LOGICAL_NOT" => Elementwise.Layer(graph, this, "LogicalNot", options, [], [], "!{1}"),
        "LOGICAL_AND" => Elementwise.Layer(graph, this, "LogicalAnd", options, [], [], "{1} && {2}"),
        _ => Elementwise.Layer(graph, this, "LogicalOr", options, [], [], "{1} || {2}"),
    };

    private bool IsNot => SchemaName == "LOGICAL_NOT";
}
