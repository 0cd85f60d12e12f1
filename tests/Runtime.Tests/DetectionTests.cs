using System;
using System.Collections.Generic;
using System.Linq;
using Xunit;

namespace Etch.Tests;

/// <summary>Boxes from the outputs of detection models, by hand and against a plain statement of the same formulas.</summary>
public sealed class DetectionTests
{
    private static readonly float[] Anchors = [14, 26, 19, 37, 28, 55];

    [Fact]
    public void A_row_is_a_box_around_its_center()
    {
        var found = new Detection[4];
        float[] rows =
        [
            50, 40, 20, 10, 80, 10, 90,
            50, 40, 20, 10, 40, 10, 90,
        ];
        Assert.Equal(1, Detections.FromYoloRows(rows, classes: 2, scoreUnit: 100, threshold: 0.5f, found));
        AssertNear(new Detection(40, 35, 60, 45, 1, 0.72f), found[0]);
    }

    [Fact]
    public void A_cell_is_a_box_around_a_point_inside_it()
    {
        // Two cells of 32 pixels side by side with one box each; the sigmoid of 0 is 1/2, e^(ln 2) is 2.
        var found = new Detection[4];
        float[] grid =
        [
            0, 0, 0, 0, -9, 0,
            0, 0, 0, MathF.Log(2), 0, 0,
        ];
        Assert.Equal(1, Detections.FromYoloGrid(grid, gridWidth: 2, classes: 1, stride: 32, anchors: [10, 20], threshold: 0.2f, found));
        AssertNear(new Detection(43, -4, 53, 36, 0, 0.25f), found[0]);
    }

    [Fact]
    public void An_offset_moves_and_scales_a_prior_box()
    {
        var found = new Detection[4];
        float[] priors = [0.5f, 0.5f, 0.2f, 0.4f, 0.5f, 0.5f, 1, 1], offsets = [1, -1, 0, 5 * MathF.Log(2), 0, 0, 0, 0], scores = [0.1f, 0.2f, 0.7f, 0.9f, 0.1f, 0];
        Assert.Equal(1, Detections.FromSsd(offsets, scores, priors, firstClass: 1, threshold: 0.3f, found));
        AssertNear(new Detection(0.06f, 0.42f, 0.86f, 0.62f, 2, 0.7f), found[0]);
        Assert.Equal(2, Detections.FromSsd(offsets, scores, priors, firstClass: 0, threshold: 0.3f, found));
        AssertNear(new Detection(0, 0, 1, 1, 0, 0.9f), found[1]);
    }

    [Fact]
    public void The_score_of_an_only_class_is_the_certainty()
    {
        var found = new Detection[4];
        Assert.Equal(1, Detections.FromYoloRows<float>([50, 40, 20, 10, 80, 0], classes: 1, scoreUnit: 100, threshold: 0.5f, found));
        AssertNear(new Detection(40, 35, 60, 45, 0, 0.8f), found[0]);
        Assert.Equal(0, Detections.FromYoloRows<float>([50, 40, 20, 10, 80, 0, 0], classes: 2, scoreUnit: 100, threshold: 0.5f, found));
    }

    [Fact]
    public void Priors_are_those_of_the_paper()
    {
        // Four cells with three boxes and one with six: sizes 0.2 and 0.95, the root of 2 is 1.41421, that of 3 is 1.73205, that of 0.95 is 0.974679.
        float[] priors = new float[4 * 18];
        Detections.SsdPriors([2, 1], priors);
        float[] first = [0.25f, 0.25f, 0.1f, 0.1f, 0.25f, 0.25f, 0.141421f, 0.282843f, 0.25f, 0.25f, 0.282843f, 0.141421f, 0.25f, 0.75f, 0.1f, 0.1f];
        float[] last =
        [
            0.5f, 0.5f, 0.95f, 0.95f, 0.5f, 0.5f, 0.671751f, 1.343503f, 0.5f, 0.5f, 1.343503f, 0.671751f,
            0.5f, 0.5f, 0.548483f, 1.645448f, 0.5f, 0.5f, 1.645448f, 0.548483f, 0.5f, 0.5f, 0.974679f, 0.974679f,
        ];
        for (int i = 0; i < first.Length; i++) Assert.Equal(first[i], priors[i], 1e-5f);
        for (int i = 0; i < last.Length; i++) Assert.Equal(last[i], priors[48 + i], 1e-5f);
        Detections.SsdPriors([20, 10, 5, 3, 2, 1], new float[4 * 2034]);

        // A single grid: the box between its size and 1 is not among its three.
        Detections.SsdPriors([1], priors.AsSpan(0, 12), minScale: 0.3f);
        Assert.Equal(0.3f * MathF.Sqrt(2), priors[7], 1e-5f);
    }

    [Fact]
    public void A_face_has_a_box_and_points_around_the_middle_of_its_cell()
    {
        // Two cells of 8 pixels side by side with one box of one point each; the second cell's middle is (12, 4).
        float[] offsets = [9, 9, 9, 9, 9, 9, 1, -2, 6, 8, 0.5f, 1], scores = [-3, 0];
        var found = new Detection[2];
        Assert.Equal(1, Detections.FromBlazeFace<float>(offsets, scores, gridWidth: 2, boxesPerCell: 1, stride: 8, threshold: 0.4f, found, firstBox: 10));
        AssertNear(new Detection(10, -2, 16, 6, 0, 0.5f), found[0]);
        Assert.Equal(11, found[0].Box);
        Assert.Equal((12.5f, 5f), Detections.BlazeFacePoint<float>(offsets, box: 1, point: 0, gridWidth: 2, boxesPerCell: 1, stride: 8, points: 1));

        // With two boxes in each cell they are the two of one cell, whose middle is (4, 4).
        Assert.Equal((4.5f, 5f), Detections.BlazeFacePoint<float>(offsets, box: 1, point: 0, gridWidth: 1, boxesPerCell: 2, stride: 8, points: 1));
    }

    [Fact]
    public void Cells_that_touch_are_one_object()
    {
        // Background and two classes; a letter is a cell of a class: a cell touches at corners, a class does not touch another.
        string[] rows = ["a..b", ".a.a", "....", "b..b"];
        float[] grid = [.. rows.SelectMany(row => row).SelectMany(c => new[] { 0.1f, c == 'a' ? 0.7f : 0.2f, c == 'b' ? 0.6f : 0.1f })];
        grid[(5 * 3) + 1] = 0.9f;
        var found = new Detection[8];
        int count = Detections.FromCells<float>(grid, gridWidth: 4, classes: 3, stride: 8, threshold: 0.5f, found);
        Detection[] sorted = [.. found.Take(count).OrderBy(d => d.Label).ThenBy(d => d.Top).ThenBy(d => d.Left)];
        Detection[] expected =
        [
            new(0, 0, 16, 16, 1, 0.9f, 5), new(24, 8, 32, 16, 1, 0.7f, 7), new(24, 0, 32, 8, 2, 0.6f, 3), new(0, 24, 8, 32, 2, 0.6f, 12), new(24, 24, 32, 32, 2, 0.6f, 15),
        ];
        Assert.Equal(expected, sorted);
        Assert.Equal((8f, 8f), (sorted[0].CenterX, sorted[0].CenterY));
    }

    [Fact]
    public void A_cell_joins_what_it_touches_on_both_sides()
    {
        // The two ends of a V are apart until its tip comes.
        string[] rows = ["a...a", ".a.a.", "..a.."];
        float[] grid = [.. rows.SelectMany(row => row).SelectMany(c => new[] { 0, c == 'a' ? 1f : 0 })];
        var found = new Detection[8];
        Assert.Equal(1, Detections.FromCells<float>(grid, gridWidth: 5, classes: 2, stride: 1, threshold: 0.5f, found));
        Assert.Equal(new Detection(0, 0, 5, 3, 1, 1, 0), found[0] with { Box = 0 });
    }

    [Fact]
    public void Stored_outputs_give_what_their_real_values_give()
    {
        var random = new Random(7);
        float[] priors = new float[4 * 18];
        Detections.SsdPriors([2, 1], priors);
        for (int round = 0; round < 20; round++)
        {
            float scale = random.NextSingle() / 20, other = 1f / 256;
            int zero = random.Next(-20, 20);
            sbyte[] Draw(int length) => [.. Enumerable.Range(0, length).Select(_ => (sbyte)random.Next(-128, 128))];
            float[] Real(sbyte[] stored, float unit, int origin)
            {
                float[] real = new float[stored.Length];
                Affine.Dequantize(stored, real, unit, origin);
                return real;
            }

            sbyte[] rows = Draw(70), grid = Draw(4 * 3 * 14), offsets = Draw(72), scores = Draw(54), cells = Draw(4 * 3 * 3), faces = Draw(8 * 10), logits = Draw(8);
            Same(
                found => Detections.FromYoloRows(rows, 2, 1, 0.2f, found, scale, zero),
                found => Detections.FromYoloRows(Real(rows, scale, zero), 2, 1, 0.2f, found));
            Same(
                found => Detections.FromYoloGrid(grid, 4, 9, 8, [10, 20], 0.2f, found, scale, zero),
                found => Detections.FromYoloGrid(Real(grid, scale, zero), 4, 9, 8, [10, 20], 0.2f, found));
            Same(
                found => Detections.FromSsd(offsets, scores, priors, 1, 0.3f, found, scale, zero, other, -128),
                found => Detections.FromSsd(Real(offsets, scale, zero), Real(scores, other, -128), priors, 1, 0.3f, found));
            Same(
                found => Detections.FromBlazeFace(faces, logits, 2, 2, 16, 0.3f, found, 0, scale, zero, other, 3),
                found => Detections.FromBlazeFace(Real(faces, scale, zero), Real(logits, other, 3), 2, 2, 16, 0.3f, found));
            Same(found => Detections.FromCells(cells, 4, 3, 8, 0.8f, found, other, -128), found => Detections.FromCells(Real(cells, other, -128), 4, 3, 8, 0.8f, found));
            Assert.Equal(
                Detections.BlazeFacePoint(Real(faces, scale, zero), 5, 1, 2, 2, 16, 3), Detections.BlazeFacePoint(faces, 5, 1, 2, 2, 16, 3, scale, zero));
        }

        static void Same(Func<Detection[], int> stored, Func<Detection[], int> real)
        {
            Detection[] first = new Detection[40], second = new Detection[40];
            Assert.Equal(real(second), stored(first));
            Assert.Equal(second, first);
            Assert.NotEqual(default, first[0]);
        }
    }

    [Fact]
    public void Overlap_is_the_common_area_over_the_covered_one()
    {
        var box = new Detection(0, 0, 10, 10, 0, 1);
        Assert.Equal(1, box.Overlap(box));
        Assert.Equal(50f / 150, box.Overlap(box with { Left = 5, Right = 15 }));
        Assert.Equal(0, box.Overlap(box with { Left = 10, Right = 20 }));
        Assert.Equal(0, box.Overlap(box with { Right = 0 }));
        Assert.Equal(0, box.Overlap(box with { Left = float.NaN }));
    }

    [Fact]
    public void The_best_of_overlapping_boxes_of_a_class_stays()
    {
        var box = new Detection(0, 0, 10, 10, 0, 0.5f);
        Detection shifted = box with { Left = 1, Right = 11, Score = 0.9f }, far = box with { Left = 40, Right = 50, Score = 0.6f }, other = box with { Label = 1 };
        Detection[] found = [box, far, shifted, other];
        Assert.Equal(3, Detections.Suppress(found, 0.45f));
        Assert.Equal([shifted, far, other], found.Take(3));
    }

    [Fact]
    public void A_full_span_keeps_the_best()
    {
        float[] rows = [.. new[] { 0.3f, 0.9f, 0.2f, 0.8f, 0.4f }.SelectMany((score, i) => new[] { 100f * i, 0, 10, 10, score, 1 })];
        var found = new Detection[2];
        Assert.Equal(2, Detections.FromYoloRows(rows, 1, 1, 0.1f, found));
        Assert.Equal(2, Detections.Suppress(found, 0.5f));
        Assert.Equal([0.9f, 0.8f], found.Select(d => d.Score));
        Assert.Equal(0, Detections.FromYoloRows(rows, 1, 1, 0.1f, []));
    }

    [Theory]
    [InlineData(6, 6, 1, 32)]
    [InlineData(5, 4, 3, 16)]
    public void Grids_are_the_plain_formula(int width, int height, int classes, int stride)
    {
        var random = new Random(width);
        float[] grid = [.. Enumerable.Range(0, width * height * 3 * (5 + classes)).Select(_ => (random.NextSingle() * 6) - 3)];
        var expected = new List<Detection>();
        for (int row = 0; row < height; row++)
        for (int column = 0; column < width; column++)
        for (int a = 0; a < 3; a++)
        {
            float[] v = [.. grid.Skip(((((row * width) + column) * 3) + a) * (5 + classes)).Take(5 + classes)];
            double[] s = [.. v.Select(x => 1 / (1 + Math.Exp(-x)))];
            double best = s.Skip(5).Max(), x = (column + s[0]) * stride, y = (row + s[1]) * stride, w = Math.Exp(v[2]) * Anchors[2 * a], h = Math.Exp(v[3]) * Anchors[(2 * a) + 1];
            if (s[4] * best < 0.3) continue;
            expected.Add(new((float)(x - (w / 2)), (float)(y - (h / 2)), (float)(x + (w / 2)), (float)(y + (h / 2)), Array.IndexOf(s, best, 5) - 5, (float)(s[4] * best)));
        }

        var found = new Detection[grid.Length];
        int count = Detections.FromYoloGrid(grid, width, classes, stride, Anchors, 0.3f, found);
        Assert.NotEmpty(expected);
        Assert.Equal(expected.Count, count);
        for (int i = 0; i < count; i++) AssertNear(expected[i], found[i]);
    }

    [Fact]
    public void Suppression_is_the_plain_search()
    {
        var random = new Random(1);
        for (int round = 0; round < 200; round++)
        {
            // Few places and scores, so that there are ties.
            Detection[] boxes =
            [
                .. Enumerable.Range(0, random.Next(40)).Select(_ => (Left: random.Next(12), Top: random.Next(12)))
                    .Select(p => new Detection(p.Left, p.Top, p.Left + random.Next(1, 9), p.Top + random.Next(1, 9), random.Next(2), random.Next(6) / 5f)),
            ];
            var expected = new List<Detection>();
            foreach (Detection box in boxes.OrderByDescending(b => b.Score))
            {
                if (!expected.Any(k => k.Label == box.Label && k.Overlap(box) > 0.3f)) expected.Add(box);
            }

            int kept = Detections.Suppress(boxes, 0.3f);
            Assert.Equal(expected, boxes.Take(kept));
        }
    }

    [Fact]
    public void Spans_that_do_not_fit_are_refused()
    {
        Assert.Throws<ArgumentException>("rows", () => Detections.FromYoloRows(new float[7], 1, 1, 0, []));
        Assert.Throws<ArgumentException>("grid", () => Detections.FromYoloGrid(new float[6 * 3], 2, 1, 32, Anchors, 0, []));
        Assert.Throws<ArgumentException>("anchors", () => Detections.FromYoloGrid(new float[6], 1, 1, 32, [1], 0, []));
        Assert.Throws<ArgumentException>(() => Detections.FromSsd(new float[4], new float[3], new float[8], 0, 0, []));
        Assert.Throws<ArgumentOutOfRangeException>("firstClass", () => Detections.FromSsd(new float[4], new float[3], new float[4], 3, 0, []));
        Assert.Throws<ArgumentException>("grids", () => Detections.SsdPriors([], []));
        Assert.Throws<ArgumentException>("grids", () => Detections.SsdPriors([2, 0], new float[48]));
        Assert.Throws<ArgumentException>("priors", () => Detections.SsdPriors([2], new float[47]));
        Assert.Throws<ArgumentException>("scores", () => Detections.FromBlazeFace<float>(new float[12], new float[3], 2, 1, 8, 0, []));
        Assert.Throws<ArgumentException>("offsets", () => Detections.FromBlazeFace<float>(new float[6], new float[2], 2, 1, 8, 0, []));
        Assert.Throws<ArgumentOutOfRangeException>("box", () => Detections.BlazeFacePoint<float>(new float[32], 2, 0, 2, 1, 8));
        Assert.Throws<ArgumentOutOfRangeException>("point", () => Detections.BlazeFacePoint<float>(new float[32], 0, 6, 2, 1, 8));
        Assert.Throws<ArgumentException>("grid", () => Detections.FromCells<float>(new float[5], 2, 2, 8, 0, []));
        Assert.Throws<ArgumentOutOfRangeException>("classes", () => Detections.FromCells<float>(new float[4], 2, 1, 8, 0, []));
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        sbyte[] rows = new sbyte[600], grid = new sbyte[5 * 4 * 18], offsets = new sbyte[4 * 2034], scores = new sbyte[3 * 2034];
        Array.Fill(rows, (sbyte)1);
        Array.Fill(scores, (sbyte)1);
        float[] priors = new float[4 * 2034];
        var found = new Detection[40];
        int boxes = 0;
        void Run()
        {
            boxes += Detections.FromYoloRows<sbyte>(rows, 1, 1, 0.1f, found);
            boxes += Detections.FromYoloGrid<sbyte>(grid, 5, 1, 32, Anchors, 0.1f, found);
            Detections.SsdPriors([20, 10, 5, 3, 2, 1], priors);
            boxes += Detections.FromSsd<sbyte>(offsets, scores, priors, 1, 0.1f, found);
            boxes += Detections.FromBlazeFace<sbyte>(offsets, scores.AsSpan(0, 8), 2, 2, 8, 0.1f, found);
            boxes += (int)Detections.BlazeFacePoint<sbyte>(offsets, 1, 1, 2, 2, 8).X;
            boxes += Detections.FromCells<sbyte>(scores, 1, 3, 8, 0.1f, found);
            boxes += Detections.Suppress(found, 0.45f);
        }

        Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 5; i++) Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(boxes > 0);
    }

    private static void AssertNear(Detection expected, Detection actual)
    {
        Assert.Equal(expected.Label, actual.Label);
        Assert.Equal(expected.Score, actual.Score, 1e-5f);
        Assert.Equal(expected.Left, actual.Left, 1e-3f);
        Assert.Equal(expected.Top, actual.Top, 1e-3f);
        Assert.Equal(expected.Right, actual.Right, 1e-3f);
        Assert.Equal(expected.Bottom, actual.Bottom, 1e-3f);
    }
}
