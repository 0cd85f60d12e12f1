using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>CAST: stored values as another type. INT64, and BOOL as the result, only of constants, which are folded.</summary>
/// <remarks>cast.cc of TFLite Micro: integers are cut to the bits of a narrower type, a FLOAT32 loses its fraction. Where C++ leaves the
/// result open, a FLOAT32 beyond 32 bits gives the nearest number that they hold and NaN gives 0.</remarks>
internal sealed record Cast : Op
{
    public override string Name => "CAST";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Cast { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        TensorContract demands = c.Input(0).Type(
            ElementType.Int8, ElementType.UInt8, ElementType.Int16, ElementType.Int32, ElementType.UInt32, ElementType.Float32, ElementType.Int64, ElementType.Bool);
        if (c.Output(0).Tensor is not { } output || demands.Tensor is not { } input) return;
        if (input.Type == ElementType.Int64 || output.Type is ElementType.Int64 or ElementType.Bool) demands.Constant().Narrow();
        c.Output(0).Type(
            ElementType.Int8, ElementType.UInt8, ElementType.Int16, ElementType.Int32, ElementType.UInt32, ElementType.Float32, ElementType.Int64, ElementType.Bool);
        if (c.Holds) c.Output(0).Shape(input.Shape.ToArray());
    }

    public override string Describe(Graph graph) => $"{Name} to {graph[Outputs[0]].Type.Name()}";

    public override int ElementwiseInputs => 1;

    // ---- reference ----
    public override void Reference(Values values)
    {
        ElementType from = values.Graph[Inputs[0]].Type, to = values.Graph[Outputs[0]].Type;
        if (from == ElementType.Float32)
        {
            float[] x = values.Floats(Inputs[0]);
            values.Set(Outputs[0], to == ElementType.Float32 ? x : Array.ConvertAll(x, value => to == ElementType.Bool ? (value != 0 ? 1 : 0) : Cut(Whole(value), to)));
        }
        else
        {
            int[] x = values.Integers(Inputs[0]);
            values.Set(Outputs[0], to == ElementType.Float32
                ? Array.ConvertAll(x, value => from == ElementType.UInt32 ? (float)unchecked((uint)value) : (float)value)
                : Array.ConvertAll(x, value => to == ElementType.Bool ? (value != 0 ? 1 : 0) : Cut(value, to)));
        }
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        ElementType from = graph[Inputs[0]].Type, to = graph[Outputs[0]].Type;
        string name = "CastTo" + char.ToUpperInvariant(to.Name()[0]) + to.Name().Substring(1), keyword = to.Keyword();
        string result = (from, to) switch
        {
            _ when from == to => "{1}",
            (ElementType.Float32, _) => to == ElementType.Int32 ? Whole32 : $"unchecked(({keyword})({Whole32}))",
            (ElementType.Bool, _) => $"{{1}} ? ({keyword})1 : ({keyword})0",
            (_, ElementType.Float32) => "{1}",
            _ => $"unchecked(({keyword}){{1}})",
        };
        string[] lines = from == ElementType.Float32 && from != to ? ["float x = {1};"] : [];
        return Elementwise.Layer(graph, this, name, options, [], lines, result);
    }

    // Converting a number beyond the range is the processor's choice: it is decided before.
    private const string Whole32 = "x >= 2147483648f ? int.MaxValue : x < -2147483648f ? int.MinValue : float.IsNaN(x) ? 0 : (int)x";

    private static int Whole(float x) => x >= 2147483648f ? int.MaxValue : x < -2147483648f ? int.MinValue : float.IsNaN(x) ? 0 : (int)x;

    // The value that a type stores of 32 bits.
    private static int Cut(int value, ElementType type) => type switch
    {
        ElementType.Int8 => unchecked((sbyte)value),
        ElementType.UInt8 => unchecked((byte)value),
        ElementType.Int16 => unchecked((short)value),
        _ => value,
    };
}
