using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Passes;
using Etch.Tflite;

namespace Etch;

/// <summary>A model with every decision made, or the problems that prevented it. The writers print it.</summary>
/// <remarks>Equal when file and options are: compilation is a pure function of both.</remarks>
internal sealed class CompiledModel(ModelFile file, CompileOptions options, EquatableArray<Problem> problems) : IEquatable<CompiledModel>
{
    public ModelFile File { get; } = file;

    public CompileOptions Options { get; } = options;

    public EquatableArray<Problem> Problems { get; } = problems;

    /// <summary>What the caller should know of a model that compiles all the same.</summary>
    public EquatableArray<Problem> Warnings { get; init; }

    /// <summary>What the model says about itself; its labels are those of the labels file where there is one.</summary>
    public ModelMetadata Metadata { get; init; } = ModelMetadata.None;

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

    /// <summary>The layers as they run: by themselves, or several row by row.</summary>
    public IReadOnlyList<Step> Steps { get; init; } = [];

    public ArenaPlan Plan { get; init; } = new(new Dictionary<int, Location>(), 0, 0, true, default);

    /// <summary>How a caller hands the input over row by row, or null where the first layers do not run so.</summary>
    public RowPush? Push { get; init; }

    public ModelCost Cost { get; init; } = new(file.Name, 0, 0, 0, 0, 0, 0, default);

    public Measures Measures { get; init; } = new(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    /// <summary>The graph after each pass, when the options ask for it.</summary>
    public string Dump { get; init; } = "";

    /// <summary>The entry points of a model with several signatures, one nested class each; empty for a model with one.</summary>
    public IReadOnlyList<CompiledModel> Signatures { get; init; } = [];

    /// <summary>A model with several signatures: of arena, stack and work what the dearest needs, of flash what all do; one state.</summary>
    public static CompiledModel Of(ModelFile file, CompileOptions options, CompiledModel[] signatures)
    {
        ModelCost[] costs = [.. signatures.Select(s => s.Cost)];
        return new CompiledModel(file, options, default)
        {
            Inputs = signatures[0].Inputs,
            Outputs = signatures[0].Outputs,
            IsStateful = signatures[0].IsStateful,
            State = signatures[0].State,
            Signatures = signatures,
            Warnings = signatures[0].Warnings,
            Cost = new ModelCost(
                file.Name, costs.Max(c => c.Arena), costs[0].State, costs.Max(c => c.Stack), costs.Sum(c => c.Tables), costs.Sum(c => c.Code),
                costs.Max(c => c.Macs), costs.SelectMany(c => c.Layers).ToArray()) { Runtime = MeasureCost.Runtime(signatures.SelectMany(s => s.Layers)) },
            Dump = string.Concat(signatures.Select(s => $"signature {s.Options.ClassName}\n{s.Dump}")),
        };
    }

    public bool Equals(CompiledModel? other) => other is not null && File.Equals(other.File) && Options == other.Options;

    public override bool Equals(object? obj) => Equals(obj as CompiledModel);

    public override int GetHashCode() => File.GetHashCode();
}
