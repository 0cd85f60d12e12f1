using System;
using System.IO;
using System.Runtime.InteropServices;

namespace NativeApp;

/// <summary>Prints, for each model and each seed of its recordings, the output in hexadecimal and the bytes that inferences allocate;
/// for the keyword model the same for each file of features that is named.</summary>
internal static class Program
{
    private static object? s_sink;
    private static readonly sbyte[] s_state = new sbyte[Lstm.StateBytes];

    private delegate void Inference(sbyte[][] inputs, sbyte[] output, sbyte[] arena);

    private static void Main(string[] features)
    {
        // What the measurement says of an inference that does allocate, once per run.
        Print("object", 0, [], [], [], static (_, _, _) => s_sink = new object());
        for (uint seed = 1; seed <= 3; seed++)
        {
            Vector("conv_3x3_s2_same", seed, [Conv.InputLength], Conv.OutputLength, Conv.ArenaBytes, static (i, o, a) => Conv.Invoke(i[0], o, a));
            Vector("dw_3x3_s2", seed, [Depthwise.InputLength], Depthwise.OutputLength, Depthwise.ArenaBytes, static (i, o, a) => Depthwise.Invoke(i[0], o, a));
            Vector("fc_64x10", seed, [Dense.InputLength], Dense.OutputLength, Dense.ArenaBytes, static (i, o, a) => Dense.Invoke(i[0], o, a));
            Vector("add_plain", seed, [Sum.T0Length, Sum.T1Length], Sum.OutputLength, Sum.ArenaBytes, static (i, o, a) => Sum.Invoke(i[0], i[1], o, a));
            Vector("softmax_1", seed, [Softmax.InputLength], Softmax.OutputLength, Softmax.ArenaBytes, static (i, o, a) => Softmax.Invoke(i[0], o, a));

            Vector("lstm_clip", seed, [Lstm.InputLength], Lstm.OutputLength, Lstm.ArenaBytes, static (i, o, a) =>
            {
                // As recorded: from a reset on.
                Lstm.ResetState(s_state);
                Lstm.Invoke(i[0], o, a, s_state);
            });

            sbyte[] real = MemoryMarshal.Cast<float, sbyte>(Array.ConvertAll(Bytes(FromFloat.InputLength, seed, 0), static b => (unchecked((byte)b) - 128) / 128f)).ToArray();
            Print(
                "quantize_f32_i8", seed, [real], new sbyte[FromFloat.OutputLength], new sbyte[FromFloat.ArenaBytes],
                static (i, o, a) => FromFloat.Invoke(MemoryMarshal.Cast<sbyte, float>(i[0]), o, a));
        }

        foreach (string file in features)
        {
            Print(
                Path.GetFileNameWithoutExtension(file), 0, [(sbyte[])(Array)File.ReadAllBytes(file)], new sbyte[Keywords.OutputLength],
                new sbyte[Keywords.ArenaBytes], static (i, o, a) => Keywords.Invoke(i[0], o, a));
        }
    }

    private static void Vector(string name, uint seed, int[] inputs, int output, int arena, Inference infer)
    {
        sbyte[][] bytes = new sbyte[inputs.Length][];
        for (int k = 0; k < inputs.Length; k++) bytes[k] = Bytes(inputs[k], seed, (uint)k);
        Print(name, seed, bytes, new sbyte[output], new sbyte[arena], infer);
    }

    private static void Print(string name, uint seed, sbyte[][] inputs, sbyte[] output, sbyte[] arena, Inference infer)
    {
        infer(inputs, output, arena);
        infer(inputs, output, arena);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int run = 0; run < 5; run++) infer(inputs, output, arena);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Console.WriteLine($"{name} {seed} {allocated} {Convert.ToHexString((byte[])(Array)output)}");
    }

    // The inputs that the expected outputs were recorded with: a xorshift generator.
    private static sbyte[] Bytes(int length, uint seed, uint input)
    {
        uint s = unchecked((seed * 2654435769) + (input * 40503));
        sbyte[] bytes = new sbyte[length];
        for (int i = 0; i < length; i++)
        {
            s ^= s << 13;
            s ^= s >> 17;
            s ^= s << 5;
            bytes[i] = unchecked((sbyte)(s >> 24));
        }

        return bytes;
    }
}
