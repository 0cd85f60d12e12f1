using System;
using System.Linq;
using System.Text;
using System.Threading;
using Etch.Diagnostics;
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
        CompiledModel Failed() => new(file, options, problems.ToArray()) { Inputs = model.Inputs, Outputs = model.Outputs, IsStateful = model.IsStateful };
        if (model.Graph is not { } imported) return Failed();

        Graph graph = imported;
        var dump = new StringBuilder();
        void Pass(string name, Func<Graph, Graph> run)
        {
            cancel.ThrowIfCancellationRequested();
            graph = run(graph);
            if (options.DumpPasses) dump.Append("after ").Append(name).Append('\n').Append(graph).Append('\n');
        }

        if (options.DumpPasses) dump.Append("as imported\n").Append(imported).Append('\n');
        Pass(nameof(InitializeVariables), g => InitializeVariables.Run(g, model.Initializers, problems));
        Pass(nameof(FoldConstants), g => FoldConstants.Run(g, problems));
        if (!problems.Any) CheckContracts.Run(graph, problems);
        if (problems.Any) return Failed();

        Pass(nameof(DropUnread), DropUnread.Run);
        Pass(nameof(RebaseUInt8), RebaseUInt8.Run);
        if (!options.KeepTensors) Pass(nameof(FusePad), FusePad.Run);
        if (!options.KeepTensors) Pass(nameof(FuseActivation), FuseActivation.Run);
        Pass(nameof(TabulateUnary), TabulateUnary.Run);
        if (!options.KeepTensors) Pass(nameof(ConstantChannels), ConstantChannels.Run);
        if (!options.KeepTensors) Pass(nameof(RemoveViews), RemoveViews.Run);
        if (!options.KeepTensors) Pass(nameof(ShareVariables), ShareVariables.Run);

        Layer[] layers = [.. graph.Ops.Select(op =>
        {
            cancel.ThrowIfCancellationRequested();
            return op.SelectKernel(graph, options);
        })];
        StatePlan state = PlanState.Run(graph);
        ArenaPlan plan = PlanArena.Run(graph, layers, state, options);
        return new CompiledModel(file, options, default)
        {
            Inputs = model.Inputs,
            Outputs = model.Outputs,
            Filed = imported,
            Graph = graph,
            Layers = layers,
            IsStateful = state.Bytes > 0,
            State = state,
            Plan = plan,
            Cost = MeasureCost.Run(file, graph, layers, plan, state),
            Measures = MeasureCost.Measure(imported, graph, layers, plan, state),
            Dump = dump.ToString(),
        };
    }
}
