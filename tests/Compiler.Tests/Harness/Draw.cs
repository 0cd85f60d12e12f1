using System;
using System.Linq;
using CsCheck;
using Etch.Ir;

namespace Etch.Tests;

/// <summary>Random numbers for models, from a fixed seed: the environment variable <c>ETCH_SEED</c> sets another.</summary>
internal sealed class Draw(uint stream)
{
    private readonly PCG _random = new(stream, Seed);

    public static ulong Seed { get; } = ulong.TryParse(Environment.GetEnvironmentVariable("ETCH_SEED"), out ulong seed) ? seed : 20_260_101;

    /// <summary>A number from low to high, both inclusive.</summary>
    public int Int(int low, int high) => low + (int)_random.Next((uint)(high - low + 1));

    public bool Chance(int oneOf) => Int(1, oneOf) == 1;

    public T Of<T>(params T[] choices) => choices[Int(0, choices.Length - 1)];

    /// <summary>A scale as models have them: from 2^-9 to 2^-1.</summary>
    public float Scale() => (float)Math.Pow(2, -9 + (8.0 * Int(0, 10_000) / 10_000));

    /// <summary>A zero point of INT8, the extremes included.</summary>
    public int ZeroPoint() => Of(-128, 127, 0, Int(-128, 127), Int(-128, 127));

    public Quantization Quantized() => TfliteBuilder.Quantized(Scale(), ZeroPoint());

    public byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) bytes[i] = (byte)Int(0, 255);
        return bytes;
    }

    /// <summary>A value of a tensor: any bytes; for BOOL 0 and 1; for INT32 any number or one near 0; for FLOAT32 numbers around 0, some of them special.</summary>
    public byte[] Value(Tensor tensor)
    {
        if (tensor.Type == ElementType.Bool) return Array.ConvertAll(Bytes(tensor.ByteCount), b => (byte)(b & 1));
        if (tensor.Type == ElementType.Int32) return Values.Bytes(ElementType.Int32, Array.ConvertAll(new int[tensor.ElementCount], _ => Chance(2) ? Int(-3, 3) : unchecked((int)_random.Next())));
        if (tensor.Type != ElementType.Float32) return Bytes(tensor.ByteCount);
        float[] floats =
        [
            .. Enumerable.Range(0, tensor.ElementCount).Select(_ => Chance(20)
                ? Of(float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, -0f, float.Epsilon, 0.5f, -2.5f)
                : (Int(0, 1 << 20) - (1 << 19)) / (float)(1 << 15)),
        ];
        return Values.Bytes(ElementType.Float32, floats);
    }

    /// <summary>Numbers from a small range: dimensions of a shape.</summary>
    public int[] Shape(int rank, int most) => [.. Enumerable.Range(0, rank).Select(_ => Int(1, most))];
}
