using System;
using System.Buffers.Binary;
using System.IO;
using System.Linq;
using System.Text;
using KeywordSpotting;

namespace Etch.EndToEnd.Tests.KeywordSpotting;

/// <summary>The sample reads 16 kHz mono 16-bit WAVs however they are laid out, and says what is wrong with all others.</summary>
public class WaveFileTests
{
    private static readonly short[] Sound = [1, -2, short.MaxValue, short.MinValue];

    [Fact]
    public void ReadsSamples() => Assert.Equal(Sound, WaveFile.Parse(Wave(Format(), Data())));

    [Fact]
    public void SkipsOtherChunksOfOddLength() =>
        Assert.Equal(Sound, WaveFile.Parse(Wave(Chunk("LIST", new byte[7]), Format(), Chunk("fact", new byte[4]), Data())));

    [Fact]
    public void IgnoresWhatFollowsTheSound() => Assert.Equal(Sound, WaveFile.Parse(Wave(Format(), Data(), Chunk("LIST", new byte[5]))));

    [Fact]
    public void ReadsExtensibleFormat() => Assert.Equal(Sound, WaveFile.Parse(Wave(Format(encoding: 0xFFFE), Data())));

    [Fact]
    public void ReadsStreamsOfUnknownLength()
    {
        byte[] data = Data();
        BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(4), uint.MaxValue);
        Assert.Equal(Sound, WaveFile.Parse(Wave(Format(), data)));
    }

    [Fact]
    public void SaysWhichFormatItIs()
    {
        Assert.Equal("44100 Hz, stereo, 24-bit PCM; needed is 16000 Hz, mono, 16-bit PCM",
            Problem(Wave(Format(channels: 2, rate: 44_100, bits: 24), Data())));
        Assert.StartsWith("16000 Hz, mono, 32-bit encoding 3;", Problem(Wave(Format(encoding: 3, bits: 32), Data())));
        Assert.StartsWith("16000 Hz, 6 channels,", Problem(Wave(Format(channels: 6), Data())));
    }

    [Fact]
    public void SaysThatItIsNoWave()
    {
        Assert.Equal("not a WAV file", Problem([]));
        Assert.Equal("not a WAV file", Problem(Encoding.ASCII.GetBytes("a text that is long enough to be something")));
    }

    [Fact]
    public void SaysThatThereIsNoSound()
    {
        Assert.Contains("no sound", Problem(Wave(Format())));
        Assert.Contains("no sound", Problem(Wave(Format(), Chunk("data", []))));
    }

    [Fact]
    public void SaysThatTheFormatIsMissing() => Assert.StartsWith("damaged", Problem(Wave(Data(), Format())));

    /// <summary>Wherever a file is cut off, there is a message and nothing else goes wrong.</summary>
    [Fact]
    public void SaysThatItIsTruncated()
    {
        byte[] file = Wave(Format(), Data());
        for (int length = 12; length < file.Length; length++)
        {
            Assert.Matches("truncated", Problem(file[..length]));
        }
    }

    /// <summary>Any four bytes of the file may be nonsense; the worst that may happen is a message.</summary>
    [Fact]
    public void SurvivesDamage()
    {
        byte[] file = Wave(Chunk("LIST", new byte[4]), Format(), Data());
        for (int at = 0; at <= file.Length - 4; at++)
        {
            foreach (uint value in new uint[] { 0, 1, 15, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF })
            {
                byte[] damaged = [.. file];
                BinaryPrimitives.WriteUInt32LittleEndian(damaged.AsSpan(at), value);
                Assert.True(Record.Exception(() => WaveFile.Parse(damaged)) is null or InvalidDataException, $"{value:x} at {at}");
            }
        }
    }

    private static string Problem(byte[] file) => Assert.Throws<InvalidDataException>(() => WaveFile.Parse(file)).Message;

    private static byte[] Wave(params byte[][] chunks)
    {
        byte[] body = [.. "WAVE"u8, .. chunks.SelectMany(c => c)];
        return Chunk("RIFF", body);
    }

    private static byte[] Format(int encoding = 1, int channels = 1, int rate = 16_000, int bits = 16)
    {
        byte[] format = new byte[encoding == 0xFFFE ? 40 : 16];
        BinaryPrimitives.WriteUInt16LittleEndian(format, (ushort)encoding);
        BinaryPrimitives.WriteUInt16LittleEndian(format.AsSpan(2), (ushort)channels);
        BinaryPrimitives.WriteInt32LittleEndian(format.AsSpan(4), rate);
        BinaryPrimitives.WriteUInt16LittleEndian(format.AsSpan(14), (ushort)bits);
        if (format.Length == 40)
        {
            format[24] = 1;     // the sub-format: PCM
        }

        return Chunk("fmt ", format);
    }

    private static byte[] Data() => Chunk("data", [.. Sound.SelectMany(BitConverter.GetBytes)]);

    private static byte[] Chunk(string id, byte[] content)
    {
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, content.Length);
        return [.. Encoding.ASCII.GetBytes(id), .. length, .. content, .. new byte[content.Length & 1]];
    }
}
