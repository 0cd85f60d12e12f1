using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Etch.CodeFixes;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;
using Xunit;

namespace Etch.Analyzers.Tests;

/// <summary>One project in memory: a user's source beside a hand-written generated class, the model's file and the project's options.</summary>
/// <remarks>The source marks with <c>[|…|]</c> where diagnostics are expected, in the order of their positions.</remarks>
internal sealed class Harness(string markedSource)
{
    private static readonly MetadataReference[] References =
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(path => MetadataReference.CreateFromFile(path))];

    private static readonly DiagnosticAnalyzer[] Analyzers = [new BudgetAnalyzer(), new ArenaUseAnalyzer()];

    private static readonly CodeFixProvider[] Fixes = [new ModelOptionFix(), new RaiseBudgetFix(), new BufferLengthFix()];

    /// <summary>The class that a generator would have written; the user's source may add a part to it.</summary>
    public string Generated { get; init; } = "";

    /// <summary>The additional files; <see cref="Metadata"/> belongs to the first.</summary>
    public string[] Models { get; init; } = ["/project/Models/keywords.tflite"];

    /// <summary><c>build_property.…</c> of the project.</summary>
    public Dictionary<string, string> Properties { get; init; } = [];

    /// <summary><c>build_metadata.…</c> of the first model's item.</summary>
    public Dictionary<string, string> Metadata { get; init; } = [];

    /// <summary>What analyzers report, by position. Sources that do not compile and analyzers that throw fail the test.</summary>
    public async Task<IReadOnlyList<Diagnostic>> Diagnose()
    {
        using var workspace = new AdhocWorkspace();
        return await Diagnose(Project(workspace, Parse().Source));
    }

    /// <summary>Expects one diagnostic at every mark, each with its id and message, and none elsewhere.</summary>
    public async Task Expect(params (string Id, string Message)[] expected)
    {
        IReadOnlyList<Diagnostic> actual = await Diagnose();
        Assert.Equal(expected, actual.Select(d => (d.Id, d.GetMessage())));
        Assert.Equal(Parse().Marks, actual.Select(d => d.Location.SourceSpan));
        Assert.All(actual, d => Assert.True(d.Location.IsInSource));
    }

    /// <summary>Expects nothing.</summary>
    public Task ExpectNone() => Expect();

    /// <summary>Applies the fix of the first diagnostic that has one, until none has; returns the user's source.</summary>
    public async Task<(string Source, string[] Titles)> Fix()
    {
        using var workspace = new AdhocWorkspace();
        Project project = Project(workspace, Parse().Source);
        var titles = new List<string>();
        while (await NextAction(project) is { } action)
        {
            Assert.True(titles.Count < 20, "the fixes do not come to an end");
            titles.Add(action.Title);
            ApplyChangesOperation change = (await action.GetOperationsAsync(CancellationToken.None)).OfType<ApplyChangesOperation>().Single();
            project = change.ChangedSolution.GetProject(project.Id)!;
        }

        return ((await project.Documents.First().GetTextAsync()).ToString(), [.. titles]);
    }

    /// <summary>Applies the first fix of the first diagnostic that has one; returns the user's source.</summary>
    public async Task<string> FixOnce()
    {
        using var workspace = new AdhocWorkspace();
        Project project = Project(workspace, Parse().Source);
        ApplyChangesOperation change = (await (await NextAction(project))!.GetOperationsAsync(CancellationToken.None)).OfType<ApplyChangesOperation>().Single();
        return (await change.ChangedSolution.GetProject(project.Id)!.Documents.First().GetTextAsync()).ToString();
    }

    /// <summary>Applies the fix of every diagnostic of an id at once; returns the user's source.</summary>
    public async Task<string> FixAll(string id)
    {
        using var workspace = new AdhocWorkspace();
        Project project = Project(workspace, Parse().Source);
        CodeFixProvider fix = Fixes.Single(fix => fix is not ModelOptionFix && fix.FixableDiagnosticIds.Contains(id));
        var context = new FixAllContext(
            project.Documents.First(), fix, FixAllScope.Document, fix.GetType().Name, [id], new Found(await Diagnose(project)), CancellationToken.None);
        CodeAction action = (await fix.GetFixAllProvider()!.GetFixAsync(context))!;
        ApplyChangesOperation change = (await action.GetOperationsAsync(CancellationToken.None)).OfType<ApplyChangesOperation>().Single();
        return (await change.ChangedSolution.GetProject(project.Id)!.Documents.First().GetTextAsync()).ToString();
    }

    /// <summary>What analyzers report for a source that need not compile, as while somebody types.</summary>
    public async Task<ImmutableArray<Diagnostic>> DiagnoseUnfinished()
    {
        using var workspace = new AdhocWorkspace();
        return await Analyze((await Project(workspace, markedSource).GetCompilationAsync())!);
    }

    private async Task<CodeAction?> NextAction(Project project)
    {
        Document user = project.Documents.First();
        foreach (Diagnostic diagnostic in await Diagnose(project))
        {
            CodeAction? action = null;
            var context = new CodeFixContext(user, diagnostic, (found, _) => action ??= found, CancellationToken.None);
            foreach (CodeFixProvider fix in Fixes.Where(fix => fix.FixableDiagnosticIds.Contains(diagnostic.Id))) await fix.RegisterCodeFixesAsync(context);
            if (action is not null) return action;
        }

        return null;
    }

    private async Task<IReadOnlyList<Diagnostic>> Diagnose(Project project)
    {
        Compilation compilation = (await project.GetCompilationAsync())!;
        Assert.Empty(compilation.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error));
        ImmutableArray<Diagnostic> found = await Analyze(compilation);
        return [.. found.OrderBy(d => d.Location.SourceSpan.Start).ThenBy(d => d.Id)];
    }

    private Task<ImmutableArray<Diagnostic>> Analyze(Compilation compilation)
    {
        var options = new AnalyzerOptions(
            [.. Models.Select(path => new ModelText(path))], new Options(Properties, path => path == Models[0] ? Metadata : []));
        return compilation.WithAnalyzers([.. Analyzers], options).GetAnalyzerDiagnosticsAsync();
    }

    private Project Project(AdhocWorkspace workspace, string source)
    {
        Project project = workspace.AddProject("Test", LanguageNames.CSharp)
            .WithCompilationOptions(new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true))
            .WithParseOptions(new CSharpParseOptions(LanguageVersion.CSharp12))
            .WithMetadataReferences(References);
        project = project.AddDocument("User.cs", source, filePath: "/project/User.cs").Project;
        return project.AddDocument("Keywords.g.cs", "// <auto-generated/>\n" + Generated, filePath: "/project/Keywords.g.cs").Project;
    }

    private (string Source, TextSpan[] Marks) Parse()
    {
        var marks = new List<TextSpan>();
        string[] parts = markedSource.Split("[|");
        string source = parts[0];
        foreach (string part in parts.Skip(1))
        {
            int end = part.IndexOf("|]", StringComparison.Ordinal);
            marks.Add(new TextSpan(source.Length, end));
            source += part.Remove(end, 2);
        }

        return (source, [.. marks]);
    }

    /// <summary>A binary file: asking for its text is a mistake, as it is an error in a build.</summary>
    private sealed class ModelText(string path) : AdditionalText
    {
        public override string Path => path;

        public override SourceText GetText(CancellationToken cancellationToken = default) => throw new InvalidOperationException("binary");
    }

    private sealed class Found(IReadOnlyList<Diagnostic> diagnostics) : FixAllContext.DiagnosticProvider
    {
        public override Task<IEnumerable<Diagnostic>> GetAllDiagnosticsAsync(Project project, CancellationToken cancellationToken) =>
            Task.FromResult<IEnumerable<Diagnostic>>(diagnostics);

        public override Task<IEnumerable<Diagnostic>> GetDocumentDiagnosticsAsync(Document document, CancellationToken cancellationToken) =>
            Task.FromResult<IEnumerable<Diagnostic>>(diagnostics);

        public override Task<IEnumerable<Diagnostic>> GetProjectDiagnosticsAsync(Project project, CancellationToken cancellationToken) =>
            Task.FromResult<IEnumerable<Diagnostic>>([]);
    }

    private sealed class Options(Dictionary<string, string> properties, Func<string, Dictionary<string, string>> metadata)
        : AnalyzerConfigOptionsProvider
    {
        public override AnalyzerConfigOptions GlobalOptions => new ConfigOptions(properties);

        public override AnalyzerConfigOptions GetOptions(SyntaxTree tree) => new ConfigOptions([]);

        public override AnalyzerConfigOptions GetOptions(AdditionalText textFile) => new ConfigOptions(metadata(textFile.Path));
    }

    private sealed class ConfigOptions(Dictionary<string, string> values) : AnalyzerConfigOptions
    {
        public override bool TryGetValue(string key, out string value) => values.TryGetValue(key, out value!);
    }
}
