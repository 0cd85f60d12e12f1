using System;
using System.Diagnostics;

namespace KeywordSpotting;

/// <summary>What was heard in a sound.</summary>
/// <param name="Label">One of <see cref="Labels.Names"/>.</param>
/// <param name="Score">0 to 1.</param>
/// <param name="Start">Seconds from the beginning of the sound to the second that this score belongs to.</param>
internal readonly record struct Heard(string Label, double Score, double Start);

/// <summary>Runs the model over sound of any length, one second at a time, in buffers allocated once.</summary>
internal sealed class Listener
{
    private const int HopSamples = FeatureTables.SampleRate / 4;
    private const int ScoreSteps = 256;          // scores have the scale 1/256 and the zero point -128

    private readonly short[] _clip = new short[FeatureTables.ClipSamples];
    private readonly sbyte[] _features = new sbyte[KeywordSpotter.InputLength];
    private readonly sbyte[] _scores = new sbyte[KeywordSpotter.OutputLength];
    private readonly sbyte[] _arena = new sbyte[KeywordSpotter.ArenaBytes];

    /// <summary>Every label with its score, best first.</summary>
    /// <remarks>
    /// A sound shorter than a second is heard in the middle of silence. In a longer one, a keyword has the score of its best
    /// window, and silence that of the least silent one. The score of "unknown" is at most what the best keyword leaves of 1: a
    /// keyword cut off by a window's edge is an unknown word there.
    /// </remarks>
    public Heard[] Listen(ReadOnlySpan<short> samples)
    {
        int[] best = new int[Labels.Names.Length];
        int[] start = new int[Labels.Names.Length];
        best[Labels.Silence] = ScoreSteps;

        int last = Math.Max(samples.Length - FeatureTables.ClipSamples, 0);
        int windows = 1 + (last + HopSamples - 1) / HopSamples;
        for (int window = 0; window < windows; window++)
        {
            int offset = Math.Min(window * HopSamples, last);
            Score(samples[offset..]);
            for (int label = 0; label < best.Length; label++)
            {
                int score = _scores[label] - sbyte.MinValue;
                if (label == Labels.Silence ? score < best[label] : score > best[label])
                {
                    (best[label], start[label]) = (score, offset);
                }
            }
        }

        int bestKeyword = 0;
        foreach (int score in best.AsSpan(0, Labels.KeywordCount))
        {
            bestKeyword = Math.Max(bestKeyword, score);
        }

        best[Labels.Unknown] = Math.Min(best[Labels.Unknown], ScoreSteps - bestKeyword);

        Heard[] heard = new Heard[best.Length];
        for (int label = 0; label < heard.Length; label++)
        {
            double seconds = (double)start[label] / FeatureTables.SampleRate;
            heard[label] = new Heard(Labels.Names[label], (double)best[label] / ScoreSteps, seconds);
        }

        Array.Sort(heard, static (a, b) => b.Score.CompareTo(a.Score));
        return heard;
    }

    /// <summary>The median time in milliseconds of repeated inferences on the last second heard, without its features.</summary>
    public double MeasureInference()
    {
        double[] milliseconds = new double[101];
        for (int run = 0; run < milliseconds.Length; run++)
        {
            long begin = Stopwatch.GetTimestamp();
            KeywordSpotter.Invoke(_features, _scores, _arena);
            milliseconds[run] = Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
        }

        Array.Sort(milliseconds);
        return milliseconds[milliseconds.Length / 2];
    }

    /// <summary>Scores the first second of <paramref name="samples"/>.</summary>
    private void Score(ReadOnlySpan<short> samples)
    {
        int count = Math.Min(samples.Length, _clip.Length);
        _clip.AsSpan().Clear();
        samples[..count].CopyTo(_clip.AsSpan((_clip.Length - count) / 2));
        Features.Compute(_clip, _features);
        KeywordSpotter.Invoke(_features, _scores, _arena);
    }
}
