using System;
using System.Diagnostics;

namespace Etch;

/// <summary>What a model may cost. A model that needs more does not build (ETCH201, ETCH202, ETCH203).</summary>
/// <remarks>A budget that is not set is not checked. The <c>Layer…</c> budgets hold for every layer by itself.</remarks>
[AttributeUsage(AttributeTargets.Class)]
[Conditional("ETCH_KEEP_ATTRIBUTES")]
public sealed class EtchBudgetAttribute : Attribute
{
    /// <summary>Bytes of RAM: arena, state and the stack that the emitted code needs.</summary>
    public long Ram { get; set; }

    /// <summary>Bytes of flash: constant tables and estimated code.</summary>
    public long Flash { get; set; }

    /// <summary>Multiply-accumulate operations of one inference.</summary>
    public long Macs { get; set; }

    /// <summary>Floating-point operations in the field's sense: 1 MAC = 2 FLOPs.</summary>
    public long Flops { get; set; }

    /// <summary>Bytes of RAM that any one layer may need: its inputs, outputs and scratch.</summary>
    public long LayerRam { get; set; }

    /// <summary>Bytes of flash that any one layer may need.</summary>
    public long LayerFlash { get; set; }

    /// <summary>Multiply-accumulate operations that any one layer may take.</summary>
    public long LayerMacs { get; set; }

    /// <summary>Floating-point operations that any one layer may take: 1 MAC = 2 FLOPs.</summary>
    public long LayerFlops { get; set; }
}
