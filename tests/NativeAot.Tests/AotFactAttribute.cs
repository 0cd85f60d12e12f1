using System;
using System.IO;
using System.Runtime.InteropServices;
using System.Threading;
using Xunit;

namespace Etch.NativeAot.Tests;

/// <summary>A fact about native programs for linux-x64; skipped, and saying why, where such programs cannot be made.</summary>
internal sealed class AotFactAttribute : FactAttribute
{
    public const string Rid = "linux-x64";

    private static readonly Lazy<string?> Obstacle = new(FindObstacle, LazyThreadSafetyMode.ExecutionAndPublication);

    public AotFactAttribute() => Skip = Obstacle.Value;

    private static string? FindObstacle()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.OSArchitecture != Architecture.X64) return $"native programs are built for {Rid}, on it";
        if (!Tool.Exists("clang") && !Tool.Exists("gcc")) return "NativeAOT needs a linker: neither clang nor gcc is installed";
        if (!File.Exists("/usr/include/zlib.h")) return "NativeAOT links with zlib: zlib1g-dev is not installed";

        // Only a package that is not to be had is an obstacle; any other error is for the tests to report.
        string folder = Directory.CreateTempSubdirectory("etch-aot-probe").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "Probe.csproj"), $"""
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup>
                    <TargetFramework>net10.0</TargetFramework>
                    <RuntimeIdentifier>{Rid}</RuntimeIdentifier>
                    <PublishAot>true</PublishAot>
                  </PropertyGroup>
                </Project>
                """);
            (int exit, string output) = Tool.Dotnet(folder, "restore").GetAwaiter().GetResult();
            return exit != 0 && (output.Contains("NU1101", StringComparison.Ordinal) || output.Contains("NU1102", StringComparison.Ordinal) || output.Contains("NU1301", StringComparison.Ordinal))
                ? $"NativeAOT's packages for {Rid} do not restore: {output.Trim()}"
                : null;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
