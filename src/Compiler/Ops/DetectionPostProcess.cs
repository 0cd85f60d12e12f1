using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>TFLite_Detection_PostProcess: boxes decoded from their anchors, then the best ones that do not overlap too much, as FLOAT32.</summary>
/// <remarks>
/// detection_postprocess.cc of TFLite and TFLite Micro. Inputs: encodings [1, boxes, 4 or more] (y, x, height, width), scores
/// [1, boxes, classes with or without a background first], anchors [boxes, 4]; quantised ones are dequantised as TFLite does. Outputs:
/// boxes [1, n, 4] (top, left, bottom, right), classes [1, n], scores [1, n], their number [1]. Suppression is fast (each box with its
/// best class) or regular (for each class, the best of all at the end). Outputs behind the number are 0; a box without an area, which
/// stops TFLite, overlaps nothing. Two scratch tensors follow the outputs: decoded boxes and the scores that are left.
/// </remarks>
internal sealed record DetectionPostProcess : Op
{
    private const int Coordinates = 4;

    public required int? MaxDetections { get; init; }

    public required int? MaxClassesPerDetection { get; init; }

    public required int? DetectionsPerClass { get; init; }

    public required int? Classes { get; init; }

    public required bool IsRegular { get; init; }

    /// <summary>The least score, and the overlap (intersection over union) above which the worse of two boxes goes.</summary>
    public required EquatableArray<float> Thresholds { get; init; }

    /// <summary>What encodings of y, x, height and width are divided by.</summary>
    public required EquatableArray<float> Scales { get; init; }

    public override string Name => "TFLite_Detection_PostProcess";

    // ---- import ----
    public static Op Import(OperatorReader r)
    {
        float Of(string name) => (float)(r.Custom(name) ?? double.NaN);
        int boxes = r.Shape(0) is { Count: 3 } shape && shape[0] == 1 ? shape[1] : 0;
        int decoded = r.Scratch("decoded", ElementType.Float32, boxes, Coordinates), left = r.Scratch("left", ElementType.Float32, boxes);
        return new DetectionPostProcess
        {
            Inputs = r.Inputs,
            Outputs = (int[])[.. r.Outputs, decoded, left],
            MaxDetections = r.CustomInt32("max_detections"),
            MaxClassesPerDetection = r.CustomInt32("max_classes_per_detection"),
            DetectionsPerClass = r.CustomInt32("detections_per_class") ?? 100,
            Classes = r.CustomInt32("num_classes"),
            IsRegular = r.Custom("use_regular_nms") is not (null or 0),
            Thresholds = new[] { Of("nms_score_threshold"), Of("nms_iou_threshold") },
            Scales = new[] { Of("y_scale"), Of("x_scale"), Of("h_scale"), Of("w_scale") },
        };
    }

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor?[] inputs = [.. Enumerable.Range(0, 3).Select(i => c.Input(i).Type(ElementType.Float32, ElementType.Int8, ElementType.UInt8).Tensor)];
        c.Require(Inputs.Count == 3 && Outputs.Count == 6, "needs three inputs and four outputs");
        c.Require(MaxDetections is > 0 and <= 1 << 16, "needs max_detections from 1 to 65536");
        c.Require(Classes is > 0 and <= 1 << 16, "needs num_classes from 1 to 65536");
        c.Require(IsRegular || MaxClassesPerDetection == 1, "needs max_classes_per_detection of 1: TensorFlow Lite Micro mixes several up");
        c.Require(!IsRegular || DetectionsPerClass > 0, "needs detections_per_class above 0");
        c.Require(Thresholds[1] > 0 && Thresholds[1] <= 1, "needs an nms_iou_threshold above 0 and up to 1");
        c.Require(!float.IsNaN(Thresholds[0]), "needs an nms_score_threshold");
        c.Require(Scales.All(s => !float.IsNaN(s) && !float.IsInfinity(s) && s != 0), "needs y_scale, x_scale, h_scale and w_scale other than 0");
        if (!c.Holds) return;

        for (int i = 0; i < 3; i++)
        {
            if (inputs[i]!.Type != ElementType.Float32) c.Input(i).PerTensor();
        }

        c.Input(0).Rank(3);
        c.Input(1).Rank(3);
        c.Input(2).Rank(2);
        if (!c.Holds) return;
        int boxes = inputs[0]!.Shape[1], most = MaxDetections!.Value, scores = inputs[1]!.Shape[2];
        c.Require(inputs[0]!.Shape[0] == 1 && inputs[0]!.Shape[2] >= Coordinates && boxes > 0, $"needs encodings [1, boxes, 4], and they have the shape [{inputs[0]!.Shape}]");
        c.Require(scores - Classes is 0 or 1, $"needs scores of {Classes} classes or one more, and they have the shape [{inputs[1]!.Shape}]");
        c.Input(1).Shape(1, boxes, scores);
        c.Input(2).Shape(boxes, Coordinates);
        c.Output(0).Type(ElementType.Float32).Shape(1, most, Coordinates);
        c.Output(1).Type(ElementType.Float32).Shape(1, most);
        c.Output(2).Type(ElementType.Float32).Shape(1, most);
        c.Output(3).Type(ElementType.Float32).Elements(1);
        c.Output(4).Type(ElementType.Float32).Shape(boxes, Coordinates);
        c.Output(5).Type(ElementType.Float32).Shape(boxes);
    }

    public override string Describe(Graph graph) => Name + (IsRegular ? ", regular" : ", fast");

    // ---- reference ----
    public override void Reference(Values values)
    {
        Tensor encodings = values.Graph[Inputs[0]];
        float[] encoded = Real(values, Inputs[0]), scores = Real(values, Inputs[1]), anchors = Real(values, Inputs[2]);
        int boxes = encodings.Shape[1], width = encodings.Shape[2], columns = values.Graph[Inputs[1]].Shape[2], most = MaxDetections!.Value;
        Box[] decoded = [.. Enumerable.Range(0, boxes).Select(i => Decode(encoded, i * width, anchors, i * Coordinates))];
        float Score(int box, int label) => scores[(box * columns) + columns - Classes!.Value + label];

        List<(int Box, int Label, float Score)> kept = [];
        if (IsRegular)
        {
            for (int label = 0; label < Classes!.Value; label++)
            {
                float[] own = [.. Enumerable.Range(0, boxes).Select(box => Score(box, label))];
                kept.AddRange(Suppress(decoded, own, DetectionsPerClass!.Value).Select(box => (box, label, own[box])));

                // A stable order: of equal scores the earlier class and box comes first.
                kept = [.. kept.OrderByDescending(k => k.Score).Take(most)];
            }
        }
        else
        {
            int[] labels = [.. Enumerable.Range(0, boxes).Select(box => Enumerable.Range(0, Classes!.Value).Aggregate((best, label) => Score(box, label) > Score(box, best) ? label : best))];
            float[] best = [.. labels.Select((label, box) => Score(box, label))];
            kept.AddRange(Suppress(decoded, best, most).Select(box => (box, labels[box], best[box])));
        }

        float[] y = new float[most * Coordinates], classes = new float[most], results = new float[most];
        for (int i = 0; i < kept.Count; i++)
        {
            Box box = decoded[kept[i].Box];
            new[] { box.Top, box.Left, box.Bottom, box.Right }.CopyTo(y, i * Coordinates);
            classes[i] = kept[i].Label;
            results[i] = kept[i].Score;
        }

        Array[] outputs = [y, classes, results, new float[] { kept.Count }, decoded.SelectMany(b => new[] { b.Top, b.Left, b.Bottom, b.Right }).ToArray(), new float[boxes]];
        for (int i = 0; i < outputs.Length; i++) values.Set(Outputs[i], outputs[i]);
    }

    private readonly record struct Box(float Top, float Left, float Bottom, float Right)
    {
        public float Area => (float)((float)(Bottom - Top) * (float)(Right - Left));

        public float Overlap(Box other)
        {
            if (Area <= 0 || other.Area <= 0) return 0;
            float height = (float)((Bottom < other.Bottom ? Bottom : other.Bottom) - (Top > other.Top ? Top : other.Top));
            float width = (float)((Right < other.Right ? Right : other.Right) - (Left > other.Left ? Left : other.Left));
            float common = (float)((height > 0 ? height : 0) * (width > 0 ? width : 0));
            return (float)(common / (float)((float)(Area + other.Area) - common));
        }
    }

    private Box Decode(float[] encoded, int at, float[] anchors, int anchor)
    {
        double height = anchors[anchor + 2], width = anchors[anchor + 3];
        float y = (float)(((double)encoded[at] / Scales[0] * height) + anchors[anchor]), x = (float)(((double)encoded[at + 1] / Scales[1] * width) + anchors[anchor + 1]);
        float halfHeight = (float)(0.5 * Math.Exp((double)encoded[at + 2] / Scales[2]) * height), halfWidth = (float)(0.5 * Math.Exp((double)encoded[at + 3] / Scales[3]) * width);
        return new Box((float)(y - halfHeight), (float)(x - halfWidth), (float)(y + halfHeight), (float)(x + halfWidth));
    }

    // The boxes that stay, the best first: each of those that come later goes when it overlaps one of them too much.
    private IEnumerable<int> Suppress(Box[] boxes, float[] scores, int most)
    {
        List<int> kept = [];
        foreach (int box in Enumerable.Range(0, boxes.Length).Where(i => scores[i] >= Thresholds[0]).OrderByDescending(i => scores[i]))
        {
            if (kept.Count < most && !kept.Any(k => boxes[k].Overlap(boxes[box]) > Thresholds[1])) kept.Add(box);
        }

        return kept;
    }

    private static float[] Real(Values values, int id)
    {
        Tensor tensor = values.Graph[id];
        return tensor.Type == ElementType.Float32 ? values.Floats(id) : Array.ConvertAll(values.Integers(id), q => (float)((float)(q - tensor.ZeroPoint) * tensor.Scale));
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor[] inputs = [.. Inputs.Select(id => graph[id])];
        string[] names = ["Encodings", "Scores", "Anchors"];
        var kernel = new DetectionKernel(
            inputs[0].Shape[1], inputs[0].Shape[2], inputs[1].Shape[2], Classes!.Value, MaxDetections!.Value, IsRegular ? DetectionsPerClass!.Value : MaxDetections.Value,
            IsRegular, Thresholds, Scales, inputs.Select(t => new Source(t.Type, t.IsConstant, t.Quantization?.Scale ?? 1, t.Quantization?.ZeroPoint ?? 0)).ToArray());
        return new Layer(
            this, kernel, Inputs.Where(id => !graph[id].IsConstant).ToArray(),
            inputs.Select((t, i) => (t, i)).Where(x => x.t.IsConstant).Select(x => new Table(names[x.i], x.t.Type, x.t.Data!)).ToArray());
    }

    private sealed record Source(ElementType Type, bool IsConstant, float Scale, int ZeroPoint);

    private sealed record DetectionKernel(
        int Boxes, int Width, int Columns, int Classes, int Most, int MostOfClass, bool IsRegular, EquatableArray<float> Thresholds, EquatableArray<float> Scales,
        EquatableArray<Source> Sources) : Kernel
    {
        private static readonly string[] Inputs = ["encodings", "scores", "anchors"];

        public override string Name => IsRegular ? "DetectionRegular" : "DetectionFast";

        public override int CodeBytes => 1600;

        public override void Emit(CodeWriter w, string method)
        {
            string Parameters(bool constant) => string.Join(
                ", ", Enumerable.Range(0, 3).Where(i => Sources[i].IsConstant == constant).Select(i => $"ReadOnlySpan<{Sources[i].Type.Keyword()}> {Inputs[i]}"));
            string inputs = Parameters(false);
            using (w.Method(
                method, inputs, "Span<float> boxes, Span<float> classes, Span<float> results, Span<float> count", "Span<float> decoded, Span<float> left", Parameters(true)))
            {
                w.Line($"const int Boxes = {Boxes}, Width = {Width}, Columns = {Columns}, Classes = {Classes}, Most = {Most};");
                if (IsRegular) w.Line($"const int MostOfClass = {MostOfClass};");
                w.Line($"const float LeastScore = {Names.Float(Thresholds[0])};");
                w.Line();
                EmitDecode(w);
                w.Line();
                w.Line("boxes.Clear();");
                w.Line("classes.Clear();");
                w.Line("results.Clear();");
                w.Line("int found = 0;");
                if (IsRegular) EmitRegular(w, method);
                else EmitFast(w, method);
                w.Line();
                w.Line("count[0] = found;");
            }

            EmitBest(w, method);
            EmitSuppress(w, method);
        }

        // An input's real value; what was dequantised is rounded to float32 as TFLite rounds it.
        private string Real(int input, string index)
        {
            Source source = Sources[input];
            string stored = $"{Inputs[input]}[{index}]";
            return source.Type == ElementType.Float32 ? stored : InvariantText.Of($"(float)({stored} - ({source.ZeroPoint})) * {Names.Float(source.Scale)}");
        }

        private void EmitDecode(CodeWriter w)
        {
            w.Line("// Top, left, bottom and right of each box.");
            using (w.Block("for (int i = 0; i < Boxes; i++)"))
            {
                string[] parts = ["y", "x", "h", "w"];
                for (int p = 0; p < 4; p++) w.Line($"double {parts[p]} = {Real(0, $"(i * Width) + {p}")}, {parts[p]}Anchor = {Real(2, $"(4 * i) + {p}")};");
                w.Line($"float middleY = (float)((y / {Names.Float(Scales[0])} * hAnchor) + yAnchor);");
                w.Line($"float middleX = (float)((x / {Names.Float(Scales[1])} * wAnchor) + xAnchor);");
                w.Line($"float halfHeight = (float)(0.5 * Math.Exp(h / {Names.Float(Scales[2])}) * hAnchor);");
                w.Line($"float halfWidth = (float)(0.5 * Math.Exp(w / {Names.Float(Scales[3])}) * wAnchor);");
                w.Line("decoded[4 * i] = middleY - halfHeight;");
                w.Line("decoded[(4 * i) + 1] = middleX - halfWidth;");
                w.Line("decoded[(4 * i) + 2] = middleY + halfHeight;");
                w.Line("decoded[(4 * i) + 3] = middleX + halfWidth;");
            }
        }

        private void EmitFast(CodeWriter w, string method)
        {
            w.Line("for (int i = 0; i < Boxes; i++)");
            using (w.Block(""))
            {
                w.Line($"float best = {Real(1, $"(i * Columns) + {Columns - Classes}")};");
                w.Line($"for (int label = 1; label < Classes; label++) best = {Real(1, $"(i * Columns) + {Columns - Classes} + label")} is var score && score > best ? score : best;");
                w.Line("left[i] = best;");
            }

            w.Line();
            using (w.Block("while (found < Most)"))
            {
                w.Line($"int best = {method}_Best(left, LeastScore);");
                w.Line("if (best < 0) break;");
                w.Line("float highest = left[best];");
                w.Line("int label = 0;");
                w.Line($"while (label < Classes - 1 && {Real(1, $"(best * Columns) + {Columns - Classes} + label")} is var score && score != highest) label++;");
                w.Line("decoded.Slice(4 * best, 4).CopyTo(boxes.Slice(4 * found));");
                w.Line("classes[found] = label;");
                w.Line("results[found] = highest;");
                w.Line("found++;");
                w.Line($"{method}_Suppress(decoded, left, best);");
            }
        }

        private void EmitRegular(CodeWriter w, string method)
        {
            using (w.Block("for (int label = 0; label < Classes; label++)"))
            {
                w.Line($"for (int i = 0; i < Boxes; i++) left[i] = {Real(1, $"(i * Columns) + {Columns - Classes} + label")};");
                using (w.Block("for (int own = 0; own < MostOfClass; own++)"))
                {
                    w.Line($"int best = {method}_Best(left, LeastScore);");
                    w.Line("if (best < 0) break;");
                    w.Line("float score = left[best];");
                    w.Line();
                    w.Line("// Into the list behind all that are as good; the last one falls out of a full list.");
                    w.Line("int at = found;");
                    w.Line("while (at > 0 && score > results[at - 1]) at--;");
                    using (w.Block("if (at < Most)"))
                    {
                        w.Line("found = Math.Min(found + 1, Most);");
                        w.Line("int later = found - at - 1;");
                        w.Line("boxes.Slice(4 * at, 4 * later).CopyTo(boxes.Slice(4 * (at + 1)));");
                        w.Line("classes.Slice(at, later).CopyTo(classes.Slice(at + 1));");
                        w.Line("results.Slice(at, later).CopyTo(results.Slice(at + 1));");
                        w.Line("decoded.Slice(4 * best, 4).CopyTo(boxes.Slice(4 * at));");
                        w.Line("classes[at] = label;");
                        w.Line("results[at] = score;");
                    }

                    w.Line();
                    w.Line($"{method}_Suppress(decoded, left, best);");
                }
            }
        }

        private static void EmitBest(CodeWriter w, string method)
        {
            w.Line();
            w.Line("// The first box with the highest score that is left, or -1.");
            using (w.Block($"private static int {method}_Best(ReadOnlySpan<float> left, float leastScore)"))
            {
                w.Line("int best = -1;");
                using (w.Block("for (int i = 0; i < left.Length; i++)"))
                {
                    w.Line("if (left[i] >= leastScore && (best < 0 || left[i] > left[best])) best = i;");
                }

                w.Line();
                w.Line("return best;");
            }
        }

        private void EmitSuppress(CodeWriter w, string method)
        {
            w.Line();
            w.Line("// Takes a box from those that are left, and all that overlap it too much.");
            using (w.Method(method + "_Suppress", "ReadOnlySpan<float> decoded, Span<float> left, int taken"))
            {
                w.Line($"const float MostOverlap = {Names.Float(Thresholds[1])};");
                w.Line("left[taken] = float.NaN;");
                w.Line("ReadOnlySpan<float> a = decoded.Slice(4 * taken, 4);");
                w.Line("float areaA = (a[2] - a[0]) * (a[3] - a[1]);");
                using (w.Block("for (int i = 0; i < left.Length; i++)"))
                {
                    w.Line("ReadOnlySpan<float> b = decoded.Slice(4 * i, 4);");
                    w.Line("float areaB = (b[2] - b[0]) * (b[3] - b[1]);");
                    w.Line("if (float.IsNaN(left[i]) || areaA <= 0 || areaB <= 0) continue;");
                    w.Line("float height = (a[2] < b[2] ? a[2] : b[2]) - (a[0] > b[0] ? a[0] : b[0]);");
                    w.Line("float width = (a[3] < b[3] ? a[3] : b[3]) - (a[1] > b[1] ? a[1] : b[1]);");
                    w.Line("float common = (height > 0 ? height : 0) * (width > 0 ? width : 0);");
                    w.Line("if (common / (areaA + areaB - common) > MostOverlap) left[i] = float.NaN;");
                }
            }
        }
    }
}
