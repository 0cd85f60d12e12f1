using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;

namespace Etch.Tests;

/// <summary>Random models of one custom operator each.</summary>
internal static class CustomCases
{
    /// <summary>The generators by operator.</summary>
    public static readonly IReadOnlyDictionary<string, Func<Draw, TfliteBuilder>> All = new Dictionary<string, Func<Draw, TfliteBuilder>>
    {
        ["SignalWindow"] = Window,
        ["SignalFftAutoScale"] = AutoScale,
        ["SignalRfft"] = Rfft,
        ["SignalEnergy"] = Energy,
        ["SignalFilterBank"] = FilterBankAndRoot,
        ["SignalFilterBankSpectralSubtraction"] = SpectralSubtraction,
        ["SignalPCAN"] = Pcan,
        ["SignalFilterBankLog"] = Log,
        ["TFLite_Detection_PostProcess"] = Detection,
    };

    private static byte[] Constant(Draw draw, ElementType type, int count) => draw.Value(new Tensor { Name = "constant", Type = type, Shape = new[] { count } });

    private static TfliteBuilder One(string code, (ElementType Type, int[] Shape) input, (ElementType Type, int[] Shape)[] outputs, Func<TfliteBuilder, int[]> more, params (string, object)[] options)
    {
        var b = new TfliteBuilder();
        int x = b.Tensor("input", input.Type, input.Shape);
        int[] y = [.. outputs.Select((o, i) => b.Tensor($"output{i}", o.Type, o.Shape))];
        b.Custom(code, [x, .. more(b)], y, options);
        b.Ports([x], y);
        return b;
    }

    private static TfliteBuilder Window(Draw draw)
    {
        int length = draw.Int(1, 40), frames = draw.Int(1, 3);
        (ElementType, int[]) tensor = (ElementType.Int16, [frames, length]);
        return One("SignalWindow", tensor, [tensor], b => [b.Tensor("window", ElementType.Int16, [length], null, Constant(draw, ElementType.Int16, length))], ("shift", draw.Int(0, 20)));
    }

    private static TfliteBuilder AutoScale(Draw draw)
    {
        (ElementType, int[]) tensor = (ElementType.Int16, [draw.Int(1, 4)]);
        return One("SignalFftAutoScale", tensor, [tensor, (ElementType.Int32, [])], _ => []);
    }

    private static TfliteBuilder Rfft(Draw draw)
    {
        int length = 1 << draw.Int(2, 8), samples = draw.Int(1, length), frames = draw.Of(1, 1, 2);
        return One("SignalRfft", (ElementType.Int16, [frames, samples]), [(ElementType.Int16, [frames, length + 2])], _ => [], ("T", 7), ("fft_length", length));
    }

    private static TfliteBuilder Energy(Draw draw)
    {
        int count = draw.Int(1, 30), start = draw.Int(0, count), end = draw.Int(start, count);
        return One("SignalEnergy", (ElementType.Int16, [2 * count]), [(ElementType.UInt32, [count])], _ => [], ("start_index", start), ("end_index", end));
    }

    private static TfliteBuilder FilterBankAndRoot(Draw draw)
    {
        int frequencies = draw.Int(1, 30), channels = draw.Int(1, 8), weights = draw.Int(1, 30);
        int[] widths = [.. Enumerable.Range(0, channels + 1).Select(_ => draw.Int(0, Math.Min(frequencies, weights)))];
        int[] from = [.. widths.Select(width => draw.Int(0, frequencies - width))], starts = [.. widths.Select(width => draw.Int(0, weights - width))];
        var b = new TfliteBuilder();
        int Table(string name, int[] values) => b.Tensor(name, ElementType.Int16, [values.Length], null, Values.Bytes(ElementType.Int16, values));
        int Weights(string name) => b.Tensor(name, ElementType.Int16, [weights], null, Constant(draw, ElementType.Int16, weights));
        int x = b.Tensor("energies", ElementType.UInt32, [frequencies]), shift = b.Tensor("shift", ElementType.Int32, []);
        int sums = b.Tensor("sums", ElementType.UInt64, [channels]), y = b.Tensor("output", ElementType.UInt32, [channels]);
        b.Custom("SignalFilterBank", [x, Weights("weights"), Weights("rests"), Table("from", from), Table("starts", starts), Table("widths", widths)], [sums], ("num_channels", channels));
        b.Custom("SignalFilterBankSquareRoot", [sums, shift], [y]);
        b.Ports([x, shift], [y]);
        return b;
    }

    private static TfliteBuilder SpectralSubtraction(Draw draw)
    {
        int channels = draw.Int(1, 12), bits = draw.Int(0, 20);
        (ElementType, int[]) tensor = (ElementType.UInt32, [channels]);
        int Factor() => draw.Int(0, (1 << bits) + 3);
        return One(
            "SignalFilterBankSpectralSubtraction", tensor, [tensor, tensor], _ => [],
            ("num_channels", channels), ("spectral_subtraction_bits", bits), ("smoothing_bits", draw.Int(0, 12)), ("clamping", draw.Chance(2)),
            ("smoothing", Factor()), ("one_minus_smoothing", Factor()), ("alternate_smoothing", Factor()), ("alternate_one_minus_smoothing", Factor()),
            ("min_signal_remaining", Factor()));
    }

    private static TfliteBuilder Pcan(Draw draw)
    {
        int channels = draw.Int(1, 12);
        var b = new TfliteBuilder();
        int x = b.Tensor("energy", ElementType.UInt32, [channels]), noise = b.Tensor("noise", ElementType.UInt32, [channels]), y = b.Tensor("output", ElementType.UInt32, [channels]);

        // Numbers of every length, by shifting: the logarithm of a uniform one is always nearly the same.
        b.Custom("SignalPCAN", [x, noise, b.Tensor("gains", ElementType.Int16, [125], null, Constant(draw, ElementType.Int16, 125))], [y], ("snr_shift", draw.Int(0, 40)));
        b.Ports([x, noise], [y]);
        return b;
    }

    private static TfliteBuilder Log(Draw draw)
    {
        int channels = draw.Int(1, 12);

        // Large corrections leave few bits: short numbers, too.
        return One(
            "SignalFilterBankLog", (ElementType.UInt32, [channels]), [(ElementType.Int16, [channels])], _ => [],
            ("input_correction_bits", draw.Int(0, 31)), ("output_scale", draw.Of(1600, 64, draw.Int(1, 5000))));
    }

    private static TfliteBuilder Detection(Draw draw)
    {
        int boxes = draw.Int(1, 25), classes = draw.Int(1, 5), most = draw.Int(1, 8), background = draw.Int(0, 1), width = draw.Of(4, 4, 6);
        bool isRegular = draw.Chance(2);
        var b = new TfliteBuilder();

        // Boxes of about the anchors' size, so that many overlap; scores of few levels, so that many are equal.
        ElementType type = draw.Of(ElementType.Float32, ElementType.Int8, ElementType.UInt8);
        Quantization? Quantized(float scale, int zeroPoint) => type switch
        {
            ElementType.Int8 => TfliteBuilder.Quantized(scale, zeroPoint - 128),
            ElementType.UInt8 => TfliteBuilder.Quantized(scale, zeroPoint),
            _ => null,
        };
        int x = b.Tensor("encodings", type, [1, boxes, width], Quantized(0.05f, 128)), scores = b.Tensor("scores", type, [1, boxes, classes + background], Quantized(1f / 256, 0));
        float[] anchors = [.. Enumerable.Range(0, boxes * 4).Select(i => i % 4 < 2 ? draw.Int(0, 100) / 100f : draw.Int(-1, 40) / 40f)];
        int a = b.Tensor("anchors", ElementType.Float32, [boxes, 4], null, Values.Bytes(ElementType.Float32, anchors));
        int[] outputs =
        [
            b.Tensor("boxes", ElementType.Float32, [1, most, 4]), b.Tensor("classes", ElementType.Float32, [1, most]),
            b.Tensor("results", ElementType.Float32, [1, most]), b.Tensor("count", ElementType.Float32, [1]),
        ];
        b.Custom(
            "TFLite_Detection_PostProcess", [x, scores, a], outputs,
            ("max_detections", most), ("max_classes_per_detection", 1), ("detections_per_class", draw.Int(1, 6)), ("num_classes", classes), ("use_regular_nms", isRegular),
            ("nms_score_threshold", draw.Of(0f, 0.3f, -1e8f)), ("nms_iou_threshold", draw.Of(0.1f, 0.5f, 1f)),
            ("y_scale", 10f), ("x_scale", 10f), ("h_scale", 5f), ("w_scale", 5f));
        b.Ports([x, scores], outputs);
        return b;
    }
}
