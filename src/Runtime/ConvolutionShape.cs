using System;
using System.Runtime.CompilerServices;

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
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int ConvolutionPixels(int count) => Pixels(count, 2 * FilterHeight * InputChannels, Scratch);

    /// <summary>Widened rows that a convolution keeps for some output rows, so that those under the windows of several are widened once.</summary>
    internal int ConvolutionRows(int pixels, int rows) => FilterHeight > StrideY && ConvolutionPixels(pixels) == pixels
        ? Math.Max(FilterHeight, Math.Min(Scratch / (Columns(pixels) * InputChannels), Rows(rows)))
        : FilterHeight;

    /// <summary>Output pixels of which a depthwise convolution interleaves a vector of channels at a time.</summary>
    internal int DepthwisePixels(int count) => Pixels(count, 2 * DepthwiseColumn * DepthwiseSlots, 2 * Scratch);

    /// <summary>Bytes of a depthwise convolution's entries, the interleaved columns under the windows of some pixels: two planes for each pair of rows.</summary>
    /// <remarks>Vectors of several pixels read up to three columns beyond the last window; a plane and its half are whole vectors.</remarks>
    internal int DepthwiseEntries(int pixels) => DepthwiseSlots * DepthwiseSlotBytes(pixels);

    /// <summary>Bytes of the two planes of a pair of rows.</summary>
    internal int DepthwiseSlotBytes(int pixels) => 2 * ((((Columns(pixels) + 4) * DepthwiseColumn) + (2 * Alignment) - 1) / (2 * Alignment) * (2 * Alignment));

    // Bytes of a column in a plane: two of each channel, of 32 channels at most; a vector takes several pixels of 8 or 16 channels.
    private int DepthwiseColumn => InputChannels is 8 or 16 ? 2 * InputChannels : DepthwiseEntry / 2;

    /// <summary>Pairs of rows that a depthwise convolution keeps: those under a window, and the next one where output rows need one more at a time.</summary>
    internal int DepthwiseSlots => ((FilterHeight + 1) / 2) + (DepthwiseRowsAtOnce * StrideY == 2 ? 1 : 0);

    /// <summary>Pairs of taps of a depthwise convolution: of two rows, of two columns in a filter of one row.</summary>
    internal int DepthwisePairs => FilterHeight == 1 ? (FilterWidth + 1) / 2 : (FilterHeight + 1) / 2 * FilterWidth;

    /// <summary>Output rows of a depthwise convolution that share entries: an odd number of filter rows has a place left for one more.</summary>
    internal int DepthwiseRowsAtOnce
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => StrideY == 1 && FilterHeight % 2 == 1 && FilterHeight > 1 ? 2 : 1;
    }

    /// <summary>Bytes of two vectors with the most channels: of an interleaved column, of the weights of a pair of taps.</summary>
    internal const int DepthwiseEntry = 128;

    /// <summary>Pairs of vectors that a depthwise convolution keeps to requantise a block of channels.</summary>
    internal const int DepthwiseFactors = 3;

    // Bytes that describe a pair of taps.
    private const int DepthwiseTap = 20;

    /// <summary>Bytes of the widest vector.</summary>
    internal const int Alignment = 64;

    /// <summary>Bytes of stack that a convolution takes for some output rows, each of <paramref name="pixels"/> as the kernel sees it.</summary>
    internal int ConvolutionScratch(int pixels, int rows) =>
        2 * (((RunsDown(rows) ? Rows(rows) * Columns(OutputWidth) : ConvolutionRows(pixels, rows) * Columns(ConvolutionPixels(pixels))) * InputChannels) + 3);

    /// <summary>True when tiles of pixels below each other leave less over than those of neighbours, and all rows fit into the memory.</summary>
    internal bool RunsDown(int rows) =>
        OutputWidth * TileTime(rows) < rows * TileTime(OutputWidth) && 2L * Rows(rows) * Columns(OutputWidth) * InputChannels <= Scratch;

    /// <summary>Rows under the windows of output rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int Rows(int outputRows) => ((outputRows - 1) * StrideY) + FilterHeight;

    /// <summary>Bytes of stack that a depthwise convolution takes for windows of <paramref name="count"/> pixels.</summary>
    internal int DepthwiseScratch(int count) =>
        Alignment + DepthwiseEntries(DepthwisePixels(count)) + (((DepthwiseRowsAtOnce * DepthwisePairs) + DepthwiseFactors) * DepthwiseEntry)
        + (DepthwiseRowsAtOnce * DepthwisePairs * DepthwiseTap) + 32;

    /// <summary>Columns under the windows of neighbouring pixels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
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
    internal static int TileTime(int pixels)
    {
        int left = pixels % VectorTile;
        return pixels < 4 ? 2 * pixels : pixels - left + (left > 8 && pixels > VectorTile ? VectorTile : (left + 3) / 4 * 5);
    }

    // All pixels, or whole tiles of them.
    private int Pixels(int count, int columnBytes, int scratch)
    {
        int pixels = Fitting(scratch, columnBytes);
        if (pixels < VectorTile) pixels = Math.Min(Fitting(MostScratch, columnBytes), VectorTile);
        if (pixels >= count) return count;
        int tile = pixels >= VectorTile ? VectorTile : pixels >= 4 ? 4 : 1;
        return Math.Max(1, pixels / tile * tile);
    }

    // Pixels whose columns take so many bytes.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Fitting(int bytes, int columnBytes) => bytes / columnBytes < FilterWidth ? 0 : (((bytes / columnBytes) - FilterWidth) / StrideX) + 1;

    /// <summary>Pixels of the largest tile.</summary>
    private const int VectorTile = 12;

    /// <summary>Tiles of 2×2 outputs that are computed at a time.</summary>
    internal const int WinogradTiles = 16;

    /// <summary>Columns under so many tiles.</summary>
    internal const int WinogradColumns = (2 * WinogradTiles) + 2;

    /// <summary>Elements from the sums of a tile to those of the next one; not a power of two, which would share few places of the cache.</summary>
    internal const int WinogradSums = 17 * 16;

    /// <summary>Elements from the pixels of one position of all tiles to those of the next one.</summary>
    internal static int WinogradPixels(int depth) => (WinogradTiles * depth) + 32;

    /// <summary>Bytes of stack that a convolution by Winograd's transform takes: sums, pixels, rows, and what aligns them.</summary>
    internal int WinogradScratch =>
        (4 * WinogradTiles * WinogradSums) + (2 * 16 * WinogradPixels(InputChannels)) + (4 * WinogradColumns * InputChannels) + 64;

    /// <summary>Whether this is a 3×3 convolution of stride 1 whose channels fill vectors, and not so many that the memory is too much for a stack.</summary>
    internal bool HasWinograd(int channels) =>
        FilterHeight == 3 && FilterWidth == 3 && StrideX == 1 && StrideY == 1 && InputChannels % 2 == 0 && InputChannels is >= 16 and <= 128 && channels > 8;

    /// <summary>Whether so many output rows make enough tiles, and few of them are half outside the image.</summary>
    internal bool PaysWinograd(int rows)
    {
        int tiles = (OutputWidth + 1) / 2 * ((rows + 1) / 2);
        return tiles >= 4 && 2 * tiles < rows * OutputWidth;
    }
}
