using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using System.Text;
using System.Threading;
using Etch.Diagnostics;
using Etch.Emit;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Etch.Generator;

/// <summary>The pipeline from a project's .tflite files to sources and diagnostics. Nothing in it throws.</summary>
/// <remarks>
/// What decides the emitted code travels in <see cref="Job"/>, compared by value: a model is compiled again when its bytes or its options
/// change and for no other reason. Where diagnostics are shown travels beside it in <see cref="Place"/> and meets the problems at the very
/// end, so that typing above an attribute moves a squiggle and compiles nothing.
/// </remarks>
[Generator(LanguageNames.CSharp)]
public sealed class ModelGenerator : IIncrementalGenerator
{
    /// <inheritdoc/>
    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValuesProvider<AdditionalText> texts = ModelTexts(context);
        IncrementalValuesProvider<ModelItem> items = texts.Combine(context.AnalyzerConfigOptionsProvider)
            .Select(static (x, _) => ModelItem.Read(x.Left, x.Right)).WithTrackingName(Steps.Item);
        IncrementalValueProvider<ImmutableArray<TextFile>> labels = context.AdditionalTextsProvider.Combine(items.Collect())
            .Where(static x => x.Right.Any(item => item.IsLabelledBy(x.Left.Path)))
            .Select(static (x, cancel) => TextFile.Read(x.Left, cancel)).Collect();
        IncrementalValueProvider<ImmutableArray<TextFile>> schedules = context.AdditionalTextsProvider
            .Where(static text => text.Path.EndsWith(ModelItem.ScheduleExtension, StringComparison.OrdinalIgnoreCase))
            .Select(TextFile.Read).Collect();
        IncrementalValuesProvider<ModelFile> files = texts
            .Select(static (text, _) => ModelFile.Read(text.Path)).WithTrackingName(Steps.Read)
            .Combine(items.Collect()).Combine(labels.Combine(schedules)).Select(static (x, _) => WithTexts(x.Left.Left, x.Left.Right, x.Right.Left, x.Right.Right));
        IncrementalValueProvider<ProjectSettings> project = context.AnalyzerConfigOptionsProvider.Combine(context.CompilationProvider)
            .Select(static (x, _) => ProjectSettings.Read(x.Left.GlobalOptions, x.Right.Options.CheckOverflow)).WithTrackingName(Steps.Project);

        IncrementalValuesProvider<(Declaration Declaration, Place Place)> classes = context.SyntaxProvider
            .ForAttributeWithMetadataName(Declaration.Attribute, Declaration.IsCandidate, Declaration.Read);
        IncrementalValuesProvider<Declaration> declarations = classes
            .Select(static (x, _) => x.Declaration).WithTrackingName(Steps.Declare);
        IncrementalValueProvider<ImmutableArray<Place>> places = classes
            .Select(static (x, _) => x.Place).WithTrackingName(Steps.Locate).Collect();

        IncrementalValueProvider<Budgets> budgets = items.Collect().Combine(project)
            .Combine(context.SyntaxProvider.ForAttributeWithMetadataName(
                DeclaredBudget.Attribute, Declaration.IsCandidate, DeclaredBudget.Read).Collect())
            .Select(static (x, _) => Budgets.Of(x.Left.Left, x.Left.Right, x.Right)).WithTrackingName(Steps.Limit);

        IncrementalValueProvider<Pairing> pairing = items.Collect().Combine(declarations.Collect()).Combine(project)
            .Select(static (x, _) => Pairing.Of(x.Left.Left, x.Left.Right, x.Right)).WithTrackingName(Steps.Pair);
        IncrementalValuesProvider<CompiledModel> compiled = files.Combine(pairing)
            .SelectMany(static (x, _) => x.Right.JobsOf(x.Left)).WithTrackingName(Steps.Job)
            .Select(static (job, cancel) => Compile(job, cancel)).WithTrackingName(Steps.Compile);
        IncrementalValuesProvider<CompiledModel> orphans = pairing
            .SelectMany(static (x, _) => x.Orphans).Select(static (orphan, _) => orphan.Fail());

        context.RegisterSourceOutput(
            items.Combine(labels), static (c, x) => Report(c, Unlabelled(x.Left, x.Right) is { } finding ? [finding] : [], ImmutableArray<Place>.Empty));
        context.RegisterSourceOutput(pairing.Combine(places), static (c, x) => Report(c, x.Left.Findings, x.Right));
        context.RegisterSourceOutput(compiled.Combine(places), static (c, x) => Report(c, Findings(x.Left), x.Right));
        context.RegisterSourceOutput(compiled, static (c, model) => Write(c, model, "g.cs", SurfaceWriter.Write));
        context.RegisterSourceOutput(orphans, static (c, model) => Write(c, model, "g.cs", SurfaceWriter.Write));
        IncrementalValuesProvider<CompiledModel> succeeded = compiled.Where(static model => model.Succeeded);
        context.RegisterSourceOutput(succeeded.Combine(budgets), static (c, x) => Report(c, x.Right.Check(x.Left), ImmutableArray<Place>.Empty));
        context.RegisterImplementationSourceOutput(succeeded, static (c, model) => Write(c, model, "Layers.g.cs", LayersWriter.Write));
        context.RegisterImplementationSourceOutput(succeeded, static (c, model) => Write(c, model, "Constants.g.cs", ConstantsWriter.Write));
        context.RegisterImplementationSourceOutput(
            succeeded.Where(static model => model.Options.DumpPasses), static (c, model) => Write(c, model, "Passes.g.cs", WritePasses));
    }

    /// <summary>The project's .tflite files, each path once: it may be listed as AdditionalFiles and as EtchModel.</summary>
    private static IncrementalValuesProvider<AdditionalText> ModelTexts(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValuesProvider<AdditionalText> listed = context.AdditionalTextsProvider
            .Where(static text => text.Path.EndsWith(".tflite", StringComparison.OrdinalIgnoreCase));
        return listed.Combine(listed.Collect())
            .Where(static x => x.Left == x.Right.First(other => other.Path == x.Left.Path))
            .Select(static (x, _) => x.Left);
    }

    private static ModelFile WithTexts(ModelFile file, ImmutableArray<ModelItem> items, ImmutableArray<TextFile> labels, ImmutableArray<TextFile> schedules)
    {
        ModelItem item = items.First(item => item.Path == file.Path);
        if (labels.FirstOrDefault(text => item.IsLabelledBy(text.Path)) is { } names) file = file.WithLabels(names.Text);
        return schedules.FirstOrDefault(text => item.IsScheduledBy(text.Path)) is { } schedule ? file.WithSchedule(schedule.Text) : file;
    }

    private static Finding? Unlabelled(ModelItem item, ImmutableArray<TextFile> labels)
    {
        if (item.Labels is null || labels.Any(l => item.IsLabelledBy(l.Path))) return null;
        return new Finding(
            new Problem(Descriptors.NotUnderstood.Id, $"Labels=\"{item.Labels}\" names no file; its path counts from the project's folder"), Path: item.Path);
    }

    /// <summary>A text file of the project.</summary>
    private sealed record TextFile(string Path, string Text)
    {
        public static TextFile Read(AdditionalText text, CancellationToken cancel) => new(text.Path, text.GetText(cancel)?.ToString() ?? "");
    }

    /// <summary>Compiles a model; whatever else goes wrong becomes its problem, ETCH900.</summary>
    internal static CompiledModel Compile(Job job, CancellationToken cancel)
    {
        try
        {
            return Compiler.Compile(job.File, job.Options, cancel);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return new CompiledModel(job.File, job.Options, new[] { Internal(job.File, e) });
        }
    }

    private static void Write(SourceProductionContext context, CompiledModel model, string extension, Func<CompiledModel, string> writer)
    {
        try
        {
            context.AddSource($"{model.Options.FileName()}.{extension}", SourceText.From(writer(model), Encoding.UTF8));
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Report(context, [new Finding(Internal(model.File, e), Path: model.File.Path)], ImmutableArray<Place>.Empty);
        }
    }

    private static string WritePasses(CompiledModel model) => "// " + model.Dump.TrimEnd().Replace("\n", "\n// ") + "\n";

    private static Problem Internal(ModelFile file, Exception e)
    {
        string place = e.TargetSite is { } method ? $" in {method.DeclaringType?.Name}.{method.Name}" : "";
        string message = $"'{file.Name}' could not be compiled because of a mistake in Etch: {e.GetType().Name}{place}: {e.Message}";
        return new Problem(Ids.InternalError, message + "; please report it");
    }

    private static IEnumerable<Finding> Findings(CompiledModel model) =>
        model.Problems.Concat(model.Warnings).Select(problem => new Finding(problem, model.Options.FullName(), model.File.Path));

    /// <summary>Shows each finding at the class's attribute if there is one, otherwise at the file it is about.</summary>
    private static void Report(SourceProductionContext context, IEnumerable<Finding> findings, ImmutableArray<Place> places)
    {
        foreach (Finding finding in findings)
        {
            Place? place = finding.Place ?? places.FirstOrDefault(place => place.Class == finding.Class);
            Location location = place is not null ? place.ToLocation()
                : finding.Path is not null ? Location.Create(finding.Path, default, default)
                : Location.None;
            context.ReportDiagnostic(Diagnostic.Create(Descriptors.ById[finding.Problem.Id], location, finding.Problem.Message));
        }
    }
}

/// <summary>The names under which the pipeline's steps can be watched.</summary>
internal static class Steps
{
    public const string Read = nameof(Read);
    public const string Item = nameof(Item);
    public const string Project = nameof(Project);
    public const string Declare = nameof(Declare);
    public const string Locate = nameof(Locate);
    public const string Limit = nameof(Limit);
    public const string Pair = nameof(Pair);
    public const string Job = nameof(Job);
    public const string Compile = nameof(Compile);
}
