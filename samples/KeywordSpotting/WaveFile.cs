using System;
using System.Buffers.Binary;
using System.IO;
using System.Runtime.InteropServices;
using static KeywordSpotting.FeatureTables;

namespace KeywordSpotting;

/// <summary>Reads the one kind of WAV file the sample takes: 16 kHz, mono, 16-bit PCM.</summary>
internal static class WaveFile
{
    private const int ChunkHeaderBytes = 8;
    private const int PcmFormat = 1, ExtensibleFormat = 0xFFFE;

    /// <summary>The length that programs write which stream a WAV and do not know its end yet.</summary>
    private const uint UnknownLength = uint.MaxValue;

    /// <summary>The samples of a file.</summary>
    /// <exception cref="InvalidDataException">The file is not such a WAV; the message says what it is instead.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static short[] Read(string path) => Parse(File.ReadAllBytes(path));

    /// <summary>The samples in the bytes of a file.</summary>
    /// <exception cref="InvalidDataException">As for <see cref="Read"/>.</exception>
    public static short[] Parse(ReadOnlySpan<byte> file)
    {
        if (file.Length < 12 || !file[..4].SequenceEqual("RIFF"u8) || !file.Slice(8, 4).SequenceEqual("WAVE"u8))
        {
            throw new InvalidDataException("not a WAV file");
        }

        bool formatSeen = false;
        ReadOnlySpan<byte> rest = file[12..];
        while (rest.Length >= ChunkHeaderBytes)
        {
            ReadOnlySpan<byte> id = rest[..4];
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
            rest = rest[ChunkHeaderBytes..];

            if (id.SequenceEqual("data"u8))
            {
                return formatSeen
                    ? Samples(rest, length)
                    : throw new InvalidDataException("damaged: the sound comes before its format");
            }

            if (length > (uint)rest.Length)
            {
                throw new InvalidDataException("truncated: the file ends inside its header");
            }

            if (id.SequenceEqual("fmt "u8))
            {
                CheckFormat(rest[..(int)length]);
                formatSeen = true;
            }

            // Chunks start at even positions; a missing last padding byte does no harm.
            rest = rest[(int)Math.Min(length + (length & 1), (uint)rest.Length)..];
        }

        throw new InvalidDataException("truncated: the file holds no sound");
    }

    private static void CheckFormat(ReadOnlySpan<byte> format)
    {
        if (format.Length < 16)
        {
            throw new InvalidDataException("damaged: the format description is too short");
        }

        int encoding = BinaryPrimitives.ReadUInt16LittleEndian(format);
        int channels = BinaryPrimitives.ReadUInt16LittleEndian(format[2..]);
        uint rate = BinaryPrimitives.ReadUInt32LittleEndian(format[4..]);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(format[14..]);
        if (encoding == ExtensibleFormat && format.Length >= 26)
        {
            encoding = BinaryPrimitives.ReadUInt16LittleEndian(format[24..]);     // the first bytes of the sub-format's GUID
        }

        if (encoding != PcmFormat || channels != 1 || rate != SampleRate || bits != 16)
        {
            string sound = channels switch { 1 => "mono", 2 => "stereo", _ => $"{channels} channels" };
            string kind = encoding == PcmFormat ? "PCM" : $"encoding {encoding}";
            throw new InvalidDataException($"{rate} Hz, {sound}, {bits}-bit {kind}; needed is {SampleRate} Hz, mono, 16-bit PCM");
        }
    }

    private static short[] Samples(ReadOnlySpan<byte> rest, uint length)
    {
        if (length == UnknownLength)
        {
            length = (uint)rest.Length;
        }

        if (length > (uint)rest.Length)
        {
            throw new InvalidDataException($"truncated: {length} bytes of sound announced, {rest.Length} there");
        }

        if (length < sizeof(short))
        {
            throw new InvalidDataException("the file holds no sound");
        }

        short[] samples = MemoryMarshal.Cast<byte, short>(rest[..(int)length]).ToArray();
        if (!BitConverter.IsLittleEndian)
        {
            BinaryPrimitives.ReverseEndianness(samples, samples);
        }

        return samples;
    }
}
