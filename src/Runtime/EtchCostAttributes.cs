using System;
using System.Diagnostics;

namespace Etch;

/// <summary>What the model behind a generated class costs. Written by the generator, read by the analyzers, absent from metadata.</summary>
[AttributeUsage(AttributeTargets.Class)]
[Conditional("ETCH_KEEP_ATTRIBUTES")]
public sealed class EtchModelCostAttribute : Attribute
{
    /// <summary>The model's file name, as the project lists it.</summary>
    public string File { get; set; } = "";

    /// <summary>Bytes of arena that the caller provides.</summary>
    public long Arena { get; set; }

    /// <summary>Bytes of state that the caller keeps between inferences.</summary>
    public long State { get; set; }

    /// <summary>Bytes of stack that the emitted code needs.</summary>
    public long Stack { get; set; }

    /// <summary>Bytes of constant tables.</summary>
    public long Tables { get; set; }

    /// <summary>Estimated bytes of machine code of the class.</summary>
    public long Code { get; set; }

    /// <summary>Estimated bytes of the kernels of Etch.Runtime that it calls.</summary>
    public long Runtime { get; set; }

    /// <summary>Bytes of flash with <c>Preset = Size</c>; 0 for a model within its budget.</summary>
    public long FlashWithSize { get; set; }

    /// <summary>Multiply-accumulate operations of one inference.</summary>
    public long Macs { get; set; }

    /// <summary>Bytes of RAM when no layer runs row by row; 0, as the next three, for a model within its budget.</summary>
    public long LayerByLayer { get; set; }

    /// <summary>Bytes of RAM when as many layers run row by row as give the smallest arena.</summary>
    public long RowByRow { get; set; }

    /// <summary>The same when the input is pushed row by row; 0 where it cannot be.</summary>
    public long Pushed { get; set; }

    /// <summary>Bytes of the model's inputs.</summary>
    public long Input { get; set; }
}

/// <summary>What one layer of a generated class costs. Written by the generator, read by the analyzers, absent from metadata.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
[Conditional("ETCH_KEEP_ATTRIBUTES")]
public sealed class EtchLayerCostAttribute(string layer) : Attribute
{
    /// <summary>The layer: its operator and the name of its first output.</summary>
    public string Layer { get; } = layer;

    /// <summary>Bytes of RAM while the layer runs: inputs, outputs and scratch.</summary>
    public long Ram { get; set; }

    /// <summary>Bytes of the layer's tables and of its code, as far as no earlier layer has brought them.</summary>
    public long Flash { get; set; }

    /// <summary>Multiply-accumulate operations of the layer.</summary>
    public long Macs { get; set; }
}
