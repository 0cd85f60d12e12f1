using System;
using System.Collections.Generic;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>The operators that can be compiled: one line each.</summary>
internal static class OpTable
{
    private static readonly Dictionary<int, Func<OperatorReader, Op>> Imports = new()
    {
        [Schema.Builtin.Add] = Add.Import,
        [Schema.Builtin.AveragePool2D] = AveragePool2D.Import,
        [Schema.Builtin.Concatenation] = Concatenation.Import,
        [Schema.Builtin.Conv2D] = Conv2D.Import,
        [Schema.Builtin.DepthwiseConv2D] = DepthwiseConv2D.Import,
        [Schema.Builtin.Dequantize] = Dequantize.Import,
        [Schema.Builtin.ExpandDims] = Reshape.ImportExpandDims,
        [Schema.Builtin.FullyConnected] = FullyConnected.Import,
        [Schema.Builtin.HardSwish] = HardSwish.Import,
        [Schema.Builtin.LeakyRelu] = LeakyRelu.Import,
        [Schema.Builtin.Logistic] = Logistic.Import,
        [Schema.Builtin.MaxPool2D] = MaxPool2D.Import,
        [Schema.Builtin.Mean] = Mean.Import,
        [Schema.Builtin.Mul] = Mul.Import,
        [Schema.Builtin.Pad] = Pad.Import,
        [Schema.Builtin.Quantize] = QuantizeOp.Import,
        [Schema.Builtin.Relu] = Relu.Import,
        [Schema.Builtin.Relu6] = Relu6.Import,
        [Schema.Builtin.Reshape] = Reshape.ImportReshape,
        [Schema.Builtin.Softmax] = Softmax.Import,
        [Schema.Builtin.Squeeze] = Reshape.ImportSqueeze,
        [Schema.Builtin.StridedSlice] = StridedSlice.Import,
        [Schema.Builtin.Sub] = Sub.Import,
        [Schema.Builtin.Tanh] = Tanh.Import,
        [Schema.Builtin.Transpose] = Transpose.Import,
    };

    /// <summary>The import function of a builtin operator, or null when it is not supported.</summary>
    public static Func<OperatorReader, Op>? Find(int builtin) => Imports.TryGetValue(builtin, out Func<OperatorReader, Op>? import) ? import : null;
}
