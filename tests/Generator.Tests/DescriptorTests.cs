using System.IO;
using System.Linq;
using System.Reflection;
using Etch.Diagnostics;
using Microsoft.CodeAnalysis;
using Xunit;

namespace Etch.Generator.Tests;

/// <summary>Every diagnostic has what belongs to one: a page, a line among the releases, a link.</summary>
public class DescriptorTests
{
    public static TheoryData<string> Ids => [.. All.Select(static descriptor => descriptor.Id)];

    private static DiagnosticDescriptor[] All =>
    [
        .. typeof(Descriptors).GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
            .Where(static member => member.FieldType == typeof(DiagnosticDescriptor))
            .Select(static member => (DiagnosticDescriptor)member.GetValue(null)!),
    ];

    [Fact]
    public void Every_id_of_the_compiler_has_a_descriptor()
    {
        Assert.Equal(All.Select(static descriptor => descriptor.Id).Order(), Descriptors.ById.Keys.Order());
        Assert.All(
            typeof(Ids).GetFields().Select(static field => (string)field.GetRawConstantValue()!),
            static id => Assert.Contains(id, Descriptors.ById.Keys));
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void Has_a_page(string id)
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "diagnostics", id + ".md"));
        Assert.StartsWith($"# {id}: {Descriptors.ById[id].Title}\n", page);
        Assert.All(["Cause", "Example", "Remedy", "Suppression"], heading => Assert.Contains($"\n## {heading}\n", page));
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void Has_a_release_line(string id)
    {
        string folder = Path.Combine(Repository.Root, "src", "Generator");
        string releases = File.ReadAllText(Path.Combine(folder, "AnalyzerReleases.Shipped.md"))
            + File.ReadAllText(Path.Combine(folder, "AnalyzerReleases.Unshipped.md"));
        DiagnosticDescriptor descriptor = Descriptors.ById[id];
        Assert.Contains($"\n{id} | {descriptor.Category} | {descriptor.DefaultSeverity} | {descriptor.Title}, [documentation]({descriptor.HelpLinkUri})", releases);
    }

    [Fact]
    public void A_budget_is_the_same_diagnostic_from_generator_and_analyzer()
    {
        static string[] Lines(string project) =>
        [
            .. File.ReadLines(Path.Combine(Repository.Root, "src", project, "AnalyzerReleases.Unshipped.md"))
                .Where(static line => line.StartsWith("ETCH20", System.StringComparison.Ordinal)),
        ];
        Assert.Equal(Lines("Analyzers"), Lines("Generator"));
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void Has_a_help_link_and_cannot_be_switched_off_unless_it_is_a_budget_or_a_warning(string id)
    {
        DiagnosticDescriptor descriptor = Descriptors.ById[id];
        Assert.Equal(Descriptors.Pages + id + ".md", descriptor.HelpLinkUri);
        bool isAnError = descriptor.Category == "Etch" && descriptor.DefaultSeverity == DiagnosticSeverity.Error;
        Assert.Equal(isAnError, descriptor.CustomTags.Contains(WellKnownDiagnosticTags.NotConfigurable));
    }
}
