using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>AVERAGE_POOL_2D: the mean of the stored values of each window that lie inside the image, ties away from zero, clamped.</summary>
/// <remarks>reference/integer_ops/pooling.h of TFLite. Input and output have equal quantisation.</remarks>
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
    public override void Reference(Values values) => Pool.Reference(values, this, inside =>
    {
        int acc = inside.Sum(), n = inside.Count;
        return (acc > 0 ? acc + (n / 2) : acc - (n / 2)) / n;
    });

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => PoolKernel.Layer(graph, this, Pool, isAverage: true, options);
}
