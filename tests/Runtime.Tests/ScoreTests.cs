using System;
using System.Linq;
using Xunit;

namespace Etch.Tests;

/// <summary>What follows a classifier, an autoencoder, a wake word's model.</summary>
public sealed class ScoreTests
{
    [Fact]
    public void Top_is_the_sorted_beginning()
    {
        var random = new Random(1);
        int[] top = new int[5];
        Assert.Equal(3, Scores.Top<sbyte>([4, -7, 4], top));
        Assert.Equal([0, 2, 1], top.Take(3));
        for (int round = 0; round < 200; round++)
        {
            sbyte[] scores = [.. Enumerable.Range(0, random.Next(30)).Select(_ => (sbyte)random.Next(-4, 4))];
            int count = Scores.Top<sbyte>(scores, top);
            Assert.Equal(Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]).Take(5), top.Take(count));
        }

        Assert.Equal(0, Scores.Top<float>([1, 2], []));
    }

    [Fact]
    public void Probabilities_have_the_ratios_of_their_powers_of_e()
    {
        float[] probabilities = new float[3];
        Scores.Softmax([0, MathF.Log(2), MathF.Log(5)], probabilities);
        Assert.Equal([0.125f, 0.25f, 0.625f], probabilities.Select(p => MathF.Round(p, 5)));

        // Large ones too, and stored ones: 20 steps of 0.05 are a factor of e.
        Scores.Softmax<float>([1000, 1000, -1000], probabilities);
        Assert.Equal([0.5f, 0.5f, 0], probabilities);
        Scores.Softmax<sbyte>([-100, -120], probabilities, scale: 0.05f);
        Assert.Equal(MathF.E, probabilities[0] / probabilities[1], 1e-5f);
        Assert.Throws<ArgumentOutOfRangeException>(() => Scores.Softmax<float>([1, 2, 3, 4], probabilities));
    }

    [Fact]
    public void The_error_is_the_mean_of_the_squared_differences()
    {
        Assert.Equal((1f + 4 + 0) / 3, Scores.MeanSquaredError<float>([1, 2, 3], [0, 4, 3]), 1e-6f);

        // 0.5 · (3 − 1) = 1 beside 2 · (4 − 3) = 2; 0.5 · (−1 − 1) = −1 beside 2 · (3 − 3) = 0.
        Assert.Equal(1, Scores.MeanSquaredError<sbyte>([3, -1], [4, 3], 0.5f, 1, 2, 3));
        Assert.Throws<ArgumentException>("output", () => Scores.MeanSquaredError<sbyte>([1], [1, 2]));
        Assert.Throws<ArgumentException>("output", () => Scores.MeanSquaredError<sbyte>([], []));
    }

    [Fact]
    public void The_mean_is_that_of_the_newest_scores()
    {
        var mean = new SlidingMean(3);
        Assert.Equal([0, 0, 4, 5, 3], new[] { 2, 4, 6, 5, -2 }.Select(mean.Add));
        mean.Reset();
        Assert.Equal([0, 0, 8], new[] { 9, 9, 6 }.Select(mean.Add));
        Assert.Throws<ArgumentOutOfRangeException>("length", () => new SlidingMean(0));
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        sbyte[] scores = new sbyte[300], other = new sbyte[300];
        float[] probabilities = new float[300];
        int[] top = new int[5];
        var mean = new SlidingMean(5);
        void Run()
        {
            Scores.Top<sbyte>(scores, top);
            Scores.Softmax<sbyte>(scores, probabilities);
            mean.Add((int)Scores.MeanSquaredError<sbyte>(scores, other));
        }

        Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 5; i++) Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
