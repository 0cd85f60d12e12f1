using System;

namespace Etch;

/// <summary>What comes before a model that sees.</summary>
public static class Images
{
    private const int MaxChannels = 4;

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
        ReadOnlySpan<byte> pixels, Span<sbyte> input, float scale, int zeroPoint, ReadOnlySpan<float> mean, ReadOnlySpan<float> deviation)
    {
        int channels = mean.Length;
        if (channels is < 1 or > MaxChannels || deviation.Length != channels || pixels.Length % channels != 0)
        {
            throw new ArgumentException(
                $"{mean.Length} means and {deviation.Length} deviations do not fit {pixels.Length} bytes of 1 to {MaxChannels} channels.",
                nameof(mean));
        }

        input = input.Slice(0, pixels.Length);
        Span<sbyte> table = stackalloc sbyte[256 * MaxChannels];
        for (int c = 0; c < channels; c++)
        {
            for (int value = 0; value < 256; value++)
            {
                float real = (value - mean[c]) / deviation[c];
                table[(c * 256) + value] = (sbyte)Affine.Quantize(real, scale, zeroPoint, sbyte.MinValue, sbyte.MaxValue);
            }
        }

        for (int i = 0, c = 0; i < pixels.Length; i++)
        {
            input[i] = table[(c * 256) + pixels[i]];
            if (++c == channels) c = 0;
        }
    }
}
