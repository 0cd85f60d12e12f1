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
    /// <summary>Runs a model on bytes: its inputs, its outputs, its arena, its state.</summary>
    public delegate void Runner(byte[][] inputs, byte[][] outputs, byte[] arena, byte[] state);

    private delegate void Pusher(byte[][] inputs, byte[][] outputs, byte[] rows, bool isFirst);

    private static readonly MetadataReference[] References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path) is var name && (name.StartsWith("System.", StringComparison.Ordinal) || name is "Etch.Runtime.dll"))
            .Select(path => MetadataReference.CreateFromFile(path)),
    ];

    private readonly Dictionary<CompiledModel, Runner> _runners = [];
    private readonly Dictionary<CompiledModel, Action<byte[]>> _resets = [];
    private readonly Dictionary<CompiledModel, Pusher> _pushers = [];

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
            Type runner = assembly.GetType($"{Prefix(model)}{model.Options.ClassName}Runner")!;
            _runners[model] = runner.GetMethod("Run")!.CreateDelegate<Runner>();
            _resets[model] = runner.GetMethod("Reset")!.CreateDelegate<Action<byte[]>>();
            if (model.Push is not null) _pushers[model] = runner.GetMethod("Push")!.CreateDelegate<Pusher>();
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

    /// <summary>A state that held garbage and was reset.</summary>
    public byte[] NewState(CompiledModel model)
    {
        byte[] state = Enumerable.Repeat((byte)0xC3, (int)model.Cost.State).ToArray();
        Reset(model, state);
        return state;
    }

    public void Reset(CompiledModel model, byte[] state) => _resets[model](state);

    /// <summary>Invokes a model; the arena holds garbage at first.</summary>
    /// <param name="state">What the model remembers; null: it has no past.</param>
    /// <returns>The outputs' bytes, and the arena afterwards.</returns>
    public (byte[][] Outputs, byte[] Arena) Run(CompiledModel model, byte[][] inputs, byte[]? state = null)
    {
        byte[][] outputs = [.. model.Outputs.Select(t => Enumerable.Repeat((byte)0x5A, t.ByteCount).ToArray())];
        byte[] arena = Enumerable.Repeat((byte)0xA5, (int)model.Cost.Arena).ToArray();
        _runners[model](inputs, outputs, arena, state ?? NewState(model));
        return (outputs, arena);
    }

    /// <summary>Hands a model its input row by row; the memory holds garbage at first, and two images go through it.</summary>
    /// <returns>The outputs' bytes after the second image.</returns>
    public byte[][] Push(CompiledModel model, byte[][] inputs)
    {
        byte[][] outputs = [.. model.Outputs.Select(t => Enumerable.Repeat((byte)0x5A, t.ByteCount).ToArray())];
        byte[] rows = Enumerable.Repeat((byte)0xA5, model.Push!.Bytes).ToArray();
        _pushers[model]([[.. inputs[0].Reverse()]], outputs, rows, true);
        _pushers[model](inputs, outputs, rows, false);
        return outputs;
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
        (Names.Port[] inputs, Names.Port[] outputs) = SurfaceWriter.Ports(model);
        string name = model.Options.ClassName;
        bool inArena = model.Options.InArena;
        IEnumerable<string> arguments = inArena
            ? [Bytes("arena"), .. model.IsStateful ? [Bytes("state")] : Array.Empty<string>()]
            :
        [
            .. model.Inputs.Select((t, i) => Span(t, $"inputs[{i}].AsSpan()")),
            .. model.Outputs.Select((t, i) => Span(t, $"outputs[{i}].AsSpan()")),
            Bytes("arena"),
            .. model.IsStateful ? [Bytes("state")] : Array.Empty<string>(),
        ];
        static string Bytes(string array) => $"System.Runtime.InteropServices.MemoryMarshal.Cast<byte, sbyte>({array}.AsSpan())";
        string reset = model.IsStateful ? $"{model.Options.ClassName}.ResetState({Bytes("state")});" : "";
        string before = !inArena ? "" : string.Concat(inputs.Select((p, i) => $"{Span(p.Tensor, $"inputs[{i}].AsSpan()")}.CopyTo({name}.{p.Prefix}Span({Bytes("arena")}));\n"));
        string after = !inArena ? "" : string.Concat(outputs.Select((p, i) => $"{name}.{p.Prefix}Span({Bytes("arena")}).CopyTo({Span(p.Tensor, $"outputs[{i}].AsSpan()")});\n"));
        string spans = string.Concat(model.Outputs.Select((t, i) => Span(t, $"outputs[{i}].AsSpan()") + ", "));
        string push = model.Push is not { } p ? "" : $$"""

                public static void Push(byte[][] inputs, byte[][] outputs, byte[] rows, bool isFirst)
                {
                    System.Span<sbyte> memory = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, sbyte>(rows.AsSpan());
                    System.Span<{{p.Type.Keyword()}}> image = {{Span(model.Inputs[0], "inputs[0].AsSpan()")}};
                    if (isFirst) {{model.Options.ClassName}}.ResetRows(memory);
                    for (int y = 0; y < {{p.Rows}}; y++)
                    {
                        bool isDone = {{model.Options.ClassName}}.PushRow(image.Slice(y * {{p.RowLength}}, {{p.RowLength}}), {{spans}}memory);
                        if (isDone != (y == {{p.Rows - 1}})) throw new System.InvalidOperationException("the last row is not the last");
                    }
                }
            """;
        string body = $$"""
            internal static class {{model.Options.ClassName}}Runner
            {
                public static void Run(byte[][] inputs, byte[][] outputs, byte[] arena, byte[] state)
                {
                    {{before}}
                    {{name}}.Invoke({{string.Join(", ", arguments)}});
                    {{after}}
                }

                public static void Reset(byte[] state)
                {
                    {{reset}}
                }
            {{push}}
            }
            """;
        return model.Options.Namespace.Length == 0 ? "using System;\n" + body : $"using System;\nnamespace {model.Options.Namespace};\n" + body;
    }
}
