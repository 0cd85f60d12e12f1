using System;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Runtime.InteropServices;

namespace Etch.Bench;

[EtchModel("dscnn_mlperf_kws_int8.tflite", Streaming = EtchStreaming.Off)]
internal static partial class KwsByLayer;

[EtchModel("dscnn_mlperf_kws_int8.tflite", Streaming = EtchStreaming.Smallest)]
internal static partial class KwsSmallest;

[EtchModel("dscnn_mlperf_kws_int8.tflite")]
[EtchBudget(Ram = 14_726)]
internal static partial class KwsWithin;

[EtchModel("dscnn_mlperf_kws_int8.tflite")]
[EtchBudget(Ram = 15_046)]
internal static partial class KwsOneRowMore;

[EtchModel("vww_mobilenetv1_96_int8.tflite", Streaming = EtchStreaming.Off)]
internal static partial class VwwByLayer;

[EtchModel("vww_mobilenetv1_96_int8.tflite", Streaming = EtchStreaming.Smallest)]
internal static partial class VwwSmallest;

[EtchModel("vww_mobilenetv1_96_int8.tflite")]
[EtchBudget(Ram = 30_638)]
internal static partial class VwwWithin;

[EtchModel("resnet8_cifar_int8.tflite", Streaming = EtchStreaming.Off)]
internal static partial class ResnetByLayer;

[EtchModel("resnet8_cifar_int8.tflite", Streaming = EtchStreaming.Smallest)]
internal static partial class ResnetSmallest;

[EtchModel("resnet8_cifar_int8.tflite")]
[EtchBudget(Ram = 30_214)]
internal static partial class ResnetWithin;

[EtchModel("person_detect_96_int8.tflite", Streaming = EtchStreaming.Off)]
internal static partial class PersonByLayer;

[EtchModel("person_detect_96_int8.tflite", Streaming = EtchStreaming.Smallest)]
internal static partial class PersonSmallest;

[EtchModel("person_detect_96_int8.tflite")]
[EtchBudget(Ram = 31_790)]
internal static partial class PersonWithin;

[EtchModel("mobilenetv2_1.0_224_tf2ptq_int8.tflite", Streaming = EtchStreaming.Off)]
internal static partial class MobileNetByLayer;

[EtchModel("mobilenetv2_1.0_224_tf2ptq_int8.tflite", Streaming = EtchStreaming.Smallest)]
internal static partial class MobileNetSmallest;

[EtchModel("mobilenetv2_1.0_224_tf2ptq_int8.tflite")]
[EtchBudget(Ram = 199_942)]
internal static partial class MobileNetWithin;

/// <summary>Prints, for each model, the time of an inference row by row over that layer by layer: with the smallest arena, and with a budget.</summary>
/// <remarks>
/// Arguments are parts of the names of the models to measure, none for all. The budgets are the arena of the planner study (docs/memory.md)
/// and the stack of the emitted code; the keyword model is also given a row of 320 bytes more. Each figure is the smallest of many runs, of all
/// kinds in turn, after the JIT has finished: what disturbs a run makes it longer.
/// </remarks>
internal static class Program
{
    private delegate void Inference<T>(ReadOnlySpan<T> input, Span<T> output, Span<sbyte> memory);

    private delegate bool Push<T>(ReadOnlySpan<T> row, Span<T> output, Span<sbyte> rows);

    private delegate void Reset(Span<sbyte> rows);

    // The smallest arena, or what fits into a budget: the arena of the study and the stack.
    private sealed record Rows<T>(
        Inference<T> Invoke, Push<T> Push, Reset Reset, int ArenaBytes, int RowsBytes, int StackBytes, int Budget = 0, int Study = 0);

    private static void Main(string[] args)
    {
        Console.WriteLine("| model | how | arena | memory with PushRow | time / by layers | with PushRow / by layers |");
        Console.WriteLine("|---|---|---:|---:|---:|---:|");
        Measure<sbyte>(
            args, "dscnn_mlperf_kws_int8", KwsByLayer.Invoke, KwsByLayer.InputLength, KwsByLayer.OutputLength, KwsByLayer.ArenaBytes, KwsSmallest.RowLength,
            new(KwsSmallest.Invoke, KwsSmallest.PushRow, KwsSmallest.ResetRows, KwsSmallest.ArenaBytes, KwsSmallest.RowsBytes, KwsSmallest.StackBytes),
            new(KwsWithin.Invoke, KwsWithin.PushRow, KwsWithin.ResetRows, KwsWithin.ArenaBytes, KwsWithin.RowsBytes, KwsWithin.StackBytes, Budget: 14_726, Study: 5_760),
            new(KwsOneRowMore.Invoke, KwsOneRowMore.PushRow, KwsOneRowMore.ResetRows, KwsOneRowMore.ArenaBytes, KwsOneRowMore.RowsBytes, KwsOneRowMore.StackBytes, Budget: 15_046, Study: 6_080));
        Measure<sbyte>(
            args, "vww_mobilenetv1_96_int8", VwwByLayer.Invoke, VwwByLayer.InputLength, VwwByLayer.OutputLength, VwwByLayer.ArenaBytes, VwwSmallest.RowLength,
            new(VwwSmallest.Invoke, VwwSmallest.PushRow, VwwSmallest.ResetRows, VwwSmallest.ArenaBytes, VwwSmallest.RowsBytes, VwwSmallest.StackBytes),
            new(VwwWithin.Invoke, VwwWithin.PushRow, VwwWithin.ResetRows, VwwWithin.ArenaBytes, VwwWithin.RowsBytes, VwwWithin.StackBytes, Budget: 30_638, Study: 13_056));
        Measure<sbyte>(
            args, "resnet8_cifar_int8", ResnetByLayer.Invoke, ResnetByLayer.InputLength, ResnetByLayer.OutputLength, ResnetByLayer.ArenaBytes, ResnetSmallest.RowLength,
            new(ResnetSmallest.Invoke, ResnetSmallest.PushRow, ResnetSmallest.ResetRows, ResnetSmallest.ArenaBytes, ResnetSmallest.RowsBytes, ResnetSmallest.StackBytes),
            new(ResnetWithin.Invoke, ResnetWithin.PushRow, ResnetWithin.ResetRows, ResnetWithin.ArenaBytes, ResnetWithin.RowsBytes, ResnetWithin.StackBytes, Budget: 30_214, Study: 12_608));
        Measure<sbyte>(
            args, "person_detect_96_int8", PersonByLayer.Invoke, PersonByLayer.InputLength, PersonByLayer.OutputLength, PersonByLayer.ArenaBytes, PersonSmallest.RowLength,
            new(PersonSmallest.Invoke, PersonSmallest.PushRow, PersonSmallest.ResetRows, PersonSmallest.ArenaBytes, PersonSmallest.RowsBytes, PersonSmallest.StackBytes),
            new(PersonWithin.Invoke, PersonWithin.PushRow, PersonWithin.ResetRows, PersonWithin.ArenaBytes, PersonWithin.RowsBytes, PersonWithin.StackBytes, Budget: 31_790, Study: 14_208));
        Measure<byte>(
            args, "mobilenetv2_1.0_224_tf2ptq_int8", MobileNetByLayer.Invoke, MobileNetByLayer.InputLength, MobileNetByLayer.OutputLength, MobileNetByLayer.ArenaBytes, MobileNetSmallest.RowLength,
            new(MobileNetSmallest.Invoke, MobileNetSmallest.PushRow, MobileNetSmallest.ResetRows, MobileNetSmallest.ArenaBytes, MobileNetSmallest.RowsBytes, MobileNetSmallest.StackBytes),
            new(MobileNetWithin.Invoke, MobileNetWithin.PushRow, MobileNetWithin.ResetRows, MobileNetWithin.ArenaBytes, MobileNetWithin.RowsBytes, MobileNetWithin.StackBytes, Budget: 199_942, Study: 175_616));
    }

    private static void Measure<T>(
        string[] names, string name, Inference<T> byLayer, int inputLength, int outputLength, int arenaBytes, int rowLength, params Rows<T>[] kinds)
        where T : unmanaged
    {
        if (names.Length > 0 && !names.Any(part => name.Contains(part, StringComparison.Ordinal))) return;
        foreach (Rows<T> rows in kinds)
        {
            if (rows.Budget == 0 || rows.Budget == rows.StackBytes + rows.Study) continue;
            throw new InvalidOperationException($"{name}: the stack is not what it was; the budget must be {rows.StackBytes + rows.Study}");
        }

        T[] input = new T[inputLength], expected = new T[outputLength], output = new T[outputLength];
        sbyte[] memory = new sbyte[kinds.Select(rows => rows.RowsBytes).Append(arenaBytes).Max()];
        new Random(1).NextBytes(MemoryMarshal.AsBytes(input.AsSpan()));
        byLayer(input, expected, memory);

        void Pushed(Rows<T> rows)
        {
            rows.Reset(memory);
            for (int at = 0; at < input.Length; at += rowLength) rows.Push(input.AsSpan(at, rowLength), output, memory);
        }

        Action[] ways =
        [
            () => byLayer(input, output, memory),
            .. kinds.SelectMany(rows => new Action[] { () => rows.Invoke(input, output, memory), () => Pushed(rows) }),
        ];
        long[] best = [.. ways.Select(_ => long.MaxValue)];
        long begin = Stopwatch.GetTimestamp();
        for (int run = 0; run < 200 || Stopwatch.GetElapsedTime(begin).TotalSeconds < 5; run++)
        {
            for (int way = 0; way < ways.Length; way++)
            {
                output.AsSpan().Clear();
                long start = Stopwatch.GetTimestamp();
                ways[way]();
                best[way] = Math.Min(best[way], Stopwatch.GetTimestamp() - start);
                if (!MemoryMarshal.AsBytes(output.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(expected.AsSpan())))
                {
                    throw new InvalidOperationException($"{name}: way {way} computes something else");
                }
            }
        }

        string Number(int bytes) => bytes.ToString("N0", CultureInfo.InvariantCulture);
        string Ratio(int way) => ((double)best[way] / best[0]).ToString("0.00", CultureInfo.InvariantCulture);
        Console.WriteLine($"| {name} | by layers | {Number(arenaBytes)} | – | 1 | – |");
        for (int i = 0; i < kinds.Length; i++)
        {
            Rows<T> rows = kinds[i];
            string how = rows.Budget == 0 ? "`Smallest`" : $"`Ram = {Number(rows.Budget)}`";
            Console.WriteLine($"| | {how} | {Number(rows.ArenaBytes)} | {Number(rows.RowsBytes)} | {Ratio((2 * i) + 1)} | {Ratio((2 * i) + 2)} |");
        }
    }
}
