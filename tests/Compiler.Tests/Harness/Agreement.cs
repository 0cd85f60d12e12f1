using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Etch.Diagnostics;
using Etch.Emit;
using Etch.Ir;
using Etch.Passes;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>The reference semantics of models as filed against their emitted code, byte for byte.</summary>
internal static class Agreement
{
    // The variants of Engines that every file is checked under: Auto with vectors, and scalar.
    private const int Always = 2;

    /// <summary>Compiles every file under the first two variants, with vectors and scalar, and the first <paramref name="others"/> also under the
    /// others and with overflow checks, all in two compilations, and compares them on a random input.</summary>
    /// <remarks>Where a variant emits the very code of the first, it runs once for both.</remarks>
    public static void Check(string what, IReadOnlyList<byte[]> files, int others)
    {
        var plain = new List<(int Case, string Engine, CompiledModel Model)>();
        for (int v = 0; v < Engines.Variants.Length; v++)
        {
            (string engine, Func<CompileOptions, CompileOptions> options) = Engines.Variants[v];
            for (int i = 0; i < (v < Always ? files.Count : Math.Min(others, files.Count)); i++)
            {
                CompiledModel model = Compile(what, files[i], i, v, options);
                Plans.AssertSound(model);
                if (v == 0 || Code(model) != Code(plain[i].Model)) plain.Add((i, engine, model));
            }
        }

        (int Case, string Engine, CompiledModel Model)[] checkedOnes =
        [
            .. Enumerable.Range(0, Math.Min(others, files.Count))
                .Select(i => (i, "emitted, with overflow checks", Compile(what, files[i], i, 0, o => o with { CheckOverflow = true }))),
        ];
        Compare(what, files, plain, isChecked: false);
        Compare(what, files, checkedOnes, isChecked: true);
    }

    /// <summary>Compares models with the reference of their files on a random input, all in one compilation. A model with variables runs
    /// three times, on another input each time; one that takes rows gets them too.</summary>
    public static void Compare(
        string what, IReadOnlyList<byte[]> files, IReadOnlyList<(int Case, string Engine, CompiledModel Model)> models, bool isChecked,
        Numerics numerics = Numerics.TfliteReference)
    {
        Values[][] expected =
        [
            .. files.Select((file, i) =>
            {
                Graph graph = numerics == Numerics.Xnnpack ? MarkForXnnpack.Run(Import(file)) : Import(file);
                var inferences = new List<Values>();
                for (int step = 0; step < Steps(graph); step++) inferences.Add(Engines.Reference(graph, Inputs(i, graph, step), inferences.LastOrDefault()));
                return inferences.ToArray();
            }),
        ];
        var emitted = new EmittedModels([.. models.Select(m => m.Model)], isChecked);
        Assert.All(models, m =>
        {
            byte[] state = emitted.NewState(m.Model);
            for (int step = 0; step < expected[m.Case].Length; step++)
            {
                byte[][] inputs = Inputs(m.Case, expected[m.Case][step].Graph, step);
                Same(m.Case, step, m.Engine, m.Model, emitted.Run(m.Model, inputs, state).Outputs);
                if (m.Model.Push is not null) Same(m.Case, step, m.Engine + ", rows pushed", m.Model, emitted.Push(m.Model, inputs));
            }

            Plans.AssertSound(m.Model);
        });

        void Same(int index, int step, string engine, CompiledModel model, byte[][] actual)
        {
            Values values = expected[index][step];
            for (int k = 0; k < actual.Length; k++)
            {
                byte[] reference = values.Bytes(values.Graph.Outputs[k]);
                if (actual[k].AsSpan().SequenceEqual(reference)) continue;
                int first = Enumerable.Range(0, reference.Length).First(at => actual[k][at] != reference[at]);
                Assert.Fail(
                    $"{what}, case {index} of seed {Draw.Seed}, inference {step + 1}, {engine}: output {k} differs from the reference, " +
                    $"first at {first}: {(sbyte)actual[k][first]} instead of {(sbyte)reference[first]}\n{values.Graph}{model.Graph}");
            }
        }
    }

    /// <summary>Compiles a random model that has to compile.</summary>
    public static CompiledModel Compile(string what, byte[] file, int index, int variant, Func<CompileOptions, CompileOptions> options)
    {
        string name = $"{what}_{index}_{variant}";
        CompiledModel model = Compiler.Compile(
            new ModelFile(name + ".tflite", file), options(new CompileOptions { ClassName = Engines.ClassName(name) }), CancellationToken.None);
        Assert.True(model.Succeeded, $"{what}, case {index} of seed {Draw.Seed} does not compile: {string.Join("\n", model.Problems)}\n{Import(file)}");
        return model;
    }

    /// <summary>The graph as the file states it.</summary>
    public static Graph Import(byte[] file)
    {
        var problems = new Problems();
        ImportedModel model = TfliteImporter.Import(file, problems);
        Assert.True(model.Graph is not null, string.Join("\n", problems.ToArray().Select(p => p.Message)));
        return InitializeVariables.Run(model.Graph!, model.Initializers, problems);
    }

    private static int Steps(Graph graph) => graph.Tensors.Any(tensor => tensor.IsVariable) ? 3 : 1;

    private static byte[][] Inputs(int index, Graph graph, int step)
    {
        var draw = new Draw((uint)(1000 + index + (100_000 * step)));
        return [.. graph.Inputs.Select(id => draw.Value(graph[id]))];
    }

    // All that is emitted for a model, whatever the class is called.
    private static string Code(CompiledModel model) => string.Concat(SurfaceWriter.Write(model), LayersWriter.Write(model), ConstantsWriter.Write(model))
        .Replace(model.Options.ClassName, "Model").Replace(model.File.Name, "file");
}
