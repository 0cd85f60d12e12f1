using System;

namespace Etch;

/// <summary>What follows a wake word's model: the mean of its last scores, so that one high score alone is no word.</summary>
/// <remarks>
/// A streaming model gives a score every few milliseconds. The word was heard when the mean of the newest few is above a cutoff.
/// The memory is taken once; adding a score allocates nothing. Scores are as stored: the cutoff of an output with the scale 1/256 and the
/// zero point 0 is 0.97 · 256.
/// </remarks>
public sealed class SlidingMean
{
    private readonly int[] _scores;
    private long _sum;
    private int _next, _count;

    /// <summary>A mean of no scores yet.</summary>
    /// <param name="length">How many scores count: 5 and 10 are usual.</param>
    public SlidingMean(int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        _scores = new int[length];
    }

    /// <summary>Adds the newest score, for which the oldest goes.</summary>
    /// <returns>The mean; 0 until there are as many scores as count.</returns>
    public float Add(int score)
    {
        _sum += score - _scores[_next];
        _scores[_next] = score;
        _next = (_next + 1) % _scores.Length;
        _count = Math.Min(_count + 1, _scores.Length);
        return _count < _scores.Length ? 0 : (float)_sum / _scores.Length;
    }

    /// <summary>Forgets all scores: after a word was heard, or when a stream begins anew.</summary>
    public void Reset()
    {
        _scores.AsSpan().Clear();
        (_sum, _next, _count) = (0, 0, 0);
    }
}
