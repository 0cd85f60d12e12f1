using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;

namespace Etch.Ops;

/// <summary>Nested loops over a shape with offsets into several arrays; neighbouring dimensions that run through as one are merged.</summary>
/// <param name="Shape">Trip counts, outermost first; none is 1.</param>
/// <param name="Strides">For each array, the elements between neighbours along each loop.</param>
internal sealed record Nest(EquatableArray<int> Shape, EquatableArray<EquatableArray<int>> Strides)
{
    public static Nest Of(IReadOnlyList<int> shape, params int[][] strides)
    {
        var merged = new List<int>();
        var steps = strides.Select(_ => new List<int>()).ToArray();
        for (int d = 0; d < shape.Count; d++)
        {
            if (shape[d] == 1) continue;
            int last = merged.Count - 1;
            if (last >= 0 && Enumerable.Range(0, strides.Length).All(s => steps[s][last] == strides[s][d] * shape[d]))
            {
                merged[last] *= shape[d];
                for (int s = 0; s < strides.Length; s++) steps[s][last] = strides[s][d];
                continue;
            }

            merged.Add(shape[d]);
            for (int s = 0; s < strides.Length; s++) steps[s].Add(strides[s][d]);
        }

        return new Nest(merged.ToArray(), steps.Select(s => (EquatableArray<int>)s.ToArray()).ToArray());
    }

    /// <summary>True when an array is walked element by element without a gap, in order.</summary>
    public bool IsDense(int array)
    {
        int expected = 1;
        for (int d = Shape.Count - 1; d >= 0; d--)
        {
            if (Strides[array][d] != expected) return false;
            expected *= Shape[d];
        }

        return true;
    }

    /// <summary>The offset into an array inside the loops whose indices are named by <paramref name="index"/>: <c>(i0 * 64) + i1</c>.</summary>
    public string Offset(int array, string index, int start = 0)
    {
        var terms = new List<string>();
        if (start != 0) terms.Add(InvariantText.Of($"{start}"));
        for (int d = 0; d < Shape.Count; d++)
        {
            int stride = Strides[array][d];
            if (stride == 0) continue;
            terms.Add(stride == 1 ? InvariantText.Of($"{index}{d}") : InvariantText.Of($"({index}{d} * {stride})"));
        }

        return terms.Count == 0 ? "0" : string.Join(" + ", terms);
    }

    /// <summary>Writes the loops around a body.</summary>
    public void Emit(CodeWriter w, string index, Action body)
    {
        if (Shape.Count == 0)
        {
            using (w.Block("")) body();
            return;
        }

        for (int d = 0; d < Shape.Count - 1; d++) w.Line($"for (int {index}{d} = 0; {index}{d} < {Shape[d]}; {index}{d}++)");
        int inner = Shape.Count - 1;
        using (w.Block($"for (int {index}{inner} = 0; {index}{inner} < {Shape[inner]}; {index}{inner}++)")) body();
    }
}
