using System;
using System.Collections.Generic;
using System.Linq;

namespace Etch.Passes;

/// <summary>A piece of the arena and the layers it is needed for, both inclusive.</summary>
internal readonly record struct Buffer(int Bytes, int Alignment, int First, int Last);

/// <summary>A layer whose output may lie over its dying input, since it computes row by row.</summary>
/// <param name="Layer">The layer: the last that needs the input, the first that needs the output.</param>
/// <param name="Input">The buffer of the input.</param>
/// <param name="Output">The buffer of the output.</param>
/// <param name="Before">Rows from the first on: how far before the input the output has to begin, at least.</param>
/// <param name="After">Rows from the last back: how far after the input's begin the output has to begin, at least.</param>
internal readonly record struct Overlap(int Layer, int Input, int Output, int Before, int After);

/// <summary>Offsets for buffers so that those needed at the same time share no bytes but where an <see cref="Overlap"/> allows it.</summary>
/// <remarks>
/// Buffers are placed one by one, each at the lowest offset that fits those before it, in several orders. Where none of them
/// reaches the lower bound, a search by branch and bound goes on: some optimal placement results from placing the buffers by rising
/// offset, each as low as possible but not below the one before. (Push the buffers of any optimal placement down in this order:
/// what lies below a buffer stays below it, and no distance that was enough becomes too small.) The search is exhaustive for small
/// models; its work is limited by a count, so that the result depends on nothing else.
/// </remarks>
internal sealed class PlaceBuffers
{
    // Comparisons of two buffers that the search makes at most, a fraction of a second, and the most buffers that it takes on.
    private const int MostWork = 30_000_000;
    private const int MostBuffers = 200;

    private readonly Buffer[] _buffers;
    private readonly Dictionary<(int, int), int> _distances = [];

    // For each buffer those that are needed at the same time as it.
    private readonly int[][] _meets;

    // For each layer: overlaps that are possible then, the bytes of what lives then and is not placed, where what is placed ends.
    private readonly Overlap[][] _overlaps;
    private readonly int[] _left, _tops;
    private int _work, _mostWork;

    public PlaceBuffers(IReadOnlyList<Buffer> buffers, IReadOnlyList<Overlap> overlaps)
    {
        _buffers = [.. buffers];
        foreach (Overlap overlap in overlaps)
        {
            _distances[(overlap.Output, overlap.Input)] = Math.Min(overlap.Before, _buffers[overlap.Output].Bytes);
            _distances[(overlap.Input, overlap.Output)] = Math.Min(overlap.After, _buffers[overlap.Input].Bytes);
        }

        _meets =
        [
            .. _buffers.Select((a, i) => Enumerable.Range(0, _buffers.Length)
                .Where(j => j != i && a.First <= _buffers[j].Last && _buffers[j].First <= a.Last).ToArray()),
        ];
        Need = NeedOfLayers(overlaps);
        _overlaps = [.. Enumerable.Range(0, Need.Count).Select(layer => overlaps.Where(o => o.Layer == layer).ToArray())];
        _left = new int[Need.Count];
        _tops = new int[Need.Count];
        foreach (Buffer buffer in _buffers)
        {
            for (int layer = buffer.First; layer <= buffer.Last; layer++) _left[layer] += buffer.Bytes;
        }
    }

    /// <summary>Bytes that each layer needs at least: what lives then, less what input and output can share.</summary>
    public IReadOnlyList<int> Need { get; }

    /// <summary>No placement takes fewer bytes: the most that one layer needs.</summary>
    public int LowerBound => Need.DefaultIfEmpty(0).Max();

    /// <summary>The smallest placement that was found.</summary>
    /// <param name="thorough">Search on where no simple order reaches the lower bound.</param>
    /// <param name="isOptimal">No placement is smaller.</param>
    public int[] Run(bool thorough, out bool isOptimal)
    {
        int[] best = Orders();
        int extent = Extent(best);
        isOptimal = extent == LowerBound;
        if (isOptimal || !thorough || _buffers.Length > MostBuffers) return best;

        // First only for what reaches the lower bound: that leaves out the most.
        int[] found = best;
        int reached = LowerBound + 1;
        (_work, _mostWork) = (0, MostWork / 2);
        Search(new int[_buffers.Length], new bool[_buffers.Length], 0, 0, ref found, ref reached);
        isOptimal = reached == LowerBound;
        if (isOptimal) return found;

        _mostWork = MostWork;
        isOptimal = Search(new int[_buffers.Length], new bool[_buffers.Length], 0, 0, ref best, ref extent);
        return best;
    }

    /// <summary>Bytes that a placement takes.</summary>
    public int Extent(int[] offsets) => _buffers.Length == 0 ? 0 : _buffers.Select((b, i) => offsets[i] + b.Bytes).Max();

    /// <summary>How many bytes a buffer has to begin before another one that is needed at the same time, if it begins before it.</summary>
    public int Distance(int below, int above) => _distances.TryGetValue((below, above), out int distance) ? distance : _buffers[below].Bytes;

    /// <summary>The fewest bytes that hold both buffers.</summary>
    private int Union(int a, int b) => Math.Min(
        Math.Max(_buffers[a].Bytes, Distance(a, b) + _buffers[b].Bytes), Math.Max(_buffers[b].Bytes, Distance(b, a) + _buffers[a].Bytes));

    private int[] NeedOfLayers(IReadOnlyList<Overlap> overlaps)
    {
        int[] need = new int[_buffers.Select(b => b.Last + 1).DefaultIfEmpty(0).Max()];
        foreach (Buffer buffer in _buffers)
        {
            for (int layer = buffer.First; layer <= buffer.Last; layer++) need[layer] += buffer.Bytes;
        }

        foreach (Overlap o in overlaps) need[o.Layer] -= _buffers[o.Input].Bytes + _buffers[o.Output].Bytes - Union(o.Input, o.Output);
        return need;
    }

    private int[] Orders()
    {
        Func<Buffer, long>[] keys =
        [
            b => b.Bytes,
            b => (long)b.Bytes * (b.Last - b.First + 1),
            b => b.Last - b.First,
            b => -b.First,
            b => b.Last,
        ];
        int[] best = [];
        int bestExtent = int.MaxValue;
        foreach (Func<Buffer, long> key in keys)
        {
            int[] order =
            [
                .. Enumerable.Range(0, _buffers.Length).OrderByDescending(i => key(_buffers[i])).ThenByDescending(i => _buffers[i].Bytes).ThenBy(i => i),
            ];
            int[] offsets = new int[_buffers.Length];
            bool[] isPlaced = new bool[_buffers.Length];
            foreach (int i in order)
            {
                offsets[i] = Lowest(i, offsets, isPlaced, 0);
                isPlaced[i] = true;
            }

            int extent = Extent(offsets);
            if (extent >= bestExtent) continue;
            best = offsets;
            bestExtent = extent;
            if (extent == LowerBound) break;
        }

        return best;
    }

    // The lowest offset from `from` on where a buffer keeps its distance from all that are placed.
    private int Lowest(int buffer, int[] offsets, bool[] isPlaced, int from)
    {
        int alignment = _buffers[buffer].Alignment;
        int Up(int offset) => (offset + alignment - 1) / alignment * alignment;
        int at = Up(from);
        bool hasMoved = true;
        while (hasMoved)
        {
            hasMoved = false;
            _work += _meets[buffer].Length;
            foreach (int other in _meets[buffer])
            {
                if (!isPlaced[other] || at + Distance(buffer, other) <= offsets[other] || at >= offsets[other] + Distance(other, buffer)) continue;
                at = Up(offsets[other] + Distance(other, buffer));
                hasMoved = true;
            }
        }

        return at;
    }

    // Places the remaining buffers at rising offsets; false when the work ran out.
    private bool Search(int[] offsets, bool[] isPlaced, int count, int lowest, ref int[] best, ref int bestExtent)
    {
        if (count == _buffers.Length)
        {
            int extent = Extent(offsets);
            if (extent >= bestExtent) return true;
            best = [.. offsets];
            bestExtent = extent;
            return true;
        }

        // What lives during a layer and is not placed goes above the lowest offset and above what is placed there.
        _work += _left.Length;
        for (int layer = 0; layer < _left.Length; layer++)
        {
            if (_left[layer] == 0) continue;
            int shared = 0;
            foreach (Overlap o in _overlaps[layer])
            {
                if (!isPlaced[o.Input] || !isPlaced[o.Output]) shared += _buffers[o.Input].Bytes + _buffers[o.Output].Bytes - Union(o.Input, o.Output);
            }

            if (Math.Max(lowest, _tops[layer]) + _left[layer] - shared >= bestExtent) return true;
        }

        // Larger ones first: they decide.
        var next = new List<(int Buffer, int At)>();
        int free = int.MaxValue;
        for (int i = 0; i < _buffers.Length; i++)
        {
            if (isPlaced[i]) continue;
            int at = Lowest(i, offsets, isPlaced, lowest);
            if (at + _buffers[i].Bytes >= bestExtent) return true;
            next.Add((i, at));
            free = Math.Min(free, at + _buffers[i].Bytes);
        }

        bool isComplete = true;
        foreach ((int buffer, int at) in next.OrderBy(n => n.At).ThenByDescending(n => _buffers[n.Buffer].Bytes).ThenBy(n => n.Buffer))
        {
            if (bestExtent == LowerBound) return true;

            // Another one fits below this one: placing that first covers it.
            if (at >= free) break;
            if (_work > _mostWork) return false;
            offsets[buffer] = at;
            isPlaced[buffer] = true;
            Buffer b = _buffers[buffer];
            int[] tops = new int[b.Last - b.First + 1];
            Array.Copy(_tops, b.First, tops, 0, tops.Length);
            for (int layer = b.First; layer <= b.Last; layer++)
            {
                _left[layer] -= b.Bytes;
                _tops[layer] = Math.Max(_tops[layer], at + b.Bytes);
            }

            isComplete &= Search(offsets, isPlaced, count + 1, at, ref best, ref bestExtent);
            Array.Copy(tops, 0, _tops, b.First, tops.Length);
            for (int layer = b.First; layer <= b.Last; layer++) _left[layer] += b.Bytes;
            isPlaced[buffer] = false;
        }

        return isComplete;
    }
}
