using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.Loader;
using System.Text;
using Etch.Emit;
using Etch.Ir;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Etch.Tests;

/// <summary>The emitted code of models, compiled as a consumer would in one compilation, and loaded.</summary>
internal sealed class EmittedModels
{
    /// <summary>Runs a model on bytes: its inputs, its outputs, its arena.</summary>
    public delegate void Runner(byte[][] inputs, byte[][] outputs, byte[] arena);

    private static readonly MetadataReference[] References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path) is var name && (name.StartsWith("System.", StringComparison.Ordinal) || name is "Etch.Runtime.dll"))
            .Select(path => MetadataReference.CreateFromFile(path)),
    ];

    private readonly Dictionary<CompiledModel, Runner> _runners = [];

    /// <summary>Compiles with C# 12, nullable, every warning an error; <paramref name="isChecked"/> with overflow checks.</summary>
    public EmittedModels(IReadOnlyList<CompiledModel> models, bool isChecked)
    {
        IEnumerable<string> sources = models.SelectMany(m => new[]
        {
            SurfaceWriter.Write(m), LayersWriter.Write(m), ConstantsWriter.Write(m), RunnerSource(m),
        });
        using MemoryStream image = Compile(sources, isChecked);
        var assembly = new AssemblyLoadContext("emitted", isCollectible: true).LoadFromStream(image);
        foreach (CompiledModel model in models)
        {
            _runners[model] = assembly.GetType($"{Prefix(model)}{model.Options.ClassName}Runner")!.GetMethod("Run")!.CreateDelegate<Runner>();
        }
    }

    /// <summary>Compiles emitted files as the constructor does, to an assembly's image.</summary>
    public static MemoryStream Compile(IEnumerable<string> sources, bool isChecked)
    {
        var parse = new CSharpParseOptions(LanguageVersion.CSharp12, DocumentationMode.Diagnose);
        var options = new CSharpCompilationOptions(
            OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release, checkOverflow: isChecked,
            generalDiagnosticOption: ReportDiagnostic.Error, warningLevel: 9999, nullableContextOptions: NullableContextOptions.Enable);

        CSharpCompilation compilation = CSharpCompilation.Create(
            "Emitted", sources.Select(s => CSharpSyntaxTree.ParseText(s, parse, encoding: Encoding.UTF8)), References, options);
        var image = new MemoryStream();
        var result = compilation.Emit(image);
        if (!result.Success)
        {
            IEnumerable<string> errors = result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).GroupBy(d => d.Id).Take(5).Select(Describe);
            Assert.Fail($"emitted code does not compile, {result.Diagnostics.Length} diagnostics:\n{string.Join("\n", errors)}");
        }

        image.Position = 0;
        return image;
    }

    /// <summary>Invokes a model; the arena holds garbage at first.</summary>
    /// <returns>The outputs' bytes, and the arena afterwards.</returns>
    public (byte[][] Outputs, byte[] Arena) Run(CompiledModel model, byte[][] inputs)
    {
        byte[][] outputs = [.. model.Outputs.Select(t => Enumerable.Repeat((byte)0x5A, t.ByteCount).ToArray())];
        byte[] arena = Enumerable.Repeat((byte)0xA5, (int)model.Cost.Arena).ToArray();
        _runners[model](inputs, outputs, arena);
        return (outputs, arena);
    }

    private static string Describe(IGrouping<string, Diagnostic> errors)
    {
        Diagnostic error = errors.First();
        Microsoft.CodeAnalysis.Text.TextLineCollection? lines = error.Location.SourceTree?.GetText().Lines;
        return $"{error}\n{lines?[error.Location.GetLineSpan().StartLinePosition.Line]}";
    }

    private static string Prefix(CompiledModel model) => model.Options.Namespace.Length == 0 ? "" : model.Options.Namespace + ".";

    private static string RunnerSource(CompiledModel model)
    {
        static string Span(Tensor tensor, string array) => $"System.Runtime.InteropServices.MemoryMarshal.Cast<byte, {tensor.Type.Keyword()}>({array})";
        IEnumerable<string> arguments =
        [
            .. model.Inputs.Select((t, i) => Span(t, $"inputs[{i}].AsSpan()")),
            .. model.Outputs.Select((t, i) => Span(t, $"outputs[{i}].AsSpan()")),
            "System.Runtime.InteropServices.MemoryMarshal.Cast<byte, sbyte>(arena.AsSpan())",
        ];
        string body = $$"""
            internal static class {{model.Options.ClassName}}Runner
            {
                public static void Run(byte[][] inputs, byte[][] outputs, byte[] arena) =>
                    {{model.Options.ClassName}}.Invoke({{string.Join(", ", arguments)}});
            }
            """;
        return model.Options.Namespace.Length == 0 ? "using System;\n" + body : $"using System;\nnamespace {model.Options.Namespace};\n" + body;
    }
}
