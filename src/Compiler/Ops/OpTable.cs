using System;
using System.Collections.Generic;
using System.Linq;
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
        [Schema.Builtin.AssignVariable] = AssignVariable.Import,
        [Schema.Builtin.AveragePool2D] = AveragePool2D.Import,
        [Schema.Builtin.BatchMatMul] = BatchMatMul.Import,
        [Schema.Builtin.BatchToSpaceNd] = BatchToSpaceNd.Import,
        [Schema.Builtin.BroadcastTo] = BroadcastTo.Import,
        [Schema.Builtin.Cast] = Cast.Import,
        [Schema.Builtin.Ceil] = FloatUnary.Import("CEIL"),
        [Schema.Builtin.Concatenation] = Concatenation.Import,
        [Schema.Builtin.Conv2D] = Conv2D.Import,
        [Schema.Builtin.Cos] = FloatUnary.Import("COS"),
        [Schema.Builtin.CumSum] = CumSum.Import,
        [Schema.Builtin.DepthToSpace] = DepthToSpace.Import,
        [Schema.Builtin.DepthwiseConv2D] = DepthwiseConv2D.Import,
        [Schema.Builtin.Dequantize] = Dequantize.Import,
        [Schema.Builtin.Div] = Div.Import,
        [Schema.Builtin.Elu] = Elu.Import,
        [Schema.Builtin.Equal] = Comparison.Import("EQUAL", "=="),
        [Schema.Builtin.Exp] = FloatUnary.Import("EXP"),
        [Schema.Builtin.ExpandDims] = Reshape.ImportExpandDims,
        [Schema.Builtin.Fill] = Fill.Import,
        [Schema.Builtin.Floor] = FloatUnary.Import("FLOOR"),
        [Schema.Builtin.FullyConnected] = FullyConnected.Import,
        [Schema.Builtin.Gather] = Gather.Import,
        [Schema.Builtin.Gelu] = Gelu.Import,
        [Schema.Builtin.Greater] = Comparison.Import("GREATER", ">"),
        [Schema.Builtin.GreaterEqual] = Comparison.Import("GREATER_EQUAL", ">="),
        [Schema.Builtin.HardSwish] = HardSwish.Import,
        [Schema.Builtin.L2Normalization] = L2Normalization.Import,
        [Schema.Builtin.LeakyRelu] = LeakyRelu.Import,
        [Schema.Builtin.Less] = Comparison.Import("LESS", "<"),
        [Schema.Builtin.LessEqual] = Comparison.Import("LESS_EQUAL", "<="),
        [Schema.Builtin.Log] = FloatUnary.Import("LOG"),
        [Schema.Builtin.LogSoftmax] = LogSoftmax.Import,
        [Schema.Builtin.LogicalAnd] = Logical.Import("LOGICAL_AND"),
        [Schema.Builtin.LogicalNot] = Logical.Import("LOGICAL_NOT"),
        [Schema.Builtin.LogicalOr] = Logical.Import("LOGICAL_OR"),
        [Schema.Builtin.Logistic] = Logistic.Import,
        [Schema.Builtin.MaxPool2D] = MaxPool2D.Import,
        [Schema.Builtin.Maximum] = Maximum.ImportMaximum,
        [Schema.Builtin.Mean] = Mean.ImportMean,
        [Schema.Builtin.Minimum] = Maximum.ImportMinimum,
        [Schema.Builtin.MirrorPad] = MirrorPad.Import,
        [Schema.Builtin.Mul] = Mul.Import,
        [Schema.Builtin.Neg] = FloatUnary.Import("NEG"),
        [Schema.Builtin.NotEqual] = Comparison.Import("NOT_EQUAL", "!="),
        [Schema.Builtin.Pack] = Pack.Import,
        [Schema.Builtin.Pad] = Pad.ImportPad,
        [Schema.Builtin.PadV2] = Pad.ImportPadV2,
        [Schema.Builtin.Prelu] = Prelu.Import,
        [Schema.Builtin.Quantize] = QuantizeOp.Import,
        [Schema.Builtin.RandomUniform] = RandomUniform.Import,
        [Schema.Builtin.Range] = RangeOp.Import,
        [Schema.Builtin.ReadVariable] = ReadVariable.Import,
        [Schema.Builtin.ReduceMax] = ReduceMax.ImportMax,
        [Schema.Builtin.ReduceMin] = ReduceMax.ImportMin,
        [Schema.Builtin.ReduceProd] = ReduceProd.Import,
        [Schema.Builtin.Relu] = Relu.Import,
        [Schema.Builtin.Relu6] = Relu6.Import,
        [Schema.Builtin.ReluN1To1] = FloatUnary.Import("RELU_N1_TO_1"),
        [Schema.Builtin.Reshape] = Reshape.ImportReshape,
        [Schema.Builtin.ResizeBilinear] = ResizeBilinear.Import,
        [Schema.Builtin.ResizeNearestNeighbor] = ResizeNearestNeighbor.Import,
        [Schema.Builtin.ReverseV2] = ReverseV2.Import,
        [Schema.Builtin.Rsqrt] = Rsqrt.Import,
        [Schema.Builtin.Select] = Select.Import("SELECT"),
        [Schema.Builtin.SelectV2] = Select.Import("SELECT_V2"),
        [Schema.Builtin.Shape] = ShapeOp.Import,
        [Schema.Builtin.Sin] = FloatUnary.Import("SIN"),
        [Schema.Builtin.Slice] = Slice.Import,
        [Schema.Builtin.Softmax] = Softmax.Import,
        [Schema.Builtin.SpaceToBatchNd] = SpaceToBatchNd.Import,
        [Schema.Builtin.SpaceToDepth] = SpaceToDepth.Import,
        [Schema.Builtin.Split] = Split.Import,
        [Schema.Builtin.SplitV] = SplitV.Import,
        [Schema.Builtin.Sqrt] = FloatUnary.Import("SQRT"),
        [Schema.Builtin.Square] = FloatUnary.Import("SQUARE"),
        [Schema.Builtin.SquaredDifference] = SquaredDifference.Import,
        [Schema.Builtin.Squeeze] = Reshape.ImportSqueeze,
        [Schema.Builtin.StridedSlice] = StridedSlice.Import,
        [Schema.Builtin.Sub] = Sub.Import,
        [Schema.Builtin.Sum] = Mean.ImportSum,
        [Schema.Builtin.Svdf] = Svdf.Import,
        [Schema.Builtin.Tanh] = Tanh.Import,
        [Schema.Builtin.Tile] = Tile.Import,
        [Schema.Builtin.TopKV2] = TopK.Import,
        [Schema.Builtin.Transpose] = Transpose.Import,
        [Schema.Builtin.TransposeConv] = TransposeConv.Import,
        [Schema.Builtin.UnidirectionalSequenceLstm] = UnidirectionalSequenceLstm.Import,
        [Schema.Builtin.Unpack] = Unpack.Import,
    };

    // Operators that compute something else on FLOAT32: the tails and heads of quantised models.
    private static readonly Dictionary<int, Func<OperatorReader, Op>> FloatImports = new()
    {
        [Schema.Builtin.Abs] = FloatUnary.Import("ABS"),
        [Schema.Builtin.Add] = FloatBinary.Import("ADD"),
        [Schema.Builtin.Div] = FloatBinary.Import("DIV"),
        [Schema.Builtin.Equal] = PlainComparison.Import("EQUAL", "=="),
        [Schema.Builtin.Greater] = PlainComparison.Import("GREATER", ">"),
        [Schema.Builtin.GreaterEqual] = PlainComparison.Import("GREATER_EQUAL", ">="),
        [Schema.Builtin.HardSwish] = FloatUnary.Import("HARD_SWISH"),
        [Schema.Builtin.LeakyRelu] = FloatUnary.Import("LEAKY_RELU"),
        [Schema.Builtin.Less] = PlainComparison.Import("LESS", "<"),
        [Schema.Builtin.LessEqual] = PlainComparison.Import("LESS_EQUAL", "<="),
        [Schema.Builtin.LogSoftmax] = FloatSoftmax.ImportLogSoftmax,
        [Schema.Builtin.Logistic] = FloatUnary.Import("LOGISTIC"),
        [Schema.Builtin.Maximum] = FloatBinary.Import("MAXIMUM"),
        [Schema.Builtin.Mean] = FloatReduction.Import("MEAN"),
        [Schema.Builtin.Minimum] = FloatBinary.Import("MINIMUM"),
        [Schema.Builtin.Mul] = FloatBinary.Import("MUL"),
        [Schema.Builtin.NotEqual] = PlainComparison.Import("NOT_EQUAL", "!="),
        [Schema.Builtin.ReduceMax] = FloatReduction.Import("REDUCE_MAX"),
        [Schema.Builtin.ReduceMin] = FloatReduction.Import("REDUCE_MIN"),
        [Schema.Builtin.Relu] = FloatUnary.Import("RELU"),
        [Schema.Builtin.Relu6] = FloatUnary.Import("RELU6"),
        [Schema.Builtin.Rsqrt] = FloatUnary.Import("RSQRT"),
        [Schema.Builtin.Softmax] = FloatSoftmax.ImportSoftmax,
        [Schema.Builtin.SquaredDifference] = FloatBinary.Import("SQUARED_DIFFERENCE"),
        [Schema.Builtin.Sub] = FloatBinary.Import("SUB"),
        [Schema.Builtin.Sum] = FloatReduction.Import("SUM"),
        [Schema.Builtin.Tanh] = FloatUnary.Import("TANH"),
    };

    // Operators on INT32 numbers, which have no quantisation.
    private static readonly Dictionary<int, Func<OperatorReader, Op>> IntegerImports = new()
    {
        [Schema.Builtin.Add] = IntegerArithmetic.Import("ADD"),
        [Schema.Builtin.Div] = IntegerArithmetic.Import("DIV"),
        [Schema.Builtin.Equal] = PlainComparison.Import("EQUAL", "=="),
        [Schema.Builtin.Greater] = PlainComparison.Import("GREATER", ">"),
        [Schema.Builtin.GreaterEqual] = PlainComparison.Import("GREATER_EQUAL", ">="),
        [Schema.Builtin.Less] = PlainComparison.Import("LESS", "<"),
        [Schema.Builtin.LessEqual] = PlainComparison.Import("LESS_EQUAL", "<="),
        [Schema.Builtin.Maximum] = IntegerArithmetic.Import("MAXIMUM"),
        [Schema.Builtin.Minimum] = IntegerArithmetic.Import("MINIMUM"),
        [Schema.Builtin.Mul] = IntegerArithmetic.Import("MUL"),
        [Schema.Builtin.NotEqual] = PlainComparison.Import("NOT_EQUAL", "!="),
        [Schema.Builtin.Sub] = IntegerArithmetic.Import("SUB"),
    };

    // Custom operators by their code: TensorFlow Lite Micro's audio front end and the end of detectors.
    private static readonly Dictionary<string, Func<OperatorReader, Op>> CustomImports = new()
    {
        ["SignalEnergy"] = SignalEnergy.Import,
        ["SignalFftAutoScale"] = SignalFftAutoScale.Import,
        ["SignalFilterBank"] = SignalFilterBank.Import,
        ["SignalFilterBankLog"] = SignalFilterBankLog.Import,
        ["SignalFilterBankSpectralSubtraction"] = SignalSpectralSubtraction.Import,
        ["SignalFilterBankSquareRoot"] = SignalSquareRoot.Import,
        ["SignalPCAN"] = SignalPcan.Import,
        ["SignalRfft"] = SignalRfft.Import,
        ["SignalWindow"] = SignalWindow.Import,
        ["TFLite_Detection_PostProcess"] = DetectionPostProcess.Import,
    };

    /// <summary>Every line: the operator's number and name, that of a custom operator being its code, and the type of the first input that the line is for;
    /// null: any type that has no line of its own.</summary>
    public static IEnumerable<(int Builtin, string Name, ElementType? First)> Lines() => Imports.Keys.Select(builtin => (builtin, (ElementType?)null))
        .Concat(FloatImports.Keys.Select(builtin => (builtin, (ElementType?)ElementType.Float32)))
        .Concat(IntegerImports.Keys.Select(builtin => (builtin, (ElementType?)ElementType.Int32)))
        .Select(line => (line.Item1, Schema.BuiltinName(line.Item1), line.Item2))
        .Concat(CustomImports.Keys.Select(code => (Schema.Builtin.Custom, code, (ElementType?)null)));

    /// <summary>The import function of a custom operator, or null when it is not supported.</summary>
    public static Func<OperatorReader, Op>? FindCustom(string code) => CustomImports.TryGetValue(code, out Func<OperatorReader, Op>? import) ? import : null;

    /// <summary>The import function of a builtin operator whose first input has a type, or null when it is not supported.</summary>
    public static Func<OperatorReader, Op>? Find(int builtin, ElementType? first)
    {
        Dictionary<int, Func<OperatorReader, Op>>? special = first switch
        {
            ElementType.Float32 => FloatImports,
            ElementType.Int32 => IntegerImports,
            _ => null,
        };
        if (special is not null && special.TryGetValue(builtin, out Func<OperatorReader, Op>? import)) return import;
        return Imports.TryGetValue(builtin, out import) ? import : null;
    }
}
