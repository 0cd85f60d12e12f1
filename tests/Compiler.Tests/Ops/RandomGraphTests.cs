using System.Linq;

namespace Etch.Tests;

/// <summary>Small random graphs: what all passes together emit computes what the file says, and the arena's plan is sound.</summary>
public sealed class RandomGraphTests
{
    [Fact]
    public void Emitted_code_agrees_with_the_reference_of_the_graph_as_filed()
    {
        var draw = new Draw(500);
        byte[][] files = [.. Enumerable.Range(0, 100).Select(_ => RandomGraphs.Build(draw))];
        Agreement.Check("Graph", files, others: 25);
    }

    [Fact]
    public void Emitted_code_agrees_with_the_reference_of_what_exporters_leave_behind()
    {
        var draw = new Draw(600);
        byte[][] files = [.. Enumerable.Range(0, 200).Select(_ => RandomRewrites.Build(draw))];
        Agreement.Check("Rewrite", files, others: 30);
    }
}
