using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading;
using Etch.Emit;
using Etch.Ir;
using Xunit.Abstractions;

namespace Etch.Tests;

/// <summary>Damaged and hostile files: never an exception, a hang or a flood of memory; always a problem, or a model that computes what
/// the reference computes.</summary>
public sealed partial class FuzzTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // Models up to this much work are run after a mutation, too.
    private const long MostWork = 1 << 22;

    [GeneratedRegex("^ETCH(00[23]|10[1-8])$")]
    private static partial Regex SensibleId();

    [Fact]
    public void Two_thousand_mutated_files()
    {
        var draw = new Draw(77);
        byte[][] originals = [.. Originals(draw)];
        Assert.All(originals, file => Assert.True(Compile("original", file).Succeeded));
        var files = new List<(string, byte[])>();
        for (int i = 0; files.Count < 2_000; i++)
        {
            byte[] file = originals[i % originals.Length];
            (string kind, byte[] mutated) = Mutate(draw, file);
            files.Add(($"mutation {i} of seed {Draw.Seed}: {kind}", mutated));
        }

        Judge(files);
    }

    [Fact]
    public void Hostile_files() => Judge(HostileFiles.All());

    // Vectors of several operators, and small graphs.
    private static IEnumerable<byte[]> Originals(Draw draw)
    {
        foreach (string name in new[]
        {
            "conv_3x3_s2_same", "conv_per_tensor", "concat_c", "avepool_3x3_s2_same", "add_bcast_channel", "dequantize_i8",
        })
        {
            yield return File.ReadAllBytes(Path.Combine(Engines.Vectors("ops", name), "model.tflite"));
        }

        foreach (Func<Draw, TfliteBuilder> op in OperatorCases.All.Values) yield return op(draw).Build();
        for (int i = 0; i < 8; i++) yield return RandomGraphs.Build(draw);
    }

    private static (string Kind, byte[] File) Mutate(Draw draw, byte[] original)
    {
        byte[] file = [.. original];

        // Damage near the end of a file hits weights; the structure is near offsets, which are small numbers.
        int[] words = [.. Enumerable.Range(0, file.Length / 4).Select(i => 4 * i).Where(at => BitConverter.ToInt32(file, at) is > 0 and var n && at + n < file.Length)];
        int Word() => draw.Chance(4) || words.Length == 0 ? 4 * draw.Int(0, (file.Length / 4) - 1) : draw.Of(words);
        switch (draw.Int(0, 4))
        {
            case 0:
                return ("truncated", file[..draw.Int(0, file.Length - 1)]);
            case 1:
                int bytes = draw.Of(1, 1, 2, 8);
                for (int i = 0; i < bytes; i++) file[draw.Int(0, file.Length - 1)] = (byte)draw.Int(0, 255);
                return ("random bytes", file);
            case 2:
                int extreme = draw.Of(int.MinValue, int.MaxValue, -1, 0, 1, 2, 0x7FC00000, 0x7F800000, 1 << 20, 1 << 28, 0x00000100, 32_767);
                BitConverter.TryWriteBytes(file.AsSpan(4 * draw.Int(0, (file.Length / 4) - 1)), extreme);
                return ($"word {extreme}", file);
            case 3:
                int a = Word(), b = Word();
                int x = BitConverter.ToInt32(file, a), y = BitConverter.ToInt32(file, b);
                BitConverter.TryWriteBytes(file.AsSpan(a), y);
                BitConverter.TryWriteBytes(file.AsSpan(b), x);
                return ("swapped words", file);
            default:
                int place = Word();
                BitConverter.TryWriteBytes(file.AsSpan(place), BitConverter.ToInt32(file, place) + draw.Of(-8, -4, -1, 1, 4, 8));
                return ("moved offset", file);
        }
    }

    private void Judge(IEnumerable<(string Name, byte[] File)> files)
    {
        var compiled = new List<(string Name, CompiledModel Model)>();
        var complaints = new List<string>();
        var ids = new SortedDictionary<string, int>();
        (TimeSpan Time, string Name) slowest = default;
        (long Bytes, string Name) hungriest = default;
        foreach ((string name, byte[] file) in files)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            var watch = Stopwatch.StartNew();
            try
            {
                CompiledModel model = Compile($"Case{compiled.Count}", file);
                SurfaceWriter.Write(model);
                if (model.Succeeded)
                {
                    LayersWriter.Write(model);
                    ConstantsWriter.Write(model);
                    compiled.Add((name, model));
                }

                foreach (var problem in model.Problems)
                {
                    ids[problem.Id] = ids.GetValueOrDefault(problem.Id) + 1;
                    if (!SensibleId().IsMatch(problem.Id) || problem.Message.Contains('\n')) complaints.Add($"{name}: {problem}");
                }
            }
            catch (Exception e)
            {
                complaints.Add($"{name}: {e.GetType().Name} {e.Message} {e.StackTrace?.Split('\n').FirstOrDefault(line => line.Contains("Etch."))?.Trim()}");
            }

            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (watch.Elapsed > slowest.Time) slowest = (watch.Elapsed, name);
            if (allocated > hungriest.Bytes) hungriest = (allocated, name);
            if (watch.Elapsed > Patience) complaints.Add($"{name}: took {watch.Elapsed.TotalSeconds:0.0} s");
            if (allocated > (64L * file.Length) + (64 << 20)) complaints.Add($"{name}: allocated {allocated >> 20} MiB for a file of {file.Length} bytes");
        }

        output.WriteLine($"slowest {slowest.Time.TotalMilliseconds:0} ms: {slowest.Name}; most memory {hungriest.Bytes >> 20} MiB: {hungriest.Name}");
        output.WriteLine($"{compiled.Count} compiled; problems: {string.Join(", ", ids.Select(id => $"{id.Value} × {id.Key}"))}");
        Assert.True(complaints.Count == 0, $"{complaints.Count} complaints:\n{string.Join("\n", complaints.Take(60))}");

        // Most mutations hit a weight and leave the same code: one model of each code is run.
        (string Name, CompiledModel Model)[] distinct = [.. compiled.DistinctBy(c => Regex.Replace(LayersWriter.Write(c.Model), "Case[0-9]+|sha256 .*|scale .*|zero point .*", ""))];
        output.WriteLine($"{distinct.Length} of them with different code");
        foreach ((string Name, CompiledModel Model)[] batch in distinct.Chunk(200))
        {
            var emitted = new EmittedModels([.. batch.Select(c => c.Model)], isChecked: false);
            Assert.All(batch, c =>
            {
                if (c.Model.Graph.Tensors.Sum(t => (long)t.ElementCount) + c.Model.Cost.Macs > MostWork) return;
                Graph graph = Agreement.Import(c.Model.File.Bytes);
                var draw = new Draw(5);
                byte[][] inputs = [.. graph.Inputs.Select(id => draw.Value(graph[id]))];
                Values expected = Engines.Reference(graph, inputs);
                byte[][] actual = emitted.Run(c.Model, inputs).Outputs;
                for (int k = 0; k < actual.Length; k++) Assert.True(actual[k].AsSpan().SequenceEqual(expected.Bytes(graph.Outputs[k])), $"{c.Name}: output {k} differs");
            });
        }
    }

    private static CompiledModel Compile(string name, byte[] file) =>
        Compiler.Compile(new ModelFile("fuzz.tflite", file), new CompileOptions { ClassName = name }, CancellationToken.None);
}
