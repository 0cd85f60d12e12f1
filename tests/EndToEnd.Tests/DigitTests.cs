using System;
using System.Buffers.Binary;
using System.IO;
using System.IO.Compression;
using System.Linq;

namespace Etch.Tests;

/// <summary>Real handwritten digits through the generated code of an LSTM: each is named.</summary>
public sealed class DigitTests
{
    private const int Side = 28;

    private static string[] Pictures() => Directory.GetFiles(Path.Combine(Models.Folder!, "inputs"), "mnist_sample*.png");

    [ModelTheory]
    [InlineData("forwards")]
    [InlineData("backwards")]
    public void Each_picture_is_the_digit_that_its_name_says(string order)
    {
        CompiledModel model = Engines.Compile(Models.File("mnist_lstm_int8"), "Digits" + order);
        var emitted = new EmittedModels([model], isChecked: false);
        byte[] state = emitted.NewState(model);
        string[] pictures = [.. order == "forwards" ? Pictures().Order() : Pictures().OrderDescending()];
        Assert.NotEmpty(pictures);
        foreach (string picture in pictures)
        {
            // Each picture is a stream of its own: 28 rows, one for each step.
            emitted.Reset(model, state);
            byte[] scores = emitted.Run(model, [Array.ConvertAll(Grey(picture), pixel => (byte)(pixel - 128))], state).Outputs[0];
            int best = Array.IndexOf(scores, scores.MaxBy(score => (sbyte)score));
            Assert.Equal(Path.GetFileNameWithoutExtension(picture), $"mnist_sample{best}");
        }
    }

    /// <summary>The pixels of a PNG file of 28 × 28 grey bytes, row by row.</summary>
    internal static byte[] Grey(string path)
    {
        byte[] file = File.ReadAllBytes(path), pixels = new byte[Side * Side];
        var compressed = new MemoryStream();
        for (int at = 8; at < file.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            ReadOnlySpan<byte> type = file.AsSpan(at + 4, 4), data = file.AsSpan(at + 8, length);

            // Width, height, 8 bits, grey, one compression and one filter method, no interlacing.
            if (type.SequenceEqual("IHDR"u8)) Assert.Equal([0, 0, 0, Side, 0, 0, 0, Side, 8, 0, 0, 0, 0], data.ToArray());
            if (type.SequenceEqual("IDAT"u8)) compressed.Write(data);
            at += 12 + length;
        }

        compressed.Position = 0;
        using var rows = new ZLibStream(compressed, CompressionMode.Decompress);
        for (int y = 0; y < Side; y++)
        {
            int filter = rows.ReadByte();
            for (int x = 0; x < Side; x++)
            {
                // What each filter predicts from the left, upper and upper left neighbour (PNG specification, 9.2).
                int left = x > 0 ? pixels[(y * Side) + x - 1] : 0, up = y > 0 ? pixels[((y - 1) * Side) + x] : 0;
                int corner = x > 0 && y > 0 ? pixels[((y - 1) * Side) + x - 1] : 0, estimate = left + up - corner;
                (int toLeft, int toUp, int toCorner) = (Math.Abs(estimate - left), Math.Abs(estimate - up), Math.Abs(estimate - corner));
                int predicted = filter switch
                {
                    0 => 0,
                    1 => left,
                    2 => up,
                    3 => (left + up) / 2,
                    4 => toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner,
                    _ => throw new InvalidDataException($"filter {filter}"),
                };
                pixels[(y * Side) + x] = (byte)(rows.ReadByte() + predicted);
            }
        }

        return pixels;
    }
}
