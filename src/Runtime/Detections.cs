using System;

namespace Etch;

/// <summary>A box that a detection model found.</summary>
/// <param name="Left">The left edge, in the units of what decoded it: pixels of the model's input, or parts of its width.</param>
/// <param name="Top">The upper edge.</param>
/// <param name="Right">The right edge.</param>
/// <param name="Bottom">The lower edge.</param>
/// <param name="Label">The class: an index into the model's labels.</param>
/// <param name="Score">How sure the model is, 0 to 1.</param>
public readonly record struct Detection(float Left, float Top, float Right, float Bottom, int Label, float Score)
{
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
/// few dozen elements is enough. Outputs are real values, as the generated Dequantize members give them. The index of the class
/// with the highest score is the label; of equal ones the first.
/// </remarks>
public static class Detections
{
    /// <summary>Decodes an output whose rows are boxes, as YOLOv5 exports them: [boxes, 5 + classes].</summary>
    /// <param name="rows">Each row: center x, center y, width, height, certainty that there is an object, one score for each class.</param>
    /// <param name="classes">At least 1.</param>
    /// <param name="scoreUnit">The value that certainty and scores have at most: 1, or 100 where they are percentages.</param>
    /// <param name="threshold">The least score, certainty times that of the class, from 0 to 1.</param>
    /// <param name="detections">Receives the boxes, in the units of the rows.</param>
    /// <returns>How many boxes are in <paramref name="detections"/>.</returns>
    /// <exception cref="ArgumentException">The output is no whole number of rows.</exception>
    public static int FromYoloRows(ReadOnlySpan<float> rows, int classes, float scoreUnit, float threshold, Span<Detection> detections)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        int width = 5 + classes, count = 0;
        if (rows.Length % width != 0) throw new ArgumentException($"{rows.Length} elements are no rows of {width}.", nameof(rows));
        for (int at = 0; at < rows.Length; at += width)
        {
            ReadOnlySpan<float> row = rows.Slice(at, width);
            int label = Best(row.Slice(5));
            float score = row[4] / scoreUnit * (row[5 + label] / scoreUnit);
            if (score >= threshold) Add(FromCenter(row[0], row[1], row[2], row[3], label, score), detections, ref count);
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
    /// <returns>How many boxes are in <paramref name="detections"/>.</returns>
    /// <remarks>YOLOv3 (Redmon and Farhadi 2018), 2.1: center = (cell + sigmoid(x)) · stride, width = anchor · e^width.</remarks>
    /// <exception cref="ArgumentException">The output is no whole number of the grid's rows, or there are no pairs of anchors.</exception>
    public static int FromYoloGrid(
        ReadOnlySpan<float> grid, int gridWidth, int classes, float stride, ReadOnlySpan<float> anchors, float threshold,
        Span<Detection> detections)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(gridWidth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        if (anchors.Length == 0 || anchors.Length % 2 != 0) throw new ArgumentException("Anchors are pairs of numbers.", nameof(anchors));
        int boxes = anchors.Length / 2, width = 5 + classes, count = 0;
        if (grid.Length % (gridWidth * boxes * width) != 0)
        {
            throw new ArgumentException(
                $"{grid.Length} elements are no rows of {gridWidth} cells of {boxes} boxes of {width}.", nameof(grid));
        }

        for (int at = 0, box = 0; at < grid.Length; at += width, box++)
        {
            ReadOnlySpan<float> values = grid.Slice(at, width);
            int cell = box / boxes, anchor = box % boxes * 2, label = Best(values.Slice(5));
            float score = Sigmoid(values[4]) * Sigmoid(values[5 + label]);
            if (!(score >= threshold)) continue;
            float x = ((cell % gridWidth) + Sigmoid(values[0])) * stride, y = ((cell / gridWidth) + Sigmoid(values[1])) * stride;
            float boxWidth = anchors[anchor] * MathF.Exp(values[2]), boxHeight = anchors[anchor + 1] * MathF.Exp(values[3]);
            Add(FromCenter(x, y, boxWidth, boxHeight, label, score), detections, ref count);
        }

        return count;
    }

    /// <summary>Decodes the two outputs of an SSD without its post-processing: offsets from prior boxes, and scores.</summary>
    /// <param name="offsets">[boxes, 4]: y, x, height, width, in tenths and fifths as TensorFlow has them (scales 10, 10, 5, 5).</param>
    /// <param name="scores">[boxes, classes], from 0 to 1.</param>
    /// <param name="priors">[boxes, 4]: center y, center x, height, width of each prior box.</param>
    /// <param name="firstClass">The first class that is an object: 1 where class 0 is the background.</param>
    /// <param name="threshold">The least score.</param>
    /// <param name="detections">Receives the boxes, in the units of the priors.</param>
    /// <returns>How many boxes are in <paramref name="detections"/>.</returns>
    /// <remarks>DecodeCenterSizeBoxes of TFLite's detection_postprocess.cc.</remarks>
    /// <exception cref="ArgumentException">The spans do not belong to one number of boxes.</exception>
    public static int FromSsd(
        ReadOnlySpan<float> offsets, ReadOnlySpan<float> scores, ReadOnlySpan<float> priors, int firstClass, float threshold,
        Span<Detection> detections)
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
            ReadOnlySpan<float> own = scores.Slice(box * classes, classes);
            ReadOnlySpan<float> offset = offsets.Slice(box * 4, 4), prior = priors.Slice(box * 4, 4);
            int label = firstClass + Best(own.Slice(firstClass));
            if (!(own[label] >= threshold)) continue;
            float y = (offset[0] / 10 * prior[2]) + prior[0], x = (offset[1] / 10 * prior[3]) + prior[1];
            float width = MathF.Exp(offset[3] / 5) * prior[3], height = MathF.Exp(offset[2] / 5) * prior[2];
            Add(FromCenter(x, y, width, height, label, own[label]), detections, ref count);
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

    private static Detection FromCenter(float x, float y, float width, float height, int label, float score) =>
        new(x - (width / 2), y - (height / 2), x + (width / 2), y + (height / 2), label, score);

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

    private static int Best(ReadOnlySpan<float> scores)
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
