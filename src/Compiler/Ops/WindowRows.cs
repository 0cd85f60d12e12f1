using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>The loop over output rows that convolutions and pools share: interior and border split, so that no test sits in a hot loop.</summary>
/// <remarks>
/// A kernel <c>…_Run</c> computes neighbouring output pixels from the elements at its first window: filter row ky begins
/// ky · rowStride elements further on. Windows inside the image are read in place. A window that reaches outside is copied
/// first, with <see cref="Fill"/> for what lies outside; then rowStride is the length of a filter row.
/// </remarks>
internal sealed record WindowRows
{
    public required Window2D Window { get; init; }

    public required int InputChannels { get; init; }

    public required int OutputChannels { get; init; }

    /// <summary>Groups of channels that are convolved separately; their windows are always copied.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>The type of input and output.</summary>
    public required ElementType Type { get; init; }

    /// <summary>The stored value outside the image: the zero point for a convolution, the smallest number for a maximum.</summary>
    public required int Fill { get; init; }

    /// <summary>The run kernel asks how many taps lie inside the image (average).</summary>
    public bool CountsTaps { get; init; }

    /// <summary>True when every window lies inside the image and can be read in place.</summary>
    public bool HasNoBorder => Groups == 1 && !Window.IsDilated && Window.IsInside;

    public int StackBytes => HasNoBorder ? 0 : Window.Taps * InputChannels / Groups * Type.Size();

    /// <summary>Estimated bytes of the row method.</summary>
    public int CodeBytes => Window.IsPointwise && Groups == 1 ? 107 : HasNoBorder ? 200 : HasInterior ? 920 : 560;

    /// <summary>The same for the vector kernels.</summary>
    public ConvolutionShape Shape => new(
        Window.InputHeight, Window.InputWidth, InputChannels, Window.FilterHeight, Window.FilterWidth,
        Window.StrideY, Window.StrideX, Window.PadTop, Window.PadLeft, Window.OutputWidth);

    /// <summary>The most stack that a vector kernel takes for a call of any number of rows: fewer may take more than all.</summary>
    /// <param name="rows">Output rows.</param>
    /// <param name="scratch">The kernel's stack for so many output rows; rows that follow each other without a gap are one row of another shape.</param>
    public static int MostScratch(ConvolutionShape shape, int rows, Func<ConvolutionShape, int, int> scratch) => Enumerable.Range(1, rows).Max(
        some => shape.IsOneRow(some, 0, 0, out ConvolutionShape row) ? scratch(row, 1) : scratch(shape, some));

    private bool HasInterior => Groups == 1 && !Window.IsDilated
        && Window.InteriorColumns.Begin < Window.InteriorColumns.End && Window.InteriorRows.Begin < Window.InteriorRows.End;

    private string Element => Type.Keyword();

    /// <summary>Writes the row method. <paramref name="parameters"/> and <paramref name="arguments"/> pass the tables on.</summary>
    /// <param name="vectorCall">Writes what comes first: the call of a vector kernel with the method's rows.</param>
    public void Emit(CodeWriter w, string method, string parameters, string arguments, Action<string>? vectorCall = null)
    {
        using (w.Method(method, $"ReadOnlySpan<{Element}> input, int inputTop, Span<{Element}> output, int rowBegin, int rowEnd", parameters))
        {
            vectorCall?.Invoke("input, inputTop, output, rowBegin, rowEnd");
            if (Window.IsPointwise && Groups == 1) EmitPointwise(w, method, arguments);
            else EmitWindows(w, method, arguments);
        }
    }

    private void EmitPointwise(CodeWriter w, string method, string arguments)
    {
        w.Line($"const int Width = {Window.OutputWidth}, InputChannels = {InputChannels}, OutputChannels = {OutputChannels};");
        w.Line();
        w.Line("// One tap: rows follow each other without a gap.");
        w.Line("int pixels = (rowEnd - rowBegin) * Width;");
        w.Line("input = input.Slice((rowBegin - inputTop) * Width * InputChannels, pixels * InputChannels);");
        w.Line($"{method}_Run(input, 0, output.Slice(0, pixels * OutputChannels){(CountsTaps ? ", 1" : "")}{(arguments.Length > 0 ? ", " + arguments : "")});");
    }

    private void EmitWindows(CodeWriter w, string method, string arguments)
    {
        Window2D g = Window;
        bool inPlace = Groups == 1 && !g.IsDilated;
        (int interiorBegin, int interiorEnd) = inPlace ? g.InteriorColumns : (g.OutputWidth, g.OutputWidth);

        w.Line($"const int InputHeight = {g.InputHeight}, InputWidth = {g.InputWidth}, InputChannels = {InputChannels};");
        w.Line($"const int OutputWidth = {g.OutputWidth}, OutputChannels = {OutputChannels};");
        w.Line($"const int FilterHeight = {g.FilterHeight}, FilterWidth = {g.FilterWidth}, StrideY = {g.StrideY}, StrideX = {g.StrideX};");
        w.Line($"const int PadTop = {g.PadTop}, PadLeft = {g.PadLeft};");
        if (g.IsDilated) w.Line($"const int DilationY = {g.DilationY}, DilationX = {g.DilationX};");
        if (!HasNoBorder) w.Line($"const {Element} Outside = {Fill};");
        if (Groups > 1) w.Line($"const int Groups = {Groups}, GroupInputs = InputChannels / Groups, GroupOutputs = OutputChannels / Groups;");
        if (HasInterior && !HasNoBorder) w.Line($"const int InteriorBegin = {interiorBegin}, InteriorEnd = {interiorEnd}; // columns whose windows lie inside the image");
        string depth = Groups > 1 ? "GroupInputs" : "InputChannels";
        w.Line($"const int InputRow = InputWidth * InputChannels, OutputRow = OutputWidth * OutputChannels, WindowRow = FilterWidth * {depth};");
        w.Line();
        if (!HasNoBorder) w.Line($"Span<{Element}> window = stackalloc {Element}[FilterHeight * WindowRow];");
        using (w.Block("for (int oy = rowBegin; oy < rowEnd; oy++)"))
        {
            w.Line("int top = (oy * StrideY) - PadTop;");
            w.Line($"Span<{Element}> outputRow = output.Slice((oy - rowBegin) * OutputRow, OutputRow);");
            if (HasNoBorder)
            {
                w.Line($"int left = ((top - inputTop) * InputRow) - (PadLeft * InputChannels);");
                w.Line("int length = ((FilterHeight - 1) * InputRow) + ((((OutputWidth - 1) * StrideX) + FilterWidth) * InputChannels);");
                w.Line($"{method}_Run(input.Slice(left, length), InputRow, outputRow{(CountsTaps ? ", FilterHeight * FilterWidth" : "")}{(arguments.Length > 0 ? ", " + arguments : "")});");
                return;
            }

            if (HasInterior)
            {
                w.Line("bool isInside = top >= 0 && top + FilterHeight <= InputHeight;");
            }

            using (w.Block("for (int ox = 0; ox < OutputWidth; ox++)"))
            {
                w.Line("int left = (ox * StrideX) - PadLeft;");
                if (HasInterior)
                {
                    using (w.Block("if (isInside && ox == InteriorBegin)"))
                    {
                        w.Line("const int Count = InteriorEnd - InteriorBegin;");
                        w.Line("int first = ((top - inputTop) * InputRow) + (left * InputChannels);");
                        w.Line("int length = ((FilterHeight - 1) * InputRow) + ((((Count - 1) * StrideX) + FilterWidth) * InputChannels);");
                        w.Line($"Span<{Element}> pixels = outputRow.Slice(ox * OutputChannels, Count * OutputChannels);");
                        w.Line($"{method}_Run(input.Slice(first, length), InputRow, pixels{(CountsTaps ? ", FilterHeight * FilterWidth" : "")}{(arguments.Length > 0 ? ", " + arguments : "")});");
                        w.Line("ox = InteriorEnd - 1;");
                        w.Line("continue;");
                    }

                    w.Line();
                }

                if (Groups > 1)
                {
                    using (w.Block("for (int group = 0; group < Groups; group++)"))
                    {
                        EmitCopy(w, " + (group * GroupInputs)");
                        w.Line($"Span<{Element}> pixel = outputRow.Slice((ox * OutputChannels) + (group * GroupOutputs), GroupOutputs);");
                        w.Line($"{method}_Run(window, WindowRow, pixel, group{(arguments.Length > 0 ? ", " + arguments : "")});");
                    }
                }
                else
                {
                    EmitCopy(w, "");
                    w.Line($"Span<{Element}> pixel = outputRow.Slice(ox * OutputChannels, OutputChannels);");
                    w.Line($"{method}_Run(window, WindowRow, pixel{(CountsTaps ? ", taps" : "")}{(arguments.Length > 0 ? ", " + arguments : "")});");
                }
            }
        }
    }

    // Copies the window at (top, left) and fills what lies outside the image.
    private void EmitCopy(CodeWriter w, string channel)
    {
        string depth = Groups > 1 ? "GroupInputs" : "InputChannels";
        w.Line("window.Fill(Outside);");
        if (CountsTaps) w.Line("int taps = 0;");
        if (!Window.IsDilated && Groups == 1)
        {
            w.Line("int begin = Math.Max(0, -left), end = Math.Min(FilterWidth, InputWidth - left);");
            using (w.Block("for (int ky = Math.Max(0, -top); begin < end && ky < FilterHeight && top + ky < InputHeight; ky++)"))
            {
                w.Line("int source = ((top - inputTop + ky) * InputRow) + ((left + begin) * InputChannels);");
                w.Line("input.Slice(source, (end - begin) * InputChannels).CopyTo(window.Slice((ky * WindowRow) + (begin * InputChannels)));");
                if (CountsTaps) w.Line("taps += end - begin;");
            }

            w.Line();
            return;
        }

        string dilationY = Window.IsDilated ? "(ky * DilationY)" : "ky", dilationX = Window.IsDilated ? "(kx * DilationX)" : "kx";
        w.Line("for (int ky = 0; ky < FilterHeight; ky++)");
        using (w.Block("for (int kx = 0; kx < FilterWidth; kx++)"))
        {
            w.Line($"int iy = top + {dilationY}, ix = left + {dilationX};");
            w.Line("if (iy < 0 || iy >= InputHeight || ix < 0 || ix >= InputWidth) continue;");
            w.Line($"int source = ((iy - inputTop) * InputRow) + (ix * InputChannels){channel};");
            w.Line($"input.Slice(source, {depth}).CopyTo(window.Slice((ky * WindowRow) + (kx * {depth})));");
        }

        w.Line();
    }
}
