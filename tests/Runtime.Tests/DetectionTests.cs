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
    public void Top_is_the_sorted_beginning()
    {
        var random = new Random(1);
        int[] top = new int[5];
        Assert.Equal(3, Scores.Top<sbyte>([4, -7, 4], top));
        Assert.Equal([0, 2, 1], top.Take(3));
        for (int round = 0; round < 200; round++)
        {
            sbyte[] scores = [.. Enumerable.Range(0, random.Next(30)).Select(_ => (sbyte)random.Next(-4, 4))];
            int count = Scores.Top<sbyte>(scores, top);
            Assert.Equal(Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]).Take(5), top.Take(count));
        }

        Assert.Equal(0, Scores.Top<float>([1, 2], []));
    }

    [Fact]
    public void Pixels_are_normalised_and_quantised()
    {
        byte[] pixels = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        sbyte[] input = new sbyte[256];
        Images.Quantize(pixels, input, 1f / 255, -128, mean: [0], deviation: [255]);
        Assert.Equal(pixels.Select(p => (sbyte)(p - 128)), input);

        // Red (255 − 127.5) / 127.5 = 1 → 1 / 0.02; green (0 − 100) / 50 = −2; blue 30 / 10 = 3, which is clamped.
        Images.Quantize([255, 0, 30], input, 0.02f, 5, mean: [127.5f, 100, 0], deviation: [127.5f, 50, 10]);
        Assert.Equal([55, -95, 127], input.Take(3));
    }

    [Fact]
    public void Spans_that_do_not_fit_are_refused()
    {
        Assert.Throws<ArgumentException>("rows", () => Detections.FromYoloRows(new float[7], 1, 1, 0, []));
        Assert.Throws<ArgumentException>("grid", () => Detections.FromYoloGrid(new float[6 * 3], 2, 1, 32, Anchors, 0, []));
        Assert.Throws<ArgumentException>("anchors", () => Detections.FromYoloGrid(new float[6], 1, 1, 32, [1], 0, []));
        Assert.Throws<ArgumentException>(() => Detections.FromSsd(new float[4], new float[3], new float[8], 0, 0, []));
        Assert.Throws<ArgumentOutOfRangeException>("firstClass", () => Detections.FromSsd(new float[4], new float[3], new float[4], 3, 0, []));
        Assert.Throws<ArgumentException>("mean", () => Images.Quantize(new byte[4], new sbyte[4], 1, 0, [0, 0, 0], [1, 1, 1]));
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        float[] rows = new float[600], grid = new float[5 * 4 * 18], offsets = new float[400], scores = new float[300];
        Array.Fill(rows, 1);
        Array.Fill(scores, 1);
        var found = new Detection[40];
        byte[] pixels = new byte[300];
        sbyte[] input = new sbyte[300];
        int[] top = new int[5];
        int boxes = 0;
        void Run()
        {
            boxes += Detections.FromYoloRows(rows, 1, 1, 0.1f, found);
            boxes += Detections.FromYoloGrid(grid, 5, 1, 32, Anchors, 0.1f, found);
            boxes += Detections.FromSsd(offsets, scores, offsets, 1, 0.1f, found);
            boxes += Detections.Suppress(found, 0.45f);
            Scores.Top<float>(scores, top);
            Images.Quantize(pixels, input, 1f / 255, -128, [0, 0, 0], [255, 255, 255]);
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
