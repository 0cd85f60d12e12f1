using System;
using System.Numerics;

namespace Etch;

/// <summary>A box that a detection model found.</summary>
/// <param name="Left">The left edge, in the units of what decoded it: pixels of the model's input, or parts of its width.</param>
/// <param name="Top">The upper edge.</param>
/// <param name="Right">The right edge.</param>
/// <param name="Bottom">The lower edge.</param>
/// <param name="Label">The class: an index into the model's labels.</param>
/// <param name="Score">How sure the model is, 0 to 1.</param>
/// <param name="Box">Which of the output's boxes it was, counted from 0 in the output's order.</param>
public readonly record struct Detection(float Left, float Top, float Right, float Bottom, int Label, float Score, int Box = 0)
{
    /// <summary>The middle between left and right.</summary>
    public float CenterX => (Left + Right) / 2;

    /// <summary>The middle between top and bottom.</summary>
    public float CenterY => (Top + Bottom) / 2;

    /// <summary>The area that both boxes share, divided by the area that they cover together: 0 to 1; 0 where they cover nothing.</summary>
    public float Overlap(Detection other)
    {
        float width = MathF.Min(Right, other.Right) - MathF.Max(Left, other.Left);
        float height = MathF.Min(Bottom, other.Bottom) - MathF.Max(Top, other.Top);
        if (!(width > 0 && height > 0)) return 0;
        float common = width * height;
        return common / (((Right - Left) * (Bottom - Top)) + ((other.Right - other.Left) * (other.Bottom - other.Top)) - common);
    }
}

/// <summary>What follows a detection model: boxes from its outputs, and of boxes that overlap the best.</summary>
/// <remarks>
/// Nothing is allocated: the boxes go into the caller's span. Where it is full the least certain box gives way, so a span of a
/// few dozen elements is enough. Outputs are the model's own, int8, uint8 or float; of stored ones the scale and the zero point say
/// what they stand for, as the constants of the generated class have them, and only what a box needs is made real. The index of the
/// class with the highest score is the label; of equal ones the first.
/// </remarks>
public static class Detections
{
    // TensorFlow's SSD stores centers in tenths and logarithms of sizes in fifths of the prior box.
    private const float CenterUnit = 10, SizeUnit = 5;

    // Of a BlazeFace box: center x, center y, width, height, before its points.
    private const int BoxValues = 4;

    /// <summary>Decodes an output whose rows are boxes, as YOLOv5 exports them: [boxes, 5 + classes].</summary>
    /// <param name="rows">Each row: center x, center y, width, height, certainty that there is an object, one score for each class.</param>
    /// <param name="classes">At least 1.</param>
    /// <param name="scoreUnit">The value that certainty and scores have at most: 1, or 100 where they are percentages.</param>
    /// <param name="threshold">The least score, from 0 to 1: certainty times that of the class. With a single class it is the
    /// certainty alone, since training does not touch the score of an only class.</param>
    /// <param name="detections">Receives the boxes, in the units of the rows.</param>
    /// <param name="scale">The output's scale; 1 for an output of real values.</param>
    /// <param name="zeroPoint">The output's zero point; 0 for an output of real values.</param>
    /// <returns>How many boxes are in <paramref name="detections"/>.</returns>
    /// <exception cref="ArgumentException">The output is no whole number of rows.</exception>
    public static int FromYoloRows<T>(
        ReadOnlySpan<T> rows, int classes, float scoreUnit, float threshold, Span<Detection> detections, float scale = 1, int zeroPoint = 0)
        where T : unmanaged, INumber<T>
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        int width = 5 + classes, count = 0;
        if (rows.Length % width != 0) throw new ArgumentException($"{rows.Length} elements are no rows of {width}.", nameof(rows));
        for (int at = 0; at < rows.Length; at += width)
        {
            ReadOnlySpan<T> row = rows.Slice(at, width);
            float score = Real(row[4], scale, zeroPoint) / scoreUnit;
            if (!(score >= threshold)) continue;
            int label = Best(row.Slice(5));
            if (classes > 1) score *= Real(row[5 + label], scale, zeroPoint) / scoreUnit;
            if (!(score >= threshold)) continue;
            Add(
                FromCenter(
                    Real(row[0], scale, zeroPoint), Real(row[1], scale, zeroPoint), Real(row[2], scale, zeroPoint), Real(row[3], scale, zeroPoint),
                    label, score, at / width),
                detections, ref count);
        }

        return count;
    }

    /// <summary>Decodes one output of YOLOv3 and YOLO-Fastest: a grid of cells with several boxes each,
    /// [1, height, width, boxes · (5 + classes)].</summary>
    /// <param name="grid">For each cell and each anchor: x, y, width, height, certainty, one score for each class, before
    /// their sigmoid or exponential.</param>
    /// <param name="gridWidth">Cells in a row.</param>
    /// <param name="classes">At least 1.</param>
    /// <param name="stride">Pixels of the model's input from cell to cell: its width divided by <paramref name="gridWidth"/>.</param>
    /// <param name="anchors">Width and height in pixels of each of a cell's boxes, as the model was trained with.</param>
    /// <param name="threshold">The least score, certainty times that of the class, from 0 to 1.</param>
    /// <param name="detections">Receives the boxes, in pixels of the model's input.</param>
    /// <param name="scale">The output's scale; 1 for an output of real values.</param>
    /// <param name="zeroPoint">The output's zero point; 0 for an output of real values.</param>
    /// <returns>How many boxes are in <paramref name="detections"/>.</returns>
    /// <remarks>YOLOv3 (Redmon and Farhadi 2018), 2.1: center = (cell + sigmoid(x)) · stride, width = anchor · e^width.</remarks>
    /// <exception cref="ArgumentException">The output is no whole number of the grid's rows, or there are no pairs of anchors.</exception>
    public static int FromYoloGrid<T>(
        ReadOnlySpan<T> grid, int gridWidth, int classes, float stride, ReadOnlySpan<float> anchors, float threshold,
        Span<Detection> detections, float scale = 1, int zeroPoint = 0)
        where T : unmanaged, INumber<T>
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(gridWidth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        if (anchors.Length == 0 || anchors.Length % 2 != 0) throw new ArgumentException("Anchors are pairs of numbers.", nameof(anchors));
        int boxes = anchors.Length / 2, width = 5 + classes, count = 0;
        CheckRows(grid.Length, gridWidth, boxes, width, nameof(grid));
        for (int at = 0, box = 0; at < grid.Length; at += width, box++)
        {
            ReadOnlySpan<T> values = grid.Slice(at, width);
            float certainty = Sigmoid(Real(values[4], scale, zeroPoint));
            if (!(certainty >= threshold)) continue;
            int cell = box / boxes, anchor = box % boxes * 2, label = Best(values.Slice(5));
            float score = certainty * Sigmoid(Real(values[5 + label], scale, zeroPoint));
            if (!(score >= threshold)) continue;
            float x = ((cell % gridWidth) + Sigmoid(Real(values[0], scale, zeroPoint))) * stride;
            float y = ((cell / gridWidth) + Sigmoid(Real(values[1], scale, zeroPoint))) * stride;
            float boxWidth = anchors[anchor] * MathF.Exp(Real(values[2], scale, zeroPoint));
            float boxHeight = anchors[anchor + 1] * MathF.Exp(Real(values[3], scale, zeroPoint));
            Add(FromCenter(x, y, boxWidth, boxHeight, label, score, box), detections, ref count);
        }

        return count;
    }

    /// <summary>Decodes the two outputs of an SSD without its post-processing: offsets from prior boxes, and scores.</summary>
    /// <param name="offsets">[boxes, 4]: y, x, height, width, in tenths and fifths as TensorFlow has them (scales 10, 10, 5, 5).</param>
    /// <param name="scores">[boxes, classes], from 0 to 1.</param>
    /// <param name="priors">[boxes, 4]: center y, center x, height, width of each prior box, for example from <see cref="SsdPriors"/>.</param>
    /// <param name="firstClass">The first class that is an object: 1 where class 0 is the background.</param>
    /// <param name="threshold">The least score.</param>
    /// <param name="detections">Receives the boxes, in the units of the priors.</param>
    /// <param name="offsetScale">The scale of the offsets; 1 for real values.</param>
    /// <param name="offsetZeroPoint">The zero point of the offsets; 0 for real values.</param>
    /// <param name="scoreScale">The scale of the scores; 1 for real values.</param>
    /// <param name="scoreZeroPoint">The zero point of the scores; 0 for real values.</param>
    /// <returns>How many boxes are in <paramref name="detections"/>.</returns>
    /// <remarks>DecodeCenterSizeBoxes of TFLite's detection_postprocess.cc.</remarks>
    /// <exception cref="ArgumentException">The spans do not belong to one number of boxes.</exception>
    public static int FromSsd<T>(
        ReadOnlySpan<T> offsets, ReadOnlySpan<T> scores, ReadOnlySpan<float> priors, int firstClass, float threshold,
        Span<Detection> detections, float offsetScale = 1, int offsetZeroPoint = 0, float scoreScale = 1, int scoreZeroPoint = 0)
        where T : unmanaged, INumber<T>
    {
        int boxes = priors.Length / 4, count = 0;
        if (boxes == 0 || priors.Length % 4 != 0 || offsets.Length != priors.Length || scores.Length % boxes != 0)
        {
            throw new ArgumentException(
                $"{offsets.Length} offsets, {scores.Length} scores and {priors.Length} numbers of priors do not belong to one number of boxes.");
        }

        int classes = scores.Length / boxes;
        if (firstClass < 0 || firstClass >= classes) throw new ArgumentOutOfRangeException(nameof(firstClass));
        for (int box = 0; box < boxes; box++)
        {
            ReadOnlySpan<T> own = scores.Slice(box * classes, classes);
            int label = firstClass + Best(own.Slice(firstClass));
            float score = Real(own[label], scoreScale, scoreZeroPoint);
            if (!(score >= threshold)) continue;
            ReadOnlySpan<T> offset = offsets.Slice(box * 4, 4);
            ReadOnlySpan<float> prior = priors.Slice(box * 4, 4);
            float y = (Real(offset[0], offsetScale, offsetZeroPoint) / CenterUnit * prior[2]) + prior[0];
            float x = (Real(offset[1], offsetScale, offsetZeroPoint) / CenterUnit * prior[3]) + prior[1];
            float height = MathF.Exp(Real(offset[2], offsetScale, offsetZeroPoint) / SizeUnit) * prior[2];
            float width = MathF.Exp(Real(offset[3], offsetScale, offsetZeroPoint) / SizeUnit) * prior[3];
            Add(FromCenter(x, y, width, height, label, score, box), detections, ref count);
        }

        return count;
    }

    /// <summary>The prior boxes with which TensorFlow's object detection trains an SSD on several square grids.</summary>
    /// <param name="grids">Cells in a row of each grid, the finest first: 20, 10, 5, 3, 2, 1 for an input of 320 × 320 pixels.</param>
    /// <param name="priors">Receives [boxes, 4]: center y, center x, height, width, as parts of the image. Three boxes for each cell of the
    /// first grid, six for each cell of the others.</param>
    /// <param name="minScale">The size of a box of the first grid.</param>
    /// <param name="maxScale">The size of a box of the last grid.</param>
    /// <remarks>
    /// SSD (Liu and others 2016), 2.2, with the aspect ratios 1, 2, 1/2, 3, 1/3 and a box between two grids' sizes; the first grid
    /// has a box of size 0.1 and those of the ratios 2 and 1/2, which TensorFlow calls reduced.
    /// </remarks>
    /// <exception cref="ArgumentException">There is no grid, a grid has no cell, or <paramref name="priors"/> has another length.</exception>
    public static void SsdPriors(ReadOnlySpan<int> grids, Span<float> priors, float minScale = 0.2f, float maxScale = 0.95f)
    {
        long length = 0;
        for (int g = 0; g < grids.Length; g++)
        {
            if (grids[g] < 1) throw new ArgumentException("A grid has at least one cell.", nameof(grids));
            length += 4L * (g == 0 ? 3 : 6) * grids[g] * grids[g];
        }

        if (length == 0) throw new ArgumentException("There is no grid.", nameof(grids));
        if (priors.Length != length) throw new ArgumentException($"The priors of these grids are {length} numbers, not {priors.Length}.", nameof(priors));
        ReadOnlySpan<float> ratios = [1, 2, 0.5f, 3, 1f / 3];
        for (int g = 0, at = 0; g < grids.Length; g++)
        {
            float size = Size(g, grids.Length, minScale, maxScale), next = Size(g + 1, grids.Length, minScale, maxScale);
            for (int cell = 0; cell < grids[g] * grids[g]; cell++)
            {
                float y = ((cell / grids[g]) + 0.5f) / grids[g], x = ((cell % grids[g]) + 0.5f) / grids[g];
                for (int box = 0; box < (g == 0 ? 3 : 6); box++, at += 4)
                {
                    float own = g == 0 && box == 0 ? 0.1f : box == ratios.Length ? MathF.Sqrt(size * next) : size;
                    float stretch = MathF.Sqrt(box == ratios.Length ? 1 : ratios[box]);
                    (priors[at], priors[at + 1], priors[at + 2], priors[at + 3]) = (y, x, own / stretch, own * stretch);
                }
            }
        }

        static float Size(int grid, int grids, float min, float max) =>
            grid == grids ? 1 : grids == 1 ? min : min + ((max - min) * grid / (grids - 1));
    }

    /// <summary>Decodes a pair of BlazeFace's outputs: offsets with the points of a face, and scores, for one grid of cells.</summary>
    /// <param name="offsets">[boxes, 4 + 2 · points]: x, y, width, height, then x and y of each point; in pixels of the input, places from the
    /// middle of the cell.</param>
    /// <param name="scores">[boxes], before their sigmoid.</param>
    /// <param name="gridWidth">Cells in a row.</param>
    /// <param name="boxesPerCell">Boxes that each cell has.</param>
    /// <param name="stride">Pixels of the model's input from cell to cell.</param>
    /// <param name="threshold">The least score, from 0 to 1.</param>
    /// <param name="detections">Receives the boxes, in pixels of the model's input.</param>
    /// <param name="firstBox">The number of the grid's first box, so that boxes of several grids have different ones.</param>
    /// <param name="offsetScale">The scale of the offsets; 1 for real values.</param>
    /// <param name="offsetZeroPoint">The zero point of the offsets; 0 for real values.</param>
    /// <param name="scoreScale">The scale of the scores; 1 for real values.</param>
    /// <param name="scoreZeroPoint">The zero point of the scores; 0 for real values.</param>
    /// <returns>How many boxes are in <paramref name="detections"/>; <see cref="BlazeFacePoint"/> has the points of each.</returns>
    /// <remarks>BlazeFace (Bazarevsky and others 2019) with MediaPipe's prior boxes, which have one size: they are only places.</remarks>
    /// <exception cref="ArgumentException">The spans do not belong to one number of boxes, or to no whole number of the grid's rows.</exception>
    public static int FromBlazeFace<T>(
        ReadOnlySpan<T> offsets, ReadOnlySpan<T> scores, int gridWidth, int boxesPerCell, float stride, float threshold,
        Span<Detection> detections, int firstBox = 0, float offsetScale = 1, int offsetZeroPoint = 0, float scoreScale = 1, int scoreZeroPoint = 0)
        where T : unmanaged, INumber<T>
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(gridWidth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(boxesPerCell, 1);
        CheckRows(scores.Length, gridWidth, boxesPerCell, 1, nameof(scores));
        if (scores.Length == 0 || offsets.Length % scores.Length != 0 || offsets.Length / scores.Length < BoxValues)
        {
            throw new ArgumentException($"{offsets.Length} offsets do not belong to {scores.Length} boxes.", nameof(offsets));
        }

        int width = offsets.Length / scores.Length, count = 0;
        for (int box = 0; box < scores.Length; box++)
        {
            float score = Sigmoid(Real(scores[box], scoreScale, scoreZeroPoint));
            if (!(score >= threshold)) continue;
            ReadOnlySpan<T> offset = offsets.Slice(box * width, width);
            (float x, float y) = FromCell(offset[0], offset[1], box / boxesPerCell, gridWidth, stride, offsetScale, offsetZeroPoint);
            Add(
                FromCenter(
                    x, y, Real(offset[2], offsetScale, offsetZeroPoint), Real(offset[3], offsetScale, offsetZeroPoint), 0, score, firstBox + box),
                detections, ref count);
        }

        return count;
    }

    /// <summary>One point of a face that BlazeFace found: 0 and 1 its eyes, 2 the nose, 3 the mouth, 4 and 5 the ears.</summary>
    /// <param name="offsets">As for <see cref="FromBlazeFace"/>, and so the other parameters.</param>
    /// <param name="box"><see cref="Detection.Box"/>, less the number of the grid's first box.</param>
    /// <param name="point">From 0 on.</param>
    /// <param name="gridWidth">Cells in a row.</param>
    /// <param name="boxesPerCell">Boxes that each cell has.</param>
    /// <param name="stride">Pixels of the model's input from cell to cell.</param>
    /// <param name="points">Points that each box has.</param>
    /// <param name="scale">The scale of the offsets; 1 for real values.</param>
    /// <param name="zeroPoint">The zero point of the offsets; 0 for real values.</param>
    /// <returns>The place in pixels of the model's input.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such box or point.</exception>
    public static (float X, float Y) BlazeFacePoint<T>(
        ReadOnlySpan<T> offsets, int box, int point, int gridWidth, int boxesPerCell, float stride, int points = 6, float scale = 1, int zeroPoint = 0)
        where T : unmanaged, INumber<T>
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(gridWidth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(boxesPerCell, 1);
        if ((uint)point >= (uint)points) throw new ArgumentOutOfRangeException(nameof(point));
        int width = BoxValues + (2 * points);
        if (box < 0 || box >= offsets.Length / width) throw new ArgumentOutOfRangeException(nameof(box));
        ReadOnlySpan<T> place = offsets.Slice((box * width) + BoxValues + (2 * point), 2);
        return FromCell(place[0], place[1], box / boxesPerCell, gridWidth, stride, scale, zeroPoint);
    }

    /// <summary>Decodes an output of FOMO: a grid of cells with a score for each class, [1, height, width, classes].</summary>
    /// <param name="grid">Scores from 0 to 1; class 0 is the background.</param>
    /// <param name="gridWidth">Cells in a row.</param>
    /// <param name="classes">With the background, at least 2.</param>
    /// <param name="stride">Pixels of the model's input from cell to cell.</param>
    /// <param name="threshold">The least score of a cell.</param>
    /// <param name="detections">Receives an object for each group of cells, in pixels of the model's input. Such models are trained on the middles
    /// of objects: the middle of the box is the object's, its size says nothing.</param>
    /// <param name="scale">The output's scale; 1 for an output of real values.</param>
    /// <param name="zeroPoint">The output's zero point; 0 for an output of real values.</param>
    /// <returns>How many objects are in <paramref name="detections"/>.</returns>
    /// <remarks>Cells of a class that touch, also at a corner, are one object, and so are the rectangles around such cells; the highest score counts.</remarks>
    /// <exception cref="ArgumentException">The output is no whole number of the grid's rows.</exception>
    public static int FromCells<T>(
        ReadOnlySpan<T> grid, int gridWidth, int classes, float stride, float threshold, Span<Detection> detections, float scale = 1, int zeroPoint = 0)
        where T : unmanaged, INumber<T>
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(gridWidth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 2);
        CheckRows(grid.Length, gridWidth, 1, classes, nameof(grid));
        int count = 0;
        for (int cell = 0; cell < grid.Length / classes; cell++)
        {
            ReadOnlySpan<T> scores = grid.Slice(cell * classes, classes);
            int label = 1 + Best(scores.Slice(1));
            float score = Real(scores[label], scale, zeroPoint);
            if (!(score >= threshold)) continue;
            float left = cell % gridWidth * stride, top = cell / gridWidth * stride;
            var found = new Detection(left, top, left + stride, top + stride, label, score, cell);

            // What the new rectangle touches becomes part of it, which may then touch more.
            for (int i = 0; i < count; i++)
            {
                Detection other = detections[i];
                if (other.Label != label || other.Left > found.Right || other.Right < found.Left || other.Top > found.Bottom || other.Bottom < found.Top) continue;
                found = new Detection(
                    MathF.Min(found.Left, other.Left), MathF.Min(found.Top, other.Top), MathF.Max(found.Right, other.Right), MathF.Max(found.Bottom, other.Bottom),
                    label, MathF.Max(found.Score, other.Score), other.Score >= found.Score ? other.Box : found.Box);
                detections[i] = detections[--count];
                i = -1;
            }

            Add(found, detections, ref count);
        }

        return count;
    }

    /// <summary>Non-maximum suppression, class by class: the best box stays, those that overlap it too much go, and so on.</summary>
    /// <param name="detections">The boxes; afterwards those that stay come first, the best one at the very front.</param>
    /// <param name="maxOverlap">Boxes of one class with a larger <see cref="Detection.Overlap"/> are one object; 0.45 is usual.</param>
    /// <returns>How many boxes stay.</returns>
    public static int Suppress(Span<Detection> detections, float maxOverlap)
    {
        int kept = 0;
        for (int count = detections.Length; kept < count;)
        {
            // Of equal scores the earlier box comes first: those before the best one move up, in their order.
            int best = kept;
            for (int i = kept + 1; i < count; i++)
            {
                if (detections[i].Score > detections[best].Score) best = i;
            }

            Detection chosen = detections[best];
            detections.Slice(kept, best - kept).CopyTo(detections.Slice(kept + 1));
            detections[kept++] = chosen;
            int stays = kept;
            for (int i = kept; i < count; i++)
            {
                if (detections[i].Label == chosen.Label && detections[i].Overlap(chosen) > maxOverlap) continue;
                detections[stays++] = detections[i];
            }

            count = stays;
        }

        return kept;
    }

    private static void CheckRows(int length, int gridWidth, int boxes, int width, string name)
    {
        if (length % ((long)gridWidth * boxes * width) == 0) return;
        throw new ArgumentException($"{length} elements are no rows of {gridWidth} cells of {boxes} boxes of {width}.", name);
    }

    private static float Real<T>(T stored, float scale, int zeroPoint)
        where T : unmanaged, INumber<T> => scale * (float.CreateTruncating(stored) - zeroPoint);

    private static (float X, float Y) FromCell<T>(T x, T y, int cell, int gridWidth, float stride, float scale, int zeroPoint)
        where T : unmanaged, INumber<T> =>
        ((((cell % gridWidth) + 0.5f) * stride) + Real(x, scale, zeroPoint), (((cell / gridWidth) + 0.5f) * stride) + Real(y, scale, zeroPoint));

    private static Detection FromCenter(float x, float y, float width, float height, int label, float score, int box) =>
        new(x - (width / 2), y - (height / 2), x + (width / 2), y + (height / 2), label, score, box);

    private static void Add(Detection detection, Span<Detection> detections, ref int count)
    {
        if (count < detections.Length)
        {
            detections[count++] = detection;
            return;
        }

        if (count == 0) return;
        int worst = 0;
        for (int i = 1; i < count; i++)
        {
            if (detections[i].Score < detections[worst].Score) worst = i;
        }

        if (detection.Score > detections[worst].Score) detections[worst] = detection;
    }

    private static int Best<T>(ReadOnlySpan<T> scores)
        where T : unmanaged, INumber<T>
    {
        int best = 0;
        for (int i = 1; i < scores.Length; i++)
        {
            if (scores[i] > scores[best]) best = i;
        }

        return best;
    }

    private static float Sigmoid(float x) => 1 / (1 + MathF.Exp(-x));
}
