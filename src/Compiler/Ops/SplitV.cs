using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SPLIT_V: the input cut along one dimension into outputs of the sizes that input 1 names, one of them −1 for the rest.</summary>
/// <remarks>split_v.cc of TFLite Micro. Input 2 is the axis.</remarks>
internal sealed record SplitV : Op
{
    public override string Name => "SPLIT_V";

    // ---- import ----
    public static Op Import(OperatorReader r) => new SplitV { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        int[]? sizes = Pieces.Check(c, this, input: 0, axis: 2), asked = c.Integers(1);
        if (sizes is null || asked is null) return;
        c.Require(asked.Length == sizes.Length, $"needs a size for each of {sizes.Length} outputs");
        c.Require(asked.Count(size => size == -1) <= 1, "needs at most one size of -1");
        if (c.Holds) c.Require(asked.Zip(sizes, (a, b) => a == -1 || a == b).All(same => same), "needs outputs of the sizes that input 1 names");
    }

    public override IEnumerable<Move> Moves(Graph graph) => Pieces.Moves(graph, this, input: 0, axis: 2);

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) =>
        StridedCopy.Layer(graph, this, "SplitV", Moves(graph));
}
