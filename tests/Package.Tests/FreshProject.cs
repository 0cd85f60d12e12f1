using System;
using System.Diagnostics;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Threading.Tasks;
using Xunit;

namespace Etch.Package.Tests;

/// <summary>What a stranger does: the package is packed into a folder, and a project outside of the repository restores it from there.</summary>
/// <remarks>Nothing is shared with the repository's own build: neither intermediate files nor restored packages.</remarks>
public sealed class FreshProject : IAsyncLifetime
{
    private const string Version = "0.1.0-fresh";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("etch-package");

    /// <summary>The package's files, sorted.</summary>
    public string[] Files { get; private set; } = [];

    /// <summary>The expected output of a model's test vector with seed 1.</summary>
    public static string Golden(string vector) =>
        Convert.ToHexString(File.ReadAllBytes(Path.Combine(Root(), "tests", "vectors", "ops", vector, "seed1.out0.bin")));

    public async Task InitializeAsync()
    {
        (int exit, string text) = await Dotnet(
            Root(), "pack", "src/Package/Package.csproj", "-c", "Release", $"-p:Version={Version}", "--artifacts-path", At("artifacts"), "-o", At("feed"));
        Assert.True(exit == 0, text);
        using ZipArchive package = ZipFile.OpenRead(At($"feed/Etch.{Version}.nupkg"));
        Files = [.. package.Entries.Select(static entry => entry.FullName).Order(StringComparer.Ordinal)];

        Directory.CreateDirectory(At("App/Models"));
        foreach ((string name, string vector) in new[] { ("keywords", "fc_64x10"), ("person", "conv_3x3_s2_same"), ("sensor", "add_plain") })
            File.Copy(Path.Combine(Root(), "tests", "vectors", "ops", vector, "model.tflite"), At($"App/Models/{name}.tflite"));
        await File.WriteAllBytesAsync(At("App/Models/broken.tflite"), (await File.ReadAllBytesAsync(At("App/Models/person.tflite")))[..100]);
        await File.WriteAllLinesAsync(At("App/Models/words.txt"), Enumerable.Range(0, 10).Select(static i => $"word {i}"));
        await File.WriteAllTextAsync(At("nuget.config"), """
            <configuration>
              <packageSources>
                <add key="fresh" value="feed" />
              </packageSources>
            </configuration>
            """);
        await File.WriteAllTextAsync(At("App/App.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFrameworks>net8.0;net10.0</TargetFrameworks>
                <Nullable>enable</Nullable>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <MaxRam Condition="'$(MaxRam)' == ''">64KB</MaxRam>
                <Words Condition="'$(Words)' == ''">Models/words.txt</Words>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Etch" Version="{Version}" />
                <EtchModel Include="Models/keywords.tflite" Labels="$(Words)" />
                <AdditionalFiles Include="Models/sensor.tflite" />
                <EtchModel Include="Models/person.tflite" Class="PersonDetector" MaxRam="$(MaxRam)" MaxFlash="320KB" MaxMacs="8M" />
                <EtchModel Include="Models/broken.tflite" Condition="'$(Broken)' == 'true'" />
              </ItemGroup>
            </Project>
            """);
        await File.WriteAllTextAsync(At("App/Program.cs"), """
            using System;
            using App;
            using Etch;

            sbyte[] output = new sbyte[Keywords.OutputLength];
            Keywords.Invoke(Bytes(Keywords.InputLength, 0), output, new sbyte[Keywords.ArenaBytes]);
            Print(output);

            output = new sbyte[PersonDetector.OutputLength];
            PersonDetector.Invoke(Bytes(PersonDetector.InputLength, 0), output, new sbyte[PersonDetector.ArenaBytes]);
            Print(output);

            output = new sbyte[Fusion.OutputLength];
            Fusion.Invoke(Bytes(Fusion.T0Length, 0), Bytes(Fusion.T1Length, 1), output, new sbyte[Fusion.ArenaBytes]);
            Print(output);

            Console.WriteLine(Keywords.Labels[9]);

            static void Print(sbyte[] output) => Console.WriteLine(Convert.ToHexString((byte[])(Array)output));

            // The inputs that the expected outputs were recorded with: a xorshift generator, seed 1.
            static sbyte[] Bytes(int length, uint input)
            {
                uint s = 2654435769 + input * 40503;
                var bytes = new sbyte[length];
                for (int i = 0; i < length; i++)
                {
                    s ^= s << 13;
                    s ^= s >> 17;
                    s ^= s << 5;
                    bytes[i] = (sbyte)(s >> 24);
                }

                return bytes;
            }

            [EtchModel("sensor.tflite")]
            [EtchBudget(Ram = 24 * 1024, Flash = 80 * 1024, Macs = 3_000_000)]
            internal static partial class Fusion;
            """);
    }

    public Task DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return Task.CompletedTask;
    }

    /// <summary>Builds the project.</summary>
    public Task<(int Exit, string Output)> Build(params string[] arguments) => Dotnet(At("App"), ["build", "--disable-build-servers", .. arguments]);

    /// <summary>Runs what was built, on the runtime that is there.</summary>
    public Task<(int Exit, string Output)> Run(string framework) => Dotnet(At("App"), "exec", "--roll-forward", "Major", $"bin/Debug/{framework}/App.dll");

    /// <summary>Cuts a file of the restored package short.</summary>
    public void Break(string path)
    {
        using FileStream file = File.OpenWrite(At($"packages/etch/{Version}/{path}"));
        file.SetLength(file.Length / 2);
    }

    /// <summary>Writes a file of the project, or removes it.</summary>
    public void Write(string path, string? text)
    {
        if (text is null) File.Delete(At("App/" + path));
        else File.WriteAllText(At("App/" + path), text);
    }

    private string At(string path) => Path.Combine(_folder.FullName, path);

    private async Task<(int Exit, string Output)> Dotnet(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };

        // The test host's own MSBuild variables must not reach the child.
        foreach (string name in start.Environment.Keys.Where(static name => name.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray())
            start.Environment.Remove(name);
        start.Environment["NUGET_PACKAGES"] = At("packages");
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await errors);
    }

    private static string Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Generator.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new DirectoryNotFoundException("The tests run outside the repository.");
    }
}
