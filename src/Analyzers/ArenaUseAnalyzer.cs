using System.Collections.Generic;
using System.Collections.Immutable;
using System.Globalization;
using System.Linq;
using System.Threading;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace Etch.Analyzers;

/// <summary>Reports arenas allocated inside loops (ETCH301) and buffers whose constant length the model cannot take (ETCH302).</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class ArenaUseAnalyzer : DiagnosticAnalyzer
{
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
        ImmutableArray.Create(Descriptors.ArenaInLoop, Descriptors.BufferLength);

    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterSyntaxNodeAction(
            CheckAllocation, SyntaxKind.ArrayCreationExpression, SyntaxKind.StackAllocArrayCreationExpression, SyntaxKind.InvocationExpression);
        context.RegisterOperationAction(CheckCall, OperationKind.Invocation);
    }

    /// <summary>Reports <c>new sbyte[X.ArenaBytes]</c>, <c>stackalloc</c> and <c>GC.Allocate…Array</c> in the part of a loop that repeats.</summary>
    private static void CheckAllocation(SyntaxNodeAnalysisContext context)
    {
        if (SizeOf(context.Node) is not { } size || RepeatingLoop(context.Node) is not { } loop) return;
        if (ArenaConstant(size, context.SemanticModel, context.CancellationToken) is not { } constant) return;

        bool onStack = context.Node is StackAllocArrayCreationExpressionSyntax;
        if (!onStack && OutlivesTurn(context.Node, loop, context.SemanticModel, context.CancellationToken)) return;
        string what = constant.Name == Surface.StateBytes ? "state" : "arena";
        string cost = onStack
            ? "takes new stack in every turn until the method returns, and overflows it"
            : "leaves garbage in every turn";
        context.ReportDiagnostic(Diagnostic.Create(
            Descriptors.ArenaInLoop,
            context.Node.GetLocation(),
            $"{constant.ContainingType.Name}: the {what} is allocated inside a loop, which {cost}; allocate it once, before the loop"));
    }

    private static ExpressionSyntax? SizeOf(SyntaxNode allocation) => allocation switch
    {
        InvocationExpressionSyntax
        {
            Expression: MemberAccessExpressionSyntax { Name.Identifier.ValueText: "AllocateArray" or "AllocateUninitializedArray" },
            ArgumentList.Arguments: { Count: > 0 } arguments,
        } => arguments[0].Expression,
        ExpressionSyntax expression => BufferLength.SizeExpression(expression),
        _ => null,
    };

    /// <summary>The arena or state constant of a generated class that a size mentions.</summary>
    private static IFieldSymbol? ArenaConstant(ExpressionSyntax size, SemanticModel model, CancellationToken cancel) => size
        .DescendantNodesAndSelf().OfType<IdentifierNameSyntax>()
        .Where(static name => name.Identifier.ValueText is Surface.ArenaBytes or Surface.StateBytes)
        .Select(name => model.GetSymbolInfo(name, cancel).Symbol as IFieldSymbol)
        .FirstOrDefault(static field => field is { IsConst: true } && Surface.IsModel(field.ContainingType));

    /// <summary>The innermost loop that evaluates a node in every turn; null in a loop's header or when a lambda stands between them.</summary>
    private static StatementSyntax? RepeatingLoop(SyntaxNode node)
    {
        for (SyntaxNode child = node; child.Parent is { } parent; child = parent)
        {
            switch (parent)
            {
                case AnonymousFunctionExpressionSyntax or LocalFunctionStatementSyntax or MemberDeclarationSyntax:
                    return null;
                case ForStatementSyntax loop when child == loop.Statement || child == loop.Condition || loop.Incrementors.Any(i => i == child):
                    return loop;
                case CommonForEachStatementSyntax loop when child == loop.Statement:
                    return loop;
                case WhileStatementSyntax or DoStatementSyntax:
                    return (StatementSyntax)parent;
            }
        }

        return null;
    }

    /// <summary>
    /// True for an array that may well be meant to be one of many: stored in an element, handed to anything but a model, returned or
    /// kept by a lambda. One arena per worker is how models run in parallel. True also for one that is only made on demand: with
    /// <c>??=</c>, or under a condition on its variable.
    /// </summary>
    private static bool OutlivesTurn(SyntaxNode allocation, StatementSyntax loop, SemanticModel model, CancellationToken cancel)
    {
        SyntaxNode value = allocation;
        while (value.Parent is ParenthesizedExpressionSyntax or CastExpressionSyntax) value = value.Parent;
        switch (value.Parent)
        {
            case ArgumentSyntax { Parent.Parent: ExpressionSyntax call }:
                return (model.GetSymbolInfo(call, cancel).Symbol as IMethodSymbol)?.Parameters.Any(p => Surface.LengthOf(p) is not null) != true;
            case AssignmentExpressionSyntax assignment:
                return !assignment.IsKind(SyntaxKind.SimpleAssignmentExpression) || assignment.Left is ElementAccessExpressionSyntax
                    || Within(assignment).OfType<IfStatementSyntax>().Any(condition =>
                        condition.Condition.DescendantNodesAndSelf().Any(node => node.IsEquivalentTo(assignment.Left, topLevel: false)));
            case EqualsValueClauseSyntax { Parent: VariableDeclaratorSyntax variable }:
                return loop.DescendantNodes().OfType<IdentifierNameSyntax>().Any(name =>
                    name.Identifier.ValueText == variable.Identifier.ValueText
                    && Within(name).Any(static node => node is AnonymousFunctionExpressionSyntax or LocalFunctionStatementSyntax));
            default:
                return value.Parent is ReturnStatementSyntax or YieldStatementSyntax or InitializerExpressionSyntax or ExpressionElementSyntax;
        }

        IEnumerable<SyntaxNode> Within(SyntaxNode node) => node.Ancestors().TakeWhile(ancestor => ancestor != loop);
    }

    /// <summary>Compares every buffer of known length with the constant that its parameter names.</summary>
    private static void CheckCall(OperationAnalysisContext context)
    {
        var call = (IInvocationOperation)context.Operation;
        foreach (IArgumentOperation argument in call.Arguments)
        {
            if (argument is not { ArgumentKind: ArgumentKind.Explicit, Parameter: { } parameter }) continue;

            // The syntax of an argument in parentheses is what they contain.
            if (argument.Syntax.FirstAncestorOrSelf<ArgumentSyntax>() is not { Expression: { } buffer }) continue;
            if (Surface.LengthOf(parameter) is not { } needed || call.SemanticModel is not { } model) continue;
            if (BufferLength.Of(buffer, model, context.CancellationToken) is not { } length) continue;

            bool mayBeLonger = needed.Constant.Name is Surface.ArenaBytes or Surface.StateBytes;
            if (length.Value == needed.Value || (mayBeLonger && length.Value > needed.Value)) continue;

            string type = call.TargetMethod.ContainingType.Name;
            context.ReportDiagnostic(Diagnostic.Create(
                Descriptors.BufferLength,
                buffer.GetLocation(),
                length.Written is null ? null : new[] { length.Written.GetLocation() },
                ImmutableDictionary<string, string?>.Empty.Add(FixProperties.Constant, needed.Constant.GetDocumentationCommentId()),
                parameter.Name, $"{type}.{call.TargetMethod.Name}", mayBeLonger ? "at least" : "exactly", Number(needed.Value),
                $"{type}.{needed.Constant.Name}", Number(length.Value)));
        }
    }

    private static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
