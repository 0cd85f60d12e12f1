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
        [Schema.Builtin.Abs] = Abs.Import,
        [Schema.Builtin.Add] = Add.Import,
        [Schema.Builtin.AddN] = AddN.Import,
        [Schema.Builtin.ArgMax] = ArgMax.ImportMax,
        [Schema.Builtin.ArgMin] = ArgMax.ImportMin,
        [Schema.Builtin.AveragePool2D] = AveragePool2D.Import,
        [Schema.Builtin.BatchMatMul] = BatchMatMul.Import,
        [Schema.Builtin.BatchToSpaceNd] = BatchToSpaceNd.Import,
        [Schema.Builtin.BroadcastTo] = BroadcastTo.Import,
        [Schema.Builtin.Cast] = Cast.Import,
        [Schema.Builtin.Concatenation] = Concatenation.Import,
        [Schema.Builtin.Conv2D] = Conv2D.Import,
        [Schema.Builtin.CumSum] = CumSum.Import,
        [Schema.Builtin.DepthToSpace] = DepthToSpace.Import,
        [Schema.Builtin.DepthwiseConv2D] = DepthwiseConv2D.Import,
        [Schema.Builtin.Dequantize] = Dequantize.Import,
        [Schema.Builtin.Div] = Div.Import,
        [Schema.Builtin.Elu] = Elu.Import,
        [Schema.Builtin.Equal] = Comparison.Import("EQUAL", "=="),
        [Schema.Builtin.ExpandDims] = Reshape.ImportExpandDims,
        [Schema.Builtin.Fill] = Fill.Import,
        [Schema.Builtin.FullyConnected] = FullyConnected.Import,
        [Schema.Builtin.Gather] = Gather.Import,
        [Schema.Builtin.Greater] = Comparison.Import("GREATER", ">"),
        [Schema.Builtin.GreaterEqual] = Comparison.Import("GREATER_EQUAL", ">="),
        [Schema.Builtin.HardSwish] = HardSwish.Import,
        [Schema.Builtin.L2Normalization] = L2Normalization.Import,
        [Schema.Builtin.LeakyRelu] = LeakyRelu.Import,
        [Schema.Builtin.Less] = Comparison.Import("LESS", "<"),
        [Schema.Builtin.LessEqual] = Comparison.Import("LESS_EQUAL", "<="),
        [Schema.Builtin.LogSoftmax] = LogSoftmax.Import,
        [Schema.Builtin.Logistic] = Logistic.Import,
        [Schema.Builtin.MaxPool2D] = MaxPool2D.Import,
        [Schema.Builtin.Maximum] = Maximum.ImportMaximum,
        [Schema.Builtin.Mean] = Mean.ImportMean,
        [Schema.Builtin.Minimum] = Maximum.ImportMinimum,
        [Schema.Builtin.MirrorPad] = MirrorPad.Import,
        [Schema.Builtin.Mul] = Mul.Import,
        [Schema.Builtin.NotEqual] = Comparison.Import("NOT_EQUAL", "!="),
        [Schema.Builtin.Pack] = Pack.Import,
        [Schema.Builtin.Pad] = Pad.ImportPad,
        [Schema.Builtin.PadV2] = Pad.ImportPadV2,
        [Schema.Builtin.Prelu] = Prelu.Import,
        [Schema.Builtin.Quantize] = QuantizeOp.Import,
        [Schema.Builtin.Range] = RangeOp.Import,
        [Schema.Builtin.ReduceMax] = ReduceMax.ImportMax,
        [Schema.Builtin.ReduceMin] = ReduceMax.ImportMin,
        [Schema.Builtin.ReduceProd] = ReduceProd.Import,
        [Schema.Builtin.Relu] = Relu.Import,
        [Schema.Builtin.Relu6] = Relu6.Import,
        [Schema.Builtin.Reshape] = Reshape.ImportReshape,
        [Schema.Builtin.ResizeBilinear] = ResizeBilinear.Import,
        [Schema.Builtin.ResizeNearestNeighbor] = ResizeNearestNeighbor.Import,
        [Schema.Builtin.ReverseV2] = ReverseV2.Import,
        [Schema.Builtin.Rsqrt] = Rsqrt.Import,
        [Schema.Builtin.Shape] = ShapeOp.Import,
        [Schema.Builtin.Slice] = Slice.Import,
        [Schema.Builtin.Softmax] = Softmax.Import,
        [Schema.Builtin.SpaceToBatchNd] = SpaceToBatchNd.Import,
        [Schema.Builtin.SpaceToDepth] = SpaceToDepth.Import,
        [Schema.Builtin.Split] = Split.Import,
        [Schema.Builtin.SplitV] = SplitV.Import,
        [Schema.Builtin.SquaredDifference] = SquaredDifference.Import,
        [Schema.Builtin.Squeeze] = Reshape.ImportSqueeze,
        [Schema.Builtin.StridedSlice] = StridedSlice.Import,
        [Schema.Builtin.Sub] = Sub.Import,
        [Schema.Builtin.Sum] = Mean.ImportSum,
        [Schema.Builtin.Tanh] = Tanh.Import,
        [Schema.Builtin.Tile] = Tile.Import,
        [Schema.Builtin.Transpose] = Transpose.Import,
        [Schema.Builtin.TransposeConv] = TransposeConv.Import,
        [Schema.Builtin.Unpack] = Unpack.Import,
    };

    /// <summary>The import function of a builtin operator, or null when it is not supported.</summary>
    public static Func<OperatorReader, Op>? Find(int builtin) => Imports.TryGetValue(builtin, out Func<OperatorReader, Op>? import) ? import : null;
}
