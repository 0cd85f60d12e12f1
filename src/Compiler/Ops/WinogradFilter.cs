using Etch.Ir;

namespace Etch.Ops;

/// <summary>3×3 filters as Winograd's F(2×2, 3×3) takes them: 2G g 2Gᵀ, four times the transform, which keeps it in integers.</summary>
/// <remarks>
/// In blocks of 16 output channels, the last one filled up with zeros; in a block for each of the 16 positions of a tile, row by row, and each pair
/// of input channels, the two weights of each output channel side by side. Of weights in INT8 none is above 1,152 in magnitude.
/// </remarks>
internal static class WinogradFilter
{
    private const int Lanes = 16, Side = 4;

    /// <summary>The table of a layer.</summary>
    /// <param name="filter">OHWI, 3×3, of an even number of input channels.</param>
    public static Table Transform(int[] filter, int outputs, int depth)
    {
        short[] table = new short[(outputs + Lanes - 1) / Lanes * Lanes * Side * Side * depth];
        int[] columns = new int[Side * 3];
        for (int oc = 0; oc < outputs; oc++)
        for (int ic = 0; ic < depth; ic++)
        {
            int first = (oc * 9 * depth) + ic;
            for (int x = 0; x < 3; x++)
            {
                int at = first + (x * depth);
                for (int y = 0; y < Side; y++) columns[(y * 3) + x] = Combine(y, filter[at], filter[at + (3 * depth)], filter[at + (6 * depth)]);
            }

            for (int y = 0; y < Side; y++)
            for (int x = 0; x < Side; x++)
            {
                int position = (oc / Lanes * Side * Side) + (y * Side) + x, pair = (position * depth / 2) + (ic / 2);
                table[(((pair * Lanes) + (oc % Lanes)) * 2) + (ic % 2)] = (short)Combine(x, columns[y * 3], columns[(y * 3) + 1], columns[(y * 3) + 2]);
            }
        }

        return Table.Of("Transformed", table);
    }

    // A row of 2G times a column: (2, 0, 0), (1, 1, 1), (1, −1, 1), (0, 0, 2).
    private static int Combine(int row, int a, int b, int c) => row switch
    {
        0 => 2 * a,
        1 => a + b + c,
        2 => a - b + c,
        _ => 2 * c,
    };
}
