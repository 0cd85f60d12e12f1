using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>MUL: (a − za) · (b − zb), requantised by sa · sb / so and clamped.</summary>
/// <remarks>Prepare of mul_common.cc in TFLite Micro: the multiplier is computed in double. For UINT8 that of mul.cc in TFLite: in single
/// precision. <see cref="Xnnpack"/> has its own.</remarks>
internal sealed record Mul : Op
{
    public required Activation Activation { get; init; }

    public override string Name => "MUL";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Mul { Inputs = r.Inputs, Outputs = r.Outputs, Activation = r.Activation(0) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Binary.Check(c, Activation, types: ElementTypes.Quantized);
        if (c.Holds) c.Multiplier(Factor(c.Graph));
    }

    public override string Describe(Graph graph) => Name + Activation.Describe();

    public override int ElementwiseInputs => 2;

    // ---- reference ----
    public override void Reference(Values values)
    {
        Multiplier factor = Factor(values.Graph);
        Tensor output = values.Graph[Outputs[0]];
        (int, int) range = Quantize.Range(Activation, output);
        Binary.Reference(values, this, (a, b) => Requantization.Apply(a * b, factor, output.ZeroPoint, range));
    }

    // ---- kernel ----
    public override bool IsRowwise(Graph graph) => true;

    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        // Products are below 2^17: where the shift goes right, the vector kernels have the shorter form.
        Multiplier factor = Factor(graph);
        string[] vectorCall =
        [
            "VectorKernels.Multiply(",
            $"    input1, input2, output, ZeroPoint1, ZeroPoint2, {(factor.IsSingle ? "Scale" : "Multiplier, -Shift")},",
            "    OutputZeroPoint, ActivationMin, ActivationMax);",
        ];
        return Binary.Layer(
            graph, this, "Mul", Quantize.Range(Activation, graph[Outputs[0]]), options,
            [Requantization.Declaration(factor)], [$"int result = {Requantization.Scaled(factor, "a * b")};"],
            factor.IsSingle || factor.Shift is <= -1 and >= -31 ? vectorCall : null, RuntimeKernels.Multiply);
    }

    private Multiplier Factor(Graph graph)
    {
        if (Xnnpack.Product(graph[Inputs[0]], graph[Inputs[1]], graph[Outputs[0]]) is { } single) return Multiplier.OfSingle(single);
        float first = graph[Inputs[0]].Scale, second = graph[Inputs[1]].Scale, output = graph[Outputs[0]].Scale;
        return Multiplier.Of(graph[Inputs[0]].HasUInt8Rules ? (float)((float)(first * second) / output) : (double)first * second / output);
    }
}
