using System;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>A mean or sum over all rows of an image as its rows arrive, some at a time: int32 sums that the caller keeps, and the result
/// with the last row.</summary>
/// <remarks>The sums are the same numbers in another order. Sum x of an output row is over <see cref="FilterWidth"/> pixels from x · stride on.</remarks>
/// <param name="Operator">The last part of the method's name.</param>
/// <param name="Lines">Statements on <c>acc</c>, a finished sum.</param>
/// <param name="Result">What is then stored.</param>
internal sealed record RowSum(
    string Operator, int InputRows, int InputWidth, int FilterWidth, int StrideX, int OutputWidth, int Channels, ElementType Type, int Start,
    EquatableArray<string> Constants, EquatableArray<string> Lines, string Result, bool IsUnchecked, bool IsVectorised) : Kernel
{
    public override string Name => Operator + "_Rows";

    public override int CodeBytes => 360;

    public override RuntimeKernels Calls => IsVectorised ? RuntimeKernels.AddPixels : RuntimeKernels.None;

    /// <summary>Sums of one image.</summary>
    public int Sums => OutputWidth * Channels;

    public override void Emit(CodeWriter w, string method)
    {
        string type = Type.Keyword();
        w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        using (w.Method(method, $"ReadOnlySpan<{type}> input, int rowBegin, int rowEnd, Span<int> sums, Span<{type}> output"))
        {
            w.Line($"const int Rows = {InputRows}, FilterWidth = {FilterWidth}, StrideX = {StrideX}, OutputWidth = {OutputWidth}, Channels = {Channels};");
            w.Line($"const int InputRow = {InputWidth} * Channels, Start = {Start};");
            foreach (string constant in Constants) w.Line(constant);
            w.Line();
            using (w.Unchecked(IsUnchecked))
            {
                w.Line("if (rowBegin == 0) sums.Fill(Start);");
                using (w.Block("for (int x = 0; x < OutputWidth; x++)"))
                {
                    w.Line($"ReadOnlySpan<{type}> window = input.Slice(x * StrideX * Channels);");
                    w.Line("Span<int> acc = sums.Slice(x * Channels, Channels);");
                    if (IsVectorised)
                    {
                        using (w.Block("if (VectorKernels.IsSupported)"))
                        {
                            w.Line("VectorKernels.AddPixels(window, InputRow, rowEnd - rowBegin, FilterWidth, acc);");
                            w.Line("continue;");
                        }

                        w.Line();
                    }

                    w.Line("for (int row = 0; row < rowEnd - rowBegin; row++)");
                    using (w.Block("for (int kx = 0; kx < FilterWidth; kx++)"))
                    {
                        w.Line($"ReadOnlySpan<{type}> pixel = window.Slice((row * InputRow) + (kx * Channels), Channels);");
                        w.Line("for (int c = 0; c < acc.Length; c++) acc[c] += pixel[c];");
                    }
                }

                w.Line();
                w.Line("if (rowEnd < Rows) return;");
                using (w.Block("for (int i = 0; i < sums.Length; i++)"))
                {
                    w.Line("int acc = sums[i];");
                    foreach (string line in Lines) w.Line(line);
                    w.Line($"output[i] = {Result};");
                }
            }
        }
    }

    /// <summary>The layer, or null where the operator's output is not a row of sums over all rows of its input.</summary>
    public static Layer? Layer(
        Graph graph, Op op, string name, Window2D window, int start, string[] constants, string[] lines, string result, CompileOptions options)
    {
        Tensor input = graph[op.Inputs[0]];
        bool isWhole = window.OutputHeight == 1 && window.FilterHeight == window.InputHeight && window.IsInside;
        if (!isWhole || input.Shape.Count != 4 || input.Shape[0] != 1) return null;
        var kernel = new RowSum(
            name, window.InputHeight, window.InputWidth, window.FilterWidth, window.StrideX, window.OutputWidth, input.Shape[3], input.Type, start,
            constants, lines, result, options.CheckOverflow,
            IsVectorised: options.Vectors && input.Type == ElementType.Int8 && input.Shape[3] is >= 4 and <= 4096);
        return new Layer(op, kernel, new[] { op.Inputs[0] }, Array.Empty<Table>());
    }
}
