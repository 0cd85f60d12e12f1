using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading.Tasks;
using Xunit;

namespace Etch.Analyzers.Tests;

/// <summary>Budgets in <c>dotnet build</c>: what no test in memory shows, exit codes, printed locations, severities from files.</summary>
public sealed class BuildTests : IDisposable
{
    private const string Project = """
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <TargetFramework>net10.0</TargetFramework>
          </PropertyGroup>
          <ItemGroup>
            <Analyzer Include="{bin}/Etch.Compiler.dll;{bin}/Etch.Analyzers.dll" />
            <Reference Include="{bin}/Etch.Runtime.dll" />
            <CompilerVisibleProperty Include="EtchMaxRam" />
            <CompilerVisibleItemMetadata Include="AdditionalFiles" MetadataName="MaxFlash" />
            <AdditionalFiles Include="Models/keywords.tflite" MaxFlash="$(Flash)" />
          </ItemGroup>
        </Project>
        """;

    private const string Source = """
        using Etch;
        [EtchModel("keywords.tflite")]
        [EtchBudget(Macs = 100, LayerRam = 16_000)]
        [EtchModelCost(File = "keywords.tflite", Arena = 16000, Stack = 512, Tables = 50000, Code = 4000, Macs = 100)]
        [EtchLayerCost("conv1/Relu", Ram = 16000, Flash = 9000, Macs = 100)]
        static partial class Keywords;
        """;

    private const string RamMessage = "error ETCH201: Keywords: conv1/Relu needs 16,000 bytes of RAM, 1 more than the budget per layer of 15,999; "
        + "1 layer exceeds it; dearest layer: conv1/Relu 16,000";

    private readonly string _folder = Directory.CreateTempSubdirectory("etch-build-").FullName;

    public BuildTests()
    {
        Write("App.csproj", Project.Replace("{bin}", AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)));
        Write("Directory.Build.props", "<Project />");
        Write("User.cs", Source);
        Directory.CreateDirectory(Path.Combine(_folder, "Models"));
        File.WriteAllBytes(Path.Combine(_folder, "Models", "keywords.tflite"), [0, 0xFF, 0xFE, 0, 0x80]);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_budget_one_byte_too_small_fails_the_build_and_the_exact_figure_does_not()
    {
        Write("User.cs", Source.Replace("16_000", "15_999"));
        Assert.Equal((1, $"User.cs(3,36): {RamMessage}"), await Build());

        Write("User.cs", Source);
        Assert.Equal((0, ""), await Build());
    }

    [Fact]
    public async Task A_limit_of_the_project_file_fails_the_build_at_the_model()
    {
        Assert.Equal(
            (1,
                "Models/keywords.tflite(1,1): error ETCH201: Keywords needs 16,512 bytes of RAM, 1 more than its budget of 16,511 set by EtchMaxRam "
                + "(arena 16,000 + state 0 + stack 512); dearest layer: conv1/Relu 16,000\n"
                + "Models/keywords.tflite(1,1): error ETCH202: Keywords needs 54,000 bytes of flash, 752 more than its budget of 53,248 set by MaxFlash "
                + "(tables 50,000 + code 4,000); dearest layer: conv1/Relu 9,000"),
            await Build("-p:EtchMaxRam=16_511", "-p:Flash=52KiB"));

        Write(".globalconfig", "is_global = true\ndotnet_diagnostic.ETCH201.severity = warning\ndotnet_diagnostic.ETCH202.severity = none\n");
        (int exitCode, string reported) = await Build("-p:EtchMaxRam=16_511", "-p:Flash=52KiB");
        Assert.Equal(0, exitCode);
        Assert.StartsWith("Models/keywords.tflite(1,1): warning ETCH201: ", reported);
        Assert.DoesNotContain("ETCH202", reported);
    }

    [Fact]
    public async Task Editorconfig_sets_the_severity()
    {
        Write("User.cs", Source.Replace("16_000", "15_999"));
        Write(".editorconfig", "root = true\n[*.cs]\ndotnet_diagnostic.ETCH201.severity = warning\n");
        Assert.Equal((0, $"User.cs(3,36): {RamMessage.Replace("error", "warning")}"), await Build());

        Write(".editorconfig", "root = true\n[*.cs]\ndotnet_diagnostic.ETCH201.severity = none\n");
        Assert.Equal((0, ""), await Build());
    }

    [Fact]
    public async Task Calls_are_understood_in_the_newest_language_too()
    {
        Write("Keywords.g.cs", BufferLengthTests.Generated);
        Write("User.cs", """
            while (args.Length > 0)
            {
                var arena = new sbyte[Demo.Keywords.ArenaBytes];
                sbyte[] input = new sbyte[490];
                Demo.Keywords.Invoke(input, input.AsSpan()[..11], arena);
            }

            Demo.Keywords.Invoke(new sbyte[490], (new sbyte[13]), stackalloc sbyte[9]);
            """);
        Assert.Equal(
            (1,
                "User.cs(3,17): warning ETCH301: Keywords: the arena is allocated inside a loop, which leaves garbage in every turn; "
                + "allocate it once, before the loop\n"
                + "User.cs(5,33): error ETCH302: 'output' of Keywords.Invoke takes exactly 12 elements (Keywords.OutputLength), but this buffer has 11\n"
                + "User.cs(8,38): error ETCH302: 'output' of Keywords.Invoke takes exactly 12 elements (Keywords.OutputLength), but this buffer has 13\n"
                + "User.cs(8,55): error ETCH302: 'arena' of Keywords.Invoke takes at least 1,600 elements (Keywords.ArenaBytes), but this buffer has 9"),
            await Build("-p:OutputType=Exe", "-p:LangVersion=preview", "-p:ImplicitUsings=enable"));
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_folder, name), text);

    /// <summary>Builds the project: the exit code, and the errors and warnings with paths relative to it, one to a line, sorted.</summary>
    private async Task<(int ExitCode, string Reported)> Build(params string[] properties)
    {
        var start = new ProcessStartInfo("dotnet", ["build", "-nologo", "-v:q", "-nodeReuse:false", "-p:UseSharedCompilation=false", .. properties])
        {
            WorkingDirectory = _folder,
            RedirectStandardOutput = true,
            Environment = { ["DOTNET_CLI_UI_LANGUAGE"] = "en" },
        };
        using Process build = Process.Start(start)!;
        string output = await build.StandardOutput.ReadToEndAsync();
        await build.WaitForExitAsync();

        // MSBuild ends a line with the help link and the project.
        return (build.ExitCode, string.Join('\n', Regex
            .Matches(output, @"^\s*(.*(?:error|warning) \w+: .*?)(?: \(https:\S+\))?(?: \[.*\])?\s*$", RegexOptions.Multiline)
            .Select(match => match.Groups[1].Value.Replace(_folder + Path.DirectorySeparatorChar, "").Replace('\\', '/'))
            .Distinct().Order(StringComparer.Ordinal)));
    }
}
