using System;
using System.Diagnostics;
using System.Globalization;

namespace Etch.Bench;

[EtchModel("dscnn_mlperf_kws_int8.tflite", Streaming = EtchStreaming.Off)]
internal static partial class KwsByLayer;

[EtchModel("dscnn_mlperf_kws_int8.tflite", Streaming = EtchStreaming.Smallest)]
internal static partial class KwsByRow;

[EtchModel("vww_mobilenetv1_96_int8.tflite", Streaming = EtchStreaming.Off)]
internal static partial class VwwByLayer;

[EtchModel("vww_mobilenetv1_96_int8.tflite", Streaming = EtchStreaming.Smallest)]
internal static partial class VwwByRow;

[EtchModel("resnet8_cifar_int8.tflite", Streaming = EtchStreaming.Off)]
internal static partial class ResnetByLayer;

[EtchModel("resnet8_cifar_int8.tflite", Streaming = EtchStreaming.Smallest)]
internal static partial class ResnetByRow;

[EtchModel("person_detect_96_int8.tflite", Streaming = EtchStreaming.Off)]
internal static partial class PersonByLayer;

[EtchModel("person_detect_96_int8.tflite", Streaming = EtchStreaming.Smallest)]
internal static partial class PersonByRow;

/// <summary>Prints, for each model, the time of one inference row by row over that layer by layer.</summary>
/// <remarks>Each figure is the smallest of many runs, of both kinds in turn, after the JIT has finished: what disturbs a run makes it longer.</remarks>
internal static class Program
{
    private delegate void Inference(ReadOnlySpan<sbyte> input, Span<sbyte> output, Span<sbyte> memory);

    private static void Main()
    {
        Console.WriteLine("| model | arena by layers | arena by rows | memory with PushRow | time by rows / by layers | with PushRow / by layers |");
        Console.WriteLine("|---|---:|---:|---:|---:|---:|");
        Measure(
            "dscnn_mlperf_kws_int8", KwsByLayer.Invoke, KwsByRow.Invoke, KwsByRow.PushRow, KwsByRow.ResetRows,
            KwsByLayer.InputLength, KwsByLayer.OutputLength, KwsByRow.RowLength, KwsByLayer.ArenaBytes, KwsByRow.ArenaBytes, KwsByRow.RowsBytes);
        Measure(
            "vww_mobilenetv1_96_int8", VwwByLayer.Invoke, VwwByRow.Invoke, VwwByRow.PushRow, VwwByRow.ResetRows,
            VwwByLayer.InputLength, VwwByLayer.OutputLength, VwwByRow.RowLength, VwwByLayer.ArenaBytes, VwwByRow.ArenaBytes, VwwByRow.RowsBytes);
        Measure(
            "resnet8_cifar_int8", ResnetByLayer.Invoke, ResnetByRow.Invoke, ResnetByRow.PushRow, ResnetByRow.ResetRows,
            ResnetByLayer.InputLength, ResnetByLayer.OutputLength, ResnetByRow.RowLength, ResnetByLayer.ArenaBytes, ResnetByRow.ArenaBytes, ResnetByRow.RowsBytes);
        Measure(
            "person_detect_96_int8", PersonByLayer.Invoke, PersonByRow.Invoke, PersonByRow.PushRow, PersonByRow.ResetRows,
            PersonByLayer.InputLength, PersonByLayer.OutputLength, PersonByRow.RowLength, PersonByLayer.ArenaBytes, PersonByRow.ArenaBytes, PersonByRow.RowsBytes);
    }

    private delegate bool Push(ReadOnlySpan<sbyte> row, Span<sbyte> output, Span<sbyte> rows);

    private delegate void Reset(Span<sbyte> rows);

    private static void Measure(
        string name, Inference byLayer, Inference byRow, Push push, Reset reset,
        int inputLength, int outputLength, int rowLength, int layerBytes, int rowBytes, int pushBytes)
    {
        sbyte[] input = new sbyte[inputLength], memory = new sbyte[Math.Max(layerBytes, pushBytes)];
        sbyte[] expected = new sbyte[outputLength], output = new sbyte[outputLength];
        new Random(1).NextBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(input.AsSpan()));
        byLayer(input, expected, memory);

        void Pushed()
        {
            reset(memory);
            for (int at = 0; at < input.Length; at += rowLength) push(input.AsSpan(at, rowLength), output, memory);
        }

        Action[] ways = [() => byLayer(input, output, memory), () => byRow(input, output, memory), Pushed];
        long[] best = [long.MaxValue, long.MaxValue, long.MaxValue];
        long begin = Stopwatch.GetTimestamp();
        for (int run = 0; run < 200 || Stopwatch.GetElapsedTime(begin).TotalSeconds < 4; run++)
        {
            for (int way = 0; way < ways.Length; way++)
            {
                output.AsSpan().Clear();
                long start = Stopwatch.GetTimestamp();
                ways[way]();
                best[way] = Math.Min(best[way], Stopwatch.GetTimestamp() - start);
                if (!output.AsSpan().SequenceEqual(expected)) throw new InvalidOperationException($"{name}: way {way} computes something else");
            }
        }

        string Number(int bytes) => bytes.ToString("N0", CultureInfo.InvariantCulture);
        string Ratio(int way) => ((double)best[way] / best[0]).ToString("0.00", CultureInfo.InvariantCulture);
        Console.WriteLine($"| {name} | {Number(layerBytes)} | {Number(rowBytes)} | {Number(pushBytes)} | {Ratio(1)} | {Ratio(2)} |");
    }
}
