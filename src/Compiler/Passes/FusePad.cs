using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Passes;

/// <summary>PAD and PADV2 of rows and columns goes into the padding of the convolutions that read it.</summary>
/// <remarks>Exact where the zero point is written, which is what a convolution takes outside the image. A pool is no convolution:
/// what lies outside counts neither in an average nor in a maximum.</remarks>
internal static class FusePad
{
    public static Graph Run(Graph graph)
    {
        Op?[] ops = [.. graph.Ops];
        for (int i = 0; i < ops.Length; i++)
        {
            if (ops[i] is not Pad pad) continue;
            int padded = pad.Outputs[0];
            int[] readers = [.. Enumerable.Range(0, ops.Length).Where(j => ops[j] is { } op && op.Inputs.Contains(padded))];
            bool isSpatial = graph[padded].Shape.Count == 4 && pad.Before(0) + pad.After(0) + pad.Before(3) + pad.After(3) == 0;
            bool isZero = graph[padded].Quantization is { } quantization && pad.Value(graph) == quantization.ZeroPoint;
            if (!isSpatial || !isZero || graph.Outputs.Contains(padded) || readers.Length == 0) continue;
            if (!readers.All(j => ops[j] is Conv2D or DepthwiseConv2D && ops[j]!.Inputs[0] == padded)) continue;

            var extra = (pad.Before(1), pad.After(1), pad.Before(2), pad.After(2));
            ops[i] = null;
            foreach (int j in readers)
            {
                ops[j] = ops[j] switch
                {
                    Conv2D conv => conv with { Inputs = Replace(conv.Inputs, pad.Inputs[0]), Options = With(conv.Options, extra) },
                    DepthwiseConv2D conv => conv with { Inputs = Replace(conv.Inputs, pad.Inputs[0]), Options = With(conv.Options, extra) },
                    var other => other,
                };
            }
        }

        return graph.With(ops.OfType<Op>());
    }

    private static int[] Replace(EquatableArray<int> inputs, int first) => [first, .. inputs.Skip(1)];

    private static WindowOptions With(WindowOptions options, (int Top, int Bottom, int Left, int Right) extra) =>
        options with { Padding = options.Padding with { Extra = extra } };
}
