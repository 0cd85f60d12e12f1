using System;
using System.IO;
using System.Threading.Tasks;
using Xunit;

namespace Etch.NativeAot.Tests;

/// <summary>Emitted code in a fresh project: net8.0 and net10.0, C# 12, every warning an error, with and without overflow checks.</summary>
public sealed class FrameworksTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("etch-frameworks").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Emitted_code_builds_for_both_and_computes_what_was_recorded(bool checksOverflow)
    {
        string source = Repository.PathOf("src"), app = Repository.PathOf("tests", "NativeAot.Tests", "App");
        string models = (await File.ReadAllTextAsync(Path.Combine(app, "App.csproj"))).Split("<ItemGroup>")[^1].Split("</ItemGroup>")[0]
            .Replace("../../../", Repository.Root + "/").Replace("../../", Repository.PathOf("tests") + "/");
        Assert.Contains("keywords.tflite", models);
        await File.WriteAllTextAsync(Path.Combine(_folder, "Fresh.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFrameworks>net8.0;net10.0</TargetFrameworks>
                <RootNamespace>NativeApp</RootNamespace>
                <LangVersion>12</LangVersion>
                <Nullable>enable</Nullable>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <WarningLevel>9999</WarningLevel>
                <AllowUnsafeBlocks>false</AllowUnsafeBlocks>
                <GenerateDocumentationFile>true</GenerateDocumentationFile>
                <CheckForOverflowUnderflow>{checksOverflow}</CheckForOverflowUnderflow>
              </PropertyGroup>
              <Import Project="{source}/Generator/build/Etch.props" />
              <ItemGroup>
                <Compile Include="{app}/Program.cs" />
                <ProjectReference Include="{source}/Runtime/Runtime.csproj" />
                <ProjectReference Include="{source}/Generator/Generator.csproj" OutputItemType="Analyzer" ReferenceOutputAssembly="false" />
                <ProjectReference Include="{source}/Analyzers/Analyzers.csproj" OutputItemType="Analyzer" ReferenceOutputAssembly="false" />
              </ItemGroup>
              <ItemGroup>{models}</ItemGroup>
              <Import Project="{source}/Generator/build/Etch.targets" />
            </Project>
            """);
        (int exit, string output) = await Tool.Dotnet(
            _folder, "build", "-c", "Release", "--disable-build-servers", "--artifacts-path", Path.Combine(_folder, "artifacts"));
        Assert.True(exit == 0, output);

        foreach (string framework in new[] { "net8.0", "net10.0" })
        {
            // Both on the runtime that is there.
            string program = Path.Combine(_folder, "artifacts", "bin", "Fresh", "release_" + framework, "Fresh.dll");
            (exit, output) = await Tool.Dotnet(_folder, ["exec", "--roll-forward", "Major", program, .. Recorded.Features]);
            Assert.True(exit == 0, output);
            Recorded.AssertPrinted(output);
        }
    }
}
