using System.Linq;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>What operators with filters share about types.</summary>
/// <remarks>
/// INT8: filter INT8, per tensor or per channel, zero point 0; bias INT32. UINT8, of the older converter: filter UINT8 per tensor
/// with any zero point; bias INT32. INT16: filter INT8 as for INT8; with a bias of INT64, or none, accumulators have 64 bits and the
/// factors 16, with a bias of INT32 both have 32. INT4 filters were unpacked to INT8 by the importer.
/// </remarks>
internal static class WeightedSum
{
    /// <summary>Demands on input, filter and output; true when they hold.</summary>
    /// <param name="axis">The filter's dimension of output channels.</param>
    public static bool Check(Contract c, TensorContract input, TensorContract filter, TensorContract output, int axis)
    {
        Tensor? x = input.Activation(ElementTypes.Quantized).Tensor;
        if (!c.HasTypes) return false;
        output.Activation(x!.Type);
        if (x.Type == ElementType.UInt8) filter.Type(ElementType.UInt8).Constant().PerTensor();
        else filter.Type(ElementType.Int8).Constant().PerChannel(axis);
        return c.Holds;
    }

    /// <summary>Whether accumulators have 64 bits: for INT16 with a bias of INT64, or without one and without the option for 32 bits.</summary>
    /// <remarks>The operator's inputs are input, filter and bias, in this order.</remarks>
    public static bool IsWide(Graph graph, Op op, bool hasNarrowSums)
    {
        if (graph[op.Inputs[0]].Type != ElementType.Int16) return false;
        return op.Inputs.Count > 2 && op.Inputs[2] >= 0 ? graph[op.Inputs[2]].Type == ElementType.Int64 : !hasNarrowSums;
    }

    /// <summary>Demands on an optional bias, with one number for each output channel, and on the factors.</summary>
    /// <param name="isOnlyWide">With INT16 the bias has to be INT64, as DEPTHWISE_CONV_2D of TensorFlow Lite Micro takes it to be.</param>
    public static void CheckBias(Contract c, int index, Tensor input, Multiplier[] multipliers, bool isWide, bool isOnlyWide = false)
    {
        ElementType[] types = input.Type != ElementType.Int16 ? [ElementType.Int32]
            : isOnlyWide ? [ElementType.Int64] : [ElementType.Int32, ElementType.Int64];
        c.Optional(index).Type(types).Constant().Elements(multipliers.Length);
        if (isWide) c.WideMultiplier(multipliers);
        else c.Multiplier(multipliers);
    }

    /// <summary>The filter without its zero points: 9 bits at most.</summary>
    public static int[] Weights(Tensor filter)
    {
        int zeroPoint = filter.Quantization!.IsPerChannel ? 0 : filter.ZeroPoint;
        return zeroPoint == 0 ? filter.Integers() : [.. filter.Integers().Select(w => w - zeroPoint)];
    }

    /// <summary>The table of packed weights: INT8 where they fit, else INT16.</summary>
    public static Table Table(int[] packed) => packed.All(w => w is >= sbyte.MinValue and <= sbyte.MaxValue)
        ? Ir.Table.Of("Filter", [.. packed.Select(w => (sbyte)w)])
        : Ir.Table.Of("Filter", [.. packed.Select(w => (short)w)]);

    /// <summary>The factors of a convolution with a filter, one for each output channel: everything in double, but for UINT8 the product
    /// of the scales in single precision.</summary>
    /// <remarks>Prepare of conv_common.cc, depthwise_conv_common.cc and transpose_conv.cc in TFLite Micro; GetQuantizedConvolutionMultipler
    /// of TFLite for UINT8.</remarks>
    public static Multiplier[] Factors(Tensor input, Tensor filter, Tensor output, int channels) =>
        Xnnpack.Factors(input, filter, output, channels) ?? (input.HasUInt8Rules
        ? [.. Enumerable.Repeat(Multiplier.Of((double)(float)(input.Scale * filter.Scale) / output.Scale), channels)]
        : [.. Enumerable.Range(0, channels).Select(oc => Multiplier.Of((double)input.Scale * filter.ScaleOf(oc) / output.Scale))]);
}
