using System;

namespace Etch;

/// <summary>A window slid over rows and columns, as the vector kernels take it: all counts in pixels.</summary>
/// <param name="InputHeight">Rows of the image.</param>
/// <param name="InputWidth">Columns of the image.</param>
/// <param name="InputChannels">Bytes of a pixel of the image.</param>
/// <param name="FilterHeight">Rows of the window.</param>
/// <param name="FilterWidth">Columns of the window.</param>
/// <param name="StrideY">Rows between the windows of neighbouring output rows.</param>
/// <param name="StrideX">Columns between the windows of neighbouring output pixels.</param>
/// <param name="PadTop">Rows between the top of the first window and the top of the image.</param>
/// <param name="PadLeft">Columns between the left edge of the first window and that of the image.</param>
/// <param name="OutputWidth">Windows in a row.</param>
#if ETCH_COMPILER
internal
#else
public
#endif
readonly record struct ConvolutionShape(
    int InputHeight, int InputWidth, int InputChannels, int FilterHeight, int FilterWidth,
    int StrideY, int StrideX, int PadTop, int PadLeft, int OutputWidth)
{
    // What is widened at a time shares the first-level cache with a block of weights; wide images with many channels take more.
    private const int Scratch = 8 * 1024, MostScratch = 32 * 1024;

    /// <summary>Output pixels whose windows a convolution widens at a time.</summary>
    internal int ConvolutionPixels(int count) => Pixels(count, 2 * FilterHeight * InputChannels);

    /// <summary>Output pixels of which a depthwise convolution interleaves a vector of channels at a time.</summary>
    internal int DepthwisePixels(int count) => Pixels(count, DepthwiseEntry * ((FilterHeight + 1) / 2));

    /// <summary>Entries of a depthwise convolution: interleaved columns under the windows of some pixels.</summary>
    internal int DepthwiseEntries(int pixels) => (FilterHeight + 1) / 2 * (Columns(pixels) + 1);

    /// <summary>Pairs of taps of a depthwise convolution: of two rows, of two columns in a filter of one row.</summary>
    internal int DepthwisePairs => FilterHeight == 1 ? (FilterWidth + 1) / 2 : (FilterHeight + 1) / 2 * FilterWidth;

    /// <summary>Output rows of a depthwise convolution that share entries: an odd number of filter rows has a place left for one more.</summary>
    internal int DepthwiseRowsAtOnce => StrideY == 1 && FilterHeight % 2 == 1 && FilterHeight > 1 ? 2 : 1;

    /// <summary>Bytes of an entry with the most channels.</summary>
    internal const int DepthwiseEntry = 128;

    /// <summary>Bytes of stack that a convolution takes for some output rows, each of <paramref name="pixels"/> as the kernel sees it.</summary>
    internal int ConvolutionScratch(int pixels, int rows) =>
        2 * (((RunsDown(rows) ? Rows(rows) * Columns(OutputWidth) : FilterHeight * Columns(ConvolutionPixels(pixels))) * InputChannels) + 1);

    /// <summary>True when tiles of pixels below each other leave less over than those of neighbours, and all rows fit into the memory.</summary>
    internal bool RunsDown(int rows) =>
        OutputWidth * TileTime(rows) < rows * TileTime(OutputWidth) && 2L * Rows(rows) * Columns(OutputWidth) * InputChannels <= Scratch;

    /// <summary>Rows under the windows of output rows.</summary>
    internal int Rows(int outputRows) => ((outputRows - 1) * StrideY) + FilterHeight;

    /// <summary>Bytes of stack that a depthwise convolution takes for windows of <paramref name="count"/> pixels.</summary>
    internal int DepthwiseScratch(int count) => (DepthwiseEntries(DepthwisePixels(count)) * DepthwiseEntry) + (DepthwiseRowsAtOnce * DepthwisePairs * (DepthwiseEntry + 12)) + 32;

    /// <summary>Columns under the windows of neighbouring pixels.</summary>
    internal int Columns(int pixels) => ((pixels - 1) * StrideX) + FilterWidth;

    /// <summary>
    /// The same convolution with the rows that follow each other without a gap as one row: all of a pointwise convolution, and a
    /// column of pixels. <paramref name="rows"/> output rows from <paramref name="first"/> on become pixels of row 0.
    /// </summary>
    internal bool IsOneRow(int rows, int first, int inputTop, out ConvolutionShape row)
    {
        // A filter row of an odd number of taps is padded, so that the rows of an odd number of channels do not follow each other.
        if (InputWidth == 1 && FilterWidth == 1 && PadLeft == 0 && OutputWidth == 1 && InputChannels % 2 == 0)
        {
            // The image as the caller has it begins at inputTop; its first window begins at first · StrideY − PadTop.
            row = new ConvolutionShape(1, InputHeight - inputTop, InputChannels, 1, FilterHeight, 1, StrideY, 0, PadTop + inputTop - (first * StrideY), rows);
            return true;
        }

        if (FilterHeight == 1 && FilterWidth == 1 && StrideX == 1 && StrideY == 1 && PadTop == 0 && PadLeft == 0 && OutputWidth == InputWidth)
        {
            row = new ConvolutionShape(1, (first - inputTop + rows) * InputWidth, InputChannels, 1, 1, 1, 1, 0, (inputTop - first) * InputWidth, rows * InputWidth);
            return true;
        }

        row = default;
        return false;
    }

    // What a run of pixels takes, in units of a pixel of the largest tile.
    private static int TileTime(int pixels)
    {
        int left = pixels % VectorTile;
        return pixels < 4 ? 2 * pixels : pixels - left + (left > 8 && pixels > VectorTile ? VectorTile : (left + 3) / 4 * 5);
    }

    // All pixels, or whole tiles of them.
    private int Pixels(int count, int columnBytes)
    {
        int pixels = Fitting(Scratch, columnBytes);
        if (pixels < VectorTile) pixels = Math.Min(Fitting(MostScratch, columnBytes), VectorTile);
        if (pixels >= count) return count;
        int tile = pixels >= VectorTile ? VectorTile : pixels >= 4 ? 4 : 1;
        return Math.Max(1, pixels / tile * tile);
    }

    // Pixels whose columns take so many bytes.
    private int Fitting(int bytes, int columnBytes) => bytes / columnBytes < FilterWidth ? 0 : (((bytes / columnBytes) - FilterWidth) / StrideX) + 1;

    /// <summary>Pixels of the largest tile.</summary>
    private const int VectorTile = 12;
}
