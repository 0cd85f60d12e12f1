using System;
using System.Buffers.Binary;

namespace Etch.Generator.Tests;

/// <summary>A model with one thing changed in place. Fields are found by their slots in the TensorFlow Lite schema.</summary>
internal sealed class Damaged(string vector)
{
    private readonly byte[] _bytes = Repository.Vector(vector);

    public byte[] Bytes => _bytes;

    private int Model => Follow(0);

    private int FirstInput => Element(Vector(Element(Vector(Model, 2), 0), 0), Int32(Vector(Element(Vector(Model, 2), 0), 1) + 4));

    /// <summary>Makes the first operator another one.</summary>
    public Damaged Operator(byte code)
    {
        int table = Element(Vector(Model, 1), 0);
        _bytes[Field(table, 0)] = code;
        if (Field(table, 3) != 0) BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(Field(table, 3)), code);
        return this;
    }

    /// <summary>Changes the last dimension of the model's input.</summary>
    public Damaged LastDimension(int size)
    {
        int shape = Vector(FirstInput, 0);
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(shape + (4 * Int32(shape))), size);
        return this;
    }

    /// <summary>Changes the type of the model's input.</summary>
    public Damaged Type(byte type)
    {
        _bytes[Field(FirstInput, 1)] = type;
        return this;
    }

    /// <summary>Changes the scale of the model's input.</summary>
    public Damaged Scale(float scale)
    {
        BinaryPrimitives.WriteSingleLittleEndian(_bytes.AsSpan(Vector(Follow(Field(FirstInput, 4)), 2) + 4), scale);
        return this;
    }

    private int Int32(int position) => BinaryPrimitives.ReadInt32LittleEndian(_bytes.AsSpan(position));

    private int Follow(int position) => position + Int32(position);

    private int Field(int table, int slot)
    {
        int layout = table - Int32(table), entry = 4 + (2 * slot);
        if (entry >= BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(layout))) return 0;
        int offset = BinaryPrimitives.ReadUInt16LittleEndian(_bytes.AsSpan(layout + entry));
        return offset == 0 ? 0 : table + offset;
    }

    private int Vector(int table, int slot) => Follow(Field(table, slot));

    private int Element(int vector, int index) => Follow(vector + 4 + (4 * index));
}
