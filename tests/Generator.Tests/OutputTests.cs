using System;
using System.Globalization;
using System.IO;
using System.Linq;
using Etch.Emit;
using Microsoft.CodeAnalysis;
using Xunit;

namespace Etch.Generator.Tests;

/// <summary>What is added to the consumer's compilation.</summary>
public class OutputTests
{
    private const string Caller = """
        static class Caller
        {
            static void Call(System.ReadOnlySpan<sbyte> input, System.Span<sbyte> output) =>
                App.Keywords.Invoke(input, output, new sbyte[App.Keywords.ArenaBytes]);
        }
        """;

    [Fact]
    public void A_listed_model_is_a_class_in_the_root_namespace()
    {
        using Consumer project = new Consumer().Model("Models/keywords.tflite").Source(Caller);
        Outcome outcome = project.Run();
        Assert.Empty(outcome.Diagnostics);
        Assert.Equal(["App.Keywords.g.cs", "App.Keywords.Layers.g.cs", "App.Keywords.Constants.g.cs"], outcome.Files);
        Assert.Equal(Accessibility.Public, outcome.Class("App.Keywords").DeclaredAccessibility);
        outcome.AssertClean();
    }

    [Theory]
    [InlineData("person-detect_v2.tflite", "App.PersonDetectV2")]
    [InlineData("MODEL.TFLITE", "App.MODEL")]
    [InlineData("2 layers.tflite", "App._2Layers")]
    [InlineData("événement.tflite", "App.Événement")]
    [InlineData("...tflite", "App.Model")]
    [InlineData("v1.0.tflite", "App.V10")]
    public void A_class_is_called_after_its_file(string file, string name)
    {
        using Consumer project = new Consumer().Model(file);
        Outcome outcome = project.Run();
        outcome.AssertClean();
        Assert.True(outcome.Class(name).IsStatic);
    }

    [Theory]
    [InlineData("App", "App.Keywords")]
    [InlineData("my-app.2", "my_app._2.Keywords")]
    [InlineData("a.class", "a.class.Keywords")]
    [InlineData("", "Keywords")]
    public void A_class_is_in_the_root_namespace(string space, string name)
    {
        using Consumer project = new Consumer().Model("keywords.tflite").Property("RootNamespace", space);
        Outcome outcome = project.Run();
        outcome.AssertClean();
        Assert.True(outcome.Class(name).IsStatic);
    }

    [Theory]
    [InlineData("macs")]
    [InlineData("invoke")]
    [InlineData("input length")]
    public void A_file_named_as_a_member_gives_a_class_of_another_name(string file)
    {
        using Consumer project = new Consumer().Model(file + ".tflite");
        Outcome outcome = project.Run();
        outcome.AssertClean();
        Assert.EndsWith("Model", Assert.Single(project.Run().Jobs).Options.ClassName);
    }

    [Fact]
    public void The_members_of_a_class_are_those_that_no_class_is_named_after()
    {
        using Consumer project = new Consumer().Model("keywords.tflite");
        string[] members =
        [
            .. project.Run().Class("App.Keywords").GetMembers()
                .Where(static m => m.DeclaredAccessibility == Accessibility.Public && m.CanBeReferencedByName)
                .Select(static m => m.Name),
        ];
        Assert.NotEmpty(members);
        Assert.Empty(members.Except(SurfaceWriter.Members));
    }

    [Fact]
    public void Metadata_name_the_class()
    {
        using Consumer project = new Consumer().Model("a.tflite", metadata: [("Class", "event"), ("Namespace", "Acme.Models")]);
        Outcome outcome = project.Run();
        outcome.AssertClean();
        Assert.True(outcome.Class("Acme.Models.event").IsStatic);
    }

    [Fact]
    public void Classes_that_name_a_model_win_over_its_item()
    {
        using Consumer project = new Consumer().Model("a.tflite", metadata: ("Class", "FromItem")).Source("""
            using Etch;
            [EtchModel("a.tflite")] static partial class First;
            namespace Inner { [EtchModel("a.tflite")] public static partial class @class; }
            """);
        Outcome outcome = project.Run();
        outcome.AssertClean();
        Assert.Equal(["First.g.cs", "Inner.class.g.cs"], outcome.Files.Where(static file => file.Count(static c => c == '.') == 2 + (file[0] == 'I' ? 1 : 0)));
        Assert.Equal(Accessibility.Internal, outcome.Class("First").DeclaredAccessibility);
        Assert.Equal(Accessibility.Public, outcome.Class("Inner.class").DeclaredAccessibility);
    }

    [Fact]
    public void Letters_that_no_hint_may_have_are_no_problem()
    {
        using Consumer project = new Consumer().Model("a.tflite").Source("[Etch.EtchModel(\"a.tflite\")] static partial class Cafe\u0301;");
        Outcome outcome = project.Run();
        outcome.AssertClean();
        Assert.Contains("Cafe_.g.cs", outcome.Files);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Code_compiles_without_warnings_whether_overflow_is_checked_or_not(bool isChecked)
    {
        using Consumer project = new Consumer().CheckOverflow(isChecked)
            .Model("a.tflite", "fc_64x10").Model("b.tflite", "conv_3x3_s2_same").Model("c.tflite", "add_plain");
        Outcome outcome = project.Run();
        outcome.AssertClean();
        Assert.True(outcome.Compilation.Emit(Stream.Null).Success);
        Assert.Equal(isChecked, outcome.Source("App.A.Layers.g.cs").Contains("unchecked", StringComparison.Ordinal));
    }

    [Fact]
    public void The_same_input_gives_the_same_text_wherever_the_project_lies()
    {
        using Consumer one = new Consumer().Model("a.tflite"), other = new Consumer().Model("Elsewhere/a.tflite");
        Assert.Equal(Texts(one.Run()), Texts(other.Run()));
    }

    [Fact]
    public void The_same_input_gives_the_same_text_in_any_culture()
    {
        using Consumer one = new Consumer().Model("a.tflite").Property("EtchDumpPasses", "true");
        string[] invariant = Texts(one.Run());

        // Swedish as ICU has it: a minus sign that no C# compiler reads, a decimal comma, spaces between thousands.
        var swedish = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        swedish.NumberFormat.NegativeSign = "\u2212";
        swedish.NumberFormat.NumberDecimalSeparator = ",";
        swedish.NumberFormat.NumberGroupSeparator = "\u00a0";
        CultureInfo before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = swedish;
        try
        {
            using Consumer other = new Consumer().Model("a.tflite").Property("EtchDumpPasses", "true");
            Outcome outcome = other.Run();
            Assert.Equal(invariant, Texts(outcome));
            outcome.AssertClean();
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Metadata_prevail_over_properties_and_both_over_defaults()
    {
        using Consumer project = new Consumer()
            .Model("a.tflite", metadata: [("Unroll", "full"), ("UnrollCeiling", "2KB"), ("Vectors", "true"), ("KeepTensors", "True"), ("DumpPasses", "false")]).Model("b.tflite")
            .Property("EtchUnroll", "None").Property("EtchUnrollCeiling", "1024").Property("EtchVectors", "false").Property("EtchKeepTensors", "false").Property("EtchDumpPasses", "true");
        CompileOptions[] options = [.. project.Run().Jobs.Select(static job => job.Options)];
        Assert.Equal((UnrollPolicy.Full, 2048, true, false), (options[0].Unroll, options[0].UnrollCeiling, options[0].KeepTensors, options[0].DumpPasses));
        Assert.Equal((UnrollPolicy.None, 1024, false, true), (options[1].Unroll, options[1].UnrollCeiling, options[1].KeepTensors, options[1].DumpPasses));

        Assert.Equal([true, false], options.Select(static o => o.Vectors));

        using Consumer plain = new Consumer().Model("a.tflite");
        Assert.Equal(new CompileOptions { ClassName = "A", Namespace = "App" }, Assert.Single(plain.Run().Jobs).Options);
    }

    [Fact]
    public void A_preset_comes_from_the_attribute_else_from_metadata_else_from_a_property()
    {
        using Consumer project = new Consumer()
            .Model("a.tflite").Model("b.tflite", metadata: ("Preset", "speed")).Model("c.tflite", metadata: [("Preset", "Speed"), ("Vectors", "true")])
            .Property("EtchPreset", "Size")
            .Source("namespace App; [Etch.EtchModel(\"c.tflite\", Preset = Etch.EtchPreset.Size)] static partial class C;", "C.cs");
        Outcome outcome = project.Run();
        outcome.AssertClean();
        Assert.Equal(
            [("A", Preset.Size, false), ("B", Preset.Speed, true), ("C", Preset.Size, true)],
            outcome.Jobs.Select(static job => (job.Options.ClassName, job.Options.Preset, job.Options.Vectors)).OrderBy(static o => o.ClassName));
        Assert.DoesNotContain("VectorKernels", outcome.Source("App.A.Layers.g.cs"));
        Assert.Contains("VectorKernels", outcome.Source("App.B.Layers.g.cs"));
    }

    [Fact]
    public void Numerics_come_from_the_attribute_else_from_metadata_else_from_a_property()
    {
        using Consumer project = new Consumer()
            .Model("a.tflite").Model("b.tflite", metadata: ("Numerics", "tflitereference")).Model("c.tflite")
            .Property("EtchNumerics", "Xnnpack")
            .Source("namespace App; [Etch.EtchModel(\"c.tflite\", Numerics = Etch.EtchNumerics.TfliteReference)] static partial class C;", "C.cs");
        Outcome outcome = project.Run();
        outcome.AssertClean();
        Assert.Equal(
            [("A", Numerics.Xnnpack), ("B", Numerics.TfliteReference), ("C", Numerics.TfliteReference)],
            outcome.Jobs.Select(static job => (job.Options.ClassName, job.Options.Numerics)).OrderBy(static o => o.ClassName));
        Assert.Contains("XNNPACK", outcome.Source("App.A.g.cs"));
        Assert.DoesNotContain("XNNPACK", outcome.Source("App.B.g.cs"));
    }

    [Fact]
    public void Inputs_and_outputs_lie_in_the_arena_where_attribute_else_metadata_else_property_say_so()
    {
        using Consumer project = new Consumer()
            .Model("a.tflite").Model("b.tflite", metadata: ("InArena", "false")).Model("c.tflite", metadata: ("InArena", "false"))
            .Property("EtchInArena", "true")
            .Source(
                "namespace App; [Etch.EtchModel(\"c.tflite\", InArena = true)] static partial class C\n{\n" +
                "    static void Run() { System.Span<sbyte> arena = new sbyte[ArenaBytes]; InputSpan(arena).Clear(); Invoke(arena); _ = OutputSpan(arena)[0]; }\n}",
                "C.cs");
        Outcome outcome = project.Run();
        outcome.AssertClean();
        Assert.Equal(
            [("A", true), ("B", false), ("C", true)],
            outcome.Jobs.Select(static job => (job.Options.ClassName, job.Options.InArena)).OrderBy(static o => o.ClassName));
        Assert.Contains("InputSpan(", outcome.Source("App.A.g.cs"));
        Assert.DoesNotContain("InputSpan(", outcome.Source("App.B.g.cs"));
    }

    [Fact]
    public void Passes_are_dumped_on_request()
    {
        using Consumer project = new Consumer().Model("a.tflite", metadata: ("DumpPasses", "true")).Model("b.tflite");
        Outcome outcome = project.Run();
        outcome.AssertClean();
        Assert.StartsWith("// as imported\n// ", outcome.Source("App.A.Passes.g.cs"));
        Assert.DoesNotContain("App.B.Passes.g.cs", outcome.Files);
    }

    [Theory]
    [InlineData("keywords.tflite", "ETCH002")]
    [InlineData("missing.tflite", "ETCH004")]
    [InlineData("missing\\nclass\\u2028Injected {", "ETCH004")]
    public void A_failed_model_is_one_error(string file, string id)
    {
        using Consumer project = new Consumer().Model("keywords.tflite", content: [1, 2, 3]).Model("other.tflite")
            .Source($"namespace App; [Etch.EtchModel(\"{file}\")] static partial class Keywords;", "Keywords.cs")
            .Source(Caller);
        Outcome outcome = project.Run();
        Assert.Equal([id], outcome.Result.Diagnostics.Select(static diagnostic => diagnostic.Id));
        Assert.DoesNotContain(outcome.Compilation.GetDiagnostics(), static diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);
        Assert.Contains("App.Other.Layers.g.cs", outcome.Files);
        Assert.DoesNotContain("App.Keywords.Layers.g.cs", outcome.Files);
    }

    private static string[] Texts(Outcome outcome) =>
        [.. outcome.Result.GeneratedSources.Select(static source => $"{source.HintName}\n{source.SourceText}")];
}
