using System;
using System.Diagnostics;

namespace Etch;

/// <summary>Fills a static partial class with the code of a model.</summary>
/// <param name="file">The model's file name, or as much of the end of its path as tells it from the project's other
/// <c>AdditionalFiles</c>: <c>"keywords.tflite"</c> or <c>"Models/keywords.tflite"</c>.</param>
[AttributeUsage(AttributeTargets.Class)]
[Conditional("ETCH_KEEP_ATTRIBUTES")]
public sealed class EtchModelAttribute(string file) : Attribute
{
    /// <summary>The model file as it was written at the class.</summary>
    public string File { get; } = file;

    /// <summary>What is spent for what: flash for time or time for flash. It prevails over the project file's <c>Preset</c> and <c>EtchPreset</c>.</summary>
    public EtchPreset Preset { get; set; }

    /// <summary>Whose arithmetic the results follow. It prevails over the project file's <c>Numerics</c> and <c>EtchNumerics</c>.</summary>
    public EtchNumerics Numerics { get; set; }

    /// <summary>Whether layers run row by row. It prevails over the project file's <c>Streaming</c> and <c>EtchStreaming</c>.</summary>
    public EtchStreaming Streaming { get; set; }

    /// <summary>Inputs and outputs lie in the arena, which other tensors share with them. It prevails over the project file's <c>InArena</c> and
    /// <c>EtchInArena</c>.</summary>
    public bool InArena { get; set; }
}

/// <summary>What the code of a model spends for what. The results are the same, byte for byte.</summary>
public enum EtchPreset
{
    /// <summary>Speed that costs little flash.</summary>
    Balanced,

    /// <summary>Less time, with larger tables, more code, more stack and a larger arena.</summary>
    Speed,

    /// <summary>Less flash, and more time.</summary>
    Size,
}

/// <summary>Whose arithmetic the results of a model follow, bit for bit.</summary>
public enum EtchNumerics
{
    /// <summary>The reference kernels of TensorFlow Lite (Micro): integers throughout.</summary>
    TfliteReference,

    /// <summary>LiteRT with its XNNPACK delegate on x86: int8 and uint8 operators scale in single precision.</summary>
    Xnnpack,
}

/// <summary>Whether layers of a model run row by row through line buffers: the same results with less RAM, a little slower.</summary>
public enum EtchStreaming
{
    /// <summary>Where the RAM budget asks for it, the layers that meet it at the least cost.</summary>
    Auto,

    /// <summary>Nowhere.</summary>
    Off,

    /// <summary>Where it gives the smallest arena.</summary>
    Smallest,
}
