using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Threading;
using Etch.Diagnostics;
using Etch.Emit;
using Etch.Ir;
using Etch.Passes;
using Etch.Tflite;

namespace Etch;

/// <summary>Turns a model file into a <see cref="CompiledModel"/>. A pure function of file and options.</summary>
internal static class Compiler
{
    /// <exception cref="OperationCanceledException">Compilation was cancelled.</exception>
    /// <exception cref="InvalidOperationException">A pass bent the graph: a defect of the compiler, which the caller reports as ETCH900.</exception>
    public static CompiledModel Compile(ModelFile file, CompileOptions options, CancellationToken cancel)
    {
        if (file.ReadProblem is { } unreadable) return new CompiledModel(file, options, new[] { unreadable });

        var problems = new Problems();
        ImportedModel model = TfliteImporter.Import(file.Bytes, problems);
        var names = new HashSet<string> { options.ClassName };
        CompileOptions[] nested = [.. model.Signatures.Select(s => options with { ClassName = Names.Signature(s.Name, names), Namespace = "" })];
        CompiledModel Failed() => new(file, options, problems.ToArray())
        {
            Inputs = model.Inputs,
            Outputs = model.Outputs,
            IsStateful = model.IsStateful,
            Signatures = nested.Select((own, i) => new CompiledModel(file, own, problems.ToArray())
            {
                Inputs = model.Signatures[i].Graph is { } g ? g.Inputs.Select(id => g[id]).ToArray() : [],
                Outputs = model.Signatures[i].Graph is { } h ? h.Outputs.Select(id => h[id]).ToArray() : [],
                IsStateful = model.IsStateful,
            }).ToArray(),
        };
        if (model.Graph is null) return Failed();

        // Labels belong to a model with one entry point.
        ModelMetadata metadata = nested.Length == 0 ? ModelMetadata.Read(file.Bytes) : ModelMetadata.None;
        if (file.Labels is { } labels && nested.Length == 0) metadata = metadata with { Labels = labels };
        CheckLabels(metadata, model.Outputs, problems);

        TunedKernels tuned = TunedKernels.None;
        if (file.Schedule is { } schedule && !options.KeepTensors)
        {
            if (nested.Length == 0) tuned = TunedKernels.Parse(schedule, file, problems);
            else problems.Warn(Ids.Schedule, $"the schedule beside '{file.Name}' is ignored: the model has several signatures; remove it");
        }

        // One entry point, or one for each signature; they share the state.
        Entry[] entries = nested.Length == 0 ? [new Entry(options, model.Graph)] : [.. nested.Select((o, i) => new Entry(o, model.Signatures[i].Graph!))];
        foreach (Entry entry in entries) entry.Rewrite(model.Initializers, problems, cancel);
        if (problems.Any) return Failed();

        StatePlan state = PlanState.Run([.. entries.Select(entry => entry.Graph)], problems);
        if (problems.Any) return Failed();
        CompiledModel[] compiled = [.. entries.Select(entry => entry.Compile(file, tuned, state, metadata, problems.Warnings, cancel))];
        return nested.Length == 0 ? compiled[0] : CompiledModel.Of(file, options, compiled);
    }

    private static void CheckLabels(ModelMetadata metadata, Ir.Tensor[] outputs, Problems problems)
    {
        if (metadata.Labels.Count == 0 || metadata.LabelledOutput >= outputs.Length) return;
        Ir.Tensor output = outputs[metadata.LabelledOutput];
        int classes = output.Shape.Count == 0 ? 1 : output.Shape[output.Shape.Count - 1];
        if (classes == metadata.Labels.Count) return;
        problems.Warn(
            Ids.Labels, $"the model has {metadata.Labels.Count} labels, and the last dimension of its output '{output.Name}' of shape [{output.Shape}] is {classes}: the labels file is another model's, or lines are missing");
    }
}

/// <summary>One entry point of a model on its way through the passes.</summary>
internal sealed class Entry(CompileOptions options, Graph imported)
{
    private readonly StringBuilder _dump = new();
    private readonly List<(string Pass, int Operators)> _removed = [];
    private Graph? _graph;

    /// <summary>The graph after the passes so far.</summary>
    public Graph Graph
    {
        get => _graph ?? imported;
        private set => _graph = value;
    }

    /// <summary>The list of passes that rewrite the graph; it ends early where there are problems.</summary>
    public void Rewrite(Graph[] initializers, Problems problems, CancellationToken cancel)
    {
        void Pass(string name, Func<Graph, Graph> run)
        {
            cancel.ThrowIfCancellationRequested();
            int before = Graph.Ops.Count;
            Graph = run(Graph);
            if (Graph.Ops.Count != before) _removed.Add((name, before - Graph.Ops.Count));
            if (options.DumpPasses) _dump.Append("after ").Append(name).Append('\n').Append(Graph).Append('\n');
        }

        if (options.DumpPasses) _dump.Append("as imported\n").Append(imported).Append('\n');
        if (options.Numerics == Numerics.Xnnpack) Pass(nameof(MarkForXnnpack), MarkForXnnpack.Run);
        Pass(nameof(InitializeVariables), g => InitializeVariables.Run(g, initializers, problems));
        Pass(nameof(RemoveDropout), g => RemoveDropout.Run(g, problems));
        Pass(nameof(FoldConstants), g => FoldConstants.Run(g, problems));
        if (!problems.Any) CheckContracts.Run(Graph, problems);
        if (problems.Any) return;

        Pass(nameof(DropUnread), DropUnread.Run);
        if (!options.KeepTensors) Pass(nameof(RemoveIdentities), RemoveIdentities.Run);
        if (!options.KeepTensors) Pass(nameof(MergeEqual), MergeEqual.Run);
        if (!options.KeepTensors) Pass(nameof(MoveTransposes), MoveTransposes.Run);
        if (!options.KeepTensors) Pass(nameof(DropUnread), DropUnread.Run);
        if (!options.KeepTensors) Pass(nameof(SliceReadPieces), SliceReadPieces.Run);
        Pass(nameof(RebaseUInt8), RebaseUInt8.Run);
        if (!options.KeepTensors) Pass(nameof(FusePad), FusePad.Run);
        if (!options.KeepTensors) Pass(nameof(FuseActivation), FuseActivation.Run);
        Pass(nameof(TabulateUnary), g => TabulateUnary.Run(g, options.KeepTensors));
        if (!options.KeepTensors) Pass(nameof(ConstantChannels), g => ConstantChannels.Run(g, options.Vectors));
        if (!options.KeepTensors) Pass(nameof(RemoveViews), RemoveViews.Run);
        if (!options.KeepTensors) Pass(nameof(ShareVariables), ShareVariables.Run);
    }

    /// <summary>Chooses kernels and plans the arena; then every number is decided.</summary>
    public CompiledModel Compile(ModelFile file, TunedKernels tuned, StatePlan state, ModelMetadata metadata, Problem[] warnings, CancellationToken cancel)
    {
        Layer[] filed = [.. Graph.Ops.Select(op =>
        {
            cancel.ThrowIfCancellationRequested();
            return op.SelectKernel(Graph, tuned.Of(op, options));
        })];
        (Graph graph, IReadOnlyList<Layer> layers, Schedule schedule) = ChooseSchedule.Run(Graph, filed, state, options);
        Layer[] scheduled = [.. schedule.Steps.SelectMany(step => step.Layers)];
        if (scheduled.Length < filed.Length) _removed.Add((nameof(ShareParts), filed.Length - scheduled.Length));
        return new CompiledModel(file, options, default)
        {
            Metadata = metadata,
            Warnings = warnings,
            Inputs = imported.Inputs.Select(id => imported[id]).ToArray(),
            Outputs = imported.Outputs.Select(id => imported[id]).ToArray(),
            Filed = imported,
            Graph = graph,
            Layers = scheduled,
            IsStateful = state.Bytes > 0,
            State = state,
            Steps = schedule.Steps,
            Plan = schedule.Plan,
            Push = RowPush.Of(graph, schedule, state),
            Cost = WithSize(file, state, ChooseStreaming.Cost(file, graph, layers, schedule, state, options)),
            Measures = MeasureCost.Measure(imported, graph, scheduled, schedule.Plan, state, options) with
            {
                Removed = _removed.GroupBy(step => step.Pass).Select(steps => (steps.Key, steps.Sum(step => step.Operators))).ToArray(),
            },
            Dump = _dump.ToString(),
        };
    }

    // A model above its flash budget says what the smallest code would make of it.
    private ModelCost WithSize(ModelFile file, StatePlan state, ModelCost cost)
    {
        if (!(cost.Flash > options.MaxFlash) || options.Preset == Preset.Size) return cost;
        CompileOptions small = options with { Preset = Preset.Size };
        Layer[] layers = [.. Graph.Ops.Select(op => op.SelectKernel(Graph, small))];
        (Graph graph, _, Schedule schedule) = ChooseSchedule.Run(Graph, layers, state, small);
        long flash = MeasureCost.Run(file, graph, schedule, state).Flash;
        return flash < cost.Flash ? cost with { FlashWithSize = flash } : cost;
    }
}
