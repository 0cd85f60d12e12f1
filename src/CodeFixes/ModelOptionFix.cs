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

/// <summary>Writes into <c>[EtchModel]</c> the option that makes a model fit: <c>Streaming</c> for the RAM budget, <c>Preset</c> for the flash budget.</summary>
/// <remarks>Offered when the model would fit so: layers row by row that it was told not to run so, or the smallest code.</remarks>
[ExportCodeFixProvider(LanguageNames.CSharp, Name = nameof(ModelOptionFix))]
public sealed class ModelOptionFix : CodeFixProvider
{
    // By the property of the diagnostic that asks for it.
    private static readonly (string Property, string Name, string Value, string Title)[] Options =
    [
        (FixProperties.Streams, "Streaming", "Etch.EtchStreaming.Auto", "Let layers run row by row"),
        (FixProperties.Shrinks, "Preset", "Etch.EtchPreset.Size", "Take less flash and more time"),
    ];

    public override ImmutableArray<string> FixableDiagnosticIds => ImmutableArray.Create(Budget.RamId, Budget.FlashId);

    public override FixAllProvider GetFixAllProvider() => WellKnownFixAllProviders.BatchFixer;

    public override async Task RegisterCodeFixesAsync(CodeFixContext context)
    {
        SyntaxNode? root = await context.Document.GetSyntaxRootAsync(context.CancellationToken).ConfigureAwait(false);
        foreach (Diagnostic diagnostic in context.Diagnostics)
        foreach ((string property, string name, string value, string title) in Options)
        {
            if (root is null || !diagnostic.Location.IsInSource || !diagnostic.Properties.ContainsKey(property)) continue;
            var type = root.FindNode(diagnostic.Location.SourceSpan).FirstAncestorOrSelf<TypeDeclarationSyntax>();
            AttributeSyntax? model = type?.AttributeLists.SelectMany(list => list.Attributes).FirstOrDefault(IsModel);
            if (model?.ArgumentList is not { } arguments) continue;

            AttributeArgumentSyntax? written = arguments.Arguments.FirstOrDefault(a => a.NameEquals?.Name.Identifier.ValueText == name);
            SyntaxNode changed = written is null
                ? root.ReplaceNode(arguments, arguments.AddArguments(Argument(name, value)))
                : root.ReplaceNode(written.Expression, SyntaxFactory.ParseExpression(value).WithTriviaFrom(written.Expression));
            context.RegisterCodeFix(
                CodeAction.Create(title, _ => Task.FromResult(context.Document.WithSyntaxRoot(changed)), equivalenceKey: name), diagnostic);
        }
    }

    private static AttributeArgumentSyntax Argument(string name, string value) => SyntaxFactory.AttributeArgument(SyntaxFactory.ParseExpression(value))
        .WithNameEquals(SyntaxFactory.NameEquals(
            SyntaxFactory.IdentifierName(name), SyntaxFactory.Token(SyntaxFactory.TriviaList(SyntaxFactory.Space), SyntaxKind.EqualsToken, SyntaxFactory.TriviaList(SyntaxFactory.Space))))
        .WithLeadingTrivia(SyntaxFactory.Space);

    private static bool IsModel(AttributeSyntax attribute)
    {
        string name = attribute.Name.ToString();
        return name.Substring(name.LastIndexOf('.') + 1) is "EtchModel" or "EtchModelAttribute";
    }
}
