using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Makes .tflite files from code.</summary>
internal sealed class TfliteBuilder
{
    private readonly List<FlatValue> _tensors = [];
    private readonly List<FlatValue> _operators = [];
    private readonly List<FlatValue> _subgraphs = [];
    private readonly List<FlatValue> _signatures = [];
    private readonly List<FlatValue> _codes = [];

    // Buffer 0 is empty by the schema's convention: that of tensors without data.
    private readonly List<FlatValue> _buffers = [FlatValue.Table()];
    private int[] _inputs = [];
    private int[] _outputs = [];

    /// <summary>Adds a tensor; with <paramref name="data"/> it is a constant.</summary>
    /// <returns>Its id.</returns>
    public int Tensor(string name, ElementType type, int[] shape, Quantization? quantization = null, byte[]? data = null) =>
        Tensor(name, type, shape, quantization, data, isVariable: false);

    /// <summary>Adds a tensor that keeps its value from one inference to the next.</summary>
    public int Variable(string name, ElementType type, int[] shape, Quantization? quantization = null) => Tensor(name, type, shape, quantization, null, isVariable: true);

    private int Tensor(string name, ElementType type, int[] shape, Quantization? quantization, byte[]? data, bool isVariable)
    {
        int buffer = 0;
        if (data is not null)
        {
            buffer = _buffers.Count;
            _buffers.Add(FlatValue.Table((Schema.Buffer.Data, FlatValue.Bytes(data))));
        }

        int code = type switch
        {
            ElementType.Float32 => 0,
            ElementType.Int32 => 2,
            ElementType.UInt8 => 3,
            ElementType.Int64 => 4,
            ElementType.Bool => 6,
            ElementType.Int16 => 7,
            ElementType.UInt64 => 12,
            ElementType.UInt32 => 15,
            _ => 9,
        };
        return Tensor(name, code, shape, quantization, buffer, isVariable);
    }

    /// <summary>Adds a constant of INT4, whose numbers are packed by two, the lower bits first.</summary>
    public int Int4(string name, int[] shape, Quantization quantization, byte[] packed) =>
        Tensor(name, Schema.Int4Type, shape, quantization, Buffer(FlatValue.Table((Schema.Buffer.Data, FlatValue.Bytes(packed)))));

    /// <summary>Adds a tensor of any type of the schema.</summary>
    public int Tensor(string name, int code, int[] shape, Quantization? quantization, int buffer, bool isVariable = false)
    {
        var fields = new List<(int, FlatValue)>
        {
            (Schema.Tensor.Shape, FlatValue.Int32s(shape)),
            (Schema.Tensor.Type, FlatValue.Int32(code)),
            (Schema.Tensor.Buffer, FlatValue.Int32(buffer)),
            (Schema.Tensor.Name, FlatValue.Text(name)),
        };
        if (isVariable) fields.Add((Schema.Tensor.IsVariable, FlatValue.Int32(1)));
        if (quantization is { } q)
        {
            fields.Add((Schema.Tensor.Quantization, FlatValue.Table(
                (Schema.Quantization.Scale, FlatValue.Floats(q.Scales.ToArray())),
                (Schema.Quantization.ZeroPoint, FlatValue.Int64s([.. q.ZeroPoints.Select(z => (long)z)])),
                (Schema.Quantization.QuantizedDimension, FlatValue.Int32(q.Axis)))));
        }

        return Tensor(FlatValue.Table([.. fields]));
    }

    /// <summary>Adds an INT8 tensor quantised per tensor.</summary>
    public int Int8(string name, int[] shape, float scale, int zeroPoint, byte[]? data = null) =>
        Tensor(name, ElementType.Int8, shape, Quantized(scale, zeroPoint), data);

    /// <summary>Adds an INT32 constant of one dimension.</summary>
    public int Int32(string name, params int[] values) => Tensor(name, ElementType.Int32, [values.Length], null, Values.Bytes(ElementType.Int32, values));

    /// <summary>Adds a handle and the operator that makes it stand for the variable of that name.</summary>
    public int Handle(string name, string container = "")
    {
        int id = Tensor(FlatValue.Table(
            (Schema.Tensor.Type, FlatValue.Int32(Schema.ResourceType)), (Schema.Tensor.Buffer, FlatValue.Int32(0)), (Schema.Tensor.Name, FlatValue.Text(name))));
        Operator(
            Schema.Builtin.VarHandle, [], [id],
            (Schema.VarHandleOptions.Container, FlatValue.Text(container)), (Schema.VarHandleOptions.SharedName, FlatValue.Text(name)));
        return id;
    }

    public void Read(int handle, int value) => Operator(Schema.Builtin.ReadVariable, [handle], [value]);

    public void Assign(int handle, int value) => Operator(Schema.Builtin.AssignVariable, [handle, value], []);

    /// <summary>Runs a subgraph before the first inference.</summary>
    public void CallOnce(int subgraph) => Operator(Schema.Builtin.CallOnce, [], [], (Schema.CallOnceOptions.InitSubgraph, FlatValue.Int32(subgraph)));

    /// <summary>Names an entry point of the model.</summary>
    public void Signature(string key, int subgraph) => _signatures.Add(FlatValue.Table(
        (Schema.SignatureDef.Key, FlatValue.Text(key)), (Schema.SignatureDef.SubgraphIndex, FlatValue.Int32(subgraph))));

    /// <summary>Ends a subgraph: what follows belongs to the next, with tensor ids from 0 on.</summary>
    public void NextSubgraph()
    {
        _subgraphs.Add(FlatValue.Table(
            (Schema.Subgraph.Tensors, FlatValue.Tables([.. _tensors])),
            (Schema.Subgraph.Inputs, FlatValue.Int32s(_inputs)),
            (Schema.Subgraph.Outputs, FlatValue.Int32s(_outputs)),
            (Schema.Subgraph.Operators, FlatValue.Tables([.. _operators]))));
        _tensors.Clear();
        _operators.Clear();
        Ports([], []);
    }

    /// <summary>Adds a tensor's table as it is.</summary>
    public int Tensor(FlatValue table)
    {
        _tensors.Add(table);
        return _tensors.Count - 1;
    }

    /// <summary>Adds a buffer's table as it is.</summary>
    public int Buffer(FlatValue table)
    {
        _buffers.Add(table);
        return _buffers.Count - 1;
    }

    /// <summary>Adds an operator; its options are given by slot.</summary>
    public void Operator(int builtin, int[] inputs, int[] outputs, params (int Slot, FlatValue Value)[] options)
    {
        _codes.Add(FlatValue.Table(
            (Schema.OperatorCode.DeprecatedBuiltinCode, FlatValue.Int32(Math.Min(builtin, 127))), (Schema.OperatorCode.BuiltinCode, FlatValue.Int32(builtin))));
        Operator(FlatValue.Table(
            (Schema.Operator.OpcodeIndex, FlatValue.Int32(_codes.Count - 1)),
            (Schema.Operator.Inputs, FlatValue.Int32s(inputs)),
            (Schema.Operator.Outputs, FlatValue.Int32s(outputs)),
            (Schema.Operator.BuiltinOptions, FlatValue.Table(options))));
    }

    /// <summary>Adds a custom operator; its options are given by name.</summary>
    public void Custom(string code, int[] inputs, int[] outputs, params (string Name, object Value)[] options) =>
        Custom(code, inputs, outputs, FlexMap.Of(options));

    /// <summary>Adds a custom operator with its options as they are.</summary>
    public void Custom(string code, int[] inputs, int[] outputs, byte[] options)
    {
        _codes.Add(FlatValue.Table(
            (Schema.OperatorCode.DeprecatedBuiltinCode, FlatValue.Int32(Schema.Builtin.Custom)), (Schema.OperatorCode.BuiltinCode, FlatValue.Int32(Schema.Builtin.Custom)),
            (Schema.OperatorCode.CustomCode, FlatValue.Text(code))));
        Operator(FlatValue.Table(
            (Schema.Operator.OpcodeIndex, FlatValue.Int32(_codes.Count - 1)),
            (Schema.Operator.Inputs, FlatValue.Int32s(inputs)),
            (Schema.Operator.Outputs, FlatValue.Int32s(outputs)),
            (Schema.Operator.CustomOptions, FlatValue.Bytes(options))));
    }

    /// <summary>Adds an operator's table as it is.</summary>
    public void Operator(FlatValue table) => _operators.Add(table);

    /// <summary>Names the tensors that the caller provides and receives.</summary>
    public void Ports(int[] inputs, int[] outputs)
    {
        _inputs = inputs;
        _outputs = outputs;
    }

    public byte[] Build()
    {
        NextSubgraph();
        (int, FlatValue)[] signatures = _signatures.Count == 0 ? [] : [(Schema.Model.SignatureDefs, FlatValue.Tables([.. _signatures]))];
        return FlatValue.Table(
        [
            (Schema.Model.Version, FlatValue.Int32(Schema.Version)),
            (Schema.Model.OperatorCodes, FlatValue.Tables([.. _codes])),
            (Schema.Model.Subgraphs, FlatValue.Tables([.. _subgraphs])),
            (Schema.Model.Buffers, FlatValue.Tables([.. _buffers])),
            .. signatures,
        ]).ToFile(Schema.Identifier);
    }

    public static Quantization Quantized(float scale, int zeroPoint) => new(new[] { scale }, new[] { zeroPoint }, 0);
}

/// <summary>A value of a FlatBuffers file: a scalar of up to four bytes, a vector, a string or a table of fields by slot.</summary>
/// <remarks>A value that stands in several places of the tree is written once.</remarks>
internal sealed class FlatValue
{
    private enum Kind
    {
        Scalar,
        Vector,
        Tables,
        Table,
    }

    private readonly Kind _kind;
    private readonly byte[] _bytes;
    private readonly int _count;
    private readonly FlatValue?[] _children;

    private FlatValue(Kind kind, byte[] bytes, int count, FlatValue?[] children)
    {
        _kind = kind;
        _bytes = bytes;
        _count = count;
        _children = children;
    }

    public static FlatValue Int32(int value) => new(Kind.Scalar, BitConverter.GetBytes(value), 1, []);

    public static FlatValue Float(float value) => new(Kind.Scalar, BitConverter.GetBytes(value), 1, []);

    public static FlatValue Bytes(byte[] values) => new(Kind.Vector, values, values.Length, []);

    // A string ends with a zero that does not count.
    public static FlatValue Text(string text) =>
        new(Kind.Vector, [.. System.Text.Encoding.UTF8.GetBytes(text), 0], System.Text.Encoding.UTF8.GetByteCount(text), []);

    public static FlatValue Int32s(int[] values) => new(Kind.Vector, [.. values.SelectMany(BitConverter.GetBytes)], values.Length, []);

    public static FlatValue Int64s(long[] values) => new(Kind.Vector, [.. values.SelectMany(BitConverter.GetBytes)], values.Length, []);

    public static FlatValue Floats(float[] values) => new(Kind.Vector, [.. values.SelectMany(BitConverter.GetBytes)], values.Length, []);

    public static FlatValue Tables(params FlatValue[] tables) => new(Kind.Tables, [], tables.Length, tables);

    public static FlatValue Table(params (int Slot, FlatValue Value)[] fields)
    {
        var slots = new FlatValue?[fields.Length == 0 ? 0 : fields.Max(f => f.Slot) + 1];
        foreach ((int slot, FlatValue value) in fields) slots[slot] = value;
        return new FlatValue(Kind.Table, [], 0, slots);
    }

    /// <summary>The file whose root this table is.</summary>
    public byte[] ToFile(string identifier)
    {
        using var file = new MemoryStream();
        file.Write(new byte[4]);
        file.Write(System.Text.Encoding.ASCII.GetBytes(identifier));
        var written = new Dictionary<FlatValue, int>(ReferenceEqualityComparer.Instance);
        Point(file, 0, this, written);
        return file.ToArray();
    }

    // Writes a value at the end, unless it is there already, and the offset to it at a place.
    private static void Point(MemoryStream file, int place, FlatValue value, Dictionary<FlatValue, int> written)
    {
        if (!written.TryGetValue(value, out int target))
        {
            target = value.Write(file, written);
        }

        file.Position = place;
        file.Write(BitConverter.GetBytes(target - place));
        file.Position = file.Length;
    }

    private int Write(MemoryStream file, Dictionary<FlatValue, int> written)
    {
        // What follows the length or the list of fields is aligned to eight bytes.
        int lead = _kind == Kind.Table ? 4 + (2 * _children.Length) : 4;
        while ((file.Length + lead) % 8 != 0) file.WriteByte(0);
        int at = (int)file.Length;
        if (_kind == Kind.Table)
        {
            // The list of fields, then the table: every field takes four bytes.
            file.Write(BitConverter.GetBytes((ushort)lead));
            file.Write(BitConverter.GetBytes((ushort)(4 + (4 * _children.Length))));
            for (int slot = 0; slot < _children.Length; slot++) file.Write(BitConverter.GetBytes((ushort)(_children[slot] is null ? 0 : 4 + (4 * slot))));
            int table = (int)file.Length;
            file.Write(BitConverter.GetBytes(table - at));
            at = table;
            foreach (FlatValue? child in _children) file.Write(child is { _kind: Kind.Scalar } ? child._bytes : new byte[4]);
        }
        else
        {
            file.Write(BitConverter.GetBytes(_count));
            file.Write(_kind == Kind.Tables ? new byte[4 * _count] : _bytes);
        }

        written[this] = at;
        for (int i = 0; i < _children.Length; i++)
        {
            if (_children[i] is { _kind: not Kind.Scalar } child) Point(file, at + 4 + (4 * i), child, written);
        }

        return at;
    }
}
