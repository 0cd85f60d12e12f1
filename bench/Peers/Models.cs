using System;
using System.Diagnostics;

namespace Etch.Peers;

// The generated classes, each with a clock that runs while Ticks has a place for every layer.

[EtchModel("dscnn_mlperf_kws_int8.tflite", Preset = EtchPreset.Speed)]
internal static partial class Kws
{
    static partial void AfterLayer(int layer) => LayerClock.Stop(layer);
}

[EtchModel("vww_mobilenetv1_96_int8.tflite", Preset = EtchPreset.Speed)]
internal static partial class Vww
{
    static partial void AfterLayer(int layer) => LayerClock.Stop(layer);
}

[EtchModel("resnet8_cifar_int8.tflite", Preset = EtchPreset.Speed)]
internal static partial class ResNet8
{
    static partial void AfterLayer(int layer) => LayerClock.Stop(layer);
}

[EtchModel("autoencoder_toycar_int8.tflite", Preset = EtchPreset.Speed)]
internal static partial class ToyCar
{
    static partial void AfterLayer(int layer) => LayerClock.Stop(layer);
}

[EtchModel("person_detect_96_int8.tflite", Preset = EtchPreset.Speed)]
internal static partial class Person
{
    static partial void AfterLayer(int layer) => LayerClock.Stop(layer);
}

[EtchModel("micro_speech_quantized.tflite", Preset = EtchPreset.Speed)]
internal static partial class MicroSpeech
{
    static partial void AfterLayer(int layer) => LayerClock.Stop(layer);
}

[EtchModel("mobilenetv2_1.0_224_pytorch_nchw_int8.tflite", Preset = EtchPreset.Speed)]
internal static partial class MobileNetV2
{
    static partial void AfterLayer(int layer) => LayerClock.Stop(layer);
}

/// <summary>Time per layer of the inference that runs; off, it costs a test per layer.</summary>
internal static class LayerClock
{
    private static long s_last;

    /// <summary>The least ticks of each layer so far; null while nobody asks.</summary>
    public static long[]? Least { get; set; }

    public static void Start() => s_last = Stopwatch.GetTimestamp();

    public static void Stop(int layer)
    {
        if (Least is not { } least) return;
        long now = Stopwatch.GetTimestamp();
        least[layer] = Math.Min(least[layer], now - s_last);
        s_last = Stopwatch.GetTimestamp();
    }
}
