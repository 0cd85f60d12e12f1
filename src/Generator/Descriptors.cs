using System.Collections.Generic;
using System.Linq;
using Etch.Diagnostics;
using Microsoft.CodeAnalysis;

namespace Etch.Generator;

/// <summary>The diagnostics that the generator reports.</summary>
/// <remarks>
/// None can be switched off, for behind each there is a class without code; except the budgets, which are the analyzers' diagnostics in builds
/// without analyzers.
/// </remarks>
internal static class Descriptors
{
    /// <summary>Where the page of every id is, under the id's name and <c>.md</c>.</summary>
    public const string Pages = "https://github.com/etch-dotnet/etch/blob/main/docs/diagnostics/";

    private const string Category = "Etch";
    private const string BudgetCategory = "Etch.Budget";

    public static readonly DiagnosticDescriptor Unreadable = new(
        Ids.Unreadable, "Model file cannot be read", "{0}", Category, DiagnosticSeverity.Error, true,
        helpLinkUri: Pages + Ids.Unreadable + ".md", customTags: WellKnownDiagnosticTags.NotConfigurable);

    public static readonly DiagnosticDescriptor Malformed = new(
        Ids.Malformed, "File is not a valid TensorFlow Lite model", "{0}", Category, DiagnosticSeverity.Error, true,
        helpLinkUri: Pages + Ids.Malformed + ".md", customTags: WellKnownDiagnosticTags.NotConfigurable);

    public static readonly DiagnosticDescriptor Unshaped = new(
        Ids.Unshaped, "Model has no fixed shape", "{0}", Category, DiagnosticSeverity.Error, true,
        helpLinkUri: Pages + Ids.Unshaped + ".md", customTags: WellKnownDiagnosticTags.NotConfigurable);

    public static readonly DiagnosticDescriptor NotListed = new(
        "ETCH004", "[EtchModel] names no model of the project", "{0}", Category, DiagnosticSeverity.Error, true,
        helpLinkUri: Pages + "ETCH004.md", customTags: WellKnownDiagnosticTags.NotConfigurable);

    public static readonly DiagnosticDescriptor NotFillable = new(
        "ETCH006", "Class cannot take in a model", "{0}", Category, DiagnosticSeverity.Error, true,
        helpLinkUri: Pages + "ETCH006.md", customTags: WellKnownDiagnosticTags.NotConfigurable);

    public static readonly DiagnosticDescriptor NotUnderstood = new(
        "ETCH007", "Option is not understood", "{0}", Category, DiagnosticSeverity.Error, true,
        helpLinkUri: Pages + "ETCH007.md", customTags: WellKnownDiagnosticTags.NotConfigurable);

    public static readonly DiagnosticDescriptor SameClass = new(
        "ETCH008", "Two models would become the same class", "{0}", Category, DiagnosticSeverity.Error, true,
        helpLinkUri: Pages + "ETCH008.md", customTags: WellKnownDiagnosticTags.NotConfigurable);

    public static readonly DiagnosticDescriptor UnsupportedOperator = new(
        Ids.UnsupportedOperator, "Operator is not supported", "{0}", Category, DiagnosticSeverity.Error, true,
        helpLinkUri: Pages + Ids.UnsupportedOperator + ".md", customTags: WellKnownDiagnosticTags.NotConfigurable);

    public static readonly DiagnosticDescriptor UnsupportedOption = new(
        Ids.UnsupportedOption, "Operator option is not supported", "{0}", Category, DiagnosticSeverity.Error, true,
        helpLinkUri: Pages + Ids.UnsupportedOption + ".md", customTags: WellKnownDiagnosticTags.NotConfigurable);

    public static readonly DiagnosticDescriptor UnsupportedType = new(
        Ids.UnsupportedType, "Tensor type is not supported", "{0}", Category, DiagnosticSeverity.Error, true,
        helpLinkUri: Pages + Ids.UnsupportedType + ".md", customTags: WellKnownDiagnosticTags.NotConfigurable);

    public static readonly DiagnosticDescriptor InvalidQuantization = new(
        Ids.InvalidQuantization, "Quantisation breaks the TensorFlow Lite specification", "{0}", Category, DiagnosticSeverity.Error, true,
        helpLinkUri: Pages + Ids.InvalidQuantization + ".md", customTags: WellKnownDiagnosticTags.NotConfigurable);

    public static readonly DiagnosticDescriptor TooLarge = new(
        Ids.TooLarge, "Model is too large", "{0}", Category, DiagnosticSeverity.Error, true,
        helpLinkUri: Pages + Ids.TooLarge + ".md", customTags: WellKnownDiagnosticTags.NotConfigurable);

    public static readonly DiagnosticDescriptor NotQuantized = new(
        Ids.NotQuantized, "Model is not quantised", "{0}", Category, DiagnosticSeverity.Error, true,
        helpLinkUri: Pages + Ids.NotQuantized + ".md", customTags: WellKnownDiagnosticTags.NotConfigurable);

    public static readonly DiagnosticDescriptor Dropout = new(
        Ids.Dropout, "Model was exported for training", "{0}", Category, DiagnosticSeverity.Warning, true, helpLinkUri: Pages + Ids.Dropout + ".md");

    public static readonly DiagnosticDescriptor Labels = new(
        Ids.Labels, "Labels do not fit the output", "{0}", Category, DiagnosticSeverity.Warning, true, helpLinkUri: Pages + Ids.Labels + ".md");

    public static readonly DiagnosticDescriptor Schedule = new(
        Ids.Schedule, "Schedule is not used", "{0}", Category, DiagnosticSeverity.Warning, true, helpLinkUri: Pages + Ids.Schedule + ".md");

    public static readonly DiagnosticDescriptor Ram = new(
        Budget.RamId, "RAM exceeds the budget", "{0}", BudgetCategory, DiagnosticSeverity.Error, true, helpLinkUri: Pages + Budget.RamId + ".md");

    public static readonly DiagnosticDescriptor Flash = new(
        Budget.FlashId, "Flash exceeds the budget", "{0}", BudgetCategory, DiagnosticSeverity.Error, true, helpLinkUri: Pages + Budget.FlashId + ".md");

    public static readonly DiagnosticDescriptor Macs = new(
        Budget.MacsId, "MACs or FLOPs exceed the budget", "{0}", BudgetCategory, DiagnosticSeverity.Error, true,
        helpLinkUri: Pages + Budget.MacsId + ".md");

    public static readonly DiagnosticDescriptor InternalError = new(
        Ids.InternalError, "Etch failed", "{0}", Category, DiagnosticSeverity.Error, true,
        helpLinkUri: Pages + Ids.InternalError + ".md", customTags: WellKnownDiagnosticTags.NotConfigurable);

    /// <summary>Every descriptor under its id.</summary>
    public static readonly IReadOnlyDictionary<string, DiagnosticDescriptor> ById = new[]
    {
        Unreadable, Malformed, Unshaped, NotListed, NotFillable, NotUnderstood, SameClass,
        UnsupportedOperator, UnsupportedOption, UnsupportedType, InvalidQuantization, TooLarge, NotQuantized, Dropout, Labels, Schedule, Ram, Flash, Macs,
        InternalError,
    }.ToDictionary(static descriptor => descriptor.Id);
}
