using System;
using System.Collections.Generic;
using System.Linq;

namespace Etch.Ir;

/// <summary>The tensors' values while reference semantics run: <c>int[]</c> for integer types, <c>float[]</c> for FLOAT32, <c>ulong[]</c> for UINT64.</summary>
/// <remarks>UINT32 values have their bits in an <c>int[]</c>.</remarks>
internal sealed class Values
{
    private readonly Dictionary<int, Array> _values = [];

    private Values(Graph graph) => Graph = graph;

    public Graph Graph { get; }

    /// <summary>Runs every operator of the graph on the inputs, in graph order.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="inputs">A value for each input.</param>
    /// <param name="before">The inference before this one, whose variables go on; null: they start with their initial values.</param>
    public static Values Run(Graph graph, Array[] inputs, Values? before = null)
    {
        var values = new Values(graph);
        for (int id = 0; id < graph.Tensors.Count && before is not null; id++)
        {
            if (graph[id].IsVariable) values.Set(id, before[id]);
        }

        for (int i = 0; i < inputs.Length; i++) values.Set(graph.Inputs[i], inputs[i]);
        foreach (Op op in graph.Ops) op.Reference(values);
        return values;
    }

    /// <summary>Runs one operator whose inputs are constant.</summary>
    public static Values Run(Graph graph, Op op)
    {
        var values = new Values(graph);
        op.Reference(values);
        return values;
    }

    /// <summary>Runs one operator on values for its first input, whatever that tensor's shape.</summary>
    /// <returns>The first output's values.</returns>
    public static Array Run(Graph graph, Op op, Array input)
    {
        var values = new Values(graph);
        values.Set(op.Inputs[0], input);
        op.Reference(values);
        return values[op.Outputs[0]];
    }

    /// <summary>The values of a tensor of an integer type; the tensor has a value.</summary>
    public int[] Integers(int id) => (int[])this[id];

    /// <summary>The values of a FLOAT32 tensor; the tensor has a value.</summary>
    public float[] Floats(int id) => (float[])this[id];

    /// <summary>The values of a UINT64 tensor; the tensor has a value.</summary>
    public ulong[] Wide(int id) => (ulong[])this[id];

    /// <summary>The value of a tensor: what was set last, for itself or for what it is a view of; at first that of a constant or a variable.</summary>
    public Array this[int id]
    {
        get
        {
            int root = Graph.Same(id);
            if (_values.TryGetValue(root, out Array? value)) return value;
            Tensor tensor = Graph[root].Variable is { } variable ? Graph[root] with { Data = variable.Initial(Graph[root].ByteCount) } : Graph[root];
            return _values[root] = tensor.Type switch
            {
                ElementType.Float32 => tensor.Floats(),
                ElementType.UInt64 => tensor.Wide(),
                _ => tensor.Integers(),
            };
        }
    }

    public void Set(int id, Array value) => _values[Graph.Same(id)] = value;

    /// <summary>A value in the tensor's memory format, little endian.</summary>
    public byte[] Bytes(int id) => Bytes(Graph[id].Type, this[id]);

    /// <summary>A value in its memory format, little endian.</summary>
    public static byte[] Bytes(ElementType type, Array value)
    {
        byte[] bytes = new byte[value.Length * type.Size()];
        if (value is int[] integers && type is not (ElementType.Int32 or ElementType.UInt32))
        {
            int size = type.Size();
            for (int i = 0; i < integers.Length; i++)
            {
                for (int b = 0; b < size; b++) bytes[(i * size) + b] = unchecked((byte)((long)integers[i] >> (8 * b)));
            }
        }
        else
        {
            Buffer.BlockCopy(value, 0, bytes, 0, bytes.Length);
        }

        return bytes;
    }
}

/// <summary>Index arithmetic of row-major shapes.</summary>
internal static class Shapes
{
    /// <summary>Elements between neighbours along each dimension.</summary>
    public static int[] Strides(IReadOnlyList<int> shape)
    {
        int[] strides = new int[shape.Count];
        int stride = 1;
        for (int d = shape.Count - 1; d >= 0; d--)
        {
            strides[d] = stride;
            stride *= shape[d];
        }

        return strides;
    }

    public static int Count(IEnumerable<int> shape) => shape.Aggregate(1, (product, dimension) => product * dimension);

    /// <summary>The strides of <paramref name="shape"/> seen through <paramref name="broadcast"/>: 0 along dimensions that are repeated.</summary>
    public static int[] BroadcastStrides(IReadOnlyList<int> shape, IReadOnlyList<int> broadcast)
    {
        int[] own = Strides(shape);
        int[] strides = new int[broadcast.Count];
        int missing = broadcast.Count - shape.Count;
        for (int d = missing; d < broadcast.Count; d++) strides[d] = shape[d - missing] == 1 ? 0 : own[d - missing];
        return strides;
    }

    /// <summary>Numpy's broadcast of two shapes, or null when they do not fit.</summary>
    public static int[]? Broadcast(IReadOnlyList<int> a, IReadOnlyList<int> b)
    {
        int rank = Math.Max(a.Count, b.Count);
        int[] result = new int[rank];
        for (int d = 0; d < rank; d++)
        {
            int x = d < rank - a.Count ? 1 : a[d - rank + a.Count];
            int y = d < rank - b.Count ? 1 : b[d - rank + b.Count];
            if (x != y && x != 1 && y != 1) return null;
            result[d] = x == 1 ? y : x;
        }

        return result;
    }

    /// <summary>Calls back for every index of a shape in row-major order, with the offsets that the index has under several strides.</summary>
    public static void ForEach(IReadOnlyList<int> shape, int[][] strides, Action<int, int[]> visit)
    {
        int count = Count(shape);
        int[] index = new int[shape.Count];
        int[] offsets = new int[strides.Length];
        for (int i = 0; i < count; i++)
        {
            visit(i, offsets);
            for (int d = shape.Count - 1; d >= 0; d--)
            {
                for (int s = 0; s < strides.Length; s++) offsets[s] += strides[s][d];
                if (++index[d] < shape[d]) break;
                for (int s = 0; s < strides.Length; s++) offsets[s] -= strides[s][d] * shape[d];
                index[d] = 0;
            }
        }
    }
}
