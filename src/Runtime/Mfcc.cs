using System;

namespace Etch;

/// <summary>What comes before a model that hears: mel-frequency cepstral coefficients, frame by frame.</summary>
/// <remarks>
/// <para>A Hann window, the magnitudes of the spectrum, triangular mel bands (<see cref="MelSpectrum"/>), their logarithms, and the discrete
/// cosine transform of these, as TensorFlow computes them. With <c>floor</c> 1e-12 they are those of its operators AudioSpectrogram and Mfcc, with
/// <c>offset</c> 1e-6 those that tf.signal gives for the keyword model of MLPerf Tiny.</para>
/// <para>The tables are made once; <see cref="Compute"/> allocates nothing. An object serves one thread at a time.</para>
/// </remarks>
public sealed class Mfcc
{
    private readonly MelSpectrum _spectrum;
    private readonly float[] _energies, _cosines;
    private readonly float _floor, _offset;

    /// <summary>Makes the tables.</summary>
    /// <param name="frameLength">Samples of a frame: 480 or 640, that is 30 or 40 ms at 16 kHz, are usual.</param>
    /// <param name="coefficients">How many coefficients of a frame the model takes; 10 are usual.</param>
    /// <param name="sampleRate">Samples of a second.</param>
    /// <param name="bands">Mel bands.</param>
    /// <param name="lowest">Where the lowest band begins, in hertz.</param>
    /// <param name="highest">Where the highest band ends, in hertz.</param>
    /// <param name="floor">The least energy of a band.</param>
    /// <param name="offset">What is added to the energy of a band.</param>
    /// <exception cref="ArgumentOutOfRangeException">A count is below 1, there are more coefficients than bands, or the bands are not inside 0 … half the sample rate.</exception>
    public Mfcc(
        int frameLength, int coefficients, int sampleRate = 16_000, int bands = 40, float lowest = 20, float highest = 4_000, float floor = 1e-12f,
        float offset = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(frameLength, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(coefficients, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(coefficients, bands);
        (_floor, _offset) = (floor, offset);
        float[] window = new float[frameLength];
        for (int i = 0; i < frameLength; i++) window[i] = (float)(0.5 - (0.5 * Math.Cos(2 * Math.PI * i / frameLength)));
        _spectrum = new MelSpectrum(window, bands, sampleRate, lowest, highest);
        _energies = new float[bands];
        _cosines = new float[coefficients * bands];
        for (int i = 0; i < _cosines.Length; i++)
        {
            _cosines[i] = (float)(Math.Sqrt(2.0 / bands) * Math.Cos(Math.PI * (i / bands) * ((i % bands) + 0.5) / bands));
        }
    }

    /// <summary>The coefficients of one frame.</summary>
    /// <param name="frame">As many samples as the constructor was told, from −1 to 1.</param>
    /// <param name="coefficients">Receives the coefficients, the first of them the sum of all logarithms.</param>
    /// <exception cref="ArgumentException">A length is not what the constructor was told.</exception>
    public void Compute(ReadOnlySpan<float> frame, Span<float> coefficients)
    {
        int bands = _energies.Length;
        if (coefficients.Length != _cosines.Length / bands)
        {
            throw new ArgumentException($"There are {_cosines.Length / bands} coefficients, not {coefficients.Length}.", nameof(coefficients));
        }

        _spectrum.Compute(frame, _energies);
        for (int band = 0; band < bands; band++) _energies[band] = MathF.Log(MathF.Max(_energies[band], _floor) + _offset);
        for (int c = 0; c < coefficients.Length; c++)
        {
            float sum = 0;
            for (int band = 0; band < bands; band++) sum += _cosines[(c * bands) + band] * _energies[band];
            coefficients[c] = sum;
        }
    }
}
