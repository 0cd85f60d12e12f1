using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>Makes groups of neighbouring layers that run row by row, so that of the tensors between them only the last rows exist.</summary>
/// <remarks>
/// The same sums in another order: nothing is computed twice. Row y of a tensor is due at tick first + y · period, where the
/// period is the product of the strides before it and the first tick is the earliest at which the rows of row 0's window are due. A
/// branch that joins a later one waits, or the rows it reads do, whichever takes fewer bytes. A tensor's buffer holds the rows
/// from the oldest that a window still needs to the newest.
/// <para>A layer may compute several rows at once: those that became due since the last multiple of a number of ticks, which is a
/// multiple of that of the layers before it. So what a row is computed from is there when it is computed. The source's rows come so
/// late that at these ticks the last layer's newest row is just due, and with it what its window needs, and so on back.</para>
/// </remarks>
internal sealed class StreamRows
{
    // Ticks from one row to the next, or from one tick at which a layer computes to the next, at most.
    private const int MostTicks = 1 << 10;

    private readonly Graph _graph;
    private readonly Layer[] _layers;
    private readonly Layer?[] _rowLayers;
    private readonly Dictionary<int, int> _written = [];
    private readonly Dictionary<int, int> _lastRead = [];

    public StreamRows(Graph graph, IReadOnlyList<Layer> layers, CompileOptions options)
    {
        _graph = graph;
        _layers = [.. layers];
        _rowLayers = [.. layers.Select(layer => RowLayer(graph, layer, options))];
        for (int i = 0; i < layers.Count; i++)
        {
            foreach (int id in layers[i].Inputs) _lastRead[graph.Root(id)] = i;
            foreach (int id in layers[i].Outputs) _written[graph.Root(id)] = i;
        }

        foreach (int id in graph.Outputs) _lastRead[graph.Root(id)] = layers.Count;
    }

    /// <summary>What has been done to form groups, in units of a tick that was looked at: the same on every machine.</summary>
    public long Work { get; private set; }

    /// <summary>True for a layer that can compute row by row.</summary>
    public bool IsRowwise(int layer) => _rowLayers[layer] is not null;

    /// <summary>Layers from <paramref name="begin"/> up to <paramref name="end"/> as one step row by row, or null where they cannot be. Each <see cref="IsRowwise"/>.</summary>
    /// <param name="atOnce">By layer of the step, how many rows a layer with windows computes at once, at least; 0: as the layers before it.
    /// Null: each row when it is due.</param>
    public Step? Form(int begin, int end, IReadOnlyList<int>? atOnce)
    {
        int count = end - begin;
        Work += 100 * count;

        // When rows come, layer by layer, as early as they can.
        int source = _layers[begin].Inputs[0];
        var clocks = new RowClock[count];
        var images = new Dictionary<int, RowClock> { [_graph.Root(source)] = new RowClock(0, 1, _graph[source].Shape[1], 1) };
        var readers = new Dictionary<int, List<(int Layer, int Reach, int Stride, int Pad)>>();
        var outside = new List<int>();
        for (int i = begin; i < end; i++)
        {
            Layer layer = _rowLayers[i]!;
            int height = _graph[layer.Outputs[0]].Shape.Count == 4 ? _graph[layer.Outputs[0]].Shape[1] : 1;
            int first = 0, period = 0, every = 1;
            foreach (int id in layer.Inputs)
            {
                int root = _graph.Root(id);
                if (!images.TryGetValue(root, out RowClock clock))
                {
                    if (_written.TryGetValue(root, out int at) && at >= begin) return null;
                    outside.Add(id);
                    continue;
                }

                int of = root == _graph.Root(source) ? source : root;
                if (id != of && !_graph[id].Shape.Equals(_graph[of].Shape)) return null;
                (int reach, int stride, int pad) = Window(layer);
                if (layer.Kernel is not (RowSum or { RowWindow: not null }) && clock.Rows != height) return null;
                if (period != 0 && period != clock.Period * stride) return null;
                period = clock.Period * stride;
                first = Math.Max(first, clock.First + (clock.Period * (reach - 1 - pad)));
                every = every / Divisor(every, clock.Every) * clock.Every;
                if (!readers.TryGetValue(root, out var list)) readers[root] = list = [];
                list.Add((i - begin, reach, stride, pad));
            }

            if (period == 0 || period > MostTicks) return null;
            if (layer.Kernel.RowWindow is not null && atOnce?[i - begin] is > 0 and int rows)
            {
                long ticks = (long)period * Math.Min(height, rows);
                every = (int)Math.Min(MostTicks + 1L, (ticks + every - 1) / every * every);
            }

            if (every > MostTicks) return null;
            bool isSum = layer.Kernel is RowSum;
            clocks[i - begin] = new RowClock(first, period, isSum ? _graph[layer.Inputs[0]].Shape[1] : height, every);

            // Nothing inside the group can read a sum before its last row.
            if (!isSum) images[_graph.Root(layer.Outputs[0])] = clocks[i - begin];
        }

        int[] outputs = [.. Enumerable.Range(begin, count).Select(i => _graph.Root(_layers[i].Outputs[0])).Where(root => IsReadAfter(root, end))];
        Align(clocks, images, _graph.Root(source));
        Delay(begin, clocks, images, readers, outputs);
        return new Step(
            begin, _rowLayers.Skip(begin).Take(count).Select(layer => layer!).ToArray(), Group(begin, source, clocks, images, readers, outputs),
            new[] { source }.Concat(outside).Distinct().ToArray(), outputs);
    }

    private bool IsReadAfter(int root, int end) => !_lastRead.TryGetValue(root, out int last) || last >= end;

    /// <summary>Windows below each other have rows in common, which a call for both prepares once.</summary>
    public static bool SharesRows(Window2D window) => window.FilterHeight > 1 && window.StrideY == 1;

    // All come so much later that at a tick which computes the last layer's rows, the newest is just due.
    private static void Align(RowClock[] clocks, Dictionary<int, RowClock> images, int source)
    {
        RowClock last = clocks.Last(clock => clock.Every == clocks.Max(c => c.Every));
        if (last.Every == 1) return;
        int later = last.Every - (last.First % last.Every), every = clocks.Aggregate(0, (all, clock) => Divisor(all, clock.Every));
        for (int i = 0; i < clocks.Length; i++) clocks[i] = clocks[i] with { First = clocks[i].First + later };
        foreach (int id in images.Keys.ToArray()) images[id] = images[id] with { First = images[id].First + later };
        images[source] = images[source] with { Every = every };
    }

    private static int Divisor(int a, int b) => b == 0 ? a : Divisor(b, a % b);

    // Layers that others wait for longer than needed compute later where that takes fewer bytes.
    private void Delay(
        int begin, RowClock[] clocks, Dictionary<int, RowClock> images,
        Dictionary<int, List<(int Layer, int Reach, int Stride, int Pad)>> readers, int[] outputs)
    {
        for (int i = clocks.Length - 1; i >= 0; i--)
        {
            int root = _graph.Root(_layers[begin + i].Outputs[0]);
            if (_rowLayers[begin + i]!.Kernel is RowSum || outputs.Contains(root) || !readers.TryGetValue(root, out var own)) continue;
            RowClock clock = clocks[i];
            int latest = own.Min(reader => clocks[reader.Layer].First - (clock.Period * (reader.Reach - 1 - reader.Pad)));
            if (latest <= clock.First) continue;

            int[] touched = [.. _layers[begin + i].Inputs.Select(_graph.Root).Where(readers.ContainsKey).Append(root)];
            long Bytes() => touched.Where(id => images.ContainsKey(id)).Sum(id => (long)Lines(images[id], readers[id], clocks) * RowBytes(id));
            long least = Bytes();
            RowClock best = clock;

            // Of the first ticks that make rows due at the same of its ticks, one.
            int apart = Divisor(clock.Period, clock.Every);
            for (int first = (clock.First / apart * apart) + apart; first <= latest; first += apart)
            {
                images[root] = clocks[i] = clock with { First = first };
                long bytes = Bytes();
                if (bytes > least) continue;
                least = bytes;
                best = clocks[i];
            }

            images[root] = clocks[i] = best;
        }
    }

    private RowGroup Group(
        int begin, int source, RowClock[] clocks, Dictionary<int, RowClock> images,
        Dictionary<int, List<(int Layer, int Reach, int Stride, int Pad)>> readers, int[] outputs)
    {
        var buffers = new List<RowBuffer>();
        for (int i = 0; i < clocks.Length; i++)
        {
            int root = _graph.Root(_layers[begin + i].Outputs[0]), all = clocks.Length - 1;
            if (_rowLayers[begin + i]!.Kernel is RowSum sum)
            {
                buffers.Add(new RowBuffer(root, i, clocks[i], 1, 1, sum.Sums, ElementType.Int32, 0, all, 0, 0));
                continue;
            }

            if (outputs.Contains(root)) continue;
            Tensor tensor = _graph[root];
            var own = readers[root];
            RowClock clock = clocks[i];
            int lines = Math.Max(Lines(clock, own, clocks), clock.RowsAtOnce), kept = Kept(clock, own, clocks), most = Math.Min(clock.Rows, kept + clock.RowsAtOnce);

            // What has been read goes at once, where that needs no more lines.
            buffers.Add(kept < most && most <= lines
                ? new RowBuffer(root, i, clock, most, kept, RowLength(tensor), tensor.Type, i, own.Max(reader => reader.Layer), 0, 0)
                : new RowBuffer(root, i, clock, lines, lines, RowLength(tensor), tensor.Type, 0, all, 0, 0));
        }

        (Dictionary<int, RowBuffer> placed, int scratch) = Place(buffers);
        int root0 = _graph.Root(source);
        RowClock sourceClock = images[root0];
        return new RowGroup(source, sourceClock, clocks, placed, scratch, Kept(sourceClock, readers[root0], clocks));
    }

    // Each newest rows' place above the rows before them, or a common place for the newest rows of several buffers, for which the rows
    // before are copied: whichever takes fewer bytes.
    private static (Dictionary<int, RowBuffer> Placed, int Bytes) Place(List<RowBuffer> buffers)
    {
        (Dictionary<int, RowBuffer>, int Bytes) best = Place(buffers, []);
        RowBuffer[] early = [.. buffers.Where(b => b.DropsEarly && b.Kept > 0).OrderBy(b => b.Bytes)];
        int shared = Enumerable.Range(0, early.Length)
            .OrderBy(n => early[n].Bytes + early.Skip(n + 1).Sum(b => b.Bytes - b.KeptBytes)).FirstOrDefault();

        // Only where new rows come with every tick, so that little is copied.
        if (shared == 0 || buffers.Any(b => b.Clock.Every < b.Clock.Period)) return best;
        (Dictionary<int, RowBuffer>, int Bytes) copied = Place(buffers, [.. early.Take(shared + 1)]);
        return copied.Bytes < best.Bytes ? copied : best;
    }

    // What outlives a tick is stacked, what is copied on top. What does not outlive it goes where nothing is at the time.
    private static (Dictionary<int, RowBuffer> Placed, int Bytes) Place(List<RowBuffer> buffers, RowBuffer[] copied)
    {
        var placed = new Dictionary<int, RowBuffer>();
        var taken = new List<(int At, int End, RowBuffer Buffer, bool IsKept)>();
        int top = 0;
        foreach (RowBuffer buffer in buffers.Where(b => b.Kept > 0).OrderByDescending(b => b.Type.Size()).ThenBy(copied.Contains).ThenBy(b => b.Bytes))
        {
            placed[buffer.Tensor] = buffer with { At = top, WorkAt = top };
            taken.Add((top, top + buffer.KeptBytes, buffer, true));
            top += buffer.KeptBytes;
            if (!buffer.DropsEarly || copied.Contains(buffer)) continue;
            taken.Add((top, top + buffer.Bytes - buffer.KeptBytes, buffer, false));
            top += buffer.Bytes - buffer.KeptBytes;
        }

        int bytes = top;
        foreach (RowBuffer buffer in buffers.Where(b => b.Kept == 0 || copied.Contains(b)).OrderByDescending(b => b.Bytes))
        {
            int at = 0;
            foreach ((int begin, int end, RowBuffer other, bool isKept) in taken.OrderBy(t => t.At))
            {
                bool meets = isKept ? other.Tensor != buffer.Tensor : buffer.From <= other.To && other.From <= buffer.To;
                if (!meets || end <= at) continue;
                if (at + buffer.Bytes <= begin) break;
                at = Aligned(end, buffer.Type.Size());
            }

            RowBuffer own = placed.TryGetValue(buffer.Tensor, out RowBuffer? kept) ? kept : buffer with { At = at };
            placed[buffer.Tensor] = own with { WorkAt = at };
            taken.Add((at, at + buffer.Bytes, buffer, false));
            bytes = Math.Max(bytes, at + buffer.Bytes);
        }

        return (placed, bytes);
    }

    private static int Aligned(int at, int alignment) => (at + alignment - 1) / alignment * alignment;

    // Rows from the oldest that a reader needs to the newest, when a tick has computed them: the same for all of its rows, but for the
    // image's ends.
    private int Lines(RowClock clock, List<(int Layer, int Reach, int Stride, int Pad)> readers, RowClock[] clocks) =>
        MostRows(clock, readers, clocks, every => (0, -every));

    // The same when the tick is over and what it needed has been read.
    private int Kept(RowClock clock, List<(int Layer, int Reach, int Stride, int Pad)> readers, RowClock[] clocks) =>
        MostRows(clock, readers, clocks, every => (every - clock.Every, 0));

    // The most rows that are there some ticks after one at which a reader computes, of those that it needs after some ticks.
    private int MostRows(
        RowClock clock, List<(int Layer, int Reach, int Stride, int Pad)> readers, RowClock[] clocks, Func<int, (int There, int Read)> after)
    {
        int most = 0;
        foreach ((int layer, _, int stride, int pad) in readers)
        {
            RowClock reader = clocks[layer];
            (int there, int read) = after(reader.Every);

            // With every tick the most are there when the reader's next row is due; else at some tick of those after which all repeats.
            int ticks = reader.Every == 1 ? 1 : reader.Period / Divisor(reader.Period, reader.Every);
            Work += ticks + 20;
            for (int i = 0; i < ticks; i++)
            {
                int tick = reader.Every == 1 ? reader.First - 1 - read : i * reader.Every;
                most = Math.Max(most, clock.Due(tick + there) - (reader.Due(tick + read) * stride) + pad);
            }
        }

        return Math.Min(most, clock.Rows);
    }

    private long RowBytes(int root) => (long)RowLength(_graph[root]) * _graph[root].Type.Size();

    private static int RowLength(Tensor image) => image.Shape[2] * image.Shape[3];

    // Rows that a window spans, rows from one window to the next, rows of the first window above the image.
    private static (int Reach, int Stride, int Pad) Window(Layer layer) => layer.Kernel.RowWindow is { } w
        ? (((w.FilterHeight - 1) * w.DilationY) + 1, w.StrideY, w.PadTop)
        : (1, 1, 0);

    // The layer with the kernel that computes a row of it, or null where there is none.
    private static Layer? RowLayer(Graph graph, Layer layer, CompileOptions options)
    {
        if (layer.Outputs.Count != 1 || layer.Inputs.Count == 0) return null;
        if (!layer.Inputs.All(id => IsImage(graph[id]))) return null;

        // Parts of a tensor lie side by side in it, all of it or nothing.
        HashSet<int> roots = [.. layer.Inputs.Concat(layer.Outputs).Select(graph.Root)];
        if (Enumerable.Range(0, graph.Tensors.Count).Any(id => graph.IsPart(id) && roots.Contains(graph.Root(id)))) return null;

        // A variable keeps its bytes: what reads and what assigns it stays in the file's order.
        if (layer.Inputs.Concat(layer.Outputs).Any(id => graph[graph.Root(id)].Variable is not null)) return null;
        if (layer.Op.SelectRowSum(graph, options) is { } sum) return sum;
        Tensor output = graph[layer.Outputs[0]];
        if (!IsImage(output)) return null;
        if (layer.Kernel.RowWindow is not null) return layer;
        if (!layer.Op.IsRowwise(graph)) return null;

        // The operator on tensors of one row; what has one row already is the same for all of them.
        int height = output.Shape[1];
        Tensor[] tensors = graph.Tensors.ToArray();
        foreach (int id in layer.Op.Inputs.Concat(layer.Outputs).Where(id => id >= 0))
        {
            EquatableArray<int> shape = tensors[id].Shape;
            if (shape.Count < 3 && tensors[id].IsConstant) continue;
            int rows = shape[shape.Count - 3];
            if (tensors[id].IsConstant ? rows != 1 : rows != height && rows != 1) return null;
            if (!tensors[id].IsConstant) tensors[id] = tensors[id] with { Shape = new[] { 1, 1, shape[2], shape[3] } };
        }

        return layer.Op.SelectKernel(new Graph(tensors, [layer.Op], [], []), options);
    }

    private static bool IsImage(Tensor tensor) => tensor.Shape.Count == 4 && tensor.Shape[0] == 1;
}
