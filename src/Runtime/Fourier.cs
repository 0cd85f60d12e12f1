using System;
using System.Numerics;

namespace Etch;

/// <summary>The discrete Fourier transform, for models that hear spectra.</summary>
public static class Fourier
{
    /// <summary>The spectrum of a signal, in its place: X[k] = Σ x[n] · e^(−2πi·k·n / N).</summary>
    /// <param name="real">Real parts; the length is a power of two.</param>
    /// <param name="imaginary">Imaginary parts, of the same length.</param>
    /// <exception cref="ArgumentException">The lengths differ or are no power of two.</exception>
    public static void Transform(Span<float> real, Span<float> imaginary) => Transform(real, imaginary, -1);

    /// <summary>The signal of a spectrum, in its place: x[n] = Σ X[k] · e^(2πi·k·n / N) / N.</summary>
    /// <param name="real">Real parts; the length is a power of two.</param>
    /// <param name="imaginary">Imaginary parts, of the same length.</param>
    /// <exception cref="ArgumentException">The lengths differ or are no power of two.</exception>
    public static void Invert(Span<float> real, Span<float> imaginary)
    {
        Transform(real, imaginary, 1);
        for (int i = 0; i < real.Length; i++)
        {
            real[i] /= real.Length;
            imaginary[i] /= real.Length;
        }
    }

    // Cooley and Tukey 1965, radix 2, decimation in time: bit-reversed order first, then stage by stage.
    private static void Transform(Span<float> real, Span<float> imaginary, int sign)
    {
        int length = real.Length;
        if (length != imaginary.Length || !BitOperations.IsPow2(length))
        {
            throw new ArgumentException($"{length} real and {imaginary.Length} imaginary parts are not equally many and a power of two.", nameof(imaginary));
        }

        for (int i = 1, j = 0; i < length; i++)
        {
            int bit = length >> 1;
            for (; (j & bit) != 0; bit >>= 1) j ^= bit;
            j ^= bit;
            if (i >= j) continue;
            (real[i], real[j]) = (real[j], real[i]);
            (imaginary[i], imaginary[j]) = (imaginary[j], imaginary[i]);
        }

        for (int half = 1; half < length; half *= 2)
        {
            for (int turn = 0; turn < half; turn++)
            {
                (double s, double c) = Math.SinCos(sign * Math.PI * turn / half);
                float sine = (float)s, cosine = (float)c;
                for (int even = turn; even < length; even += 2 * half)
                {
                    int odd = even + half;
                    float x = (real[odd] * cosine) - (imaginary[odd] * sine), y = (real[odd] * sine) + (imaginary[odd] * cosine);
                    (real[odd], imaginary[odd]) = (real[even] - x, imaginary[even] - y);
                    (real[even], imaginary[even]) = (real[even] + x, imaginary[even] + y);
                }
            }
        }
    }
}
