using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>MAX_POOL_2D: the largest stored value of each window, clamped.</summary>
/// <remarks>reference/integer_ops/pooling.h of TFLite. Input and output have equal quantisation.</remarks>
internal sealed record MaxPool2D : Op
{
    public required PoolOptions Pool { get; init; }

    public override string Name => "MAX_POOL_2D";

    // ---- import ----
    public static Op Import(OperatorReader r) => new MaxPool2D { Inputs = r.Inputs, Outputs = r.Outputs, Pool = PoolOptions.Import(r) };

    // ---- contract ----
    public override void Check(Contract c) => Pool.Check(c);

    public override string Describe(Graph graph) => Pool.Describe(Name, graph[Inputs[0]]);

    // ---- reference ----
    public override void Reference(Values values) => Pool.Reference(values, this, inside => inside.Max());

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => PoolKernel.Layer(graph, this, Pool, isAverage: false, options);
}
