using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>What holds for every emitted file, whatever the model.</summary>
public sealed class HouseRulesTests
{
    private const int MaxLine = 140;

    private static readonly string[] HostileNames =
    [
        "\"*/ */ \\", "// comment", "a\nb\r\u2028c\u0085d", "class", "nameof", "await", "var", "<summary>&amp;</summary>", "ключ", "数", "\uFFFF\uFFFE", "\0",
        "arena", "state", "image", "input", "output", "Invoke", "ArenaBytes", "0", "1x", "a:0", "a;b", "x/y/z", "/", "", " ", "same", "same", "Same",
        "#pragma warning restore", "#if true", "{0}", "serving_default_x:0", new string('n', 300), new string('w', 300) + "/" + new string('w', 5_000),
    ];

    public static TheoryData<int> Models() => [.. Enumerable.Range(0, 12)];

    [Theory]
    [MemberData(nameof(Models))]
    public void Output_is_the_same_in_every_culture(int model)
    {
        string[] invariant = Emit(Compile(model));
        CultureInfo before = CultureInfo.CurrentCulture;
        var foreign = (CultureInfo)CultureInfo.InvariantCulture.Clone();

        // As Swedish writes numbers.
        foreign.NumberFormat.NegativeSign = "\u2212";
        foreign.NumberFormat.NumberDecimalSeparator = ",";
        foreign.NumberFormat.NumberGroupSeparator = "\u00A0";
        try
        {
            CultureInfo.CurrentCulture = foreign;
            Assert.Equal("\u22121,5", (-1.5).ToString());
            Assert.Equal(invariant, Emit(Compile(model)));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Output_is_the_same_every_time(int model) => Assert.Equal(Emit(Compile(model)), Emit(Compile(model)));

    [Theory]
    [MemberData(nameof(Models))]
    public void Lines_are_plain_and_not_too_long(int model) => AssertPlain(Compile(model));

    [Fact]
    public void Any_tensor_name_gives_code_that_compiles()
    {
        var models = new List<CompiledModel>();
        for (int i = 0; i < HostileNames.Length; i++)
        {
            // Each name once as a port's, once as a layer's in the arena; the others around it.
            string Name(int offset) => HostileNames[(i + offset) % HostileNames.Length];
            var b = new TfliteBuilder();
            int x = b.Int8(Name(0), [1, 4], 0.5f, 0), x2 = b.Int8(Name(1), [1, 4], 0.5f, 0), s = b.Int8(Name(2), [1, 4], 0.5f, 0), y = b.Int8(Name(3), [1, 4], 0.5f, 0);
            int y2 = b.Int8(Name(4), [1, 4], 0.5f, 0);
            b.Operator(Schema.Builtin.Add, [x, x2], [s]);
            b.Operator(Schema.Builtin.Mul, [s, x], [y]);
            b.Operator(Schema.Builtin.Sub, [s, y], [y2]);
            b.Ports([x, x2], i % 2 == 0 ? [y2] : [y, y2]);
            models.Add(Compile($"Hostile{i}", b.Build()));
        }

        // Names of forty letters stand up to three times in a line.
        Assert.All(models, model => AssertPlain(model, MaxLine + 40));
        var emitted = new EmittedModels(models, isChecked: true);
        Assert.All(models, model => emitted.Run(model, [[1, 2, 3, 4], [5, 6, 7, 8]]));
    }

    [Fact]
    public void The_surface_of_a_model_with_a_problem_compiles_too()
    {
        CompiledModel[] models =
        [
            .. HostileFiles.All().Where(file => file.File.Length < 10_000).Chunk(9).Select(files => files[0])
                .Select((file, i) => Compiler.Compile(new ModelFile("hostile.tflite", file.File), new CompileOptions { ClassName = $"Surface{i}" }, CancellationToken.None))
                .Where(model => !model.Succeeded),
        ];
        Assert.True(models.Length > 40);
        EmittedModels.Compile(models.Select(SurfaceWriter.Write), isChecked: false).Dispose();
    }

    [Fact]
    public void A_small_model_reads_as_the_golden_file()
    {
        var b = new TfliteBuilder();
        int x = b.Int8("serving_default_image:0", [1, 6, 5, 1], 1f / 128, -1);
        int filter = b.Tensor("conv/filter", ElementType.Int8, [3, 3, 3, 1], new Quantization(new[] { 0.01f, 0.02f, 0.03f }, new int[3], 0), [.. Enumerable.Range(1, 27).Select(i => (byte)i)]);
        int bias = b.Int32("conv/bias", 100, -200, 300), conv = b.Int8("model/conv/BiasAdd", [1, 6, 5, 3], 0.05f, -128);
        int mean = b.Int8("model/pool/Mean", [1, 3], 0.04f, -128), logits = b.Int8("model/dense/MatMul", [1, 2], 0.1f, 3);
        int dense = b.Int8("dense/filter", [2, 3], 0.02f, 0, [1, 0xFE, 3, 0xFC, 5, 0xFA]);
        int y = b.Int8("StatefulPartitionedCall:0", [1, 2], 1f / 256, -128);
        FlatValue zero = FlatValue.Int32(0), one = FlatValue.Int32(1);
        b.Operator(Schema.Builtin.Conv2D, [x, filter, bias], [conv], (0, zero), (1, one), (2, one), (3, one));
        b.Operator(Schema.Builtin.Mean, [conv, b.Int32("axes", 1, 2)], [mean]);
        b.Operator(Schema.Builtin.FullyConnected, [mean, dense], [logits]);
        b.Operator(Schema.Builtin.Softmax, [logits], [y], (0, FlatValue.Float(1)));
        b.Ports([x], [y]);
        CompiledModel model = Compile("Small", b.Build());

        // ETCH_UPDATE=1 writes the file anew; read the difference before committing it.
        string actual = SurfaceWriter.Write(model) + LayersWriter.Write(model);
        string path = Path.Combine(Folder(), "tests", "Compiler.Tests", "Emitted", "golden", "Small.g.cs.txt");
        if (Environment.GetEnvironmentVariable("ETCH_UPDATE") == "1") File.WriteAllText(path, actual);
        Assert.Equal(File.ReadAllText(path).ReplaceLineEndings("\n"), actual);
    }

    private static void AssertPlain(CompiledModel model) => AssertPlain(model, MaxLine);

    private static void AssertPlain(CompiledModel model, int maxLine)
    {
        string[] files = Emit(model);
        foreach (string file in files)
        {
            Assert.DoesNotContain('\t', file);
            Assert.DoesNotContain('\r', file);
            Assert.EndsWith("}\n", file);
            Assert.DoesNotContain(" \n", file);
            Assert.DoesNotContain("unsafe", file);
        }

        // Constant tables have lines of their own length; comments and attributes quote the names of the file.
        foreach (string line in files.Take(2).SelectMany(file => file.Split('\n')))
        {
            bool isQuote = line.TrimStart() is var text && (text.StartsWith("//", StringComparison.Ordinal) || text.StartsWith("[EtchLayerCost", StringComparison.Ordinal));
            Assert.True(line.Length <= maxLine || isQuote, $"{line.Length} columns: {line}");
        }
    }

    private static string[] Emit(CompiledModel model) => [SurfaceWriter.Write(model), LayersWriter.Write(model), ConstantsWriter.Write(model)];

    // Some recorded models and some random graphs.
    private static CompiledModel Compile(int model)
    {
        string[] recorded = [.. Directory.GetDirectories(Engines.Vectors("ops")).Order()];
        byte[] file = model < 6 ? File.ReadAllBytes(Path.Combine(recorded[model * recorded.Length / 6], "model.tflite")) : RandomGraphs.Build(new Draw((uint)model));
        return Compile($"Model{model}", file);
    }

    private static CompiledModel Compile(string name, byte[] file)
    {
        CompiledModel model = Compiler.Compile(new ModelFile(name + ".tflite", file), new CompileOptions { ClassName = name }, CancellationToken.None);
        Assert.True(model.Succeeded, string.Join("\n", model.Problems));
        return model;
    }

    /// <summary>The repository's root.</summary>
    internal static string Folder()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Directory.Packages.props"))) folder = Path.GetDirectoryName(folder);
        return folder ?? throw new DirectoryNotFoundException("the repository's root");
    }
}
