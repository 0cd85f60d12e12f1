using System;
using System.IO;
using System.Threading.Tasks;
using Xunit;

namespace Etch.NativeAot.Tests;

/// <summary>The programs for linux-arm64, built once.</summary>
public sealed class Arm64Programs : IDisposable
{
    // Intermediate files too: the repository's own are left alone.
    private readonly string _folder = Directory.CreateTempSubdirectory("etch-arm64").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Publishes a program of this folder, if it is not there yet, and runs it on an emulated processor.</summary>
    public async Task<(int Exit, string Output)> Run(string cpu, string name, string[] settings, params string[] arguments)
    {
        string program = Path.Combine(_folder, name, name);
        if (!File.Exists(program))
        {
            (int exit, string output) = await Tool.Dotnet(
                Repository.PathOf("tests", "NativeAot.Tests", name),
                ["publish", "-c", "Release", "-p:TreatWarningsAsErrors=true", .. settings, "--disable-build-servers", "--artifacts-path", Path.Combine(_folder, "artifacts", name), "-o", Path.Combine(_folder, name)]);
            Assert.True(exit == 0, output);
        }

        // The emulator does not map memory twice, as the runtime would for code that it writes.
        return await Tool.Run("env", _folder, ["DOTNET_EnableWriteXorExecute=0", Arm64TheoryAttribute.Emulator, "-cpu", cpu, "-L", Arm64TheoryAttribute.Libraries, program, .. arguments]);
    }
}

/// <summary>The Arm64 kernels, with and without SDOT, and emitted code on them, on an emulator.</summary>
public sealed class Arm64Tests(Arm64Programs programs) : IClassFixture<Arm64Programs>
{
    [Arm64Theory]
    [InlineData("cortex-a72", "AdvSimd")]
    [InlineData("max", "AdvSimd, Dp")]
    public async Task Vector_kernels_are_the_plain_sums(string cpu, string sets)
    {
        (int exit, string output) = await programs.Run(cpu, "Kernels", []);
        Assert.True(exit == 0, output);
        Assert.Matches($"(^|\n){sets}: [1-9][0-9]+ passed, 0 failed$", output.TrimEnd());
    }

    [Arm64Theory]
    [InlineData("cortex-a72")]
    [InlineData("max")]
    public async Task A_native_program_computes_what_was_recorded_and_allocates_nothing(string cpu)
    {
        (int exit, string output) = await programs.Run(
            cpu, "App", ["-p:AppRuntime=linux-arm64", "-p:LinkerFlavor=lld", "-p:ObjCopyName=" + Arm64TheoryAttribute.ObjectCopy], Recorded.Features);
        Assert.True(exit == 0, output);
        Recorded.AssertPrinted(output);
    }
}
