using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;
using Etch.Passes;

namespace Etch.Emit;

/// <summary>Writes layers that run row by row: one method that computes what is due at a tick, and the loop that calls it.</summary>
internal static class RowsWriter
{
    /// <summary>The method of a step's ticks.</summary>
    public static string Method(Step step) => InvariantText.Of($"Rows{step.First}To{step.End - 1}");

    /// <summary>All ticks, one after the other, on the whole source.</summary>
    public static void WriteLoop(CodeWriter w, CompiledModel model, int index, IReadOnlyDictionary<int, string> spans)
    {
        RowGroup group = model.Steps[index].Rows!;
        string next = group.Every == 1 ? "tick++" : InvariantText.Of($"tick += {group.Every}");
        using (w.Block($"for (int tick = {group.Begin}; tick < {group.End}; {next})")) WriteCall(w, Call(model, index, "0", spans));
    }

    /// <summary>The ticks of one pushed row <c>y</c>: its own, if there is one, and after the last row those that are left.</summary>
    public static void WritePush(CodeWriter w, CompiledModel model, Dictionary<int, string> spans, string source)
    {
        RowPush push = model.Push!;
        RowGroup group = model.Steps[0].Rows!;
        int every = group.Every, first = group.SourceClock.First, kept = group.SourceKept;
        string type = push.Type.Keyword(), slice = InvariantText.Of($"arena.Slice({push.LinesAt}, {push.Lines * push.RowLength * push.Type.Size()})");
        string Due(string tick) => InvariantText.Of($"LineBuffer.Rows({tick}, {first}, 1, {push.Rows})");
        spans[model.Graph.Inputs[0]] = source;
        w.Line($"Span<{type}> {source} = {(type == "sbyte" ? slice : $"MemoryMarshal.Cast<sbyte, {type}>({slice})")}; // the last rows pushed");
        w.Line(every == 1 ? InvariantText.Of($"int tick = {Sum("y", first)};") : InvariantText.Of($"int tick = (y + {first + every - 1}) / {every} * {every};"));
        w.Line($"int begin = {Due(InvariantText.Of($"tick - {every}"))}, end = y < {push.Rows - 1} ? {Sum("y", first + 1)} : {group.End};");
        w.Line($"row.CopyTo(LineBuffer.Behind({source}, {kept}, begin, y + 1, {push.RowLength}).Slice((y - begin) * {push.RowLength}));");
        using (w.Block(every == 1 ? "for (; tick < end; tick++)" : InvariantText.Of($"for (; tick < end; tick += {every})")))
        {
            WriteCall(w, Call(model, 0, kept == 0 ? "begin" : InvariantText.Of($"Math.Max(0, begin - {kept})"), spans));
            if (kept > 0 && kept < push.Rows) w.Line($"LineBuffer.Keep({source}, {source}.Slice(0, {kept * push.RowLength}), begin, {Due("tick")}, {push.RowLength});");
            w.Line($"begin = {Due("tick")};");
        }

        w.Line();
    }

    private static string Sum(string a, int b) => b == 0 ? a : InvariantText.Of($"{a} + {b}");

    private static void WriteCall(CodeWriter w, string call) => w.Line(call.Length <= 124 ? call : call.Replace(", ", ",\n    "));

    // The call of a tick with these spans, by root.
    private static string Call(CompiledModel model, int index, string sourceTop, IReadOnlyDictionary<int, string> spans)
    {
        Step step = model.Steps[index];
        Graph graph = model.Graph;
        IEnumerable<string> inputs = Roots(graph, step.Inputs).Skip(1).Select(root => spans[root]);
        IEnumerable<string> outputs = step.Outputs.Select(id => spans[graph.Root(id)]);
        string lines = InvariantText.Of($"arena.Slice({model.Plan.ScratchAt[index]}, {step.ScratchBytes})");
        string[] arguments = ["tick", spans[graph.Root(step.Rows!.Source)], sourceTop, .. inputs, .. outputs, lines];
        return $"{Method(step)}({string.Join(", ", arguments)});";
    }

    public static void Write(CodeWriter w, CompiledModel model, Step step, string[] methods, Dictionary<Table, string> tables)
    {
        RowGroup group = step.Rows!;
        Graph graph = model.Graph;
        var taken = new HashSet<string> { "tick", "y", "lines", "rows", "sums", "sourceTop" };
        for (int i = 0; i < step.Layers.Count; i++) taken.UnionWith([Begin(i), End(i)]);
        var names = new Dictionary<int, string>();
        string Name(int root) => names[root] = Names.Unique(Names.Camel(graph[root].Name, "tensor"), taken);

        string[] inputs = [.. Roots(graph, step.Inputs).Select(root => $"ReadOnlySpan<{graph[root].Type.Keyword()}> {Name(root)}")];
        string[] outputs = [.. step.Outputs.Select(root => $"Span<{graph[root].Type.Keyword()}> {Name(root)}")];
        w.Line($"// layers {step.First} to {step.End - 1}, row by row: at each tick, a layer computes its next rows, from begin to end, if they are due.");
        w.Line("// Between layers only the rows exist that a window still needs.");
        using (w.Method(Method(step), "int tick", inputs[0] + ", int sourceTop", string.Join(", ", inputs.Skip(1)), string.Join(", ", outputs), "Span<sbyte> lines"))
        {
            foreach (RowBuffer buffer in group.Buffers.Values.Where(buffer => !names.ContainsKey(buffer.Tensor)))
            {
                Tensor tensor = graph[buffer.Tensor];
                string rows = buffer.Lines == 1 ? "a row" : InvariantText.Of($"the last {buffer.Lines} rows");
                w.Line($"Span<{tensor.Type.Keyword()}> {Name(buffer.Tensor)} = {Slice(buffer, buffer.WorkAt, buffer.Bytes)}; // {rows} of {string.Join("×", tensor.Shape)}");
            }

            for (int i = 0; i < step.Layers.Count; i++)
            {
                WriteLayer(w, graph, step, i, methods[step.First + i], names, tables);
                foreach (RowBuffer read in group.Buffers.Values.Where(buffer => buffer is { DropsEarly: true, Kept: > 0 } && buffer.To == i))
                {
                    string name = names[read.Tensor], kept = read.WorkAt == read.At ? InvariantText.Of($"{name}.Slice(0, {read.Kept * read.RowLength})") : Slice(read, read.At, read.KeptBytes);
                    w.Line($"{IfDue(group, read)}LineBuffer.Keep({name}, {kept}, {Begin(read.Layer)}, {End(read.Layer)}, {read.RowLength});");
                }
            }
        }
    }

    private static void WriteLayer(
        CodeWriter w, Graph graph, Step step, int index, string method, Dictionary<int, string> names, Dictionary<Table, string> tables)
    {
        RowGroup group = step.Rows!;
        Layer layer = step.Layers[index];
        RowClock clock = group.Clocks[index];
        int root = graph.Root(layer.Outputs[0]), length = layer.Kernel is RowSum ? 0 : RowLength(graph[layer.Outputs[0]]);
        RowBuffer? own = group.Buffers.TryGetValue(root, out RowBuffer? buffer) ? buffer : null;
        string[] constants = [.. layer.Tables.Select(table => tables[table])];
        string begin = Begin(index), end = End(index), output = names[root];
        w.Line();
        w.Line($"// layer {step.First + index} · {layer.Op.Name}");
        w.Line($"int {begin} = {Due(clock, InvariantText.Of($"tick - {group.Every}"), group.Every)}, {end} = {Due(clock, "tick", group.Every)};");
        if (own is not null && own.WorkAt != own.At)
        {
            w.Line($"{IfDue(group, own)}LineBuffer.Restore({Slice(own, own.At, own.KeptBytes)}, {output}, {begin}, {length});");
        }

        using (w.Block($"if ({begin} < {end})"))
        {
            if (layer.Kernel is RowSum)
            {
                w.Line($"Span<int> sums = {Slice(own!, own!.At, own.Bytes)};");
                WriteCall(w, method, [Rows(graph, group, layer.Inputs[0], names, begin), begin, end, "sums", output], constants);
            }
            else
            {
                string place = own is null ? InvariantText.Of($"{output}.Slice({begin} * {length}, ({end} - {begin}) * {length})")
                    : !own.DropsEarly ? InvariantText.Of($"LineBuffer.Next({output}, {begin}, {end}, {length})")
                    : InvariantText.Of($"LineBuffer.Behind({output}, {own.Kept}, {begin}, {end}, {length})");
                w.Line($"Span<{graph[root].Type.Keyword()}> rows = {place};");
                if (layer.Kernel.RowWindow is not null)
                {
                    WriteCall(w, method, [names[graph.Root(layer.Inputs[0])], Top(graph, group, layer.Inputs[0]), "rows", begin, end], constants);
                }
                else
                {
                    using (w.Block($"for (int y = {begin}; y < {end}; y++)"))
                    {
                        string row = InvariantText.Of($"rows.Slice((y - {begin}) * {length}, {length})");
                        WriteCall(w, method, [.. layer.Inputs.Select(id => Row(graph, group, id, names)), row], constants);
                    }
                }
            }

            w.Line(InvariantText.Of($"AfterLayer({step.First + index});"));
        }
    }

    private static void WriteCall(CodeWriter w, string method, string[] arguments, string[] constants)
    {
        string head = string.Join(", ", arguments), tail = string.Join(", ", constants);
        string line = tail.Length == 0 ? $"{method}({head});" : $"{method}({head}, {tail});";
        if (head.Length > 104) head = string.Join(",\n    ", arguments);
        if (line.Length <= 104) w.Line(line);
        else w.Line(tail.Length == 0 ? $"{method}(\n    {head});" : $"{method}(\n    {head},\n    {tail});");
    }

    // Row y of a tensor, wherever its rows begin; a tensor of one row is the same for all of them.
    private static string Row(Graph graph, RowGroup group, int id, Dictionary<int, string> names)
    {
        string name = names[graph.Root(id)];
        bool isOne = graph[id].Shape[1] == 1 || (group.Buffers.TryGetValue(graph.Root(id), out RowBuffer? rows) && rows.Lines == 1);
        return isOne ? name : Rows(graph, group, id, names, "y", InvariantText.Of($", {RowLength(graph[id])}"));
    }

    // What a tensor's span holds from a row on.
    private static string Rows(Graph graph, RowGroup group, int id, Dictionary<int, string> names, string row, string length = "")
    {
        string name = names[graph.Root(id)], top = Top(graph, group, id);
        return top == row ? InvariantText.Of($"{name}.Slice(0{length})")
            : InvariantText.Of($"{name}.Slice({(top == "0" ? row : $"({row} - {top})")} * {RowLength(graph[id])}{length})");
    }

    // The first row of what a tensor's span holds.
    private static string Top(Graph graph, RowGroup group, int id)
    {
        if (graph.Root(id) == graph.Root(group.Source)) return "sourceTop";
        if (!group.Buffers.TryGetValue(graph.Root(id), out RowBuffer? rows) || rows.Kept == rows.Clock.Rows) return "0";
        string newest = rows.DropsEarly ? Begin(rows.Layer) : End(rows.Layer);
        return rows.Kept == 0 ? newest : InvariantText.Of($"Math.Max(0, {newest} - {rows.Kept})");
    }

    private static string Begin(int index) => InvariantText.Of($"begin{index}");

    private static string End(int index) => InvariantText.Of($"end{index}");

    // Rows that are due at a tick or before, of a layer that may compute at fewer ticks than others.
    private static string Due(RowClock clock, string tick, int every)
    {
        string at = clock.Every == every ? tick : InvariantText.Of($"{(tick == "tick" ? tick : $"({tick})")} / {clock.Every} * {clock.Every}");
        return InvariantText.Of($"LineBuffer.Rows({at}, {clock.First}, {clock.Period}, {clock.Rows})");
    }

    private static string IfDue(RowGroup group, RowBuffer buffer) =>
        buffer.Clock.Every == group.Every ? "" : InvariantText.Of($"if (tick % {buffer.Clock.Every} == 0) ");

    private static string Slice(RowBuffer buffer, int at, int bytes)
    {
        string slice = InvariantText.Of($"lines.Slice({at}, {bytes})");
        return buffer.Type == ElementType.Int8 ? slice : $"MemoryMarshal.Cast<sbyte, {buffer.Type.Keyword()}>({slice})";
    }

    private static int RowLength(Tensor image) => image.Shape[2] * image.Shape[3];

    private static IEnumerable<int> Roots(Graph graph, IEnumerable<int> ids) => ids.Select(graph.Root).Distinct();
}
