using System;
using System.IO;
using System.Linq;
using Xunit;

namespace Etch.Generator.Tests;

/// <summary>Roslyn stays at the edge: the compiler is plain C# for the command line, the benchmarks and most tests.</summary>
public class LayeringTests
{
    private static readonly string[] Edge = ["Generator", "Analyzers", "CodeFixes"];

    [Fact]
    public void Only_the_edge_mentions_Roslyn()
    {
        string source = Path.Combine(Repository.Root, "src");
        string[] files =
        [
            .. Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories)
                .Concat(Directory.EnumerateFiles(source, "*.csproj", SearchOption.AllDirectories))
                .Select(path => Path.GetRelativePath(source, path).Replace('\\', '/'))
                .Where(static path => !path.Contains("/obj/") && !path.Contains("/bin/")),
        ];
        Assert.Contains("Compiler/Compiler.cs", files);
        Assert.DoesNotContain(
            files.Where(static path => !Edge.Contains(path.Split('/')[0])),
            path => File.ReadAllText(Path.Combine(source, path)).Contains("Microsoft.CodeAnalysis", StringComparison.Ordinal));
    }
}
