using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Etch.Ir;
using Etch.Passes;

namespace Etch.Emit;

/// <summary>Writes the body: a table of contents that calls the layers, and one method for each distinct kernel.</summary>
internal static class LayersWriter
{
    public static string Write(CompiledModel model)
    {
        var w = new CodeWriter();
        SurfaceWriter.WriteFileHead(w, model);
        foreach (CompiledModel entry in model.Signatures.DefaultIfEmpty(model))
        {
            if (entry != model) w.Line($"// {entry.Options.ClassName}");
            WriteMeasures(w, entry);
        }

        w.Line("#pragma warning disable CS0219 // A layer states all of its geometry, whatever its kernel uses of it.");
        w.Line();
        using (SurfaceWriter.Namespace(w, model))
        {
            SurfaceWriter.InEachClass(w, model, entry => WriteLayers(w, entry));
        }

        return w.ToString();
    }

    private static void WriteLayers(CodeWriter w, CompiledModel model)
    {
        (Names.Port[] inputs, Names.Port[] outputs) = SurfaceWriter.Spans(model);
        string[] methods = Methods(model);
        WriteInvoke(w, model, methods, inputs, outputs);
        w.Line();
        w.Line("// Called after each layer where your own part of the class implements it, to time or to look at tensors; otherwise it is not there.");
        if (model.Steps.Any(step => step.Rows is not null)) w.Line("// After a layer that runs row by row it is called after each of its rows.");
        w.Line("static partial void AfterLayer(int layer);");
        if (model.IsStateful) WriteReset(w, model);
        foreach (Step step in model.Steps.Where(step => step.Rows is not null))
        {
            w.Line();
            RowsWriter.Write(w, model, step, methods, ConstantsWriter.Names(model));
        }

        for (int i = 0; i < model.Layers.Count; i++)
        {
            if (methods.Take(i).Contains(methods[i])) continue;
            w.Line();
            WriteHeadline(w, model, methods, i);
            model.Layers[i].Kernel.Emit(w, methods[i]);
        }
    }

    // The method of each layer: that of the first layer with an equal kernel.
    private static string[] Methods(CompiledModel model)
    {
        var first = new Dictionary<object, string>();
        return
        [
            .. model.Layers.Select((layer, i) =>
            {
                if (!first.TryGetValue(layer.Kernel.Code, out string? method)) first[layer.Kernel.Code] = method = InvariantText.Of($"Layer{i}_{layer.Kernel.Name}");
                return method;
            }),
        ];
    }

    private const int StepsInALine = 4;

    private static void WriteMeasures(CodeWriter w, CompiledModel model)
    {
        ModelCost cost = model.Cost;
        Measures m = model.Measures;
        long traffic = Math.Max(1, m.TrafficAfter);
        string Number(long n) => Names.Number(n);
        string Ratio(double x) => x.ToString("0.00", CultureInfo.InvariantCulture);

        w.Line($"// parameters            {Number(m.Parameters)}");
        w.Line($"// working memory        {Number(m.WorkingBytes)} bytes: {(model.Options.InArena ? "arena with inputs and outputs" : "arena")}{(model.IsStateful ? ", state" : "")}{(model.Options.InArena ? "" : ", inputs and outputs")}");
        if (model.IsStateful) w.Line($"// state                 {Number(cost.State)} bytes, kept between inferences");
        string gap = model.Plan.IsOptimal ? "no placement is smaller" : $"at most {Number(cost.Arena - model.Plan.LowerBound)} above the smallest placement";
        w.Line($"// peak of the arena     {Number(cost.Arena)} bytes, lower bound {Number(model.Plan.LowerBound)}: {gap}");
        w.Line($"// stack                 {Number(cost.Stack)} bytes");
        w.Line($"// flash                 {Number(cost.Flash)} bytes: tables {Number(cost.Tables)}, code about {Number(cost.Code)}, Etch.Runtime {Number(cost.Runtime)}");
        w.Line($"// MACs                  {Number(cost.Macs)}, FLOPs {Number(cost.Flops)}");
        if (m.ChannelsAfter < m.ChannelsBefore)
        {
            w.Line($"// channels              {Number(m.ChannelsBefore)} as filed, {Number(m.ChannelsAfter)} without constant and unread ones");
            w.Line($"// weights               {Number(m.WeightsBefore)} as filed, {Number(m.WeightsAfter)} of these channels; MACs {Number(m.MacsBefore)} as filed");
        }

        w.Line($"// memory traffic        {Number(m.TrafficBefore)} bytes as filed, {Number(m.TrafficAfter)} after fusion");
        w.Line($"// operators             {m.OpsBefore} as filed, {m.OpsAfter} layers after rewriting{(m.Removed.Count > 0 ? ":" : "")}");
        string[] steps = [.. m.Steps];
        for (int i = 0; i < steps.Length; i += StepsInALine) w.Line("//                       " + string.Join(", ", steps.Skip(i).Take(StepsInALine)));
        w.Line($"// operator reuse        {Ratio(m.Reuse)} invocations per kernel ({m.Kernels} kernels)");
        w.Line($"// compute to memory     {Ratio((double)cost.Macs / traffic)} MACs per byte of traffic");
        w.Line($"// channel imbalance     {Ratio(m.ChannelImbalance)} (1 is best)");
        foreach ((string core, int megahertz, double cycles, string source) in Measures.Cores)
        {
            string name = InvariantText.Of($"{core} {megahertz} MHz");
            string time = (cost.Macs * cycles / (megahertz * 1000.0)).ToString("0.0", CultureInfo.InvariantCulture);
            w.Line($"// {name.PadRight(21)} about {time} ms at {cycles} cycles per MAC ({source})");
        }

        if (ArenaText.Write(model).Any())
        {
            w.Line("//");
            w.Line("// The arena over time: layers from left to right, bytes upwards, a letter for each tensor, ^ where the most is needed.");
            foreach (string line in ArenaText.Write(model)) w.Line(("// " + line).TrimEnd());
        }

        w.Line("//");
        w.Line("//   layer                                              output               place                    MACs  share       FLOPs     flash");
        for (int i = 0; i < model.Layers.Count; i++)
        {
            Layer layer = model.Layers[i];
            Tensor output = model.Graph[layer.Outputs[0]];
            string label = InvariantText.Of($"{i} {layer.Op.Name} {Short(output.Name)}");
            LayerCost c = cost.Layers[i];
            double share = cost.Macs == 0 ? 0 : 100.0 * c.Macs / cost.Macs;
            string percent = share.ToString("0.0", CultureInfo.InvariantCulture) + " %";
            w.Line($"//   {label.PadRight(50)} {(Dimensions(output) + Dropped(model, layer.Outputs[0])).PadRight(20)} {Where(model, layer.Outputs[0]).PadRight(18)} {Number(c.Macs).PadLeft(10)} {percent.PadLeft(6)} {Number(c.Flops).PadLeft(11)} {Number(c.Flash).PadLeft(9)}");
        }

        w.Line();
    }

    // How many channels the file has where some were dropped.
    private static string Dropped(CompiledModel model, int id)
    {
        if (id >= model.Filed.Tensors.Count) return "";
        int filed = ChannelRanges.Channels(model.Filed[id]);
        return filed == ChannelRanges.Channels(model.Graph[id]) ? "" : InvariantText.Of($" of {filed}");
    }

    private static string Where(CompiledModel model, int id)
    {
        if (!model.Plan.Locations.TryGetValue(model.Graph.Root(id), out Location location)) return Rows(model, model.Graph.Root(id));
        int at = location.At + model.Graph[id].ViewAt;
        return location.Place switch
        {
            Place.Arena => InvariantText.Of($"[{at} … {at + model.Graph[id].ByteCount})"),
            Place.Output => "→ output",
            Place.State => InvariantText.Of($"state [{location.At} … {location.At + model.Graph[id].ByteCount})"),
            _ => "input",
        };
    }

    // A tensor of which only some rows exist.
    private static string Rows(CompiledModel model, int root)
    {
        RowBuffer rows = model.Steps.Select(step => step.Rows).OfType<RowGroup>().Select(group => group.Buffers).First(b => b.ContainsKey(root))[root];
        return rows.Lines == 1 ? "1 row" : InvariantText.Of($"{rows.Lines} rows");
    }

    // The end of a long name tells layers apart.
    private static string Short(string name) => name.Length <= 28 ? name : "…" + name.Substring(name.Length - 27);

    private static string Dimensions(Tensor tensor) => string.Join("×", tensor.Shape);

    private static void WriteInvoke(CodeWriter w, CompiledModel model, string[] methods, Names.Port[] inputs, Names.Port[] outputs)
    {
        if (model.Push is null)
        {
            using (w.Block($"static partial void InvokeLayers({SurfaceWriter.Parameters(model, inputs, outputs)})"))
            {
                WriteSteps(w, model, 0, model.Steps.Count, methods, inputs, outputs);
            }

            return;
        }

        // What follows the rows is the same whether a caller has the whole image or hands it over row by row.
        string rest = $"LayersAfterRows({string.Join(", ", outputs.Select(p => p.Parameter).Append("arena"))});";
        using (w.Block($"static partial void InvokeLayers({SurfaceWriter.Parameters(model, inputs, outputs)})"))
        {
            WriteSteps(w, model, 0, 1, methods, inputs, outputs);
            w.Line(rest);
        }

        w.Line();
        using (w.Block($"static partial void PushLayers({SurfaceWriter.PushParameters(inputs, outputs)})"))
        {
            RowsWriter.WritePush(w, model, Spans(w, model, 0, 1, inputs, outputs), inputs[0].Parameter);
            using (w.Block($"if (y == {model.Push.Rows - 1})"))
            {
                w.Line(rest);
            }
        }

        w.Line();
        using (w.Block($"private static void LayersAfterRows({SurfaceWriter.Parameters(model, [], outputs)})"))
        {
            WriteSteps(w, model, 1, model.Steps.Count, methods, inputs, outputs);
        }
    }

    private static void WriteSteps(
        CodeWriter w, CompiledModel model, int begin, int end, string[] methods, Names.Port[] inputs, Names.Port[] outputs)
    {
        Dictionary<int, string> spans = Spans(w, model, begin, end, inputs, outputs);
        Dictionary<Table, string> tables = ConstantsWriter.Names(model);
        for (int i = begin; i < end; i++)
        {
            Step step = model.Steps[i];
            if (step.Rows is not null)
            {
                RowsWriter.WriteLoop(w, model, i, spans);
                continue;
            }

            WriteCall(w, model, step.First, methods[step.First], spans, tables);
            w.Line($"AfterLayer({step.First});");
        }
    }

    // Declares a span for each tensor of these steps that has bytes: the caller's parameters, slices of the arena.
    private static Dictionary<int, string> Spans(CodeWriter w, CompiledModel model, int begin, int end, Names.Port[] inputs, Names.Port[] outputs)
    {
        var spans = new Dictionary<int, string>();
        var taken = new HashSet<string>(inputs.Concat(outputs).Select(p => p.Parameter)) { "arena", "state", "image", "tick", "row", "rows", "y", "begin", "end" };
        for (int i = 0; i < inputs.Length; i++) spans[model.Graph.Inputs[i]] = inputs[i].Parameter;
        for (int i = 0; i < outputs.Length; i++) spans[model.Graph.Root(model.Graph.Outputs[i])] = outputs[i].Parameter;
        var used = new HashSet<int>(model.Steps.Skip(begin).Take(end - begin).SelectMany(step => step.Inputs.Concat(step.Outputs)).Select(model.Graph.Same));
        foreach (int id in model.Steps.SelectMany(step => step.Inputs.Concat(step.Outputs)).Select(model.Graph.Same))
        {
            if (spans.ContainsKey(id)) continue;
            Tensor tensor = model.Graph[id];
            string name = spans[id] = Names.Unique(Names.Camel(tensor.Name, "tensor"), taken);
            if (!used.Contains(id)) continue;
            Location location = model.Plan.Locations[model.Graph.Root(id)];
            string type = tensor.Type.Keyword();
            if (location.Place is Place.Input or Place.Output)
            {
                string part = InvariantText.Of($"{spans[model.Graph.Root(id)]}.Slice({tensor.ViewAt / tensor.Type.Size()}, {tensor.ElementCount})");
                w.Line($"{(location.Place == Place.Input ? "ReadOnlySpan" : "Span")}<{type}> {name} = {part}; // {Dimensions(tensor)}");
                continue;
            }

            string slice = InvariantText.Of($"{(location.Place == Place.State ? "state" : "arena")}.Slice({location.At + tensor.ViewAt}, {tensor.ByteCount})");
            w.Line($"Span<{type}> {name} = {(type == "sbyte" ? slice : $"MemoryMarshal.Cast<sbyte, {type}>({slice})")}; // {Dimensions(tensor)}");
        }

        w.Line();
        return spans;
    }

    private static void WriteReset(CodeWriter w, CompiledModel model)
    {
        Dictionary<Table, string> tables = ConstantsWriter.Names(model);
        w.Line();
        using (w.Block("static partial void ResetVariables(Span<sbyte> state)"))
        {
            foreach (StateReset reset in model.State.Resets)
            {
                string slice = InvariantText.Of($"state.Slice({reset.At}, {reset.Bytes})");
                if (reset.Table is { } table) w.Line($"{tables[table]}.CopyTo({slice});");
                else w.Line(reset.Fill == 0 ? $"{slice}.Clear();" : InvariantText.Of($"{slice}.Fill({reset.Fill});"));
            }
        }
    }

    private static void WriteCall(
        CodeWriter w, CompiledModel model, int index, string method, Dictionary<int, string> spans, Dictionary<Table, string> tables)
    {
        Layer layer = model.Layers[index];
        Kernel kernel = layer.Kernel;
        string[] inputs = [.. layer.Inputs.Select(id => spans[model.Graph.Same(id)])];
        string[] outputs = [.. layer.Outputs.Select(id => spans[model.Graph.Same(id)])];
        string[] constants = [.. layer.Tables.Select(t => tables[t])];
        if (kernel.Rows == 0)
        {
            Call(w, method, [.. inputs, .. outputs, .. constants]);
            return;
        }

        if (model.Plan.InPlace.TryGetValue(index, out RowOrder order))
        {
            WriteInPlace(w, model, layer, order, method, inputs[0], outputs[0], constants);
            return;
        }

        string last = InvariantText.Of($"{kernel.Rows}");
        if (kernel.Batch == 1)
        {
            Call(w, method, [inputs[0], "0", outputs[0], "0", last, .. constants]);
            return;
        }

        int input = model.Graph[layer.Inputs[0]].ElementCount / kernel.Batch, each = model.Graph[layer.Outputs[0]].ElementCount / kernel.Batch;
        using (w.Block($"for (int image = 0; image < {kernel.Batch}; image++)"))
        {
            string from = InvariantText.Of($"{inputs[0]}.Slice(image * {input}, {input})"), to = InvariantText.Of($"{outputs[0]}.Slice(image * {each}, {each})");
            Call(w, method, [from, "0", to, "0", last, .. constants]);
        }
    }

    // The output lies over the input: each call writes only what no later call reads.
    private static void WriteInPlace(
        CodeWriter w, CompiledModel model, Layer layer, RowOrder order, string method, string input, string output, string[] constants)
    {
        int rows = layer.Kernel.Rows, step = order.RowsPerCall, length = model.Graph[layer.Outputs[0]].ElementCount / rows;
        string loop = order.IsBackward
            ? InvariantText.Of($"for (int row = {(rows - 1) / step * step}; row >= 0; row -= {step})")
            : InvariantText.Of($"for (int row = 0; row < {rows}; row += {step})");
        string end = rows % step == 0 ? (step == 1 ? "row + 1" : InvariantText.Of($"row + {step}")) : InvariantText.Of($"Math.Min(row + {step}, {rows})");
        w.Line($"// In place, from the {(order.IsBackward ? "last" : "first")} row on: no row is overwritten before it was read for the last time.");
        using (w.Block(loop))
        {
            Call(w, method, [input, "0", InvariantText.Of($"{output}.Slice(row * {length})"), "row", end, .. constants]);
        }
    }

    // A call on one line, or with its tables on lines of their own where it would be too long.
    private static void Call(CodeWriter w, string method, string[] arguments)
    {
        string line = $"{method}({string.Join(", ", arguments)});";
        if (line.Length <= 104)
        {
            w.Line(line);
            return;
        }

        int split = Array.FindIndex(arguments, a => a.StartsWith("Layer", StringComparison.Ordinal) && a.Contains("_"));
        if (split < 0) split = arguments.Length;
        string head = string.Join(", ", arguments.Take(split)), tail = string.Join(", ", arguments.Skip(split));
        w.Line(tail.Length == 0 ? $"{method}(\n    {head});" : $"{method}(\n    {head},\n    {tail});");
    }

    private static void WriteHeadline(CodeWriter w, CompiledModel model, string[] methods, int index)
    {
        Layer layer = model.Layers[index];
        Graph graph = model.Graph;
        w.Line($"// layer {index} · {Short(layer.Op.LayerName(graph))} · {layer.Op.Describe(graph)}");
        string[] others = [.. Enumerable.Range(index + 1, methods.Length - index - 1).Where(i => methods[i] == methods[index]).Select(i => InvariantText.Of($"{i}"))];
        if (others.Length > 0) w.Line($"// and, with their own tables, layer{(others.Length > 1 ? "s" : "")} {string.Join(", ", others)}");
        foreach (int id in layer.Op.Inputs.Where(id => id >= 0)) w.Line("//   " + TensorLine(graph[id]));
        foreach (int id in layer.Outputs) w.Line("//   → " + TensorLine(graph[id]));
    }

    private static string TensorLine(Tensor tensor)
    {
        string shape = $"{tensor.Type.Name()} {Dimensions(tensor)}";
        string quantization = tensor.Quantization switch
        {
            null => "",
            { IsPerChannel: true } q => InvariantText.Of($"per channel along dimension {q.Axis}"),
            { } q => InvariantText.Of($"scale {q.Scale.ToString("G9", CultureInfo.InvariantCulture)}, zero point {q.ZeroPoint}"),
        };
        return $"{shape.PadRight(22)} {quantization}".TrimEnd();
    }
}
