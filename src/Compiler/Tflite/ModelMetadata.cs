using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Etch.Tflite;

/// <summary>What a model says about itself: TFLite metadata (metadata_schema.fbs) and the files that are packed with it.</summary>
/// <param name="Name">The model's name, or an empty text.</param>
/// <param name="Description">A sentence, or an empty text.</param>
/// <param name="LabelledOutput">The place among the outputs that the labels belong to.</param>
/// <param name="Labels">Names of the classes, in order; none where the model has none.</param>
internal sealed record ModelMetadata(string Name, string Description, int LabelledOutput, EquatableArray<string> Labels)
{
    public static readonly ModelMetadata None = new("", "", 0, System.Array.Empty<string>());

    private const string Entry = "TFLITE_METADATA", Identifier = "M001";

    // AssociatedFileType: labels of the last dimension.
    private const int AxisLabels = 2;

    private const int MaxText = 2_000;

    private static class Slots
    {
        public const int Metadata = 6, EntryName = 0, EntryBuffer = 1;
        public const int ModelName = 0, ModelDescription = 1, Subgraphs = 3, Outputs = 3, TensorFiles = 6, FileName = 0, FileType = 2;
    }

    /// <summary>Reads a model's metadata. What is broken is left out: it is no reason to refuse a model.</summary>
    public static ModelMetadata Read(byte[] file)
    {
        try
        {
            FlatTable model = new FlatBuffer(file).Root();
            FlatTable[] buffers = model.Tables(Schema.Model.Buffers);
            foreach (FlatTable entry in model.Tables(Slots.Metadata))
            {
                int buffer = entry.Int32(Slots.EntryBuffer);
                if (entry.Text(Slots.EntryName) == Entry && buffer >= 0 && buffer < buffers.Length) return Parse(buffers[buffer].Bytes(Schema.Buffer.Data), file);
            }
        }
        catch (MalformedException)
        {
        }

        return None;
    }

    /// <summary>The labels in a text: one on each line, without empty lines at the end.</summary>
    public static string[] Lines(string text)
    {
        List<string> lines = [.. text.TrimStart('\uFEFF').Split('\n').Select(line => line.Trim())];
        while (lines.Count > 0 && lines[lines.Count - 1].Length == 0) lines.RemoveAt(lines.Count - 1);
        return [.. lines];
    }

    private static ModelMetadata Parse(byte[] bytes, byte[] file)
    {
        if (bytes.Length < 8 || Encoding.ASCII.GetString(bytes, 4, 4) != Identifier) return None;
        FlatTable root = new FlatBuffer(bytes).Root();
        ModelMetadata metadata = None with { Name = Printable(root.Text(Slots.ModelName)), Description = Printable(root.Text(Slots.ModelDescription)) };
        FlatTable[] subgraphs = root.Tables(Slots.Subgraphs);
        FlatTable[] outputs = subgraphs.Length == 0 ? [] : subgraphs[0].Tables(Slots.Outputs);
        for (int i = 0; i < outputs.Length; i++)
        {
            foreach (FlatTable associated in outputs[i].Tables(Slots.TensorFiles))
            {
                if (associated.Byte(Slots.FileType) != AxisLabels || ZipEntries.Find(file, associated.Text(Slots.FileName)) is not { } text) continue;
                return metadata with { LabelledOutput = i, Labels = Lines(Encoding.UTF8.GetString(text)) };
            }
        }

        return metadata;
    }

    // It reaches XML comments: one line of characters that XML takes.
    private static string Printable(string text) =>
        new([.. text.Take(MaxText).Select(c => char.IsControl(c) || char.IsSurrogate(c) || c is '\u2028' or '\u2029' or >= '\uFFFE' ? ' ' : c)]);
}
