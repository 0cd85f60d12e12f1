using System;
using System.Collections.Generic;
using System.Text;

namespace Etch.Tflite;

/// <summary>The options of a custom operator: a FlexBuffers map of numbers by name.</summary>
/// <remarks>
/// FlexBuffers internals: https://flatbuffers.dev/internals/#flexbuffers. The file is read from its end: width of the root, its type,
/// the root. Offsets point backwards only. Values that are no numbers are left out.
/// </remarks>
internal static class FlexBuffer
{
    private const int MaxEntries = 1_000;

    private enum Kind
    {
        Int = 1,
        UInt = 2,
        Float = 3,
        IndirectInt = 6,
        IndirectUInt = 7,
        IndirectFloat = 8,
        Map = 9,
        Bool = 26,
    }

    /// <summary>Reads the numbers of a map; an empty buffer has none.</summary>
    /// <exception cref="MalformedException">The bytes break the format.</exception>
    public static IReadOnlyDictionary<string, double> Numbers(byte[] bytes)
    {
        var numbers = new Dictionary<string, double>();
        if (bytes.Length == 0) return numbers;
        if (bytes.Length < 3) throw Broken();

        int width = bytes[bytes.Length - 1], type = bytes[bytes.Length - 2], root = bytes.Length - 2 - width;
        if ((Kind)(type >> 2) != Kind.Map) return numbers;
        int childWidth = 1 << (type & 3), values = Follow(bytes, root, width);
        long count = Unsigned(bytes, values - childWidth, childWidth);
        if (count > MaxEntries) throw Broken();

        int keys = Follow(bytes, values - (3 * childWidth), childWidth);
        int keyWidth = (int)Math.Min(8, Unsigned(bytes, values - (2 * childWidth), childWidth));
        for (int i = 0; i < count; i++)
        {
            string name = Text(bytes, Follow(bytes, keys + (i * keyWidth), keyWidth));
            int at = values + (i * childWidth), packed = bytes[Checked(bytes, values + ((int)count * childWidth) + i, 1)];
            if (Number(bytes, at, childWidth, packed) is { } number) numbers[name] = number;
        }

        return numbers;
    }

    private static double? Number(byte[] bytes, int at, int width, int packed)
    {
        Kind kind = (Kind)(packed >> 2);
        if (kind is Kind.IndirectInt or Kind.IndirectUInt or Kind.IndirectFloat)
        {
            at = Follow(bytes, at, width);
            width = 1 << (packed & 3);
            kind -= 5;
        }

        switch (kind)
        {
            case Kind.Int:
                long unsigned = Unsigned(bytes, at, width);
                int spare = 64 - (8 * width);
                return unsigned << spare >> spare;
            case Kind.UInt:
            case Kind.Bool:
                return unchecked((ulong)Unsigned(bytes, at, width));
            case Kind.Float:
                Checked(bytes, at, width);
                return width == 4 ? BitConverter.ToSingle(bytes, at) : width == 8 ? BitConverter.ToDouble(bytes, at) : throw Broken();
            default:
                return null;
        }
    }

    private static string Text(byte[] bytes, int at)
    {
        int end = Array.IndexOf(bytes, (byte)0, at);
        return end < 0 ? throw Broken() : Encoding.UTF8.GetString(bytes, at, end - at);
    }

    // The place that an offset at a place points back to.
    private static int Follow(byte[] bytes, int at, int width)
    {
        long target = at - Unsigned(bytes, at, width);
        return target < 0 || target >= bytes.Length ? throw Broken() : (int)target;
    }

    private static long Unsigned(byte[] bytes, int at, int width)
    {
        if (width is not (1 or 2 or 4 or 8)) throw Broken();
        Checked(bytes, at, width);
        long value = 0;
        for (int i = width - 1; i >= 0; i--) value = (value << 8) | bytes[at + i];
        return value;
    }

    private static int Checked(byte[] bytes, int at, int count) => at >= 0 && at <= bytes.Length - count ? at : throw Broken();

    private static MalformedException Broken() => new("the options of a custom operator are not a FlexBuffers map");
}
