using System;
using System.Collections.Immutable;
using System.Globalization;
using System.Linq;
using System.Threading;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Etch.Analyzers;

/// <summary>Reports every figure of a generated class that exceeds its budget (ETCH201, ETCH202, ETCH203), and a budget that limits nothing (ETCH303).</summary>
/// <remarks>
/// A limit comes from <c>[EtchBudget]</c>, else from the model's item metadata, else from an MSBuild property. It is reported where it is
/// written: at the attribute's argument, else at the model file. Text that is no number is for the generator to report.
/// </remarks>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class BudgetAnalyzer : DiagnosticAnalyzer
{
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics => Descriptors.Budgets.Add(Descriptors.NoModel);

    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();

        // The costs are in a generated part of the class.
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.Analyze | GeneratedCodeAnalysisFlags.ReportDiagnostics);
        context.RegisterSymbolAction(CheckModel, SymbolKind.NamedType);
    }

    private static void CheckModel(SymbolAnalysisContext context)
    {
        var type = (INamedTypeSymbol)context.Symbol;
        AttributeData? declaration = Surface.AttributeOf(type, "EtchBudgetAttribute");
        if (Surface.CostOf(type) is not { } cost)
        {
            if (declaration is not null && !HasFailed(type))
                context.ReportDiagnostic(Diagnostic.Create(Descriptors.NoModel, PlaceOf(declaration, type, context.CancellationToken), type.Name));
            return;
        }

        // Signatures are nested classes: their model's class counts for all of them.
        if (type.ContainingType is { } model && Surface.IsModel(model)) return;

        AdditionalText? file = FileOf(type, cost, context.Options);
        Budget budget = Surface.BudgetOf(declaration).Over(ProjectBudget(file, context.Options.AnalyzerConfigOptionsProvider));

        foreach (BudgetExcess excess in budget.Check(type.Name, cost))
        {
            Location? location = excess.Limit.Source == BudgetSource.Attribute
                ? ArgumentOf(declaration, excess.Figure, context.CancellationToken)
                : file is null ? null : Location.Create(file.Path, default, default);
            ImmutableDictionary<string, string?> properties = ImmutableDictionary<string, string?>.Empty
                .Add(FixProperties.Figure, excess.Figure.ToString())
                .Add(FixProperties.Need, excess.Need.ToString("N0", CultureInfo.InvariantCulture).Replace(',', '_'));
            bool streams = excess.Figure == BudgetFigure.Ram && cost.Ram > cost.Streaming?.RowByRow && cost.Streaming.RowByRow <= excess.Limit.Value;
            if (streams) properties = properties.Add(FixProperties.Streams, "");
            bool shrinks = excess.Figure == BudgetFigure.Flash && cost.FlashWithSize > 0 && cost.FlashWithSize <= excess.Limit.Value;
            if (shrinks) properties = properties.Add(FixProperties.Shrinks, "");
            context.ReportDiagnostic(Diagnostic.Create(
                Descriptors.Budgets.First(d => d.Id == excess.Id), location ?? type.Locations.FirstOrDefault(), properties, excess.Message));
        }
    }

    /// <summary>True for a class whose model has an error of its own: it asks for one, or has a generated part without costs.</summary>
    private static bool HasFailed(INamedTypeSymbol type) =>
        Surface.AttributeOf(type, "EtchModelAttribute") is not null
        || type.DeclaringSyntaxReferences.Any(part => part.SyntaxTree.FilePath.EndsWith(".g.cs", StringComparison.Ordinal));

    private static Location? PlaceOf(AttributeData attribute, INamedTypeSymbol type, CancellationToken cancel) =>
        attribute.ApplicationSyntaxReference?.GetSyntax(cancel).GetLocation() ?? type.Locations.FirstOrDefault();

    /// <summary>The limits of the project file: the model's metadata, under either of its item types, over the properties.</summary>
    private static Budget ProjectBudget(AdditionalText? file, AnalyzerConfigOptionsProvider provider)
    {
        Budget properties = Read(BudgetSource.Property, provider.GlobalOptions, "build_property.");
        if (file is null) return properties;
        AnalyzerConfigOptions metadata = provider.GetOptions(file);
        return Read(BudgetSource.Metadata, metadata, "build_metadata.EtchModel.")
            .Over(Read(BudgetSource.Metadata, metadata, "build_metadata.AdditionalFiles."))
            .Over(properties);
    }

    private static Budget Read(BudgetSource source, AnalyzerConfigOptions options, string prefix) =>
        Budget.Read(source, name => Text(options, prefix + name));

    /// <summary>The file that <c>[EtchModel]</c> names, else the one that the generator names; null when the project does not list it.</summary>
    /// <remarks>
    /// Several files may end so. The generator took the one whose item says the class, else the one that is complete from the project's
    /// folder on, else the one with the same case.
    /// </remarks>
    private static AdditionalText? FileOf(INamedTypeSymbol type, ModelCost cost, AnalyzerOptions options)
    {
        AnalyzerConfigOptionsProvider provider = options.AnalyzerConfigOptionsProvider;
        string tail = (Surface.TextOf(Surface.AttributeOf(type, "EtchModelAttribute")) ?? cost.File).Replace('\\', '/');
        while (tail.StartsWith("./", StringComparison.Ordinal)) tail = tail.Substring(2);
        if (tail.Length == 0) return null;

        string folder = Text(provider.GlobalOptions, "build_property.ProjectDir").Replace('\\', '/').TrimEnd('/');
        return options.AdditionalFiles
            .Where(file => PathOf(file).EndsWith("/" + tail, StringComparison.OrdinalIgnoreCase))
            .OrderByDescending(file => ClassOf(provider.GetOptions(file)) == type.Name)
            .ThenByDescending(file => PathOf(file) == $"/{folder}/{tail}")
            .ThenByDescending(file => PathOf(file).EndsWith("/" + tail, StringComparison.Ordinal))
            .FirstOrDefault();
    }

    /// <summary>A file's path with forward slashes and one before it, so that a file name alone ends with its folder's slash too.</summary>
    private static string PathOf(AdditionalText file) => "/" + file.Path.Replace('\\', '/');

    private static string ClassOf(AnalyzerConfigOptions metadata) =>
        Text(metadata, "build_metadata.EtchModel.Class") is { Length: > 0 } name ? name : Text(metadata, "build_metadata.AdditionalFiles.Class");

    private static string Text(AnalyzerConfigOptions options, string key) => options.TryGetValue(key, out string? text) ? text : "";

    private static Location? ArgumentOf(AttributeData? attribute, BudgetFigure figure, CancellationToken cancel) =>
        (attribute?.ApplicationSyntaxReference?.GetSyntax(cancel) as AttributeSyntax)?.ArgumentList?.Arguments
            .FirstOrDefault(argument => argument.NameEquals?.Name.Identifier.ValueText == figure.ToString())?.Expression.GetLocation();
}
