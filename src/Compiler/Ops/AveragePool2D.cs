using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>AVERAGE_POOL_2D: the mean of the stored values of each window that lie inside the image, ties away from zero, clamped.</summary>
/// <remarks>reference/integer_ops/pooling.h of TFLite. Input and output have equal quantisation. What was UINT8 in the file is rounded
/// as UINT8, where no sum is negative.</remarks>
internal sealed record AveragePool2D : Op
{
    public required PoolOptions Pool { get; init; }

    public override string Name => "AVERAGE_POOL_2D";

    // ---- import ----
    public static Op Import(OperatorReader r) => new AveragePool2D { Inputs = r.Inputs, Outputs = r.Outputs, Pool = PoolOptions.Import(r) };

    // ---- contract ----
    public override void Check(Contract c) => Pool.Check(c);

    public override string Describe(Graph graph) => Pool.Describe(Name, graph[Inputs[0]]);

    // ---- reference ----
    public override void Reference(Values values)
    {
        int offset = values.Graph[Inputs[0]].WasUInt8 ? 128 : 0;
        Pool.Reference(values, this, inside =>
        {
            int n = inside.Count, acc = inside.Sum() + (offset * n);
            return ((acc > 0 ? acc + (n / 2) : acc - (n / 2)) / n) - offset;
        });
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => PoolKernel.Layer(graph, this, Pool, isAverage: true, options);

    public override Layer? SelectRowSum(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]];
        (int min, int max) = Quantize.Range(Pool.Activation, graph[Outputs[0]], isDelegated: false);
        Window2D window = Pool.Geometry(input);
        int offset = input.WasUInt8 ? 128 : 0;
        return RowSum.Layer(
            graph, this, "AveragePool2D", window, offset * window.Taps,
            [InvariantText.Of($"const int Taps = {window.Taps}, Half = Taps / 2, Offset = {offset}, ActivationMin = {min}, ActivationMax = {max};")],
            ["acc = ((acc > 0 ? acc + Half : acc - Half) / Taps) - Offset;"],
            $"({input.Type.Keyword()})FixedPoint.Clamp(acc, ActivationMin, ActivationMax)", options);
    }
}
