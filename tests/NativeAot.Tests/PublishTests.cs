using System;
using System.IO;
using System.Threading.Tasks;
using Xunit;
using Xunit.Abstractions;

namespace Etch.NativeAot.Tests;

/// <summary>Programs published with NativeAOT: no warning, the recorded outputs, no allocation.</summary>
public sealed class PublishTests(ITestOutputHelper log) : IDisposable
{
    // Intermediate files too: the repository's own are left alone.
    private readonly string _folder = Directory.CreateTempSubdirectory("etch-aot").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [AotFact]
    public async Task A_native_program_computes_what_was_recorded_and_allocates_nothing()
    {
        string program = await Publish(Repository.PathOf("tests", "NativeAot.Tests", "App"), "App");
        (int exit, string output) = await Tool.Run(program, _folder, Recorded.Features);
        Assert.True(exit == 0, output);
        Recorded.AssertPrinted(output);
    }

    [AotFact]
    public async Task The_sample_is_a_native_program_that_names_every_word()
    {
        string program = await Publish(Repository.PathOf("samples", "KeywordSpotting"), "KeywordSpotting");
        (int exit, string output) = await Tool.Run(program, _folder);
        Assert.True(exit == 0, output);
        Assert.EndsWith("20 of 20 files name the word in their file name", output.TrimEnd());
    }

    private async Task<string> Publish(string project, string name)
    {
        (int exit, string output) = await Tool.Dotnet(
            project, "publish", "-c", "Release", "-r", AotFactAttribute.Rid, "-p:TreatWarningsAsErrors=true",
            "--disable-build-servers", "--artifacts-path", Path.Combine(_folder, "artifacts"), "-o", Path.Combine(_folder, "out"));
        Assert.True(exit == 0, output);
        Assert.DoesNotContain("warning", output, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("Generating native code", output);

        string program = Path.Combine(_folder, "out", name);
        Assert.False(File.Exists(program + ".dll"), "the program is not native");
        log.WriteLine($"{name}: {new FileInfo(program).Length:N0} bytes");
        return program;
    }
}
