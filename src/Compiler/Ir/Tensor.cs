using System;
using System.Linq;

namespace Etch.Ir;

internal enum ElementType
{
    Bool,
    Int8,
    UInt8,
    Int16,
    Int32,
    Int64,
    UInt32,
    UInt64,
    Float32,
}

/// <summary>real = scale · (stored − zero point): one scale for the tensor, or one per index of dimension <see cref="Axis"/>.</summary>
internal sealed record Quantization(EquatableArray<float> Scales, EquatableArray<int> ZeroPoints, int Axis)
{
    public float Scale => Scales[0];

    public int ZeroPoint => ZeroPoints[0];

    public bool IsPerChannel => Scales.Count > 1;
}

/// <summary>A variable of the model.</summary>
/// <param name="Key">Tells it from the model's other variables; graphs of one model that name the same key share its bytes.</param>
/// <param name="Fill">Every byte of what it holds after a reset.</param>
/// <param name="Value">What it holds after a reset where that is not the same byte everywhere, little endian; else null.</param>
internal sealed record Variable(string Key, byte Fill, EquatableArray<byte>? Value = null)
{
    /// <summary>What a variable of that many bytes holds after a reset.</summary>
    public byte[] Initial(int bytes) => Value?.ToArray() ?? [.. Enumerable.Repeat(Fill, bytes)];

    /// <summary>The variable when each of its bytes, which are UINT8, is stored as INT8 less 128.</summary>
    public Variable LessBy128()
    {
        Variable moved = this with { Fill = (byte)(Fill ^ 0x80) };
        return Value is { } value ? moved with { Value = value.Select(b => (byte)(b ^ 0x80)).ToArray() } : moved;
    }
}

/// <summary>A tensor of the graph. Layout is row-major; images are NHWC, filters OHWI, depthwise filters 1HWO.</summary>
internal sealed record Tensor
{
    public required string Name { get; init; }

    public required ElementType Type { get; init; }

    public required EquatableArray<int> Shape { get; init; }

    public Quantization? Quantization { get; init; }

    /// <summary>The bytes of a constant, little endian; null for what an operator or the caller writes.</summary>
    public byte[]? Data { get; init; }

    /// <summary>UINT8 in the file, of the older converter: <c>RebaseUInt8</c> moved its stored values and its zero point down by 128.</summary>
    public bool WasUInt8 { get; init; }

    /// <summary>The caller asked for XNNPACK's arithmetic (<see cref="Numerics.Xnnpack"/>).</summary>
    public bool IsForXnnpack { get; init; }

    /// <summary>The operators that XNNPACK takes over compute this tensor as it does.</summary>
    public bool HasXnnpackRules => IsForXnnpack && (Type is ElementType.Int8 or ElementType.UInt8);

    /// <summary>The tensor whose bytes, or some of whose bytes, this one renames, or −1. Set by <c>RemoveViews</c> and <c>ShareParts</c>.</summary>
    public int ViewOf { get; init; } = -1;

    /// <summary>Where its bytes begin in those of <see cref="ViewOf"/>.</summary>
    public int ViewAt { get; init; }

    public bool IsConstant => Data is not null;

    /// <summary>What keeps its bytes from one inference to the next, in the caller's state; null for all other tensors.</summary>
    /// <remarks>
    /// A variable has a value from the start and may be written several times: an operator that changes one names it among its
    /// outputs. Operators that read and write the same variable, or a view of it, keep their order.
    /// </remarks>
    public Variable? Variable { get; init; }

    public bool IsVariable => Variable is not null;

    public int ElementCount => Shape.Aggregate(1, (product, dimension) => product * dimension);

    public int ByteCount => ElementCount * Type.Size();

    public float Scale => Quantization!.Scale;

    public int ZeroPoint => Quantization!.ZeroPoint;

    /// <summary>The operators on this tensor follow TFLite's reference kernels for UINT8, whose precisions and ties differ here and there.</summary>
    public bool HasUInt8Rules => WasUInt8 || Type == ElementType.UInt8;

    /// <summary>True when equal stored values mean the same, and operators treat them alike: equal type, scale and zero point. With a scale that is no
    /// number a tensor is not even stored as itself.</summary>
    public bool IsStoredAs(Tensor other)
    {
        if (Type != other.Type || WasUInt8 != other.WasUInt8) return false;
        if (Quantization is not { } a || other.Quantization is not { } b) return Quantization is null && other.Quantization is null;
        return a.Scales.Count == b.Scales.Count && a.Scales.Zip(b.Scales, (x, y) => x == y).All(same => same) && a.ZeroPoints.Equals(b.ZeroPoints);
    }

    /// <summary>The scale of a channel of a filter, whichever way it is quantised.</summary>
    public float ScaleOf(int channel) => Quantization!.Scales[Quantization.IsPerChannel ? channel : 0];

    /// <summary>The elements of a constant of an integer type of up to 32 bits (those of UINT32 as INT32 has them), or of INT64 cut to 32.</summary>
    public int[] Integers()
    {
        byte[] data = Data!;
        return Type switch
        {
            ElementType.Int8 => [.. data.Select(b => (int)unchecked((sbyte)b))],
            ElementType.UInt8 or ElementType.Bool => [.. data.Select(b => (int)b)],
            ElementType.Int16 => [.. Enumerable.Range(0, ElementCount).Select(i => (int)unchecked((short)(data[2 * i] | (data[(2 * i) + 1] << 8))))],
            ElementType.Int32 or ElementType.UInt32 => [.. Enumerable.Range(0, ElementCount).Select(i => Word(data, 4 * i))],
            ElementType.Int64 => [.. Enumerable.Range(0, ElementCount).Select(i => Word(data, 8 * i))],
            _ => throw new InvalidOperationException($"{Name} holds no integers"),
        };
    }

    /// <summary>The elements of a constant of type INT32 or INT64.</summary>
    public long[] Longs() => Type == ElementType.Int64
        ? [.. Enumerable.Range(0, ElementCount).Select(i => BitConverter.ToInt64(Data!, 8 * i))]
        : [.. Integers().Select(n => (long)n)];

    /// <summary>True when every value of an INT64 constant fits 32 bits.</summary>
    public bool IsNarrow => Enumerable.Range(0, ElementCount).All(i => Word(Data!, (8 * i) + 4) == Word(Data!, 8 * i) >> 31);

    /// <summary>The elements of a constant of type FLOAT32.</summary>
    public float[] Floats()
    {
        float[] floats = new float[ElementCount];
        Buffer.BlockCopy(Data!, 0, floats, 0, Data!.Length);
        return floats;
    }

    /// <summary>The elements of a constant of type UINT64.</summary>
    public ulong[] Wide()
    {
        ulong[] wide = new ulong[ElementCount];
        Buffer.BlockCopy(Data!, 0, wide, 0, Data!.Length);
        return wide;
    }

    /// <summary><c>int8[1, 49, 10, 1]</c></summary>
    public override string ToString() => $"{Type.Name()}[{Shape}]";

    private static int Word(byte[] data, int at) => data[at] | (data[at + 1] << 8) | (data[at + 2] << 16) | (data[at + 3] << 24);
}

internal static class ElementTypes
{
    /// <summary>The types of quantised activations.</summary>
    public static readonly ElementType[] Quantized = [ElementType.Int8, ElementType.UInt8, ElementType.Int16];

    public static int Size(this ElementType type) => type switch
    {
        ElementType.Int16 => 2,
        ElementType.Int32 or ElementType.UInt32 or ElementType.Float32 => 4,
        ElementType.Int64 or ElementType.UInt64 => 8,
        _ => 1,
    };

    /// <summary>The name in shapes and messages: <c>int8</c>.</summary>
    public static string Name(this ElementType type) => type.ToString().ToLowerInvariant();

    /// <summary>The element type of a span in emitted code.</summary>
    public static string Keyword(this ElementType type) => type switch
    {
        ElementType.Int8 => "sbyte",
        ElementType.UInt8 => "byte",
        ElementType.Bool => "bool",
        ElementType.Int16 => "short",
        ElementType.Int32 => "int",
        ElementType.Int64 => "long",
        ElementType.UInt32 => "uint",
        ElementType.UInt64 => "ulong",
        _ => "float",
    };

    /// <summary>The smallest value that the type stores.</summary>
    public static int Min(this ElementType type) => type switch
    {
        ElementType.Int8 => sbyte.MinValue,
        ElementType.Int16 => short.MinValue,
        ElementType.Int32 => int.MinValue,
        _ => 0,
    };

    /// <summary>The largest value that the type stores.</summary>
    public static int Max(this ElementType type) => type switch
    {
        ElementType.Int8 => sbyte.MaxValue,
        ElementType.UInt8 => byte.MaxValue,
        ElementType.Int16 => short.MaxValue,
        ElementType.Int32 => int.MaxValue,
        _ => 1,
    };
}
