using System;
using System.Linq;
using Etch.Ir;

namespace Etch.Tests;

/// <summary>The operators of the audio front end against values worked out by hand from the fixed-point formulas of TensorFlow Lite Micro's signal library,
/// in the reference semantics and in emitted code.</summary>
public sealed class SignalValueTests
{
    private const ElementType I16 = ElementType.Int16, U32 = ElementType.UInt32;

    // Products of 32 bits: fractions go down, what lies beyond int16 to its ends.
    [Theory]
    [InlineData(12, new[] { 1000, 3, -1, -3, 32767, -32768 }, new[] { 4096, 2048, 1, 2048, 32767, 32767 }, new[] { 1000, 1, -1, -2, 32767, -32768 })]
    [InlineData(0, new[] { 7, -7 }, new[] { 1, 2 }, new[] { 7, -14 })]
    public void Window(int shift, int[] x, int[] window, int[] expected) => Check(
        "SignalWindow", [(I16, x)], [(I16, expected)], b => [b.Tensor("window", I16, [window.Length], null, Values.Bytes(I16, window))], ("shift", shift));

    [Theory]
    [InlineData(new[] { 3, -5, 0 }, new[] { 12_288, -20_480, 0 }, 12)]
    [InlineData(new[] { 16_384, 1 }, new[] { 16_384, 1 }, 0)]
    [InlineData(new[] { -16_383, 1 }, new[] { -32_766, 2 }, 1)]
    [InlineData(new[] { 0, 0 }, new[] { 0, 0 }, 0)]
    [InlineData(new[] { -32_768, 1 }, new[] { 0, 16_384 }, 14)] // the magnitude of −32768 is negative
    public void AutoScale(int[] x, int[] expected, int shift) => Check(
        "SignalFftAutoScale", [(I16, x)], [(I16, expected), (ElementType.Int32, [shift])], _ => []);

    [Theory]
    [InlineData(0, 3, new[] { 25, int.MinValue, 1 })]
    [InlineData(1, 2, new[] { 0, int.MinValue, 0 })]
    public void Energy(int start, int end, int[] expected) => Check(
        "SignalEnergy", [(I16, [3, 4, -32768, -32768, 0, -1])], [(U32, expected)], _ => [], ("start_index", start), ("end_index", end));

    // Channel 1: what channel 0 leaves, 1 · 5, and 20 · 6 + 30 · 7; channel 2: 2 · 6 + 3 · 7 and 40 · 8. Then the square roots 18.3 and 18.79; halved.
    [Theory]
    [InlineData(0, new[] { 18, 19 })]
    [InlineData(1, new[] { 9, 9 })]
    public void Filter_bank_and_square_root(int shift, int[] expected)
    {
        var b = new TfliteBuilder();
        int Table(string name, params int[] values) => b.Tensor(name, I16, [values.Length], null, Values.Bytes(I16, values));
        int x = b.Tensor("energies", U32, [4]), bits = b.Tensor("shift", ElementType.Int32, []), sums = b.Tensor("sums", ElementType.UInt64, [2]), y = b.Tensor("y", U32, [2]);
        b.Custom(
            "SignalFilterBank", [x, Table("weights", 10, 20, 30, 40), Table("rests", 1, 2, 3, 4), Table("from", 0, 1, 3), Table("starts", 0, 1, 3), Table("widths", 1, 2, 1)],
            [sums], ("num_channels", 2));
        b.Custom("SignalFilterBankSquareRoot", [sums, bits], [y]);
        b.Ports([x, bits], [y]);
        byte[] file = b.Build();
        Assert.Equal([335ul, 353ul], Engines.Reference(Agreement.Import(file), [Values.Bytes(U32, new[] { 5, 6, 7, 8 }), BitConverter.GetBytes(shift)]).Wide(sums));
        Check(file, [Values.Bytes(U32, new[] { 5, 6, 7, 8 }), BitConverter.GetBytes(shift)], [Values.Bytes(U32, expected)]);
    }

    // Rounded to the nearest: 12 lies below 3.5², 13 above. Numbers of 32 bits stay below 2^16, others below 2^32.
    [Fact]
    public void Square_roots()
    {
        (int Energy, short Weight, int Root)[] cases =
        [
            (0, 1, 0), (1, 1, 1), (2, 1, 1), (3, 1, 2), (6, 1, 2), (7, 1, 3), (12, 1, 3), (13, 1, 4), (-1, 1, 65_535), (1 << 30, 4, 65_536), (int.MinValue, 32_767, 8_388_480),
        ];
        foreach ((int energy, short weight, int root) in cases)
        {
            var b = new TfliteBuilder();
            int Table(string name, params int[] values) => b.Tensor(name, I16, [values.Length], null, Values.Bytes(I16, values));
            int x = b.Tensor("energy", U32, [1]), bits = b.Tensor("shift", ElementType.Int32, []), sums = b.Tensor("sums", ElementType.UInt64, [1]), y = b.Tensor("y", U32, [1]);
            b.Custom("SignalFilterBank", [x, Table("w", weight), Table("r", 0), Table("f", 0, 0), Table("s", 0, 0), Table("n", 0, 1)], [sums], ("num_channels", 1));
            b.Custom("SignalFilterBankSquareRoot", [sums, bits], [y]);
            b.Ports([x, bits], [y]);
            Check(b.Build(), [BitConverter.GetBytes(energy), new byte[4]], [BitConverter.GetBytes(root)]);
        }
    }

    // Factors of 1/16; even channels take a quarter of the energy, odd ones a half. First 200/4 and 200/2; then (20 · 4 + 50 · 12)/16 = 42.5, which is above
    // the energy of 20 and leaves the least share 10 · 2/16, and 100/2, above 0.
    [Theory]
    [InlineData(false, new[] { 42, 50 })]
    [InlineData(true, new[] { 20, 0 })]
    public void Spectral_subtraction(bool isClamping, int[] estimate)
    {
        var b = new TfliteBuilder();
        int x = b.Tensor("x", U32, [2]), y = b.Tensor("y", U32, [2]), noise = b.Tensor("noise", U32, [2]);
        b.Custom(
            "SignalFilterBankSpectralSubtraction", [x], [y, noise], ("num_channels", 2), ("spectral_subtraction_bits", 4), ("smoothing_bits", 1), ("clamping", isClamping),
            ("smoothing", 4), ("one_minus_smoothing", 12), ("alternate_smoothing", 8), ("alternate_one_minus_smoothing", 8), ("min_signal_remaining", 2));
        b.Ports([x], [y, noise]);
        Check(b.Build(), [[100, 100], [10, 0]], [[[75, 50], [50, 100]], [[1, 0], estimate]]);
    }

    // Gains for noise 0, 1, 2; then a polynomial: for 12 = 1.5 · 2^3 of (200 + (−301 · 512 >> 10)) · 512 >> 10 … rounded, 25 above 50; for 1.5 · 2^16 32 above 4.
    [Fact]
    public void Pcan()
    {
        int[] gains = new int[125];
        (gains[0], gains[1], gains[2]) = (1, 8, 100);
        (gains[10], gains[11], gains[12]) = (50, 200, -301);
        (gains[62], gains[63], gains[64]) = (4, 64, 0);
        int[] noise = [1, 2, 1, 0, 12, 1 << 16, 3 << 15], x = [2048, 1000, 4096, 32_764, 1000, 3000, 1000];
        Check(
            "SignalPCAN", [(U32, x), (U32, noise)], [(U32, [16, 326, 64, 63, 228, 8, 76])],
            b => [b.Tensor("gains", I16, [125], null, Values.Bytes(I16, gains))], ("snr_shift", 2));
    }

    // ln 2 = 45426/65536; 1601 · 45426 / 65536 = 1109.7; log2 3 = 103872/65536 by the table. A product of scale and logarithm is cut to 32 bits.
    [Theory]
    [InlineData(1600, 0, new[] { 0, 1, 2, 3, 4 }, new[] { 0, 0, 1109, 1758, 2218 })]
    [InlineData(1601, 1, new[] { 0, 1, 2 }, new[] { 0, 1110, 2219 })]
    [InlineData(2900, 0, new[] { 1 << 16, int.MinValue }, new[] { 32_162, 32_767 })]
    public void Logarithm(int scale, int bits, int[] x, int[] expected) => Check(
        "SignalFilterBankLog", [(U32, x)], [(I16, expected)], _ => [], ("output_scale", scale), ("input_correction_bits", bits));

    // The library's table is hardly interpolated between its points: up to 224/65536 of a binary logarithm are missing or too much.
    [Fact]
    public void Logarithms_are_near_the_real_ones()
    {
        int[] x = [.. Enumerable.Range(2, 2000), .. Enumerable.Range(1, 300).Select(i => i * 14_000_001)];
        Graph graph = Agreement.Import(One("SignalFilterBankLog", [(U32, x)], [(I16, x)], _ => [], ("output_scale", 1400), ("input_correction_bits", 0)));
        int[] y = Engines.Reference(graph, [Values.Bytes(U32, x)]).Integers(graph.Outputs[0]);
        for (int i = 0; i < x.Length; i++) Assert.InRange(y[i] - (1400 * Math.Log(unchecked((uint)x[i]))), -4, 3);
    }

    // 8000 all along, up and down, and a sine of one period: all in one line of the spectrum, a quarter of the sum.
    [Theory]
    [InlineData(new[] { 8000, 8000, 8000, 8000 }, new[] { 8000, 0, 0, 0, 0, 0 })]
    [InlineData(new[] { 8000, -8000, 8000, -8000 }, new[] { 0, 0, 0, 0, 8000, 0 })]
    [InlineData(new[] { 0, 8000, 0, -8000 }, new[] { 0, 0, 0, -4000, 0, 0 })]
    [InlineData(new[] { 8000, 8000 }, new[] { 4000, 0, 2000, -2000, 0, 0 })]
    public void Fourier(int[] x, int[] expected) => Check("SignalRfft", [(I16, x)], [(I16, expected)], _ => [], ("T", 7), ("fft_length", 4));

    [Theory]
    [InlineData(8)]
    [InlineData(64)]
    [InlineData(512)]
    public void Fourier_is_near_the_real_one(int length)
    {
        var draw = new Draw((uint)length);
        int[] x = [.. Enumerable.Range(0, length).Select(_ => draw.Int(-32768, 32767))], y = new int[length + 2];
        Graph graph = Agreement.Import(One("SignalRfft", [(I16, x)], [(I16, y)], _ => [], ("T", 7), ("fft_length", length)));
        y = Engines.Reference(graph, [Values.Bytes(I16, x)]).Integers(graph.Outputs[0]);
        for (int k = 0; k <= length / 2; k++)
        {
            double re = 0, im = 0;
            for (int n = 0; n < length; n++)
            {
                double phase = -2 * Math.PI * ((long)k * n % length) / length;
                (re, im) = (re + (x[n] * Math.Cos(phase) / length), im + (x[n] * Math.Sin(phase) / length));
            }

            // Each of up to five stages rounds a few times, and halves what was rounded before.
            Assert.InRange(y[2 * k] - re, -4, 4);
            Assert.InRange(y[(2 * k) + 1] - im, -4, 4);
        }
    }

    private static byte[] One(string code, (ElementType Type, int[] Values)[] inputs, (ElementType Type, int[] Values)[] outputs, Func<TfliteBuilder, int[]> more, params (string, object)[] options)
    {
        var b = new TfliteBuilder();
        int[] x = [.. inputs.Select((t, i) => b.Tensor($"x{i}", t.Type, [t.Values.Length]))], y = [.. outputs.Select((t, i) => b.Tensor($"y{i}", t.Type, [t.Values.Length]))];
        b.Custom(code, [.. x, .. more(b)], y, options);
        b.Ports(x, y);
        return b.Build();
    }

    private static void Check(string code, (ElementType Type, int[] Values)[] inputs, (ElementType Type, int[] Values)[] outputs, Func<TfliteBuilder, int[]> more, params (string, object)[] options) =>
        Check(
            One(code, inputs, outputs, more, options), [.. inputs.Select(t => Values.Bytes(t.Type, t.Values))], [.. outputs.Select(t => Values.Bytes(t.Type, t.Values))]);

    // One inference.
    private static void Check(byte[] file, byte[][] inputs, byte[][] expected)
    {
        Graph graph = Agreement.Import(file);
        Values values = Engines.Reference(graph, inputs);
        CompiledModel model = Agreement.Compile("signal", file, 0, 0, o => o);
        byte[][] emitted = new EmittedModels([model], isChecked: false).Run(model, inputs).Outputs;
        for (int k = 0; k < expected.Length; k++)
        {
            Assert.Equal(expected[k], values.Bytes(graph.Outputs[k]));
            Assert.Equal(expected[k], emitted[k]);
        }
    }

    // One inference after another on inputs of UINT32.
    private static void Check(byte[] file, int[][] inputs, int[][][] expected)
    {
        Graph graph = Agreement.Import(file);
        CompiledModel model = Agreement.Compile("signal", file, 0, 0, o => o);
        var emitted = new EmittedModels([model], isChecked: false);
        byte[] state = emitted.NewState(model);
        Values? values = null;
        for (int step = 0; step < inputs.Length; step++)
        {
            byte[] input = Values.Bytes(U32, inputs[step]);
            values = Engines.Reference(graph, [input], values);
            byte[][] outputs = emitted.Run(model, [input], state).Outputs;
            for (int k = 0; k < outputs.Length; k++)
            {
                Assert.Equal(expected[step][k], values.Integers(graph.Outputs[k]));
                Assert.Equal(Values.Bytes(U32, expected[step][k]), outputs[k]);
            }
        }
    }
}
