using System;
using System.Collections.Generic;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Passes;

namespace Etch;

/// <summary>A model with every decision made, or the problems that prevented it. The writers print it.</summary>
/// <remarks>Equal when file and options are: compilation is a pure function of both.</remarks>
internal sealed class CompiledModel(ModelFile file, CompileOptions options, EquatableArray<Problem> problems) : IEquatable<CompiledModel>
{
    public ModelFile File { get; } = file;

    public CompileOptions Options { get; } = options;

    public EquatableArray<Problem> Problems { get; } = problems;

    /// <summary>True when the model compiled: only then there are layers, a plan, a cost and measures.</summary>
    public bool Succeeded => Problems.Count == 0;

    /// <summary>The tensors of the caller; empty when the file could not be read so far.</summary>
    public EquatableArray<Tensor> Inputs { get; init; }

    public EquatableArray<Tensor> Outputs { get; init; }

    /// <summary>The graph as the file has it; tensors that passes kept have the same ids in both.</summary>
    public Graph Filed { get; init; } = new([], [], [], []);

    /// <summary>The graph after all passes.</summary>
    public Graph Graph { get; init; } = new([], [], [], []);

    public IReadOnlyList<Layer> Layers { get; init; } = [];

    /// <summary>The caller keeps a state between inferences.</summary>
    public bool IsStateful { get; init; }

    public StatePlan State { get; init; } = StatePlan.None;

    public ArenaPlan Plan { get; init; } = new(new Dictionary<int, Location>(), 0, 0, default);

    public ModelCost Cost { get; init; } = new(file.Name, 0, 0, 0, 0, 0, 0, default);

    public Measures Measures { get; init; } = new(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    /// <summary>The graph after each pass, when the options ask for it.</summary>
    public string Dump { get; init; } = "";

    public bool Equals(CompiledModel? other) => other is not null && File.Equals(other.File) && Options == other.Options;

    public override bool Equals(object? obj) => Equals(obj as CompiledModel);

    public override int GetHashCode() => File.GetHashCode();
}
