using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;
using Xunit;

namespace Etch.Generator.Tests;

/// <summary>A project that uses Etch, as the C# compiler sees it. Models lie in a folder of their own, deleted at the end.</summary>
/// <remarks>Edits between two runs are edits of one living project: what did not change is the same object in both runs.</remarks>
internal sealed class Consumer : IDisposable
{
    private static readonly ImmutableArray<MetadataReference> References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(static path => Path.GetFileName(path).StartsWith("System.", StringComparison.Ordinal))
            .Append(typeof(EtchModelAttribute).Assembly.Location)
            .Select(static path => MetadataReference.CreateFromFile(path)),
    ];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("etch");
    private readonly Dictionary<string, Dictionary<string, string>> _metadata = [];
    private readonly Dictionary<string, string> _properties = [];
    private CSharpCompilation _compilation = CSharpCompilation.Create(
        "Consumer", references: References, options: new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, warningLevel: 9999));

    private GeneratorDriver _driver = CSharpGeneratorDriver.Create(
        [new ModelGenerator().AsSourceGenerator()],
        parseOptions: ParseOptions,
        driverOptions: new GeneratorDriverOptions(IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true));

    private ImmutableArray<AdditionalText> _texts = [];
    private Options? _options;

    public Consumer() => Property("ProjectDir", _folder.FullName + "/").Property("RootNamespace", "App");

    /// <summary>The oldest C# that emitted code is for, in a project that writes documentation.</summary>
    private static CSharpParseOptions ParseOptions => new(LanguageVersion.CSharp12, DocumentationMode.Diagnose);

    /// <summary>Lists a model: a copy of a vector, unless the content is given.</summary>
    public Consumer Model(string path, string vector = "fc_64x10", byte[]? content = null, params (string Name, string Text)[] metadata)
    {
        string full = PathOf(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllBytes(full, content ?? Repository.Vector(vector));
        return List(path, metadata);
    }

    /// <summary>Lists a file that need not exist.</summary>
    public Consumer List(string path, params (string Name, string Text)[] metadata)
    {
        _texts = _texts.Add(new ModelText(PathOf(path)));
        return Metadata(path, metadata);
    }

    /// <summary>Gives a listed model other content, as a build or an editor would: with a new text for the path.</summary>
    public Consumer Rewrite(string path, byte[] content)
    {
        File.WriteAllBytes(PathOf(path), content);
        AdditionalText old = _texts.First(text => text.Path == PathOf(path));
        _texts = _texts.Replace(old, new ModelText(old.Path));
        return this;
    }

    public Consumer Unlist(string path)
    {
        _texts = _texts.RemoveAll(text => text.Path == PathOf(path));
        return this;
    }

    public Consumer Metadata(string path, params (string Name, string Text)[] metadata)
    {
        _metadata[PathOf(path)] = metadata.ToDictionary(static x => "build_metadata.EtchModel." + x.Name, static x => x.Text);
        return this;
    }

    public Consumer Property(string name, string text)
    {
        _properties["build_property." + name] = text;
        return this;
    }

    /// <summary>Adds a source file, or changes the one of that name.</summary>
    public Consumer Source(string text, string path = "Program.cs")
    {
        SyntaxTree tree = CSharpSyntaxTree.ParseText(text, ParseOptions, path, Encoding.UTF8);
        SyntaxTree? old = _compilation.SyntaxTrees.FirstOrDefault(tree => tree.FilePath == path);
        _compilation = old is null ? _compilation.AddSyntaxTrees(tree) : _compilation.ReplaceSyntaxTree(old, tree);
        return this;
    }

    public Consumer CheckOverflow(bool value = true)
    {
        _compilation = _compilation.WithOptions(_compilation.Options.WithOverflowChecks(value));
        return this;
    }

    /// <summary>Runs the generator as the C# compiler would after the edits since the last run.</summary>
    public Outcome Run()
    {
        _driver = _driver.ReplaceAdditionalTexts(_texts);
        var options = new Options(_properties, _metadata);
        if (_options is null || !_options.Same(options)) _options = options;
        _driver = _driver.WithUpdatedAnalyzerConfigOptions(_options);
        _driver = _driver.RunGeneratorsAndUpdateCompilation(_compilation, out Compilation output, out _);
        return new Outcome(_driver.GetRunResult().Results.Single(), output, _folder.FullName + "/");
    }

    public string PathOf(string path) => Path.Combine(_folder.FullName, path);

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>An additional file that must not be read as text: to the C# compiler that is error CS2015 on any binary file.</summary>
    private sealed class ModelText(string path) : AdditionalText
    {
        public override string Path { get; } = path;

        public override SourceText GetText(CancellationToken cancellationToken = default) => !Path.EndsWith(".tflite", StringComparison.Ordinal)
            ? SourceText.From(File.ReadAllText(Path))
            : throw new InvalidOperationException("A model was read as text.");
    }

    private sealed class Options(Dictionary<string, string> properties, Dictionary<string, Dictionary<string, string>> metadata)
        : AnalyzerConfigOptionsProvider
    {
        private readonly Dictionary<string, string> _properties = new(properties);
        private readonly Dictionary<string, Dictionary<string, string>> _metadata = new(metadata);

        public override AnalyzerConfigOptions GlobalOptions => new Values(_properties);

        public override AnalyzerConfigOptions GetOptions(SyntaxTree tree) => new Values([]);

        public override AnalyzerConfigOptions GetOptions(AdditionalText textFile) => new Values(_metadata.GetValueOrDefault(textFile.Path) ?? []);

        public bool Same(Options other) =>
            _properties.OrderBy(static x => x.Key).SequenceEqual(other._properties.OrderBy(static x => x.Key))
            && _metadata.OrderBy(static x => x.Key).SequenceEqual(other._metadata.OrderBy(static x => x.Key));
    }

    private sealed class Values(Dictionary<string, string> values) : AnalyzerConfigOptions
    {
        public override bool TryGetValue(string key, out string value)
        {
            value = values.GetValueOrDefault(key, "");
            return values.ContainsKey(key);
        }
    }
}

/// <summary>What one run of the generator left.</summary>
/// <param name="Result">The generator's own account.</param>
/// <param name="Compilation">The consumer's code with what was generated.</param>
/// <param name="Folder">The folder of the models, with a slash at the end.</param>
internal sealed record Outcome(GeneratorRunResult Result, Compilation Compilation, string Folder)
{
    public string[] Files => [.. Result.GeneratedSources.Select(static source => source.HintName)];

    /// <summary>The generator's diagnostics as <c>place: id: message</c>, the place being a file of the project with line and column.</summary>
    public string[] Diagnostics =>
    [
        .. Result.Diagnostics.Select(diagnostic =>
        {
            FileLinePositionSpan span = diagnostic.Location.GetLineSpan();
            string place = span.Path is null or "" ? "nowhere"
                : $"{span.Path.Replace(Folder, "")}({span.StartLinePosition.Line + 1},{span.StartLinePosition.Character + 1})";
            return $"{place}: {diagnostic.Id}: {diagnostic.GetMessage()}";
        }),
    ];

    /// <summary>Neither the generator nor the C# compiler has anything to say, from warnings on.</summary>
    public void AssertClean()
    {
        string complaints = string.Join('\n', Result.Diagnostics.Concat(Compilation.GetDiagnostics())
            .Where(static diagnostic => diagnostic.Severity >= DiagnosticSeverity.Warning));
        Assert.True(complaints.Length == 0, complaints);
    }

    public INamedTypeSymbol Class(string name) => Compilation.GetTypeByMetadataName(name) ?? throw new KeyNotFoundException(name);

    /// <summary>What was handed to the compiler.</summary>
    public Job[] Jobs => [.. Result.TrackedSteps[Steps.Job].SelectMany(static run => run.Outputs).Select(static output => (Job)output.Value)];

    public string Source(string hint) => Result.GeneratedSources.Single(source => source.HintName == hint).SourceText.ToString();

    /// <summary>The values of a step with the reasons of this run: <c>keywords.tflite Cached</c>.</summary>
    public string Reasons(string step) => string.Join(", ",
        from run in Result.TrackedSteps.GetValueOrDefault(step, [])
        from output in run.Outputs
        select output.Value switch
        {
            ModelFile file => $"{file.Name} {output.Reason}",
            Job job => $"{job.File.Name} {output.Reason}",
            CompiledModel model => $"{model.File.Name} {output.Reason}",
            _ => output.Reason.ToString(),
        });
}
