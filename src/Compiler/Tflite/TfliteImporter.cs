using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Tflite;

/// <summary>What was read: the graph, or null with the caller's tensors as far as they are known.</summary>
internal sealed record ImportedModel(Graph? Graph, Ir.Tensor[] Inputs, Ir.Tensor[] Outputs);

/// <summary>Reads a .tflite file into a <see cref="Graph"/>: names and numbers as in the file, nothing computed.</summary>
/// <remarks>Memory stays proportional to the file; every index is checked; operators may only read what is there already.</remarks>
internal sealed class TfliteImporter
{
    private const int MaxOperators = 4_000;
    private const int MaxTensors = 20_000;

    private const int MaxRank = 8;
    private const int MaxName = 500;

    /// <summary>The largest tensor that the compiler takes, in elements.</summary>
    private const long MaxElements = 1 << 28;

    private readonly FlatBuffer _file;
    private readonly Problems _problems;
    private long _constantBytes;
    private Ir.Tensor[] _inputs = [];
    private Ir.Tensor[] _outputs = [];

    private TfliteImporter(FlatBuffer file, Problems problems)
    {
        _file = file;
        _problems = problems;
    }

    /// <summary>Imports a file; there is no graph when something is wrong, and then <paramref name="problems"/> says what.</summary>
    public static ImportedModel Import(byte[] bytes, Problems problems)
    {
        var importer = new TfliteImporter(new FlatBuffer(bytes), problems);
        Graph? graph = null;
        try
        {
            graph = importer.Import();
        }
        catch (MalformedException e)
        {
            problems.Add(Ids.Malformed, $"not a well-formed TensorFlow Lite model: {e.Message}");
        }

        return new ImportedModel(problems.Any ? null : graph, importer._inputs, importer._outputs);
    }

    private Graph? Import()
    {
        if (_file.Length < 8 || _file.Text(4, 4) != Schema.Identifier)
        {
            throw new MalformedException($"the identifier '{Schema.Identifier}' is missing at byte 4; is this a .tflite file, and was it fetched whole (Git LFS)?");
        }

        FlatTable model = _file.Root();
        int version = model.Int32(Schema.Model.Version);
        if (version != Schema.Version) throw new MalformedException($"schema version {version} instead of {Schema.Version}");

        FlatTable[] subgraphs = model.Tables(Schema.Model.Subgraphs);
        if (subgraphs.Length != 1)
        {
            _problems.Add(Ids.Unshaped, $"the model has {subgraphs.Length} subgraphs; one is supported: export the inference function alone");
            return null;
        }

        FlatTable subgraph = subgraphs[0];
        Ir.Tensor[]? tensors = Tensors(subgraph.Tables(Schema.Subgraph.Tensors), model.Tables(Schema.Model.Buffers));
        if (tensors is null) return null;

        int[] inputs = Indices(subgraph.Int32s(Schema.Subgraph.Inputs), tensors.Length, "input");
        int[] outputs = Indices(subgraph.Int32s(Schema.Subgraph.Outputs), tensors.Length, "output");
        if (inputs.Length == 0 || outputs.Length == 0) throw new MalformedException("the model has no inputs or no outputs");
        if (inputs.Distinct().Count() < inputs.Length || outputs.Distinct().Count() < outputs.Length)
        {
            throw new MalformedException("a tensor is listed twice among the model's inputs or outputs");
        }

        _inputs = [.. inputs.Select(id => tensors[id])];
        _outputs = [.. outputs.Select(id => tensors[id])];
        List<Op>? ops = Operators(subgraph.Tables(Schema.Subgraph.Operators), model.Tables(Schema.Model.OperatorCodes), tensors, inputs, outputs);
        return ops is null ? null : new Graph(tensors, [.. ops], inputs, outputs);
    }

    private Ir.Tensor[]? Tensors(FlatTable[] tables, FlatTable[] buffers)
    {
        if (tables.Length > MaxTensors)
        {
            _problems.Add(Ids.TooLarge, $"the model has {tables.Length} tensors, more than the {MaxTensors} that are supported");
            return null;
        }

        var data = new Dictionary<int, byte[]>();
        var tensors = new Ir.Tensor[tables.Length];
        var names = new HashSet<string>();
        for (int id = 0; id < tables.Length; id++)
        {
            FlatTable table = tables[id];
            string name = Printable(table.Text(Schema.Tensor.Name));
            if (name.Length == 0 || !names.Add(name)) names.Add(name = $"{(name.Length == 0 ? "tensor" : name)}#{id}");
            int[] shape = table.Int32s(Schema.Tensor.Shape);
            int type = table.Byte(Schema.Tensor.Type);
            int buffer = table.Int32(Schema.Tensor.Buffer);
            if (buffer < 0 || buffer >= Math.Max(1, buffers.Length)) throw new MalformedException($"tensor '{name}' refers to buffer {buffer} of {buffers.Length}");

            if (shape.Length > MaxRank)
            {
                _problems.Add(Ids.TooLarge, $"tensor '{name}' has {shape.Length} dimensions, more than the {MaxRank} that are supported");
                continue;
            }

            long elements = 1;
            foreach (int dimension in shape)
            {
                if (dimension < 0)
                {
                    _problems.Add(Ids.Unshaped, $"tensor '{name}' has the unknown shape [{string.Join(", ", shape)}]: export the model with fixed shapes");
                    elements = 0;
                    break;
                }

                elements *= dimension;
                if (elements > MaxElements)
                {
                    _problems.Add(Ids.TooLarge, $"tensor '{name}' of shape [{string.Join(", ", shape)}] has more than {MaxElements} elements");
                    elements = 0;
                    break;
                }
            }

            byte[] bytes = buffer < buffers.Length ? Data(buffers[buffer], buffer, data) : [];
            if (ElementTypeOf(type) is not { } elementType)
            {
                string typeName = type < Schema.TensorTypes.Length ? Schema.TensorTypes[type] : $"type {type}";
                _problems.Add(Ids.UnsupportedType, $"tensor '{name}' is {typeName}, which is not supported");
                continue;
            }

            if (table.Table(Schema.Tensor.Sparsity) is not null)
            {
                _problems.Add(Ids.UnsupportedType, $"tensor '{name}' is stored sparsely: convert the model without sparse encoding");
                continue;
            }

            if (table.Bool(Schema.Tensor.IsVariable))
            {
                _problems.Add(Ids.UnsupportedOperator, $"tensor '{name}' is a variable: models with state are not supported");
                continue;
            }

            if (type == Schema.Int4Type)
            {
                if (bytes.Length == 0)
                {
                    _problems.Add(Ids.UnsupportedType, $"tensor '{name}' is INT4, which is supported for constants only");
                    continue;
                }

                if (bytes.Length != (elements + 1) / 2)
                {
                    throw new MalformedException($"tensor '{name}' of shape [{string.Join(", ", shape)}] has {bytes.Length} bytes of data instead of {(elements + 1) / 2}");
                }

                bytes = Unpacked(bytes, (int)elements);
            }

            if (bytes.Length > 0 && bytes.Length != elements * elementType.Size())
            {
                throw new MalformedException($"tensor '{name}' of shape [{string.Join(", ", shape)}] has {bytes.Length} bytes of data instead of {elements * elementType.Size()}");
            }

            tensors[id] = new Ir.Tensor
            {
                Name = name,
                Type = elementType,
                Shape = shape,
                Quantization = QuantizationOf(table.Table(Schema.Tensor.Quantization), name),
                Data = bytes.Length > 0 || elements == 0 ? bytes : null,
            };
        }

        return _problems.Any ? null : tensors;
    }

    private byte[] Data(FlatTable buffer, int index, Dictionary<int, byte[]> read)
    {
        if (read.TryGetValue(index, out byte[]? bytes)) return bytes;
        if (buffer.Has(Schema.Buffer.Offset)) throw new MalformedException($"buffer {index} lies outside the FlatBuffer (a file above 2 GB), which is not supported");

        bytes = buffer.Bytes(Schema.Buffer.Data);
        _constantBytes += bytes.Length;
        if (_constantBytes > _file.Length) throw new MalformedException("buffers overlap");
        return read[index] = bytes;
    }

    private List<Op>? Operators(FlatTable[] tables, FlatTable[] codes, Ir.Tensor[] tensors, int[] inputs, int[] outputs)
    {
        if (tables.Length > MaxOperators)
        {
            _problems.Add(Ids.TooLarge, $"the model has {tables.Length} operators, more than the {MaxOperators} that are supported");
            return null;
        }

        bool[] written = new bool[tensors.Length];
        for (int id = 0; id < tensors.Length; id++) written[id] = tensors[id].IsConstant;
        foreach (int id in inputs)
        {
            if (written[id]) throw new MalformedException($"input '{tensors[id].Name}' has a constant value");
            written[id] = true;
        }

        var ops = new List<Op>();
        for (int index = 0; index < tables.Length; index++)
        {
            FlatTable table = tables[index];
            int code = table.Int32(Schema.Operator.OpcodeIndex);
            if (code < 0 || code >= codes.Length) throw new MalformedException($"operator {index} refers to operator code {code} of {codes.Length}");
            int builtin = Math.Max(codes[code].Byte(Schema.OperatorCode.DeprecatedBuiltinCode), codes[code].Int32(Schema.OperatorCode.BuiltinCode));

            int[] reads = Indices(table.Int32s(Schema.Operator.Inputs), tensors.Length, $"operator {index}", -1);
            int[] writes = Indices(table.Int32s(Schema.Operator.Outputs), tensors.Length, $"operator {index}");
            if (writes.Length == 0) throw new MalformedException($"operator {index} has no output");
            string layer = tensors[writes[0]].Name;
            foreach (int id in reads)
            {
                if (id >= 0 && !written[id]) throw new MalformedException($"operator {index} ('{layer}') reads tensor '{tensors[id].Name}' before anything wrote it");
            }

            foreach (int id in writes)
            {
                if (tensors[id].ElementCount == 0) _problems.Add(Ids.Unshaped, $"{layer}: tensor '{tensors[id].Name}' is empty: export the model with fixed shapes");
                else if (written[id]) throw new MalformedException($"operator {index} ('{layer}') writes tensor '{tensors[id].Name}', which has a value already");
                written[id] = true;
            }

            ElementType? first = reads.Length > 0 && reads[0] >= 0 ? tensors[reads[0]].Type : null;
            if (OpTable.Find(builtin, first) is { } import)
            {
                ops.Add(import(new OperatorReader(reads, writes, table.Table(Schema.Operator.BuiltinOptions), tensors)));
            }
            else
            {
                string name = builtin == Schema.Builtin.Custom
                    ? $"custom operator '{Printable(codes[code].Text(Schema.OperatorCode.CustomCode))}'"
                    : Schema.BuiltinName(builtin);
                _problems.Add(Ids.UnsupportedOperator, $"{layer}: {name} (version {codes[code].Int32(Schema.OperatorCode.Version, 1)}) is not supported");
            }
        }

        foreach (int id in outputs)
        {
            if (!written[id] || tensors[id].IsConstant || inputs.Contains(id)) throw new MalformedException($"output '{tensors[id].Name}' is not computed by any operator");
        }

        foreach (int id in inputs)
        {
            if (tensors[id].ElementCount == 0) _problems.Add(Ids.Unshaped, $"input '{tensors[id].Name}' has the unknown shape [{tensors[id].Shape}]: export the model with fixed shapes");
        }

        return ops;
    }

    // Two numbers of four bits in each byte, the lower one first, as INT8.
    private static byte[] Unpacked(byte[] packed, int elements)
    {
        byte[] bytes = new byte[elements];
        for (int i = 0; i < elements; i++) bytes[i] = unchecked((byte)((sbyte)(i % 2 == 0 ? packed[i / 2] << 4 : packed[i / 2]) >> 4));
        return bytes;
    }

    private static Quantization? QuantizationOf(FlatTable? table, string tensor)
    {
        if (table is not { } quantization) return null;
        float[] scales = quantization.Floats(Schema.Quantization.Scale);
        long[] zeroPoints = quantization.Int64s(Schema.Quantization.ZeroPoint);
        if (scales.Length == 0) return null;
        if (zeroPoints.Length == 0) zeroPoints = new long[scales.Length];
        if (zeroPoints.Length != scales.Length) throw new MalformedException($"tensor '{tensor}' has {scales.Length} scales and {zeroPoints.Length} zero points");
        int[] narrow = [.. zeroPoints.Select(z => (int)Math.Max(int.MinValue, Math.Min(int.MaxValue, z)))];
        return new Quantization(scales, narrow, quantization.Int32(Schema.Quantization.QuantizedDimension));
    }

    private static int[] Indices(int[] ids, int count, string who, int least = 0)
    {
        foreach (int id in ids)
        {
            if (id < least || id >= count) throw new MalformedException($"{who} refers to tensor {id} of {count}");
        }

        return ids;
    }

    private static ElementType? ElementTypeOf(int code) => code switch
    {
        0 => ElementType.Float32,
        2 => ElementType.Int32,
        3 => ElementType.UInt8,
        4 => ElementType.Int64,
        6 => ElementType.Bool,
        7 => ElementType.Int16,
        9 or Schema.Int4Type => ElementType.Int8,
        12 => ElementType.UInt64,
        15 => ElementType.UInt32,
        _ => null,
    };

    // Names reach XML comments and messages: one line, no character that XML refuses, not too long.
    private static string Printable(string name)
    {
        char[] start = name.ToCharArray(0, Math.Min(name.Length, MaxName));
        if (start.Length == MaxName && char.IsHighSurrogate(start[MaxName - 1])) start[MaxName - 1] = '?';
        return new string(Array.ConvertAll(start, c => char.IsControl(c) || c is '\u2028' or '\u2029' or >= '\uFFFE' ? '?' : c));
    }
}
