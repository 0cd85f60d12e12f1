using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>BATCH_MATMUL: output[…, r, c] = Σ (a[…, r, i] − za) · (b[…, i, c] − zb), requantised; the dimensions before the last two broadcast.</summary>
/// <remarks>batch_matmul.cc of TFLite Micro: the product of the input scales is rounded to float, the quotient is computed in double.</remarks>
internal sealed record BatchMatMul : Op
{
    /// <summary>The first input's last two dimensions are swapped.</summary>
    public required bool AdjX { get; init; }

    public required bool AdjY { get; init; }

    public override string Name => "BATCH_MATMUL";

    // ---- import ----
    public static Op Import(OperatorReader r) => new BatchMatMul { Inputs = r.Inputs, Outputs = r.Outputs, AdjX = r.Bool(0), AdjY = r.Bool(1) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? a = c.Input(0).Int8().Rank(2, 3, 4, 5).Tensor, b = c.Input(1).Int8().Rank(2, 3, 4, 5).Tensor;
        c.Output(0).Int8();
        if (!c.Holds) return;

        int[]? batch = Shapes.Broadcast(Outer(a!), Outer(b!));
        (int rows, int depth1) = Last(a!, AdjX);
        (int depth2, int columns) = Last(b!, AdjY);
        c.Require(
            batch is not null && depth1 == depth2 && depth1 > 0,
            $"needs matrices that can be multiplied, and they have the shapes [{a!.Shape}] and [{b!.Shape}]");
        if (!c.Holds) return;
        c.Output(0).Shape([.. batch!, rows, columns]);
        c.Multiplier(Factor(c.Graph));
    }

    public override string Describe(Graph graph) => Name + (AdjX ? ", adj_x" : "") + (AdjY ? ", adj_y" : "");

    public override long Macs(Graph graph) => (long)graph[Outputs[0]].ElementCount * Last(graph[Inputs[0]], AdjX).Columns;

    // ---- reference ----
    public override void Reference(Values values)
    {
        Tensor a = values.Graph[Inputs[0]], b = values.Graph[Inputs[1]], output = values.Graph[Outputs[0]];
        int[] x = values.Integers(Inputs[0]), y = values.Integers(Inputs[1]), z = new int[output.ElementCount];
        Multiplier factor = Factor(values.Graph);
        (int rows, int depth) = Last(a, AdjX);
        int columns = Last(b, AdjY).Columns;
        (int[] shape, int[][] strides) = Batch(values.Graph);
        Shapes.ForEach(shape, strides, (_, at) =>
        {
            for (int row = 0; row < rows; row++)
            for (int column = 0; column < columns; column++)
            {
                int acc = 0;
                for (int i = 0; i < depth; i++)
                {
                    int p = x[at[1] + (AdjX ? (i * rows) + row : (row * depth) + i)] - a.ZeroPoint;
                    int q = y[at[2] + (AdjY ? (column * depth) + i : (i * columns) + column)] - b.ZeroPoint;
                    acc = unchecked(acc + (p * q));
                }

                z[at[0] + (row * columns) + column] = Requantization.Apply(acc, factor, output.ZeroPoint, (-128, 127));
            }
        });
        values.Set(Outputs[0], z);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor a = graph[Inputs[0]], b = graph[Inputs[1]];
        (int rows, int depth) = Last(a, AdjX);
        (int[] shape, int[][] strides) = Batch(graph);
        var kernel = new BatchMatMulKernel(
            Nest.Of(shape, strides), rows, depth, Last(b, AdjY).Columns, AdjX, AdjY, a.IsConstant, b.IsConstant, a.ZeroPoint, b.ZeroPoint,
            Factor(graph), graph[Outputs[0]].ZeroPoint, IsVectorised(graph, options), options.CheckOverflow);
        Table[] tables = [.. new[] { ("Input1", a), ("Input2", b) }.Where(x => x.Item2.IsConstant).Select(x => new Table(x.Item1, ElementType.Int8, x.Item2.Data!))];
        return new Layer(this, kernel, Inputs.Where(id => !graph[id].IsConstant).ToArray(), tables);
    }

    // Matrices so small take less time one product after the other.
    private const int LeastProducts = 256;

    // The vector kernel keeps columns of the second matrix widened: one block of them has to fit, several may.
    private const int Block = 16, MostScratch = 16 * 1024, MostDepth = 1024;

    private bool IsVectorised(Graph graph, CompileOptions options)
    {
        (int rows, int depth) = Last(graph[Inputs[0]], AdjX);
        Multiplier factor = Factor(graph);
        return options.Vectors && depth <= MostDepth && (long)rows * depth * Last(graph[Inputs[1]], AdjY).Columns >= LeastProducts
            && (factor.IsSingle || factor.Shift is <= -1 and >= -31);
    }

    private sealed record BatchMatMulKernel(
        Nest Matrices, int MatrixRows, int Depth, int Columns, bool AdjX, bool AdjY, bool IsConstant1, bool IsConstant2, int ZeroPoint1, int ZeroPoint2,
        Multiplier Factor, int OutputZeroPoint, bool IsVectorised, bool IsUnchecked) : Kernel
    {
        public override string Name => "BatchMatMul";

        // A column that does not lie in one piece is copied first, as long as it is short.
        private bool IsCopied => !AdjY && Depth <= 4096;

        private int ColumnsAtOnce => Block * Math.Min((Columns + Block - 1) / Block, Math.Max(1, MostScratch / (2 * Block * (Depth + 1))));

        public override int StackBytes => (IsCopied ? Depth : 0) + (IsVectorised ? (2 * (ColumnsAtOnce + 4) * (Depth + 1)) + 512 : 0);

        public override int CodeBytes => 470 + (IsVectorised ? 300 : 0);

        public override RuntimeKernels Calls => IsVectorised ? RuntimeKernels.MultiplyMatrices : RuntimeKernels.None;

        public override void Emit(CodeWriter w, string method)
        {
            string Parameters(bool constant) => string.Join(", ", new[]
            {
                IsConstant1 == constant ? "ReadOnlySpan<sbyte> input1" : "",
                IsConstant2 == constant ? "ReadOnlySpan<sbyte> input2" : "",
            }.Where(p => p.Length > 0));
            w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
            using (w.Method(method, Parameters(false), "Span<sbyte> output", Parameters(true)))
            {
                w.Line($"const int Rows = {MatrixRows}, Depth = {Depth}, Columns = {Columns};");
                w.Line($"const int ZeroPoint1 = {ZeroPoint1}, ZeroPoint2 = {ZeroPoint2}, OutputZeroPoint = {OutputZeroPoint};");
                w.Line(Requantization.Declaration(Factor));
                w.Line();
                if (IsCopied) w.Line("Span<sbyte> line = stackalloc sbyte[Depth];");
                using (w.Unchecked(IsUnchecked))
                {
                    Matrices.Emit(w, "o", () => EmitMatrix(w));
                }
            }
        }

        private void EmitMatrix(CodeWriter w)
        {
            w.Line($"ReadOnlySpan<sbyte> a = input1.Slice({Matrices.Offset(1, "o")}, Rows * Depth);");
            w.Line($"ReadOnlySpan<sbyte> b = input2.Slice({Matrices.Offset(2, "o")}, Depth * Columns);");
            w.Line($"Span<sbyte> product = output.Slice({Matrices.Offset(0, "o")}, Rows * Columns);");
            if (IsVectorised)
            {
                string Text(bool value) => value ? "true" : "false";
                using (w.Block("if (VectorKernels.IsSupported)"))
                {
                    w.Line("VectorKernels.MultiplyMatrices(");
                    w.Line($"    a, b, product, Depth, Columns, adjX: {Text(AdjX)}, adjY: {Text(AdjY)}, columnsAtOnce: {ColumnsAtOnce},");
                    w.Line($"    ZeroPoint1, ZeroPoint2, {(Factor.IsSingle ? "Scale" : "Multiplier, -Shift")}, OutputZeroPoint);");
                }

                w.Line("else");
                using (w.Block("")) EmitProducts(w);
                return;
            }

            EmitProducts(w);
        }

        private void EmitProducts(CodeWriter w)
        {
            using (w.Block("for (int column = 0; column < Columns; column++)"))
            {
                if (AdjY) w.Line("ReadOnlySpan<sbyte> line = b.Slice(column * Depth, Depth);");
                if (IsCopied) w.Line("for (int i = 0; i < Depth; i++) line[i] = b[(i * Columns) + column];");
                if (AdjY || IsCopied) w.Line();
                using (w.Block("for (int row = 0; row < Rows; row++)"))
                {
                    string tap = AdjX ? "a[(i * Rows) + row]" : "taps[i]", other = AdjY || IsCopied ? "line[i]" : "b[(i * Columns) + column]";
                    if (!AdjX) w.Line("ReadOnlySpan<sbyte> taps = a.Slice(row * Depth, Depth);");
                    w.Line("int acc = 0;");
                    w.Line($"for (int i = 0; i < Depth; i++) acc += ({tap} - ZeroPoint1) * ({other} - ZeroPoint2);");
                    w.Line($"int result = {Requantization.Scaled(Factor, "acc")} + OutputZeroPoint;");
                    w.Line("product[(row * Columns) + column] = (sbyte)FixedPoint.Clamp(result, -128, 127);");
                }
            }
        }
    }

    // The batch dimensions of the output, with the strides of the output and of both inputs.
    private (int[] Shape, int[][] Strides) Batch(Graph graph)
    {
        Tensor a = graph[Inputs[0]], b = graph[Inputs[1]], output = graph[Outputs[0]];
        int[] shape = Outer(output);
        int[] Strides(Tensor t) => [.. Shapes.BroadcastStrides(Outer(t), shape).Select(stride => stride * t.Shape[t.Shape.Count - 1] * t.Shape[t.Shape.Count - 2])];
        return (shape, [Strides(output), Strides(a), Strides(b)]);
    }

    private static int[] Outer(Tensor tensor) => [.. tensor.Shape.Take(tensor.Shape.Count - 2)];

    private static (int Rows, int Columns) Last(Tensor tensor, bool isSwapped)
    {
        int rows = tensor.Shape[tensor.Shape.Count - 2], columns = tensor.Shape[tensor.Shape.Count - 1];
        return isSwapped ? (columns, rows) : (rows, columns);
    }

    // GetQuantizedConvolutionMultipler.
    private Multiplier Factor(Graph graph) =>
        Xnnpack.Factors(graph[Inputs[0]], graph[Inputs[1]], graph[Outputs[0]], 1)?[0]
        ?? Multiplier.Of((float)(graph[Inputs[0]].Scale * graph[Inputs[1]].Scale) / (double)graph[Outputs[0]].Scale);
}
