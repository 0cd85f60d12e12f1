using System.Collections.Immutable;
using System.Threading.Tasks;
using Etch.Analyzers;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Etch.CodeFixes;

/// <summary>Writes the measured need into the argument of <c>[EtchBudget]</c> that is too small.</summary>
/// <remarks>A budget in the project file has no fix: code fixes change source, and a limit for all models is a decision of its own.</remarks>
[ExportCodeFixProvider(LanguageNames.CSharp, Name = nameof(RaiseBudgetFix))]
public sealed class RaiseBudgetFix : CodeFixProvider
{
    public override ImmutableArray<string> FixableDiagnosticIds => ImmutableArray.Create(Budget.RamId, Budget.FlashId, Budget.MacsId);

    public override FixAllProvider GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        SyntaxNode? root = await context.Document.GetSyntaxRootAsync(context.CancellationToken).ConfigureAwait(false);
        foreach (Diagnostic diagnostic in context.Diagnostics)
        {
            if (root is null || !diagnostic.Location.IsInSource) continue;
            if (!diagnostic.Properties.TryGetValue(FixProperties.Need, out string? need) || need is null) continue;
            if (!diagnostic.Properties.TryGetValue(FixProperties.Figure, out string? figure) || figure is null) continue;
            if (root.FindNode(diagnostic.Location.SourceSpan).FirstAncestorOrSelf<AttributeArgumentSyntax>() is not { } argument) continue;

            context.RegisterCodeFix(
                CodeAction.Create(
                    $"Raise {figure} to {need}",
                    _ => Task.FromResult(context.Document.WithSyntaxRoot(root.ReplaceNode(
                        argument.Expression, SyntaxFactory.ParseExpression(need).WithTriviaFrom(argument.Expression)))),
                    equivalenceKey: nameof(RaiseBudgetFix)),
                diagnostic);
        }
    }
}
