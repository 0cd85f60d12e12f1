using System;
using System.Linq;
using System.Threading.Tasks;
using Xunit;

namespace Etch.Package.Tests;

/// <summary>The package does in a fresh project what it promises.</summary>
public class PackageTests(FreshProject project) : IClassFixture<FreshProject>
{
    [Fact]
    public void Holds_what_the_compiler_loads_what_programs_call_and_what_projects_import()
    {
        Assert.Equal(
            [
                "Etch.nuspec",
                "LICENSE",
                "README.md",
                "analyzers/dotnet/cs/Etch.Analyzers.dll",
                "analyzers/dotnet/cs/Etch.CodeFixes.dll",
                "analyzers/dotnet/cs/Etch.Compiler.dll",
                "analyzers/dotnet/cs/Etch.Generator.dll",
                "build/Etch.props",
                "build/Etch.targets",
                "buildTransitive/Etch.props",
                "buildTransitive/Etch.targets",
                "lib/net10.0/Etch.Runtime.dll",
                "lib/net10.0/Etch.Runtime.xml",
                "lib/net8.0/Etch.Runtime.dll",
                "lib/net8.0/Etch.Runtime.xml",
            ],
            project.Files.Where(static file => !file.StartsWith('_') && !file.StartsWith('[') && !file.StartsWith("package/", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Builds_runs_and_keeps_budgets()
    {
        (int exit, string output) = await project.Build();
        Assert.True(exit == 0, output);

        string expected = string.Join('\n', new[] { "fc_64x10", "conv_3x3_s2_same", "add_plain" }.Select(FreshProject.Golden).Append("word 9"));
        foreach (string framework in new[] { "net8.0", "net10.0" })
        {
            (exit, output) = await project.Run(framework);
            Assert.True(exit == 0, output);
            Assert.Equal(expected, output.Trim().ReplaceLineEndings("\n"));
        }

        string[] once = ["--no-restore", "-f", "net10.0"];
        (exit, output) = await project.Build([.. once, "-p:MaxRam=100"]);
        Assert.NotEqual(0, exit);
        Assert.Matches(@"person\.tflite\(1,1\): error ETCH201: PersonDetector needs [\d,]+ bytes of RAM, [\d,]+ more than its budget of 100 set by MaxRam \(", output);

        (exit, string withoutAnalyzers) = await project.Build([.. once, "-p:MaxRam=100", "-p:RunAnalyzers=false"]);
        Assert.NotEqual(0, exit);
        Assert.Equal(Errors(output), Errors(withoutAnalyzers));

        (exit, output) = await project.Build([.. once, "-p:Broken=true"]);
        Assert.NotEqual(0, exit);
        Assert.Matches(@"broken\.tflite\(1,1\): error ETCH002: ", Assert.Single(Errors(output)));

        (exit, output) = await project.Build([.. once, "-p:Words=Models/none.txt"]);
        Assert.NotEqual(0, exit);
        Assert.Contains(Errors(output), static error => error.Contains("keywords.tflite(1,1): error ETCH007: Labels=\"Models/none.txt\" names no file", StringComparison.Ordinal));

        // One property says what the processor has.
        foreach ((string sets, string set) in new[] { ("Sse41", "x86-64-v2"), ("Avx2", "x86-64-v3"), ("Avx512", "x86-64-v4"), ("Native", "native"), ("None", "") })
        {
            (exit, output) = await project.Build(["-getProperty:IlcInstructionSet", .. once, $"-p:EtchInstructionSets={sets}"]);
            Assert.True(exit == 0 && output.Trim() == set, $"{sets}: {output}");
        }

        (_, output) = await project.Build(["-getProperty:IlcInstructionSet", "--no-restore", "-f", "net8.0", "-p:EtchInstructionSets=Avx2"]);
        Assert.Equal("x86-x64-v3", output.Trim());
        (_, output) = await project.Build(["-getProperty:EtchVectors", .. once, "-p:EtchInstructionSets=None"]);
        Assert.Equal("false", output.Trim());
        (exit, output) = await project.Build([.. once, "-p:EtchInstructionSets=Avx"]);
        Assert.NotEqual(0, exit);
        Assert.Matches("App\\.csproj : error ETCH007: EtchInstructionSets=\"Avx\" is not understood: it has to be None, Sse41, Avx2, Avx512, Native", Assert.Single(Errors(output)));

        // Schedules beside models are found without being listed, whatever the model is listed as.
        project.Write("Models/keywords.schedule", "model 00");
        project.Write("Models/sensor.schedule", "model 00");
        (_, output) = await project.Build([.. once, "-p:TreatWarningsAsErrors=false"]);
        Assert.Contains("keywords.tflite(1,1): warning ETCH109: ", output, StringComparison.Ordinal);
        Assert.Contains("ETCH109: the schedule beside 'sensor.tflite' is ignored", output, StringComparison.Ordinal);
        project.Write("Models/keywords.schedule", null);
        project.Write("Models/sensor.schedule", null);

        // Alone, the C# compiler would warn that the generator did not load, and go on without the models' code.
        project.Break("analyzers/dotnet/cs/Etch.Compiler.dll");
        (exit, output) = await project.Build([.. once, "-p:TreatWarningsAsErrors=false"]);
        Assert.NotEqual(0, exit);
        Assert.Contains("error CS8034: ", Assert.Single(Errors(output)));
    }

    /// <summary>The errors of a build, each once: MSBuild repeats them in its summary.</summary>
    private static string[] Errors(string output) =>
        [.. output.Split('\n').Where(static line => line.Contains(": error ", StringComparison.Ordinal)).Select(static line => line.Trim()).Distinct()];
}
