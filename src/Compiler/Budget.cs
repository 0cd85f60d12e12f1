using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Etch;

/// <summary>The figures that a budget can limit, under the names of <c>[EtchBudget]</c>'s arguments.</summary>
/// <remarks>Item metadata has <c>Max</c> before the name (<c>MaxRam</c>), an MSBuild property <c>EtchMax</c> (<c>EtchMaxRam</c>).</remarks>
internal enum BudgetFigure
{
    Ram,
    Flash,
    Macs,
    Flops,
    LayerRam,
    LayerFlash,
    LayerMacs,
    LayerFlops,
}

/// <summary>Where a limit was written, the one that prevails first.</summary>
internal enum BudgetSource
{
    /// <summary><c>[EtchBudget]</c> on the class.</summary>
    Attribute,

    /// <summary>Metadata of the model's item in the project file.</summary>
    Metadata,

    /// <summary>An MSBuild property, for all models of the project.</summary>
    Property,
}

/// <summary>The most that one figure may be, and who says so.</summary>
internal readonly record struct BudgetLimit(long Value, BudgetSource Source);

/// <summary>A figure above its limit, with the finished message.</summary>
/// <param name="Id">The diagnostic's id, <c>ETCH201</c> to <c>ETCH203</c>.</param>
/// <param name="Figure">The figure; its name is the argument of <c>[EtchBudget]</c> that would have to be raised.</param>
/// <param name="Need">What the model, or its dearest layer, needs: the smallest budget that passes.</param>
/// <param name="Limit">The limit and where it was written.</param>
/// <param name="Message">One sentence: the need, the excess, the budget, the two dearest layers.</param>
internal sealed record BudgetExcess(string Id, BudgetFigure Figure, long Need, BudgetLimit Limit, string Message);

/// <summary>What a model may cost. A figure without a limit is not checked. Compared by value.</summary>
internal sealed record Budget
{
    public const string RamId = "ETCH201";
    public const string FlashId = "ETCH202";
    public const string MacsId = "ETCH203";

    /// <summary>Every figure, in the order in which excesses are reported.</summary>
    public static readonly IReadOnlyList<BudgetFigure> Figures = (BudgetFigure[])Enum.GetValues(typeof(BudgetFigure));

    /// <summary>The budget that limits nothing.</summary>
    public static readonly Budget None = new();

    private EquatableArray<BudgetLimit?> Limits { get; init; } = new BudgetLimit?[Figures.Count];

    /// <summary>The limit of a figure, or null.</summary>
    public BudgetLimit? this[BudgetFigure figure] => Limits[(int)figure];

    /// <summary>This budget with another limit for one figure.</summary>
    public Budget With(BudgetFigure figure, BudgetLimit? limit)
    {
        BudgetLimit?[] limits = Limits.ToArray();
        limits[(int)figure] = limit;
        return this with { Limits = limits };
    }

    /// <summary>This budget's limits and, for the figures it leaves open, those of <paramref name="fallback"/>.</summary>
    public Budget Over(Budget fallback) => new() { Limits = Limits.Zip(fallback.Limits, static (own, other) => own ?? other).ToArray() };

    /// <summary>The name under which a source writes a figure: <c>Ram</c>, <c>MaxRam</c> or <c>EtchMaxRam</c>.</summary>
    public static string NameOf(BudgetFigure figure, BudgetSource source) => source switch
    {
        BudgetSource.Attribute => figure.ToString(),
        BudgetSource.Metadata => "Max" + figure,
        _ => "EtchMax" + figure,
    };

    /// <summary>Reads the limits that a project file writes as text. Never throws.</summary>
    /// <param name="source">Item metadata or MSBuild properties.</param>
    /// <param name="text">The text under a name of <see cref="NameOf"/>; null or blank where there is none.</param>
    /// <param name="unreadable">Told the name and the text of what is no number; the figure then has no limit from here.</param>
    public static Budget Read(BudgetSource source, Func<string, string?> text, Action<string, string>? unreadable = null)
    {
        Budget budget = None;
        foreach (BudgetFigure figure in Figures)
        {
            string name = NameOf(figure, source);
            string written = text(name) ?? "";
            if (string.IsNullOrWhiteSpace(written)) continue;
            if (TryParse(written, figure, out long value)) budget = budget.With(figure, new BudgetLimit(value, source));
            else unreadable?.Invoke(name, written);
        }

        return budget;
    }

    /// <summary>
    /// Reads a limit. Memory counts in 1024s, operations in 1000s, and case does not matter: <c>64K</c>, <c>64KB</c>, <c>64 KiB</c> and
    /// <c>64kb</c> are 65,536 bytes of RAM or flash, <c>2.5M</c> are 2,500,000 MACs or FLOPs.
    /// </summary>
    /// <remarks>
    /// A number with a decimal point is fine when the limit is whole (<c>1.5K</c>); underscores may separate digits (<c>16_384</c>).
    /// Units: none, B, K, M, G for memory, the latter three with B or iB; none, K, M, G for operations.
    /// </remarks>
    public static bool TryParse(string text, BudgetFigure figure, out long value)
    {
        value = 0;
        string trimmed = text.Trim();
        string number = trimmed.TrimEnd([.. "BIKMGbikmg "]);
        decimal? unit = (IsMemory(figure), trimmed.Substring(number.Length).Trim().ToUpperInvariant()) switch
        {
            (_, "") or (true, "B") => 1,
            (true, "K" or "KB" or "KIB") => 1L << 10,
            (true, "M" or "MB" or "MIB") => 1L << 20,
            (true, "G" or "GB" or "GIB") => 1L << 30,
            (false, "K") => 1_000,
            (false, "M") => 1_000_000,
            (false, "G") => 1_000_000_000,
            _ => null,
        };
        if (unit is not { } factor || number.Length == 0 || !IsDigit(number[0]) || !IsDigit(number[number.Length - 1])) return false;

        if (!decimal.TryParse(number.Replace("_", ""), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal parsed)) return false;
        if (parsed > long.MaxValue / factor || parsed * factor != decimal.Truncate(parsed * factor)) return false;
        value = (long)(parsed * factor);
        return true;
    }

    /// <summary>Compares a cost with this budget: every figure that exceeds its limit, none when the model fits.</summary>
    /// <param name="model">The name of the generated class.</param>
    /// <param name="cost">What the model costs.</param>
    public EquatableArray<BudgetExcess> Check(string model, ModelCost cost)
    {
        var excesses = new List<BudgetExcess>();
        foreach (BudgetFigure figure in Figures)
        {
            if (this[figure] is not { } limit) continue;
            LayerCost[] layers = [.. cost.Layers.OrderByDescending(layer => Of(layer, figure))];
            long? need = IsPerLayer(figure) ? layers.Select(layer => (long?)Of(layer, figure)).FirstOrDefault() : Of(cost, figure);
            if (need is not { } needed || needed <= limit.Value) continue;

            int tooDear = layers.Count(layer => Of(layer, figure) > limit.Value);
            string message = IsPerLayer(figure)
                ? $"{model}: {layers[0].Layer} needs {Amount(needed, figure)}, {Excess(needed, limit)} than the budget per layer of "
                    + $"{Number(limit.Value)}{Origin(figure, limit)}; {(tooDear == 1 ? "1 layer exceeds" : $"{Number(tooDear)} layers exceed")} it"
                : $"{model} needs {Amount(needed, figure)}, {Excess(needed, limit)} than its budget of "
                    + $"{Number(limit.Value)}{Origin(figure, limit)}{Parts(cost, figure)}{WaysOut(cost, figure)}";
            excesses.Add(new BudgetExcess(IdOf(figure), figure, needed, limit, message + Dearest(layers, figure)));
        }

        return excesses.ToArray();
    }

    private static bool IsPerLayer(BudgetFigure figure) => figure >= BudgetFigure.LayerRam;

    private static bool IsMemory(BudgetFigure figure) =>
        figure is BudgetFigure.Ram or BudgetFigure.Flash or BudgetFigure.LayerRam or BudgetFigure.LayerFlash;

    private static bool IsDigit(char c) => c is >= '0' and <= '9';

    private static string IdOf(BudgetFigure figure) => figure switch
    {
        BudgetFigure.Ram or BudgetFigure.LayerRam => RamId,
        BudgetFigure.Flash or BudgetFigure.LayerFlash => FlashId,
        _ => MacsId,
    };

    private static long Of(ModelCost cost, BudgetFigure figure) => figure switch
    {
        BudgetFigure.Ram => cost.Ram,
        BudgetFigure.Flash => cost.Flash,
        BudgetFigure.Macs => cost.Macs,
        _ => cost.Flops,
    };

    private static long Of(LayerCost cost, BudgetFigure figure) => figure switch
    {
        BudgetFigure.Ram or BudgetFigure.LayerRam => cost.Ram,
        BudgetFigure.Flash or BudgetFigure.LayerFlash => cost.Flash,
        BudgetFigure.Macs or BudgetFigure.LayerMacs => cost.Macs,
        _ => cost.Flops,
    };

    private static string Amount(long value, BudgetFigure figure) => Number(value) + figure switch
    {
        BudgetFigure.Ram or BudgetFigure.LayerRam => " bytes of RAM",
        BudgetFigure.Flash or BudgetFigure.LayerFlash => " bytes of flash",
        BudgetFigure.Macs or BudgetFigure.LayerMacs => " MACs",
        _ => " FLOPs",
    };

    private static string Excess(long need, BudgetLimit limit) => $"{Number(need - limit.Value)} more";

    /// <summary>Who set the limit. An attribute needs no words: the diagnostic stands on it.</summary>
    private static string Origin(BudgetFigure figure, BudgetLimit limit) =>
        limit.Source == BudgetSource.Attribute ? "" : $" set by {NameOf(figure, limit.Source)}";

    private static string Parts(ModelCost cost, BudgetFigure figure) => figure switch
    {
        BudgetFigure.Ram => $" (arena {Number(cost.Arena)} + state {Number(cost.State)} + stack {Number(cost.Stack)})",
        BudgetFigure.Flash => $" (tables {Number(cost.Tables)} + code {Number(cost.Code)}{(cost.Runtime > 0 ? $" + Etch.Runtime {Number(cost.Runtime)}" : "")})",
        _ => "",
    };

    private static string WaysOut(ModelCost cost, BudgetFigure figure)
    {
        if (figure == BudgetFigure.Flash && cost.FlashWithSize > 0) return $"; {Number(cost.FlashWithSize)} with Preset = Size";
        if (figure != BudgetFigure.Ram || cost.Streaming is not { } ways) return "";
        string pushed = ways.Pushed == 0 ? "" : $", {Number(ways.Pushed)} with PushRow, which does without the input's {Number(ways.Input)} besides";
        return $"; {Number(ways.LayerByLayer)} layer by layer, {Number(ways.RowByRow)} row by row (Streaming = Smallest){pushed}";
    }

    private static string Dearest(LayerCost[] layers, BudgetFigure figure) => layers.Length switch
    {
        0 => "",
        1 => $"; dearest layer: {Priced(layers[0], figure)}",
        _ => $"; dearest layers: {Priced(layers[0], figure)}, {Priced(layers[1], figure)}",
    };

    private static string Priced(LayerCost layer, BudgetFigure figure) => $"{layer.Layer} {Number(Of(layer, figure))}";

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
