using System.Linq;
using System.Threading;
using Etch.Ir;
using Etch.Passes;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>The arena's plan: where buffers may share bytes and where they must not.</summary>
public sealed class PlanArenaTests
{
    [Fact]
    public void Random_buffers_never_overlap_while_both_live()
    {
        var draw = new Draw(900);
        for (int run = 0; run < 400; run++)
        {
            Buffer[] buffers =
            [
                .. Enumerable.Range(0, draw.Int(1, 24)).Select(_ =>
                {
                    int alignment = draw.Of(1, 1, 1, 2, 4), first = draw.Int(0, 12);
                    return new Buffer(draw.Int(1, 50) * alignment, alignment, first, draw.Int(first, 14));
                }),
            ];
            // Some that meet in one step only may overlap by a distance.
            Overlap[] overlaps =
            [
                .. buffers.Select((output, to) => (to, from: System.Array.FindIndex(buffers, input => input.Last == output.First && input.First < output.First && draw.Chance(2))))
                    .Where(pair => pair.from >= 0 && pair.from != pair.to).DistinctBy(pair => pair.from)
                    .Select(pair => new Overlap(buffers[pair.to].First, pair.from, pair.to, draw.Int(1, buffers[pair.to].Bytes), draw.Int(1, buffers[pair.from].Bytes))),
            ];
            var place = new PlaceBuffers(buffers, overlaps);
            int[] offsets = place.Run(thorough: true, out bool isOptimal), quick = place.Run(thorough: false, out _);
            int extent = buffers.Select((b, i) => offsets[i] + b.Bytes).Max();
            Assert.True(extent >= place.LowerBound && extent <= place.Extent(quick));
            Assert.True(isOptimal || extent > place.LowerBound);
            Assert.True(extent <= buffers.Sum(b => b.Bytes + b.Alignment - 1));
            for (int i = 0; i < buffers.Length; i++)
            {
                Assert.Equal(0, offsets[i] % buffers[i].Alignment);
                for (int j = 0; j < buffers.Length; j++)
                {
                    if (i == j || buffers[i].First > buffers[j].Last || buffers[j].First > buffers[i].Last || offsets[i] > offsets[j]) continue;
                    int distance = overlaps.Where(o => (o.Output, o.Input) == (i, j)).Select(o => o.Before)
                        .Concat(overlaps.Where(o => (o.Input, o.Output) == (i, j)).Select(o => o.After)).DefaultIfEmpty(buffers[i].Bytes).First();
                    Assert.True(offsets[i] + distance <= offsets[j], $"seed {Draw.Seed}, run {run}: {buffers[i]} at {offsets[i]} and {buffers[j]} at {offsets[j]}");
                }
            }
        }
    }

    [Fact]
    public void Small_placements_are_optimal()
    {
        var draw = new Draw(901);
        int gained = 0;
        for (int run = 0; run < 300; run++)
        {
            Buffer[] buffers =
            [
                .. Enumerable.Range(0, draw.Int(2, 9)).Select(_ =>
                {
                    int first = draw.Int(0, 9);
                    return new Buffer(draw.Int(1, 4), 1, first, draw.Int(first, System.Math.Min(9, first + 4)));
                }),
            ];
            var place = new PlaceBuffers(buffers, []);
            int extent = place.Extent(place.Run(thorough: true, out bool isOptimal));
            Assert.True(isOptimal);
            Assert.False(Fits(buffers, new int[buffers.Length], 0, extent - 1), $"seed {Draw.Seed}, run {run}: {extent} bytes are too many");
            if (extent < place.Extent(place.Run(thorough: false, out _))) gained++;
        }

        Assert.InRange(gained, 1, 300);
    }

    // Whether any offsets do, by trying all.
    private static bool Fits(Buffer[] buffers, int[] offsets, int count, int most)
    {
        if (count == buffers.Length) return true;
        for (offsets[count] = 0; offsets[count] + buffers[count].Bytes <= most; offsets[count]++)
        {
            bool isFree = Enumerable.Range(0, count).All(j =>
                buffers[j].First > buffers[count].Last || buffers[count].First > buffers[j].Last ||
                offsets[j] + buffers[j].Bytes <= offsets[count] || offsets[count] + buffers[count].Bytes <= offsets[j]);
            if (isFree && Fits(buffers, offsets, count + 1, most)) return true;
        }

        return false;
    }

    [Fact]
    public void A_table_takes_over_the_bytes_of_an_input_that_dies()
    {
        CompiledModel model = Compile(b =>
        {
            (int x, int s, int t, int y) = Four(b);
            int c = Constant(b);
            b.Operator(Schema.Builtin.Add, [x, c], [s]);
            b.Operator(Schema.Builtin.Tanh, [s], [t]);
            b.Operator(Schema.Builtin.Add, [t, c], [y]);
            b.Ports([x], [y]);
        });
        Assert.Equal(model.Plan.Locations[1], model.Plan.Locations[2]);
        Assert.Equal((64, 64), (model.Plan.Bytes, model.Plan.LowerBound));
    }

    [Fact]
    public void An_input_that_is_read_later_keeps_its_bytes()
    {
        CompiledModel model = Compile(b =>
        {
            (int x, int s, int t, int y) = Four(b);
            int c = Constant(b), u = b.Int8("u", [1, 64], 1f / 128, 0);
            b.Operator(Schema.Builtin.Add, [x, c], [s]);
            b.Operator(Schema.Builtin.Tanh, [s], [t]);
            b.Operator(Schema.Builtin.Add, [t, c], [u]);
            b.Operator(Schema.Builtin.Add, [s, u], [y]);
            b.Ports([x], [y]);
        });
        Assert.NotEqual(model.Plan.Locations[1], model.Plan.Locations[2]);
        Assert.Equal(128, model.Plan.Bytes);
    }

    [Fact]
    public void An_input_that_is_read_later_under_another_name_keeps_its_bytes()
    {
        CompiledModel model = Compile(b =>
        {
            (int x, int s, int t, int y) = Four(b);
            int view = b.Int8("view", [64], 1f / 128, 0), u = b.Int8("u", [1, 64], 1, 0);
            b.Operator(Schema.Builtin.Add, [x, x], [s]);
            b.Operator(Schema.Builtin.Reshape, [s], [view]);
            b.Operator(Schema.Builtin.Tanh, [s], [t]);
            b.Operator(Schema.Builtin.Add, [t, t], [y]);
            b.Operator(Schema.Builtin.Add, [view, t], [u]);
            b.Ports([x], [y, u]);
        });
        Assert.NotEqual(model.Plan.Locations[1], model.Plan.Locations[2]);
        Assert.Equal(model.Plan.Locations[1], model.Plan.Locations[4]);
    }

    [Fact]
    public void The_input_of_the_caller_is_never_overwritten()
    {
        CompiledModel model = Compile(b =>
        {
            (int x, int s, int t, int y) = Four(b);
            b.Operator(Schema.Builtin.Tanh, [x], [t]);
            b.Operator(Schema.Builtin.Add, [t, Constant(b)], [s]);
            b.Operator(Schema.Builtin.Tanh, [s], [y]);
            b.Ports([x], [y]);
        });
        Assert.Equal(Place.Input, model.Plan.Locations[0].Place);
        Assert.Equal(Place.Arena, model.Plan.Locations[2].Place);
        Assert.Equal(Place.Output, model.Plan.Locations[3].Place);
    }

    [Fact]
    public void In_the_arena_the_input_is_overwritten_and_outputs_last()
    {
        CompiledModel model = Compile(
            b =>
            {
                (int x, int s, int t, int y) = Four(b);
                b.Operator(Schema.Builtin.Tanh, [x], [t]);
                b.Operator(Schema.Builtin.Add, [t, Constant(b)], [s]);
                b.Operator(Schema.Builtin.Tanh, [s], [y]);
                b.Ports([x], [t, y]);
            },
            o => o with { InArena = true });
        Assert.All(model.Plan.Locations.Values.Where(location => location.Place != Place.Constant), location => Assert.Equal(Place.Arena, location.Place));
        Assert.Equal(model.Plan.Locations[0], model.Plan.Locations[2]);
        Assert.Equal(model.Plan.Locations[1], model.Plan.Locations[3]);
        Assert.NotEqual(model.Plan.Locations[2], model.Plan.Locations[3]);
        Assert.Equal((128, 128), (model.Plan.Bytes, model.Plan.LowerBound));
    }

    [Fact]
    public void A_kernel_that_reads_neighbours_does_not_overwrite_its_input()
    {
        CompiledModel model = Compile(b =>
        {
            int x = b.Int8("x", [8, 8], 1, 0), s = b.Int8("s", [8, 8], 1, 0), t = b.Int8("t", [8, 8], 1, 0), y = b.Int8("y", [8, 8], 1, 0);
            b.Operator(Schema.Builtin.Add, [x, x], [s]);
            b.Operator(Schema.Builtin.Transpose, [s, b.Int32("p", 1, 0)], [t]);
            b.Operator(Schema.Builtin.Add, [t, t], [y]);
            b.Ports([x], [y]);
        });
        Assert.NotEqual(model.Plan.Locations[1], model.Plan.Locations[2]);
    }

    [Fact]
    public void A_repeated_operand_is_not_overwritten()
    {
        CompiledModel model = Compile(b =>
        {
            int x = b.Int8("x", [1, 8], 1, 0), row = b.Int8("row", [1, 8], 1, 0), sum = b.Int8("sum", [8, 8], 1, 0), y = b.Int8("y", [8, 8], 1, 0);
            int wide = b.Int8("wide", [8, 1], 1, 0, new byte[8]);
            b.Operator(Schema.Builtin.Add, [x, x], [row]);
            b.Operator(Schema.Builtin.Add, [row, wide], [sum]);
            b.Operator(Schema.Builtin.Add, [sum, row], [y]);
            b.Ports([x], [y]);
        });
        Assert.NotEqual(model.Plan.Locations[1], model.Plan.Locations[2]);
        Assert.Equal(72, model.Plan.LowerBound);
    }

    // x, s, t and y: 64 elements each, as TANH wants them.
    private static (int X, int S, int T, int Y) Four(TfliteBuilder b) => (
        b.Int8("x", [1, 64], 1f / 128, 0), b.Int8("s", [1, 64], 1f / 128, 0), b.Int8("t", [1, 64], 1f / 128, 0), b.Int8("y", [1, 64], 1f / 128, 0));

    // With several values: what it is added to stays an operator of its own instead of becoming part of a table.
    private static int Constant(TfliteBuilder b) => b.Int8("c", [1, 64], 1f / 128, 0, [.. Enumerable.Range(0, 64).Select(i => (byte)i)]);

    private static CompiledModel Compile(System.Action<TfliteBuilder> build, System.Func<CompileOptions, CompileOptions>? options = null)
    {
        var builder = new TfliteBuilder();
        build(builder);
        var basic = new CompileOptions { ClassName = "Plan" };
        CompiledModel model = Compiler.Compile(
            new ModelFile("plan.tflite", builder.Build()), options is null ? basic : options(basic), CancellationToken.None);
        Assert.True(model.Succeeded, string.Join("\n", model.Problems));
        Plans.AssertSound(model);
        return model;
    }
}
