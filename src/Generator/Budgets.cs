using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using System.Threading;
using Etch.Analyzers;
using Etch.Diagnostics;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Etch.Generator;

/// <summary>The budget that <c>[EtchBudget]</c> sets for a class, and where each of its limits is written.</summary>
internal sealed record DeclaredBudget(string Class, Budget Budget, EquatableArray<(BudgetFigure Figure, Place Place)> Places)
{
    public const string Attribute = "Etch.EtchBudgetAttribute";

    public static DeclaredBudget Read(GeneratorAttributeSyntaxContext context, CancellationToken cancel)
    {
        string name = ClassNames.FullName((INamedTypeSymbol)context.TargetSymbol);
        AttributeData attribute = context.Attributes[0];
        var places = new List<(BudgetFigure Figure, Place Place)>();
        var syntax = attribute.ApplicationSyntaxReference?.GetSyntax(cancel) as AttributeSyntax;
        foreach (AttributeArgumentSyntax argument in syntax?.ArgumentList?.Arguments ?? [])
        {
            if (System.Enum.TryParse(argument.NameEquals?.Name.Identifier.ValueText, out BudgetFigure figure))
                places.Add((figure, Place.Of(name, argument.Expression.GetLocation())));
        }

        return new DeclaredBudget(name, Surface.BudgetOf(attribute), places.ToArray());
    }
}

/// <summary>Keeps budgets where no analyzer runs: a budget that a fast build does not see would be none.</summary>
/// <remarks>With analyzers there is nothing to keep, so that an error is reported once. They look at the same limits in the same order.</remarks>
internal sealed record Budgets(EquatableArray<(string Path, Budget Budget)> Models, EquatableArray<DeclaredBudget> Classes)
{
    private static readonly Budgets None = new(default, default);

    public static Budgets Of(ImmutableArray<ModelItem> items, ProjectSettings project, ImmutableArray<DeclaredBudget> classes) =>
        project.AnalyzersRun ? None : new Budgets(
            items.Select(item => (item.Path, item.Options.Budget.Over(project.Options.Budget))).ToArray(), classes.ToArray());

    /// <summary>What exceeds the budget of a model that compiled.</summary>
    public IEnumerable<Finding> Check(CompiledModel model)
    {
        string name = model.Options.FullName();
        DeclaredBudget? declared = Classes.FirstOrDefault(budget => budget.Class == name);
        Budget budget = Models.FirstOrDefault(item => item.Path == model.File.Path).Budget ?? Budget.None;
        if (declared is not null) budget = declared.Budget.Over(budget);

        foreach (BudgetExcess excess in budget.Check(model.Options.ClassName.TrimStart('@'), model.Cost))
        {
            Place? place = excess.Limit.Source != BudgetSource.Attribute ? null
                : declared?.Places.FirstOrDefault(place => place.Figure == excess.Figure).Place;
            yield return new Finding(new Problem(excess.Id, excess.Message), Path: model.File.Path, Place: place);
        }
    }
}
