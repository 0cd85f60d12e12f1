using System;
using System.Linq;
using System.Threading;
using Etch.Diagnostics;
using Xunit;

namespace Etch.Generator.Tests;

/// <summary>What is reported, and where: at the class's attribute if there is one, otherwise at the file.</summary>
public class DiagnosticsTests
{
    private static readonly string[] ByConsumer = ["ETCH004", "ETCH006", "ETCH007", "ETCH008"];

    [Fact]
    public void ETCH001_at_a_file_that_does_not_exist()
    {
        using Consumer project = new Consumer().List("keywords.tflite");
        Assert.Equal(["keywords.tflite(1,1): ETCH001: 'keywords.tflite' cannot be read: it does not exist"], project.Run().Diagnostics);
    }

    [Fact]
    public void ETCH001_at_the_attribute_of_the_class()
    {
        using Consumer project = new Consumer().List("keywords.tflite")
            .Source("using Etch;\n[EtchModel(\"keywords.tflite\")] static partial class Spotter;");
        Assert.Equal(["Program.cs(2,12): ETCH001: 'keywords.tflite' cannot be read: it does not exist"], project.Run().Diagnostics);
    }

    [Theory]
    [InlineData("keywrods.tflite", "No model of this project is called 'keywrods.tflite'; did you mean 'keywords.tflite'?")]
    [InlineData("Other/keywords.tflite", "No model of this project is called 'Other/keywords.tflite'; did you mean 'keywords.tflite'?")]
    [InlineData("words.tflite", "No model of this project is called 'words.tflite'; did you mean 'keywords.tflite'?")]
    [InlineData("x.tflite", "No model of this project is called 'x.tflite'; list it in the project file: <AdditionalFiles Include=\"x.tflite\" />")]
    [InlineData("", "No model of this project is called ''; list it in the project file: <AdditionalFiles Include=\"\" />")]
    [InlineData(
        "person.tflite", "'person.tflite' names 2 models of this project, large/person.tflite and small/person.tflite; "
            + "write as much of the path as tells them apart")]
    public void ETCH004_at_the_attribute(string file, string message)
    {
        using Consumer project = new Consumer()
            .Model("Models/keywords.tflite").Model("Models/large/person.tflite").Model("Models/small/person.tflite", metadata: ("Class", "Small"))
            .Source($"[Etch.EtchModel(\"{file}\")] static partial class Spotter;");
        Outcome outcome = project.Run();
        Assert.Equal([$"Program.cs(1,17): ETCH004: {message}"], OfConsumer(outcome));
        Assert.Contains("Spotter.g.cs", outcome.Files);
    }

    [Theory]
    [InlineData("person.tflite")]
    [InlineData("small/person.tflite")]
    [InlineData("Small/Person.tflite")]
    [InlineData("./small/person.tflite")]
    [InlineData("small\\\\person.tflite")]
    public void A_name_that_fits_one_model_is_no_problem(string file)
    {
        using Consumer project = new Consumer().Model("person.tflite", metadata: ("Class", "Other")).Model("small/person.tflite")
            .Source($"[Etch.EtchModel(\"{file}\")] static partial class Spotter;");
        Outcome outcome = project.Run();
        Assert.Empty(OfConsumer(outcome));
        Assert.Contains(file == "person.tflite" ? "App.Person.g.cs" : "App.Other.g.cs", outcome.Files);
    }

    [Theory]
    [InlineData("partial class C;", "C", "not static", true)]
    [InlineData("static class C;", "C", "not partial", false)]
    [InlineData("class C;", "C", "not partial and not static", false)]
    [InlineData("static partial class C<T>;", "C<T>", "generic", false)]
    [InlineData("partial record C;", "C", "not a plain class and not static", false)]
    [InlineData("file static partial class C;", "C", "local to its file", false)]
    public void ETCH006_at_the_attribute(string declaration, string name, string obstacles, bool hasSurface)
    {
        using Consumer project = new Consumer().Model("a.tflite").Source($"[Etch.EtchModel(\"a.tflite\")] {declaration}");
        Outcome outcome = project.Run();
        string message = $"'{name}' cannot take in a model because it is {obstacles}; write 'static partial class C;' directly in a namespace";
        Assert.Equal([$"Program.cs(1,17): ETCH006: {message}"], OfConsumer(outcome));
        Assert.Equal(hasSurface, outcome.Files.Contains("C.g.cs"));
    }

    [Fact]
    public void ETCH006_at_each_class_that_shares_its_name_with_a_good_one()
    {
        using Consumer project = new Consumer().Model("a.tflite").Source("""
            [Etch.EtchModel("a.tflite")] static partial class C;
            [Etch.EtchModel("a.tflite")] static partial class C<T>;
            static partial class Outer { [Etch.EtchModel("a.tflite")] static partial class C; }
            """);
        Outcome outcome = project.Run();
        string[] lines = [.. OfConsumer(outcome).Select(static line => line[..line.IndexOf(';')])];
        Assert.Equal(
            [
                "Program.cs(2,17): ETCH006: 'C<T>' cannot take in a model because it is generic",
                "Program.cs(3,46): ETCH006: 'Outer.C' cannot take in a model because it is nested in 'Outer'",
            ],
            lines);
        Assert.Contains("C.Layers.g.cs", outcome.Files);
    }

    [Theory]
    [InlineData("Class", "two words", "an identifier")]
    [InlineData("Namespace", "a..b", "a namespace")]
    [InlineData("Unroll", "Fast", "Auto, Full, None")]
    [InlineData("Unroll", "1", "Auto, Full, None")]
    [InlineData("UnrollCeiling", "much", "a number of bytes such as 4096 or 4KB")]
    [InlineData("UnrollCeiling", "4GB", "a number of bytes such as 4096 or 4KB")]
    [InlineData("KeepTensors", "yes", "true, false")]
    [InlineData("MaxRam", "64 potatoes", "a number such as 65536, 64KB (memory) or 8M (operations)")]
    [InlineData("MaxLayerFlops", "8MB", "a number such as 65536, 64KB (memory) or 8M (operations)")]
    public void ETCH007_at_the_model(string name, string text, string expected)
    {
        using Consumer project = new Consumer().Model("a.tflite", metadata: (name, text));
        Assert.Equal([$"a.tflite(1,1): ETCH007: {name}=\"{text}\" is not understood: it has to be {expected}"], OfConsumer(project.Run()));
    }

    [Fact]
    public void ETCH007_at_the_project_all_at_once()
    {
        using Consumer project = new Consumer().Model("a.tflite")
            .Property("MSBuildProjectFullPath", "App.csproj").Property("EtchUnroll", "Fast").Property("EtchMaxMacs", "some").Property("EtchMaxRam", "");
        Assert.Equal(
            [
                "App.csproj(1,1): ETCH007: EtchUnroll=\"Fast\" is not understood: it has to be Auto, Full, None",
                "App.csproj(1,1): ETCH007: EtchMaxMacs=\"some\" is not understood: it has to be a number such as 65536, 64KB (memory) or 8M (operations)",
            ],
            OfConsumer(project.Run()));
    }

    [Fact]
    public void ETCH008_at_the_second_model()
    {
        using Consumer project = new Consumer().Model("large/person.tflite").Model("small/Person.tflite");
        Outcome outcome = project.Run();
        Assert.Equal(
            [
                "small/Person.tflite(1,1): ETCH008: 'small/Person.tflite' would become class 'App.Person', but 'large/person.tflite' is "
                + "'App.Person'; give one of them another name with Class=\"…\" on its item or with a class of its own that says [EtchModel]",
            ],
            OfConsumer(outcome));
        Assert.Single(outcome.Files, static file => file == "App.Person.g.cs");
    }

    [Fact]
    public void ETCH008_at_a_class_that_differs_in_case_only()
    {
        using Consumer project = new Consumer().Model("a.tflite").Model("b.tflite")
            .Source("[Etch.EtchModel(\"a.tflite\")] static partial class Spotter;\n[Etch.EtchModel(\"b.tflite\")] static partial class SPOTTER;");
        Assert.StartsWith("Program.cs(2,17): ETCH008: 'b.tflite' would become class 'SPOTTER'", Assert.Single(OfConsumer(project.Run())));
    }

    [Fact]
    public void A_misspelt_file_does_not_clash_with_the_class_of_the_right_one()
    {
        using Consumer project = new Consumer().Model("keywords.tflite")
            .Source("namespace App; [Etch.EtchModel(\"keyword.tflite\")] static partial class Keywords;");
        Assert.Equal(["ETCH004"], project.Run().Result.Diagnostics.Select(static diagnostic => diagnostic.Id));
    }

    /// <summary>What is wrong inside of a model is shown at its file. The messages are the compiler's and tested there.</summary>
    [Fact]
    public void Problems_of_a_model_are_at_its_file()
    {
        static string Only(byte[] content)
        {
            using Consumer project = new Consumer().Model("keywords.tflite", content: content);
            return string.Join(' ', project.Run().Diagnostics.Select(static line => line[..line.IndexOf(": ", line.IndexOf(": ", StringComparison.Ordinal) + 1, StringComparison.Ordinal)]).Distinct());
        }

        Assert.Equal("keywords.tflite(1,1): ETCH002", Only([]));
        Assert.Equal("keywords.tflite(1,1): ETCH002", Only(Repository.Vector("fc_64x10")[..100]));
        Assert.Equal("keywords.tflite(1,1): ETCH003", Only(new Damaged("fc_64x10").LastDimension(-1).Bytes));
        Assert.Equal("keywords.tflite(1,1): ETCH101", Only(new Damaged("fc_64x10").Operator(125).Bytes));
        Assert.Equal("keywords.tflite(1,1): ETCH102", Only(new Damaged("fc_64x10").LastDimension(63).Bytes));
        Assert.Equal("keywords.tflite(1,1): ETCH103", Only(new Damaged("fc_64x10").Type(10).Bytes));
        Assert.Equal("keywords.tflite(1,1): ETCH104", Only(new Damaged("fc_64x10").Scale(-1).Bytes));
        Assert.Equal("keywords.tflite(1,1): ETCH106", Only(new Damaged("fc_64x10").Type(0).Bytes));
        Assert.Equal("keywords.tflite(1,1): ETCH105", Only(new Damaged("fc_64x10").LastDimension(int.MaxValue).Bytes));
    }

    [Fact]
    public void Problems_of_all_models_are_reported_at_once()
    {
        using Consumer project = new Consumer()
            .Model("a.tflite", content: []).Model("b.tflite", content: new Damaged("fc_64x10").Operator(125).Bytes).List("c.tflite");
        Assert.Equal(["ETCH001", "ETCH002", "ETCH101"], project.Run().Result.Diagnostics.Select(static diagnostic => diagnostic.Id).Order());
    }

    [Fact]
    public void ETCH900_instead_of_an_exception()
    {
        var file = new ModelFile("Models/keywords.tflite", Repository.Vector("fc_64x10"));
        CompiledModel model = ModelGenerator.Compile(new Job(file, null!), default);
        Problem problem = Assert.Single(model.Problems);
        Assert.Equal("ETCH900", problem.Id);
        Assert.StartsWith("'keywords.tflite' could not be compiled because of a mistake in Etch: NullReferenceException in ", problem.Message);
    }

    [Fact]
    public void A_cancelled_compilation_is_no_problem_of_the_model()
    {
        var file = new ModelFile("keywords.tflite", Repository.Vector("fc_64x10"));
        Assert.Throws<OperationCanceledException>(
            () => ModelGenerator.Compile(new Job(file, new CompileOptions { ClassName = "C" }), new CancellationToken(canceled: true)));
    }

    /// <summary>The findings about the consuming project, without those about the content of models.</summary>
    private static string[] OfConsumer(Outcome outcome) =>
        [.. outcome.Diagnostics.Where(static line => ByConsumer.Any(id => line.Contains(id, StringComparison.Ordinal)))];
}
