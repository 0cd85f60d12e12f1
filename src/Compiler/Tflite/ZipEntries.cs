using System;
using System.IO;
using System.IO.Compression;
using System.Text;

namespace Etch.Tflite;

/// <summary>Text files of a ZIP archive that follows a model in its file, as TFLite metadata packs them.</summary>
/// <remarks>PKWARE's APPNOTE.TXT: the end record is sought from the end, offsets are counted from the file's beginning, or from the
/// archive's where it was appended without correcting them. What is broken, encrypted, too long or compressed in another way than by
/// deflate is left out: metadata is no reason to refuse a model.</remarks>
internal static class ZipEntries
{
    private const int MaxEntries = 64, MaxBytes = 1 << 20, EndBytes = 22, EntryBytes = 46, LocalBytes = 30, MaxComment = 65_535;

    /// <summary>The content of an entry, or null when there is no such entry that can be read.</summary>
    public static byte[]? Find(byte[] file, string name)
    {
        int end = End(file);
        if (end < 0) return null;
        int count = Word(file, end + 10), length = Int32(file, end + 12), start = Int32(file, end + 16);
        if (length < 0 || length > end || start < 0) return null;

        // The directory lies directly before the end record; offsets may be short of what precedes the archive.
        int at = end - length, shift = at - start;
        if (shift < 0) return null;
        for (int i = 0; i < Math.Min(count, MaxEntries); i++)
        {
            if (at < 0 || at > file.Length - EntryBytes || Int32(file, at) != 0x02014B50) return null;
            int nameLength = Word(file, at + 28);
            if (at + EntryBytes + nameLength > file.Length) return null;
            if (Encoding.UTF8.GetString(file, at + EntryBytes, nameLength) == name) return Content(file, at, shift);
            at += EntryBytes + nameLength + Word(file, at + 30) + Word(file, at + 32);
        }

        return null;
    }

    private static byte[]? Content(byte[] file, int entry, int shift)
    {
        int flags = Word(file, entry + 8), method = Word(file, entry + 10), packed = Int32(file, entry + 20), length = Int32(file, entry + 24);
        long local = (long)Int32(file, entry + 42) + shift;
        if ((flags & 1) != 0 || length is < 0 or > MaxBytes || packed < 0 || local < 0 || local > file.Length - LocalBytes || Int32(file, (int)local) != 0x04034B50) return null;
        long data = local + LocalBytes + Word(file, (int)local + 26) + Word(file, (int)local + 28);
        if (data > file.Length - (long)packed) return null;

        byte[] content = new byte[length];
        if (method == 0)
        {
            if (packed != length) return null;
            Buffer.BlockCopy(file, (int)data, content, 0, length);
            return content;
        }

        if (method != 8) return null;
        try
        {
            using var deflate = new DeflateStream(new MemoryStream(file, (int)data, packed), CompressionMode.Decompress);
            int read = 0;
            while (read < length)
            {
                int more = deflate.Read(content, read, length - read);
                if (more == 0) return null;
                read += more;
            }

            return content;
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    // The end record: the last one whose comment ends the file.
    private static int End(byte[] file)
    {
        for (int at = file.Length - EndBytes; at >= Math.Max(0, file.Length - EndBytes - MaxComment); at--)
        {
            if (Int32(file, at) == 0x06054B50 && at + EndBytes + Word(file, at + 20) == file.Length) return at;
        }

        return -1;
    }

    private static int Word(byte[] file, int at) => file[at] | (file[at + 1] << 8);

    private static int Int32(byte[] file, int at) => Word(file, at) | (Word(file, at + 2) << 16);
}
