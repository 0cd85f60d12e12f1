using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;

namespace Etch.Analyzers;

/// <summary>Reads the attributes of a generated class: all that analyzers and generator share.</summary>
/// <remarks>
/// Attributes are recognised by name, so that a project that sees two copies of the runtime library does not lose its budgets. They are
/// conditional and hence only visible in the project that has the model.
/// </remarks>
internal static class Surface
{
    /// <summary>The constants whose buffers may be longer than they say; inputs and outputs must match exactly.</summary>
    public const string ArenaBytes = nameof(ArenaBytes);

    /// <inheritdoc cref="ArenaBytes"/>
    public const string StateBytes = nameof(StateBytes);

    /// <summary>The attribute of that name in namespace <c>Etch</c>, or null.</summary>
    public static AttributeData? AttributeOf(ISymbol symbol, string name) => AttributesOf(symbol, name).FirstOrDefault();

    /// <summary>True for a class that the generator made from a model.</summary>
    public static bool IsModel(INamedTypeSymbol type) => AttributeOf(type, "EtchModelCostAttribute") is not null;

    /// <summary>What the model behind a class costs, or null when there is none.</summary>
    public static ModelCost? CostOf(INamedTypeSymbol type)
    {
        if (AttributeOf(type, "EtchModelCostAttribute") is not { } model) return null;
        LayerCost[] layers = [.. AttributesOf(type, "EtchLayerCostAttribute").Select(static layer => new LayerCost(
            TextOf(layer) ?? "", Number(layer, "Ram"), Number(layer, "Flash"), Number(layer, "Macs")))];
        return new ModelCost(
            Named(model, "File").Value as string ?? "",
            Number(model, "Arena"), Number(model, "State"), Number(model, "Stack"), Number(model, "Tables"), Number(model, "Code"),
            Number(model, "Macs"), layers)
        {
            Runtime = Number(model, "Runtime"),
            FlashWithSize = Number(model, "FlashWithSize"),
            Streaming = Number(model, "RowByRow") == 0 ? null : new StreamingCost(
                Number(model, "LayerByLayer"), Number(model, "RowByRow"), Number(model, "Pushed"), Number(model, "Input")),
        };
    }

    /// <summary>The budget that <c>[EtchBudget]</c> sets.</summary>
    public static Budget BudgetOf(AttributeData? attribute)
    {
        Budget budget = Budget.None;
        if (attribute is null) return budget;
        foreach (BudgetFigure figure in Budget.Figures)
        {
            string name = Budget.NameOf(figure, BudgetSource.Attribute);
            if (Named(attribute, name).Value is long value) budget = budget.With(figure, new BudgetLimit(value, BudgetSource.Attribute));
        }

        return budget;
    }

    /// <summary>The constant that gives the length of a parameter's buffer, and its value; null for any other parameter.</summary>
    public static (IFieldSymbol Constant, long Value)? LengthOf(IParameterSymbol parameter)
    {
        if (AttributeOf(parameter, "EtchLengthAttribute") is not { } attribute || TextOf(attribute) is not { } name) return null;
        foreach (IFieldSymbol field in parameter.ContainingType.GetMembers(name).OfType<IFieldSymbol>())
        {
            if (field.ConstantValue is int or long) return (field, System.Convert.ToInt64(field.ConstantValue));
        }

        return null;
    }

    /// <summary>The text of an attribute's only argument, or null.</summary>
    public static string? TextOf(AttributeData? attribute) =>
        attribute is { ConstructorArguments.Length: 1 } && attribute.ConstructorArguments[0] is { Kind: TypedConstantKind.Primitive } argument
            ? argument.Value as string
            : null;

    private static IEnumerable<AttributeData> AttributesOf(ISymbol symbol, string name) => symbol.GetAttributes().Where(attribute =>
        attribute.AttributeClass is { ContainingNamespace: { Name: "Etch", ContainingNamespace.IsGlobalNamespace: true } } type
        && type.Name == name);

    private static TypedConstant Named(AttributeData attribute, string name) => attribute.NamedArguments.FirstOrDefault(a => a.Key == name).Value;

    private static long Number(AttributeData attribute, string name) => Named(attribute, name).Value as long? ?? 0;
}
