using System.Collections.Immutable;
using System.Threading.Tasks;
using Etch.Analyzers;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace Etch.CodeFixes;

/// <summary>Replaces a constant that decides a buffer's length by the model's own constant.</summary>
[ExportCodeFixProvider(LanguageNames.CSharp, Name = nameof(BufferLengthFix))]
public sealed class BufferLengthFix : CodeFixProvider
{
    public override ImmutableArray<string> FixableDiagnosticIds => ImmutableArray.Create(Descriptors.BufferLength.Id);

    public override FixAllProvider GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        SemanticModel? model = await context.Document.GetSemanticModelAsync(context.CancellationToken).ConfigureAwait(false);
        SyntaxNode? root = model?.SyntaxTree.GetRoot(context.CancellationToken);
        if (model is null || root is null) return;

        foreach (Diagnostic diagnostic in context.Diagnostics)
        {
            // Lists of elements have no length that could be replaced; their diagnostics name no place.
            if (diagnostic.AdditionalLocations.Count == 0) continue;
            if (!diagnostic.Properties.TryGetValue(FixProperties.Constant, out string? id) || id is null) continue;
            if (DocumentationCommentId.GetFirstSymbolForDeclarationId(id, model.Compilation) is not IFieldSymbol constant) continue;
            TextSpan span = diagnostic.AdditionalLocations[0].SourceSpan;
            if (root.FindNode(span, getInnermostNodeForTie: true) is not ExpressionSyntax length) continue;

            string name = $"{constant.ContainingType.ToMinimalDisplayString(model, span.Start)}.{constant.Name}";
            ExpressionSyntax replacement = SyntaxFactory.ParseExpression(name).WithTriviaFrom(length);
            context.RegisterCodeFix(
                CodeAction.Create(
                    $"Take {name} as the length",
                    _ => Task.FromResult(context.Document.WithSyntaxRoot(root.ReplaceNode(length, replacement))),
                    equivalenceKey: nameof(BufferLengthFix)),
                diagnostic);
        }
    }
}
