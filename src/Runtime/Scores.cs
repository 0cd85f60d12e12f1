using System;

namespace Etch;

/// <summary>What follows a classifier.</summary>
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
}
