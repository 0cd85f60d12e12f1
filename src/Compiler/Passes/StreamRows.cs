using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>Makes groups of neighbouring layers that run row by row, so that of the tensors between them only the last rows exist.</summary>
/// <remarks>
/// The same sums in another order: nothing is computed twice. Row y of a tensor comes at tick first + y · period, where the
/// period is the product of the strides before it and the first tick is the earliest at which the rows of row 0's window are there. A
/// branch that joins a later one waits, or the rows it reads do, whichever takes fewer bytes. A tensor's buffer holds the rows
/// from the oldest that a window still needs to the newest.
/// </remarks>
internal sealed class StreamRows
{
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

    /// <summary>True for a layer that can compute row by row.</summary>
    public bool IsRowwise(int layer) => _rowLayers[layer] is not null;

    /// <summary>Layers from <paramref name="begin"/> up to <paramref name="end"/> as one step row by row, or null where they cannot be. Each <see cref="IsRowwise"/>.</summary>
    public Step? Form(int begin, int end)
    {
        int count = end - begin;
        // When rows come, layer by layer, as early as they can.
        int source = _layers[begin].Inputs[0];
        var clocks = new RowClock[count];
        var images = new Dictionary<int, RowClock> { [_graph.Root(source)] = new RowClock(0, 1, _graph[source].Shape[1]) };
        var readers = new Dictionary<int, List<(int Layer, int Reach, int Stride, int Pad)>>();
        var outside = new List<int>();
        for (int i = begin; i < end; i++)
        {
            Layer layer = _rowLayers[i]!;
            int height = _graph[layer.Outputs[0]].Shape.Count == 4 ? _graph[layer.Outputs[0]].Shape[1] : 1;
            int first = 0, period = 0;
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
                if (!readers.TryGetValue(root, out var list)) readers[root] = list = [];
                list.Add((i - begin, reach, stride, pad));
            }

            if (period == 0 || period > 1 << 16) return null;
            bool isSum = layer.Kernel is RowSum;
            clocks[i - begin] = new RowClock(first, period, isSum ? _graph[layer.Inputs[0]].Shape[1] : height);

            // Nothing inside the group can read a sum before its last row.
            if (!isSum) images[_graph.Root(layer.Outputs[0])] = clocks[i - begin];
        }

        int[] outputs = [.. Enumerable.Range(begin, count).Select(i => _graph.Root(_layers[i].Outputs[0])).Where(root => IsReadAfter(root, end))];
        Delay(begin, clocks, images, readers, outputs);
        return new Step(
            begin, _rowLayers.Skip(begin).Take(count).Select(layer => layer!).ToArray(), Group(begin, source, clocks, images, readers, outputs),
            new[] { source }.Concat(outside).Distinct().ToArray(), outputs);
    }

    private bool IsReadAfter(int root, int end) => !_lastRead.TryGetValue(root, out int last) || last >= end;

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
            for (int first = clock.First + 1; first <= latest; first++)
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
                buffers.Add(new RowBuffer(root, clocks[i], 1, sum.Sums, ElementType.Int32, false, 0, all, 0));
                continue;
            }

            if (outputs.Contains(root)) continue;
            Tensor tensor = _graph[root];
            var own = readers[root];
            RowClock clock = clocks[i];
            int lines = Lines(clock, own, clocks);

            // Every reader reads when a row has just come (or would have, after the last one).
            bool dropsEarly = lines < clock.Rows && own.All(reader => (clocks[reader.Layer].First - clock.First) % clock.Period == 0);
            buffers.Add(new RowBuffer(
                root, clock, lines, RowLength(tensor), tensor.Type, dropsEarly, dropsEarly ? i : 0, dropsEarly ? own.Max(reader => reader.Layer) : all, 0));
        }

        (Dictionary<int, RowBuffer> placed, int scratch) = Place(buffers);
        int root0 = _graph.Root(source);
        return new RowGroup(source, clocks, placed, scratch, Lines(images[root0], readers[root0], clocks));
    }

    // What outlives a tick is stacked, each newest row's place above the rows before it. Rows that do not outlive the tick go where
    // none is at the time: into such a place, or on top.
    private static (Dictionary<int, RowBuffer> Placed, int Bytes) Place(List<RowBuffer> buffers)
    {
        var placed = new Dictionary<int, RowBuffer>();
        var gaps = new List<(int Begin, int End, List<RowBuffer> Taken)>();
        int top = 0;
        foreach (RowBuffer buffer in buffers.Where(b => b.KeptBytes > 0).OrderByDescending(b => b.Type.Size()))
        {
            RowBuffer at = placed[buffer.Tensor] = buffer with { At = top };
            if (buffer.DropsEarly) gaps.Add((top + buffer.KeptBytes, top + buffer.Bytes, [at]));
            top += buffer.Bytes;
        }

        gaps.Add((Aligned(top, sizeof(int)), int.MaxValue, []));
        foreach (RowBuffer buffer in buffers.Where(b => b.KeptBytes == 0).OrderByDescending(b => b.Bytes))
        {
            int size = buffer.Type.Size();
            foreach ((int begin, int end, List<RowBuffer> taken) in gaps)
            {
                RowBuffer[] met = [.. taken.Where(t => buffer.From <= t.To && t.From <= buffer.To)];
                int at = met.Select(t => Aligned(t.At + t.Bytes, size)).Append(Aligned(begin, size))
                    .Where(at => met.All(t => at >= t.At + t.Bytes || at + buffer.Bytes <= t.At)).Min();
                if (end - at < buffer.Bytes) continue;
                taken.Add(placed[buffer.Tensor] = buffer with { At = at });
                break;
            }
        }

        return (placed, placed.Values.Select(b => b.At + b.Bytes).Append(0).Max());
    }

    private static int Aligned(int at, int alignment) => (at + alignment - 1) / alignment * alignment;

    // Rows from the oldest that a reader still needs to the newest: the same for all of its rows, but for the image's ends.
    private static int Lines(RowClock clock, List<(int Layer, int Reach, int Stride, int Pad)> readers, RowClock[] clocks)
    {
        int lines = readers.Max(reader => FloorDivide(clocks[reader.Layer].First - clock.First, clock.Period) + reader.Pad + 1);
        return Math.Max(1, Math.Min(lines, clock.Rows));
    }

    private static int FloorDivide(int a, int b) => a >= 0 ? a / b : -((b - 1 - a) / b);

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
