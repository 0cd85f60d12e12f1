using System.Collections.Immutable;
using System.Threading.Tasks;
using Etch.Analyzers;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Simplification;

namespace Etch.CodeFixes;

/// <summary>Replaces a constant that decides a buffer's length by the model's own constant.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp, Name = nameof(BufferLengthFix))]
public sealed class BufferLengthFix : CodeFixProvider
{
    public override ImmutableArray<string> FixableDiagnosticIds => ImmutableArray.Create(Descriptors.BufferLength.Id);

    public override FixAllProvider GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        SyntaxNode? root = await context.Document.GetSyntaxRootAsync(context.CancellationToken).ConfigureAwait(false);
        foreach (Diagnostic diagnostic in context.Diagnostics)
        {
            // Lists of elements have no length that could be replaced; their diagnostics name no place.
            if (root is null || diagnostic.AdditionalLocations.Count == 0) continue;
            if (!diagnostic.Properties.TryGetValue(FixProperties.Constant, out string? constant) || constant is null) continue;
            if (root.FindNode(diagnostic.AdditionalLocations[0].SourceSpan, getInnermostNodeForTie: true) is not ExpressionSyntax length) continue;

            string shortName = constant.Substring(constant.LastIndexOf('.', constant.LastIndexOf('.') - 1) + 1);
            ExpressionSyntax replacement = SyntaxFactory.ParseExpression(constant)
                .WithTriviaFrom(length)
                .WithAdditionalAnnotations(Simplifier.Annotation);
            context.RegisterCodeFix(
                CodeAction.Create(
                    $"Take {shortName.Replace("global::", "")} as the length",
                    _ => Task.FromResult(context.Document.WithSyntaxRoot(root.ReplaceNode(length, replacement))),
                    equivalenceKey: nameof(BufferLengthFix)),
                diagnostic);
        }
    }
}
