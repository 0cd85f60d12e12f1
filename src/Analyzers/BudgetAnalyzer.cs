using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Globalization;
using System.Linq;
using System.Threading;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Etch.Analyzers;

/// <summary>Reports every figure of a generated class that exceeds its budget (ETCH201, ETCH202, ETCH203).</summary>
/// <remarks>
/// A limit comes from <c>[EtchBudget]</c>, else from the model's item metadata, else from an MSBuild property. It is reported where it is
/// written: at the attribute's argument, else at the model file. Text that is no number is for the generator to report.
/// </remarks>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class BudgetAnalyzer : DiagnosticAnalyzer
{
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics => Descriptors.Budgets;

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
        if (Surface.CostOf(type) is not { } cost) return;

        AttributeData? declaration = Surface.AttributeOf(type, "EtchBudgetAttribute");
        AdditionalText? file = FileOf(type, cost, context.Options.AdditionalFiles);
        Budget budget = Surface.BudgetOf(declaration).Over(ProjectBudget(file, context.Options.AnalyzerConfigOptionsProvider));

        foreach (BudgetExcess excess in budget.Check(type.Name, cost))
        {
            Location? location = excess.Limit.Source == BudgetSource.Attribute
                ? ArgumentOf(declaration, excess.Figure, context.CancellationToken)
                : file is null ? null : Location.Create(file.Path, default, default);
            ImmutableDictionary<string, string?> properties = ImmutableDictionary<string, string?>.Empty
                .Add(FixProperties.Figure, excess.Figure.ToString())
                .Add(FixProperties.Need, excess.Need.ToString("N0", CultureInfo.InvariantCulture).Replace(',', '_'));
            context.ReportDiagnostic(Diagnostic.Create(
                Descriptors.Budgets.First(d => d.Id == excess.Id), location ?? type.Locations.FirstOrDefault(), properties, excess.Message));
        }
    }

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
        Budget.Read(source, name => options.TryGetValue(prefix + name, out string? text) ? text : null);

    /// <summary>The model's file: the one that <c>[EtchModel]</c> names, else the one that the generator names.</summary>
    private static AdditionalText? FileOf(INamedTypeSymbol type, ModelCost cost, IEnumerable<AdditionalText> files)
    {
        string? declared = Surface.TextOf(Surface.AttributeOf(type, "EtchModelAttribute"));
        return new[] { declared, cost.File }
            .Where(static name => !string.IsNullOrEmpty(name))
            .Select(name => files.FirstOrDefault(file => EndsWith(file.Path, name!)))
            .FirstOrDefault(static file => file is not null);
    }

    private static bool EndsWith(string path, string tail) =>
        ("/" + path.Replace('\\', '/')).EndsWith("/" + tail.Replace('\\', '/'), StringComparison.OrdinalIgnoreCase);

    private static Location? ArgumentOf(AttributeData? attribute, BudgetFigure figure, CancellationToken cancel) =>
        (attribute?.ApplicationSyntaxReference?.GetSyntax(cancel) as AttributeSyntax)?.ArgumentList?.Arguments
            .FirstOrDefault(argument => argument.NameEquals?.Name.Identifier.ValueText == figure.ToString())?.Expression.GetLocation();
}
