using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using Etch.Diagnostics;
using Etch.Emit;
using Etch.Ir;
using Etch.Passes;
using Etch.Tflite;

namespace Etch.Report;

/// <summary>The command line: model files in, Markdown out.</summary>
internal static class Program
{
    private const string Usage = """
        Prints what models cost, as Markdown.

          dotnet run -c Release --project tools/Report -- model.tflite …     these models
          dotnet run -c Release --project tools/Report > docs/models.md      the sample's and those of ../shared/models
          dotnet run -c Release --project tools/Report -- --picture model.tflite > arena.svg
                                                                             the arena of one model over time, as a picture
          dotnet run -c Release --project tools/Report -- --plans [model.tflite …]
                                                                             how small the arenas got and how long planning took; by default
                                                                             of all models of ../shared/models that compile
        """;

    private static int Main(string[] args)
    {
        Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        if (args is ["--picture", var pictured]) return Draw(pictured);
        if (args is ["--plans", .. var planned]) return Plan(planned.Length > 0 ? planned : Directory.GetFiles(Shared(), "*.tflite"));
        if (args.Any(arg => arg.StartsWith('-')))
        {
            Console.Error.WriteLine(Usage);
            return args.Any(arg => arg is "--help" or "-h") ? 0 : 2;
        }

        var rows = new List<Row>();
        bool failed = false;
        foreach (string path in args.Length > 0 ? args : Documented())
        {
            var options = new CompileOptions { ClassName = "Model" };
            CompiledModel model = Compiler.Compile(ModelFile.Read(path), options, CancellationToken.None);
            foreach (Problem problem in model.Problems) Console.Error.WriteLine($"{path}: {problem.Message}");
            failed |= !model.Succeeded;
            if (!model.Succeeded) continue;
            CompiledModel inArena = Compiler.Compile(model.File, options with { InArena = true }, CancellationToken.None);
            CompiledModel streamed = Compiler.Compile(model.File, options with { Streaming = StreamingPolicy.Smallest }, CancellationToken.None);
            rows.Add(new Row(model, inArena, streamed, TfliteImporter.Import(model.File.Bytes, new Problems()).Graph!));
        }

        Console.Out.Write(Tables.Write(rows).ReplaceLineEndings("\n"));
        return failed ? 1 : 0;
    }

    private static int Draw(string path)
    {
        CompiledModel model = Compiler.Compile(ModelFile.Read(path), new CompileOptions { ClassName = "Model" }, CancellationToken.None);
        foreach (Problem problem in model.Problems) Console.Error.WriteLine($"{path}: {problem.Message}");
        if (model.Succeeded) Console.Out.Write(Picture.Write(model));
        return model.Succeeded ? 0 : 1;
    }

    // The smallest of three times: the first one has the compiler's own code to compile.
    private static int Plan(string[] paths)
    {
        Console.Out.Write("| model | layers | file's order | arena | lower bound | gap | ms | row by row | ms | within a budget | ms |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n");
        foreach (string path in paths.Order(StringComparer.Ordinal))
        {
            CompiledModel model = Compiler.Compile(ModelFile.Read(path), new CompileOptions { ClassName = "Model" }, CancellationToken.None);
            if (!model.Succeeded || model.Signatures.Count > 0) continue;
            ImportedModel imported = TfliteImporter.Import(model.File.Bytes, new Problems());
            var entry = new Entry(model.Options, imported.Graph!);
            entry.Rewrite(imported.Initializers, new Problems(), CancellationToken.None);
            Layer[] filed = [.. entry.Graph.Ops.Select(op => op.SelectKernel(entry.Graph, model.Options))];
            (int Bytes, string Time) Timed(CompileOptions options)
            {
                double least = double.MaxValue;
                int bytes = 0;
                for (int i = 0; i < 3; i++)
                {
                    var watch = Stopwatch.StartNew();
                    bytes = ChooseSchedule.Run(entry.Graph, filed, model.State, options).Schedule.Plan.Bytes;
                    least = Math.Min(least, watch.Elapsed.TotalMilliseconds);
                }

                return (bytes, least.ToString("0.0", CultureInfo.InvariantCulture));
            }

            (int arena, string time) = Timed(model.Options);
            (int rows, string rowsTime) = Timed(model.Options with { Streaming = StreamingPolicy.Smallest });

            // Half-way between the two, so that rows at once are chosen too.
            (int within, string withinTime) = Timed(model.Options with { MaxRam = model.Cost.Ram - ((arena - rows) / 2) });
            int before = ChooseStreaming.Run(entry.Graph, filed, model.State, model.Options).Plan.Bytes;
            string gap = model.Plan.IsOptimal ? "none" : Names.Number(arena - model.Plan.LowerBound);
            string[] cells =
            [
                Path.GetFileNameWithoutExtension(path), InvariantText.Of($"{model.Layers.Count}"), Names.Number(before), Names.Number(arena),
                Names.Number(model.Plan.LowerBound), gap, time, Names.Number(rows), rowsTime, Names.Number(within), withinTime,
            ];
            Console.Out.Write($"| {string.Join(" | ", cells)} |\n");
        }

        return 0;
    }

    private static string[] Documented() =>
        [Path.Combine(Root(), "samples", "KeywordSpotting", "Models", "keywords.tflite"), .. Families.Models.Select(name => Path.Combine(Shared(), name + ".tflite"))];

    private static string Shared() => Path.Combine(Root(), "..", "shared", "models");

    private static string Root()
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "Generator.sln"))) root = root.Parent;
        return root?.FullName ?? throw new DirectoryNotFoundException("The tool runs outside the repository; name models.");
    }
}
