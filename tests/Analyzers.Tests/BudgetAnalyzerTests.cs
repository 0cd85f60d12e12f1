using System.Linq;
using System.Threading.Tasks;
using Microsoft.CodeAnalysis;
using Xunit;

namespace Etch.Analyzers.Tests;

/// <summary>ETCH201 to ETCH203: where limits come from, where they are reported, and how they are raised.</summary>
public class BudgetAnalyzerTests
{
    private const string Generated = """
        namespace Demo;
        [Etch.EtchModelCost(File = "keywords.tflite", Arena = 16000, State = 0, Stack = 512, Tables = 50000, Code = 4000, Macs = 2700000)]
        [Etch.EtchLayerCost("pad/Pad", Ram = 8000, Flash = 200, Macs = 0)]
        [Etch.EtchLayerCost("conv1/Relu", Ram = 16000, Flash = 9000, Macs = 1700000)]
        [Etch.EtchLayerCost("dw1/Relu", Ram = 16000, Flash = 12000, Macs = 1000000)]
        static partial class Keywords;
        """;

    private const string Declared = """
        using Etch;
        namespace Demo;
        [EtchModel("keywords.tflite")]
        [EtchBudget(Ram = 16_512)]
        public static partial class Keywords;
        """;

    private const string RamMessage = "Keywords needs 16,512 bytes of RAM, 1 more than its budget of 16,511 (arena 16,000 + state 0 + stack 512); "
        + "dearest layers: conv1/Relu 16,000, dw1/Relu 16,000";

    [Theory]
    [InlineData("Ram", "16_512")]
    [InlineData("Flash", "54_000")]
    [InlineData("Macs", "2_700_000")]
    [InlineData("Flops", "5_400_000")]
    [InlineData("LayerRam", "16_000")]
    [InlineData("LayerFlash", "12_000")]
    [InlineData("LayerMacs", "1_700_000")]
    [InlineData("LayerFlops", "3_400_000")]
    public Task The_exact_figure_passes(string argument, string limit) =>
        Project(Declared.Replace("Ram = 16_512", $"{argument} = {limit}")).ExpectNone();

    [Fact]
    public Task One_byte_less_is_an_error_at_the_argument() =>
        Project(Declared.Replace("16_512", "[|16_511|]")).Expect(("ETCH201", RamMessage));

    [Fact]
    public Task Signatures_are_reported_with_their_model() => new Harness(Declared.Replace("16_512", "[|16_511|]"))
    {
        Generated = Generated.Replace("Keywords;", "Keywords { [Etch.EtchModelCost(File = \"keywords.tflite\", Arena = 16000, Stack = 512)] public static partial class Collect; }"),
        Properties = { ["build_property.EtchMaxRam"] = "16511" },
    }.Expect(("ETCH201", RamMessage));

    [Fact]
    public Task A_model_inside_another_class_has_its_budget() => new Harness("""
        using Etch;
        namespace Demo;
        static partial class Outer { [EtchBudget(Ram = [|16_511|])] public static partial class Keywords; }
        """)
    {
        Generated = Generated.Replace("namespace Demo;", "namespace Demo; static partial class Outer {") + " }",
    }.Expect(("ETCH201", RamMessage));

    [Fact]
    public Task Each_argument_is_reported_by_itself() => Project(Declared.Replace(
        "Ram = 16_512", "Ram = [|16_000 + 511|], Flash = [|53_999|], Macs = 2_700_000, Flops = [|5_399_999|], LayerRam = [|15_999|], LayerMacs = [|1_699_999|]"))
        .Expect(
            ("ETCH201", RamMessage),
            ("ETCH202", "Keywords needs 54,000 bytes of flash, 1 more than its budget of 53,999 (tables 50,000 + code 4,000); "
                + "dearest layers: dw1/Relu 12,000, conv1/Relu 9,000"),
            ("ETCH203", "Keywords needs 5,400,000 FLOPs, 1 more than its budget of 5,399,999; dearest layers: conv1/Relu 3,400,000, dw1/Relu 2,000,000"),
            ("ETCH201", "Keywords: conv1/Relu needs 16,000 bytes of RAM, 1 more than the budget per layer of 15,999; 2 layers exceed it; "
                + "dearest layers: conv1/Relu 16,000, dw1/Relu 16,000"),
            ("ETCH203", "Keywords: conv1/Relu needs 1,700,000 MACs, 1 more than the budget per layer of 1,699,999; 1 layer exceeds it; "
                + "dearest layers: conv1/Relu 1,700,000, dw1/Relu 1,000,000"));

    [Fact]
    public Task A_budget_of_a_class_without_a_model_limits_nothing() =>
        Project(Declared + "\n[[|EtchBudget(Ram = 1)|]] static partial class Keyword;\nstatic class Other;")
            .Expect(("ETCH303", "Nothing limits 'Keyword': no model of this project becomes this class"));

    [Theory]
    [InlineData(Declared, "")]
    [InlineData("[Etch.EtchBudget(Ram = 1)] static partial class Keywords;", "static partial class Keywords;")]
    public Task The_budget_of_a_model_that_failed_is_not_reported_as_well(string source, string generated) =>
        new Harness(source) { Generated = generated }.ExpectNone();

    [Fact]
    public Task A_budget_of_zero_is_a_budget() => Project(Declared.Replace("16_512", "[|0|]")).Expect(
        ("ETCH201", "Keywords needs 16,512 bytes of RAM, 16,512 more than its budget of 0 (arena 16,000 + state 0 + stack 512); "
            + "dearest layers: conv1/Relu 16,000, dw1/Relu 16,000"));

    [Fact]
    public async Task Budgets_are_errors_that_may_be_configured()
    {
        Diagnostic error = Assert.Single(await Project(Declared.Replace("16_512", "16_511")).Diagnose());
        Assert.Equal(DiagnosticSeverity.Error, error.Severity);
        Assert.DoesNotContain(WellKnownDiagnosticTags.NotConfigurable, error.Descriptor.CustomTags);
    }

    [Theory]
    [InlineData("build_metadata.EtchModel.MaxRam")]
    [InlineData("build_metadata.AdditionalFiles.MaxRam")]
    public async Task Item_metadata_is_reported_at_the_model(string key)
    {
        var project = new Harness(Unlimited) { Generated = Generated, Metadata = new() { [key] = "16511" } };
        Diagnostic error = Assert.Single(await project.Diagnose());
        Assert.Equal(RamMessage.Replace("16,511", "16,511 set by MaxRam"), error.GetMessage());
        AssertAtModel(error);

        project.Metadata[key] = "16512";
        await project.ExpectNone();
    }

    [Fact]
    public async Task A_property_limits_every_model()
    {
        var project = new Harness(Unlimited) { Generated = Generated, Properties = new() { ["build_property.EtchMaxLayerFlash"] = "11.5K" } };
        Diagnostic error = Assert.Single(await project.Diagnose());
        Assert.Equal(
            "Keywords: dw1/Relu needs 12,000 bytes of flash, 224 more than the budget per layer of 11,776 set by EtchMaxLayerFlash; 1 layer exceeds it; "
            + "dearest layers: dw1/Relu 12,000, conv1/Relu 9,000",
            error.GetMessage());
        Assert.Equal("ETCH202", error.Id);
        AssertAtModel(error);
    }

    [Fact]
    public async Task The_attribute_prevails_over_metadata_and_metadata_over_properties()
    {
        var project = new Harness(Declared)
        {
            Generated = Generated,
            Metadata = new()
            {
                ["build_metadata.EtchModel.MaxRam"] = "1",
                ["build_metadata.EtchModel.MaxFlash"] = "54000",
                ["build_metadata.AdditionalFiles.MaxFlash"] = "2",
                ["build_metadata.AdditionalFiles.MaxMacs"] = "2.7M",
            },
            Properties = new()
            {
                ["build_property.EtchMaxRam"] = "1",
                ["build_property.EtchMaxFlash"] = "1",
                ["build_property.EtchMaxMacs"] = "1",
                ["build_property.EtchMaxLayerMacs"] = "1M",
            },
        };
        Diagnostic error = Assert.Single(await project.Diagnose());
        Assert.Equal(
            "Keywords: conv1/Relu needs 1,700,000 MACs, 700,000 more than the budget per layer of 1,000,000 set by EtchMaxLayerMacs; 1 layer exceeds it; "
            + "dearest layers: conv1/Relu 1,700,000, dw1/Relu 1,000,000",
            error.GetMessage());
    }

    [Fact]
    public Task Text_that_is_no_number_is_left_to_the_generator() => new Harness(Unlimited)
    {
        Generated = Generated,
        Metadata = new() { ["build_metadata.EtchModel.MaxRam"] = "little" },
        Properties = new() { ["build_property.EtchMaxFlash"] = "" },
    }.ExpectNone();

    [Fact]
    public async Task Without_the_models_file_the_class_is_the_place()
    {
        var project = new Harness(Unlimited) { Generated = Generated, Models = [], Properties = new() { ["build_property.EtchMaxRam"] = "16511" } };
        Assert.True(Assert.Single(await project.Diagnose()).Location.IsInSource);
    }

    [Theory]
    [InlineData("/project/Models/other.tflite", false)]
    [InlineData("/project/Models/my-keywords.tflite", false)]
    [InlineData("C:\\project\\Models\\Keywords.tflite", true)]
    [InlineData("keywords.tflite", true)]
    public async Task Metadata_belongs_to_the_file_whose_path_ends_so(string path, bool found)
    {
        var project = new Harness(Unlimited) { Generated = Generated, Models = [path], Metadata = new() { ["build_metadata.EtchModel.MaxRam"] = "16511" } };
        Assert.Equal(found ? 1 : 0, (await project.Diagnose()).Count);
    }

    [Theory]
    [InlineData("keywords.tflite", "Keywords", "/project/a/keywords.tflite", "/project/keywords.tflite", true)]
    [InlineData("keywords.tflite", "", "/project/a/keywords.tflite", "/project/keywords.tflite", false)]
    [InlineData("keywords.tflite", "", "/project/keywords.tflite", "/project/a/keywords.tflite", true)]
    [InlineData("./a\\keywords.tflite", "", "/project/b/keywords.tflite", "/project/a/keywords.tflite", false)]
    [InlineData("./a\\keywords.tflite", "", "/project/a/keywords.tflite", "/project/b/keywords.tflite", true)]
    [InlineData("keywords.tflite", "", "/project/a/Keywords.tflite", "/project/a/keywords.tflite", false)]
    public async Task Of_several_files_it_is_the_generators_choice(string declared, string className, string limited, string other, bool isLimited)
    {
        var project = new Harness(Unlimited.Replace("\"keywords.tflite\"", $"@\"{declared}\""))
        {
            Generated = Generated,
            Models = [limited, other],
            Metadata = new() { ["build_metadata.EtchModel.MaxRam"] = "1", ["build_metadata.EtchModel.Class"] = className },
            Properties = new() { ["build_property.ProjectDir"] = "/project/" },
        };
        Assert.Equal(isLimited ? [limited] : [], (await project.Diagnose()).Select(d => d.Location.GetLineSpan().Path));
    }

    [Theory]
    [InlineData("[Etch.EtchModelCost] [Etch.EtchLayerCost(null!)] static partial class Keywords;")]
    [InlineData("class EtchModelCostAttribute : System.Attribute { public long Arena { get; set; } } [EtchModelCost(Arena = 9)] static partial class Keywords;")]
    public Task Empty_and_foreign_attributes_do_no_harm(string generated) =>
        new Harness("[Etch.EtchBudget(Ram = 0, LayerRam = -0)] static partial class Keywords;") { Generated = generated }.ExpectNone();

    [Fact]
    public async Task The_fix_raises_the_budget_to_the_need()
    {
        string before = Declared.Replace("Ram = 16_512", "Ram = 64 * 4 /* why */, Flash = 60_000, LayerMacs = 5");
        (string after, string[] titles) = await Project(before).Fix();
        Assert.Equal(before.Replace("64 * 4", "16_512").Replace("= 5)", "= 1_700_000)"), after);
        Assert.Equal(["Raise Ram to 16_512", "Raise LayerMacs to 1_700_000"], titles);
    }

    [Fact]
    public async Task Fix_all_raises_every_budget_of_an_id()
    {
        string before = Declared.Replace("Ram = 16_512", "Ram = 1, LayerRam = 2, Flash = 3");
        Assert.Equal(before.Replace("Ram = 1,", "Ram = 16_512,").Replace("LayerRam = 2", "LayerRam = 16_000"), await Project(before).FixAll("ETCH201"));
    }

    [Fact]
    public Task A_model_above_its_budget_says_what_streaming_would_make_of_it() => new Harness(Declared.Replace("16_512", "[|16_511|]")) { Generated = Streamable }.Expect(
        ("ETCH201", RamMessage.Replace("; dearest", "; 16,512 layer by layer, 5,000 row by row (Streaming = Smallest), "
            + "5,100 with PushRow, which does without the input's 490 besides; dearest")));

    [Theory]
    [InlineData("[EtchModel(\"keywords.tflite\")]", "[EtchModel(\"keywords.tflite\", Streaming = Etch.EtchStreaming.Auto)]")]
    [InlineData("[EtchModel(\"keywords.tflite\", Streaming = EtchStreaming.Off)]", "[EtchModel(\"keywords.tflite\", Streaming = Etch.EtchStreaming.Auto)]")]
    public async Task A_model_that_would_fit_row_by_row_is_let_run_so(string before, string after)
    {
        string Source(string attribute) => Declared.Replace("[EtchModel(\"keywords.tflite\")]", attribute).Replace("16_512", "5_000");
        Assert.Equal(Source(after), await new Harness(Source(before)) { Generated = Streamable }.FixOnce());
    }

    [Fact]
    public async Task A_model_that_would_not_fit_row_by_row_either_has_its_budget_raised()
    {
        (string after, string[] titles) = await new Harness(Declared.Replace("16_512", "4_999")) { Generated = Streamable }.Fix();
        Assert.Equal(Declared, after);
        Assert.Equal(["Raise Ram to 16_512"], titles);
    }

    [Fact]
    public async Task A_model_that_would_fit_with_the_smallest_code_is_given_it()
    {
        string generated = Generated.Replace("Macs = 2700000)]", "Runtime = 1000, FlashWithSize = 40000, Macs = 2700000)]");
        string source = Declared.Replace("Ram = 16_512", "Flash = [|40_000|]");
        await new Harness(source) { Generated = generated }.Expect(
            ("ETCH202", "Keywords needs 55,000 bytes of flash, 15,000 more than its budget of 40,000 (tables 50,000 + code 4,000 + Etch.Runtime 1,000); "
                + "40,000 with Preset = Size; dearest layers: dw1/Relu 12,000, conv1/Relu 9,000"));
        string before = Declared.Replace("Ram = 16_512", "Flash = 40_000");
        Assert.Equal(
            before.Replace("[EtchModel(\"keywords.tflite\")]", "[EtchModel(\"keywords.tflite\", Preset = Etch.EtchPreset.Size)]"),
            await new Harness(before) { Generated = generated }.FixOnce());
    }

    [Fact]
    public async Task A_limit_in_the_project_file_has_no_fix()
    {
        var project = new Harness(Unlimited) { Generated = Generated, Properties = new() { ["build_property.EtchMaxRam"] = "1" } };
        Assert.Equal((Unlimited, 0), (await project.Fix()) is var (source, titles) ? (source, titles.Length) : default);
    }

    // The model was compiled without streaming.
    private static string Streamable => Generated.Replace("Macs = 2700000)]", "Macs = 2700000, LayerByLayer = 16512, RowByRow = 5000, Pushed = 5100, Input = 490)]");

    private static string Unlimited => Declared.Replace("[EtchBudget(Ram = 16_512)]\n", "");

    private static Harness Project(string source) => new(source) { Generated = Generated };

    private static void AssertAtModel(Diagnostic diagnostic)
    {
        FileLinePositionSpan position = diagnostic.Location.GetLineSpan();
        Assert.Equal("/project/Models/keywords.tflite", position.Path);
        Assert.Equal((0, 0), (position.StartLinePosition.Line, position.StartLinePosition.Character));
    }
}
