using System;
using System.IO;
using System.Linq;
using System.Threading;
using Etch.Ir;

namespace Etch.Tests;

/// <summary>The ways to compute a model that all have to agree, byte for byte.</summary>
internal static class Engines
{
    /// <summary>The options under which code is emitted: every unrolling, every tensor kept, the preset Speed, layers row by row.</summary>
    public static readonly (string Name, Func<CompileOptions, CompileOptions> Options)[] Variants =
    [
        ("emitted, Auto", o => o),
        ("emitted, Auto, scalar", o => o with { Vectors = false }),
        ("emitted, Full", o => o with { Unroll = UnrollPolicy.Full, UnrollCeiling = 1 << 20, Vectors = false }),
        ("emitted, None, inputs and outputs in the arena", o => o with { Unroll = UnrollPolicy.None, Vectors = false, InArena = true }),
        ("emitted, every tensor kept", o => o with { KeepTensors = true }),
        ("emitted, Size", o => o with { Preset = Preset.Size }),
        ("emitted, Speed", o => o with { Preset = Preset.Speed }),
        ("emitted, row by row", o => o with { Streaming = StreamingPolicy.Smallest }),
    ];

    /// <summary>Compiles a model that has to compile.</summary>
    public static CompiledModel Compile(string path, string className, Func<CompileOptions, CompileOptions>? options = null)
    {
        var basic = new CompileOptions { ClassName = className };
        CompiledModel model = Compiler.Compile(ModelFile.Read(path), options is null ? basic : options(basic), CancellationToken.None);
        Assert.True(model.Succeeded, string.Join("\n", model.Problems));
        return model;
    }

    /// <summary>Runs the reference semantics of a graph on bytes, after another inference or on variables that were reset.</summary>
    public static Values Reference(Graph graph, byte[][] inputs, Values? before = null) => Values.Run(
        graph, [.. graph.Inputs.Select((id, k) => graph[id] with { Data = inputs[k] }).Select(t => t.Type == ElementType.Float32 ? (Array)t.Floats() : t.Integers())], before);

    /// <summary>A class name of a case's.</summary>
    public static string ClassName(string name, int variant = 0) =>
        "M_" + string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_')) + (variant == 0 ? "" : $"_{variant}");

    /// <summary>The folder of files that lies beside the tests' assembly.</summary>
    public static string Vectors(params string[] parts) => Path.Combine([AppContext.BaseDirectory, "vectors", .. parts]);
}
