using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Xunit;

namespace Etch.Analyzers.Tests;

/// <summary>What a budget is, without Roslyn: how it is written, merged and checked.</summary>
public class BudgetTests
{
    private static readonly ModelCost Cost = new(
        "keywords.tflite", Arena: 16_000, State: 0, Stack: 512, Tables: 50_000, Code: 4_000, Macs: 2_700_000,
        new LayerCost[]
        {
            new("pad/Pad", 8_000, 200, 0),
            new("conv1/Relu", 16_000, 9_000, 1_700_000),
            new("dw1/Relu", 16_000, 12_000, 1_000_000),
        });

    [Theory]
    [InlineData("0", 0)]
    [InlineData("16384", 16_384)]
    [InlineData(" 16_384 ", 16_384)]
    [InlineData("100B", 100)]
    [InlineData("64K", 65_536)]
    [InlineData("64KB", 65_536)]
    [InlineData("64kB", 65_536)]
    [InlineData("64 KiB", 65_536)]
    [InlineData("1.5k", 1_536)]
    [InlineData("2M", 2_097_152)]
    [InlineData("2 MiB", 2_097_152)]
    [InlineData("1GB", 1_073_741_824)]
    [InlineData("9223372036854775807", long.MaxValue)]
    public void Memory_counts_in_1024s(string text, long expected)
    {
        Assert.True(Budget.TryParse(text, BudgetFigure.Ram, out long value));
        Assert.Equal(expected, value);
        Assert.True(Budget.TryParse(text, BudgetFigure.LayerFlash, out value));
        Assert.Equal(expected, value);
    }

    [Theory]
    [InlineData("2_500_000", 2_500_000)]
    [InlineData("2.5M", 2_500_000)]
    [InlineData("64k", 64_000)]
    [InlineData("3 G", 3_000_000_000)]
    public void Operations_count_in_1000s(string text, long expected)
    {
        Assert.True(Budget.TryParse(text, BudgetFigure.Macs, out long value));
        Assert.Equal(expected, value);
        Assert.True(Budget.TryParse(text, BudgetFigure.LayerFlops, out value));
        Assert.Equal(expected, value);
    }

    [Theory]
    [InlineData("", "Ram")]
    [InlineData("much", "Ram")]
    [InlineData("KB", "Ram")]
    [InlineData("-1", "Ram")]
    [InlineData("+1", "Ram")]
    [InlineData("0x10", "Ram")]
    [InlineData("1,000", "Ram")]
    [InlineData("1e3", "Ram")]
    [InlineData("_1", "Ram")]
    [InlineData("1_", "Ram")]
    [InlineData("1.", "Ram")]
    [InlineData("1.2.3K", "Ram")]
    [InlineData("0.0001K", "Ram")]
    [InlineData("64 KK", "Ram")]
    [InlineData("64 iB", "Ram")]
    [InlineData("64 BK", "Ram")]
    [InlineData("64 TB", "Ram")]
    [InlineData("9223372036854775808", "Ram")]
    [InlineData("9999999999999G", "Ram")]
    [InlineData("999999999999999999999999999999999999G", "Ram")]
    [InlineData("64KB", "Macs")]
    [InlineData("64B", "Macs")]
    [InlineData("64KiB", "Flops")]
    public void Anything_else_is_no_limit(string text, string figure) =>
        Assert.False(Budget.TryParse(text, Enum.Parse<BudgetFigure>(figure), out _));

    [Fact]
    public void A_budget_is_read_under_the_names_of_its_source()
    {
        var texts = new Dictionary<string, string> { ["EtchMaxRam"] = "1K", ["EtchMaxLayerFlops"] = "2k", ["EtchMaxMacs"] = " ", ["MaxFlash"] = "9" };
        Budget budget = Budget.Read(BudgetSource.Property, texts.GetValueOrDefault);

        Assert.Equal(new BudgetLimit(1_024, BudgetSource.Property), budget[BudgetFigure.Ram]);
        Assert.Equal(new BudgetLimit(2_000, BudgetSource.Property), budget[BudgetFigure.LayerFlops]);
        Assert.Equal(2, Budget.Figures.Count(figure => budget[figure] is not null));
        Assert.Equal(9, Budget.Read(BudgetSource.Metadata, texts.GetValueOrDefault)[BudgetFigure.Flash]!.Value.Value);
    }

    [Fact]
    public void What_is_no_number_is_told_and_limits_nothing()
    {
        var told = new List<string>();
        Budget budget = Budget.Read(
            BudgetSource.Metadata, name => name is "MaxRam" or "MaxLayerMacs" ? "lots" : null, (name, text) => told.Add($"{name}={text}"));

        Assert.Equal(Budget.None, budget);
        Assert.Equal(["MaxRam=lots", "MaxLayerMacs=lots"], told);
    }

    [Fact]
    public void The_nearer_source_wins_figure_by_figure()
    {
        Budget attribute = Budget.None.With(BudgetFigure.Ram, new BudgetLimit(1, BudgetSource.Attribute));
        Budget metadata = Budget.None.With(BudgetFigure.Ram, new BudgetLimit(2, BudgetSource.Metadata))
            .With(BudgetFigure.Flash, new BudgetLimit(3, BudgetSource.Metadata));
        Budget property = Budget.None.With(BudgetFigure.Flash, new BudgetLimit(4, BudgetSource.Property))
            .With(BudgetFigure.Macs, new BudgetLimit(5, BudgetSource.Property));
        Budget merged = attribute.Over(metadata).Over(property);

        Assert.Equal(new BudgetLimit(1, BudgetSource.Attribute), merged[BudgetFigure.Ram]);
        Assert.Equal(new BudgetLimit(3, BudgetSource.Metadata), merged[BudgetFigure.Flash]);
        Assert.Equal(new BudgetLimit(5, BudgetSource.Property), merged[BudgetFigure.Macs]);
        Assert.Null(merged[BudgetFigure.LayerRam]);
    }

    [Fact]
    public void Budgets_compare_by_value() => Assert.Equal(
        Budget.None.With(BudgetFigure.Ram, new BudgetLimit(1, BudgetSource.Attribute)),
        Budget.None.With(BudgetFigure.Ram, new BudgetLimit(1, BudgetSource.Attribute)));

    [Theory]
    [InlineData("Ram", 16_512)]
    [InlineData("Flash", 54_000)]
    [InlineData("Macs", 2_700_000)]
    [InlineData("Flops", 5_400_000)]
    [InlineData("LayerRam", 16_000)]
    [InlineData("LayerFlash", 12_000)]
    [InlineData("LayerMacs", 1_700_000)]
    [InlineData("LayerFlops", 3_400_000)]
    public void The_exact_figure_passes_and_one_less_does_not(string name, long need)
    {
        BudgetFigure figure = Enum.Parse<BudgetFigure>(name);
        Assert.Empty(Only(figure, need).Check("Keywords", Cost));
        BudgetExcess excess = Assert.Single(Only(figure, need - 1).Check("Keywords", Cost));
        Assert.Equal((figure, need, need - 1), (excess.Figure, excess.Need, excess.Limit.Value));
    }

    [Theory]
    [InlineData("Ram", 16_384, "ETCH201", "Keywords needs 16,512 bytes of RAM, 128 more than its budget of 16,384 (arena 16,000 + state 0 + stack 512); "
        + "dearest layers: conv1/Relu 16,000, dw1/Relu 16,000")]
    [InlineData("Flash", 53_999, "ETCH202", "Keywords needs 54,000 bytes of flash, 1 more than its budget of 53,999 (tables 50,000 + code 4,000); "
        + "dearest layers: dw1/Relu 12,000, conv1/Relu 9,000")]
    [InlineData("Macs", 2_500_000, "ETCH203", "Keywords needs 2,700,000 MACs, 200,000 more than its budget of 2,500,000; "
        + "dearest layers: conv1/Relu 1,700,000, dw1/Relu 1,000,000")]
    [InlineData("Flops", 5_000_000, "ETCH203", "Keywords needs 5,400,000 FLOPs, 400,000 more than its budget of 5,000,000; "
        + "dearest layers: conv1/Relu 3,400,000, dw1/Relu 2,000,000")]
    [InlineData("LayerRam", 8_192, "ETCH201", "Keywords: conv1/Relu needs 16,000 bytes of RAM, 7,808 more than the budget per layer of 8,192; "
        + "2 layers exceed it; dearest layers: conv1/Relu 16,000, dw1/Relu 16,000")]
    [InlineData("LayerFlash", 11_000, "ETCH202", "Keywords: dw1/Relu needs 12,000 bytes of flash, 1,000 more than the budget per layer of 11,000; "
        + "1 layer exceeds it; dearest layers: dw1/Relu 12,000, conv1/Relu 9,000")]
    [InlineData("LayerMacs", 0, "ETCH203", "Keywords: conv1/Relu needs 1,700,000 MACs, 1,700,000 more than the budget per layer of 0; "
        + "2 layers exceed it; dearest layers: conv1/Relu 1,700,000, dw1/Relu 1,000,000")]
    [InlineData("LayerFlops", 3_000_000, "ETCH203", "Keywords: conv1/Relu needs 3,400,000 FLOPs, 400,000 more than the budget per layer of 3,000,000; "
        + "1 layer exceeds it; dearest layers: conv1/Relu 3,400,000, dw1/Relu 2,000,000")]
    public void The_message_names_need_excess_budget_and_dearest_layers(string name, long limit, string id, string message)
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = new CultureInfo("") { NumberFormat = { NumberGroupSeparator = "\u2019", NegativeSign = "\u2212" } };
            BudgetExcess excess = Assert.Single(Only(Enum.Parse<BudgetFigure>(name), limit).Check("Keywords", Cost));
            Assert.Equal((id, message), (excess.Id, excess.Message));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Every_excess_is_found_at_once()
    {
        Budget nothing = Budget.None;
        foreach (BudgetFigure figure in Budget.Figures) nothing = nothing.With(figure, new BudgetLimit(0, BudgetSource.Property));
        Assert.Equal(Budget.Figures, nothing.Check("Keywords", Cost).Select(excess => excess.Figure));
    }

    [Fact]
    public void A_model_without_layers_has_no_dearest_and_no_budget_per_layer()
    {
        ModelCost empty = Cost with { Layers = Array.Empty<LayerCost>() };
        Assert.Empty(Only(BudgetFigure.LayerRam, 0).Check("Empty", empty));
        Assert.Equal("Empty needs 2,700,000 MACs, 2,700,000 more than its budget of 0", Assert.Single(Only(BudgetFigure.Macs, 0).Check("Empty", empty)).Message);
    }

    private static Budget Only(BudgetFigure figure, long limit) => Budget.None.With(figure, new BudgetLimit(limit, BudgetSource.Attribute));
}
