using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>BATCH_TO_SPACE_ND: images take turns in the pixels of a larger one, of which the crops are left out.</summary>
/// <remarks>reference/batch_to_space_nd.h of TFLite: uncropped[n, y·block + k] = input[k·N + n, y].</remarks>
internal sealed record BatchToSpaceNd : Op
{
    public override string Name => "BATCH_TO_SPACE_ND";

    // ---- import ----
    public static Op Import(OperatorReader r) => new BatchToSpaceNd { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? batch = StridedCopy.Check(c, 0, 0);
        BatchBlocks.Check(c, c.Output(0).Tensor, batch);
    }

    public override IEnumerable<Move> Moves(Graph graph) => BatchBlocks
        .Of(graph[Outputs[0]], graph[Inputs[0]], Integers(graph, 1), Integers(graph, 2))
        .Select(b => Move.Of(0, b.Shape, b.ImageStrides, b.InImage, b.BatchStrides, b.InBatch));

    // ---- reference ----
    public override void Reference(Values values) => StridedCopy.Reference(values, this, Moves(values.Graph));

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) => StridedCopy.Layer(graph, this, "BatchToSpaceNd", Moves(graph));
}
