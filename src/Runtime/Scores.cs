using System;
using System.Numerics;

namespace Etch;

/// <summary>What follows a classifier, or an autoencoder.</summary>
public static class Scores
{
    /// <summary>Finds the classes with the highest scores; stored scores will do, since quantisation keeps their order.</summary>
    /// <param name="scores">One for each class.</param>
    /// <param name="top">Receives as many classes as it has room for, the best first; of equal ones the smaller index first.</param>
    /// <returns>How many classes there are in <paramref name="top"/>: its length, or fewer where <paramref name="scores"/> has fewer.</returns>
    public static int Top<T>(ReadOnlySpan<T> scores, Span<int> top)
        where T : struct, IComparable<T>
    {
        int count = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            int at = count;
            while (at > 0 && scores[i].CompareTo(scores[top[at - 1]]) > 0) at--;
            if (at == top.Length) continue;
            if (count < top.Length) count++;
            top.Slice(at, count - at - 1).CopyTo(top.Slice(at + 1));
            top[at] = i;
        }

        return count;
    }

    /// <summary>Probabilities from a classifier's output that is not one yet: e^x divided by the sum of all e^x.</summary>
    /// <param name="logits">One for each class; at least one.</param>
    /// <param name="probabilities">Receives as many, from 0 to 1, with the sum 1.</param>
    /// <param name="scale">The output's scale; 1 for an output of real values.</param>
    public static void Softmax<T>(ReadOnlySpan<T> logits, Span<float> probabilities, float scale = 1)
        where T : unmanaged, INumber<T>
    {
        probabilities = probabilities.Slice(0, logits.Length);

        // Less the largest one: nothing overflows, and a zero point would cancel out.
        float largest = float.CreateTruncating(logits[0]), sum = 0;
        for (int i = 1; i < logits.Length; i++) largest = MathF.Max(largest, float.CreateTruncating(logits[i]));
        for (int i = 0; i < logits.Length; i++) sum += probabilities[i] = MathF.Exp(scale * (float.CreateTruncating(logits[i]) - largest));
        for (int i = 0; i < probabilities.Length; i++) probabilities[i] /= sum;
    }

    /// <summary>How badly an autoencoder knows its input: the mean of the squared differences between input and output.</summary>
    /// <param name="input">What the model was given; at least one element.</param>
    /// <param name="output">What it made of it, of the same length.</param>
    /// <param name="inputScale">The input's scale; 1 for real values.</param>
    /// <param name="inputZeroPoint">The input's zero point; 0 for real values.</param>
    /// <param name="outputScale">The output's scale; 1 for real values.</param>
    /// <param name="outputZeroPoint">The output's zero point; 0 for real values.</param>
    /// <returns>The error, in squares of the input's unit. Above what the training data had at most, it is an anomaly.</returns>
    /// <exception cref="ArgumentException">The lengths differ, or are 0.</exception>
    public static float MeanSquaredError<T>(
        ReadOnlySpan<T> input, ReadOnlySpan<T> output, float inputScale = 1, int inputZeroPoint = 0, float outputScale = 1, int outputZeroPoint = 0)
        where T : unmanaged, INumber<T>
    {
        if (input.Length == 0 || input.Length != output.Length)
        {
            throw new ArgumentException($"An input of {input.Length} elements and an output of {output.Length} have no error.", nameof(output));
        }

        double sum = 0;
        for (int i = 0; i < input.Length; i++)
        {
            double difference = (inputScale * (float.CreateTruncating(input[i]) - inputZeroPoint)) - (outputScale * (float.CreateTruncating(output[i]) - outputZeroPoint));
            sum += difference * difference;
        }

        return (float)(sum / input.Length);
    }
}
