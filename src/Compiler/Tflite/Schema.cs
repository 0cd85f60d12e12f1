namespace Etch.Tflite;

/// <summary>Slots, codes and names of the TFLite schema (schema.fbs, version 3), as far as the importer reads them.</summary>
internal static class Schema
{
    public const string Identifier = "TFL3";
    public const int Version = 3;

    public static class Model
    {
        public const int Version = 0, OperatorCodes = 1, Subgraphs = 2, Description = 3, Buffers = 4, SignatureDefs = 7;
    }

    public static class SignatureDef
    {
        public const int Inputs = 0, Outputs = 1, Key = 2, SubgraphIndex = 4;
    }

    public static class OperatorCode
    {
        public const int DeprecatedBuiltinCode = 0, CustomCode = 1, Version = 2, BuiltinCode = 3;
    }

    public static class Subgraph
    {
        public const int Tensors = 0, Inputs = 1, Outputs = 2, Operators = 3;
    }

    public static class Tensor
    {
        public const int Shape = 0, Type = 1, Buffer = 2, Name = 3, Quantization = 4, IsVariable = 5, Sparsity = 6, ShapeSignature = 7;
    }

    public static class Quantization
    {
        public const int Scale = 2, ZeroPoint = 3, QuantizedDimension = 6;
    }

    public static class Operator
    {
        public const int OpcodeIndex = 0, Inputs = 1, Outputs = 2, BuiltinOptions = 4, CustomOptions = 5;
    }

    public static class Buffer
    {
        public const int Data = 0, Offset = 1;
    }

    /// <summary>Codes of BuiltinOperator that have an importer.</summary>
    public static class Builtin
    {
        public const int Add = 0, AveragePool2D = 1, Concatenation = 2, Conv2D = 3, DepthwiseConv2D = 4, Dequantize = 6,
            FullyConnected = 9, L2Normalization = 11, Logistic = 14, MaxPool2D = 17, Mul = 18, Relu = 19, Relu6 = 21,
            Reshape = 22, Softmax = 25, Tanh = 28, Custom = 32, Pad = 34, Transpose = 39, Mean = 40, Sub = 41, Div = 42,
            Squeeze = 43, StridedSlice = 45, LogSoftmax = 50, Prelu = 54, Maximum = 55, ArgMax = 56, Minimum = 57, Less = 58,
            Greater = 61, GreaterEqual = 62, LessEqual = 63, TransposeConv = 67, ExpandDims = 70, Equal = 71, NotEqual = 72,
            Sum = 74, Rsqrt = 76, ArgMin = 79, ReduceMax = 82, ReduceMin = 89, LeakyRelu = 98, SquaredDifference = 99, Abs = 101,
            AddN = 106, Elu = 111, Quantize = 114, HardSwish = 117, BatchMatMul = 126, CumSum = 128;

        /// <summary>State and control flow. CALL_ONCE and VAR_HANDLE are no layers: the importer reads them; it puts the subgraph of CALL and IF in their place.</summary>
        public const int Svdf = 27, UnidirectionalSequenceLstm = 44, Call = 31, If = 118, While = 119, CallOnce = 129, VarHandle = 142, ReadVariable = 143, AssignVariable = 144;

        /// <summary>Operators that move elements.</summary>
        public const int DepthToSpace = 5, ResizeBilinear = 23, SpaceToDepth = 26, Gather = 36, BatchToSpaceNd = 37, SpaceToBatchNd = 38,
            Split = 49, PadV2 = 60, Slice = 65, Tile = 69, Pack = 83, Unpack = 88, ResizeNearestNeighbor = 97, MirrorPad = 100,
            SplitV = 102, ReverseV2 = 105, BroadcastTo = 130;

        /// <summary>Operators on FLOAT32 and BOOL at the edges of a quantised model, selections.</summary>
        public const int Floor = 8, ReluN1To1 = 20, Exp = 47, TopKV2 = 48, Neg = 59, Select = 64, Sin = 66, Log = 73, Sqrt = 75, LogicalOr = 84,
            LogicalAnd = 86, LogicalNot = 87, Square = 92, Ceil = 104, Cos = 108, SelectV2 = 123, RandomUniform = 148, Gelu = 150;

        /// <summary>Shape arithmetic, which is computed at compile time.</summary>
        public const int Cast = 53, Shape = 77, ReduceProd = 81, Fill = 94, Range = 96;
    }

    /// <summary>Codes of TensorType; a resource is the handle of a variable.</summary>
    public const int Int32Type = 2, ResourceType = 13, Int4Type = 17;

    public static class CallOptions
    {
        public const int Subgraph = 0;
    }

    public static class IfOptions
    {
        public const int Then = 0, Else = 1;
    }

    public static class CallOnceOptions
    {
        public const int InitSubgraph = 0;
    }

    public static class VarHandleOptions
    {
        public const int Container = 0, SharedName = 1;
    }

    /// <summary>Names of TensorType by code; those that the compiler computes with are members of <see cref="Ir.ElementType"/>.</summary>
    public static readonly string[] TensorTypes =
    [
        "FLOAT32", "FLOAT16", "INT32", "UINT8", "INT64", "STRING", "BOOL", "INT16", "COMPLEX64", "INT8", "FLOAT64",
        "COMPLEX128", "UINT64", "RESOURCE", "VARIANT", "UINT32", "UINT16", "INT4",
    ];

    private static readonly string[] BuiltinNames =
    (
        "ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR " +
        "FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM " +
        "MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS " +
        "SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND " +
        "TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT " +
        "LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL " +
        "LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW " +
        "ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV " +
        "REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS " +
        "SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG " +
        "ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM " +
        "BATCH_MATMUL PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE " +
        "HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE " +
        "BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 " +
        "UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT"
    ).Split(' ');

    public static string BuiltinName(int code) => code >= 0 && code < BuiltinNames.Length ? BuiltinNames[code] : $"builtin operator {code}";
}
