using System.Collections.Immutable;
using System.Linq;
using System.Threading.Tasks;
using Etch.Analyzers;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Etch.CodeFixes;

/// <summary>Lets layers run row by row where that meets the RAM budget: writes <c>Streaming</c> into <c>[EtchModel]</c>.</summary>
/// <remarks>Offered when the model was told not to stream and would fit if it did.</remarks>
[ExportCodeFixProvider(LanguageNames.CSharp, Name = nameof(StreamFix))]
public sealed class StreamFix : CodeFixProvider
{
    private const string Streaming = nameof(Streaming);

    public override ImmutableArray<string> FixableDiagnosticIds => ImmutableArray.Create(Budget.RamId);

    public override FixAllProvider GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        SyntaxNode? root = await context.Document.GetSyntaxRootAsync(context.CancellationToken).ConfigureAwait(false);
        foreach (Diagnostic diagnostic in context.Diagnostics)
        {
            if (root is null || !diagnostic.Location.IsInSource || !diagnostic.Properties.ContainsKey(FixProperties.Streams)) continue;
            var type = root.FindNode(diagnostic.Location.SourceSpan).FirstAncestorOrSelf<TypeDeclarationSyntax>();
            AttributeSyntax? model = type?.AttributeLists.SelectMany(list => list.Attributes).FirstOrDefault(IsModel);
            if (model?.ArgumentList is not { } arguments) continue;

            AttributeArgumentSyntax? written = arguments.Arguments.FirstOrDefault(a => a.NameEquals?.Name.Identifier.ValueText == Streaming);
            SyntaxNode changed = written is null
                ? root.ReplaceNode(arguments, arguments.AddArguments(Argument()))
                : root.ReplaceNode(written.Expression, SyntaxFactory.ParseExpression("Etch.EtchStreaming.Auto").WithTriviaFrom(written.Expression));
            context.RegisterCodeFix(
                CodeAction.Create(
                    "Let layers run row by row", _ => Task.FromResult(context.Document.WithSyntaxRoot(changed)), equivalenceKey: nameof(StreamFix)),
                diagnostic);
        }
    }

    private static AttributeArgumentSyntax Argument() => SyntaxFactory.AttributeArgument(SyntaxFactory.ParseExpression("Etch.EtchStreaming.Auto"))
        .WithNameEquals(SyntaxFactory.NameEquals(
            SyntaxFactory.IdentifierName(Streaming), SyntaxFactory.Token(SyntaxFactory.TriviaList(SyntaxFactory.Space), SyntaxKind.EqualsToken, SyntaxFactory.TriviaList(SyntaxFactory.Space))))
        .WithLeadingTrivia(SyntaxFactory.Space);

    private static bool IsModel(AttributeSyntax attribute)
    {
        string name = attribute.Name.ToString();
        return name.Substring(name.LastIndexOf('.') + 1) is "EtchModel" or "EtchModelAttribute";
    }
}
