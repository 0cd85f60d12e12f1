using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SOFTMAX over the last dimension: e^(beta·x) over its row's sum. INT8 (also to INT16) and UINT8 in gemmlowp's fixed point, INT16
/// between the points of two tables.</summary>
/// <remarks>reference/softmax.h and softmax_common.cc of TFLite. The output has scale 1/256 and the smallest zero point, also when INT16 from
/// INT8 (then 1/65536); INT16 from INT16 has 1/32768 and 0.</remarks>
internal sealed record Softmax : Op
{
    public required float Beta { get; init; }

    public override string Name => "SOFTMAX";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Softmax { Inputs = r.Inputs, Outputs = r.Outputs, Beta = r.Float(0) };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Activation(ElementTypes.Quantized).Rank(1, 2, 3, 4).Tensor;
        if (!c.HasTypes) return;
        Tensor? output = c.Output(0).Type(input!.Type == ElementType.Int8 && !input.WasUInt8 ? [ElementType.Int8, ElementType.Int16] : [input.Type]).PerTensor().Tensor;
        c.Require(Beta > 0 && !float.IsInfinity(Beta), "needs a finite positive beta");
        if (!c.Holds) return;
        c.Output(0).Shape(input.Shape.ToArray());
        (float scale, int zeroPoint, string text) = (input.Type, output!.Type) switch
        {
            (ElementType.Int16, _) => (1f / 32768, 0, "1/32768"),
            (_, ElementType.Int16) => (1f / 65536, short.MinValue, "1/65536"),
            _ => (1f / 256, output.Type.Min(), "1/256"),
        };
        float tolerance = output.Type == ElementType.Int16 ? 0.001f * scale : 0;
        c.RequireQuantization(
            Math.Abs(output.Scale - scale) <= tolerance && output.ZeroPoint == zeroPoint, $"needs an output with scale {text} and zero point {zeroPoint}");
        if (input.Type == ElementType.Int16)
        {
            c.Require(input.Shape.Last() <= ushort.MaxValue, $"needs a last dimension of at most {ushort.MaxValue}");
            c.Multiplier(Factor16(c.Graph));
            return;
        }

        c.Multiplier(Factor(c.Graph));
        c.RequireQuantization(Factor(c.Graph).Shift >= 0, "needs an input scale above 2^-27");
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        if (values.Graph[Inputs[0]].Type == ElementType.Int16)
        {
            Reference16(values);
            return;
        }

        int[] x = values.Integers(Inputs[0]), y = new int[x.Length], powers = Powers(values.Graph);
        int depth = values.Graph[Inputs[0]].Shape.Last();
        if (IsOptimized(values.Graph))
        {
            values.Set(Outputs[0], Optimized(x, depth, SinglePowers(values.Graph), values.Graph[Outputs[0]]));
            return;
        }

        ElementType type = values.Graph[Outputs[0]].Type;
        for (int row = 0; row < x.Length; row += depth)
        {
            int max = x.Skip(row).Take(depth).Max(), sum = 0;
            for (int i = row; i < row + depth; i++) sum = unchecked(sum + FixedPoint.RoundingDivideByPowerOfTwo(powers[max - x[i]], 12));
            int scale = FixedPoint.Reciprocal(sum, 12, out int exponent), right = exponent + 31 - (8 * type.Size());
            for (int i = row; i < row + depth; i++)
            {
                int share = FixedPoint.SaturatingRoundingDoublingHighMul(scale, powers[max - x[i]]);
                y[i] = right > 31 ? type.Min() : FixedPoint.Clamp(FixedPoint.RoundingDivideByPowerOfTwo(share, right) + type.Min(), type.Min(), type.Max());
            }
        }

        values.Set(Outputs[0], y);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]];
        int depth = input.Shape.Last();
        if (input.Type == ElementType.Int16)
        {
            Multiplier factor = Factor16(graph);
            return new Layer(
                this, new Softmax16Kernel(input.ElementCount / depth, depth, factor.Value, factor.Shift, options.CheckOverflow), new[] { Inputs[0] },
                new[] { Table.Of("Powers", Powers16), Table.Of("Reciprocals", Reciprocals16) });
        }

        if (IsOptimized(graph))
        {
            var kernel = new OptimizedSoftmaxKernel(input.ElementCount / depth, depth, input.HasUInt8Rules);
            return new Layer(this, kernel, new[] { Inputs[0] }, new[] { Table.Of("Powers", SinglePowers(graph)) });
        }

        ElementType type = graph[Outputs[0]].Type;
        var softmax = new SoftmaxKernel(
            input.ElementCount / depth, depth, type, IsVectorised: options.Vectors && type == ElementType.Int8 && depth >= LeastVector);
        return new Layer(this, softmax, new[] { Inputs[0] }, new[] { Table.Of("Powers", Powers(graph)) });
    }

    // Rows of fewer values take no longer one by one.
    private const int LeastVector = 16;

    private sealed record SoftmaxKernel(int InputRows, int Depth, ElementType OutputType, bool IsVectorised) : Kernel
    {
        public override string Name => "Softmax";

        public override int StackBytes => IsVectorised ? 2_048 : 0;

        public override int CodeBytes => 430 + (IsVectorised ? 200 : 0);

        public override RuntimeKernels Calls => IsVectorised ? RuntimeKernels.Softmax | RuntimeKernels.Lookup : RuntimeKernels.None;

        public override bool CanOverwrite(int input) => OutputType == ElementType.Int8;

        public override void Emit(CodeWriter w, string method)
        {
            string type = OutputType.Keyword();
            int bits = 8 * OutputType.Size(), min = OutputType.Min(), max = OutputType.Max();
            using (w.Method(method, $"ReadOnlySpan<sbyte> input, Span<{type}> output", "ReadOnlySpan<int> powers"))
            {
                w.Line($"const int Rows = {InputRows}, Depth = {Depth};");
                w.Line();
                if (IsVectorised)
                {
                    using (w.Block("if (VectorKernels.IsSupported)"))
                    {
                        w.Line("VectorKernels.Softmax(input, output.Slice(0, Rows * Depth), Depth, powers);");
                        w.Line("return;");
                    }

                    w.Line();
                }

                w.Line("// powers[d] is e to the -d times scale, as a fraction of 2^31.");
                using (w.Block("for (int row = 0; row < Rows; row++)"))
                {
                    w.Line("ReadOnlySpan<sbyte> x = input.Slice(row * Depth, Depth);");
                    w.Line($"Span<{type}> y = output.Slice(row * Depth, Depth);");
                    w.Line();
                    w.Line("int max = sbyte.MinValue;");
                    w.Line("for (int i = 0; i < Depth; i++) max = Math.Max(max, x[i]);");
                    w.Line();
                    w.Line("int sum = 0;");
                    w.Line("for (int i = 0; i < Depth; i++) sum = unchecked(sum + FixedPoint.RoundingDivideByPowerOfTwo(powers[max - x[i]], 12));");
                    w.Line();
                    w.Line("int scale = FixedPoint.Reciprocal(sum, 12, out int exponent);");
                    w.Line($"int right = exponent + 31 - {bits};");
                    using (w.Block("for (int i = 0; i < Depth; i++)"))
                    {
                        w.Line("int share = FixedPoint.SaturatingRoundingDoublingHighMul(scale, powers[max - x[i]]);");
                        bool mayVanish = Depth > 256 && bits == 8;
                        if (mayVanish) w.Line("// A sum above 2^27 leaves less than half a step for each.");
                        string shifted = "FixedPoint.RoundingDivideByPowerOfTwo(share, right)";
                        w.Line($"int stored = {(mayVanish ? $"right > 31 ? 0 : {shifted}" : shifted)};");
                        w.Line($"y[i] = ({type})FixedPoint.Clamp(stored - {-min}, {min}, {max});");
                    }
                }
            }
        }
    }

    private sealed record Softmax16Kernel(int InputRows, int Depth, int Multiplier, int Shift, bool IsUnchecked) : Kernel
    {
        public override string Name => "Softmax16";

        public override int CodeBytes => 520;

        public override bool CanOverwrite(int input) => true;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, "ReadOnlySpan<short> input, Span<short> output", "ReadOnlySpan<short> powers, ReadOnlySpan<short> reciprocals"))
            {
                w.Line($"const int Rows = {InputRows}, Depth = {Depth}, Multiplier = {Multiplier}, Shift = {Shift};");
                w.Line();
                w.Line("// powers holds e to the x for x from -10 to 0, reciprocals 1 / (1 + x) for x from 0 to 1, as fractions of 2^15.");
                using (w.Unchecked(IsUnchecked))
                using (w.Block("for (int row = 0; row < Rows; row++)"))
                {
                    w.Line("ReadOnlySpan<short> x = input.Slice(row * Depth, Depth);");
                    w.Line("Span<short> y = output.Slice(row * Depth, Depth);");
                    w.Line();
                    w.Line("int max = short.MinValue;");
                    w.Line("for (int i = 0; i < Depth; i++) max = Math.Max(max, x[i]);");
                    w.Line();
                    w.Line("int sum = 0;");
                    using (w.Block("for (int i = 0; i < Depth; i++)"))
                    {
                        w.Line("int scaled = FixedPoint.MultiplyByQuantizedMultiplier(x[i] - max, Multiplier, Shift);");
                        w.Line("int power = Interpolate(powers, scaled + 32767);");
                        w.Line("y[i] = (short)power;");
                        w.Line("sum += power;");
                    }

                    w.Line();
                    w.Line("// The sum as 1 + x, and the reciprocal of that.");
                    w.Line("int zeros = FixedPoint.LeadingZeros(sum), right = 31 - zeros;");
                    w.Line("int shifted = (int)((((long)sum << (zeros - 1)) + (1 << 13)) >> 14);");
                    w.Line("int reciprocal = Interpolate(reciprocals, shifted - (3 << 15));");
                    using (w.Block("for (int i = 0; i < Depth; i++)"))
                    {
                        w.Line("int share = (int)((((long)y[i] * reciprocal) + (1 << (right - 1))) >> right);");
                        w.Line("y[i] = (short)FixedPoint.Clamp(share, 0, short.MaxValue);");
                    }
                }

                w.Line();
                w.Line("// The table's value at x of 16 bits, on a line between two of its points.");
                using (w.Block("static int Interpolate(ReadOnlySpan<short> table, int x)"))
                {
                    w.Line("x = FixedPoint.Clamp(x, short.MinValue, short.MaxValue);");
                    w.Line("int at = 256 + (x >> 7), slope = table[at + 1] - table[at];");
                    w.Line("return table[at] + (((slope * (x & 0x7F)) + 64) >> 7);");
                }
            }
        }
    }

    // ---- as TFLite's optimised kernel, beside XNNPACK ----
    // The types that its table serves; SelectKernel sees those of 8 bits as INT8.
    private bool IsOptimized(Graph graph) => Xnnpack.AreDelegated(graph[Inputs[0]], graph[Outputs[0]]);

    // optimized_ops.h, Softmax with a table of floats: e^(-difference · beta · scale) for each difference between a row's maximum and a stored value.
    private float[] SinglePowers(Graph graph)
    {
        float step = (float)(-graph[Inputs[0]].Scale * Beta);
        return [.. Enumerable.Range(0, 256).Select(difference => (float)Math.Exp((float)(step * difference)))];
    }

    // INT8 rounds half away from zero, UINT8 adds a half in single precision.
    private static int[] Optimized(int[] x, int depth, float[] powers, Tensor output)
    {
        int min = output.Type.Min();
        int[] y = new int[x.Length];
        for (int row = 0; row < x.Length; row += depth)
        {
            int max = x.Skip(row).Take(depth).Max();
            float sum = 0;
            for (int i = row; i < row + depth; i++) sum = (float)(sum + powers[max - x[i]]);
            float inverse = (float)(1f / (float)(sum * (1f / 256)));
            for (int i = row; i < row + depth; i++)
            {
                float share = (float)(powers[max - x[i]] * inverse);
                y[i] = FixedPoint.Clamp((output.HasUInt8Rules ? (int)(float)(share + 0.5f) : (int)Quantize.Round(share)) + min, min, min + 255);
            }
        }

        return y;
    }

    private sealed record OptimizedSoftmaxKernel(int InputRows, int Depth, bool AddsHalf) : Kernel
    {
        public override string Name => "SoftmaxSingle";

        public override int CodeBytes => 500;

        public override bool CanOverwrite(int input) => true;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(method, "ReadOnlySpan<sbyte> input, Span<sbyte> output", "ReadOnlySpan<float> powers"))
            {
                w.Line($"const int Rows = {InputRows}, Depth = {Depth};");
                w.Line();
                w.Line("// powers[d] is e to the -d times scale.");
                using (w.Block("for (int row = 0; row < Rows; row++)"))
                {
                    w.Line("ReadOnlySpan<sbyte> x = input.Slice(row * Depth, Depth);");
                    w.Line("Span<sbyte> y = output.Slice(row * Depth, Depth);");
                    w.Line();
                    w.Line("int max = sbyte.MinValue;");
                    w.Line("for (int i = 0; i < Depth; i++) max = Math.Max(max, x[i]);");
                    w.Line();
                    w.Line("float sum = 0;");
                    w.Line("for (int i = 0; i < Depth; i++) sum += powers[max - x[i]];");
                    w.Line();
                    w.Line("float inverse = 1f / (sum * (1f / 256));");
                    string share = "powers[max - x[i]] * inverse";
                    string rounded = AddsHalf ? $"(int)((float)({share}) + 0.5f)" : $"(int)MathF.Round({share}, MidpointRounding.AwayFromZero)";
                    w.Line($"for (int i = 0; i < Depth; i++) y[i] = (sbyte)FixedPoint.Clamp({rounded} - 128, -128, 127);");
                }
            }
        }
    }

    // ---- INT16 ----
    private static readonly short[] Powers16 = Tabulate(10f / 65535, short.MaxValue, x => (float)Math.Exp(x));
    private static readonly short[] Reciprocals16 = Tabulate(1f / 65535, short.MinValue, x => (float)(1f / (float)(1f + x)));

    // Differences of -65535 become -10.
    private Multiplier Factor16(Graph graph) => Multiplier.Of((double)graph[Inputs[0]].Scale * Beta / (10.0 / 65535.0));

    private void Reference16(Values values)
    {
        int[] x = values.Integers(Inputs[0]), y = new int[x.Length];
        Multiplier factor = Factor16(values.Graph);
        int depth = values.Graph[Inputs[0]].Shape.Last();
        for (int row = 0; row < x.Length; row += depth)
        {
            int max = x.Skip(row).Take(depth).Max(), sum = 0;
            for (int i = row; i < row + depth; i++)
            {
                y[i] = Interpolate(Powers16, unchecked(factor.Apply(x[i] - max) + 32767));
                sum += y[i];
            }

            int zeros = FixedPoint.LeadingZeros(sum), right = 31 - zeros;
            int shifted = (int)((((long)sum << (zeros - 1)) + (1 << 13)) >> 14);
            int reciprocal = Interpolate(Reciprocals16, shifted - (3 << 15));
            for (int i = row; i < row + depth; i++)
            {
                y[i] = FixedPoint.Clamp((int)((((long)y[i] * reciprocal) + (1 << (right - 1))) >> right), 0, short.MaxValue);
            }
        }

        values.Set(Outputs[0], y);
    }

    // LUTLookup of TFLite.
    private static int Interpolate(short[] table, int x)
    {
        x = FixedPoint.Clamp(x, short.MinValue, short.MaxValue);
        int at = 256 + (x >> 7), slope = table[at + 1] - table[at];
        return table[at] + (((slope * (x & 0x7F)) + 64) >> 7);
    }

    // LUTPopulateInt16 of TFLite in single precision: each point is moved by half of the error in the middle of its line.
    private static short[] Tabulate(float inputScale, int inputZeroPoint, Func<float, float> function)
    {
        const int Steps = 512;
        const float OutputScale = 2f / 65535;
        static float Round(float x) => (float)Quantize.Round(x);
        static short Store(float x) => (short)Math.Min(Math.Max(x, short.MinValue), short.MaxValue);
        float min = (float)(inputScale * (short.MinValue - inputZeroPoint)), max = (float)(inputScale * (short.MaxValue - inputZeroPoint));
        float step = (float)((float)(max - min) / Steps), half = (float)(step / 2);
        float inverse = (float)(65536f / (float)((float)(OutputScale * short.MaxValue) - (float)(OutputScale * short.MinValue)));
        short[] table = new short[Steps + 1];
        for (int i = 0; i < Steps; i++)
        {
            float at = (float)(min + (float)(i * step)), next = (float)(min + (float)((i + 1) * step));
            float sample = Round((float)(function(at) * inverse));
            float between = Round((float)((float)((float)(function(next) * inverse) + sample) / 2));
            float middle = Round((float)(function((float)(at + half)) * inverse));
            table[i] = Store(sample - Round((float)((float)(between - middle) / 2)));
        }

        table[Steps] = Store(Round((float)(function(max) * inverse)));
        return table;
    }

    // ---- INT8 ----
    // PreprocessSoftmaxScaling with 5 integer bits.
    private Multiplier Factor(Graph graph) =>
        Multiplier.Of(Math.Min((double)Beta * graph[Inputs[0]].Scale * (1 << 26), (1L << 31) - 1.0));

    // e^(−difference · beta · scale) in Q0 for each difference between a row's maximum and a stored value. Differences so large
    // that the power would not be computed have the power 0, which gives the smallest output, as leaving them out does.
    private int[] Powers(Graph graph)
    {
        Multiplier factor = Factor(graph);
        double radius = Math.Floor(31.0 * (1 << 26) / Math.Pow(2, factor.Shift));
        return
        [
            .. Enumerable.Range(0, 256).Select(difference => difference > radius
                ? 0
                : FixedPoint.ExpOnNegativeValues(FixedPoint.SaturatingRoundingDoublingHighMul(unchecked(-difference << factor.Shift), factor.Value), 5)),
        ];
    }
}
