using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Tests;

/// <summary>The operator table against the random models of the property tests.</summary>
public sealed class PropertyCoverageTests
{
    // Its contract never holds: there is nothing to compare.
    private const string Refused = "RANDOM_UNIFORM";

    [Fact]
    public void Every_line_of_the_table_has_enough_random_models() => Assert.Empty(
        TableUse.Random.Value.Models.Where(line => line.Value < PropertyCases.Least && line.Key.Name != Refused).Select(line => $"{line.Key}: {line.Value} models"));
}

/// <summary>How many models use each line of the operator table, by the operator's name and the type that the line is for.</summary>
internal sealed class TableUse
{
    private const int MostSamples = 30;

    /// <summary>Counts models; one counts once for each line that it uses.</summary>
    public TableUse(IEnumerable<Graph> graphs)
    {
        foreach ((_, string name, ElementType? first) in OpTable.Lines()) (Models[(name, first)], Samples[(name, first)]) = (0, []);
        foreach (Graph graph in graphs)
        {
            foreach (var ops in graph.Ops.GroupBy(op => Line(op, graph)))
            {
                if (Models[ops.Key]++ < MostSamples) Samples[ops.Key].Add((ops.First(), graph));
            }
        }
    }

    /// <summary>The models of the property tests.</summary>
    public static Lazy<TableUse> Random { get; } = new(() => new TableUse(PropertyCases.All.Keys.SelectMany(PropertyCases.Files).Select(Agreement.Import)));

    public Dictionary<(string Name, ElementType? First), int> Models { get; } = [];

    /// <summary>The first models of each line, with the operator in them.</summary>
    public Dictionary<(string Name, ElementType? First), List<(Op Op, Graph Graph)>> Samples { get; } = [];

    // The line of the first input's type, or that for all others.
    private (string, ElementType?) Line(Op op, Graph graph)
    {
        (string, ElementType?) own = (op.Name, op.Inputs.Count > 0 && op.Inputs[0] >= 0 ? graph[op.Inputs[0]].Type : null);
        return Models.ContainsKey(own) ? own : (op.Name, null);
    }
}
