using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Passes;

namespace Etch.Tests;

/// <summary>Layers that run row by row compute what they compute one after the other, wherever groups begin and end.</summary>
public sealed class StreamingTests
{
    [Theory]
    [InlineData(601)]
    [InlineData(602)]
    [InlineData(603)]
    [InlineData(604)]
    [InlineData(605)]
    public void Random_graphs_cut_into_groups_agree_with_the_reference(uint stream)
    {
        var draw = new Draw(stream);
        byte[][] files = [.. Enumerable.Range(0, 120).Select(_ => RandomGraphs.Build(draw))];
        string what = $"Rows{stream}";
        bool vectors = stream != 603;
        (int, string, CompiledModel)[] models =
        [
            .. files.Select((file, i) => (i, $"emitted, mode {i % 3}", (i % 3) switch
            {
                0 => Agreement.Compile(what, file, i, 0, o => o with { Vectors = vectors, Streaming = StreamingPolicy.Smallest, InArena = i % 4 == 0 }),
                1 => Within(what, file, i, draw, vectors),
                _ => Cut(Agreement.Compile(what, file, i, 0, o => o with { Vectors = vectors, Streaming = StreamingPolicy.Off }), draw),
            })),
        ];
        Agreement.Compare(what, files, models, isChecked: stream % 2 == 0);

        // The graphs are such that most of them have groups, and many take rows.
        Assert.InRange(models.Count(m => m.Item3.Steps.Any(step => step.Rows is not null)), 60, 120);
        Assert.InRange(models.Count(m => m.Item3.Push is not null), 20, 120);
        Assert.InRange(models.Count(m => m.Item3.Steps.Any(step => step.Rows is { } rows && rows.Clocks.Any(clock => clock.RowsAtOnce > 1))), 10, 120);
        Assert.DoesNotContain(models, m => m.Item3.Push is not null && m.Item3.Options.InArena);
    }

    // Some budget between what the model needs layer by layer and its smallest arena.
    private static CompiledModel Within(string what, byte[] file, int index, Draw draw, bool vectors)
    {
        CompiledModel all = Agreement.Compile(what, file, index, 0, o => o with { Vectors = vectors, Streaming = StreamingPolicy.Off });
        CompiledModel least = Agreement.Compile(what, file, index, 0, o => o with { Vectors = vectors, Streaming = StreamingPolicy.Smallest });
        long budget = draw.Int((int)least.Cost.Ram, (int)System.Math.Max(least.Cost.Ram, all.Cost.Ram));
        CompiledModel model = Agreement.Compile(what, file, index, 0, o => o with { Vectors = vectors, MaxRam = budget });
        Assert.True(least.Cost.Arena <= all.Cost.Arena, $"{what}, case {index}: {least.Cost.Arena} bytes are not the smallest arena");
        Assert.True(model.Cost.Ram <= System.Math.Max(budget, System.Math.Min(all.Cost.Ram, least.Cost.Ram)), $"{what}, case {index}: {model.Cost.Ram} bytes exceed {budget}");
        return model;
    }

    /// <summary>The same layers, cut at random places into groups as long as they can be, some of which compute several rows at once.</summary>
    internal static CompiledModel Cut(CompiledModel model, Draw draw)
    {
        var rows = new StreamRows(model.Graph, model.Layers, model.Options);
        var steps = new List<Step>();
        for (int begin = 0; begin < model.Layers.Count;)
        {
            Step step = Step.Of(begin, model.Layers[begin]);
            int most = draw.Int(1, 14);
            int[]? atOnce = draw.Int(1, 5) == 1 ? null : [.. Enumerable.Range(0, most + 1).Select(_ => draw.Of(0, 0, 1, 2, 3, 4, 7))];
            for (int end = begin + 2; end <= model.Layers.Count && end - begin <= most && rows.IsRowwise(begin) && rows.IsRowwise(end - 1); end++)
            {
                if (rows.Form(begin, end, atOnce) is not { } longer) break;
                step = longer;
            }

            steps.Add(step);
            begin = step.End;
        }

        var schedule = new Schedule([.. steps], PlanArena.Run(model.Graph, steps, model.State, model.Options));
        return new CompiledModel(model.File, model.Options, default)
        {
            Inputs = model.Inputs,
            Outputs = model.Outputs,
            Graph = model.Graph,
            Layers = [.. steps.SelectMany(step => step.Layers)],
            Steps = schedule.Steps,
            Plan = schedule.Plan,
            Push = RowPush.Of(model.Graph, schedule, model.State),
            Cost = MeasureCost.Run(model.File, model.Graph, schedule, model.State),
            Measures = model.Measures,
        };
    }
}
