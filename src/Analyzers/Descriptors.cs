using System.Collections.Immutable;
using Microsoft.CodeAnalysis;

namespace Etch.Analyzers;

/// <summary>Every diagnostic of the analyzers. Their severities may be set in <c>.editorconfig</c>.</summary>
internal static class Descriptors
{
    private const string HelpLinkBase = "https://github.com/etch-dotnet/etch/blob/main/docs/diagnostics/";

    /// <summary>The finished sentence comes from <see cref="Budget.Check"/>; so it does when the generator reports it.</summary>
    public static readonly DiagnosticDescriptor Ram = new(
        Budget.RamId, "RAM exceeds the budget", "{0}", "Etch.Budget", DiagnosticSeverity.Error, isEnabledByDefault: true,
        description: "Arena, state and stack together, or the buffers of one layer, need more bytes than the project allows.",
        helpLinkUri: HelpLinkBase + Budget.RamId + ".md");

    /// <inheritdoc cref="Ram"/>
    public static readonly DiagnosticDescriptor Flash = new(
        Budget.FlashId, "Flash exceeds the budget", "{0}", "Etch.Budget", DiagnosticSeverity.Error, isEnabledByDefault: true,
        description: "Constant tables and estimated code, of the model or of one layer, need more bytes than the project allows.",
        helpLinkUri: HelpLinkBase + Budget.FlashId + ".md");

    /// <inheritdoc cref="Ram"/>
    public static readonly DiagnosticDescriptor Macs = new(
        Budget.MacsId, "MACs or FLOPs exceed the budget", "{0}", "Etch.Budget", DiagnosticSeverity.Error, isEnabledByDefault: true,
        description: "One inference, or one layer, takes more multiply-accumulate operations than the project allows.",
        helpLinkUri: HelpLinkBase + Budget.MacsId + ".md");

    public static readonly DiagnosticDescriptor ArenaInLoop = new(
        "ETCH301", "Arena allocated inside a loop", "{0}", "Etch.Usage", DiagnosticSeverity.Warning, isEnabledByDefault: true,
        description: "An arena serves any number of inferences. One per turn of a loop costs garbage, or overflows the stack.",
        helpLinkUri: HelpLinkBase + "ETCH301.md");

    public static readonly DiagnosticDescriptor BufferLength = new(
        "ETCH302", "Buffer length cannot match the model", "'{0}' of {1} takes {2} {3} elements ({4}), but this buffer has {5}", "Etch.Usage",
        DiagnosticSeverity.Error, isEnabledByDefault: true,
        description: "The length is known while compiling, and the call would throw every time.",
        helpLinkUri: HelpLinkBase + "ETCH302.md");

    public static readonly DiagnosticDescriptor NoModel = new(
        "ETCH303", "Budget of a class without a model", "Nothing limits '{0}': no model of this project becomes this class", "Etch.Usage",
        DiagnosticSeverity.Warning, isEnabledByDefault: true,
        description: "A budget holds for the model that becomes the class: the one that [EtchModel] names, or whose item or file name gives the class's name.",
        helpLinkUri: HelpLinkBase + "ETCH303.md");

    public static readonly ImmutableArray<DiagnosticDescriptor> Budgets = ImmutableArray.Create(Ram, Flash, Macs);
}

/// <summary>What diagnostics carry for the code fixes: the keys of <see cref="Diagnostic.Properties"/>.</summary>
internal static class FixProperties
{
    /// <summary>The argument of <c>[EtchBudget]</c> that is too small.</summary>
    public const string Figure = nameof(Figure);

    /// <summary>The smallest budget that passes, as a C# literal.</summary>
    public const string Need = nameof(Need);

    /// <summary>Present when the model would fit if layers might run row by row.</summary>
    public const string Streams = nameof(Streams);

    /// <summary>Present when the model would fit with <c>Preset = Size</c>.</summary>
    public const string Shrinks = nameof(Shrinks);

    /// <summary>The length constant's documentation id. The expression it should replace is the first additional location.</summary>
    public const string Constant = nameof(Constant);
}
