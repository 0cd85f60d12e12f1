using System;
using System.Diagnostics.CodeAnalysis;

namespace Etch;

/// <summary>The checks at the entry of a generated model: once, so that the layers need none.</summary>
public static class Buffers
{
    /// <summary>Asks for a span of exactly the length of a model's input or output.</summary>
    /// <exception cref="ArgumentException">The length is another.</exception>
    public static void RequireExactly(int length, int expected, string parameter)
    {
        if (length != expected) Throw(length, expected, parameter, "exactly");
    }

    /// <summary>Asks for a span of at least the length of a model's arena.</summary>
    /// <exception cref="ArgumentException">The span is shorter.</exception>
    public static void RequireAtLeast(int length, int expected, string parameter)
    {
        if (length < expected) Throw(length, expected, parameter, "at least");
    }

    /// <summary>Asks for a processor that stores the lowest byte first, as the constant tables do.</summary>
    /// <exception cref="PlatformNotSupportedException">The processor is big-endian.</exception>
    public static void RequireLittleEndian()
    {
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("Etch's constant tables need a little-endian processor.");
    }

    [DoesNotReturn]
    private static void Throw(int length, int expected, string parameter, string how) =>
        throw new ArgumentException($"The span has {length} elements and must have {how} {expected}.", parameter);
}
