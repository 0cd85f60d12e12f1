using System;
using System.Linq;
using Xunit;

namespace Etch.Tests;

/// <summary>What comes before a model that sees, by hand.</summary>
public sealed class ImageTests
{
    [Fact]
    public void A_part_begins_at_its_corner()
    {
        byte[] picture = [.. Enumerable.Range(0, 24).Select(i => (byte)i)], part = new byte[8];
        Images.Crop(picture, width: 4, channels: 2, left: 1, top: 1, part, partWidth: 2);
        Assert.Equal([10, 11, 12, 13, 18, 19, 20, 21], part);
        Images.Crop(picture, width: 4, channels: 2, left: 0, top: 0, part, partWidth: 4);
        Assert.Equal(picture.Take(8), part);
    }

    [Fact]
    public void A_resized_picture_is_mixed_from_its_nearest_pixels()
    {
        // Four pixels for two: their middles are at −0.25, 0.25, 0.75 and 1.25 of the old ones.
        byte[] wide = new byte[4];
        Images.Resize([0, 100], width: 2, channels: 1, wide, resizedWidth: 4);
        Assert.Equal([0, 25, 75, 100], wide);
        Images.Resize([0, 100], width: 1, channels: 1, wide, resizedWidth: 1);
        Assert.Equal([0, 25, 75, 100], wide);

        // Half the size is the mean of four, channel by channel; 2.5 goes up.
        byte[] half = new byte[2];
        Images.Resize([1, 10, 2, 20, 3, 30, 4, 40], width: 2, channels: 2, half, resizedWidth: 1);
        Assert.Equal([3, 25], half);

        // The same size is the same picture.
        byte[] picture = [.. Enumerable.Range(0, 60).Select(i => (byte)(i * 37))], same = new byte[60];
        Images.Resize(picture, width: 5, channels: 3, same, resizedWidth: 5);
        Assert.Equal(picture, same);
    }

    [Fact]
    public void Colours_and_planes()
    {
        byte[] rgb = new byte[6], grey = new byte[2], planes = new byte[6];
        Images.GreyToRgb([7, 9], rgb);
        Assert.Equal([7, 7, 7, 9, 9, 9], rgb);
        Images.RgbToGrey([100, 0, 0, 10, 20, 30], grey);
        Assert.Equal([30, 18], grey);
        Images.ToPlanes<byte>([1, 2, 3, 4, 5, 6], 3, planes);
        Assert.Equal([1, 4, 2, 5, 3, 6], planes);
    }

    [Fact]
    public void Pixels_are_normalised_and_quantised()
    {
        byte[] pixels = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        sbyte[] input = new sbyte[256];
        Images.Quantize(pixels, input, 1f / 255, -128, mean: [0], deviation: [255]);
        Assert.Equal(pixels.Select(p => (sbyte)(p - 128)), input);

        // Red (255 − 127.5) / 127.5 = 1 → 1 / 0.02; green (0 − 100) / 50 = −2; blue 30 / 10 = 3, which is clamped.
        Images.Quantize([255, 0, 30], input, 0.02f, 5, mean: [127.5f, 100, 0], deviation: [127.5f, 50, 10]);
        Assert.Equal([55, -95, 127], input.Take(3));

        // As uint8, whose values end at 0 and 255, and as real values.
        byte[] stored = new byte[3];
        Images.Quantize([255, 0, 30], stored, 0.02f, 128, mean: [127.5f, 100, 0], deviation: [127.5f, 50, 10]);
        Assert.Equal([178, 28, 255], stored);
        float[] real = new float[3];
        Images.Normalize([255, 0, 30], real, mean: [127.5f, 100, 0], deviation: [127.5f, 50, 10]);
        Assert.Equal([1, -2, 3], real);
    }

    [Fact]
    public void Spans_that_do_not_fit_are_refused()
    {
        Assert.Throws<ArgumentException>("mean", () => Images.Quantize(new byte[4], new sbyte[4], 1, 0, [0, 0, 0], [1, 1, 1]));
        Assert.Throws<ArgumentException>("mean", () => Images.Normalize(new byte[4], new float[4], [], []));
        Assert.Throws<ArgumentException>("pixels", () => Images.Crop(new byte[7], 4, 1, 0, 0, new byte[4], 2));
        Assert.Throws<ArgumentException>("part", () => Images.Crop(new byte[8], 4, 1, 3, 0, new byte[4], 2));
        Assert.Throws<ArgumentException>("part", () => Images.Crop(new byte[8], 4, 1, 0, 1, new byte[4], 2));
        Assert.Throws<ArgumentException>("pixels", () => Images.Resize([], 4, 1, new byte[4], 2));
        Assert.Throws<ArgumentOutOfRangeException>("width", () => Images.Resize(new byte[4], 0, 1, new byte[4], 2));
        Assert.Throws<ArgumentException>("rgb", () => Images.RgbToGrey(new byte[4], new byte[4]));
        Assert.Throws<ArgumentException>("pixels", () => Images.ToPlanes<float>(new float[4], 3, new float[4]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Images.GreyToRgb(new byte[4], new byte[11]));
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        byte[] pixels = new byte[300], other = new byte[300];
        sbyte[] input = new sbyte[300];
        float[] real = new float[300];
        void Run()
        {
            Images.Crop(pixels, 10, 3, 1, 1, other.AsSpan(0, 27), 3);
            Images.Resize(pixels, 10, 3, other.AsSpan(0, 75), 5);
            Images.RgbToGrey(pixels, other);
            Images.GreyToRgb(other.AsSpan(0, 100), pixels);
            Images.ToPlanes<byte>(pixels, 3, other);
            Images.Quantize(pixels, input, 1f / 255, -128, [0, 0, 0], [255, 255, 255]);
            Images.Quantize(pixels, other, 1f / 255, 0, [0, 0, 0], [255, 255, 255]);
            Images.Normalize(pixels, real, [0, 0, 0], [255, 255, 255]);
        }

        Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 5; i++) Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
