using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>ADD, SUB, MUL, DIV, MAXIMUM and MINIMUM of INT32, modulo 2^32: the shape arithmetic that exporters leave behind, and what
/// audio front ends compute.</summary>
/// <remarks>A quotient is cut towards 0, as C's is.</remarks>
/// <param name="SchemaName">Which of them it is: a key of the formulas.</param>
/// <param name="Activation">None is supported.</param>
internal sealed record IntegerArithmetic(string SchemaName, Activation Activation) : Op
{
    // The result for a and b as it is computed here, and the same in emitted code.
    private static readonly Dictionary<string, (string Name, Func<int, int, int> Of, string Code)> Formulas = new()
    {
        ["ADD"] = ("Add", (a, b) => unchecked(a + b), "{1} + {2}"),
        ["DIV"] = ("Div", (a, b) => a / b, "{1} / {2}"),
        ["MAXIMUM"] = ("Maximum", Math.Max, "Math.Max({1}, {2})"),
        ["MINIMUM"] = ("Minimum", Math.Min, "Math.Min({1}, {2})"),
        ["MUL"] = ("Mul", (a, b) => unchecked(a * b), "{1} * {2}"),
        ["SUB"] = ("Sub", (a, b) => unchecked(a - b), "{1} - {2}"),
    };

    public override string Name => SchemaName;

    // ---- import ----
    public static Func<OperatorReader, Op> Import(string name) =>
        r => new IntegerArithmetic(name, name is "MAXIMUM" or "MINIMUM" ? Activation.None : r.Activation(0)) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Elementwise.Check(c, 2, ElementType.Int32, ElementType.Int32);
        c.Require(Activation == Activation.None, "of INT32 has an activation, which is not supported");
        if (SchemaName != "DIV") return;
        int[]? divisors = c.Integers(1);
        if (c.Holds) c.Require(divisors!.All(b => b is not (0 or -1)), "of INT32 needs divisors other than 0 and -1");
    }

    public override string Describe(Graph graph) => Name + " of int32";

    public override int ElementwiseInputs => 2;

    // ---- reference ----
    public override void Reference(Values values) => Elementwise.Reference<int, int>(values, this, Formulas[SchemaName].Of);

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        (string name, _, string code) = Formulas[SchemaName];
        return Elementwise.Layer(graph, this, "Int32" + name, options, [], [], code);
    }
}
