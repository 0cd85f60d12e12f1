using System;
using System.Linq;
using Etch.Ir;

namespace Etch.Tests;

/// <summary>Models for tests of single passes and of the planner.</summary>
internal static class Graphs
{
    /// <summary>The graph of a model that is built from code, as filed.</summary>
    public static Graph Of(Action<TfliteBuilder> build)
    {
        var builder = new TfliteBuilder();
        build(builder);
        return Agreement.Import(builder.Build());
    }

    /// <summary>Asserts what a pass makes of a graph: the text of both, without the comments.</summary>
    public static void AssertRewrites(Func<Graph, Graph> pass, Graph graph, string before, string after)
    {
        Assert.Equal(before, Text(graph));
        Assert.Equal(after, Text(pass(graph)));
    }

    /// <summary>Asserts that a pass leaves a graph as it is.</summary>
    public static void AssertKeeps(Func<Graph, Graph> pass, Graph graph) => Assert.Equal(graph.ToString(), pass(graph).ToString());

    private static string Text(Graph graph) =>
        string.Join("\n", graph.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split("  //")[0]));
}
