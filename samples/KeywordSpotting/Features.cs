using System;
using System.Numerics;
using static KeywordSpotting.FeatureTables;

namespace KeywordSpotting;

/// <summary>Log-mel features of one second of sound, in integer arithmetic only.</summary>
/// <remarks>
/// The model was trained on exactly these bytes: <c>training/keyword_spotting/features.py</c> does the same steps with the same
/// tables, and a test compares the two byte for byte. Per frame: Hann window, FFT, power, mel bands, logarithm.
/// </remarks>
internal static class Features
{
    /// <summary>Features of a clip: [<see cref="Frames"/>, <see cref="Bands"/>], row by row.</summary>
    public const int Length = Frames * Bands;

    /// <summary>Computes the features of one clip. Allocates nothing.</summary>
    /// <param name="clip"><see cref="ClipSamples"/> samples at 16 kHz.</param>
    /// <param name="features"><see cref="Length"/> values: the power of a band in eighths of an octave, -128 = quietest.</param>
    public static void Compute(ReadOnlySpan<short> clip, Span<sbyte> features)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(clip.Length, ClipSamples);
        ArgumentOutOfRangeException.ThrowIfNotEqual(features.Length, Length);

        Span<int> re = stackalloc int[FftPoints];
        Span<int> im = stackalloc int[FftPoints];
        Span<long> energies = stackalloc long[Bands + 2];

        for (int frame = 0; frame < Frames; frame++)
        {
            LoadFrame(clip.Slice(frame * HopSamples, FrameSamples), re, im);
            Transform(re, im);
            SumBands(re, im, energies);

            Span<sbyte> row = features.Slice(frame * Bands, Bands);
            for (int band = 0; band < Bands; band++)
            {
                row[band] = (sbyte)Math.Clamp(Log2(energies[band + 1]) - LevelOffset, sbyte.MinValue, sbyte.MaxValue);
            }
        }
    }

    /// <summary>Windows a frame, pads it with zeros and leaves it in the order <see cref="Transform"/> expects.</summary>
    private static void LoadFrame(ReadOnlySpan<short> frame, Span<int> re, Span<int> im)
    {
        ReadOnlySpan<short> window = Window, order = BitReversed;
        re.Clear();
        im.Clear();
        for (int i = 0; i < FrameSamples; i++)
        {
            re[order[i]] = (int)Rounded(frame[i] * window[i]);
        }
    }

    /// <summary>Radix-2 FFT in place, decimation in time: bit-reversed order in, natural order out.</summary>
    /// <remarks>Nothing is scaled down between the stages: 16-bit samples grow to 25 bits at most, products fit a long.</remarks>
    private static void Transform(Span<int> re, Span<int> im)
    {
        ReadOnlySpan<short> cosine = Cosine, sine = Sine;
        for (int half = 1; half < FftPoints; half *= 2)
        {
            int turn = FftPoints / (2 * half);     // from one twiddle factor of this stage to the next
            for (int block = 0; block < FftPoints; block += 2 * half)
            {
                Span<int> evenRe = re.Slice(block, half), oddRe = re.Slice(block + half, half);
                Span<int> evenIm = im.Slice(block, half), oddIm = im.Slice(block + half, half);
                for (int i = 0; i < half; i++)
                {
                    long c = cosine[i * turn], s = sine[i * turn];
                    int turnedRe = (int)Rounded(oddRe[i] * c + oddIm[i] * s);
                    int turnedIm = (int)Rounded(oddIm[i] * c - oddRe[i] * s);
                    (oddRe[i], oddIm[i]) = (evenRe[i] - turnedRe, evenIm[i] - turnedIm);
                    (evenRe[i], evenIm[i]) = (evenRe[i] + turnedRe, evenIm[i] + turnedIm);
                }
            }
        }
    }

    /// <summary>Sums the power spectrum into overlapping triangular bands.</summary>
    /// <param name="re">Real parts of the spectrum, [FftPoints].</param>
    /// <param name="im">Imaginary parts of the spectrum, [FftPoints].</param>
    /// <param name="energies">Band b lands at b + 1; the two outer entries take the half triangles that belong to no band.</param>
    private static void SumBands(ReadOnlySpan<int> re, ReadOnlySpan<int> im, Span<long> energies)
    {
        ReadOnlySpan<byte> slots = BinSlot;
        ReadOnlySpan<short> weights = BinWeight;
        energies.Clear();
        for (int i = 0; i < slots.Length; i++)
        {
            long x = re[FirstBin + i], y = im[FirstBin + i];
            long power = x * x + y * y;
            int slot = slots[i], rising = weights[i];
            energies[slot + 1] += power * rising;
            energies[slot] += power * ((1 << WeightBits) - rising);
        }
    }

    /// <summary>floor(8 · log2(energy)), or 0 for an energy of 0.</summary>
    private static int Log2(long energy)
    {
        if (energy <= 0)
        {
            return 0;
        }

        int exponent = BitOperations.Log2((ulong)energy);
        long mantissa = exponent >= 30 ? energy >> (exponent - 30) : energy << (30 - exponent);   // in [1, 2), 30 fraction bits
        int result = exponent;
        for (int bit = 0; bit < StepsPerOctaveBits; bit++)
        {
            mantissa = (mantissa * mantissa) >> 30;     // squaring doubles the logarithm: its next bit moves before the point
            int carry = (int)(mantissa >> 31);
            mantissa >>= carry;
            result = 2 * result + carry;
        }

        return result;
    }

    /// <summary>Removes the fraction bits of a table value, rounding to nearest, halves upwards.</summary>
    private static long Rounded(long product) => (product + (1 << (UnitBits - 1))) >> UnitBits;
}
