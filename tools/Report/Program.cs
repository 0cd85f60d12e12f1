using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using Etch.Diagnostics;
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
        """;

    private static int Main(string[] args)
    {
        Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        if (args is ["--picture", var pictured]) return Draw(pictured);
        if (args.Any(arg => arg.StartsWith('-')))
        {
            Console.Error.WriteLine(Usage);
            return args.Any(arg => arg is "--help" or "-h") ? 0 : 2;
        }

        var rows = new List<Row>();
        bool failed = false;
        foreach (string path in args.Length > 0 ? args : Documented())
        {
            CompiledModel model = Compiler.Compile(ModelFile.Read(path), new CompileOptions { ClassName = "Model" }, CancellationToken.None);
            foreach (Problem problem in model.Problems) Console.Error.WriteLine($"{path}: {problem.Message}");
            failed |= !model.Succeeded;
            if (model.Succeeded) rows.Add(new Row(model, TfliteImporter.Import(model.File.Bytes, new Problems()).Graph!));
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

    private static string[] Documented()
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "Generator.sln"))) root = root.Parent;
        string folder = root?.FullName ?? throw new DirectoryNotFoundException("The tool runs outside the repository; name models.");
        string[] shared = [.. Tflm.Models.Keys.Select(name => Path.Combine(folder, "..", "shared", "models", name + ".tflite"))];
        return [Path.Combine(folder, "samples", "KeywordSpotting", "Models", "keywords.tflite"), .. shared];
    }
}
