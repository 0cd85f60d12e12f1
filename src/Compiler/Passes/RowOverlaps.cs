using System;
using System.Collections.Generic;
using Etch.Ir;

namespace Etch.Passes;

/// <summary>How near to its dying input the output of a layer may lie that computes row by row.</summary>
/// <remarks>
/// The layer is called for some rows at a time. A call reads only the input rows under its windows and writes only its output rows,
/// in any order; so nothing is lost when no call writes what it reads itself or what a later call reads. From the first row on,
/// call k with the output rows from a to b reads input rows from f(k) on, and so do all later calls: output row b − 1 has to end
/// before input row f(k) begins, the output therefore begins max(b · output row − f(k) · input row) bytes before the input. From the last row
/// back, the calls still to come read input rows up to l(k): the output begins max(l(k) · input row − a · output row) bytes after it.
/// </remarks>
internal static class RowOverlaps
{
    /// <summary>Pixels that a call computes at least: so many that it takes little longer than its share, or so many that its cost hardly shows.</summary>
    /// <remarks>Kernels take pixels by tiles, and each call prepares weights. More pixels keep the output further from the input.</remarks>
    public const int FewPixels = 48, ManyPixels = 384;

    // Depthwise kernels and Winograd's take two rows at once.
    private const int LeastRows = 2;

    public static IReadOnlyList<Overlap> Of(
        Graph graph, IReadOnlyList<Step> steps, IReadOnlyDictionary<int, int> bufferOf, IReadOnlyList<Buffer> buffers, int pixelsPerCall)
    {
        var overlaps = new List<Overlap>();
        for (int i = 0; i < steps.Count; i++)
        {
            Layer layer = steps[i].Layers[0];
            if (steps[i].Rows is not null || Window(layer) is null || layer.Inputs.Count != 1 || layer.Outputs.Count != 1) continue;
            int input = graph.Root(layer.Inputs[0]), output = graph.Root(layer.Outputs[0]);
            if (!bufferOf.TryGetValue(input, out int from) || !bufferOf.TryGetValue(output, out int to) || from == to) continue;
            bool isWhole = buffers[from].Bytes == graph[layer.Inputs[0]].ByteCount && buffers[to].Bytes == graph[layer.Outputs[0]].ByteCount;
            if (!isWhole || buffers[from].Last != i || buffers[to].First != i) continue;

            (int before, int after) = Distances(graph, layer, pixelsPerCall);
            bool saves = before < buffers[to].Bytes || after < buffers[from].Bytes;
            if (saves) overlaps.Add(new Overlap(i, from, to, before, after));
        }

        return overlaps;
    }

    /// <summary>Bytes that input and output of a layer can share where the input dies there, with calls of few pixels.</summary>
    public static long Saved(Graph graph, Layer layer)
    {
        if (Window(layer) is null || layer.Inputs.Count != 1 || layer.Outputs.Count != 1) return 0;
        long input = graph[graph.Root(layer.Inputs[0])].ByteCount, output = graph[graph.Root(layer.Outputs[0])].ByteCount;
        if (input != graph[layer.Inputs[0]].ByteCount || output != graph[layer.Outputs[0]].ByteCount) return 0;
        (int before, int after) = Distances(graph, layer, FewPixels);
        long union = Math.Min(Math.Max(output, Math.Min(before, output) + input), Math.Max(input, Math.Min(after, input) + output));
        return input + output - union;
    }

    /// <summary>How a layer is called whose output lies over its input.</summary>
    public static RowOrder Order(Layer layer, bool isBackward, int pixelsPerCall) => new(RowsPerCall(Window(layer)!, pixelsPerCall), isBackward);

    // The window of a layer that is called once for one image, else null.
    private static Window2D? Window(Layer layer) => layer.Kernel.Batch == 1 ? layer.Kernel.RowWindow : null;

    private static int RowsPerCall(Window2D window, int pixelsPerCall)
    {
        int rows = Math.Max(LeastRows, (pixelsPerCall + window.OutputWidth - 1) / window.OutputWidth);
        return Math.Min(window.OutputHeight, pixelsPerCall == ManyPixels ? (rows + LeastRows - 1) / LeastRows * LeastRows : rows);
    }

    private static (int Before, int After) Distances(Graph graph, Layer layer, int pixelsPerCall)
    {
        Window2D window = Window(layer)!;
        long inputRow = graph[layer.Inputs[0]].ByteCount / window.InputHeight, outputRow = graph[layer.Outputs[0]].ByteCount / window.OutputHeight;
        int rows = RowsPerCall(window, pixelsPerCall);
        long before = 0, after = 0;
        for (int begin = 0; begin < window.OutputHeight; begin += rows)
        {
            int end = Math.Min(begin + rows, window.OutputHeight);
            before = Math.Max(before, (end * outputRow) - (Rows(window, begin, window.OutputHeight).First * inputRow));
            after = Math.Max(after, (Rows(window, 0, end).End * inputRow) - (begin * outputRow));
        }

        return ((int)before, (int)after);
    }

    // The input rows under the windows of output rows.
    private static (int First, int End) Rows(Window2D window, int begin, int end)
    {
        int Inside(long row) => (int)Math.Max(0, Math.Min(window.InputHeight, row));
        long reach = (window.FilterHeight - 1L) * window.DilationY;
        return (Inside(((long)begin * window.StrideY) - window.PadTop), Inside(((end - 1L) * window.StrideY) - window.PadTop + reach + 1));
    }
}
