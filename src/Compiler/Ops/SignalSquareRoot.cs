using System;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SignalFilterBankSquareRoot: the rounded square root of each UINT64, shifted right by input 1, as UINT32.</summary>
/// <remarks>signal/src/square_root_64.cc and square_root_32.cc of TFLite Micro: bit by bit. Numbers below 2^32 never round up to 2^16.</remarks>
internal sealed record SignalSquareRoot : Op
{
    public override string Name => "SignalFilterBankSquareRoot";

    // ---- import ----
    public static Op Import(OperatorReader r) => new SignalSquareRoot { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Type(ElementType.UInt64).Rank(1).Tensor;
        c.Input(1).Int32().Elements(1);
        c.Output(0).Type(ElementType.UInt32);
        if (c.Holds) c.Output(0).Shape(input!.Shape.ToArray());
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        int shift = values.Integers(Inputs[1])[0];
        values.Set(Outputs[0], Array.ConvertAll(values.Wide(Inputs[0]), x => unchecked((int)(Root(x) >> shift))));
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options) =>
        Elementwise.Layer(graph, this, "SignalSquareRoot", options, [], [], "SquareRoot({1}) >> {2}", null, """
            // The nearest whole number; it is found bit by bit from the highest one on.
            static uint SquareRoot(ulong x)
            {
                ulong root = 0, most = x >> 32 == 0 ? 0xFFFFul : 0xFFFFFFFFul;
                for (ulong bit = 1ul << 62; bit != 0; bit >>= 2)
                {
                    bool fits = x >= root + bit;
                    if (fits) x -= root + bit;
                    root = (root >> 1) + (fits ? bit : 0);
                }

                return (uint)(x > root && root != most ? root + 1 : root);
            }
            """);

    /// <summary>The whole number nearest to a square root; for 32-bit numbers at most 2^16 − 1, for others at most 2^32 − 1.</summary>
    private static uint Root(ulong x)
    {
        // The largest root whose square is not above x, from the estimate in double.
        ulong root = (ulong)Math.Sqrt(x);
        while (root > uint.MaxValue || root * root > x) root--;
        while (root < uint.MaxValue && (root + 1) * (root + 1) <= x) root++;
        ulong most = x >> 32 == 0 ? ushort.MaxValue : uint.MaxValue;
        return (uint)(x - (root * root) > root && root != most ? root + 1 : root);
    }
}
