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

    [ModelTheory]
    [InlineData("YOLOv5", "person", "0.89 at 47 22 141 196")]
    [InlineData("YOLOv5", "no_person", "")]
    [InlineData("YOLO-Fastest", "person", "1.00 at 81 39 120 84")]
    [InlineData("YOLO-Fastest", "no_person", "")]
    [InlineData("YOLOv3 heads: MCUNet's person detector", "person", "0.77 at 30 16 123 129")]
    [InlineData("YOLOv3 heads: MCUNet's person detector", "no_person", "")]
    [InlineData("SSD", "person", "class 1, 0.46 at 0.27 0.11 0.78 0.84")]
    [InlineData("SSD", "no_person", "")]
    [InlineData("BlazeFace", "person", "0.89 at 55 32 79 56, nose at 70 44")]
    [InlineData("BlazeFace", "no_person", "")]
    [InlineData("FOMO", "person", "?")]
    [InlineData("FOMO", "no_person", "")]
    [InlineData("MobileNetV1", "person", "a person: 0.87")]
    [InlineData("MobileNetV1", "no_person", "a person: 0.27")]

    // Four networks of different origin, resolution and quantisation see the same in the dark figure: class 747 of 1,000 is "punching bag".
    [InlineData("MobileNetV2", "person", "748 744 433 860 400: 0.34; 748 458 580 590 516: 0.09")]
    [InlineData("MobileNetV2 from PyTorch", "person", "747 743 702 583 416: 0.28")]
    [InlineData("MCUNet", "person", "743 747 543 602 650: 0.22")]
    [InlineData("SqueezeNet", "person", "651 905 906 488 495: 0.12")]
    [InlineData("EfficientNet-Lite0", "sunflower", "?")]
    [InlineData("FastDepth", "person", "head 0.9, wall 1.2 and 1.2")]
    [InlineData("DS-CNN", "yes_1000ms", "yes 1.00")]
    [InlineData("DS-CNN", "silence_1000ms", "silence 0.91")]
    [InlineData("DS-CNN S", "yes_1000ms", "yes 1.00; yes 1.00; yes 0.89")]
    [InlineData("DS-CNN S", "silence_1000ms", "silence 1.00; silence 1.00; silence 1.00")]
    [InlineData("Streaming wake word", "okay_nabu", "?")]
    [InlineData("Streaming wake word", "yes_1000ms", "heard 0 times, at most 0.01")]
    [InlineData("LSTM", "yes_1000ms", "85 % of the power is left")]
    [InlineData("LSTM", "noise_1000ms", "?")]
    [InlineData("GRU", "silence_1000ms", "first gain 0.36, speech 1.00")]
    [InlineData("Autoencoder", "silence_1000ms", "error 16; error 939")]
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
            "sunflower" => (Sunflower(), []),
            "okay_nabu" => ([], WaveFile.Read(Repository("tests", "EndToEnd.Tests", "Sounds", input + ".wav"))),
            _ => ([], WaveFile.Read(Path.Combine(Models.Folder!, "inputs", input + ".wav"))),
        };
        Assert.Equal(printed, run(picture, sound));

        // Boxes lie where the eye sees the person or the face; those of an SSD are parts of the image.
        int height = section == "SSD" ? 1 : models[0].Inputs[0].Shape[1], width = section == "SSD" ? 1 : models[0].Inputs[0].Shape[2];
        foreach (Match box in Box().Matches(printed))
        {
            float[] edges = [.. box.Groups.Values.Skip(1).Select(edge => float.Parse(edge.Value, CultureInfo.InvariantCulture) * Side)];
            var found = new Detection(edges[0] / width, edges[1] / height, edges[2] / width, edges[3] / height, 0, 1);
            Assert.InRange(found.Overlap(section is "YOLO-Fastest" or "BlazeFace" ? Face : Person), 0.5f, 1);
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

    /// <summary>A drawing of 96 × 96 pixels: sixteen yellow petals around a brown disc, before green.</summary>
    private static byte[] Sunflower()
    {
        byte[] rgb = new byte[3 * Side * Side];
        for (int i = 0; i < Side * Side; i++)
        {
            float x = (i % Side) - (Side / 2), y = (i / Side) - (Side / 2), radius = MathF.Sqrt((x * x) + (y * y)), petals = MathF.Cos(16 * MathF.Atan2(y, x));
            byte[] colour = radius < 15 ? [70, 45, 20] : radius < 36 + (6 * petals) ? [250, 200, (byte)(20 + (10 * petals))] : [60, 110, 50];
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

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Example();
}
