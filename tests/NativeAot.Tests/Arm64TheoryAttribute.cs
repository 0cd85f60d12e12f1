using System;
using System.IO;
using System.Runtime.InteropServices;
using Xunit;

namespace Etch.NativeAot.Tests;

/// <summary>A theory about programs for linux-arm64, which an emulator runs; skipped, and saying why, where there is none.</summary>
internal sealed class Arm64TheoryAttribute : TheoryAttribute
{
    public const string Emulator = "qemu-aarch64-static", Libraries = "/usr/aarch64-linux-gnu", ObjectCopy = "aarch64-linux-gnu-objcopy";

    public Arm64TheoryAttribute() => Skip = FindObstacle();

    private static string? FindObstacle()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.OSArchitecture != Architecture.X64) return "programs for linux-arm64 are emulated on linux-x64";
        if (!Tool.Exists(Emulator)) return $"{Emulator} is not installed (Debian's qemu-user-static)";
        if (!File.Exists(Libraries + "/lib/libstdc++.so.6")) return "the C++ library for Arm64 is not installed (Debian's libstdc++6-arm64-cross)";
        return Tool.Exists("clang") && Tool.Exists("ld.lld") && Tool.Exists(ObjectCopy) ? null : "NativeAOT for Arm64 needs clang, lld and gcc-aarch64-linux-gnu";
    }
}
