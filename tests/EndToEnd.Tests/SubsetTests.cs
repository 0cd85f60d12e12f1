using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Reflection.Emit;

namespace Etch.Tests;

/// <summary>Emitted layers stay inside the language that compiles ahead of time without a runtime, for processors without an
/// operating system: no allocation, no exception, no delegate, no string, and floating point only where a tensor is float.</summary>
/// <remarks>Judged by the compiled instructions, so that what the C# compiler makes of a construct counts and not its looks. Vector
/// kernels are left out, as such processors have none.</remarks>
public sealed class SubsetTests
{
    /// <summary>What layers may call besides each other and the runtime library, which is examined with them.</summary>
    private static readonly HashSet<string> Callable =
    [
        "Span`1..ctor", "Span`1.get_Item", "Span`1.Slice", "Span`1.op_Implicit", "Span`1.get_Length", "Span`1.Fill", "Span`1.Clear", "Span`1.CopyTo",
        "ReadOnlySpan`1..ctor", "ReadOnlySpan`1.get_Item", "ReadOnlySpan`1.Slice", "ReadOnlySpan`1.get_Length", "ReadOnlySpan`1.CopyTo",
        "MemoryMarshal.Cast", "MemoryMarshal.GetReference", "Unsafe.Add", "RuntimeHelpers.CreateSpan", "Math.Min", "Math.Max",
    ];

    private static readonly HashSet<OpCode> Forbidden =
    [
        OpCodes.Newarr, OpCodes.Box, OpCodes.Unbox, OpCodes.Unbox_Any, OpCodes.Castclass, OpCodes.Isinst, OpCodes.Ldstr, OpCodes.Ldftn,
        OpCodes.Ldvirtftn, OpCodes.Throw, OpCodes.Rethrow, OpCodes.Callvirt, OpCodes.Calli, OpCodes.Stsfld,
    ];

    private static readonly Dictionary<short, OpCode> ByValue = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    [ModelTheory]
    [MemberData(nameof(ModelTests.Names), MemberType = typeof(ModelTests))]
    public void A_model_stays_inside(string name) => AssertInside(LoadedModel.Load(Models.File(name), "Subset", Scalar));

    [Fact]
    public void The_sample_stays_inside() => AssertInside(LoadedModel.Load(LoadedModel.Sample, "Subset", Scalar));

    [Fact]
    public void Every_operator_stays_inside() => Assert.All(LoadedModel.Vectors("Subset", Scalar), AssertInside);

    [Fact]
    public void What_is_outside_is_seen()
    {
        string[] breaches =
        [
            .. typeof(Outside).GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
                .Select(method => $"{method.Name}: {string.Join(", ", Breaches(method).Select(b => b[(b.IndexOf(':') + 2)..]).Order())}"),
        ];
        Assert.Equal(
            [
                "Allocates: newarr", "Boxes: box", "CallsBack: calls Func`2.Invoke, callvirt", "Catches: catches",
                "Counts: calls Interlocked.Increment", "Divides: float, float", "Says: calls String.Concat, ldstr",
                "Throws: calls ArgumentException..ctor, throw",
                "Varies: variable stackalloc",
            ],
            breaches.Order(StringComparer.Ordinal));
    }

    private static CompileOptions Scalar(CompileOptions options) => options with { Vectors = false };

    private static void AssertInside(LoadedModel loaded)
    {
        // The surface may: it checks lengths, and its helpers convert real numbers.
        MethodInfo[] layers =
        [
            .. loaded.Type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly)
                .Where(method => method.IsPrivate),
        ];
        Assert.Contains(layers, method => method.Name == "InvokeLayers");
        string[] breaches = [.. layers.SelectMany(Breaches).Distinct()];
        Assert.True(breaches.Length == 0, string.Join('\n', breaches));
    }

    /// <summary>What a method does that it must not, and what the methods of ours do that it calls.</summary>
    private static IEnumerable<string> Breaches(MethodBase method) => Reachable(method).SelectMany(Own);

    private static IEnumerable<MethodBase> Reachable(MethodBase method)
    {
        var seen = new HashSet<MethodBase> { method };
        var open = new Stack<MethodBase>(seen);
        while (open.TryPop(out MethodBase? next))
        {
            yield return next;
            foreach (MethodBase callee in Calls(next).Where(callee => IsOurs(callee) && seen.Add(callee))) open.Push(callee);
        }
    }

    private static bool IsOurs(MethodBase method) => method.Module.Assembly.GetName().Name is "Emitted" or "Etch.Runtime";

    private static IEnumerable<MethodBase> Calls(MethodBase method) => Instructions(method)
        .Where(instruction => instruction.Code.OperandType == OperandType.InlineMethod)
        .Select(instruction => method.Module.ResolveMethod(instruction.Operand, Arguments(method.DeclaringType), method.IsGenericMethod ? method.GetGenericArguments() : null)!);

    private static IEnumerable<string> Own(MethodBase method)
    {
        string name = $"{method.DeclaringType!.Name}.{method.Name}: ";
        MethodBody body = method.GetMethodBody()!;
        if (body.ExceptionHandlingClauses.Count > 0) yield return name + "catches";

        IEnumerable<Type> types = [.. body.LocalVariables.Select(local => local.LocalType), .. method.GetParameters().Select(parameter => parameter.ParameterType)];
        bool isFloat = method.Name.EndsWith("Quantize", StringComparison.Ordinal) || method.Name.EndsWith("Dequantize", StringComparison.Ordinal)
            || method.Name == "InvokeLayers" || method.DeclaringType.Name is "Affine";
        (OpCode Code, int Operand)[] instructions = [.. Instructions(method)];
        for (int i = 0; i < instructions.Length; i++)
        {
            OpCode code = instructions[i].Code;
            if (Forbidden.Contains(code)) yield return name + code;
            bool computesDouble = code == OpCodes.Ldc_R8 || code == OpCodes.Conv_R8;
            bool computesFloat = code == OpCodes.Ldc_R4 || code == OpCodes.Conv_R4 || code == OpCodes.Conv_R_Un;
            if (computesDouble || (computesFloat && !isFloat)) yield return name + "float";
            if (code == OpCodes.Localloc && !(i >= 2 && instructions[i - 1].Code == OpCodes.Conv_U && IsConstant(instructions[i - 2].Code)))
                yield return name + "variable stackalloc";
        }

        foreach (Type type in types)
        {
            if (Contains(type, typeof(double)) || (Contains(type, typeof(float)) && !isFloat)) yield return name + "float";
        }

        foreach (MethodBase callee in Calls(method).Where(callee => !IsOurs(callee)))
        {
            string called = $"{callee.DeclaringType!.Name}.{callee.Name}";
            if (!Callable.Contains(called) && !(isFloat && called is "MathF.Round" or "Single.IsNaN")) yield return $"{name}calls {called}";
        }
    }

    private static bool IsConstant(OpCode code) => code.Name!.StartsWith("ldc.i4", StringComparison.Ordinal);

    private static bool Contains(Type type, Type part) => type == part || (type.HasElementType && Contains(type.GetElementType()!, part))
        || type.GenericTypeArguments.Any(argument => Contains(argument, part));

    private static Type[]? Arguments(Type? type) => type is { IsGenericType: true } ? type.GetGenericArguments() : null;

    private static IEnumerable<(OpCode Code, int Operand)> Instructions(MethodBase method)
    {
        byte[] il = method.GetMethodBody()!.GetILAsByteArray()!;
        for (int i = 0; i < il.Length;)
        {
            OpCode code = il[i] == 0xFE ? ByValue[unchecked((short)(0xFE00 | il[i + 1]))] : ByValue[il[i]];
            i += code.Size;
            int size = code.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(il, i)),
                _ => 4,
            };
            yield return (code, size == 4 ? BitConverter.ToInt32(il, i) : 0);
            i += size;
        }
    }

    /// <summary>Methods that layers must not look like.</summary>
    private static class Outside
    {
        private static int s_count;

        private static int Allocates(int x) => new int[x].Length;

        private static object Boxes(int x) => x;

        private static int CallsBack(Func<int, int> f, int x) => f(x);

        private static int Catches(int x)
        {
            try
            {
                return checked(x + 1);
            }
            catch
            {
                return 0;
            }
        }

        private static void Counts() => System.Threading.Interlocked.Increment(ref s_count);

        private static int Divides(int x) => (int)(x / 2.5f);

        private static string Says(string x) => "x is " + x;

        private static void Throws() => throw new ArgumentException();

        private static int Varies(int x)
        {
            Span<int> span = stackalloc int[x];
            return span.Length;
        }
    }
}
