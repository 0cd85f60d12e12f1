using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using Etch.Emit;
using Etch.Ir;
using Etch.Passes;

namespace Etch.Report;

/// <summary>A model of the report: compiled, also with inputs and outputs in the arena and to stream as much as it can, and as its file has it.</summary>
internal sealed record Row(CompiledModel Model, CompiledModel InArena, CompiledModel Streamed, Graph File)
{
    public string Name => Path.GetFileNameWithoutExtension(Model.File.Name);

    public long CallersBytes => Model.Measures.WorkingBytes - Model.Cost.Arena - Model.Cost.State;

    public TflmArena? Measured => Tflm.Measured.GetValueOrDefault(Name);
}

/// <summary>Writes docs/models.md.</summary>
internal static class Tables
{
    private const string Head = """
        # What models cost

        Figures of the compiler for real models, with default options. Written by a tool; do not edit:

        ```
        dotnet run -c Release --project tools/Report > docs/models.md
        ```

        `keywords` is the model of `samples/KeywordSpotting`. The others lie beside the repository, in `../shared/models`: all of that folder
        that are quantised. [families.md](families.md) has the code around them. Bytes throughout. The same figures are constants of the
        generated class and stand in the header of the emitted file. *Operators* are those of the file, *layers* what is left to run,
        *kernels* the different ones among them. RAM is arena, state and stack.
        """;

    private const string Memory = """
        ## Working memory

        *Arena* is what the caller hands to `Invoke` besides inputs and outputs; *lower bound* is the most that lives in it during one
        layer, so that no placement of these layers needs less. *Working* is arena, state, inputs and outputs together.

        TensorFlow Lite Micro (TFLM) keeps inputs and outputs in its arena and lets other tensors take their place when they are no
        longer, or not yet, needed. So its figure compares with *arena* for a program that has the input lying somewhere anyway (a
        sensor's buffer), and with *in arena* for one that has it only for the model: the arena that holds inputs and outputs as well, which
        share their bytes with other tensors (`InArena`, docs/memory.md). *Working* counts inputs and outputs for the whole inference,
        for spans of the caller's share no bytes with anything. *TFLM live* is computed from the file: the largest sum of activations
        alive during one operator, inputs and outputs included, each rounded to TFLM's 16 bytes; TFLM cannot need less. *TFLM peak* is
        the non-persistent part of its arena as measured (tensors and scratch, greedy planner), *TFLM used* what `arena_used_bytes()`
        returned, with the interpreter's own structures, on a 64-bit build. A dash: not measured.

        *By rows* is the arena when as many layers run row by row as make it smallest (`Streaming = EtchStreaming.Smallest`); *pushed* is all
        the memory there is when the input comes row by row, so that nobody holds the whole of it (docs/memory.md). A dash: the model
        has state, several inputs, or a first layer that needs the whole input.
        """;

    private const string Peers = """
        ## Peers' arenas

        What others publish for the four models of MLPerf Tiny, beside *arena* and *by rows* from above: TFLM as Renesas submitted it
        (`tensor_arena_size`, v0.7 and v1.2), microTVM and microTVM with CMSIS-NN (`WORKSPACE_SIZE`, v1.0), Bosch HALE (its buffer on the boards
        it was submitted for, v1.2).

        | model | arena | by rows | TFLM | microTVM | microTVM, CMSIS-NN | HALE |
        |---|---:|---:|---:|---:|---:|---:|
        """;

    // MLPerf Tiny submissions: tiny_results v0.7, v1.0 and v1.2.
    private static readonly (string Model, string Figures)[] Published =
    [
        ("dscnn_mlperf_kws_int8", "31 KB | 146,960 | 17,744 | 16,000 to 20,864"),
        ("vww_mobilenetv1_96_int8", "99 to 100 KB | 353,800 | 65,312 | 55,296 to 73,216"),
        ("resnet8_cifar_int8", "54 to 60 KB | 247,904 | 66,624 | 36,560 to 57,856"),
        ("autoencoder_toycar_int8", "3 to 10 KB | 3,200 | 1,672 | 768"),
    ];

    private const string Flash = """
        ## RAM and flash

        RAM is arena, state and stack, flash is constant tables and an estimate of the machine code: what `[EtchBudget]` limits. The stack
        is what kernels take by `stackalloc` and a fixed allowance for frames. State is what the
        caller keeps between inferences ([docs/state.md](state.md)).
        """;

    private const string Field = """
        ## Measures of the field

        *Traffic* is bytes of activations read and written in one inference, as the file has its operators and after fusion. *Reuse* is
        invocations per distinct kernel. *MACs per byte* divides MACs by the traffic after fusion. *Imbalance* is the larger of input and
        output channels over the smaller one, averaged by MACs over convolutions and fully connected layers; 1 is best.
        """;

    private const string Channels = """
        ## Constant channels

        Output channels, weights and MACs of convolutions and fully connected layers, as filed and after channels were dropped that
        always store one number or that nobody reads (docs/memory.md). The other models have no such channels.
        """;

    private const string Operators = """
        ## Operators

        Operators in the file, layers that are emitted, and how many less (or more, +) each pass left (docs/architecture.md says what they do).
        """;

    private const string Latency = """
        ## Latency estimates

        Milliseconds of one inference: MACs times published cycles per MAC of plain code on the MLPerf Tiny models. An order of
        magnitude, not a measurement: layers with few MACs per byte are slower, and no figure was taken on a board.
        """;

    public static string Write(IReadOnlyList<Row> rows)
    {
        var text = new StringBuilder();
        void Part(string heading, string[] columns, Func<Row, IEnumerable<string>> cells, Func<Row, bool>? isListed = null)
        {
            if (text.Length > 0) text.Append('\n');
            text.Append(heading).Append("\n\n");
            text.Append("| model | ").AppendJoin(" | ", columns).Append(" |\n|---|").Append(string.Concat(columns.Select(_ => "---:|"))).Append('\n');
            foreach (Row row in rows.Where(isListed ?? (_ => true))) text.Append("| ").Append(row.Name).Append(" | ").AppendJoin(" | ", cells(row)).Append(" |\n");
        }

        Part(Head, ["family", "operators", "layers", "kernels", "parameters", "MACs", "RAM", "flash"], row =>
        [
            Families.Of(row.Name) ?? "–", Number(row.Model.Measures.OpsBefore), Number(row.Model.Measures.OpsAfter), Number(row.Model.Measures.Kernels),
            Number(row.Model.Measures.Parameters), Number(row.Model.Cost.Macs), Number(row.Model.Cost.Ram), Number(row.Model.Cost.Flash),
        ]);
        Part(Memory, ["arena", "lower bound", "by rows", "pushed", "state", "inputs, outputs", "working", "in arena", "TFLM live", "TFLM peak", "TFLM used"], row =>
        [
            Number(row.Model.Cost.Arena), Number(row.Model.Plan.LowerBound), Number(row.Streamed.Cost.Arena), Number(row.Streamed.Push?.Bytes),
            Number(row.Model.Cost.State), Number(row.CallersBytes), Number(row.Model.Measures.WorkingBytes), Number(row.InArena.Cost.Arena),
            Number(Tflm.LivePeak(row.File)), Number(row.Measured?.Peak), Number(row.Measured?.ArenaUsed),
        ]);
        text.Append('\n').Append(Verdict(rows));
        if (rows.Any(row => Published.Any(other => other.Model == row.Name))) text.Append('\n').Append(Peers).Append('\n');
        foreach ((string model, string figures) in Published)
        {
            if (rows.FirstOrDefault(row => row.Name == model) is not { } row) continue;
            text.Append(InvariantText.Of($"| {model} | {Number(row.Model.Cost.Arena)} | {Number(row.Streamed.Cost.Arena)} | {figures} |\n"));
        }

        Part(Flash, ["arena", "state", "stack", "RAM", "tables", "code, about", "flash"], row =>
        [
            Number(row.Model.Cost.Arena), Number(row.Model.Cost.State), Number(row.Model.Cost.Stack), Number(row.Model.Cost.Ram),
            Number(row.Model.Cost.Tables), Number(row.Model.Cost.Code), Number(row.Model.Cost.Flash),
        ]);
        Part(Field, ["FLOPs", "traffic as filed", "traffic fused", "MACs per byte", "reuse", "imbalance"], row =>
        [
            Number(row.Model.Cost.Flops), Number(row.Model.Measures.TrafficBefore), Number(row.Model.Measures.TrafficAfter),
            Ratio((double)row.Model.Cost.Macs / Math.Max(1, row.Model.Measures.TrafficAfter)),
            Ratio(row.Model.Measures.Reuse), Ratio(row.Model.Measures.ChannelImbalance),
        ]);
        Part(Channels, ["channels as filed", "kept", "weights as filed", "kept", "MACs as filed", "kept"], row =>
        [
            Number(row.Model.Measures.ChannelsBefore), Number(row.Model.Measures.ChannelsAfter), Number(row.Model.Measures.WeightsBefore),
            Number(row.Model.Measures.WeightsAfter), Number(row.Model.Measures.MacsBefore), Number(row.Model.Cost.Macs),
        ], row => row.Model.Measures.ChannelsAfter < row.Model.Measures.ChannelsBefore);
        Part(Operators, ["in the file", "layers", "by pass"], row =>
        [
            Number(row.Model.Measures.OpsBefore), Number(row.Model.Measures.OpsAfter), string.Join(", ", row.Model.Measures.Steps),
        ]);
        Part(Latency, [.. Measures.Cores.Select(c => InvariantText.Of($"{c.Core}, {c.Megahertz} MHz"))], row => Measures.Cores.Select(core =>
            (row.Model.Cost.Macs * core.CyclesPerMac / (core.Megahertz * 1000.0)).ToString("0.00", CultureInfo.InvariantCulture)));
        text.Append("\nCycles per MAC: ").AppendJoin("; ", Measures.Cores.Select(c => InvariantText.Of($"{c.Core} {c.CyclesPerMac} ({c.Source})"))).Append(".\n");
        return text.ToString();
    }

    // Says who needs more than TFLM by which reckoning, rather than leave it to the reader's arithmetic.
    private static string Verdict(IReadOnlyList<Row> rows)
    {
        string Above(string subject, string than, IReadOnlyList<Row> among, Func<Row, long> need, Func<Row, long> bound)
        {
            string[] above = [.. among.Where(r => need(r) > bound(r)).Select(r => InvariantText.Of($"{r.Name} {Number(need(r) - bound(r))}"))];
            return above.Length == 0
                ? InvariantText.Of($"- *{subject}* is at most *{than}* for each of {among.Count} models.\n")
                : InvariantText.Of($"- *{subject}* is above *{than}* for {above.Length} of {among.Count} models, by bytes: {string.Join(", ", above)}.\n");
        }

        Row[] measured = [.. rows.Where(r => r.Measured is not null)];
        return Above("Arena", "TFLM live", rows, r => r.Model.Cost.Arena, r => Tflm.LivePeak(r.File))
            + Above("In arena", "TFLM live", rows, r => r.InArena.Cost.Arena, r => Tflm.LivePeak(r.File))
            + Above("Working", "TFLM live", rows, r => r.Model.Measures.WorkingBytes, r => Tflm.LivePeak(r.File))
            + Above("Working", "TFLM used", measured, r => r.Model.Measures.WorkingBytes, r => r.Measured!.ArenaUsed)
            + Above("Arena", "lower bound", rows, r => r.Model.Cost.Arena, r => r.Model.Plan.LowerBound);
    }

    private static string Number(long? value) => value is { } number ? Names.Number(number) : "–";

    private static string Ratio(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
