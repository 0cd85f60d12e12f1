using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Xunit;

namespace Etch.Analyzers.Tests;

/// <summary>Every diagnostic has what belongs to one: a page, a line among the releases, a link, a severity that may be set.</summary>
public class DescriptorTests
{
    public static TheoryData<string> Ids => [.. Descriptors.Select(static descriptor => descriptor.Id)];

    private static IEnumerable<DiagnosticDescriptor> Descriptors =>
        new DiagnosticAnalyzer[] { new BudgetAnalyzer(), new ArenaUseAnalyzer() }.SelectMany(static analyzer => analyzer.SupportedDiagnostics);

    [Theory]
    [MemberData(nameof(Ids))]
    public void Has_a_page(string id)
    {
        string page = File.ReadAllText(Path.Combine(Root(), "docs", "diagnostics", id + ".md"));
        Assert.StartsWith($"# {id}: {Of(id).Title}\n", page);
        Assert.All(["Cause", "Example", "Remedy", "Suppression"], heading => Assert.Contains($"\n## {heading}\n", page));
        Assert.Contains($"| Severity | {Of(id).DefaultSeverity} |", page);
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void Has_a_release_line(string id)
    {
        string releases = string.Concat(Directory.GetFiles(Path.Combine(Root(), "src", "Analyzers"), "AnalyzerReleases.*.md").Select(File.ReadAllText));
        DiagnosticDescriptor descriptor = Of(id);
        Assert.Contains($"\n{id} | {descriptor.Category} | {descriptor.DefaultSeverity} | {descriptor.Title}, [documentation]({descriptor.HelpLinkUri})", releases);
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void Has_a_help_link_and_can_be_configured(string id)
    {
        Assert.Equal($"https://github.com/etch-dotnet/etch/blob/main/docs/diagnostics/{id}.md", Of(id).HelpLinkUri);
        Assert.DoesNotContain(WellKnownDiagnosticTags.NotConfigurable, Of(id).CustomTags);
        Assert.True(Of(id).IsEnabledByDefault);
    }

    /// <summary>The repository: the nearest folder above the tests that has the solution.</summary>
    internal static string Root()
    {
        DirectoryInfo? folder = new(System.AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Generator.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new DirectoryNotFoundException("no Generator.sln above the tests");
    }

    private static DiagnosticDescriptor Of(string id) => Descriptors.Single(descriptor => descriptor.Id == id);
}
