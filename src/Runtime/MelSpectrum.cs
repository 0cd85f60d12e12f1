using System;
using System.Numerics;

namespace Etch;

/// <summary>What comes before a model that hears: the energies of mel bands, frame by frame.</summary>
/// <remarks>
/// <para>The spectrum of a windowed frame, added up in triangular bands whose middles lie evenly on the mel scale, 1127 · ln(1 + f / 700), as tf.signal,
/// TensorFlow's operator Mfcc and the audio front end of TensorFlow Lite Micro have them. What models do with the energies differs: a logarithm, noise
/// taken away, the cosine transform of <see cref="Mfcc"/>.</para>
/// <para>The tables are made once; <see cref="Compute"/> allocates nothing. An object serves one thread at a time.</para>
/// </remarks>
public sealed class MelSpectrum
{
    private readonly float[] _window, _real, _imaginary, _weights;
    private readonly int[] _bandOfBin;
    private readonly int _bands;
    private readonly bool _isPower;

    /// <summary>Makes the tables.</summary>
    /// <param name="window">A factor for each sample of a frame; its length, at least 2, is that of the frames. The spectrum has the next power of two as its length.</param>
    /// <param name="bands">Mel bands.</param>
    /// <param name="sampleRate">Samples of a second.</param>
    /// <param name="lowest">Where the lowest band begins, in hertz.</param>
    /// <param name="highest">Where the highest band ends, in hertz.</param>
    /// <param name="isPower">Whether squared magnitudes of the spectrum are added up, instead of magnitudes.</param>
    /// <exception cref="ArgumentOutOfRangeException">A count is too small, or the bands are not inside 0 … half the sample rate.</exception>
    public MelSpectrum(ReadOnlySpan<float> window, int bands, int sampleRate = 16_000, float lowest = 20, float highest = 4_000, bool isPower = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(window.Length, 2, nameof(window));
        ArgumentOutOfRangeException.ThrowIfLessThan(bands, 1);
        if (!(lowest >= 0 && highest > lowest && highest <= sampleRate / 2f)) throw new ArgumentOutOfRangeException(nameof(highest));
        (_window, _bands, _isPower) = (window.ToArray(), bands, isPower);
        int points = (int)BitOperations.RoundUpToPowerOf2((uint)window.Length);
        (_real, _imaginary) = (new float[points], new float[points]);

        // Bin i lies between the middles of bands b − 1 and b, where it has part w of band b − 1 and 1 − w of band b. −1: outside.
        _bandOfBin = new int[(points / 2) + 1];
        _weights = new float[_bandOfBin.Length];
        double bottom = Mel(lowest), step = (Mel(highest) - bottom) / (bands + 1);
        for (int i = 0; i < _bandOfBin.Length; i++)
        {
            double frequency = (double)i * sampleRate / points, place = (Mel(frequency) - bottom) / step;
            bool isInside = i > 0 && frequency >= lowest && frequency <= highest;
            _bandOfBin[i] = isInside ? Math.Min((int)place, bands) : -1;
            _weights[i] = isInside ? (float)(_bandOfBin[i] + 1 - place) : 0;
        }
    }

    /// <summary>The energies of one frame.</summary>
    /// <param name="frame">As many samples as the window has factors.</param>
    /// <param name="energies">Receives the energy of each band, the lowest first.</param>
    /// <exception cref="ArgumentException">A length is not what the constructor was told.</exception>
    public void Compute(ReadOnlySpan<float> frame, Span<float> energies)
    {
        if (frame.Length != _window.Length) throw new ArgumentException($"A frame has {_window.Length} samples, not {frame.Length}.", nameof(frame));
        if (energies.Length != _bands) throw new ArgumentException($"There are {_bands} bands, not {energies.Length}.", nameof(energies));
        _real.AsSpan(frame.Length).Clear();
        _imaginary.AsSpan().Clear();
        for (int i = 0; i < frame.Length; i++) _real[i] = frame[i] * _window[i];
        Fourier.Transform(_real, _imaginary);
        energies.Clear();
        for (int i = 0; i < _bandOfBin.Length; i++)
        {
            if (_bandOfBin[i] < 0) continue;
            float power = (_real[i] * _real[i]) + (_imaginary[i] * _imaginary[i]), magnitude = _isPower ? power : MathF.Sqrt(power);
            if (_bandOfBin[i] > 0) energies[_bandOfBin[i] - 1] += _weights[i] * magnitude;
            if (_bandOfBin[i] < _bands) energies[_bandOfBin[i]] += (1 - _weights[i]) * magnitude;
        }
    }

    private static double Mel(double frequency) => 1127 * Math.Log(1 + (frequency / 700));
}
