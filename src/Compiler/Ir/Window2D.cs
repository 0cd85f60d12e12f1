using System;

namespace Etch.Ir;

/// <summary>How far a window reaches outside the image.</summary>
/// <param name="IsSame">SAME of the schema: as much as keeps ⌈input / stride⌉ outputs.</param>
/// <param name="Extra">Rows and columns of zero point that <c>FusePad</c> put around the image: top, bottom, left, right.</param>
internal sealed record Padding(bool IsSame, (int Top, int Bottom, int Left, int Right) Extra);

/// <summary>The geometry that convolutions and pools share: a window of filter taps slid over rows and columns.</summary>
internal sealed record Window2D
{
    public required int InputHeight { get; init; }

    public required int InputWidth { get; init; }

    public required int FilterHeight { get; init; }

    public required int FilterWidth { get; init; }

    public required int StrideY { get; init; }

    public required int StrideX { get; init; }

    public int DilationY { get; init; } = 1;

    public int DilationX { get; init; } = 1;

    public required int OutputHeight { get; init; }

    public required int OutputWidth { get; init; }

    /// <summary>Rows between the top of the first window and the top of the image.</summary>
    public required int PadTop { get; init; }

    public required int PadLeft { get; init; }

    /// <summary>The most bytes of a window that reaches outside the image: it is copied to the stack.</summary>
    public const int MaxCopiedBytes = 1 << 18;

    public int Taps => FilterHeight * FilterWidth;

    /// <summary>True when every window lies inside the image.</summary>
    public bool IsInside => InteriorRows == (0, OutputHeight) && InteriorColumns == (0, OutputWidth);

    public bool IsPointwise => Taps == 1 && PadTop == 0 && PadLeft == 0 && StrideX == 1 && StrideY == 1;

    public bool IsDilated => DilationX > 1 || DilationY > 1;

    /// <summary>First output column whose window lies inside the image, and the first after those.</summary>
    public (int Begin, int End) InteriorColumns => Interior(InputWidth, FilterWidth, StrideX, DilationX, PadLeft, OutputWidth);

    /// <summary>First output row whose window lies inside the image, and the first after those.</summary>
    public (int Begin, int End) InteriorRows => Interior(InputHeight, FilterHeight, StrideY, DilationY, PadTop, OutputHeight);

    /// <summary>The geometry of an operator on NHWC <paramref name="input"/>; ComputePaddingHeightWidth of TFLite.</summary>
    public static Window2D Of(Tensor input, int filterHeight, int filterWidth, WindowOptions options)
    {
        (int Top, int Bottom, int Left, int Right) extra = options.Padding.Extra;
        (int rows, int top) = Axis(input.Shape[1], filterHeight, options.StrideY, options.DilationY, options.Padding.IsSame, extra.Top, extra.Bottom);
        (int columns, int left) = Axis(input.Shape[2], filterWidth, options.StrideX, options.DilationX, options.Padding.IsSame, extra.Left, extra.Right);
        return new Window2D
        {
            InputHeight = input.Shape[1],
            InputWidth = input.Shape[2],
            FilterHeight = filterHeight,
            FilterWidth = filterWidth,
            StrideY = options.StrideY,
            StrideX = options.StrideX,
            DilationY = options.DilationY,
            DilationX = options.DilationX,
            OutputHeight = rows,
            OutputWidth = columns,
            PadTop = top,
            PadLeft = left,
        };
    }

    /// <summary><c>3×3, stride 2×2, SAME, dilation 2×2</c></summary>
    public string Describe(WindowOptions options)
    {
        string padding = options.Padding.IsSame ? "SAME" : "VALID";
        string extra = options.Padding.Extra == default ? "" : $" after PAD {options.Padding.Extra.Top}, {options.Padding.Extra.Bottom}, {options.Padding.Extra.Left}, {options.Padding.Extra.Right}";
        string dilation = IsDilated ? $", dilation {DilationY}×{DilationX}" : "";
        return $"{FilterHeight}×{FilterWidth}, stride {StrideY}×{StrideX}, {padding}{extra}{dilation}";
    }

    private static (int Outputs, int Before) Axis(int size, int filter, int stride, int dilation, bool same, int extraBefore, int extraAfter)
    {
        long padded = (long)size + extraBefore + extraAfter;
        long reach = ((filter - 1L) * dilation) + 1;
        long outputs = same ? (padded + stride - 1) / stride : (padded + stride - reach) / stride;
        long total = Math.Max(0, ((outputs - 1) * stride) + reach - padded);

        // A window that would leave 32-bit geometry gives no output: the contract on the output's shape then fails.
        return outputs > 0 && total < 1 << 30 ? ((int)outputs, (int)(total / 2) + extraBefore) : (0, 0);
    }

    private static (int Begin, int End) Interior(int size, int filter, int stride, int dilation, int before, int outputs)
    {
        long reach = ((filter - 1L) * dilation) + 1, last = size + before - reach;
        int begin = Math.Min(outputs, (before + stride - 1) / stride);
        int end = last < 0 ? 0 : (int)(last / stride) + 1;
        return (begin, Math.Max(begin, Math.Min(outputs, end)));
    }
}

/// <summary>The window's options in the file.</summary>
internal sealed record WindowOptions
{
    public required Padding Padding { get; init; }

    public required int StrideY { get; init; }

    public required int StrideX { get; init; }

    public int DilationY { get; init; } = 1;

    public int DilationX { get; init; } = 1;

    /// <summary>Numbers are positive and small enough for 32-bit geometry.</summary>
    public bool IsValid => Small(StrideY) && Small(StrideX) && Small(DilationY) && Small(DilationX);

    private static bool Small(int n) => n is > 0 and < 0x8000;
}
