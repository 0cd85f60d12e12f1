using System.Collections.Generic;
using System.Linq;
using Etch.Ir;

namespace Etch.Report;

/// <summary>What TensorFlow Lite Micro was measured to take for a model, in a 64-bit build with its reference kernels.</summary>
/// <param name="ArenaUsed">What <c>arena_used_bytes()</c> returns: tensors, scratch and everything that lives as long as the interpreter.</param>
/// <param name="Peak">The part of it that holds activation tensors, the model's inputs and outputs among them, and scratch.</param>
internal sealed record TflmArena(long ArenaUsed, long Peak);

/// <summary>The memory that TensorFlow Lite Micro needs for a graph: measured where we have it, computed everywhere.</summary>
internal static class Tflm
{
    // TFLM aligns every buffer of its arena to 16 bytes.
    private const int Alignment = 16;

    /// <summary>The models for which it was measured.</summary>
    public static readonly IReadOnlyDictionary<string, TflmArena> Measured = new Dictionary<string, TflmArena>
    {
        ["dscnn_mlperf_kws_int8"] = new(23_920, 16_000),
        ["vww_mobilenetv1_96_int8"] = new(103_328, 73_728),
        ["resnet8_cifar_int8"] = new(55_632, 49_152),
        ["autoencoder_toycar_int8"] = new(3_360, 768),
        ["person_detect_96_int8"] = new(84_944, 55_296),
        ["micro_speech_quantized"] = new(7_232, 5_968),
        ["hello_world_int8"] = new(1_104, 32),
        ["mobilenetv2_1.0_224_tf2ptq_int8"] = new(1_665_456, 1_505_280),
    };

    /// <summary>The most bytes of activations that are alive during one operator of the file, inputs and outputs among them.</summary>
    /// <remarks>
    /// TFLM runs the file's operators as they are and gives each activation a buffer of its own, from the operator that writes it to
    /// the last that reads it; inputs are there from the first operator, outputs to the last. No planner can place them in less than
    /// this, and TFLM's greedy one may need more.
    /// </remarks>
    public static long LivePeak(Graph file)
    {
        int count = file.Tensors.Count, layers = file.Ops.Count;
        int[] first = Enumerable.Repeat(-1, count).ToArray(), last = Enumerable.Repeat(-1, count).ToArray();
        foreach (int id in file.Inputs) first[id] = last[id] = 0;
        for (int layer = 0; layer < layers; layer++)
        {
            foreach (int id in file.Ops[layer].Outputs) first[id] = last[id] = layer;
            foreach (int id in file.Ops[layer].Inputs.Where(id => id >= 0)) last[id] = layer;
        }

        foreach (int id in file.Outputs) last[id] = layers - 1;
        IEnumerable<int> activations = Enumerable.Range(0, count).Where(id => !file[id].IsConstant && first[id] >= 0);
        return Enumerable.Range(0, layers).Max(layer => activations.Where(id => first[id] <= layer && layer <= last[id]).Sum(id => Aligned(file[id])));
    }

    private static long Aligned(Tensor tensor) => (tensor.ByteCount + Alignment - 1L) / Alignment * Alignment;
}
