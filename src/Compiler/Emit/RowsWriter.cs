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
        using (w.Block($"for (int tick = 0; tick < {model.Steps[index].Rows!.Ticks}; tick++)")) WriteCall(w, Call(model, index, "0", spans));
    }

    /// <summary>The ticks of one pushed row <c>y</c>: its own, and after the last row those that are left.</summary>
    public static void WritePush(CodeWriter w, CompiledModel model, Dictionary<int, string> spans, string source)
    {
        RowPush push = model.Push!;
        string type = push.Type.Keyword(), slice = InvariantText.Of($"arena.Slice({push.LinesAt}, {push.Lines * push.RowLength * push.Type.Size()})");
        spans[model.Graph.Inputs[0]] = source;
        w.Line($"Span<{type}> {source} = {(type == "sbyte" ? slice : $"MemoryMarshal.Cast<sbyte, {type}>({slice})")}; // the last rows pushed");
        w.Line($"row.CopyTo(LineBuffer.Next({source}, y, {push.RowLength}));");
        w.Line($"int end = y < {push.Rows - 1} ? y + 1 : {model.Steps[0].Rows!.Ticks};");
        using (w.Block("for (int tick = y; tick < end; tick++)"))
        {
            WriteCall(w, Call(model, 0, InvariantText.Of($"LineBuffer.Top(tick, 0, 1, {push.Rows}, {push.Lines})"), spans));
        }

        w.Line();
    }

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
        var taken = new HashSet<string> { "tick", "y", "top", "lines", "row", "sums", "sourceTop" };
        var names = new Dictionary<int, string>();
        string Name(int root) => names[root] = Names.Unique(Names.Camel(graph[root].Name, "tensor"), taken);

        string[] inputs = [.. Roots(graph, step.Inputs).Select(root => $"ReadOnlySpan<{graph[root].Type.Keyword()}> {Name(root)}")];
        string[] outputs = [.. step.Outputs.Select(root => $"Span<{graph[root].Type.Keyword()}> {Name(root)}")];
        w.Line($"// layers {step.First} to {step.End - 1}, row by row, in {group.Ticks} ticks: at each, a layer computes its next row if that is due.");
        w.Line("// Between them only the rows exist that a window still needs.");
        using (w.Method(Method(step), "int tick", inputs[0] + ", int sourceTop", string.Join(", ", inputs.Skip(1)), string.Join(", ", outputs), "Span<sbyte> lines"))
        {
            foreach (RowBuffer buffer in group.Buffers.Values.Where(buffer => !names.ContainsKey(buffer.Tensor)))
            {
                Tensor tensor = graph[buffer.Tensor];
                string rows = buffer.Lines == 1 ? "a row" : InvariantText.Of($"the last {buffer.Lines} rows");
                w.Line($"Span<{tensor.Type.Keyword()}> {Name(buffer.Tensor)} = {Slice(buffer)}; // {rows} of {string.Join("×", tensor.Shape)}");
            }

            w.Line("int y;");
            for (int i = 0; i < step.Layers.Count; i++)
            {
                WriteLayer(w, graph, step, i, methods[step.First + i], names, tables);
                foreach (RowBuffer read in group.Buffers.Values.Where(buffer => buffer is { DropsEarly: true, Lines: > 1 } && buffer.To == i))
                {
                    w.Line($"LineBuffer.DropOldest({names[read.Tensor]}, {Due(read.Clock)}, {read.RowLength});");
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
        int root = graph.Root(layer.Outputs[0]);
        RowBuffer? own = group.Buffers.TryGetValue(root, out RowBuffer? buffer) ? buffer : null;
        string[] constants = [.. layer.Tables.Select(table => tables[table])];
        string after = InvariantText.Of($"AfterLayer({step.First + index});");
        w.Line();
        w.Line($"// layer {step.First + index} · {layer.Op.Name}");
        w.Line($"y = {Due(clock)};");
        using (w.Block("if (y >= 0)"))
        {
            string output = names[root];
            if (layer.Kernel is RowSum)
            {
                w.Line($"Span<int> sums = {Slice(own!)};");
                WriteCall(w, method, [Row(graph, group, layer.Inputs[0], names), "y", "sums", output], constants);
                w.Line(after);
                return;
            }

            int length = RowLength(graph[layer.Outputs[0]]);
            w.Line(own is null
                ? $"Span<{graph[root].Type.Keyword()}> row = {output}.Slice(y * {length}, {length});"
                : $"Span<{graph[root].Type.Keyword()}> row = LineBuffer.{(own.DropsEarly ? "Place" : "Next")}({output}, y, {length});");
            if (layer.Kernel.RowWindow is null)
            {
                WriteCall(w, method, [.. layer.Inputs.Select(id => Row(graph, group, id, names)), "row"], constants);
                w.Line(after);
                return;
            }

            string top = Top(graph, group, layer.Inputs[0]);
            if (top.Length > 9)
            {
                w.Line($"int top = {top};");
                top = "top";
            }

            WriteCall(w, method, [names[graph.Root(layer.Inputs[0])], top, "row", "y", "y + 1"], constants);
            w.Line(after);
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
        int length = RowLength(graph[id]);
        string name = names[graph.Root(id)], top = Top(graph, group, id);
        if (graph[id].Shape[1] == 1 || (group.Buffers.TryGetValue(graph.Root(id), out RowBuffer? rows) && rows is { Lines: 1, DropsEarly: true })) return name;
        return top == "0" ? InvariantText.Of($"{name}.Slice(y * {length}, {length})") : InvariantText.Of($"{name}.Slice((y - {top}) * {length}, {length})");
    }

    // The first row of what a tensor's span holds.
    private static string Top(Graph graph, RowGroup group, int id)
    {
        if (graph.Root(id) == graph.Root(group.Source)) return "sourceTop";
        if (!group.Buffers.TryGetValue(graph.Root(id), out RowBuffer? rows)) return "0";
        RowClock clock = rows.Clock;

        // A row that has gone early has gone, whether a next one follows or not.
        int count = rows.DropsEarly ? clock.Rows + 1 : clock.Rows;
        return InvariantText.Of($"LineBuffer.Top(tick, {clock.First}, {clock.Period}, {count}, {rows.Lines})");
    }

    private static string Due(RowClock clock) => InvariantText.Of($"LineBuffer.Due(tick, {clock.First}, {clock.Period}, {clock.Rows})");

    private static string Slice(RowBuffer buffer)
    {
        string slice = InvariantText.Of($"lines.Slice({buffer.At}, {buffer.Bytes})");
        return buffer.Type == ElementType.Int8 ? slice : $"MemoryMarshal.Cast<sbyte, {buffer.Type.Keyword()}>({slice})";
    }

    private static int RowLength(Tensor image) => image.Shape[2] * image.Shape[3];

    private static IEnumerable<int> Roots(Graph graph, IEnumerable<int> ids) => ids.Select(graph.Root).Distinct();
}
