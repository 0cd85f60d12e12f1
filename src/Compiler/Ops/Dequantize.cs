using System;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>DEQUANTIZE: scale · (q − zero point), an int8, uint8 or int16 tensor to float32 at the model's edge.</summary>
/// <remarks>dequantize.cc of TFLite Micro multiplies in double and rounds once; the product of a float and a number of at most
/// 17 bits is exact in double, so that one multiplication in single precision gives the same.</remarks>
internal sealed record Dequantize : Op
{
    public override string Name => "DEQUANTIZE";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Dequantize { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Type(ElementTypes.Quantized).PerTensor().Tensor;
        c.Output(0).Type(ElementType.Float32);
        if (c.Holds) c.Output(0).Shape(input!.Shape.ToArray());
    }

    public override int ElementwiseInputs => 1;

    // ---- reference ----
    public override void Reference(Values values)
    {
        Tensor input = values.Graph[Inputs[0]];
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), q => (float)((double)input.Scale * (q - input.ZeroPoint))));
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]];
        return new Layer(this, new DequantizeKernel(input.Type, input.Scale, input.ZeroPoint), new[] { Inputs[0] }, Array.Empty<Table>());
    }

    private sealed record DequantizeKernel(ElementType InputType, float Scale, int ZeroPoint) : Kernel
    {
        public override string Name => "Dequantize";

        public override int CodeBytes => 20;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, $"ReadOnlySpan<{InputType.Keyword()}> input, Span<float> output"))
            {
                w.Line($"Affine.Dequantize(input, output, {Names.Float(Scale)}, {ZeroPoint});");
            }
        }
    }
}
