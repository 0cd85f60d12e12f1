using System.Linq;
using System.Text;
using Etch.Emit;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Etch.Generator;

/// <summary>Names of the generated classes.</summary>
internal static class ClassNames
{
    /// <summary>The class's name with its namespace: unique in a project.</summary>
    public static string FullName(this CompileOptions options) =>
        (options.Namespace.Length == 0 ? options.ClassName : options.Namespace + "." + options.ClassName).Replace("@", "");

    /// <summary>The same for a class of the compilation; that of a nested or generic one is the name of no generated class.</summary>
    public static string FullName(INamedTypeSymbol type) => type.ToDisplayString().Replace("@", "");

    /// <summary>The namespace as C# writes it; empty for the global one.</summary>
    public static string NamespaceOf(INamedTypeSymbol type) =>
        type.ContainingNamespace.IsGlobalNamespace ? "" : type.ContainingNamespace.ToDisplayString();

    /// <summary>The full name as the beginning of a file's name: identifiers may have letters that Roslyn takes in no hint.</summary>
    public static string FileName(this CompileOptions options) =>
        new([.. options.FullName().Select(static c => char.IsLetterOrDigit(c) || c == '.' ? c : '_')]);

    /// <summary>The class of a file that nothing else names: <c>person-detect_v2.tflite</c> becomes <c>PersonDetectV2</c>.</summary>
    public static string ToClassName(string fileName)
    {
        int dot = fileName.LastIndexOf('.');
        string stem = dot < 0 ? fileName : fileName.Substring(0, dot);
        var name = new StringBuilder();
        bool startsWord = true;
        foreach (char c in stem)
        {
            bool isPart = char.IsLetterOrDigit(c);
            if (isPart) name.Append(startsWord ? char.ToUpperInvariant(c) : c);
            startsWord = !isPart;
        }

        if (name.Length == 0) return "Model";
        if (!SyntaxFacts.IsIdentifierStartCharacter(name[0])) name.Insert(0, '_');
        return SurfaceWriter.Members.Contains(name.ToString()) ? name.Append("Model").ToString() : name.ToString();
    }

    /// <summary>A namespace made of any text: a project called <c>my-app.2</c> is <c>my_app._2</c>.</summary>
    public static string ToNamespace(string text) => text.Length == 0 ? "" : string.Join(".", text.Split('.').Select(ToIdentifier));

    /// <summary>The name as C# writes it: with an @ where it is a keyword.</summary>
    public static string Escape(string name) => SyntaxFacts.GetKeywordKind(name) == SyntaxKind.None ? name : "@" + name;

    public static bool IsNamespace(string text) => text.Split('.').All(SyntaxFacts.IsValidIdentifier);

    private static string ToIdentifier(string text)
    {
        string name = new([.. text.Select(static c => SyntaxFacts.IsIdentifierPartCharacter(c) ? c : '_')]);
        return name.Length == 0 || !SyntaxFacts.IsIdentifierStartCharacter(name[0]) ? "_" + name : Escape(name);
    }
}
