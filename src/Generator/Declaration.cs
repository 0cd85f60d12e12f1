using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Etch.Analyzers;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Etch.Generator;

/// <summary>A class that asks for a model with <c>[EtchModel]</c>: strings only, no symbol and no position.</summary>
/// <param name="File">The attribute's argument.</param>
/// <param name="FullName">The class's name with its namespace.</param>
/// <param name="Namespace">The namespace as C# writes it; empty for the global one.</param>
/// <param name="ClassName">The name as C# writes it, with an @ where it is a keyword.</param>
/// <param name="Accessibility"><c>public</c> or <c>internal</c>.</param>
/// <param name="Obstacles">Why the class cannot be filled in, as the end of a sentence, or null.</param>
/// <param name="TakesSurface">A second part of the class compiles in spite of the obstacles.</param>
/// <param name="Preset">The attribute's <c>Preset</c>, or null.</param>
/// <param name="Numerics">The attribute's <c>Numerics</c>, or null.</param>
/// <param name="Streaming">The attribute's <c>Streaming</c>, or null.</param>
/// <param name="InArena">The attribute's <c>InArena</c>, or null.</param>
/// <param name="Budget">What <c>[EtchBudget]</c> on the class limits.</param>
internal sealed record Declaration(
    string File, string FullName, string Namespace, string ClassName, string Accessibility, string? Obstacles, bool TakesSurface,
    Preset? Preset, Numerics? Numerics, StreamingPolicy? Streaming, bool? InArena, Budget Budget)
{
    public const string Attribute = "Etch.EtchModelAttribute";

    public static bool IsCandidate(SyntaxNode node, CancellationToken cancel) => node is TypeDeclarationSyntax;

    public static (Declaration Declaration, Place Place) Read(GeneratorAttributeSyntaxContext context, CancellationToken cancel)
    {
        var type = (INamedTypeSymbol)context.TargetSymbol;
        AttributeData attribute = context.Attributes[0];
        string file = attribute.ConstructorArguments.FirstOrDefault().Value as string ?? "";

        var obstacles = new List<string>();
        if (type.TypeKind != TypeKind.Class || type.IsRecord) obstacles.Add("not a plain class");
        if (type.ContainingType is { } outer) obstacles.Add($"nested in '{outer.Name}'");
        if (type.IsGenericType) obstacles.Add("generic");
        if (type.IsFileLocal) obstacles.Add("local to its file");
        if (!((TypeDeclarationSyntax)context.TargetNode).Modifiers.Any(SyntaxKind.PartialKeyword)) obstacles.Add("not partial");
        bool takesSurface = obstacles.Count == 0;
        if (!type.IsStatic) obstacles.Add("not static");

        var declaration = new Declaration(
            file,
            ClassNames.FullName(type),
            ClassNames.NamespaceOf(type),
            ClassNames.Escape(type.Name),
            type.DeclaredAccessibility == Microsoft.CodeAnalysis.Accessibility.Public ? "public" : "internal",
            obstacles.Count == 0 ? null : string.Join(" and ", obstacles),
            takesSurface,
            Named<Preset>(attribute, "Preset"),
            Named<Numerics>(attribute, "Numerics"),
            Named<StreamingPolicy>(attribute, "Streaming"),
            attribute.NamedArguments.FirstOrDefault(static argument => argument.Key == "InArena").Value.Value as bool?,
            Surface.BudgetOf(Surface.AttributeOf(type, "EtchBudgetAttribute")));
        var syntax = attribute.ApplicationSyntaxReference?.GetSyntax(cancel) as AttributeSyntax;
        return (declaration, Place.Of(declaration.FullName, (syntax?.ArgumentList?.Arguments.FirstOrDefault() ?? context.TargetNode).GetLocation()));
    }

    // EtchPreset, EtchNumerics and EtchStreaming have the values of Preset, Numerics and StreamingPolicy.
    private static T? Named<T>(AttributeData attribute, string name)
        where T : struct, Enum =>
        attribute.NamedArguments.FirstOrDefault(argument => argument.Key == name).Value.Value is int value
        && Enum.IsDefined(typeof(T), value) ? (T)Enum.ToObject(typeof(T), value) : null;
}

/// <summary>Where something about a class is shown: positions in a file instead of a syntax tree.</summary>
internal sealed record Place(string Class, string Path, TextSpan Span, LinePositionSpan Lines)
{
    public static Place Of(string className, Location location)
    {
        FileLinePositionSpan lines = location.GetLineSpan();
        return new Place(className, lines.Path, location.SourceSpan, lines.Span);
    }

    public Location ToLocation() => Location.Create(Path, Span, Lines);
}
