using System;
using System.Runtime.InteropServices;

namespace Etch;

/// <summary>What comes before a model that sees: a part of a picture, in the model's size, colours, order and quantisation.</summary>
/// <remarks>Pictures are bytes, row by row, the channels of a pixel side by side. Nothing is allocated.</remarks>
public static class Images
{
    private const int MaxChannels = 4;

    /// <summary>A rectangle of a picture.</summary>
    /// <param name="pixels">The picture.</param>
    /// <param name="width">Pixels in a row of the picture.</param>
    /// <param name="channels">Bytes of a pixel.</param>
    /// <param name="left">The column with which the rectangle begins.</param>
    /// <param name="top">The row with which the rectangle begins.</param>
    /// <param name="part">Receives the rectangle, as many rows as fit.</param>
    /// <param name="partWidth">Pixels in a row of the rectangle.</param>
    /// <exception cref="ArgumentException">A span is no whole number of rows, or the rectangle is not inside the picture.</exception>
    public static void Crop(ReadOnlySpan<byte> pixels, int width, int channels, int left, int top, Span<byte> part, int partWidth)
    {
        int height = Rows(pixels.Length, width, channels, nameof(pixels)), partHeight = Rows(part.Length, partWidth, channels, nameof(part));
        if (left < 0 || top < 0 || left > width - partWidth || top > height - partHeight)
        {
            throw new ArgumentException($"{partWidth} × {partHeight} pixels from ({left}, {top}) on are not inside {width} × {height}.", nameof(part));
        }

        for (int y = 0; y < partHeight; y++)
        {
            pixels.Slice((((top + y) * width) + left) * channels, partWidth * channels).CopyTo(part.Slice(y * partWidth * channels));
        }
    }

    /// <summary>A picture in another size: each pixel is mixed from the four nearest to its place.</summary>
    /// <param name="pixels">The picture.</param>
    /// <param name="width">Pixels in a row of the picture.</param>
    /// <param name="channels">Bytes of a pixel.</param>
    /// <param name="resized">Receives the picture, as many rows as it has.</param>
    /// <param name="resizedWidth">Pixels in a row of it.</param>
    /// <remarks>
    /// Bilinear, with pixels that have their middles at 0.5, 1.5 and so on, as TensorFlow does it with half_pixel_centers; rounded half up.
    /// What gets smaller by more than a half loses detail between the pixels that are read.
    /// </remarks>
    /// <exception cref="ArgumentException">A span is no whole number of rows, or empty.</exception>
    public static void Resize(ReadOnlySpan<byte> pixels, int width, int channels, Span<byte> resized, int resizedWidth)
    {
        int height = Rows(pixels.Length, width, channels, nameof(pixels)), resizedHeight = Rows(resized.Length, resizedWidth, channels, nameof(resized));
        if (height == 0) throw new ArgumentException("The picture is empty.", nameof(pixels));
        for (int y = 0, at = 0; y < resizedHeight; y++)
        {
            (int top, int bottom, float down) = Between(y, height, resizedHeight);
            ReadOnlySpan<byte> upper = pixels.Slice(top * width * channels, width * channels), lower = pixels.Slice(bottom * width * channels, width * channels);
            for (int x = 0; x < resizedWidth; x++)
            {
                (int left, int right, float across) = Between(x, width, resizedWidth);
                for (int c = 0; c < channels; c++, at++)
                {
                    int l = (left * channels) + c, r = (right * channels) + c;
                    float above = upper[l] + ((upper[r] - upper[l]) * across), below = lower[l] + ((lower[r] - lower[l]) * across);
                    resized[at] = (byte)(above + ((below - above) * down) + 0.5f);
                }
            }
        }
    }

    /// <summary>A grey picture as one of three equal channels.</summary>
    /// <param name="grey">One byte for each pixel.</param>
    /// <param name="rgb">Receives three bytes for each pixel.</param>
    public static void GreyToRgb(ReadOnlySpan<byte> grey, Span<byte> rgb)
    {
        rgb = rgb.Slice(0, 3 * grey.Length);
        for (int i = 0; i < grey.Length; i++) rgb.Slice(3 * i, 3).Fill(grey[i]);
    }

    /// <summary>A picture of red, green and blue in grey: 0.299, 0.587 and 0.114 of them (ITU-R BT.601).</summary>
    /// <param name="rgb">Three bytes for each pixel.</param>
    /// <param name="grey">Receives one byte for each pixel.</param>
    public static void RgbToGrey(ReadOnlySpan<byte> rgb, Span<byte> grey)
    {
        grey = grey.Slice(0, Rows(rgb.Length, 1, 3, nameof(rgb)));
        for (int i = 0; i < grey.Length; i++) grey[i] = (byte)(((299 * rgb[3 * i]) + (587 * rgb[(3 * i) + 1]) + (114 * rgb[(3 * i) + 2]) + 500) / 1000);
    }

    /// <summary>The channels one after another, as models that come from PyTorch take them: [channels, height, width].</summary>
    /// <param name="pixels">The channels of a pixel side by side; bytes, or what a model's input has.</param>
    /// <param name="channels">Channels of a pixel.</param>
    /// <param name="planes">Receives as many elements.</param>
    /// <exception cref="ArgumentException"><paramref name="pixels"/> is no whole number of pixels.</exception>
    public static void ToPlanes<T>(ReadOnlySpan<T> pixels, int channels, Span<T> planes)
    {
        int count = Rows(pixels.Length, 1, channels, nameof(pixels));
        planes = planes.Slice(0, pixels.Length);
        for (int c = 0; c < channels; c++)
        {
            for (int i = 0; i < count; i++) planes[(c * count) + i] = pixels[(i * channels) + c];
        }
    }

    /// <summary>Pixels as a model's int8 input: (byte − mean) / deviation, quantised. Order and size stay as they are.</summary>
    /// <param name="pixels">Channel after channel of each pixel, for example red, green, blue.</param>
    /// <param name="input">Receives the stored values; at least as long as <paramref name="pixels"/>.</param>
    /// <param name="scale">The input's scale.</param>
    /// <param name="zeroPoint">The input's zero point.</param>
    /// <param name="mean">Of the training's normalisation, in bytes, one for each of 1 to 4 channels: 0 for inputs
    /// from 0 to 1, 127.5 for −1 to 1.</param>
    /// <param name="deviation">Likewise: 255 for inputs from 0 to 1, 127.5 for −1 to 1.</param>
    /// <exception cref="ArgumentException">The number of channels does not fit, or <paramref name="input"/> is too short.</exception>
    /// <remarks>Rounded as <see cref="Affine"/> does; a table of 256 values for each channel lies on the stack.</remarks>
    public static void Quantize(
        ReadOnlySpan<byte> pixels, Span<sbyte> input, float scale, int zeroPoint, ReadOnlySpan<float> mean, ReadOnlySpan<float> deviation) =>
        Quantize(pixels, MemoryMarshal.AsBytes(input), scale, zeroPoint, mean, deviation, sbyte.MinValue, sbyte.MaxValue);

    /// <summary>Pixels as a model's uint8 input; all else is as for int8.</summary>
    /// <inheritdoc cref="Quantize(ReadOnlySpan{byte}, Span{sbyte}, float, int, ReadOnlySpan{float}, ReadOnlySpan{float})"/>
    public static void Quantize(
        ReadOnlySpan<byte> pixels, Span<byte> input, float scale, int zeroPoint, ReadOnlySpan<float> mean, ReadOnlySpan<float> deviation) =>
        Quantize(pixels, input, scale, zeroPoint, mean, deviation, byte.MinValue, byte.MaxValue);

    /// <summary>Pixels as a model's float input: (byte − mean) / deviation. Order and size stay as they are.</summary>
    /// <param name="pixels">Channel after channel of each pixel.</param>
    /// <param name="input">Receives the values; at least as long as <paramref name="pixels"/>.</param>
    /// <param name="mean">As for <see cref="Quantize(ReadOnlySpan{byte}, Span{sbyte}, float, int, ReadOnlySpan{float}, ReadOnlySpan{float})"/>.</param>
    /// <param name="deviation">Likewise.</param>
    /// <exception cref="ArgumentException">The number of channels does not fit, or <paramref name="input"/> is too short.</exception>
    public static void Normalize(ReadOnlySpan<byte> pixels, Span<float> input, ReadOnlySpan<float> mean, ReadOnlySpan<float> deviation)
    {
        int channels = Channels(pixels.Length, mean, deviation);
        input = input.Slice(0, pixels.Length);
        for (int i = 0, c = 0; i < pixels.Length; i++)
        {
            input[i] = (pixels[i] - mean[c]) / deviation[c];
            if (++c == channels) c = 0;
        }
    }

    private static void Quantize(
        ReadOnlySpan<byte> pixels, Span<byte> input, float scale, int zeroPoint, ReadOnlySpan<float> mean, ReadOnlySpan<float> deviation, int min, int max)
    {
        int channels = Channels(pixels.Length, mean, deviation);
        input = input.Slice(0, pixels.Length);
        Span<byte> table = stackalloc byte[256 * MaxChannels];
        for (int c = 0; c < channels; c++)
        {
            for (int value = 0; value < 256; value++)
            {
                float real = (value - mean[c]) / deviation[c];
                table[(c * 256) + value] = unchecked((byte)Affine.Quantize(real, scale, zeroPoint, min, max));
            }
        }

        for (int i = 0, c = 0; i < pixels.Length; i++)
        {
            input[i] = table[(c * 256) + pixels[i]];
            if (++c == channels) c = 0;
        }
    }

    private static int Channels(int length, ReadOnlySpan<float> mean, ReadOnlySpan<float> deviation)
    {
        if (mean.Length is < 1 or > MaxChannels || deviation.Length != mean.Length || length % mean.Length != 0)
        {
            throw new ArgumentException(
                $"{mean.Length} means and {deviation.Length} deviations do not fit {length} bytes of 1 to {MaxChannels} channels.",
                nameof(mean));
        }

        return mean.Length;
    }

    private static int Rows(int length, int width, int channels, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        long row = (long)width * channels;
        return length % row == 0 ? (int)(length / row) : throw new ArgumentException($"{length} elements are no rows of {width} pixels of {channels}.", name);
    }

    // Two neighbours of a place in the middle of pixel i of a row of count, and how far it is from the first to the second.
    private static (int First, int Second, float Part) Between(int i, int length, int count)
    {
        float place = Math.Clamp(((i + 0.5f) * length / count) - 0.5f, 0, length - 1);
        int first = (int)place;
        return (first, Math.Min(first + 1, length - 1), place - first);
    }
}
