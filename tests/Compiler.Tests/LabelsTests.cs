using System.IO;
using System.IO.Compression;
using System.Text;
using Etch.Diagnostics;
using Etch.Emit;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Labels from a text file and from the archive at the end of a model.</summary>
public sealed class LabelsTests
{
    [Theory]
    [InlineData(CompressionLevel.NoCompression, 0)]
    [InlineData(CompressionLevel.NoCompression, 1000)]
    [InlineData(CompressionLevel.Optimal, 0)]
    [InlineData(CompressionLevel.Optimal, 1000)]
    public void Entries_are_found_stored_and_deflated_behind_whatever_precedes_them(CompressionLevel level, int before)
    {
        byte[] file = [.. new byte[before], .. Archive(level)];
        Assert.Equal("daisy\nroses\n", Encoding.UTF8.GetString(ZipEntries.Find(file, "labels.txt")!));
        Assert.Equal(2000, ZipEntries.Find(file, "other.bin")!.Length);
        Assert.Null(ZipEntries.Find(file, "missing.txt"));
        Assert.Null(ZipEntries.Find(file[..^1], "labels.txt"));
    }

    [Fact]
    public void Broken_archives_are_left_out()
    {
        byte[][] archives = [Archive(CompressionLevel.NoCompression), Archive(CompressionLevel.Optimal)];
        var draw = new Draw(92);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] file = [.. draw.Of(archives)];
            for (int j = draw.Int(1, 4); j > 0; j--) file[draw.Chance(2) ? draw.Int(file.Length - 130, file.Length - 1) : draw.Int(0, file.Length - 1)] = draw.Of((byte)0, (byte)0xFF, (byte)draw.Int(0, 255));
            if (draw.Chance(5)) file = file[draw.Int(0, file.Length - 1)..];
            byte[]? entry = ZipEntries.Find(file, "labels.txt");
            Assert.True(entry is null || entry.Length <= 1 << 20);
        }
    }

    [Fact]
    public void A_text_has_one_label_on_each_line() =>
        Assert.Equal(["a b", "", "ü"], ModelMetadata.Lines("\uFEFFa b \r\n\r\nü\n\n \n"));

    [Fact]
    public void Labels_are_emitted_and_read_without_allocation()
    {
        CompiledModel model = Compile("\"quoted\"\\\nback\tslash ü \u2028\n");
        Assert.Empty(model.Warnings);
        Assert.Contains("public static ReadOnlySpan<string> Labels => LabelTable.Names;", SurfaceWriter.Write(model));
        Assert.Contains("\"\\\"quoted\\\"\\\\\",", SurfaceWriter.Write(model));
        Assert.Contains("\"back\\u0009slash \\u00FC\",", SurfaceWriter.Write(model));
        Assert.NotNull(new EmittedModels([model], isChecked: false));
        Assert.DoesNotContain("Labels", SurfaceWriter.Write(Compile("")));
    }

    [Fact]
    public void Another_number_of_labels_than_of_classes_is_a_warning()
    {
        Problem warning = Assert.Single(Compile("one\ntwo\nthree").Warnings);
        Assert.Equal(Ids.Labels, warning.Id);
        Assert.Contains("the model has 3 labels, and the last dimension of its output 'y' of shape [1, 2] is 2", warning.Message);
    }

    private static CompiledModel Compile(string labels)
    {
        var b = new TfliteBuilder();
        int x = b.Int8("x", [1, 2], 1, 0), y = b.Int8("y", [1, 2], 1, 0);
        b.Operator(Schema.Builtin.Relu, [x], [y]);
        b.Ports([x], [y]);
        return Compiler.Compile(new ModelFile("m.tflite", b.Build()).WithLabels(labels), new CompileOptions { ClassName = "Labelled" }, default);
    }

    private static byte[] Archive(CompressionLevel level)
    {
        using var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create))
        {
            using (Stream other = archive.CreateEntry("other.bin", level).Open()) other.Write(new byte[2000]);
            using (Stream labels = archive.CreateEntry("labels.txt", level).Open()) labels.Write("daisy\nroses\n"u8);
        }

        return stream.ToArray();
    }
}
