using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Passes;
using Etch.Tflite;

namespace Etch.Emit;

/// <summary>Writes what callers see: sizes, quantisation, signatures, documentation and the cost attributes.</summary>
/// <remarks>A model that failed keeps its surface, so that its one problem is not buried under errors about missing members.</remarks>
internal static class SurfaceWriter
{
    /// <summary>Members of a class with one input and one output: no class can have the name of one of its members.</summary>
    public static readonly HashSet<string> Members =
    [
        "InputLength", "InputShape", "InputScale", "InputZeroPoint", "QuantizeInput",
        "OutputLength", "OutputShape", "OutputScale", "OutputZeroPoint", "DequantizeOutput",
        "ArenaBytes", "ArenaLowerBound", "WorkingBytes", "StackBytes", "FlashBytes", "Parameters", "Macs", "Flops", "Invoke", "InvokeLayers", "Labels", "LabelTable",
        "StateBytes", "ResetState", "AfterLayer", "ResetVariables",
        "InputSpan", "OutputSpan", "RowLength", "RowCount", "RowsBytes", "ResetRows", "PushRow", "PushLayers", "LayersAfterRows",
    ];

    private const string DidNotCompile = "throw new InvalidOperationException(\"The model did not compile; see the build's errors.\");";

    public static string Write(CompiledModel model)
    {
        var w = new CodeWriter();
        WriteFileHead(w, model);
        using (Namespace(w, model))
        {
            if (model.Signatures.Count == 0) WriteClass(w, model);
            else WriteSignatures(w, model);
        }

        return w.ToString();
    }

    /// <summary>Writes into a model's class: its members, or a nested class with those of each signature.</summary>
    public static void InEachClass(CodeWriter w, CompiledModel model, Action<CompiledModel> write)
    {
        using (w.Block($"{model.Options.Accessibility} static partial class {model.Options.ClassName}"))
        {
            if (model.Signatures.Count == 0) write(model);
            foreach (CompiledModel signature in model.Signatures) InEachClass(w, signature, write);
        }
    }

    private static void WriteSignatures(CodeWriter w, CompiledModel model)
    {
        w.Line($"/// <summary>{Names.Xml(model.File.Name)}: a nested class for each of its {model.Signatures.Count} signatures.</summary>");
        if (model.IsStateful) w.Line("/// <remarks>All signatures share one <c>state</c>; <c>ResetState</c> of each resets all of it.</remarks>");
        WriteCost(w, model);
        using (w.Block($"{model.Options.Accessibility} static partial class {model.Options.ClassName}"))
        {
            for (int i = 0; i < model.Signatures.Count; i++)
            {
                if (i > 0) w.Line();
                WriteClass(w, model.Signatures[i]);
            }
        }
    }

    private static void WriteClass(CodeWriter w, CompiledModel model)
    {
        (Names.Port[] inputs, Names.Port[] outputs) = Ports(model);
        w.Line($"/// <summary>{Names.Xml(Summary(model))}</summary>");
        w.Line("/// <remarks>");
        string about = string.Join(": ", new[] { model.Metadata.Name, model.Metadata.Description }.Where(text => text.Length > 0));
        if (about.Length > 0) w.Line($"/// <para>{Names.Xml(about)}</para>");
        w.Line("/// Static and without state of its own: threads may call it at the same time, each with its own spans.");
        if (model.IsStateful) w.Line("/// What the model remembers lies in the caller's <c>state</c>: one for each stream of inputs, reset before the first.");
        if (model.Succeeded) WriteFigures(w, model);
        else w.Line("/// The model did not compile; see the build's errors.");
        w.Line("/// </remarks>");
        WriteCost(w, model);
        using (w.Block($"{model.Options.Accessibility} static partial class {model.Options.ClassName}"))
        {
            foreach (Names.Port port in inputs) WritePort(w, port, "input", isInput: true);
            foreach (Names.Port port in outputs) WritePort(w, port, "output", isInput: false);
            WriteLabels(w, model, outputs);
            WriteConstants(w, model);
            if (model.Options.InArena) WriteSpans(w, model, inputs, outputs);
            (inputs, outputs) = Spans(model);
            WriteInvoke(w, model, inputs, outputs);
        }
    }

    /// <summary>The caller's tensors; a file that could not be read far enough is taken to have one of each.</summary>
    public static (Names.Port[] Inputs, Names.Port[] Outputs) Ports(CompiledModel model)
    {
        static EquatableArray<Tensor> Or(EquatableArray<Tensor> tensors, string name) => tensors.Count > 0
            ? tensors
            : new[] { new Tensor { Name = name, Type = ElementType.Int8, Shape = new[] { 0 } } };
        return Names.Ports(Or(model.Inputs, "input"), Or(model.Outputs, "output"));
    }

    /// <summary>Those of the caller's tensors for which Invoke takes a span: none where they lie in the arena.</summary>
    public static (Names.Port[] Inputs, Names.Port[] Outputs) Spans(CompiledModel model) => model.Options.InArena ? ([], []) : Ports(model);

    /// <summary>The parameters of Invoke with their types, without attributes, each on its line.</summary>
    public static string Parameters(CompiledModel model, Names.Port[] inputs, Names.Port[] outputs) => "\n    " + string.Join(",\n    ",
    [
        .. inputs.Select(p => $"ReadOnlySpan<{p.Tensor.Type.Keyword()}> {p.Parameter}"),
        .. outputs.Select(p => $"Span<{p.Tensor.Type.Keyword()}> {p.Parameter}"),
        "Span<sbyte> arena",
        .. model.IsStateful ? ["Span<sbyte> state"] : Array.Empty<string>(),
    ]);

    /// <summary>The parameters of PushLayers: the row, its index, the outputs and the memory.</summary>
    public static string PushParameters(Names.Port[] inputs, Names.Port[] outputs) => "\n    " + string.Join(",\n    ",
    [
        $"ReadOnlySpan<{inputs[0].Tensor.Type.Keyword()}> row",
        "int y",
        .. outputs.Select(p => $"Span<{p.Tensor.Type.Keyword()}> {p.Parameter}"),
        "Span<sbyte> arena",
    ]);

    public static void WriteFileHead(CodeWriter w, CompiledModel model)
    {
        w.Line("// <auto-generated>");
        w.Line($"//   {model.File.Name} → {model.Options.ClassName}");
        w.Line($"//   sha256 {model.File.Hash}");
        if (model.Options.Numerics == Numerics.Xnnpack) w.Line("//   arithmetic of LiteRT with XNNPACK");
        w.Line("//   Written by Etch. Change the model or the project's options, not this file.");
        w.Line("// </auto-generated>");
        w.Line("#nullable enable");
        w.Line();
        w.Line("using System;");
        w.Line("using System.Runtime.CompilerServices;");
        w.Line("using System.Runtime.InteropServices;");
        w.Line("using Etch;");
        w.Line();
    }

    /// <summary>The block of the namespace; none for the global one.</summary>
    public static CodeWriter.Scope? Namespace(CodeWriter w, CompiledModel model) =>
        model.Options.Namespace.Length == 0 ? null : w.Block($"namespace {model.Options.Namespace}");

    private static string Summary(CompiledModel model)
    {
        string Side(IEnumerable<Tensor> tensors) => string.Join(", ", tensors.Select(t => t.ToString()));
        return $"{model.File.Name}: {Side(model.Inputs)} → {Side(model.Outputs)}.";
    }

    private static void WriteFigures(CodeWriter w, CompiledModel model)
    {
        ModelCost cost = model.Cost;
        string state = model.IsStateful ? $"state {Names.Number(cost.State)}, " : "";
        w.Line($"/// RAM {Names.Number(cost.Ram)} bytes (arena {Names.Number(cost.Arena)}, {state}stack {Names.Number(cost.Stack)}),");
        w.Line($"/// flash {Names.Number(cost.Flash)} bytes (tables {Names.Number(cost.Tables)}, code about {Names.Number(cost.Code)}, Etch.Runtime {Names.Number(cost.Runtime)}),");
        w.Line($"/// {Names.Number(cost.Macs)} multiply-accumulate operations.");
    }

    private static void WriteCost(CodeWriter w, CompiledModel model)
    {
        if (!model.Succeeded) return;
        ModelCost c = model.Cost;
        w.Line("[EtchModelCost(");
        w.Line($"    File = {Literal(c.File)}, Arena = {c.Arena}, State = {c.State}, Stack = {c.Stack},");
        string end = c.Streaming is null ? ")]" : ",";
        w.Line($"    Tables = {c.Tables}, Code = {c.Code}, Runtime = {c.Runtime}, {(c.FlashWithSize > 0 ? $"FlashWithSize = {c.FlashWithSize}, " : "")}Macs = {c.Macs}{end}");
        if (c.Streaming is { } s) w.Line($"    LayerByLayer = {s.LayerByLayer}, RowByRow = {s.RowByRow}, Pushed = {s.Pushed}, Input = {s.Input})]");
        foreach (LayerCost layer in c.Layers)
        {
            w.Line($"[EtchLayerCost({Literal(layer.Layer)}, Ram = {layer.Ram}, Flash = {layer.Flash}, Macs = {layer.Macs})]");
        }
    }

    private static string Literal(string text) => "\"" + text.Replace("\\", "\\\\").Replace("\"", "\\\"") + "\"";

    private static void WritePort(CodeWriter w, Names.Port port, string side, bool isInput)
    {
        Tensor tensor = port.Tensor;
        w.Line($"/// <summary>Elements of {side} {Names.Xml(tensor.Name)}: {tensor}.</summary>");
        w.Line($"public const int {port.Prefix}Length = {tensor.ElementCount};");
        w.Line();
        w.Line($"/// <summary>The shape of {side} {Names.Xml(tensor.Name)}.</summary>");
        w.Line($"public static ReadOnlySpan<int> {port.Prefix}Shape => [{tensor.Shape}];");
        w.Line();
        if (tensor.Quantization is not { IsPerChannel: false, Scale: > 0 and < float.PositiveInfinity } || tensor.Type is not (ElementType.Int8 or ElementType.UInt8 or ElementType.Int16)) return;

        string type = tensor.Type.Keyword(), length = $"{port.Prefix}Length";
        w.Line($"/// <summary>The step of {side} {Names.Xml(tensor.Name)}: {Names.Describe(tensor)}.</summary>");
        w.Line($"public const float {port.Prefix}Scale = {Names.Float(tensor.Scale)};");
        w.Line();
        w.Line($"/// <summary>The stored value of 0 in {side} {Names.Xml(tensor.Name)}.</summary>");
        w.Line($"public const int {port.Prefix}ZeroPoint = {tensor.ZeroPoint};");
        w.Line();
        string scale = $"{port.Prefix}Scale, {port.Prefix}ZeroPoint";
        if (isInput)
        {
            w.Line($"/// <summary>The stored value nearest to a real one, ties away from zero, clamped to {tensor.Type.Min()} … {tensor.Type.Max()}.</summary>");
            w.Line($"public static {type} Quantize{port.Prefix}(float real) =>");
            w.Line($"    ({type})Affine.Quantize(real, {scale}, {type}.MinValue, {type}.MaxValue);");
            w.Line();
            w.Line("/// <summary>The stored values nearest to real ones; both spans have the same length.</summary>");
            using (w.Block($"public static void Quantize{port.Prefix}(ReadOnlySpan<float> real, Span<{type}> stored)"))
            {
                w.Line("Buffers.RequireExactly(stored.Length, real.Length, nameof(stored));");
                w.Line($"Affine.Quantize(real, stored, {scale});");
            }
        }
        else
        {
            w.Line("/// <summary>The real value of a stored one.</summary>");
            w.Line($"public static float Dequantize{port.Prefix}({type} stored) =>");
            w.Line($"    {port.Prefix}Scale * (stored - {port.Prefix}ZeroPoint);");
            w.Line();
            w.Line("/// <summary>The real values of stored ones; both spans have the same length.</summary>");
            using (w.Block($"public static void Dequantize{port.Prefix}(ReadOnlySpan<{type}> stored, Span<float> real)"))
            {
                w.Line("Buffers.RequireExactly(real.Length, stored.Length, nameof(real));");
                w.Line($"Affine.Dequantize(stored, real, {scale});");
            }
        }

        w.Line();
    }

    private static void WriteLabels(CodeWriter w, CompiledModel model, Names.Port[] outputs)
    {
        ModelMetadata metadata = model.Metadata;
        if (metadata.Labels.Count == 0 || metadata.LabelledOutput >= outputs.Length) return;
        w.Line($"/// <summary>The names of the classes along the last dimension of output {Names.Xml(outputs[metadata.LabelledOutput].Tensor.Name)}.</summary>");
        w.Line("public static ReadOnlySpan<string> Labels => LabelTable.Names;");
        w.Line();
        using (w.Block("private static class LabelTable"))
        {
            w.Line("public static readonly string[] Names =");
            w.Line("[");
            foreach (string label in metadata.Labels) w.Line($"    {Names.Text(label)},");
            w.Line("];");
        }

        w.Line();
    }

    private static void WriteConstants(CodeWriter w, CompiledModel model)
    {
        ModelCost cost = model.Cost;
        void Constant(string summary, string type, string name, long value)
        {
            w.Line($"/// <summary>{summary}</summary>");
            w.Line($"public const {type} {name} = {value};");
            w.Line();
        }

        string besides = model.Options.InArena ? "with" : "besides";
        Constant($"Bytes that <c>arena</c> must have: the peak of working memory {besides} inputs and outputs.", "int", "ArenaBytes", cost.Arena);
        Constant("The most bytes that live in the arena during one layer: no placement of these layers needs fewer.", "int", "ArenaLowerBound", model.Plan.LowerBound);
        if (model.IsStateful) Constant("Bytes that <c>state</c> must have: what the model remembers from one inference to the next.", "int", "StateBytes", cost.State);
        Constant(model.IsStateful ? "Bytes of arena, state, inputs and outputs together." : "Bytes of arena, inputs and outputs together.", "long", "WorkingBytes", model.Measures.WorkingBytes);
        Constant("Bytes of stack that the emitted code needs.", "int", "StackBytes", cost.Stack);
        Constant("Bytes of constant tables, estimated code and kernels of Etch.Runtime.", "long", "FlashBytes", cost.Flash);
        Constant("Numbers that training found: filters and biases.", "long", "Parameters", model.Measures.Parameters);
        Constant("Multiply-accumulate operations of one inference.", "long", "Macs", cost.Macs);
        Constant("Floating-point operations in the field's sense: 1 MAC = 2 FLOPs.", "long", "Flops", cost.Flops);
    }

    // Where the caller's tensors lie in the arena.
    private static void WriteSpans(CodeWriter w, CompiledModel model, Names.Port[] inputs, Names.Port[] outputs)
    {
        void Span(Names.Port port, int id, string summary, string type)
        {
            w.Line($"/// <summary>{summary}</summary>");
            w.Line("/// <param name=\"arena\">The span that Invoke gets: at least <see cref=\"ArenaBytes\"/>.</param>");
            w.Line("/// <exception cref=\"ArgumentException\">The span is shorter.</exception>");
            using (w.Block($"public static {type}<{port.Tensor.Type.Keyword()}> {port.Prefix}Span([EtchLength(nameof(ArenaBytes))] Span<sbyte> arena)"))
            {
                if (!model.Succeeded)
                {
                    w.Line(DidNotCompile);
                    return;
                }

                string slice = InvariantText.Of($"arena.Slice({model.Plan.Locations[model.Graph.Root(id)].At}, {port.Tensor.ByteCount})");
                w.Line("Buffers.RequireAtLeast(arena.Length, ArenaBytes, nameof(arena));");
                w.Line($"return {(port.Tensor.Type == ElementType.Int8 ? slice : $"MemoryMarshal.Cast<sbyte, {port.Tensor.Type.Keyword()}>({slice})")};");
            }

            w.Line();
        }

        for (int i = 0; i < inputs.Length; i++)
        {
            string name = Names.Xml(inputs[i].Tensor.Name);
            Span(inputs[i], model.Succeeded ? model.Graph.Inputs[i] : 0, $"Where input {name} is written before Invoke, which takes its bytes for other tensors and for outputs.", "Span");
        }

        for (int i = 0; i < outputs.Length; i++)
        {
            string name = Names.Xml(outputs[i].Tensor.Name);
            Span(outputs[i], model.Succeeded ? model.Graph.Outputs[i] : 0, $"Where output {name} is after Invoke, until an input is written or the arena is used for anything else.", "ReadOnlySpan");
        }
    }

    private static void WriteInvoke(CodeWriter w, CompiledModel model, Names.Port[] inputs, Names.Port[] outputs)
    {
        w.Line("/// <summary>Computes the outputs from the inputs.</summary>");
        foreach (Names.Port p in inputs.Concat(outputs))
        {
            w.Line($"/// <param name=\"{p.Parameter.TrimStart('@')}\">{Names.Xml(p.Tensor.Name)}: {Names.Describe(p.Tensor)}.</param>");
        }

        string content = model.Options.InArena
            ? "with the inputs where their spans are and any content elsewhere. Afterwards it holds the outputs and nothing else"
            : "of any content; it overlaps no other span";
        w.Line($"/// <param name=\"arena\">Working memory: at least <see cref=\"ArenaBytes\"/>, {content}.</param>");
        if (model.IsStateful)
        {
            w.Line("/// <param name=\"state\">What the model remembers: at least <see cref=\"StateBytes\"/>, as <see cref=\"ResetState\"/> or the inference");
            w.Line("/// before left it; it overlaps no other span. Each stream of inputs has its own.</param>");
        }

        w.Line("/// <exception cref=\"ArgumentException\">A span has another length than the model needs.</exception>");
        w.Line("public static void Invoke(");
        foreach (Names.Port p in inputs) w.Line($"    [EtchLength(nameof({p.Prefix}Length))] ReadOnlySpan<{p.Tensor.Type.Keyword()}> {p.Parameter},");
        foreach (Names.Port p in outputs) w.Line($"    [EtchLength(nameof({p.Prefix}Length))] Span<{p.Tensor.Type.Keyword()}> {p.Parameter},");
        string end = model.IsStateful ? "," : ")";
        w.Line($"    [EtchLength(nameof(ArenaBytes))] Span<sbyte> arena{end}");
        if (model.IsStateful) w.Line("    [EtchLength(nameof(StateBytes))] Span<sbyte> state)");
        using (w.Block(""))
        {
            if (!model.Succeeded)
            {
                w.Line(DidNotCompile);
            }
            else
            {
                foreach (Names.Port p in inputs.Concat(outputs))
                {
                    w.Line($"Buffers.RequireExactly({p.Parameter}.Length, {p.Prefix}Length, nameof({p.Parameter}));");
                }

                w.Line("Buffers.RequireAtLeast(arena.Length, ArenaBytes, nameof(arena));");
                if (model.IsStateful) w.Line("Buffers.RequireAtLeast(state.Length, StateBytes, nameof(state));");
                w.Line("Buffers.RequireLittleEndian();");
                w.Line($"InvokeLayers({string.Join(", ", inputs.Concat(outputs).Select(p => p.Parameter).Append("arena"))}{(model.IsStateful ? ", state" : "")});");
            }
        }

        if (model.Succeeded)
        {
            w.Line();
            w.Line($"static partial void InvokeLayers({Parameters(model, inputs, outputs)});");
        }

        if (model.IsStateful) WriteReset(w, model);
        if (model.Push is { } push) WritePush(w, model, push, inputs[0], outputs);
    }

    private static void WriteReset(CodeWriter w, CompiledModel model)
    {
        w.Line();
        w.Line("/// <summary>Makes the model forget: the next inference is the first of a stream.</summary>");
        w.Line("/// <param name=\"state\">At least <see cref=\"StateBytes\"/>, of any content.</param>");
        w.Line("/// <exception cref=\"ArgumentException\">The span is shorter.</exception>");
        using (w.Block("public static void ResetState([EtchLength(nameof(StateBytes))] Span<sbyte> state)"))
        {
            if (!model.Succeeded)
            {
                w.Line(DidNotCompile);
            }
            else
            {
                w.Line("Buffers.RequireAtLeast(state.Length, StateBytes, nameof(state));");
                w.Line("ResetVariables(state);");
            }
        }

        if (!model.Succeeded) return;
        w.Line();
        w.Line("static partial void ResetVariables(Span<sbyte> state);");
    }

    private static void WritePush(CodeWriter w, CompiledModel model, RowPush push, Names.Port input, Names.Port[] outputs)
    {
        string type = input.Tensor.Type.Keyword();
        w.Line();
        w.Line($"/// <summary>Elements of one row of input {Names.Xml(input.Tensor.Name)}.</summary>");
        w.Line($"public const int RowLength = {push.RowLength};");
        w.Line();
        w.Line($"/// <summary>Rows of input {Names.Xml(input.Tensor.Name)}.</summary>");
        w.Line($"public const int RowCount = {push.Rows};");
        w.Line();
        w.Line("/// <summary>Bytes that <c>rows</c> must have: working memory, the last rows of the input and their count.</summary>");
        w.Line($"public const int RowsBytes = {push.Bytes};");
        w.Line();
        w.Line("/// <summary>Begins an image: the next row is its first. Once before the first row; after the last it has happened already.</summary>");
        w.Line("/// <param name=\"rows\">Memory of at least <see cref=\"RowsBytes\"/>, of any content.</param>");
        using (w.Block("public static void ResetRows([EtchLength(nameof(RowsBytes))] Span<sbyte> rows)"))
        {
            w.Line("Buffers.RequireAtLeast(rows.Length, RowsBytes, nameof(rows));");
            w.Line($"MemoryMarshal.Cast<sbyte, int>(rows.Slice({push.CounterAt}, sizeof(int)))[0] = 0;");
        }

        w.Line();
        w.Line("/// <summary>Takes the next row of the input and computes as far as the rows reach; the image as a whole need not exist.</summary>");
        w.Line($"/// <param name=\"row\">A row of {Names.Xml(input.Tensor.Name)}.</param>");
        foreach (Names.Port p in outputs)
        {
            w.Line($"/// <param name=\"{p.Parameter.TrimStart('@')}\">{Names.Xml(p.Tensor.Name)}: the same memory for all rows of an image.</param>");
        }

        w.Line("/// <param name=\"rows\">Memory of at least <see cref=\"RowsBytes\"/>, which keeps its content from row to row; it overlaps no other span.</param>");
        w.Line("/// <returns>True when this was the last row: the outputs hold the result.</returns>");
        w.Line("/// <exception cref=\"ArgumentException\">A span has another length than the model needs.</exception>");
        w.Line("/// <exception cref=\"InvalidOperationException\"><paramref name=\"rows\"/> was not reset before the first row.</exception>");
        w.Line("public static bool PushRow(");
        w.Line($"    [EtchLength(nameof(RowLength))] ReadOnlySpan<{type}> row,");
        foreach (Names.Port p in outputs) w.Line($"    [EtchLength(nameof({p.Prefix}Length))] Span<{p.Tensor.Type.Keyword()}> {p.Parameter},");
        using (w.Block("    [EtchLength(nameof(RowsBytes))] Span<sbyte> rows)"))
        {
            w.Line("Buffers.RequireExactly(row.Length, RowLength, nameof(row));");
            foreach (Names.Port p in outputs) w.Line($"Buffers.RequireExactly({p.Parameter}.Length, {p.Prefix}Length, nameof({p.Parameter}));");
            w.Line("Buffers.RequireAtLeast(rows.Length, RowsBytes, nameof(rows));");
            w.Line("Buffers.RequireLittleEndian();");
            w.Line($"ref int next = ref MemoryMarshal.Cast<sbyte, int>(rows.Slice({push.CounterAt}, sizeof(int)))[0];");
            w.Line("int y = LineBuffer.Take(ref next, RowCount);");
            w.Line($"PushLayers({string.Join(", ", new[] { "row", "y" }.Concat(outputs.Select(p => p.Parameter)))}, rows);");
            w.Line("return next == 0;");
        }

        w.Line();
        w.Line($"static partial void PushLayers({PushParameters([input], outputs)});");
    }
}
