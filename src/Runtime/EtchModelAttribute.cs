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
}
