using System.Collections.Generic;
using System.Linq;

namespace Etch.Tflite;

/// <summary>Recognises models that are not quantised, so that one message says how to convert them instead of one for each operator.</summary>
/// <remarks>A model is not quantised when every operator with weights reads float activations: with float weights, or with integer ones
/// that TFLite multiplies with float activations (dynamic range). A float tail has no operators with weights.</remarks>
internal static class FloatModel
{
    private const int Float32 = 0, Float16 = 1;

    // Operators with weights, with the places of their activations among the inputs; the weights are input 1.
    private static readonly Dictionary<int, int> Activations = new()
    {
        [Schema.Builtin.Conv2D] = 0,
        [Schema.Builtin.DepthwiseConv2D] = 0,
        [Schema.Builtin.FullyConnected] = 0,
        [Schema.Builtin.TransposeConv] = 2,
        [16] = 0, // LSTM
        [27] = 0, // SVDF
        [44] = 0, // UNIDIRECTIONAL_SEQUENCE_LSTM
    };

    /// <summary>What is wrong with the model and the way out, or null for a quantised or a damaged one.</summary>
    public static string? Describe(byte[] bytes)
    {
        try
        {
            return bytes.Length < 8 ? null : Describe(new FlatBuffer(bytes).Root());
        }
        catch (MalformedException)
        {
            return null;
        }
    }

    private static string? Describe(FlatTable model)
    {
        FlatTable[] codes = model.Tables(Schema.Model.OperatorCodes);
        int[] builtins = [.. codes.Select(code => System.Math.Max(code.Byte(Schema.OperatorCode.DeprecatedBuiltinCode), code.Int32(Schema.OperatorCode.BuiltinCode)))];
        int floats = 0, others = 0;
        string weights = "float32";
        foreach (FlatTable subgraph in model.Tables(Schema.Model.Subgraphs))
        {
            int[] types = [.. subgraph.Tables(Schema.Subgraph.Tensors).Select(tensor => tensor.Byte(Schema.Tensor.Type))];
            int TypeOf(int id) => id >= 0 && id < types.Length ? types[id] : -1;
            var stored = new Dictionary<int, int>();
            foreach (FlatTable op in subgraph.Tables(Schema.Subgraph.Operators))
            {
                int code = op.Int32(Schema.Operator.OpcodeIndex);
                if (code < 0 || code >= builtins.Length) continue;
                int[] inputs = op.Int32s(Schema.Operator.Inputs);
                if (builtins[code] == Schema.Builtin.Dequantize && inputs.Length > 0)
                {
                    foreach (int output in op.Int32s(Schema.Operator.Outputs)) stored[output] = TypeOf(inputs[0]);
                }

                if (!Activations.TryGetValue(builtins[code], out int place) || inputs.Length <= place || inputs.Length < 2) continue;
                if (TypeOf(inputs[place]) is not (Float32 or Float16))
                {
                    others++;
                    continue;
                }

                // Weights may be stored in another type, with a DEQUANTIZE in front.
                floats++;
                int type = stored.TryGetValue(inputs[1], out int before) ? before : TypeOf(inputs[1]);
                if (type > Float32 && type < Schema.TensorTypes.Length) weights = Schema.TensorTypes[type].ToLowerInvariant();
            }
        }

        if (floats == 0 || others > 0) return null;
        string kind = weights switch
        {
            "float32" => "is not quantised",
            "float16" => "is quantised to float16 only",
            _ => "is quantised for its weights only (dynamic range)",
        };
        return $"the model {kind}: {(floats == 1 ? "its operator" : $"all {floats} operators")} with weights compute{(floats == 1 ? "s" : "")} in float32 with {weights} weights; " +
            "convert it with full integer quantisation: optimizations [DEFAULT], a representative_dataset, supported_ops [TFLITE_BUILTINS_INT8], inference types int8";
    }
}
