using Etch.Diagnostics;

namespace Etch;

/// <summary>A model with every decision made, or the problems that prevented it. The writers print it.</summary>
/// <remarks>Equal when file and options are: compilation is a pure function of both.</remarks>
internal sealed class CompiledModel(ModelFile file, CompileOptions options, EquatableArray<Problem> problems) : System.IEquatable<CompiledModel>
{
    public ModelFile File { get; } = file;

    public CompileOptions Options { get; } = options;

    public EquatableArray<Problem> Problems { get; } = problems;

    /// <summary>True when the model compiled: only then there are layers, a plan and a cost.</summary>
    public bool Succeeded => Problems.Count == 0;

    public bool Equals(CompiledModel? other) => other is not null && File.Equals(other.File) && Options == other.Options;

    public override bool Equals(object? obj) => Equals(obj as CompiledModel);

    public override int GetHashCode() => File.GetHashCode();
}
