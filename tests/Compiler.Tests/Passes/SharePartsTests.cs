using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Etch.Ir;
using Etch.Ops;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Tensors that are joined or cut lie where the whole lies, and the same bytes come out.</summary>
public sealed class SharePartsTests
{
    [Fact]
    public void Joined_rows_are_written_where_they_go()
    {
        CompiledModel model = Compile(b => Join(b, axis: 1, height: 4, b.Int8("x", [1, 4, 4, 2], 1, 0)));
        Assert.DoesNotContain(model.Layers, layer => layer.Op is Concatenation);
        Assert.Equal(["a", "b", "y"], Names(model));

        // Both parts of 32 bytes and nothing else; copied, they and the whole would be there together.
        Assert.Equal((64, 64), (model.Plan.Bytes, model.Plan.LowerBound));
        Assert.Equal(128, Compile(b => Join(b, axis: 1, height: 4, b.Int8("x", [1, 4, 4, 2], 1, 0)), o => o with { KeepTensors = true }).Plan.Bytes);
        Assert.Equal(32, Math.Abs(At(model, "a") - At(model, "b")));
    }

    [Fact]
    public void Channels_of_pixels_are_copied_and_channels_of_one_pixel_are_not()
    {
        Assert.Contains(Compile(b => Join(b, axis: 3, height: 4, b.Int8("x", [1, 4, 4, 2], 1, 0))).Layers, layer => layer.Op is Concatenation);
        Assert.DoesNotContain(Compile(b => Join(b, axis: 3, height: 1, b.Int8("x", [1, 1, 1, 2], 1, 0))).Layers, layer => layer.Op is Concatenation);
    }

    [Fact]
    public void What_goes_to_two_places_is_copied_to_one_of_them()
    {
        CompiledModel model = Compile(b =>
        {
            int x = Row(b, "x", 8), a = Row(b, "a", 8), c = Row(b, "c", 16), d = Row(b, "d", 24), y = Row(b, "y", 4), z = Row(b, "z", 4);
            Dense(b, x, a, 8, 8);
            Concatenate(b, [a, a], c);
            Concatenate(b, [c, a], d);
            Dense(b, d, y, 24, 4);
            Dense(b, c, z, 16, 4);
            b.Ports([x], [y, z]);
        });

        // It lies in the first half of the first whole, which lies in the second; the other halves are copies.
        Assert.Equal([1, 1], model.Graph.Ops.Where(op => op is Concatenation).Select(op =>
            model.Layers.Where(layer => layer.Op == op).Sum(layer => ((StridedCopy)layer.Kernel).Moves.Count)));
        Assert.Equal(At(model, "d"), At(model, "c"));
        Assert.Equal(At(model, "d"), At(model, "a"));
    }

    [Fact]
    public void Tensors_of_the_caller_and_constants_are_copied()
    {
        CompiledModel model = Compile(b =>
        {
            int x = Row(b, "x", 8), a = Row(b, "a", 8), k = b.Int8("k", [1, 4], 0.25f, 3, [1, 2, 3, 4]), c = Row(b, "c", 28), y = Row(b, "y", 4), n = Row(b, "n", 8);
            Dense(b, x, a, 8, 8);
            Dense(b, a, n, 8, 8);
            Concatenate(b, [x, a, k, n], c);
            Dense(b, c, y, 28, 4);
            b.Ports([x], [a, y]);
        });
        Layer join = Assert.Single(model.Layers, layer => layer.Op is Concatenation);
        Assert.Equal(3, ((StridedCopy)join.Kernel).Moves.Count);
        Assert.Equal(At(model, "c") + 20, At(model, "n"));
    }

    [Fact]
    public void An_output_takes_its_parts_itself()
    {
        CompiledModel model = Compile(b =>
        {
            int x = Row(b, "x", 8), a = Row(b, "a", 8), n = Row(b, "n", 4), y = Row(b, "y", 12);
            Dense(b, x, a, 8, 8);
            Dense(b, a, n, 8, 4);
            Concatenate(b, [a, n], y);
            b.Ports([x], [y]);
        });
        Assert.Equal(["a", "n"], Names(model));
        Assert.Equal(0, model.Plan.Bytes);
    }

    [Fact]
    public void What_is_cut_is_read_where_it_is()
    {
        CompiledModel model = Compile(b =>
        {
            int x = Row(b, "x", 8), a = Row(b, "a", 8), l = Row(b, "l", 4), r = Row(b, "r", 4), s = Row(b, "s", 4), y = Row(b, "y", 4), z = Row(b, "z", 4);
            Dense(b, x, a, 8, 8);
            b.Operator(Schema.Builtin.Split, [b.Int32("axis", 1), a], [l, r], (0, FlatValue.Int32(2)));
            b.Operator(Schema.Builtin.Slice, [x, b.Int32("begin", 0, 4), b.Int32("size", 1, 4)], [s]);
            b.Operator(Schema.Builtin.Add, [l, s], [y]);
            b.Operator(Schema.Builtin.Sub, [r, s], [z]);
            b.Ports([x], [y, z]);
        });
        Assert.Equal(["a", "y", "z"], Names(model));
        Assert.Equal(8, model.Plan.Bytes);
    }

    [Fact]
    public void A_layer_writes_only_what_it_copies()
    {
        // Of the caller's input one half is read where it is, the other is an output of its own.
        byte[] file = File(b =>
        {
            int x = Row(b, "x", 8), l = Row(b, "l", 4), r = Row(b, "r", 4), y = Row(b, "y", 4);
            b.Operator(Schema.Builtin.Split, [b.Int32("axis", 1), x], [l, r], (0, FlatValue.Int32(2)));
            Dense(b, l, y, 4, 4);
            b.Ports([x], [y, r]);
        });
        CompiledModel model = Compile(file);
        Layer split = Assert.Single(model.Layers, layer => layer.Op is Split);
        Assert.Equal("r", model.Graph[Assert.Single(split.Outputs)].Name);
        Agreement.Check("Half", [file], others: 1);
    }

    [Fact]
    public void Parts_that_would_raise_the_peak_are_copied()
    {
        // 4 of 400 bytes are needed while 300 others are: cut out, they are all that is left of the 400.
        CompiledModel model = Compile(b =>
        {
            int x = Row(b, "x", 8), a = Row(b, "a", 400), s = Row(b, "s", 4), w = Row(b, "w", 300), n = Row(b, "n", 4), y = Row(b, "y", 4), t = Row(b, "t", 4);
            Dense(b, x, a, 8, 400);
            b.Operator(Schema.Builtin.Slice, [a, b.Int32("begin", 0, 4), b.Int32("size", 1, 4)], [s]);
            Dense(b, s, t, 4, 4);
            Dense(b, t, w, 4, 300);
            Dense(b, w, n, 300, 4);
            b.Operator(Schema.Builtin.Add, [n, s], [y]);
            b.Ports([x], [y]);
        });
        Assert.Contains(model.Layers, layer => layer.Op is Slice);
        Assert.Equal(404, model.Plan.Bytes);
    }

    [Fact]
    public void Random_graphs_with_parts_agree_with_the_reference()
    {
        var draw = new Draw(970);
        byte[][] files = [.. Enumerable.Range(0, 60).Select(_ => Vectors(draw))];
        Agreement.Check("Parts", files, others: 15);
        CompiledModel[] models = [.. files.Select((file, i) => Agreement.Compile("Parts", file, i, 0, o => o))];
        Assert.InRange(models.Sum(Parts), 100, 2000);
    }

    [Theory]
    [InlineData(971, true)]
    [InlineData(972, false)]
    public void Random_images_cut_and_stacked_agree_with_the_reference_however_they_are_streamed(uint stream, bool vectors)
    {
        var draw = new Draw(stream);
        byte[][] files = [.. Enumerable.Range(0, 80).Select(_ => RandomGraphs.Build(draw, cuts: true))];
        string what = $"PartsOfImages{stream}";
        CompiledModel Compiled(int i, StreamingPolicy streaming, long? ram = null) =>
            Agreement.Compile(what, files[i], i, 0, o => o with { Vectors = vectors, Streaming = streaming, MaxRam = ram, InArena = i % 8 >= 6 });
        CompiledModel[] models =
        [
            .. files.Select((_, i) =>
            {
                CompiledModel each = Compiled(i, StreamingPolicy.Off), least = Compiled(i, StreamingPolicy.Smallest);
                Assert.InRange(least.Plan.Bytes, 0, each.Plan.Bytes);
                return (i % 4) switch
                {
                    0 => each,
                    1 => least,
                    2 => Compiled(i, StreamingPolicy.Auto, (each.Cost.Ram + least.Cost.Ram) / 2),
                    _ => StreamingTests.Cut(each, draw),
                };
            }),
        ];
        Agreement.Compare(what, files, [.. models.Select((model, i) => (i, $"emitted, mode {i % 4}", model))], isChecked: !vectors);
        Assert.InRange(models.Sum(Parts), 40, 2000);
        Assert.InRange(models.Count(model => Parts(model) > 0 && model.Steps.Any(step => step.Rows is not null)), 5, 80);
    }

    private static int Parts(CompiledModel model) => Enumerable.Range(0, model.Graph.Tensors.Count).Count(model.Graph.IsPart);

    private static IEnumerable<string> Names(CompiledModel model) => model.Layers.Select(layer => layer.Op.LayerName(model.Graph));

    private static int At(CompiledModel model, string name) => model.Plan.Locations[Enumerable.Range(0, model.Graph.Tensors.Count).First(id => model.Graph[id].Name == name)].At;

    private static byte[] File(Action<TfliteBuilder> build)
    {
        var b = new TfliteBuilder();
        build(b);
        return b.Build();
    }

    private static CompiledModel Compile(Action<TfliteBuilder> build, Func<CompileOptions, CompileOptions>? options = null) => Compile(File(build), options);

    private static CompiledModel Compile(byte[] file, Func<CompileOptions, CompileOptions>? options = null)
    {
        var basic = new CompileOptions { ClassName = "Parts" };
        CompiledModel model = Compiler.Compile(new ModelFile("parts.tflite", file), options is null ? basic : options(basic), CancellationToken.None);
        Assert.True(model.Succeeded, string.Join("\n", model.Problems));
        Plans.AssertSound(model);
        return model;
    }

    // Two convolutions of the input, joined, and a convolution of both.
    private static void Join(TfliteBuilder b, int axis, int height, int x)
    {
        int[] whole = axis == 1 ? [1, 2 * height, height, 2] : [1, height, height, 4];
        int first = b.Int8("a", [1, height, height, 2], 8, 0), second = b.Int8("b", [1, height, height, 2], 8, 0);
        int joined = b.Int8("c", whole, 8, 0), y = b.Int8("y", [whole[0], whole[1], whole[2], 1], 64, 0);
        Convolve(b, x, first, 2, 2);
        Convolve(b, x, second, 2, 2);
        b.Operator(Schema.Builtin.Concatenation, [first, second], [joined], (0, FlatValue.Int32(axis)));
        Convolve(b, joined, y, whole[3], 1);
        b.Ports([x], [y]);
    }

    private static void Convolve(TfliteBuilder b, int input, int output, int channels, int outputs)
    {
        byte[] weights = [.. Enumerable.Range(0, outputs * channels).Select(i => (byte)((i * 37) + 11 + output))];
        FlatValue one = FlatValue.Int32(1);
        b.Operator(
            Schema.Builtin.Conv2D, [input, b.Int8($"filter{output}", [outputs, 1, 1, channels], 1, 0, weights)], [output], (0, FlatValue.Int32(0)), (1, one), (2, one));
    }

    private static int Row(TfliteBuilder b, string name, int size) => b.Int8(name, [1, size], 0.25f, 3);

    private static void Dense(TfliteBuilder b, int input, int output, int inputs, int outputs)
    {
        byte[] weights = [.. Enumerable.Range(0, inputs * outputs).Select(i => (byte)((i * 37) + 11))];
        b.Operator(Schema.Builtin.FullyConnected, [input, b.Int8($"filter{output}", [outputs, inputs], 0.01f, 0, weights)], [output]);
    }

    private static void Concatenate(TfliteBuilder b, int[] parts, int whole) => b.Operator(Schema.Builtin.Concatenation, parts, [whole], (0, FlatValue.Int32(1)));

    // Matrices of a few rows: joined, cut, stacked, transposed, and layers between.
    private static byte[] Vectors(Draw draw)
    {
        var b = new TfliteBuilder();
        var all = new List<(int Id, int[] Shape)>();
        (int Id, int[] Shape) New(params int[] shape)
        {
            all.Add((b.Int8($"t{all.Count}", shape, 0.25f, 3), shape));
            return all[^1];
        }

        int[] inputs = [.. Enumerable.Range(0, draw.Of(1, 1, 2)).Select(_ => New(draw.Int(1, 4), draw.Int(1, 6)).Id)];
        int steps = draw.Int(4, 14);
        for (int i = 0; i < steps; i++)
        {
            (int id, int[] shape) = draw.Chance(2) ? draw.Of(all.ToArray()) : all[^1];
            int rows = shape[0], columns = shape[1];
            (int Id, int[] Shape)[] alike = [.. all.Where(t => t.Shape[1] == columns)];
            (int Id, int[] Shape)[] same = [.. alike.Where(t => t.Shape[0] == rows)];
            switch (draw.Int(0, 9))
            {
                case 0 or 1:
                    (int Id, int[] Shape)[] joined = [(id, shape), .. Enumerable.Range(0, draw.Int(1, 3)).Select(_ => draw.Of(alike))];
                    if (draw.Chance(4)) joined = [.. joined, (b.Int8($"constant{i}", [1, columns], 0.25f, 3, draw.Bytes(columns)), [1, columns])];
                    if (joined.Sum(t => t.Shape[0]) > 24) goto default;
                    b.Operator(Schema.Builtin.Concatenation, [.. joined.Select(t => t.Id)], [New(joined.Sum(t => t.Shape[0]), columns).Id], (0, FlatValue.Int32(0)));
                    break;
                case 2:
                    (int Id, int[] Shape) other = draw.Of([.. all.Where(t => t.Shape[0] == rows)]);
                    if (columns + other.Shape[1] > 24) goto default;
                    b.Operator(Schema.Builtin.Concatenation, [id, other.Id], [New(rows, columns + other.Shape[1]).Id], (0, FlatValue.Int32(1)));
                    break;
                case 3 when rows > 1 && rows <= 8:
                    b.Operator(
                        Schema.Builtin.Split, [b.Int32($"axis{i}", 0), id], [.. Enumerable.Range(0, rows).Select(_ => New(1, columns).Id)], (0, FlatValue.Int32(rows)));
                    break;
                case 8 when rows > 1 && rows <= 8:
                    int[] pieces = [.. Enumerable.Range(0, rows).Select(piece => b.Int8($"t{i}_{piece}", [columns], 0.25f, 3))];
                    b.Operator(Schema.Builtin.Unpack, [id], pieces, (0, FlatValue.Int32(rows)), (1, FlatValue.Int32(0)));
                    int stacked = b.Int8($"t{i}_stacked", [2, columns], 0.25f, 3);
                    b.Operator(Schema.Builtin.Pack, [draw.Of(pieces), draw.Of(pieces)], [stacked], (0, FlatValue.Int32(2)), (1, FlatValue.Int32(0)));
                    b.Operator(Schema.Builtin.Relu, [stacked], [New(2, columns).Id]);
                    break;
                case 4:
                    int begin = draw.Int(0, rows - 1), left = draw.Int(0, columns - 1), height = draw.Int(1, rows - begin), width = draw.Chance(2) ? columns - left : draw.Int(1, columns - left);
                    if (draw.Chance(2)) (left, width) = (0, columns);
                    b.Operator(Schema.Builtin.Slice, [id, b.Int32($"begin{i}", begin, left), b.Int32($"size{i}", height, width)], [New(height, width).Id]);
                    break;
                case 5:
                    int table = b.Int8($"t{i}_flat", [rows * columns], 0.25f, 3);
                    b.Operator(Schema.Builtin.Reshape, [id], [table]);
                    b.Operator(Schema.Builtin.Reshape, [table], [New(columns, rows).Id]);
                    break;
                case 6:
                    b.Operator(Schema.Builtin.Relu, [id], [New(rows, columns).Id]);
                    break;
                case 7:
                    (int Id, int[] Shape) added = draw.Of(same);
                    b.Operator(draw.Of(Schema.Builtin.Add, Schema.Builtin.Sub), [id, added.Id], [New(rows, columns).Id]);
                    break;
                default:
                    int size = draw.Int(1, 6);
                    Dense(b, id, New(rows, size).Id, columns, size);
                    break;
            }
        }

        int[] outputs = [all[^1].Id, .. draw.Chance(2) ? [draw.Of(all.ToArray()).Id] : Array.Empty<int>()];
        b.Ports(inputs, [.. outputs.Distinct().Where(id => !inputs.Contains(id))]);
        return b.Build();
    }
}
