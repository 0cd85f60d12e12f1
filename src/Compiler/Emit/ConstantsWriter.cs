using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Etch.Ir;
using Etch.Passes;

namespace Etch.Emit;

/// <summary>Writes the constant tables: each content once, large ones as hexadecimal words, which the C# compiler reads fastest.</summary>
internal static class ConstantsWriter
{
    // Tables up to this many elements are written out as numbers.
    private const int Small = 64;

    public static string Write(CompiledModel model)
    {
        var w = new CodeWriter();
        SurfaceWriter.WriteFileHead(w, model);
        using (SurfaceWriter.Namespace(w, model))
        {
            SurfaceWriter.InEachClass(w, model, entry =>
            {
                foreach (IGrouping<string, KeyValuePair<Table, string>> table in Names(entry).GroupBy(pair => pair.Value))
                {
                    WriteTable(w, table.First().Key, table.Key);
                }
            });
        }

        return w.ToString();
    }

    /// <summary>The property of each table; tables of equal content share the first one's.</summary>
    public static Dictionary<Table, string> Names(CompiledModel model)
    {
        var byContent = new Dictionary<(ElementType, EquatableArray<byte>), string>();
        var names = new Dictionary<Table, string>();
        void Add(Table table, string owner)
        {
            if (!byContent.TryGetValue((table.Type, table.Data), out string? name)) byContent[(table.Type, table.Data)] = name = $"{owner}_{table.Name}";
            names[table] = name;
        }

        for (int i = 0; i < model.Layers.Count; i++)
        {
            foreach (Table table in model.Layers[i].Tables) Add(table, InvariantText.Of($"Layer{i}"));
        }

        foreach (StateReset reset in model.State.Resets)
        {
            if (reset.Table is { } table) Add(table, InvariantText.Of($"State{reset.At}"));
        }

        return names;
    }

    private static void WriteTable(CodeWriter w, Table table, string name)
    {
        string type = table.Type.Keyword();
        w.Line($"// {table.Length} × {table.Type.Name()}");
        if (table.Length <= Small && table.Type is not (ElementType.Float32 or ElementType.UInt32 or ElementType.Int64))
        {
            w.Line($"private static ReadOnlySpan<{type}> {name} =>");
            w.Line("[");
            WriteRows(w, [.. Numbers(table).Select(n => table.Type == ElementType.Bool ? (n != 0 ? "true" : "false") : InvariantText.Of($"{n}"))], 16);
            w.Line("];");
        }
        else
        {
            // Little endian; the last word is filled up with zeros.
            byte[] bytes = table.Data.ToArray();
            Array.Resize(ref bytes, (bytes.Length + 7) / 8 * 8);
            var words = new List<string>();
            for (int i = 0; i < bytes.Length; i += 8) words.Add(InvariantText.Of($"0x{BitConverter.ToUInt64(bytes, i):X16}"));
            w.Line($"private static ReadOnlySpan<{type}> {name} => MemoryMarshal.Cast<ulong, {type}>({name}Words).Slice(0, {table.Length});");
            w.Line();

            // An array and not a collection expression: it compiles to the same, and takes the C# compiler less memory.
            w.Line($"private static ReadOnlySpan<ulong> {name}Words => new ulong[]");
            w.Line("{");
            WriteRows(w, words, 5);
            w.Line("};");
        }

        w.Line();
    }

    private static void WriteRows(CodeWriter w, IReadOnlyList<string> items, int perRow)
    {
        for (int i = 0; i < items.Count; i += perRow)
        {
            var row = new StringBuilder("    ");
            for (int j = i; j < Math.Min(items.Count, i + perRow); j++) row.Append(j > i ? ", " : "").Append(items[j]);
            w.Line(row.Append(',').ToString());
        }
    }

    private static IEnumerable<int> Numbers(Table table)
    {
        var tensor = new Tensor { Name = table.Name, Type = table.Type, Shape = new[] { table.Length }, Data = table.Data.ToArray() };
        return tensor.Integers();
    }
}
