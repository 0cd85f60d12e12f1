extern alias runtime;

using System;
using System.Buffers.Binary;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.Loader;
using System.Text.RegularExpressions;
using Etch.Emit;
using KeywordSpotting;
using Detection = runtime::Etch.Detection;

namespace Etch.Tests;

/// <summary>The examples of docs/families.md as they stand there, compiled with the classes that their project lines ask for, on real pictures and sounds.</summary>
public sealed partial class FamilyTests
{
    private const int Side = 96;

    // Where the person and the face are in the picture's 96 × 96 pixels.
    private static readonly Detection Person = new(22, 13, 73, 96, 0, 1), Face = new(41, 20, 62, 45, 0, 1);

    /// <summary>Section, input and what is printed for it: the lines of the page's blocks of text.</summary>
    public static TheoryData<string, string, string> Documented
    {
        get
        {
            var rows = new TheoryData<string, string, string>();
            foreach (string section in File.ReadAllText(Repository("docs", "families.md")).Split("\n## ").Skip(1))
            {
                foreach (Match line in Printed().Matches(section).SelectMany(block => Line().Matches(block.Groups[1].Value)))
                {
                    rows.Add(section.Split('\n')[0], line.Groups[1].Value, line.Groups[2].Value);
                }
            }

            return rows;
        }
    }

    [Fact]
    public void Every_example_has_a_result() => Assert.Equal(
        File.ReadAllText(Repository("docs", "families.md")).Split("\n## ").Skip(1).Where(section => Example().IsMatch(section)).Select(section => section.Split('\n')[0]),
        Documented.Select(row => (string)row[0]).Distinct());

    [ModelTheory]
    [MemberData(nameof(Documented))]
    public void The_documented_example_finds_what_is_there(string section, string input, string printed)
    {
        string page = File.ReadAllText(Repository("docs", "families.md")), text = page.Split($"\n## {section}\n", 2)[1].Split("\n## ", 2)[0];
        CompiledModel[] models = [.. ModelItem().Matches(text).Select(item => Engines.Compile(Models.File(item.Groups[1].Value), item.Groups[2].Value))];
        Assert.NotEmpty(models);

        // What the examples print goes to a Console of their own.
        string program = $$"""
            using System;
            using System.Collections.Generic;
            using System.Runtime.InteropServices;
            using Etch;

            internal static class Program
            {
                public static string Run(byte[] picture, short[] sound)
                {
                    {{string.Concat(Example().Matches(text).Select(match => match.Groups[1].Value))}}
                    return string.Join("; ", Console.Lines);
                }

                private static class Console
                {
                    public static readonly List<string> Lines = [];

                    public static void WriteLine(string line) => Lines.Add(line);
                }
            }
            """;
        string[] classes = [.. models.SelectMany(m => new[] { SurfaceWriter.Write(m), LayersWriter.Write(m), ConstantsWriter.Write(m) })];
        using MemoryStream image = EmittedModels.Compile([.. classes, program], isChecked: false);
        var run = new AssemblyLoadContext("example", isCollectible: true).LoadFromStream(image).GetType("Program")!.GetMethod("Run")!
            .CreateDelegate<Func<byte[], short[], string>>();
        (byte[] picture, short[] sound) = input switch
        {
            "person" or "no_person" => (Grey(input), Array.Empty<short>()),
            "daisy" => (Daisy(), []),
            _ when input.StartsWith("mnist", StringComparison.Ordinal) => (DigitTests.Grey(Path.Combine(Models.Folder!, "inputs", input + ".png")), []),
            "anything" => ([], []),
            "okay_nabu" or "alexa" or "marvin" => ([], WaveFile.Read(Repository("tests", "EndToEnd.Tests", "Sounds", input + ".wav"))),
            _ => ([], WaveFile.Read(Path.Combine(Models.Folder!, "inputs", input + ".wav"))),
        };
        string expected = printed == "nothing" ? "" : printed;
        string actual = run(picture, sound);
        Assert.True(expected == actual, $"{section} prints for {input}:\n{actual}");

        // Boxes lie where the eye sees the person or the face; those of an SSD are parts of the image.
        foreach (Match box in Box().Matches(printed))
        {
            (int height, int width) = section == "SSD" ? (1, 1) : (models[0].Inputs[0].Shape[1], models[0].Inputs[0].Shape[2]);
            float[] edges = [.. box.Groups.Values.Skip(1).Select(edge => float.Parse(edge.Value, CultureInfo.InvariantCulture) * Side)];
            var found = new Detection(edges[0] / width, edges[1] / height, edges[2] / width, edges[3] / height, 0, 1);
            Assert.InRange(found.Overlap(section is "YOLO-Fastest" or "BlazeFace" ? Face : Person), 0.5f, 1);
        }

        // FOMO has the picture at half its size, 24 pixels from the left and 40 from the top, and finds middles.
        foreach (Match middle in Middle().Matches(printed))
        {
            float x = (float.Parse(middle.Groups[1].Value, CultureInfo.InvariantCulture) - 24) * 2, y = (float.Parse(middle.Groups[2].Value, CultureInfo.InvariantCulture) - 40) * 2;
            Assert.InRange(x, Person.Left, Person.Right);
            Assert.InRange(y, Person.Top, Person.Bottom);
        }
    }

    /// <summary>The pixels of a BMP file of 96 × 96 bytes, rows from the top, 0 black and 255 white.</summary>
    private static byte[] Grey(string name)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(Models.Folder!, "inputs", name + ".bmp")), pixels = new byte[Side * Side];
        int Field(int at) => BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at));
        Assert.Equal((Side, Side, 1 + (8 << 16), 0), (Field(18), Math.Abs(Field(22)), Field(26), Field(30)));
        for (int y = 0; y < Side; y++)
        {
            int row = Field(22) > 0 ? Side - 1 - y : y;
            file.AsSpan(Field(10) + (row * Side), Side).CopyTo(pixels.AsSpan(y * Side));
        }

        // The file with the person has int8 values, as its model takes them.
        return name == "person" ? Array.ConvertAll(pixels, pixel => (byte)(pixel + 128)) : pixels;
    }

    /// <summary>A drawing of 96 × 96 pixels: twenty-one white petals around a yellow disc, before green.</summary>
    private static byte[] Daisy()
    {
        byte[] rgb = new byte[3 * Side * Side];
        for (int i = 0; i < Side * Side; i++)
        {
            float x = (i % Side) - (Side / 2), y = (i / Side) - (Side / 2), radius = MathF.Sqrt((x * x) + (y * y)), petals = MathF.Cos(21 * MathF.Atan2(y, x));
            byte[] colour = radius < 12 ? [240, 190, 30] : radius < 38 + (5 * petals) ? [245, 245, (byte)(235 + (10 * petals))] : [50, 100, 40];
            colour.CopyTo(rgb, 3 * i);
        }

        return rgb;
    }

    private static string Repository(params string[] path)
    {
        DirectoryInfo root = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Generator.sln"))) root = root.Parent!;
        return Path.Combine([root.FullName, .. path]);
    }

    [GeneratedRegex("<EtchModel Include=\"Models/(.*?).tflite\" Class=\"(.*?)\"")]
    private static partial Regex ModelItem();

    [GeneratedRegex(" at ([-0-9.]+) ([-0-9.]+) ([-0-9.]+) ([-0-9.]+)")]
    private static partial Regex Box();

    [GeneratedRegex(" around ([-0-9.]+) ([-0-9.]+)")]
    private static partial Regex Middle();

    [GeneratedRegex("```text\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Printed();

    [GeneratedRegex("^(.*?): (.*)$", RegexOptions.Multiline)]
    private static partial Regex Line();

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Example();
}
