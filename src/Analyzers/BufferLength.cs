using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Etch.Analyzers;

/// <summary>The length of an array or span, as far as the source says it.</summary>
/// <param name="Value">The number of elements.</param>
/// <param name="Written">The expression that alone decides it, which a fix may replace; null when there is none.</param>
internal readonly record struct BufferLength(long Value, ExpressionSyntax? Written)
{
    /// <summary>A local that is initialised with another, and so on: far more than code has, and an end for code that is circular.</summary>
    private const int MaxDepth = 16;

    /// <summary>The length of a buffer, or null when it is only known at run time.</summary>
    /// <remarks>
    /// Known are: allocations of constant size, lists of elements, spans and slices of constant length, and locals and readonly fields
    /// that are written exactly once, with one of these.
    /// </remarks>
    public static BufferLength? Of(ExpressionSyntax buffer, SemanticModel model, CancellationToken cancel) => Of(buffer, model, 0, cancel);

    /// <summary>The only dimension of an array creation or stackalloc, or null.</summary>
    public static ExpressionSyntax? SizeExpression(ExpressionSyntax allocation)
    {
        ArrayTypeSyntax? type = allocation switch
        {
            ArrayCreationExpressionSyntax array => array.Type,
            StackAllocArrayCreationExpressionSyntax array => array.Type as ArrayTypeSyntax,
            _ => null,
        };
        return type is { RankSpecifiers: { Count: > 0 } ranks } && ranks[0].Sizes is { Count: 1 } sizes
            && sizes[0] is { } size and not OmittedArraySizeExpressionSyntax ? size : null;
    }

    private static BufferLength? Of(ExpressionSyntax buffer, SemanticModel model, int depth, CancellationToken cancel)
    {
        if (depth > MaxDepth) return null;
        switch (buffer)
        {
            case ParenthesizedExpressionSyntax inner:
                return Of(inner.Expression, model, depth + 1, cancel);
            case CastExpressionSyntax cast:
                return Of(cast.Expression, model, depth + 1, cancel);
            case ArrayCreationExpressionSyntax { Initializer: { } elements }:
                return new BufferLength(elements.Expressions.Count, null);
            case StackAllocArrayCreationExpressionSyntax { Initializer: { } elements }:
                return new BufferLength(elements.Expressions.Count, null);
            case ArrayCreationExpressionSyntax or StackAllocArrayCreationExpressionSyntax:
                return SizeExpression(buffer) is { } size ? Constant(size, model, cancel) : null;
            case ImplicitArrayCreationExpressionSyntax array:
                return new BufferLength(array.Initializer.Expressions.Count, null);
            case ImplicitStackAllocArrayCreationExpressionSyntax array:
                return new BufferLength(array.Initializer.Expressions.Count, null);
            case InitializerExpressionSyntax elements when elements.IsKind(SyntaxKind.ArrayInitializerExpression):
                return new BufferLength(elements.Expressions.Count, null);
            case CollectionExpressionSyntax list when list.Elements.All(static element => element is ExpressionElementSyntax):
                return new BufferLength(list.Elements.Count, null);
            case BaseObjectCreationExpressionSyntax creation:
                return OfSpan(creation, model, depth, cancel);
            case InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax member } call:
                return OfSlice(call, member, model, depth, cancel);
            case ElementAccessExpressionSyntax { ArgumentList.Arguments: { Count: 1 } arguments } access
                when arguments[0].Expression is RangeExpressionSyntax range:
                return OfRange(access.Expression, range, model, depth, cancel);
            case IdentifierNameSyntax or MemberAccessExpressionSyntax:
                return OnlyValue(model.GetSymbolInfo(buffer, cancel).Symbol, model, cancel) is { } value ? Of(value, model, depth + 1, cancel) : null;
            default:
                return null;
        }
    }

    /// <summary><c>new Span&lt;T&gt;(array)</c> and <c>new Span&lt;T&gt;(array, start, length)</c>, also read-only.</summary>
    private static BufferLength? OfSpan(BaseObjectCreationExpressionSyntax creation, SemanticModel model, int depth, CancellationToken cancel)
    {
        if (model.GetSymbolInfo(creation, cancel).Symbol is not IMethodSymbol { ContainingType: { } type, Parameters: { Length: > 0 } parameters }
            || !IsSpan(type) || parameters[0].Type.TypeKind != TypeKind.Array || !InOrder(creation.ArgumentList, parameters.Length)) return null;
        ArgumentSyntax[] arguments = [.. creation.ArgumentList!.Arguments];
        return arguments.Length == 3
            ? Constant(arguments[2].Expression, model, cancel)
            : Of(arguments[0].Expression, model, depth + 1, cancel);
    }

    /// <summary><c>AsSpan</c>, <c>Slice</c> and <c>ToArray</c>.</summary>
    private static BufferLength? OfSlice(
        InvocationExpressionSyntax call, MemberAccessExpressionSyntax member, SemanticModel model, int depth, CancellationToken cancel)
    {
        if (member.Name.Identifier.ValueText is not ("AsSpan" or "Slice" or "ToArray")) return null;
        if (model.GetSymbolInfo(call, cancel).Symbol is not IMethodSymbol { ContainingType: { } type } method) return null;
        bool isExtension = type is { Name: "MemoryExtensions", ContainingNamespace: { Name: "System" } } && method.ReducedFrom is not null;
        if (!(isExtension || IsSpan(type)) || !InOrder(call.ArgumentList, method.Parameters.Length)) return null;

        ArgumentSyntax[] arguments = [.. call.ArgumentList.Arguments];
        if (arguments.Length == 2) return Constant(arguments[1].Expression, model, cancel);
        if (arguments.Length == 0) return Of(member.Expression, model, depth + 1, cancel);
        if (arguments[0].Expression is RangeExpressionSyntax range) return OfRange(member.Expression, range, model, depth, cancel);
        return Of(member.Expression, model, depth + 1, cancel) is { } whole && Constant(arguments[0].Expression, model, cancel) is { } start
            ? Known(whole.Value - start.Value)
            : null;
    }

    /// <summary><c>buffer[a..b]</c>: without the buffer's length when both ends count from the start.</summary>
    private static BufferLength? OfRange(
        ExpressionSyntax buffer, RangeExpressionSyntax range, SemanticModel model, int depth, CancellationToken cancel)
    {
        BufferLength? whole = Of(buffer, model, depth + 1, cancel);
        long? start = range.LeftOperand is null ? 0 : Position(range.LeftOperand);
        long? end = range.RightOperand is null ? whole?.Value : Position(range.RightOperand);
        if (start is null || end is null) return null;
        return range is { LeftOperand: null, RightOperand: { } right and not PrefixUnaryExpressionSyntax }
            ? new BufferLength(end.Value, right)
            : Known(end.Value - start.Value);

        long? Position(ExpressionSyntax index) => index is PrefixUnaryExpressionSyntax { RawKind: (int)SyntaxKind.IndexExpression } fromEnd
            ? whole?.Value - Constant(fromEnd.Operand, model, cancel)?.Value
            : Constant(index, model, cancel)?.Value;
    }

    /// <summary>The expression that a local or a readonly field holds for all its life, or null when there may be another.</summary>
    private static ExpressionSyntax? OnlyValue(ISymbol? variable, SemanticModel model, CancellationToken cancel)
    {
        if (variable is not (ILocalSymbol { RefKind: RefKind.None } or IFieldSymbol { IsReadOnly: true })) return null;
        if (variable.DeclaringSyntaxReferences is not { Length: 1 } declarations) return null;
        if (declarations[0].SyntaxTree != model.SyntaxTree) return null;
        if (declarations[0].GetSyntax(cancel) is not VariableDeclaratorSyntax declarator) return null;

        // A readonly field of a partial type may be written by a constructor that this tree does not show.
        if (variable is IFieldSymbol && variable.ContainingType.DeclaringSyntaxReferences.Length != 1) return null;
        SyntaxNode? scope = variable is IFieldSymbol
            ? declarator.FirstAncestorOrSelf<TypeDeclarationSyntax>()
            : declarator.Ancestors().FirstOrDefault(static node => node is MemberDeclarationSyntax or CompilationUnitSyntax);
        if (scope is GlobalStatementSyntax) scope = scope.Parent;

        var values = new List<ExpressionSyntax?>();
        if (declarator.Initializer is { } initializer) values.Add(initializer.Value);
        foreach (IdentifierNameSyntax name in scope?.DescendantNodes().OfType<IdentifierNameSyntax>() ?? [])
        {
            if (name.Identifier.ValueText != variable.Name || !IsWritten(name, out ExpressionSyntax? value)) continue;
            if (SymbolEqualityComparer.Default.Equals(model.GetSymbolInfo(name, cancel).Symbol, variable)) values.Add(value);
        }

        return values.Count == 1 ? values[0] : null;
    }

    /// <summary>True where a name is assigned to or handed out by reference; <paramref name="value"/> is what a plain assignment gives it.</summary>
    private static bool IsWritten(IdentifierNameSyntax name, out ExpressionSyntax? value)
    {
        value = null;
        ExpressionSyntax target = name.Parent is MemberAccessExpressionSyntax access && access.Name == name ? access : name;
        switch (target.Parent)
        {
            case AssignmentExpressionSyntax assignment when assignment.Left == target:
                if (assignment.IsKind(SyntaxKind.SimpleAssignmentExpression)) value = assignment.Right;
                return true;
            case ArgumentSyntax argument:
                return argument.RefKindKeyword.IsKind(SyntaxKind.RefKeyword) || argument.RefKindKeyword.IsKind(SyntaxKind.OutKeyword)
                    || argument.Parent is TupleExpressionSyntax;
            default:
                return target.Parent is RefExpressionSyntax or ParenthesizedExpressionSyntax
                    || target.Parent.IsKind(SyntaxKind.AddressOfExpression);
        }
    }

    private static BufferLength? Constant(ExpressionSyntax expression, SemanticModel model, CancellationToken cancel) =>
        model.GetConstantValue(expression, cancel).Value switch
        {
            int value => new BufferLength(value, expression),
            long value => new BufferLength(value, expression),
            byte value => new BufferLength(value, expression),
            short value => new BufferLength(value, expression),
            _ => null,
        };

    /// <summary>A computed length; a negative one throws at run time and is none.</summary>
    private static BufferLength? Known(long value) => value < 0 ? null : new BufferLength(value, null);

    private static bool IsSpan(INamedTypeSymbol type) =>
        type is { Name: "Span" or "ReadOnlySpan", ContainingNamespace: { Name: "System", ContainingNamespace.IsGlobalNamespace: true } };

    /// <summary>True when the arguments stand in the parameters' order, none missing.</summary>
    private static bool InOrder(ArgumentListSyntax? list, int parameters) =>
        list is { Arguments: { } arguments } && arguments.Count == parameters && arguments.All(static argument => argument.NameColon is null);
}
