using System;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Runtime.InteropServices;

namespace Etch.Bench;

[EtchModel("dscnn_mlperf_kws_int8.tflite", Preset = EtchPreset.Balanced)]
internal static partial class KwsBalanced;

[EtchModel("dscnn_mlperf_kws_int8.tflite", Preset = EtchPreset.Speed)]
internal static partial class KwsSpeed;

[EtchModel("dscnn_mlperf_kws_int8.tflite", Preset = EtchPreset.Size)]
internal static partial class KwsSize;

[EtchModel("vww_mobilenetv1_96_int8.tflite", Preset = EtchPreset.Balanced)]
internal static partial class VwwBalanced;

[EtchModel("vww_mobilenetv1_96_int8.tflite", Preset = EtchPreset.Speed)]
internal static partial class VwwSpeed;

[EtchModel("vww_mobilenetv1_96_int8.tflite", Preset = EtchPreset.Size)]
internal static partial class VwwSize;

[EtchModel("resnet8_cifar_int8.tflite", Preset = EtchPreset.Balanced)]
internal static partial class ResnetBalanced;

[EtchModel("resnet8_cifar_int8.tflite", Preset = EtchPreset.Speed)]
internal static partial class ResnetSpeed;

[EtchModel("resnet8_cifar_int8.tflite", Preset = EtchPreset.Size)]
internal static partial class ResnetSize;

[EtchModel("autoencoder_toycar_int8.tflite", Preset = EtchPreset.Balanced)]
internal static partial class ToycarBalanced;

[EtchModel("autoencoder_toycar_int8.tflite", Preset = EtchPreset.Speed)]
internal static partial class ToycarSpeed;

[EtchModel("autoencoder_toycar_int8.tflite", Preset = EtchPreset.Size)]
internal static partial class ToycarSize;

[EtchModel("person_detect_96_int8.tflite", Preset = EtchPreset.Balanced)]
internal static partial class PersonBalanced;

[EtchModel("person_detect_96_int8.tflite", Preset = EtchPreset.Speed)]
internal static partial class PersonSpeed;

[EtchModel("person_detect_96_int8.tflite", Preset = EtchPreset.Size)]
internal static partial class PersonSize;

[EtchModel("micro_speech_quantized.tflite", Preset = EtchPreset.Balanced)]
internal static partial class MicroSpeechBalanced;

[EtchModel("micro_speech_quantized.tflite", Preset = EtchPreset.Speed)]
internal static partial class MicroSpeechSpeed;

[EtchModel("micro_speech_quantized.tflite", Preset = EtchPreset.Size)]
internal static partial class MicroSpeechSize;

[EtchModel("hello_world_int8.tflite", Preset = EtchPreset.Balanced)]
internal static partial class HelloWorldBalanced;

[EtchModel("hello_world_int8.tflite", Preset = EtchPreset.Speed)]
internal static partial class HelloWorldSpeed;

[EtchModel("hello_world_int8.tflite", Preset = EtchPreset.Size)]
internal static partial class HelloWorldSize;

/// <summary>Prints, for each model and preset, bytes of flash and the time of an inference over that of Balanced.</summary>
/// <remarks>Each time is the smallest of many slices, of all presets in turn, after the JIT has finished: what disturbs a run makes it longer.</remarks>
internal static class Program
{
    private delegate void Inference(ReadOnlySpan<sbyte> input, Span<sbyte> output, Span<sbyte> arena);

    private static void Main()
    {
        Console.WriteLine("| model | flash: Balanced | Speed | Size | time: Balanced, µs | Speed | Size |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|---:|");
        Measure("dscnn_mlperf_kws_int8", [KwsBalanced.Invoke, KwsSpeed.Invoke, KwsSize.Invoke], [KwsBalanced.FlashBytes, KwsSpeed.FlashBytes, KwsSize.FlashBytes], KwsBalanced.InputLength, KwsBalanced.OutputLength);
        Measure("vww_mobilenetv1_96_int8", [VwwBalanced.Invoke, VwwSpeed.Invoke, VwwSize.Invoke], [VwwBalanced.FlashBytes, VwwSpeed.FlashBytes, VwwSize.FlashBytes], VwwBalanced.InputLength, VwwBalanced.OutputLength);
        Measure("resnet8_cifar_int8", [ResnetBalanced.Invoke, ResnetSpeed.Invoke, ResnetSize.Invoke], [ResnetBalanced.FlashBytes, ResnetSpeed.FlashBytes, ResnetSize.FlashBytes], ResnetBalanced.InputLength, ResnetBalanced.OutputLength);
        Measure("autoencoder_toycar_int8", [ToycarBalanced.Invoke, ToycarSpeed.Invoke, ToycarSize.Invoke], [ToycarBalanced.FlashBytes, ToycarSpeed.FlashBytes, ToycarSize.FlashBytes], ToycarBalanced.InputLength, ToycarBalanced.OutputLength);
        Measure("person_detect_96_int8", [PersonBalanced.Invoke, PersonSpeed.Invoke, PersonSize.Invoke], [PersonBalanced.FlashBytes, PersonSpeed.FlashBytes, PersonSize.FlashBytes], PersonBalanced.InputLength, PersonBalanced.OutputLength);
        Measure("micro_speech_quantized", [MicroSpeechBalanced.Invoke, MicroSpeechSpeed.Invoke, MicroSpeechSize.Invoke], [MicroSpeechBalanced.FlashBytes, MicroSpeechSpeed.FlashBytes, MicroSpeechSize.FlashBytes], MicroSpeechBalanced.InputLength, MicroSpeechBalanced.OutputLength);
        Measure("hello_world_int8", [HelloWorldBalanced.Invoke, HelloWorldSpeed.Invoke, HelloWorldSize.Invoke], [HelloWorldBalanced.FlashBytes, HelloWorldSpeed.FlashBytes, HelloWorldSize.FlashBytes], HelloWorldBalanced.InputLength, HelloWorldBalanced.OutputLength);
    }

    private static void Measure(string name, Inference[] presets, long[] flash, int inputLength, int outputLength)
    {
        sbyte[] input = new sbyte[inputLength], arena = new sbyte[1 << 20], expected = new sbyte[outputLength], output = new sbyte[outputLength];
        new Random(1).NextBytes(MemoryMarshal.AsBytes(input.AsSpan()));
        presets[0](input, expected, arena);
        double[] best = [.. presets.Select(_ => double.MaxValue)];
        int[] count = [.. presets.Select(_ => 1)];
        long begin = Stopwatch.GetTimestamp();
        for (int run = 0; run < 60 || Stopwatch.GetElapsedTime(begin).TotalSeconds < 5; run++)
        {
            for (int preset = 0; preset < presets.Length; preset++)
            {
                output.AsSpan().Clear();
                long start = Stopwatch.GetTimestamp();
                for (int i = 0; i < count[preset]; i++) presets[preset](input, output, arena);
                double time = Stopwatch.GetElapsedTime(start).TotalMicroseconds / count[preset];
                best[preset] = Math.Min(best[preset], time);

                // Slices of a fifth of a millisecond.
                count[preset] = Math.Clamp((int)(200 / time), 1, 1000);
                if (!output.AsSpan().SequenceEqual(expected)) throw new InvalidOperationException($"{name}: preset {preset} computes something else");
            }
        }

        string Number(double number, string format) => number.ToString(format, CultureInfo.InvariantCulture);
        Console.WriteLine($"| {name} | {string.Join(" | ", flash.Select(bytes => Number(bytes, "N0")))} | {Number(best[0], "0.00")} | "
            + $"{string.Join(" | ", best.Skip(1).Select(time => Number(time / best[0], "0.00")))} |");
    }
}
