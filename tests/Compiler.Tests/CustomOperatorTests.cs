using System;
using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Custom operators against values worked out by hand, their options in FlexBuffers, and what they refuse.</summary>
public sealed class CustomOperatorTests
{
    [Fact]
    public void Options_are_read_by_name()
    {
        byte[] map = FlexMap.Of(("shift", -12), ("a", 0.25f), ("zeta", true), ("num", 70_000));
        var numbers = FlexBuffer.Numbers(map);
        Assert.Equal([0.25, 70_000, -12, 1], numbers.OrderBy(n => n.Key, StringComparer.Ordinal).Select(n => n.Value));

        // As TensorFlow writes them: one byte for each entry.
        Assert.Equal(12, FlexBuffer.Numbers([.. "shift\0"u8, 1, 7, 1, 1, 1, 12, 4, 2, 36, 1])["shift"]);
        Assert.Empty(FlexBuffer.Numbers([]));
        Assert.Empty(FlexBuffer.Numbers([0, 0, 1, 0, 0, 36, 1]));
    }

    [Fact]
    public void Broken_options_are_malformed_and_never_more()
    {
        byte[] map = FlexMap.Of(("shift", 12), ("other", 3f));
        var draw = new Draw(91);
        for (int i = 0; i < 5_000; i++)
        {
            byte[] broken = [.. map];
            for (int j = draw.Int(1, 4); j > 0; j--) broken[draw.Int(0, broken.Length - 1)] = (byte)draw.Int(0, 255);
            if (draw.Chance(4)) broken = broken[draw.Int(0, broken.Length - 1)..];
            try
            {
                FlexBuffer.Numbers(broken);
            }
            catch (MalformedException)
            {
            }
        }
    }

    // Three boxes around anchors of size 1: the first two overlap by 0.9 / 1.1, the third stands apart. Two classes behind a background.
    private static readonly float[] Anchors = [0, 0, 1, 1, 0, 0.1f, 1, 1, 5, 5, 1, 1];
    private static readonly float[] Scores = [0.9f, 0.5f, 0.1f, 0.9f, 0.6f, 0.3f, 0.9f, 0.2f, 0.55f];

    [Fact]
    public void Fast_suppression_takes_each_box_with_its_best_class()
    {
        float[][] outputs = Detect(false, 3);
        Assert.Equal([2], outputs[3]);
        Assert.Equal([0, 1, 0], outputs[1]);
        Assert.Equal([0.6f, 0.55f, 0], outputs[2]);
        Assert.Equal([-0.5f, -0.4f, 0.5f, 0.6f, 4.5f, 4.5f, 5.5f, 5.5f, 0, 0, 0, 0], outputs[0]);
    }

    [Fact]
    public void Regular_suppression_goes_class_by_class()
    {
        // Class 0: boxes 1 (0.6) and 2 (0.2) stay; class 1: boxes 2 (0.55) and 1 (0.3) stay.
        float[][] outputs = Detect(true, 3);
        Assert.Equal([3], outputs[3]);
        Assert.Equal([0, 1, 1], outputs[1]);
        Assert.Equal([0.6f, 0.55f, 0.3f], outputs[2]);
    }

    [Theory]
    [InlineData("max_classes_per_detection", 2, "needs max_classes_per_detection of 1")]
    [InlineData("max_detections", 0, "needs max_detections from 1 to 65536")]
    [InlineData("num_classes", 5, "needs scores of 5 classes")]
    [InlineData("nms_iou_threshold", 2, "needs an nms_iou_threshold above 0 and up to 1")]
    [InlineData("h_scale", 0, "needs y_scale, x_scale, h_scale and w_scale other than 0")]
    public void Detection_refuses(string option, int value, string demand)
    {
        CompiledModel model = Compile(Detector(false, 3, (option, value)));
        Assert.Contains(model.Problems, p => p.Message.Contains(demand));
    }

    [Fact]
    public void Transforms_of_other_lengths_than_powers_of_two_are_refused()
    {
        var b = new TfliteBuilder();
        int x = b.Tensor("x", ElementType.Int16, [480]), y = b.Tensor("y", ElementType.Int16, [482]);
        b.Custom("SignalRfft", [x], [y], ("fft_length", 480));
        b.Ports([x], [y]);
        Assert.Contains(Compile(b.Build()).Problems, p => p.Id == Ids.UnsupportedOption && p.Message.Contains("a power of two"));
    }

    [Fact]
    public void A_custom_operator_that_nobody_knows_is_named()
    {
        var b = new TfliteBuilder();
        int x = b.Int8("x", [2], 1, 0), y = b.Int8("y", [2], 1, 0);
        b.Custom("MyOwn", [x], [y], [1, 2, 3]);
        b.Ports([x], [y]);
        Assert.Contains(Compile(b.Build()).Problems, p => p.Id == Ids.UnsupportedOperator && p.Message.Contains("custom operator 'MyOwn'"));
    }

    private static float[][] Detect(bool isRegular, int most)
    {
        Graph graph = Agreement.Import(Detector(isRegular, most));
        Values values = Values.Run(graph, [new float[12], Scores]);
        return [.. graph.Outputs.Select(values.Floats)];
    }

    private static byte[] Detector(bool isRegular, int most, params (string Name, object Value)[] others)
    {
        var b = new TfliteBuilder();
        int x = b.Tensor("x", ElementType.Float32, [1, 3, 4]), scores = b.Tensor("scores", ElementType.Float32, [1, 3, 3]);
        int a = b.Tensor("anchors", ElementType.Float32, [3, 4], null, Values.Bytes(ElementType.Float32, Anchors));
        int[] outputs =
        [
            b.Tensor("boxes", ElementType.Float32, [1, most, 4]), b.Tensor("classes", ElementType.Float32, [1, most]),
            b.Tensor("results", ElementType.Float32, [1, most]), b.Tensor("count", ElementType.Float32, [1]),
        ];
        (string Name, object Value)[] options =
        [
            ("max_detections", most), ("max_classes_per_detection", 1), ("num_classes", 2), ("use_regular_nms", isRegular), ("nms_score_threshold", 0.15f),
            ("nms_iou_threshold", 0.5f), ("y_scale", 10f), ("x_scale", 10f), ("h_scale", 5f), ("w_scale", 5f),
        ];
        b.Custom("TFLite_Detection_PostProcess", [x, scores, a], outputs, [.. options.Where(o => others.All(other => other.Name != o.Name)), .. others]);
        b.Ports([x, scores], outputs);
        return b.Build();
    }

    private static CompiledModel Compile(byte[] file) => Compiler.Compile(new ModelFile("m.tflite", file), new CompileOptions { ClassName = "M" }, default);
}
