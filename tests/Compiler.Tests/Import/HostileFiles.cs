using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Model files made to hurt: each is well-formed so far that it reaches the code it aims at.</summary>
internal static class HostileFiles
{
    private static readonly Quantization Plain = TfliteBuilder.Quantized(0.5f, 3);

    public static IEnumerable<(string Name, byte[] File)> All()
    {
        yield return ("empty", []);
        yield return ("identifier only", [4, 0, 0, 0, .. "TFL3"u8]);
        yield return ("root at the end", [0xFF, 0xFF, 0xFF, 0x7F, .. "TFL3"u8]);
        yield return ("vtable outside", Patched(Relu(), file => BitConverter.TryWriteBytes(file.AsSpan(Root(file)), int.MinValue)));
        yield return ("vtable is the table", Patched(Relu(), file => BitConverter.TryWriteBytes(file.AsSpan(Root(file)), 0)));
        yield return ("root is the file's head", Patched(Relu(), file => BitConverter.TryWriteBytes(file.AsSpan(0), 4)));

        // Tables that stand in a vector a million times: small files, large reads.
        FlatValue tensor = TensorTable("t", [1, 4], 9);
        FlatValue wide = TensorTable(new string('n', 1 << 20), [.. Enumerable.Repeat(1, 1 << 18)], 9);
        yield return ("a million equal tensors", Subgraph([.. Enumerable.Repeat(tensor, 1_000_000)], [0], [1], []));
        yield return ("nineteen thousand wide tensors", Subgraph([.. Enumerable.Repeat(wide, 19_000)], [0], [1], []));
        yield return ("nineteen thousand unsupported tensors", Subgraph([.. Enumerable.Repeat(TensorTable("t", [1, 4], 5), 19_000)], [0], [1], []));
        FlatValue longOperator = FlatValue.Table((0, FlatValue.Int32(0)), (1, FlatValue.Int32s(new int[1 << 18])), (2, FlatValue.Int32s([1])));
        yield return ("four thousand long operators", Subgraph([tensor, tensor], [0], [1], [.. Enumerable.Repeat(longOperator, 3_999)]));
        yield return ("a million equal operators", Subgraph([tensor, tensor], [0], [1], [.. Enumerable.Repeat(longOperator, 1_000_000)]));
        yield return ("a million equal buffers", Shared(new byte[1 << 16], 1_000_000));

        yield return ("reads its own output", Chain(b => b.Operator(Schema.Builtin.Relu, [1], [1])));
        yield return ("a cycle", Chain(b =>
        {
            int other = b.Tensor("other", ElementType.Int8, [1, 4], Plain);
            b.Operator(Schema.Builtin.Add, [0, other], [1]);
            b.Operator(Schema.Builtin.Relu, [1], [other]);
        }));
        yield return ("no operator", Chain(_ => { }));
        yield return ("operator without inputs", Chain(b => b.Operator(Schema.Builtin.Relu, [], [1])));
        yield return ("two outputs of one operator", Chain(b =>
        {
            int other = b.Tensor("other", ElementType.Int8, [1, 4], Plain);
            b.Operator(Schema.Builtin.Relu, [0], [other, 1]);
        }));
        yield return ("more inputs than the operator has", Chain(b => b.Operator(Schema.Builtin.Add, [0, 0, 0, -1], [1], (0, FlatValue.Int32(0)))));
        yield return ("absent inputs", Chain(b => b.Operator(Schema.Builtin.Add, [-1, 0], [1])));
        yield return ("activation that is none", Chain(b => b.Operator(Schema.Builtin.Add, [0, 0], [1], (0, FlatValue.Int32(200)))));
        yield return ("output that does not depend on the input", Chain(b =>
        {
            int constant = b.Int8("constant", [1, 4], 0.5f, 3, [1, 2, 3, 4]);
            b.Operator(Schema.Builtin.Add, [constant, constant], [1]);
        }));
        yield return ("table of a constant as output", Chain(b =>
        {
            int constant = b.Int8("constant", [1, 4], 0.5f, 3, [1, 2, 3, 4]);
            b.Operator(Schema.Builtin.Relu, [constant], [1]);
        }));

        foreach (float scale in new[] { float.NaN, 0f, -0.5f, float.PositiveInfinity, float.Epsilon, float.MaxValue, 1e-30f })
        {
            foreach ((string name, int builtin) in Builtins())
            {
                yield return ($"{name} with scale {scale} of the input", Simple(builtin, TfliteBuilder.Quantized(scale, 0), Plain, [1, 2, 2, 4]));
                yield return ($"{name} with scale {scale} of the output", Simple(builtin, Plain, TfliteBuilder.Quantized(scale, 0), [1, 2, 2, 4]));
                yield return ($"{name} with scale {scale}", Simple(builtin, TfliteBuilder.Quantized(scale, 0), TfliteBuilder.Quantized(scale, 0), [1, 2, 2, 4]));
            }
        }

        foreach (int[] shape in new int[][]
        {
            [], [0], [0, 0, 0, 4], [1, 0, 4, 0], [-1, 4], [int.MaxValue, int.MaxValue], [1 << 30], [1 << 14, 1 << 14], [1 << 16, 1 << 16, 1 << 16, 1 << 16],
            [.. Enumerable.Repeat(1, 40)], [.. Enumerable.Repeat(2, 28)], [0, int.MaxValue, int.MaxValue],
        })
        {
            foreach ((string name, int builtin) in Builtins())
            {
                yield return ($"{name} of [{string.Join(", ", shape.Take(6))}]", Simple(builtin, Plain, Plain, shape));
                yield return ($"{name} of a constant [{string.Join(", ", shape.Take(6))}]", Simple(builtin, Plain, Plain, shape, isConstant: true));
            }
        }

        foreach (int extreme in new[] { int.MinValue, -1, 0, 1, 100, 32_767, int.MaxValue })
        {
            foreach ((string name, int builtin) in Builtins())
            {
                (int, FlatValue)[] options = [.. Enumerable.Range(0, 7).Select(slot => (slot, FlatValue.Int32(extreme)))];
                yield return ($"{name} with options {extreme}", Simple(builtin, Plain, Plain, [1, 2, 2, 4], options: options));
                (int, FlatValue)[] same = [(0, FlatValue.Int32(0)), .. options.Skip(1)];
                yield return ($"{name} with SAME and options {extreme}", Simple(builtin, Plain, Plain, [1, 1, 1, 4], options: same));
                yield return ($"{name} with integers {extreme}", Simple(builtin, Plain, Plain, [1, 2, 2, 4], integers: extreme));
            }

            yield return ($"zero point {extreme}", Simple(Schema.Builtin.Relu, TfliteBuilder.Quantized(0.5f, extreme), Plain, [1, 4]));
            yield return ($"zero point {extreme} of a slice", Simple(
                Schema.Builtin.StridedSlice, TfliteBuilder.Quantized(0.5f, extreme), TfliteBuilder.Quantized(0.5f, extreme), [1, 2, 2, 4], integers: 1));
            yield return ($"scale along dimension {extreme}", Simple(Schema.Builtin.Conv2D, Plain, new Quantization(new[] { 1f, 2f }, new int[2], extreme), [1, 2, 2, 4]));
        }

        // Windows that would not fit on the stack, or in 32 bits.
        foreach (int size in new[] { 200, 5_000, 32_767 })
        {
            yield return ($"window of {size}", Simple(
                Schema.Builtin.MaxPool2D, Plain, Plain, [1, 1, 1, 64],
                options: [(0, FlatValue.Int32(0)), (1, FlatValue.Int32(1)), (2, FlatValue.Int32(1)), (3, FlatValue.Int32(size)), (4, FlatValue.Int32(size))]));
        }

        yield return ("activations of 4 GiB", Chain(b =>
        {
            int last = b.Tensor("one", ElementType.Int8, [1, 1], Plain);
            b.Operator(Schema.Builtin.Mean, [0, b.Int32("axes", 0, 1)], [last], (0, FlatValue.Int32(1)));
            var large = new List<int>();
            for (int i = 0; i < 17; i++)
            {
                large.Add(b.Tensor($"large{i}", ElementType.Int8, [1 << 13, 1 << 15], Plain));
                int column = b.Int8($"column{i}", [1 << 13, 1], 0.5f, 3, new byte[1 << 13]), row = b.Int8($"row{i}", [1, 1 << 15], 0.5f, 3, new byte[1 << 15]);
                int sum = b.Tensor($"sum{i}", ElementType.Int8, [1 << 13, 1], Plain);
                b.Operator(Schema.Builtin.Add, [last, column], [sum]);
                b.Operator(Schema.Builtin.Add, [sum, row], [large[i]]);
            }

            for (int i = 0; i < 17; i++)
            {
                int mean = i == 16 ? 1 : b.Tensor($"mean{i}", ElementType.Int8, [1, 4], Plain);
                b.Operator(Schema.Builtin.StridedSlice, [large[i], b.Int32("begin", 0, 0), b.Int32("end", 1, 4), b.Int32("strides", 1, 1)], [mean]);
            }
        }));
        yield return ("constants that fold to 256 MiB", Chain(b =>
        {
            int column = b.Int8("column", [1 << 14, 1], 0.5f, 3, new byte[1 << 14]), row = b.Int8("row", [1, 1 << 14], 0.5f, 3, new byte[1 << 14]);
            int sum = b.Tensor("sum", ElementType.Int8, [1 << 14, 1 << 14], Plain), part = b.Tensor("part", ElementType.Int8, [1, 4], Plain);
            b.Operator(Schema.Builtin.Add, [column, row], [sum]);
            b.Operator(Schema.Builtin.StridedSlice, [sum, b.Int32("begin", 0, 0), b.Int32("end", 1, 4), b.Int32("strides", 1, 1)], [part]);
            b.Operator(Schema.Builtin.Add, [0, part], [1]);
        }));
        yield return ("constants that take long to fold", Chain(b =>
        {
            int x = b.Int8("x", [1, 1, 512, 512], 0.5f, 3, new byte[1 << 18]), f = b.Int8("f", [512, 1, 1, 512], 0.5f, 0, new byte[1 << 18]);
            int y = b.Tensor("y", ElementType.Int8, [1, 1, 512, 512], Plain);
            int z = b.Tensor("z", ElementType.Int8, [1, 1, 512, 512], Plain), part = b.Tensor("part", ElementType.Int8, [1, 4], Plain);
            (int, FlatValue)[] options = [(0, FlatValue.Int32(0)), (1, FlatValue.Int32(1)), (2, FlatValue.Int32(1))];
            b.Operator(Schema.Builtin.Conv2D, [x, f], [y], options);
            b.Operator(Schema.Builtin.MaxPool2D, [y], [z], [.. options, (3, FlatValue.Int32(511)), (4, FlatValue.Int32(32_767))]);
            b.Operator(Schema.Builtin.StridedSlice, [z, b.Int32("begin", 0, 0, 0, 0), b.Int32("end", 1, 1, 1, 4), b.Int32("strides", 1, 1, 1, 1)], [part]);
            b.Operator(Schema.Builtin.Add, [0, part], [1]);
        }));
        yield return ("a long chain of layers", Chain(b =>
        {
            int last = 0;
            for (int i = 0; i < 3_999; i++)
            {
                int next = b.Tensor($"t{i}", ElementType.Int8, [1, 4], Plain);
                b.Operator(i % 2 == 0 ? Schema.Builtin.Add : Schema.Builtin.Relu, i % 2 == 0 ? [last, last] : [last], [next]);
                last = next;
            }

            b.Operator(Schema.Builtin.Relu, [last], [1]);
        }));
        yield return ("a long chain that nobody reads", Chain(b =>
        {
            int last = 0;
            for (int i = 0; i < 3_999; i++)
            {
                int next = b.Tensor($"t{i}", ElementType.Int8, [1, 4], Plain);
                b.Operator(Schema.Builtin.Relu, [last], [next]);
                last = next;
            }

            b.Operator(Schema.Builtin.Relu, [0], [1]);
        }));
        yield return ("a long chain of constants", Chain(b =>
        {
            int last = b.Int8("constant", [1, 4], 0.5f, 3, [1, 2, 3, 4]);
            for (int i = 0; i < 3_999; i++)
            {
                int next = b.Tensor($"t{i}", ElementType.Int8, [1, 4], Plain);
                b.Operator(Schema.Builtin.Relu, [last], [next]);
                last = next;
            }

            b.Operator(Schema.Builtin.Add, [0, last], [1]);
        }));
        yield return ("axes in a million places", Chain(b =>
        {
            int axes = b.Int32("axes", new int[1 << 18]);
            int last = 0;
            for (int i = 0; i < 400; i++)
            {
                int next = i == 399 ? 1 : b.Tensor($"t{i}", ElementType.Int8, [1, 4], Plain);
                b.Operator(Schema.Builtin.Mean, [last, axes], [next], (0, FlatValue.Int32(1)));
                last = next;
            }
        }));
    }

    // A model from one int8[1, 4] to another; tensor 0 is the input, 1 the output.
    private static byte[] Chain(Action<TfliteBuilder> operators)
    {
        var b = new TfliteBuilder();
        b.Ports([b.Tensor("input", ElementType.Int8, [1, 4], Plain)], [b.Tensor("output", ElementType.Int8, [1, 4], Plain)]);
        operators(b);
        return b.Build();
    }

    // One operator with everything that any operator reads: a filter, a bias, constants.
    private static byte[] Simple(
        int builtin, Quantization input, Quantization output, int[] shape, bool isConstant = false, (int, FlatValue)[]? options = null, int integers = 0)
    {
        var b = new TfliteBuilder();
        long elements = shape.Aggregate(1L, (product, size) => product * Math.Max(0, size));
        byte[]? data = isConstant ? new byte[elements is >= 0 and < 1 << 20 ? elements : 4] : null;
        int x = b.Tensor("input", builtin == Schema.Builtin.Quantize ? ElementType.Float32 : ElementType.Int8, shape, input, data);
        ElementType type = builtin == Schema.Builtin.Dequantize ? ElementType.Float32 : ElementType.Int8;
        int y = b.Tensor("output", type, shape, output);
        int filter = b.Int8("filter", builtin == Schema.Builtin.FullyConnected ? [4, 4] : builtin == Schema.Builtin.DepthwiseConv2D ? [1, 1, 1, 4] : [4, 1, 1, 4], 0.5f, 0, new byte[builtin == Schema.Builtin.DepthwiseConv2D ? 4 : 16]);
        int constant = b.Int32("integers", [.. Enumerable.Repeat(integers, Math.Min(shape.Length, 50))]), bias = b.Int32("bias", 1, 2, 3, 4);
        int[] inputs = builtin switch
        {
            Schema.Builtin.Conv2D or Schema.Builtin.DepthwiseConv2D or Schema.Builtin.FullyConnected => [x, filter, bias],
            Schema.Builtin.Add or Schema.Builtin.Sub or Schema.Builtin.Mul or Schema.Builtin.Concatenation => [x, x],
            Schema.Builtin.StridedSlice => [x, constant, constant, constant],
            Schema.Builtin.Pad => [x, b.Int32("paddings", [.. Enumerable.Repeat(integers, 2 * Math.Min(shape.Length, 50))])],
            Schema.Builtin.Mean or Schema.Builtin.Transpose or Schema.Builtin.Reshape => [x, constant],
            _ => [x],
        };
        b.Operator(builtin, inputs, [y], options ?? []);
        b.Ports(isConstant ? [b.Tensor("other", ElementType.Int8, [1], Plain)] : [x], [y]);
        return b.Build();
    }

    private static IEnumerable<(string Name, int Builtin)> Builtins() => typeof(Schema.Builtin).GetFields()
        .Where(field => field.Name != nameof(Schema.Builtin.Custom)).Select(field => (field.Name, (int)field.GetRawConstantValue()!));

    private static FlatValue TensorTable(string name, int[] shape, int type) => FlatValue.Table(
        (Schema.Tensor.Shape, FlatValue.Int32s(shape)), (Schema.Tensor.Type, FlatValue.Int32(type)), (Schema.Tensor.Name, FlatValue.Text(name)));

    private static byte[] Subgraph(FlatValue[] tensors, int[] inputs, int[] outputs, FlatValue[] operators)
    {
        var b = new TfliteBuilder();
        foreach (FlatValue tensor in tensors) b.Tensor(tensor);
        b.Ports(inputs, outputs);
        foreach (FlatValue op in operators) b.Operator(op);
        return b.Build();
    }

    // Many buffers in one place, each with a tensor.
    private static byte[] Shared(byte[] data, int count)
    {
        var b = new TfliteBuilder();
        FlatValue buffer = FlatValue.Table((Schema.Buffer.Data, FlatValue.Bytes(data)));
        for (int i = 0; i < count; i++) b.Buffer(buffer);
        for (int i = 1; i <= 100; i++)
        {
            b.Tensor(FlatValue.Table(
                (Schema.Tensor.Shape, FlatValue.Int32s([data.Length])), (Schema.Tensor.Type, FlatValue.Int32(9)), (Schema.Tensor.Buffer, FlatValue.Int32(i))));
        }

        b.Ports([0], [1]);
        return b.Build();
    }

    private static byte[] Relu() => Simple(Schema.Builtin.Relu, Plain, Plain, [1, 4]);

    private static byte[] Patched(byte[] file, Action<byte[]> patch)
    {
        patch(file);
        return file;
    }

    private static int Root(byte[] file) => BitConverter.ToInt32(file, 0);
}
