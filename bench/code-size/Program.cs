using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Numerics;
using System.Text;
using System.Threading;
using System.Xml.Linq;
using Etch.Emit;
using Etch.Ir;

namespace Etch.CodeSize;

/// <summary>Writes a program of models for NativeAOT, and compares the code that became of them with the compiler's estimate.</summary>
internal static class Program
{
    private const string Usage = """
        The last argument may name variants; default: all.

        write FOLDER MODELS     writes into FOLDER the classes of the models (a folder or a file), in several variants, and a program that calls them
        report MAP MODELS       compares the program's ILC map file with the estimates, as Markdown
        zeros - MODELS          weights that are zero in what is left of each model, and what Preset = Size makes of them
        kernels MAP MODELS      the same by kernel, as tab-separated values
        """;

    // What is measured, and of which models: "Tables" is "Balanced" with the content of its tables, to show that it does not matter; full unrolling of large ones would take the C# compiler minutes.
    private static readonly (string Name, long MostBytes, Func<CompileOptions, CompileOptions> Options)[] Variants =
    [
        ("Balanced", long.MaxValue, o => o),
        ("Scalar", 1 << 17, o => o with { Vectors = false }),
        ("Tables", 1 << 16, o => o),
        ("Size", long.MaxValue, o => o with { Preset = Preset.Size }),
        ("Speed", 1 << 18, o => o with { Preset = Preset.Speed }),
        ("Rows", 1 << 18, o => o with { Streaming = StreamingPolicy.Smallest }),
        ("Full", 1 << 16, o => o with { Vectors = false, Unroll = UnrollPolicy.Full }),
        ("None", 1 << 17, o => o with { Vectors = false, Unroll = UnrollPolicy.None }),
    ];

    private static int Main(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        if (args.Length < 3 || args[0] is not ("write" or "report" or "kernels" or "zeros"))
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }

        IEnumerable<Measured> models = Measured(args[2], [.. args.Skip(3)]);
        switch (args[0])
        {
            case "write": Write(args[1], models); break;
            case "report": Report(Map.Read(args[1]), [.. models]); break;
            case "zeros": Zeros(models.Where(m => m.Variant == "Size")); break;
            default: Kernels(Map.Read(args[1]), models); break;
        }

        return 0;
    }

    private static IEnumerable<Measured> Measured(string path, HashSet<string> only)
    {
        string[] files = Directory.Exists(path) ? Directory.GetFiles(path, "*.tflite") : [path];
        foreach (string file in files.Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileNameWithoutExtension(file);
            foreach ((string variant, long most, Func<CompileOptions, CompileOptions> options) in Variants)
            {
                if (new FileInfo(file).Length > most || (only.Count > 0 && !only.Contains(variant))) continue;
                string className = string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_')) + "_" + variant;
                CompiledModel model = Compiler.Compile(ModelFile.Read(file), options(new CompileOptions { ClassName = className }), CancellationToken.None);
                if (model.Succeeded) yield return new Measured(name, variant, model);
            }
        }
    }

    // ---- the program ----
    private static void Write(string folder, IEnumerable<Measured> models)
    {
        var calls = new StringBuilder();
        foreach ((_, string variant, CompiledModel model) in models)
        {
            File.WriteAllText(Path.Combine(folder, model.Options.ClassName + ".g.cs"), SurfaceWriter.Write(model));
            File.WriteAllText(Path.Combine(folder, model.Options.ClassName + ".Layers.g.cs"), LayersWriter.Write(model));
            File.WriteAllText(Path.Combine(folder, model.Options.ClassName + ".Constants.g.cs"), variant == "Tables" ? ConstantsWriter.Write(model) : Constants(model));
            foreach (CompiledModel entry in model.Signatures.DefaultIfEmpty(model))
            {
                string name = entry == model ? model.Options.ClassName : $"{model.Options.ClassName}.{entry.Options.ClassName}";
                (Names.Port[] inputs, Names.Port[] outputs) = SurfaceWriter.Ports(entry);
                string[] arguments =
                [
                    .. inputs.Concat(outputs).Select(p => $"new {p.Tensor.Type.Keyword()}[{name}.{p.Prefix}Length]"),
                    $"new sbyte[{name}.ArenaBytes]",
                    .. entry.IsStateful ? [$"new sbyte[{name}.StateBytes]"] : Array.Empty<string>(),
                ];
                calls.Append(CultureInfo.InvariantCulture, $"{name}.Invoke({string.Join(", ", arguments)});\n");
                if (entry.IsStateful) calls.Append(CultureInfo.InvariantCulture, $"{name}.ResetState(new sbyte[{name}.StateBytes]);\n");
            }
        }

        File.WriteAllText(Path.Combine(folder, "Letters.cs"), Letters());
        File.WriteAllText(Path.Combine(folder, "Program.cs"), calls.ToString());
    }

    // Tables as emitted, an address and a length, but all of them in the same letters: their content takes the C# and the native compiler minutes.
    private static string Constants(CompiledModel model)
    {
        var w = new CodeWriter();
        SurfaceWriter.WriteFileHead(w, model);
        SurfaceWriter.InEachClass(w, model, entry =>
        {
            foreach (IGrouping<string, KeyValuePair<Table, string>> table in ConstantsWriter.Names(entry).GroupBy(pair => pair.Value))
            {
                Table of = table.First().Key;
                string type = of.Type.Keyword();
                w.Line($"private static ReadOnlySpan<{type}> {table.Key} => MemoryMarshal.Cast<byte, {type}>(Letters.Of{Letters(of.Data.Count)}).Slice(0, {of.Length});");
            }
        });
        return w.ToString();
    }

    // Literals by the logarithm of their length.
    private static int Letters(int bytes) => BitOperations.Log2((uint)Math.Max(1, bytes - 1)) + 1;

    private static string Letters() => "internal static class Letters\n{\n" + string.Concat(Enumerable.Range(1, 23).Select(log =>
        $"    public static System.ReadOnlySpan<byte> Of{log} => \"{new string('a', 1 << log)}\"u8;\n")) + "}\n";

    // ---- the comparison ----
    private static void Report(Map map, Measured[] models)
    {
        foreach (IGrouping<string, Measured> variant in models.GroupBy(m => m.Variant))
        {
            Console.WriteLine($"\n{variant.Key}\n");
            Console.WriteLine("| model | layers | code, estimate | NativeAOT | error |");
            Console.WriteLine("|---|---:|---:|---:|---:|");
            var errors = new List<double>();
            foreach (Measured m in variant)
            {
                long actual = map.Of(m.Model.Options.ClassName).Sum(method => method.Length);
                double error = (double)(m.Model.Cost.Code - actual) / actual;
                errors.Add(Math.Abs(error));
                int layers = m.Model.Signatures.DefaultIfEmpty(m.Model).Sum(s => s.Layers.Count);
                Console.WriteLine($"| {m.Name} | {layers} | {m.Model.Cost.Code:N0} | {actual:N0} | {100 * error:+0;−0;0} % |");
            }

            Console.WriteLine($"\nLargest error {100 * errors.Max():0} %, mean {100 * errors.Average():0} %.");
        }

        Console.WriteLine("\nEtch.Runtime\n\n| method | bytes |\n|---|---:|");
        foreach ((string method, long length) in map.Runtime) Console.WriteLine($"| {method} | {length:N0} |");
        Console.WriteLine($"| all | {map.Runtime.Sum(m => m.Length):N0} |");
    }

    private static void Zeros(IEnumerable<Measured> models)
    {
        Console.WriteLine("| model | weights | zeros | in blocks of 4 | 8 | 16 | sparse layers | bytes less |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|---:|");
        foreach (Measured m in models)
        {
            CompiledModel[] entries = [.. m.Model.Signatures.DefaultIfEmpty(m.Model)];
            byte[][] filters =
            [
                .. entries.SelectMany(entry => entry.Graph.Ops.Where(op => op.Name is "CONV_2D" or "DEPTHWISE_CONV_2D" or "FULLY_CONNECTED")
                    .Select(op => entry.Graph[op.Inputs[1]]).Where(filter => filter.Type == ElementType.Int8).Select(filter => filter.Data!)),
            ];
            long weights = filters.Sum(filter => (long)filter.Length);
            if (weights == 0) continue;
            double Share(int block) => 100.0 * filters.Sum(filter => filter.Chunk(block).Where(chunk => chunk.All(w => w == 0)).Sum(chunk => chunk.Length)) / weights;
            (Graph Graph, Layer Layer)[] sparse =
                [.. entries.SelectMany(entry => entry.Layers.Where(layer => layer.Tables.Any(t => t.Name == "Blocks")).Select(layer => (entry.Graph, layer)))];
            long stored = sparse.Sum(x => x.Layer.Tables.Where(t => t.Name is "Blocks" or "Filter").Sum(t => (long)t.Data.Count));
            long dense = sparse.Sum(x => (long)x.Graph[x.Layer.Op.Inputs[1]].ElementCount);
            Console.WriteLine($"| {m.Name} | {weights:N0} | {Share(1):0.0} % | {Share(4):0.0} % | {Share(8):0.0} % | {Share(16):0.0} % | {sparse.Length} | {dense - stored:N0} |");
        }
    }

    private static void Kernels(Map map, IEnumerable<Measured> models)
    {
        Console.WriteLine("model\tvariant\tkernel\testimate\tactual\tdetails");
        foreach (Measured m in models)
        {
            string name = m.Model.Options.ClassName;
            foreach (CompiledModel entry in m.Model.Signatures.DefaultIfEmpty(m.Model))
            {
                (string Method, long Length)[] methods = [.. map.Of(entry == m.Model ? name : name + "_" + entry.Options.ClassName)];
                long Sum(Func<string, bool> belongs) => methods.Where(method => belongs(method.Method)).Sum(method => method.Length);
                var seen = new HashSet<Kernel>();
                for (int i = 0; i < entry.Layers.Count; i++)
                {
                    Kernel kernel = entry.Layers[i].Kernel;
                    if (!seen.Add(kernel)) continue;
                    string method = $"Layer{i}_{kernel.Name}";
                    long actual = Sum(n => n.StartsWith(method, StringComparison.Ordinal) || n.Contains("<" + method, StringComparison.Ordinal) || n.Contains("_" + method, StringComparison.Ordinal));
                    Console.WriteLine($"{m.Name}\t{m.Variant}\t{kernel.Name}\t{kernel.CodeBytes}\t{actual}\t{kernel}");
                }

                Console.WriteLine($"{m.Name}\t{m.Variant}\tInvoke\t{entry.Layers.Count}\t{Sum(n => !n.Contains("Layer"))}+{Sum(n => n.StartsWith("InvokeLayers", StringComparison.Ordinal))}\t{entry.Layers.Sum(l => l.Inputs.Count + l.Outputs.Count + l.Tables.Count)}");
            }
        }
    }
}

/// <summary>A model as it was published.</summary>
internal sealed record Measured(string Name, string Variant, CompiledModel Model);

/// <summary>Bytes of machine code by method, from the map file that ILC writes.</summary>
internal sealed record Map(IReadOnlyDictionary<string, (string Method, long Length)[]> Classes, (string Method, long Length)[] Runtime)
{
    private const string Library = "Etch_Runtime_Etch_";

    /// <summary>Methods of a class of the program.</summary>
    public (string Method, long Length)[] Of(string className) => Classes.TryGetValue(className, out (string, long)[]? methods) ? methods : [];

    public static Map Read(string path)
    {
        var all = XDocument.Load(path).Descendants("MethodCode")
            .Select(e => (Name: e.Attribute("Name")!.Value, Length: long.Parse(e.Attribute("Length")!.Value, CultureInfo.InvariantCulture))).ToArray();
        const string Program = "Program_";
        var classes = all.Where(m => m.Name.StartsWith(Program, StringComparison.Ordinal) && m.Name.Contains("__", StringComparison.Ordinal))
            .Select(m => (Split: m.Name[Program.Length..].Split("__", 2), m.Length))
            .GroupBy(m => m.Split[0]).ToDictionary(g => g.Key, g => g.Select(m => (m.Split[1], m.Length)).ToArray());
        return new Map(classes, [.. all.Where(m => m.Name.StartsWith(Library, StringComparison.Ordinal)).Select(m => (m.Name[Library.Length..], m.Length)).OrderBy(m => m.Item1, StringComparer.Ordinal)]);
    }
}
