using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Etch.Tests;

/// <summary>Writes the FlexBuffers maps of numbers that custom operators have as options.</summary>
internal static class FlexMap
{
    private const int Width = 4;

    /// <summary>A map of int, bool and float values; every entry takes four bytes.</summary>
    public static byte[] Of(params (string Name, object Value)[] entries)
    {
        (string Name, object Value)[] sorted = [.. entries.OrderBy(e => e.Name, StringComparer.Ordinal)];
        var bytes = new List<byte>();
        int[] names = [.. sorted.Select(e =>
        {
            int at = bytes.Count;
            bytes.AddRange([.. Encoding.UTF8.GetBytes(e.Name), 0]);
            return at;
        })];
        while (bytes.Count % Width != 0) bytes.Add(0);

        void Word(int value) => bytes.AddRange(BitConverter.GetBytes(value));
        Word(sorted.Length);
        int keys = bytes.Count;
        foreach (int name in names) Word(bytes.Count - name);
        Word(bytes.Count - keys);
        Word(Width);
        Word(sorted.Length);
        int values = bytes.Count;
        foreach ((_, object value) in sorted)
        {
            if (value is float real) bytes.AddRange(BitConverter.GetBytes(real));
            else Word(value is bool truth ? (truth ? 1 : 0) : (int)value);
        }

        // Types: int 1, float 3, bool 26, each with the width 2^2; then the root, a map, and its width.
        foreach ((_, object value) in sorted) bytes.Add((byte)(((value is float ? 3 : value is bool ? 26 : 1) << 2) | 2));
        int distance = bytes.Count - values;
        bytes.AddRange(BitConverter.GetBytes((ushort)distance));
        bytes.AddRange([(9 << 2) | 2, 2]);
        return [.. bytes];
    }
}
