using System;
using System.Diagnostics;

namespace Etch;

/// <summary>Names the constant that says how long a buffer must be. Written by the generator, read by the analyzers, absent from metadata.</summary>
/// <param name="constant">The constant of the class that declares the method, <c>nameof(InputLength)</c>.</param>
[AttributeUsage(AttributeTargets.Parameter)]
[Conditional("ETCH_KEEP_ATTRIBUTES")]
public sealed class EtchLengthAttribute(string constant) : Attribute
{
    /// <summary>The constant's name.</summary>
    public string Constant { get; } = constant;
}
