using System;
using System.Globalization;
using System.Linq;
using Xunit;

namespace Etch.Generator.Tests;

/// <summary>The generator keeps budgets where analyzers do not run, with the analyzers' words and at their places.</summary>
public class BudgetsTests
{
    private const string Class = "[Etch.EtchModel(\"a.tflite\"), Etch.EtchBudget(Ram = 0, Flash = 1_000_000)] static partial class Spotter;";

    [Theory]
    [InlineData("RunAnalyzers")]
    [InlineData("RunAnalyzersDuringBuild")]
    public void At_the_argument_of_the_attribute(string property)
    {
        using Consumer project = new Consumer().Model("a.tflite", "conv_3x3_s2_same", metadata: ("MaxRam", "1MB"))
            .Property(property, "false").Source(Class);
        Assert.StartsWith("Program.cs(1,52): ETCH201: Spotter needs ", Assert.Single(project.Run().Diagnostics));
    }

    [Fact]
    public void Without_an_attribute_at_the_model()
    {
        using Consumer project = new Consumer().Model("a.tflite", metadata: ("MaxFlash", "1B")).Model("b.tflite", metadata: ("MaxMacs", "640"))
            .Property("RunAnalyzers", "false").Property("EtchMaxMacs", "639").Property("EtchMaxLayerFlops", "1");
        string[] lines = [.. project.Run().Diagnostics.Select(static line => line[..line.IndexOf(" needs ", StringComparison.Ordinal)])];
        Assert.Equal(
            [
                "a.tflite(1,1): ETCH202: A",
                "a.tflite(1,1): ETCH203: A",
                "a.tflite(1,1): ETCH203: A: FULLY_CONNECTED t3",
                "b.tflite(1,1): ETCH203: B: FULLY_CONNECTED t3",
            ],
            lines.Order());
    }

    [Fact]
    public void A_class_without_EtchModel_may_have_a_budget()
    {
        using Consumer project = new Consumer().Model("a.tflite").Property("RunAnalyzers", "false")
            .Source("namespace App; [Etch.EtchBudget(LayerMacs = 1)] public static partial class A;");
        Assert.StartsWith("Program.cs(1,45): ETCH203: A: FULLY_CONNECTED t3 needs 640 MACs", Assert.Single(project.Run().Diagnostics));
    }

    [Theory]
    [InlineData("RunAnalyzers", "true")]
    [InlineData("RunAnalyzers", "")]
    public void Not_where_analyzers_run(string property, string value)
    {
        using Consumer project = new Consumer().Model("a.tflite").Property(property, value).Property("RunAnalyzersDuringBuild", value).Source(Class);
        project.Run().AssertClean();
    }

    [Fact]
    public void Explicit_RunAnalyzers_prevails()
    {
        using Consumer project = new Consumer().Model("a.tflite").Property("RunAnalyzers", "true").Property("RunAnalyzersDuringBuild", "false").Source(Class);
        Assert.Empty(project.Run().Diagnostics);
    }

    [Fact]
    public void A_budget_for_work_compiles_nothing()
    {
        string before = Class.Replace("Flash", "Macs");
        using Consumer project = new Consumer().Model("a.tflite").Property("RunAnalyzers", "false").Source(before);
        project.Run();
        Outcome outcome = project.Source(before.Replace("1_000_000", 1.ToString(CultureInfo.InvariantCulture))).Run();
        Assert.Equal("a.tflite Cached", outcome.Reasons(Steps.Compile));
        Assert.Contains(outcome.Diagnostics, static line => line.StartsWith("Program.cs(1,62): ETCH203", StringComparison.Ordinal));
    }
}
