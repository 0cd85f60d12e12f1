using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Runtime.Loader;
using System.Threading;
using Etch.Emit;
using Etch.Ir;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Etch.Tune;

/// <summary>A model compiled with one kernel for all layers, and the least time of each layer so far.</summary>
internal sealed class Candidate
{
    /// <summary>Runs the model once; the ticks at which each layer ended go into the array.</summary>
    private delegate void Inference(byte[][] inputs, byte[][] outputs, byte[] arena, byte[] state, long[] ends);

    private readonly Inference _run;
    private readonly byte[][] _inputs, _outputs;
    private readonly byte[] _arena, _state;
    private readonly long[] _ends, _least;

    /// <exception cref="InvalidDataException">The emitted code does not compile: a defect of Etch.</exception>
    public Candidate(string kernel, CompiledModel model, CancellationToken cancel)
    {
        Kernel = kernel;
        Model = model;
        _run = Load(model, cancel);
        var random = new Random(1);
        _inputs = [.. model.Inputs.Select(t => Draw(random, t))];
        _outputs = [.. model.Outputs.Select(t => new byte[t.ByteCount])];
        _arena = new byte[model.Cost.Arena];
        _state = new byte[model.Cost.State];
        _ends = new long[model.Layers.Count];
        _least = [.. Enumerable.Repeat(long.MaxValue, model.Layers.Count)];
    }

    public string Kernel { get; }

    public CompiledModel Model { get; }

    /// <summary>The output bytes of the last inference.</summary>
    public IReadOnlyList<byte[]> Outputs => _outputs;

    /// <summary>Ticks of the first inferences, which the JIT disturbs, are forgotten.</summary>
    public void Forget() => Array.Fill(_least, long.MaxValue);

    /// <summary>Runs the model for about so many ticks and keeps the least time of each layer.</summary>
    public void Measure(long ticks)
    {
        long until = Stopwatch.GetTimestamp() + ticks;
        do
        {
            long start = Stopwatch.GetTimestamp();
            _run(_inputs, _outputs, _arena, _state, _ends);
            for (int i = 0; i < _ends.Length; i++)
            {
                _least[i] = Math.Min(_least[i], _ends[i] - start);
                start = _ends[i];
            }
        }
        while (Stopwatch.GetTimestamp() < until);
    }

    /// <summary>The microseconds of each layer, by its first output tensor.</summary>
    public IEnumerable<(int Tensor, double Microseconds)> Times() =>
        Model.Layers.Select((layer, i) => (layer.Op.Outputs[0], _least[i] * 1e6 / Stopwatch.Frequency));

    // Floats stay small; of other types any bytes are values.
    private static byte[] Draw(Random random, Tensor tensor)
    {
        byte[] bytes = new byte[tensor.ByteCount];
        if (tensor.Type == ElementType.Float32)
        {
            for (int i = 0; i < bytes.Length; i += 4) BitConverter.TryWriteBytes(bytes.AsSpan(i), random.NextSingle());
        }
        else
        {
            random.NextBytes(bytes);
        }

        return bytes;
    }

    private static Inference Load(CompiledModel model, CancellationToken cancel)
    {
        string[] sources = [SurfaceWriter.Write(model), LayersWriter.Write(model), ConstantsWriter.Write(model), Clock(model)];
        IEnumerable<MetadataReference> references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path) is var name && (name.StartsWith("System.", StringComparison.Ordinal) || name == "Etch.Runtime.dll"))
            .Select(path => MetadataReference.CreateFromFile(path));
        CSharpCompilation compilation = CSharpCompilation.Create(
            "Tuned", sources.Select(source => CSharpSyntaxTree.ParseText(source, new CSharpParseOptions(LanguageVersion.CSharp12), cancellationToken: cancel)), references,
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release, nullableContextOptions: NullableContextOptions.Enable));
        using var image = new MemoryStream();
        var result = compilation.Emit(image, cancellationToken: cancel);
        if (!result.Success) throw new InvalidDataException(string.Join("\n", result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Take(5)));
        image.Position = 0;
        return new AssemblyLoadContext(null).LoadFromStream(image).GetType("Clock")!.GetMethod("Run")!.CreateDelegate<Inference>();
    }

    // The other half of the partial class stops the clock after each layer.
    private static string Clock(CompiledModel model)
    {
        string Cast(Tensor tensor, string array) => $"MemoryMarshal.Cast<byte, {tensor.Type.Keyword()}>({array}.AsSpan())";
        string name = model.Options.ClassName;
        IEnumerable<string> arguments =
        [
            .. model.Inputs.Select((t, i) => Cast(t, $"inputs[{i}]")),
            .. model.Outputs.Select((t, i) => Cast(t, $"outputs[{i}]")),
            "MemoryMarshal.Cast<byte, sbyte>(arena.AsSpan())",
            .. model.IsStateful ? ["MemoryMarshal.Cast<byte, sbyte>(state.AsSpan())"] : Array.Empty<string>(),
        ];
        return $$"""
            using System;
            using System.Diagnostics;
            using System.Runtime.InteropServices;

            public static partial class {{name}}
            {
                static partial void AfterLayer(int layer) => Clock.Ends[layer] = Stopwatch.GetTimestamp();
            }

            public static class Clock
            {
                public static long[] Ends = [];

                public static void Run(byte[][] inputs, byte[][] outputs, byte[] arena, byte[] state, long[] ends)
                {
                    Ends = ends;
                    {{(model.IsStateful ? $"{name}.ResetState(MemoryMarshal.Cast<byte, sbyte>(state.AsSpan()));" : "")}}
                    {{name}}.Invoke({{string.Join(", ", arguments)}});
                }
            }
            """;
    }
}
