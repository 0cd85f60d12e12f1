using System;
using System.Linq;
using System.Reflection;
using System.Runtime.Intrinsics.Arm;
using Etch.Tests;
using Xunit;
using Xunit.Sdk;

// Runs every test of VectorKernelTests; the last line is "instruction sets: N passed, N failed". The exit code is 1 if one failed.
int passed = 0, failed = 0;
foreach (MethodInfo test in typeof(VectorKernelTests).GetMethods().Where(static method => method.IsDefined(typeof(FactAttribute))))
{
    object?[][] cases = test.IsDefined(typeof(TheoryAttribute)) ? [.. test.GetCustomAttributes<DataAttribute>().SelectMany(data => data.GetData(test))] : [[]];
    foreach (object?[] arguments in cases)
    {
        try
        {
            test.Invoke(new VectorKernelTests(), arguments);
            passed++;
        }
        catch (TargetInvocationException e)
        {
            failed++;
            Console.WriteLine($"{test.Name}({string.Join(", ", arguments)}): {e.InnerException}");
        }
    }
}

string sets = !Etch.VectorKernels.IsSupported ? "none" : Dp.IsSupported ? "AdvSimd, Dp" : AdvSimd.Arm64.IsSupported ? "AdvSimd" : "x86";
Console.WriteLine($"{sets}: {passed} passed, {failed} failed");
return failed > 0 ? 1 : 0;
