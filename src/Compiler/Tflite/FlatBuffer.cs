using System;
using System.Text;

namespace Etch.Tflite;

/// <summary>A file that breaks the FlatBuffers format. It never leaves <see cref="TfliteImporter"/>: it becomes one problem.</summary>
internal sealed class MalformedException(string reason) : Exception(reason);

/// <summary>Bounds-checked reads of the FlatBuffers format: every offset is proved inside the file before it is used.</summary>
/// <remarks>FlatBuffers internals: https://flatbuffers.dev/internals/. Offsets point forward only, so that no read can cycle
/// on its own; what a caller walks recursively it bounds itself.</remarks>
internal sealed class FlatBuffer(byte[] bytes)
{
    // Offsets may all lead to the same long vector: what is read stays proportional to the file all the same.
    private long _allowance = 65_536 + (16L * bytes.Length);

    public int Length => bytes.Length;

    public byte Byte(int at) => bytes[Checked(at, 1)];

    public int Int32(int at)
    {
        Checked(at, 4);
        return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    }

    public int UInt16(int at)
    {
        Checked(at, 2);
        return bytes[at] | (bytes[at + 1] << 8);
    }

    public long Int64(int at) => unchecked((uint)Int32(at)) | ((long)Int32(at + 4) << 32);

    public float Float(int at)
    {
        Checked(at, 4);
        return BitConverter.ToSingle(bytes, at);
    }

    public byte[] Bytes(int at, int count)
    {
        Checked(at, count);
        byte[] copy = new byte[count];
        Buffer.BlockCopy(bytes, at, copy, 0, count);
        return copy;
    }

    public string Text(int at, int count)
    {
        Spend(count);
        return Encoding.UTF8.GetString(bytes, Checked(at, count), count);
    }

    /// <summary>Counts the bytes of a vector or string that is read.</summary>
    public void Spend(long count)
    {
        _allowance -= count;
        if (_allowance < 0) throw new MalformedException("its parts overlap: they are many times as long as the file");
    }

    /// <summary>Follows the offset that stands at a place.</summary>
    public int Follow(int at)
    {
        long target = at + (long)unchecked((uint)Int32(at));
        if (target == at || target > bytes.Length - 4L) throw new MalformedException($"the offset at byte {at} leaves the file");
        return (int)target;
    }

    /// <summary>The root table of the file.</summary>
    public FlatTable Root() => new(this, Follow(0));

    private int Checked(int at, int count)
    {
        if (at < 0 || count < 0 || at > bytes.Length - (long)count) throw new MalformedException($"{count} bytes at {at} are outside the file of {bytes.Length}");
        return at;
    }
}

/// <summary>A table: fields by slot, each with the schema's default where the file leaves it out.</summary>
internal readonly struct FlatTable
{
    private readonly FlatBuffer _file;
    private readonly int _at;
    private readonly int _vtable;
    private readonly int _vtableSize;

    public FlatTable(FlatBuffer file, int at)
    {
        _file = file;
        _at = at;
        long vtable = at - (long)file.Int32(at);
        if (vtable < 0 || vtable > file.Length - 4) throw new MalformedException($"the table at byte {at} has its field list outside the file");
        _vtable = (int)vtable;
        _vtableSize = file.UInt16(_vtable);
        if (_vtableSize < 4) throw new MalformedException($"the table at byte {at} has a field list of {_vtableSize} bytes");
    }

    public bool Has(int slot) => At(slot) != 0;

    public int Byte(int slot, int otherwise = 0) => At(slot) is var at and not 0 ? _file.Byte(at) : otherwise;

    public bool Bool(int slot) => Byte(slot) != 0;

    public int Int32(int slot, int otherwise = 0) => At(slot) is var at and not 0 ? _file.Int32(at) : otherwise;

    public float Float(int slot, float otherwise = 0) => At(slot) is var at and not 0 ? _file.Float(at) : otherwise;

    public string Text(int slot)
    {
        if (At(slot) is not (var at and not 0)) return "";
        int text = _file.Follow(at);
        return _file.Text(text + 4, _file.Int32(text));
    }

    /// <summary>The table that a field points to; an empty one where the file leaves it out.</summary>
    public FlatTable? Table(int slot) => At(slot) is var at and not 0 ? new FlatTable(_file, _file.Follow(at)) : null;

    public FlatTable[] Tables(int slot)
    {
        (int start, int count) = Vector(slot, 4);
        var tables = new FlatTable[count];
        for (int i = 0; i < count; i++) tables[i] = new FlatTable(_file, _file.Follow(start + (4 * i)));
        return tables;
    }

    public int[] Int32s(int slot)
    {
        (int start, int count) = Vector(slot, 4);
        int[] values = new int[count];
        for (int i = 0; i < count; i++) values[i] = _file.Int32(start + (4 * i));
        return values;
    }

    public long[] Int64s(int slot)
    {
        (int start, int count) = Vector(slot, 8);
        long[] values = new long[count];
        for (int i = 0; i < count; i++) values[i] = _file.Int64(start + (8 * i));
        return values;
    }

    public float[] Floats(int slot)
    {
        (int start, int count) = Vector(slot, 4);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) values[i] = _file.Float(start + (4 * i));
        return values;
    }

    public byte[] Bytes(int slot)
    {
        (int start, int count) = Vector(slot, 1);
        return count == 0 ? [] : _file.Bytes(start, count);
    }

    // The place of a vector's first element, its length proved to lie inside the file.
    private (int Start, int Count) Vector(int slot, int size)
    {
        if (At(slot) is not (var at and not 0)) return (0, 0);
        int vector = _file.Follow(at);
        int count = _file.Int32(vector);
        if (count < 0 || count > (_file.Length - vector - 4L) / size) throw new MalformedException($"the vector at byte {vector} has {count} elements, more than the file holds");
        _file.Spend((long)count * size);
        return (vector + 4, count);
    }

    private int At(int slot)
    {
        int entry = 4 + (2 * slot);
        if (entry + 2 > _vtableSize) return 0;
        int offset = _file.UInt16(_vtable + entry);
        return offset == 0 ? 0 : _at + offset;
    }
}
