using System;
using System.Collections.Generic;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>MEAN, SUM, REDUCE_MAX and REDUCE_MIN of FLOAT32 over any dimensions, from the first element to the last.</summary>
/// <remarks>reference/reduce.h of TFLite: single precision; MEAN divides the sum by the number of elements.</remarks>
/// <param name="SchemaName">Which of them it is: a key of the formulas.</param>
internal sealed record FloatReduction(string SchemaName, Reduction Reduction) : Op
{
    // Where it starts and how it takes in x, as it is computed here and as it is emitted.
    private static readonly Dictionary<string, (string Name, float Start, Func<float, float, float> Of, string Code)> Formulas = new()
    {
        ["MEAN"] = ("Mean", 0, (acc, x) => (float)(acc + x), "acc += {0};"),
        ["REDUCE_MAX"] = ("Max", -float.MaxValue, (acc, x) => x > acc ? x : acc, "acc = {0} > acc ? {0} : acc;"),
        ["REDUCE_MIN"] = ("Min", float.MaxValue, (acc, x) => x < acc ? x : acc, "acc = {0} < acc ? {0} : acc;"),
        ["SUM"] = ("Sum", 0, (acc, x) => (float)(acc + x), "acc += {0};"),
    };

    public override string Name => SchemaName;

    // ---- import ----
    public static Func<OperatorReader, Op> Import(string name) =>
        r => new FloatReduction(name, Reduction.Import(r)) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c) => Reduction.Check(c, isFloat: true);

    public override string Describe(Graph graph) => Name + " of float32";

    // ---- reference ----
    public override void Reference(Values values)
    {
        (_, float start, Func<float, float, float> of, _) = Formulas[SchemaName];
        float count = Reduction.Elements(values.Graph, this);
        Reduction.Reference(values, this, start, of, acc => SchemaName == "MEAN" ? (float)(acc / count) : acc);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        (string name, float start, _, string code) = Formulas[SchemaName];
        string[] constants = SchemaName == "MEAN" ? [InvariantText.Of($"const float Count = {Reduction.Elements(graph, this)};")] : [];
        return Reduction.Layer(
            graph, this, "Float" + name, options, constants, start == 0 ? "0" : Names.Float(start), code, [], SchemaName == "MEAN" ? "acc / Count" : "acc");
    }
}
