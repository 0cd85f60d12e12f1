namespace Etch;

/// <summary>How far loops with constant trip counts are written out.</summary>
internal enum UnrollPolicy
{
    /// <summary>Small loops completely, larger ones by blocks.</summary>
    Auto,

    /// <summary>Every loop over filter taps that fits <see cref="CompileOptions.UnrollCeiling"/>.</summary>
    Full,

    /// <summary>No loop: the smallest code.</summary>
    None,
}

/// <summary>What is spent for what: flash for time, or time for flash. The results are the same.</summary>
internal enum Preset
{
    /// <summary>Speed that costs little flash.</summary>
    Balanced,

    /// <summary>Less time, with larger tables, more code, more stack and a larger arena.</summary>
    Speed,

    /// <summary>Less flash, and more time.</summary>
    Size,
}

/// <summary>Whose arithmetic the results follow, bit for bit.</summary>
internal enum Numerics
{
    /// <summary>The reference kernels of TensorFlow Lite (Micro).</summary>
    TfliteReference,

    /// <summary>LiteRT with the XNNPACK delegate on x86.</summary>
    Xnnpack,
}

/// <summary>Whether layers run row by row through line buffers, which takes less memory and a little more time.</summary>
internal enum StreamingPolicy
{
    /// <summary>Where the RAM budget asks for it, as few layers as meet it.</summary>
    Auto,

    /// <summary>Nowhere.</summary>
    Off,

    /// <summary>As many layers as give the smallest arena.</summary>
    Smallest,
}

/// <summary>Everything besides the file that decides the emitted code. Compared by value: part of the cache key.</summary>
internal sealed record CompileOptions
{
    /// <summary>The namespace of the generated class; empty for the global one.</summary>
    public string Namespace { get; init; } = "";

    public required string ClassName { get; init; }

    /// <summary><c>public</c> or <c>internal</c>.</summary>
    public string Accessibility { get; init; } = "public";

    public Preset Preset { get; init; } = Preset.Balanced;

    public Numerics Numerics { get; init; } = Numerics.TfliteReference;

    /// <summary>With <see cref="Preset.Size"/> unless set <see cref="UnrollPolicy.None"/>.</summary>
    public UnrollPolicy Unroll
    {
        get => _unroll ?? (Preset == Preset.Size ? UnrollPolicy.None : UnrollPolicy.Auto);
        init => _unroll = value;
    }

    /// <summary>Estimated bytes of machine code that one layer may grow to by unrolling.</summary>
    public int UnrollCeiling { get; init; } = 16 * 1024;

    /// <summary>Emit calls of the vector kernels beside the scalar code, for processors that have them. With <see cref="Preset.Size"/> only on request.</summary>
    public bool Vectors
    {
        get => _vectors ?? Preset != Preset.Size;
        init => _vectors = value;
    }

    /// <summary>One method for all layers of a kind, whatever their shapes.</summary>
    public bool SharesKernels => Preset == Preset.Size && !Vectors && Unroll == UnrollPolicy.None;

    /// <summary>Layers that compute over their input do so in longer calls, as far as <see cref="MaxRam"/> allows. With <see cref="Preset.Speed"/> unless set otherwise.</summary>
    public bool LongCalls
    {
        get => _longCalls ?? Preset == Preset.Speed;
        init => _longCalls = value;
    }

    private readonly bool? _longCalls;

    private readonly bool? _vectors;

    private readonly UnrollPolicy? _unroll;

    public StreamingPolicy Streaming { get; init; } = StreamingPolicy.Auto;

    /// <summary>Bytes of RAM (arena, state and stack) that the model may need, or null: what <see cref="StreamingPolicy.Auto"/> goes by.</summary>
    public long? MaxRam { get; init; }

    /// <summary>Inputs and outputs lie in the arena, where other tensors take their bytes while they are not needed, instead of in spans of the caller's.</summary>
    public bool InArena { get; init; }

    /// <summary>Bytes of flash that the model may need, or null: a model above them says what <see cref="Preset.Size"/> would make of it.</summary>
    public long? MaxFlash { get; init; }

    /// <summary>Debugging: every tensor of the file keeps its bytes in the arena until the end; nothing is fused away.</summary>
    public bool KeepTensors { get; init; }

    /// <summary>Debugging: the graph after each pass is written into a comment file.</summary>
    public bool DumpPasses { get; init; }

    /// <summary>The consuming project compiles with overflow checks: emitted arithmetic says <c>unchecked</c>.</summary>
    public bool CheckOverflow { get; init; }
}
