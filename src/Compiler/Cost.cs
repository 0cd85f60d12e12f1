namespace Etch;

/// <summary>What a model costs. The emitted <c>[EtchModelCost]</c> and <c>[EtchLayerCost]</c> attributes say the same.</summary>
/// <param name="File">The model's file name, as the project lists it.</param>
/// <param name="Arena">Bytes of arena that the caller provides.</param>
/// <param name="State">Bytes of state that the caller keeps between inferences.</param>
/// <param name="Stack">Bytes of stack that the emitted code needs.</param>
/// <param name="Tables">Bytes of constant tables.</param>
/// <param name="Code">Estimated bytes of machine code of the emitted class.</param>
/// <param name="Macs">Multiply-accumulate operations of one inference.</param>
/// <param name="Layers">The layers in execution order.</param>
internal sealed record ModelCost(
    string File, long Arena, long State, long Stack, long Tables, long Code, long Macs, EquatableArray<LayerCost> Layers)
{
    /// <summary>Bytes of RAM: arena, state and stack.</summary>
    public long Ram => Arena + State + Stack;

    /// <summary>What streaming would make of it, when the model needs more RAM than its budget and could stream; else null.</summary>
    public StreamingCost? Streaming { get; init; }

    /// <summary>Estimated bytes of the kernels of Etch.Runtime that the code calls; models of one program share them.</summary>
    public long Runtime { get; init; }

    /// <summary>Bytes of flash with <c>Preset = Size</c>, when the model needs more than its budget and less with it; else 0.</summary>
    public long FlashWithSize { get; init; }

    /// <summary>Bytes of flash: constant tables, estimated code, and kernels of Etch.Runtime.</summary>
    public long Flash => Tables + Code + Runtime;

    /// <summary>Floating-point operations in the field's sense: 1 MAC = 2 FLOPs.</summary>
    public long Flops => 2 * Macs;
}

/// <summary>The RAM of a model by the ways to run its layers.</summary>
/// <param name="LayerByLayer">Bytes of RAM when no layer runs row by row.</param>
/// <param name="RowByRow">Bytes of RAM when as many do as give the smallest arena.</param>
/// <param name="Pushed">The same with the last rows of the input, when it is pushed row by row; 0 where it cannot be.</param>
/// <param name="Input">Bytes of the input, which the caller then need not have.</param>
internal sealed record StreamingCost(long LayerByLayer, long RowByRow, long Pushed, long Input);

/// <summary>What one layer costs.</summary>
/// <param name="Layer">The layer: its operator and the name of its first output.</param>
/// <param name="Ram">Bytes of RAM while the layer runs: inputs, outputs and scratch.</param>
/// <param name="Flash">Bytes of the layer's tables and of its code, as far as no earlier layer has brought them.</param>
/// <param name="Macs">Multiply-accumulate operations of the layer.</param>
internal sealed record LayerCost(string Layer, long Ram, long Flash, long Macs)
{
    /// <summary>Floating-point operations: 1 MAC = 2 FLOPs.</summary>
    public long Flops => 2 * Macs;
}
