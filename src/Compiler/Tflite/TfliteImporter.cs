using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Tflite;

/// <summary>What was read: the graph, or null with the caller's tensors as far as they are known.</summary>
/// <param name="Initializers">The graphs that CALL_ONCE runs before the first inference.</param>
/// <param name="IsStateful">The model has variables.</param>
/// <param name="Signatures">The entry points of a model with several signatures, each with its name; empty for a model with one.</param>
internal sealed record ImportedModel(
    Graph? Graph, Ir.Tensor[] Inputs, Ir.Tensor[] Outputs, Graph[] Initializers, bool IsStateful, (string Name, Graph? Graph)[] Signatures);

/// <summary>Reads a .tflite file into a <see cref="Graph"/>: names and numbers as in the file, nothing computed.</summary>
/// <remarks>Memory stays proportional to the file; every index is checked; operators may only read what is there already.</remarks>
internal sealed class TfliteImporter
{
    private const int MaxOperators = 4_000;
    private const int MaxSignatures = 16;
    private const int MaxTensors = 20_000;
    private const int MaxDepth = 50;

    private const int MaxRank = 8;
    private const int MaxName = 500;

    /// <summary>The largest tensor that the compiler takes, in elements.</summary>
    private const long MaxElements = 1 << 28;

    private readonly FlatBuffer _file;
    private readonly Problems _problems;
    private readonly Dictionary<int, byte[]> _data = [];
    private readonly List<Graph> _initializers = [];
    private readonly List<(string Name, Graph? Graph)> _signatures = [];
    private readonly HashSet<int> _initialized = [];
    private readonly Dictionary<int, Graph?> _called = [];
    private FlatTable[] _subgraphs = [];
    private FlatTable[] _buffers = [];
    private FlatTable[] _codes = [];
    private long _constantBytes;
    private int _depth;
    private bool _isStateful;
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
        // What else a model has that is not quantised says nothing more; its ports are read all the same.
        string? notQuantized = FloatModel.Describe(bytes);
        if (notQuantized is not null)
        {
            problems.Add(Ids.NotQuantized, notQuantized);
            problems = new Problems();
        }

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

        bool isGraph = !problems.Any && notQuantized is null;
        return new ImportedModel(
            isGraph ? graph : null, importer._inputs, importer._outputs, [.. importer._initializers], importer._isStateful, [.. importer._signatures]);
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

        _buffers = model.Tables(Schema.Model.Buffers);
        _codes = model.Tables(Schema.Model.OperatorCodes);
        _subgraphs = model.Tables(Schema.Model.Subgraphs);
        if (_subgraphs.Length == 0) throw new MalformedException("the model has no subgraph");

        // Several names of one subgraph are one entry point.
        (string Key, int Subgraph)[] signatures =
        [
            .. model.Tables(Schema.Model.SignatureDefs)
                .Select(s => (Key: Printable(s.Text(Schema.SignatureDef.Key)), Subgraph: s.Int32(Schema.SignatureDef.SubgraphIndex)))
                .GroupBy(s => s.Subgraph).Select(group => group.First()),
        ];
        if (signatures.Length < 2) return Subgraph(0, isEntry: true);
        if (signatures.Length > MaxSignatures)
        {
            _problems.Add(Ids.TooLarge, $"the model has {signatures.Length} signatures, more than the {MaxSignatures} that are supported");
            return null;
        }

        foreach ((string key, int subgraph) in signatures)
        {
            if (subgraph < 0 || subgraph >= _subgraphs.Length) throw new MalformedException($"signature '{key}' refers to subgraph {subgraph} of {_subgraphs.Length}");
            _signatures.Add((key, Subgraph(subgraph, isEntry: true)));
        }

        return _signatures[0].Graph;
    }

    /// <summary>Reads a subgraph: an entry point of the model, or what CALL_ONCE runs, or CALL or IF.</summary>
    private Graph? Subgraph(int index, bool isEntry, bool isCalled = false)
    {
        FlatTable subgraph = _subgraphs[index];
        var handles = new HashSet<int>();
        List<Ir.Tensor>? tensors = Tensors(subgraph.Tables(Schema.Subgraph.Tensors), index, handles);
        if (tensors is null) return null;

        int[] inputs = Indices(subgraph.Int32s(Schema.Subgraph.Inputs), tensors.Count, "input");
        int[] outputs = Indices(subgraph.Int32s(Schema.Subgraph.Outputs), tensors.Count, "output");
        if (isEntry)
        {
            if (inputs.Length == 0 || outputs.Length == 0) throw new MalformedException("the model has no inputs or no outputs");
            _inputs = [.. inputs.Select(id => tensors[id])];
            _outputs = [.. outputs.Select(id => tensors[id])];
        }
        else if (!isCalled && inputs.Length + outputs.Length > 0)
        {
            throw new MalformedException($"subgraph {index}, which CALL_ONCE runs, has inputs or outputs");
        }

        if (inputs.Distinct().Count() < inputs.Length || outputs.Distinct().Count() < outputs.Length)
        {
            throw new MalformedException("a tensor is listed twice among the model's inputs or outputs");
        }

        List<Op>? ops = Operators(subgraph.Tables(Schema.Subgraph.Operators), index, isEntry, isCalled, tensors, handles, inputs, outputs);
        return ops is null ? null : new Graph([.. tensors], [.. ops], inputs, outputs);
    }

    private List<Ir.Tensor>? Tensors(FlatTable[] tables, int subgraph, HashSet<int> handles)
    {
        if (tables.Length > MaxTensors)
        {
            _problems.Add(Ids.TooLarge, $"the model has {tables.Length} tensors, more than the {MaxTensors} that are supported");
            return null;
        }

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
            if (buffer < 0 || buffer >= Math.Max(1, _buffers.Length)) throw new MalformedException($"tensor '{name}' refers to buffer {buffer} of {_buffers.Length}");

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

            if (type == Schema.ResourceType)
            {
                // The handle of a variable: VAR_HANDLE says of which, and who reads or writes it, of what shape.
                handles.Add(id);
                tensors[id] = new Ir.Tensor { Name = name, Type = ElementType.Int8, Shape = new[] { 0 } };
                continue;
            }

            byte[] bytes = buffer < _buffers.Length ? Data(buffer) : [];
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

            bool isVariable = table.Bool(Schema.Tensor.IsVariable);
            _isStateful |= isVariable;
            if (isVariable && bytes.Length > 0)
            {
                _problems.Add(Ids.UnsupportedOption, $"tensor '{name}' is a variable with a value in the file: initialise it by CALL_ONCE, or not at all");
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
                Data = bytes.Length > 0 || (elements == 0 && !isVariable) ? bytes : null,
            };

            // ResetVariableTensors of TFLite Micro: at the zero point of INT8, else at 0.
            byte fill = unchecked((byte)(elementType == ElementType.Int8 ? tensors[id].Quantization?.ZeroPoint ?? 0 : 0));
            if (isVariable) tensors[id] = tensors[id] with { Variable = new Variable($"{subgraph}:{id}", fill) };
        }

        return _problems.Any ? null : [.. tensors];
    }

    private byte[] Data(int index)
    {
        if (_data.TryGetValue(index, out byte[]? bytes)) return bytes;
        FlatTable buffer = _buffers[index];
        if (buffer.Has(Schema.Buffer.Offset)) throw new MalformedException($"buffer {index} lies outside the FlatBuffer (a file above 2 GB), which is not supported");

        bytes = buffer.Bytes(Schema.Buffer.Data);
        _constantBytes += bytes.Length;
        if (_constantBytes > _file.Length) throw new MalformedException("buffers overlap");
        return _data[index] = bytes;
    }

    private List<Op>? Operators(
        FlatTable[] tables, int subgraph, bool isEntry, bool isCalled, List<Ir.Tensor> tensors, HashSet<int> handles, int[] inputs, int[] outputs)
    {
        if (tables.Length > MaxOperators)
        {
            _problems.Add(Ids.TooLarge, $"the model has {tables.Length} operators, more than the {MaxOperators} that are supported");
            return null;
        }

        var written = new HashSet<int>(Enumerable.Range(0, tensors.Count).Where(id => tensors[id].IsConstant || tensors[id].IsVariable));
        foreach (int id in inputs)
        {
            if (!written.Add(id)) throw new MalformedException($"input '{tensors[id].Name}' has a value in the file");
            if (handles.Contains(id)) _problems.Add(Ids.UnsupportedType, $"input '{tensors[id].Name}' is a resource, which the caller cannot provide");
        }

        int count = tensors.Count;
        var ops = new List<Op>();
        var variables = new VariableHandles(tensors, handles);
        for (int index = 0; index < tables.Length; index++)
        {
            FlatTable table = tables[index];
            int code = table.Int32(Schema.Operator.OpcodeIndex);
            if (code < 0 || code >= _codes.Length) throw new MalformedException($"operator {index} refers to operator code {code} of {_codes.Length}");
            int builtin = Math.Max(_codes[code].Byte(Schema.OperatorCode.DeprecatedBuiltinCode), _codes[code].Int32(Schema.OperatorCode.BuiltinCode));

            int[] reads = Indices(table.Int32s(Schema.Operator.Inputs), count, $"operator {index}", -1);
            int[] writes = Indices(table.Int32s(Schema.Operator.Outputs), count, $"operator {index}");
            FlatTable? options = table.Table(Schema.Operator.BuiltinOptions);
            if (builtin == Schema.Builtin.CallOnce)
            {
                if (ops.Count > 0 || !isEntry) _problems.Add(Ids.UnsupportedOption, $"operator {index} of subgraph {subgraph}: CALL_ONCE is supported at the start of an entry point only");
                else Initializer(options?.Int32(Schema.CallOnceOptions.InitSubgraph) ?? 0);
                continue;
            }

            if (builtin == Schema.Builtin.VarHandle)
            {
                _isStateful = true;
                bool isDeclared = writes.Length == 1 && written.Add(writes[0]) && variables.Declare(writes[0], options);
                if (!isDeclared) throw new MalformedException($"operator {index}: VAR_HANDLE does not write the handle of a variable");
                continue;
            }

            bool isAssignment = builtin == Schema.Builtin.AssignVariable;
            int[] named = isAssignment ? reads : writes;
            if (named.Length == 0 || named[0] < 0) throw new MalformedException($"operator {index} has no {(isAssignment ? "input" : "output")}");
            string layer = tensors[named[0]].Name;
            foreach (int id in reads)
            {
                if (id >= 0 && !written.Contains(id)) throw new MalformedException($"operator {index} ('{layer}') reads tensor '{tensors[id].Name}' before anything wrote it");
            }

            foreach (int id in writes)
            {
                if (tensors[id].ElementCount == 0) _problems.Add(Ids.Unshaped, $"{layer}: tensor '{tensors[id].Name}' is empty: export the model with fixed shapes");
                else if (written.Contains(id) && !tensors[id].IsVariable) throw new MalformedException($"operator {index} ('{layer}') writes tensor '{tensors[id].Name}', which has a value already");
                written.Add(id);
            }

            if (builtin is Schema.Builtin.Call or Schema.Builtin.If && Callee(builtin, options, reads, tensors) is { } callee)
            {
                Inline(callee, builtin == Schema.Builtin.If ? [.. reads.Skip(1)] : reads, writes, Schema.BuiltinName(builtin), tensors, ops);
                continue;
            }

            ElementType? first = reads.Length > 0 && reads[0] >= 0 ? tensors[reads[0]].Type : null;
            string? custom = builtin == Schema.Builtin.Custom ? _codes[code].Text(Schema.OperatorCode.CustomCode) : null;
            if ((custom is null ? OpTable.Find(builtin, first) : OpTable.FindCustom(custom)) is not { } import)
            {
                string name = custom is null ? Schema.BuiltinName(builtin) : $"custom operator '{Printable(custom)}'";
                _problems.Add(Ids.UnsupportedOperator, $"{layer}: {name} (version {_codes[code].Int32(Schema.OperatorCode.Version, 1)}) is not supported{Advice(builtin, custom)}");
            }
            else if (!variables.Resolve(builtin, reads, writes))
            {
                _problems.Add(Ids.UnsupportedType, $"{layer}: {Schema.BuiltinName(builtin)} and the handle of a variable do not go together: only READ_VARIABLE and ASSIGN_VARIABLE take one");
            }
            else
            {
                IReadOnlyDictionary<string, double>? numbers = custom is null ? null : FlexBuffer.Numbers(table.Bytes(Schema.Operator.CustomOptions));
                ops.AddRange(variables.Explicit(writes, outs => import(new OperatorReader(reads, outs, options, tensors, subgraph, numbers))));
            }
        }

        foreach (int id in outputs)
        {
            if (tensors[id].IsVariable || handles.Contains(id)) _problems.Add(Ids.UnsupportedOption, $"output '{tensors[id].Name}' is a variable: read it into another tensor");
            else if (!written.Contains(id) || (!isCalled && (tensors[id].IsConstant || inputs.Contains(id)))) throw new MalformedException($"output '{tensors[id].Name}' is not computed by any operator");
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

    // The subgraph that CALL runs, or IF on a constant condition; −1 for one that is not there; null where it depends on the input.
    private static int? Callee(int builtin, FlatTable? options, int[] reads, List<Ir.Tensor> tensors)
    {
        if (builtin == Schema.Builtin.Call) return options?.Int32(Schema.CallOptions.Subgraph) ?? 0;
        bool isConstant = reads.Length > 0 && reads[0] >= 0 && tensors[reads[0]] is { Type: ElementType.Bool, IsConstant: true, ElementCount: 1 };
        return isConstant ? options?.Int32(tensors[reads[0]].Integers()[0] != 0 ? Schema.IfOptions.Then : Schema.IfOptions.Else) ?? 0 : null;
    }

    // Puts the operators of a subgraph where it is called: its inputs are what the caller reads, its outputs are copied to what the caller writes.
    private void Inline(int index, int[] reads, int[] writes, string name, List<Ir.Tensor> tensors, List<Op> ops)
    {
        string layer = tensors[writes[0]].Name;
        if (index <= 0 || index >= _subgraphs.Length) throw new MalformedException($"'{layer}' calls subgraph {index} of {_subgraphs.Length}");
        if (!_called.TryGetValue(index, out Graph? graph))
        {
            // Until it is read, it is called by itself.
            if (++_depth > MaxDepth) throw new MalformedException($"subgraphs call one another more than {MaxDepth} deep");
            _called[index] = null;
            _called[index] = graph = Subgraph(index, isEntry: false, isCalled: true);
            _depth--;
        }

        if (_problems.Any) return;
        if (graph is null) throw new MalformedException($"subgraph {index} calls itself");

        if (graph.Tensors.Any(tensor => tensor.IsVariable))
        {
            _problems.Add(Ids.UnsupportedOperator, $"{layer}: {name} of a subgraph with variables is not supported: read and assign them outside of it");
            return;
        }

        if (reads.Length != graph.Inputs.Count || writes.Length != graph.Outputs.Count) throw new MalformedException($"'{layer}' calls subgraph {index} with another number of inputs or outputs than it has");
        IEnumerable<(int Outer, int Inner)> ports = reads.Zip(graph.Inputs, (outer, inner) => (outer, inner)).Concat(writes.Zip(graph.Outputs, (outer, inner) => (outer, inner)));
        foreach ((int outer, int inner) in ports)
        {
            if (outer < 0 || tensors[outer].Type != graph[inner].Type || !tensors[outer].Shape.Equals(graph[inner].Shape) || !Equals(tensors[outer].Quantization, graph[inner].Quantization))
            {
                throw new MalformedException($"'{layer}' calls subgraph {index} with another type, shape or quantisation than its '{graph[inner].Name}' has");
            }
        }

        if (tensors.Count + graph.Tensors.Count > MaxTensors || ops.Count + graph.Ops.Count + writes.Length > MaxOperators)
        {
            _problems.Add(Ids.TooLarge, $"the model has more than the {MaxTensors} tensors or {MaxOperators} operators that are supported where its subgraphs are called");
            return;
        }

        int[] places = new int[graph.Tensors.Count];
        for (int id = 0; id < places.Length; id++)
        {
            int input = Array.IndexOf(graph.Inputs.ToArray(), id);
            places[id] = input >= 0 ? reads[input] : tensors.Count;
            if (input < 0) tensors.Add(graph[id] with { Name = $"{layer}/{graph[id].Name}" });
        }

        int Place(int id) => id < 0 ? id : places[id];
        ops.AddRange(graph.Ops.Select(op => op with { Inputs = op.Inputs.Select(Place).ToArray(), Outputs = op.Outputs.Select(Place).ToArray() }));
        for (int i = 0; i < writes.Length; i++) ops.Add(new Reshape("RESHAPE") { Inputs = new[] { places[graph.Outputs[i]] }, Outputs = new[] { writes[i] } });
    }

    // The way out for operators that a converter can be asked to do without.
    private static string Advice(int builtin, string? custom)
    {
        if (custom?.StartsWith("Flex", StringComparison.Ordinal) == true) return ": it is TensorFlow's own; convert with supported_ops [TFLITE_BUILTINS_INT8] alone, without SELECT_TF_OPS";
        return builtin switch
        {
            Schema.Builtin.If => " on a condition that depends on the input: build the model with the condition as a Python value, so that one branch remains, or with tf.where of both results",
            Schema.Builtin.While =>
                ": unroll the loop (unroll=True of Keras' LSTM, GRU and RNN layers), or fix batch and length of the input, so that the converter makes UNIDIRECTIONAL_SEQUENCE_LSTM of an LSTM",
            _ => "",
        };
    }

    // What CALL_ONCE runs, read once for all that call it.
    private void Initializer(int index)
    {
        if (index <= 0 || index >= _subgraphs.Length) throw new MalformedException($"CALL_ONCE refers to subgraph {index} of {_subgraphs.Length}");
        if (_initialized.Add(index) && Subgraph(index, isEntry: false) is { } graph) _initializers.Add(graph);
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
