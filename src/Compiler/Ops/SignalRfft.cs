using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SignalRfft: the spectrum of a frame of INT16 samples, filled up with zeros: pairs of real and imaginary parts, scaled by 1/length.</summary>
/// <remarks>
/// rfft.cc of TFLite Micro, which is kiss_fftr of KISS FFT with 16-bit fixed point: a complex transform of half the length on pairs of
/// samples in radix 4 and at last 2, each stage scaled down, every product rounded, then one step that separates both halves.
/// Only powers of two: other radices have factors whose rounding hangs on the last bit of a cosine.
/// </remarks>
/// <param name="Length">Samples of the transform.</param>
internal sealed record SignalRfft(int? Length) : Op
{
    private const int MaxLength = 1 << 14;

    public override string Name => "SignalRfft";

    // ---- import ----
    public static Op Import(OperatorReader r) => new SignalRfft(r.CustomInt32("fft_length")) { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Type(ElementType.Int16).Tensor, output = c.Output(0).Type(ElementType.Int16).Tensor;
        c.Require(Length is >= 4 and <= MaxLength && (Length & (Length - 1)) == 0, $"needs an fft_length that is a power of two from 4 to {MaxLength}, and it is {Length}");
        if (!c.Holds) return;
        c.Require(input!.Shape.Count > 0 && input.Shape.Last() <= Length, $"needs frames of at most {Length} samples, and the input has the shape [{input.Shape}]");
        if (c.Holds) c.Output(0).Shape([.. input.Shape.Take(input.Shape.Count - 1), Length!.Value + 2]);
    }

    public override string Describe(Graph graph) => InvariantText.Of($"{Name}, {Length} samples");

    // ---- reference ----
    public override void Reference(Values values)
    {
        int[] x = values.Integers(Inputs[0]);
        int length = Length!.Value, samples = values.Graph[Inputs[0]].Shape.Last();
        var y = new List<int>();
        for (int frame = 0; frame < x.Length; frame += samples)
        {
            int[] padded = new int[length];
            Array.Copy(x, frame, padded, 0, samples);
            Complex[] half = new Complex[length / 2];
            Transform(half, 0, padded, 0, 1, Radices(length / 2), 0);
            foreach (Complex bin in Separate(half)) y.AddRange([bin.Re, bin.Im]);
        }

        values.Set(Outputs[0], y.ToArray());
    }

    /// <summary>A complex number of 16 bits each, whose sums wrap.</summary>
    private readonly record struct Complex(short Re, short Im)
    {
        public static Complex operator +(Complex a, Complex b) => unchecked(new((short)(a.Re + b.Re), (short)(a.Im + b.Im)));

        public static Complex operator -(Complex a, Complex b) => unchecked(new((short)(a.Re - b.Re), (short)(a.Im - b.Im)));

        public static Complex operator *(Complex a, Complex b) =>
            new(Rounded(unchecked((a.Re * b.Re) - (a.Im * b.Im))), Rounded(unchecked((a.Re * b.Im) + (a.Im * b.Re))));

        /// <summary>A product with −i.</summary>
        public Complex Turned => unchecked(new(Im, (short)-Re));

        public Complex DividedBy(int divisor) => new(Rounded(Re * (short.MaxValue / divisor)), Rounded(Im * (short.MaxValue / divisor)));

        private static short Rounded(int product) => unchecked((short)((product + (1 << 14)) >> 15));
    }

    // The transform of every stride-th pair of samples: that of its parts, joined.
    private static void Transform(Complex[] output, int to, int[] samples, int from, int stride, int[] radices, int level)
    {
        int radix = radices[level], part = radices.Skip(level + 1).Aggregate(1, (a, b) => a * b);
        for (int p = 0; p < radix; p++)
        {
            int first = from + (p * stride);
            if (part == 1) output[to + p] = new Complex((short)samples[2 * first], (short)samples[(2 * first) + 1]);
            else Transform(output, to + (p * part), samples, first, stride * radix, radices, level + 1);
        }

        for (int k = 0; k < part; k++)
        {
            Complex Factor(int p) => output[to + k + (p * part)].DividedBy(radix) * Twiddle(-2 * Math.PI * (p * k * stride) / output.Length);
            Complex a = output[to + k].DividedBy(radix), b = Factor(1);
            if (radix == 2)
            {
                output[to + k] = a + b;
                output[to + k + part] = a - b;
                continue;
            }

            Complex c = Factor(2), d = Factor(3);
            Complex even = a + c, odd = b + d, evenRest = a - c, oddRest = (b - d).Turned;
            output[to + k] = even + odd;
            output[to + k + part] = evenRest + oddRest;
            output[to + k + (2 * part)] = even - odd;
            output[to + k + (3 * part)] = evenRest - oddRest;
        }
    }

    // The spectrum of the samples from that of their pairs.
    private static Complex[] Separate(Complex[] half)
    {
        int count = half.Length;
        var spectrum = new Complex[count + 1];
        Complex zero = half[0].DividedBy(2);
        spectrum[0] = new Complex(unchecked((short)(zero.Re + zero.Im)), 0);
        spectrum[count] = new Complex(unchecked((short)(zero.Re - zero.Im)), 0);
        for (int k = 1; k <= count / 2; k++)
        {
            Complex mirrored = new(half[count - k].Re, unchecked((short)-half[count - k].Im));
            Complex a = half[k].DividedBy(2), b = mirrored.DividedBy(2), sum = a + b;
            Complex turned = (a - b) * Twiddle(-Math.PI * (((double)k / count) + 0.5));
            spectrum[k] = new Complex((short)((sum.Re + turned.Re) >> 1), (short)((sum.Im + turned.Im) >> 1));
            spectrum[count - k] = new Complex((short)((sum.Re - turned.Re) >> 1), (short)((turned.Im - sum.Im) >> 1));
        }

        return spectrum;
    }

    private static Complex Twiddle(double phase) => new((short)Math.Floor(0.5 + (short.MaxValue * Math.Cos(phase))), (short)Math.Floor(0.5 + (short.MaxValue * Math.Sin(phase))));

    // Fours as long as they divide, then a two; the outermost first.
    private static int[] Radices(int count)
    {
        var radices = new List<int>();
        for (; count > 1; count /= radices[radices.Count - 1]) radices.Add(count % 4 == 0 ? 4 : 2);
        return [.. radices];
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]];
        int count = Length!.Value / 2, samples = input.Shape.Last();
        int[] radices = Radices(count);

        static short[] Pairs(IEnumerable<Complex> numbers) => [.. numbers.SelectMany(z => new[] { z.Re, z.Im })];
        Table[] tables =
        [
            Table.Of("Order", [.. Order(radices, 0, 1).Select(i => (short)i)]),
            Table.Of("Twiddles", Pairs(Enumerable.Range(0, count).Select(i => Twiddle(-2 * Math.PI * i / count)))),
            Table.Of("Separators", Pairs(Enumerable.Range(1, Math.Max(1, count / 2)).Select(k => Twiddle(-Math.PI * (((double)k / count) + 0.5))))),
        ];
        return new Layer(this, new RfftKernel(input.ElementCount / samples, samples, count, radices, options.CheckOverflow), new[] { Inputs[0] }, tables);
    }

    // The pair of samples that stands at each place before the first stage.
    private static IEnumerable<int> Order(int[] radices, int level, int stride) => level == radices.Length
        ? [0]
        : Enumerable.Range(0, radices[level]).SelectMany(p => Order(radices, level + 1, stride * radices[level]).Select(from => from + (p * stride)));

    /// <param name="Count">Complex numbers of the transform.</param>
    private sealed record RfftKernel(int Frames, int Samples, int Count, EquatableArray<int> Radices, bool IsUnchecked) : Kernel
    {
        public override string Name => "SignalRfft";

        public override int CodeBytes => 2409;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(
                method, "ReadOnlySpan<short> input, Span<short> output", "ReadOnlySpan<short> order, ReadOnlySpan<short> twiddles, ReadOnlySpan<short> separators"))
            {
                w.Line($"const int Frames = {Frames}, Samples = {Samples}, Count = {Count};");
                w.Line();
                using (w.Block("for (int frame = 0; frame < Frames; frame++)"))
                {
                    w.Line("ReadOnlySpan<short> x = input.Slice(frame * Samples, Samples);");
                    w.Line("Span<short> y = output.Slice(frame * 2 * (Count + 1), 2 * (Count + 1));");
                    w.Line();
                    w.Line("// Pairs of samples as complex numbers, in the order in which the stages take them.");
                    using (w.Block("for (int i = 0; i < Count; i++)"))
                    {
                        w.Line("int from = 2 * order[i];");
                        w.Line("y[2 * i] = from < Samples ? x[from] : (short)0;");
                        w.Line("y[(2 * i) + 1] = from + 1 < Samples ? x[from + 1] : (short)0;");
                    }

                    w.Line();
                    int part = 1;
                    foreach (int radix in Radices.Reverse())
                    {
                        w.Line($"for (int at = 0; at < Count; at += {radix * part}) {method}_Radix{radix}(y.Slice(2 * at, {2 * radix * part}), twiddles, {part}, {Count / (radix * part)});");
                        part *= radix;
                    }

                    w.Line();
                    w.Line($"{method}_Separate(y, separators);");
                }
            }

            if (Radices.Contains(2)) EmitRadix2(w, method);
            if (Radices.Contains(4)) EmitRadix4(w, method);
            EmitSeparate(w, method);
        }

        private void EmitRadix2(CodeWriter w, string method)
        {
            w.Line();
            w.Line("// Joins two transforms of a length to one, each halved.");
            using (w.Method(method + "_Radix2", "Span<short> y, ReadOnlySpan<short> twiddles, int part, int stride"))
            using (w.Unchecked(IsUnchecked))
            using (w.Block("for (int k = 0; k < part; k++)"))
            {
                w.Line("int k1 = 2 * k, k2 = 2 * (k + part), t1 = 2 * k * stride;");
                w.Line("int ar = Round(y[k1] * 16383), ai = Round(y[k1 + 1] * 16383);");
                EmitProduct(w, "b", "k2", "t1", "16383");
                w.Line("y[k1] = (short)(ar + br);");
                w.Line("y[k1 + 1] = (short)(ai + bi);");
                w.Line("y[k2] = (short)(ar - br);");
                w.Line("y[k2 + 1] = (short)(ai - bi);");
                EmitRound(w);
            }
        }

        private void EmitRadix4(CodeWriter w, string method)
        {
            w.Line();
            w.Line("// Joins four transforms of a length to one, each quartered.");
            using (w.Method(method + "_Radix4", "Span<short> y, ReadOnlySpan<short> twiddles, int part, int stride"))
            using (w.Unchecked(IsUnchecked))
            using (w.Block("for (int k = 0; k < part; k++)"))
            {
                w.Line("int k1 = 2 * k, k2 = k1 + (2 * part), k3 = k2 + (2 * part), k4 = k3 + (2 * part);");
                w.Line("int t1 = 2 * k * stride, t2 = 2 * t1, t3 = 3 * t1;");
                w.Line("int ar = Round(y[k1] * 8191), ai = Round(y[k1 + 1] * 8191);");
                EmitProduct(w, "b", "k2", "t1", "8191");
                EmitProduct(w, "c", "k3", "t2", "8191");
                EmitProduct(w, "d", "k4", "t3", "8191");
                w.Line("int evenR = (short)(ar + cr), evenI = (short)(ai + ci), restR = (short)(ar - cr), restI = (short)(ai - ci);");
                w.Line("int oddR = (short)(br + dr), oddI = (short)(bi + di), turnR = (short)(bi - di), turnI = -(short)(br - dr);");
                w.Line("y[k1] = (short)(evenR + oddR);");
                w.Line("y[k1 + 1] = (short)(evenI + oddI);");
                w.Line("y[k2] = (short)(restR + turnR);");
                w.Line("y[k2 + 1] = (short)(restI + turnI);");
                w.Line("y[k3] = (short)(evenR - oddR);");
                w.Line("y[k3 + 1] = (short)(evenI - oddI);");
                w.Line("y[k4] = (short)(restR - turnR);");
                w.Line("y[k4 + 1] = (short)(restI - turnI);");
                EmitRound(w);
            }
        }

        // A part's number, divided by the radix and turned by its twiddle.
        private static void EmitProduct(CodeWriter w, string name, string at, string twiddle, string divide)
        {
            w.Line($"int {name}x = Round(y[{at}] * {divide}), {name}y = Round(y[{at} + 1] * {divide}), {name}c = twiddles[{twiddle}], {name}s = twiddles[{twiddle} + 1];");
            w.Line($"int {name}r = Round(({name}x * {name}c) - ({name}y * {name}s)), {name}i = Round(({name}x * {name}s) + ({name}y * {name}c));");
        }

        private static void EmitRound(CodeWriter w)
        {
            w.Line();
            w.Line("static int Round(int product) => unchecked((short)((product + (1 << 14)) >> 15));");
        }

        private void EmitSeparate(CodeWriter w, string method)
        {
            w.Line();
            w.Line("// The spectrum of the samples from that of their pairs: numbers at both ends of the list belong together.");
            using (w.Method(method + "_Separate", "Span<short> y, ReadOnlySpan<short> separators"))
            using (w.Unchecked(IsUnchecked))
            {
                w.Line($"const int Count = {Count};");
                w.Line("int zeroR = Round(y[0] * 16383), zeroI = Round(y[1] * 16383);");
                w.Line("y[0] = (short)(zeroR + zeroI);");
                w.Line("y[2 * Count] = (short)(zeroR - zeroI);");
                w.Line("y[1] = 0;");
                w.Line("y[(2 * Count) + 1] = 0;");
                using (w.Block("for (int k = 1; k <= Count / 2; k++)"))
                {
                    w.Line("int k1 = 2 * k, k2 = 2 * (Count - k);");
                    w.Line("int ar = Round(y[k1] * 16383), ai = Round(y[k1 + 1] * 16383);");
                    w.Line("int br = Round(y[k2] * 16383), bi = Round((short)-y[k2 + 1] * 16383);");
                    w.Line("int sumR = (short)(ar + br), sumI = (short)(ai + bi), restR = (short)(ar - br), restI = (short)(ai - bi);");
                    w.Line("int c = separators[k1 - 2], s = separators[k1 - 1];");
                    w.Line("int turnR = Round((restR * c) - (restI * s)), turnI = Round((restR * s) + (restI * c));");
                    w.Line("y[k1] = (short)((sumR + turnR) >> 1);");
                    w.Line("y[k1 + 1] = (short)((sumI + turnI) >> 1);");
                    w.Line("y[k2] = (short)((sumR - turnR) >> 1);");
                    w.Line("y[k2 + 1] = (short)((turnI - sumI) >> 1);");
                }

                w.Line();
                w.Line("static int Round(int product) => unchecked((short)((product + (1 << 14)) >> 15));");
            }
        }
    }
}
