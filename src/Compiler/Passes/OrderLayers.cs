using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;

namespace Etch.Passes;

/// <summary>The order of layers in which the fewest bytes are alive at the worst moment.</summary>
/// <remarks>
/// <para>A layer that all others come before or after in any order cuts the model into pieces that are ordered by themselves. In a piece, what is
/// alive depends on which layers have run and not on their order, so the least peak is a path through these sets: the search goes on from
/// the set with the lowest peak so far, and the first that is the whole piece is the best. A layer that is ready, needs no more than the
/// peak so far and leaves no more bytes alive than there were runs at once: in any order that goes on otherwise it can be moved to
/// the front without raising a need. Work is limited by a count; where it runs out, the piece is completed by what needs least next.</para>
/// <para>Layers that touch the same bytes, one of them writing, keep the file's order: so do the operators on a variable. Pieces whose
/// peak does not matter keep it as well.</para>
/// </remarks>
internal sealed class OrderLayers
{
    // Looks at a layer that the search takes at most for a model: a few tenths of a second.
    private const int MostWork = 2_000_000;

    private readonly Node[] _nodes;
    private readonly long[] _bytes;

    // Which layers touch the bytes, and whether they are there from the start on or until the end.
    private readonly int[][] _touch;
    private readonly bool[] _isGiven, _isKept;
    private int _work;

    /// <param name="Reads">Places of what it reads in the arena.</param>
    /// <param name="Writes">Places of what it writes in the arena.</param>
    /// <param name="Before">Layers that have to run before.</param>
    /// <param name="Layer">The layer, in the file's order.</param>
    private sealed record Node(Layer Layer, int[] Reads, int[] Writes, int[] Before)
    {
        public IEnumerable<int> Touches => Reads.Union(Writes);

        /// <summary>Bytes that input and output share where the input dies, for the place of that input.</summary>
        public required (int Read, long Bytes)[] Shares { get; init; }
    }

    private sealed record State(bool[] Done, int Count, long Peak, long Live, State? Before, int[] Layers);

    private OrderLayers(Graph graph, IReadOnlyList<Layer> layers, CompileOptions options)
    {
        // What lies in the arena has a place here.
        int[] callers = [.. graph.Inputs.Concat(graph.Outputs).Select(graph.Root)];
        int[] roots =
        [
            .. layers.SelectMany(layer => layer.Inputs.Concat(layer.Outputs)).Select(graph.Root).Distinct()
                .Where(root => !graph[root].IsVariable && (options.InArena || !callers.Contains(root))),
        ];
        Dictionary<int, int> place = roots.Select((root, i) => (root, i)).ToDictionary(x => x.root, x => x.i);
        int[] Places(IEnumerable<int> ids) => [.. ids.Select(graph.Root).Where(place.ContainsKey).Select(root => place[root]).Distinct()];

        bool Meet(EquatableArray<int> a, EquatableArray<int> b) => a.Any(x => b.Any(y => graph.Meet(x, y)));
        bool Conflict(Layer a, Layer b) => Meet(a.Outputs, b.Inputs) || Meet(a.Outputs, b.Outputs) || Meet(a.Inputs, b.Outputs);
        _nodes =
        [
            .. layers.Select((layer, i) => new Node(
                layer, Places(layer.Inputs), Places(layer.Outputs), [.. Enumerable.Range(0, i).Where(before => Conflict(layers[before], layer))])
            {
                Shares =
                [
                    .. PlanArena.Shares(graph, layer).Where(share => place.ContainsKey(graph.Root(share.Input)))
                        .Select(share => (place[graph.Root(share.Input)], share.Bytes)),
                ],
            }),
        ];
        _bytes = [.. roots.Select(root => (long)graph[root].ByteCount)];
        _touch = [.. roots.Select((_, p) => Enumerable.Range(0, _nodes.Length).Where(i => _nodes[i].Touches.Contains(p)).ToArray())];
        _isGiven = [.. roots.Select(graph.Inputs.Contains)];
        _isKept = [.. roots.Select(root => graph.Outputs.Any(id => graph.Root(id) == root))];
    }

    /// <summary>The layers in another order with a lower peak, or null where the search finds none.</summary>
    public static Layer[]? Run(Graph graph, IReadOnlyList<Layer> layers, CompileOptions options)
    {
        int[] order = new OrderLayers(graph, layers, options).Search();
        return order.SequenceEqual(Enumerable.Range(0, layers.Count)) ? null : [.. order.Select(i => layers[i])];
    }

    /// <summary>The most bytes that are alive at once in this order.</summary>
    public static long Peak(Graph graph, IReadOnlyList<Layer> layers, CompileOptions options)
    {
        var order = new OrderLayers(graph, layers, options);
        return Enumerable.Range(0, layers.Count).Aggregate(order.Start(0), order.Next).Peak;
    }

    private State Start(long peak) => new(new bool[_nodes.Length], 0, peak, _bytes.Where((_, p) => _isGiven[p]).Sum(), null, []);

    private int[] Search()
    {
        int[][] pieces = Pieces();
        var found = new List<(int[] Filed, long FiledPeak, int[] Order, long Peak)>();

        // What a layer needs in any order, or a piece so far, is free for all.
        long floor = _nodes.Select(n => n.Touches.Sum(p => _bytes[p]) - n.Shares.Select(share => share.Bytes).DefaultIfEmpty(0).Max()).DefaultIfEmpty(0).Max();
        State start = Start(floor);
        foreach (int[] piece in pieces)
        {
            start = start with { Peak = floor, Before = null, Layers = [] };
            State filed = piece.Aggregate(start, Next);
            (int[] order, long peak) = filed.Peak == floor ? (piece, floor) : Best(start, piece);
            found.Add((piece, filed.Peak, order, peak));
            floor = Math.Max(floor, Math.Min(filed.Peak, peak));
            start = filed;
        }

        return [.. found.SelectMany(piece => piece.FiledPeak <= floor ? piece.Filed : piece.Order)];
    }

    // Layers between those that all others come before or after, which end a piece.
    private int[][] Pieces()
    {
        int count = _nodes.Length;
        var before = new HashSet<int>[count];
        int[] after = new int[count];
        for (int i = 0; i < count; i++)
        {
            before[i] = [.. _nodes[i].Before];
            foreach (int direct in _nodes[i].Before) before[i].UnionWith(before[direct]);
            foreach (int other in before[i]) after[other]++;
        }

        // All that come before the cut, then the rest: the file's order of either is an order of the layers.
        var pieces = new List<int[]>();
        var left = new List<int>(Enumerable.Range(0, count));
        foreach (int cut in Enumerable.Range(0, count).Where(i => before[i].Count + after[i] == count - 1))
        {
            pieces.Add([.. left.Where(i => i == cut || before[cut].Contains(i))]);
            left.RemoveAll(i => i == cut || before[cut].Contains(i));
        }

        if (left.Count > 0) pieces.Add([.. left]);
        return [.. pieces];
    }

    private (int[] Order, long Peak) Best(State start, int[] piece)
    {
        int goal = start.Count + piece.Length;
        var peaks = new Dictionary<string, long>();
        var states = new List<State>();
        var queue = new SortedSet<(long Peak, int Left, int Number)>();
        void Add(State state)
        {
            string done = new([.. piece.Select(i => state.Done[i] ? '1' : '0')]);
            if (peaks.TryGetValue(done, out long known) && known <= state.Peak) return;
            peaks[done] = state.Peak;
            queue.Add((state.Peak, goal - state.Count, states.Count));
            states.Add(state);
        }

        Add(Settle(start, piece));
        while (true)
        {
            (long, int, int Number) first = queue.Min;
            queue.Remove(first);
            State state = states[first.Number];
            while (_work > MostWork && state.Count < goal)
            {
                // What needs least, then what leaves least.
                state = Settle(Ready(state, piece).Select(layer => Next(state, layer)).OrderBy(next => next.Peak).ThenBy(next => next.Live).First(), piece);
            }

            if (state.Count == goal) return (Order(state), state.Peak);
            foreach (int layer in Ready(state, piece)) Add(Settle(Next(state, layer), piece));
        }
    }

    // Runs what can be run without need of more and leaves no more.
    private State Settle(State state, int[] piece)
    {
        bool hasRun = true;
        while (hasRun)
        {
            hasRun = false;
            foreach (int layer in Ready(state, piece))
            {
                State next = Next(state, layer);
                if (next.Peak > state.Peak || next.Live > state.Live) continue;
                state = next with { Before = state.Before, Layers = [.. state.Layers, layer] };
                hasRun = true;
            }
        }

        return state;
    }

    private int[] Ready(State state, int[] piece)
    {
        _work += piece.Length;
        return [.. piece.Where(i => !state.Done[i] && _nodes[i].Before.All(before => state.Done[before]))];
    }

    private State Next(State state, int layer)
    {
        Node node = _nodes[layer];
        bool[] done = [.. state.Done];
        done[layer] = true;
        bool Dies(int p) => !_isKept[p] && _touch[p].All(i => done[i]);
        bool IsThere(int p) => _isGiven[p] || _touch[p].Any(i => state.Done[i]);
        _work += 4;

        long during = state.Live + node.Writes.Where(p => !IsThere(p)).Sum(p => _bytes[p]);
        long shared = node.Shares.Where(share => Dies(share.Read)).Select(share => share.Bytes).DefaultIfEmpty(0).Max();
        long live = during - node.Touches.Where(Dies).Sum(p => _bytes[p]);
        return new State(done, state.Count + 1, Math.Max(state.Peak, during - shared), live, state, [layer]);
    }

    private static int[] Order(State state)
    {
        var order = new List<int>();
        for (State? at = state; at is not null; at = at.Before) order.InsertRange(0, at.Layers);
        return [.. order];
    }
}
