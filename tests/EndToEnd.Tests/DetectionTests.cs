using System;
using System.IO;
using System.Linq;
using System.Runtime.Loader;
using System.Text.RegularExpressions;
using Etch.Emit;

namespace Etch.Tests;

/// <summary>The examples of docs/detection.md as they stand there, compiled with generated classes, on a real picture.</summary>
public sealed partial class DetectionTests
{
    [ModelTheory]
    [InlineData("person", "1 at 81 39 120 83")]
    [InlineData("no_person", "0 at nowhere")]
    public void The_documented_examples_find_a_face_where_there_is_one(string picture, string faces)
    {
        string[] examples = [.. Example().Matches(File.ReadAllText(Page())).Select(match => match.Groups[1].Value)];
        Assert.Equal(3, examples.Length);
        CompiledModel[] models =
        [
            Engines.Compile(Models.File("yolofastest_face_192_v4_int8"), "FaceDetector"),
            Engines.Compile(Models.File("yolov5tiny_person_192_int8"), "PersonDetector"),
        ];
        string program = $$"""
            using System;
            using Etch;

            internal static class Program
            {
                public static string Run(byte[] picture, sbyte[] output, sbyte[] scores)
                {
                    {{examples[0]}}
                    Detection box = found[0];
                    string face = count == 0 ? "nowhere" : FormattableString.Invariant($"{box.Left:F0} {box.Top:F0} {box.Right:F0} {box.Bottom:F0}");
                    {{examples[1]}}
                    {{examples[2]}}
                    return FormattableString.Invariant($"{count} at {face}, {persons}, {classes}: {best[0]} {best[1]}");
                }
            }
            """;
        string[] classes = [.. models.SelectMany(m => new[] { SurfaceWriter.Write(m), LayersWriter.Write(m), ConstantsWriter.Write(m) })];
        using MemoryStream image = EmittedModels.Compile([.. classes, program], isChecked: false);
        var run = new AssemblyLoadContext("examples", isCollectible: true).LoadFromStream(image).GetType("Program")!.GetMethod("Run")!
            .CreateDelegate<Func<byte[], sbyte[], sbyte[], string>>();

        // One row is a person: (stored + 122) · 1.849 is 100 pixels for the center, 50 for the size, above 90 % for the scores.
        sbyte[] rows = new sbyte[2268 * 6];
        rows.AsSpan().Fill(-122);
        new sbyte[] { -68, -68, -95, -95, -72, -68 }.CopyTo(rows, 6 * 7);
        string result = run(PersonTests.Twice(picture), rows, [-3, 90]);
        Assert.Equal(faces + ", 1, 2: 1 0", result);
    }

    private static string Page()
    {
        DirectoryInfo root = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Generator.sln"))) root = root.Parent!;
        return Path.Combine(root.FullName, "docs", "detection.md");
    }

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Example();
}
