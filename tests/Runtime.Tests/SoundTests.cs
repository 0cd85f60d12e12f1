using System;
using System.Linq;
using System.Numerics;
using Xunit;

namespace Etch.Tests;

/// <summary>What comes before a model that hears, against the plain formulas in double precision.</summary>
public sealed class SoundTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(64)]
    public void The_spectrum_is_the_plain_sum_and_back(int length)
    {
        var random = new Random(length);
        float[] real = [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() - 0.5f)], imaginary = [.. real.Select(x => (2 * x) - 0.3f).Reverse()];
        float[] re = [.. real], im = [.. imaginary];
        Fourier.Transform(re, im);
        for (int k = 0; k < length; k++)
        {
            Complex sum = 0;
            for (int n = 0; n < length; n++) sum += new Complex(real[n], imaginary[n]) * Complex.FromPolarCoordinates(1, -2 * Math.PI * k * n / length);
            Assert.Equal(sum.Real, re[k], 1e-4);
            Assert.Equal(sum.Imaginary, im[k], 1e-4);
        }

        Fourier.Invert(re, im);
        for (int n = 0; n < length; n++) Assert.Equal((real[n], imaginary[n]), (re[n], im[n]), (a, b) => Math.Abs(a.Item1 - b.Item1) + Math.Abs(a.Item2 - b.Item2) < 1e-5);
        Assert.Throws<ArgumentException>("imaginary", () => Fourier.Transform(new float[12], new float[12]));
        Assert.Throws<ArgumentException>("imaginary", () => Fourier.Transform(new float[8], new float[4]));
    }

    [Theory]
    [InlineData(480, 40, 16_000, 20, 4_000, false)]
    [InlineData(512, 108, 16_000, 125, 7_500, true)]
    [InlineData(200, 23, 8_000, 0, 4_000, false)]
    public void Bands_are_the_plain_formula(int length, int bands, int rate, float lowest, float highest, bool isPower)
    {
        float[] frame = Frame(length), window = [.. Enumerable.Range(0, length).Select(i => 0.54f - (0.46f * MathF.Cos(2 * MathF.PI * i / (length - 1))))];
        float[] actual = new float[bands];
        new MelSpectrum(window, bands, rate, lowest, highest, isPower).Compute(frame, actual);
        double[] expected = Bands(frame, n => window[n], bands, rate, lowest, highest, isPower);
        for (int band = 0; band < bands; band++) Assert.Equal(expected[band], actual[band], 1e-3 * (1 + expected[band]));
        Assert.Contains(expected, energy => energy > 1);
    }

    [Theory]
    [InlineData(480, 10, 16_000, 40, 20, 4_000, 0, 1e-6)]
    [InlineData(640, 10, 16_000, 40, 20, 4_000, 1e-12, 0)]
    [InlineData(200, 13, 8_000, 23, 0, 4_000, 1e-5, 0)]
    public void Coefficients_are_the_plain_formula(int length, int count, int rate, int bands, float lowest, float highest, float floor, float offset)
    {
        float[] frame = Frame(length), actual = new float[count];
        double[] logarithms =
        [
            .. Bands(frame, n => 0.5 - (0.5 * Math.Cos(2 * Math.PI * n / length)), bands, rate, lowest, highest, isPower: false)
                .Select(energy => Math.Log(Math.Max(energy, floor) + offset)),
        ];
        new Mfcc(length, count, rate, bands, lowest, highest, floor, offset).Compute(frame, actual);
        for (int c = 0; c < count; c++)
        {
            double expected = Math.Sqrt(2.0 / bands) * Enumerable.Range(0, bands).Sum(b => logarithms[b] * Math.Cos(Math.PI * c * (b + 0.5) / bands));
            Assert.Equal(expected, actual[c], 2e-3);
        }
    }

    [Fact]
    public void Silence_is_the_floor()
    {
        float[] coefficients = new float[10];
        new Mfcc(640, 10).Compute(new float[640], coefficients);

        // The first basis is √(2/40) for each of 40 logarithms of 1e-12; in the others they cancel out.
        Assert.Equal(-247.14f, coefficients[0], 0.01f);
        Assert.All(coefficients.Skip(1), c => Assert.Equal(0, c, 1e-3f));
    }

    [Fact]
    public void What_does_not_fit_is_refused_and_nothing_is_allocated()
    {
        Assert.Throws<ArgumentOutOfRangeException>("frameLength", () => new Mfcc(1, 10));
        Assert.Throws<ArgumentOutOfRangeException>("coefficients", () => new Mfcc(480, 41));
        Assert.Throws<ArgumentOutOfRangeException>("highest", () => new Mfcc(480, 10, sampleRate: 7_000));
        Assert.Throws<ArgumentOutOfRangeException>("window", () => new MelSpectrum(new float[1], 10));
        Assert.Throws<ArgumentOutOfRangeException>("bands", () => new MelSpectrum(new float[480], 0));
        Assert.Throws<ArgumentOutOfRangeException>("highest", () => new MelSpectrum(new float[480], 10, highest: 8_001));
        var spectrum = new MelSpectrum(new float[480], 10);
        Assert.Throws<ArgumentException>("frame", () => spectrum.Compute(new float[479], new float[10]));
        Assert.Throws<ArgumentException>("energies", () => spectrum.Compute(new float[480], new float[11]));
        var mfcc = new Mfcc(480, 10);
        Assert.Throws<ArgumentException>("frame", () => mfcc.Compute(new float[479], new float[10]));
        Assert.Throws<ArgumentException>("coefficients", () => mfcc.Compute(new float[480], new float[11]));

        float[] frame = new float[480], coefficients = new float[10];
        void Run() => mfcc.Compute(frame, coefficients);
        Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 5; i++) Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static float[] Frame(int length)
    {
        var random = new Random(length);
        return [.. Enumerable.Range(0, length).Select(i => (MathF.Sin(i * 0.3f) * 0.5f) + ((random.NextSingle() - 0.5f) / 10))];
    }

    // Triangles over the mel scale, 1 in their middle and 0 at the middles of their neighbours; the bin of frequency 0 is in none.
    private static double[] Bands(float[] frame, Func<int, double> window, int bands, int rate, float lowest, float highest, bool isPower)
    {
        int points = 256;
        while (points < frame.Length) points *= 2;
        static double Mel(double hertz) => 1127 * Math.Log(1 + (hertz / 700));
        double step = (Mel(highest) - Mel(lowest)) / (bands + 1);
        double[] magnitudes =
        [
            .. Enumerable.Range(0, (points / 2) + 1).Select(k =>
            {
                Complex sum = 0;
                for (int n = 0; n < frame.Length; n++) sum += frame[n] * window(n) * Complex.FromPolarCoordinates(1, -2 * Math.PI * k * n / points);
                return isPower ? sum.Magnitude * sum.Magnitude : sum.Magnitude;
            }),
        ];
        return
        [
            .. Enumerable.Range(0, bands).Select(band =>
            {
                double energy = 0;
                for (int k = 1; k < magnitudes.Length; k++)
                {
                    double hertz = (double)k * rate / points, distance = Math.Abs(Mel(hertz) - (Mel(lowest) + ((band + 1) * step))) / step;
                    if (distance < 1 && hertz >= lowest && hertz <= highest) energy += (1 - distance) * magnitudes[k];
                }

                return energy;
            }),
        ];
    }
}
