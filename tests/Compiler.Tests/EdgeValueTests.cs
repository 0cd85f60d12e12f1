using System;
using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Ops;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Operators at the edges of quantised models against values worked out by hand from the reference kernels they follow; and what they refuse.</summary>
public sealed class EdgeValueTests
{
    private const float Infinity = float.PositiveInfinity, NaN = float.NaN;

    [Theory]
    [InlineData("ABS", new[] { -1.5f, -0f, 2f }, new[] { 1.5f, 0f, 2f })]
    [InlineData("CEIL", new[] { -1.5f, 1.25f }, new[] { -1f, 2f })]
    [InlineData("COS", new[] { 0f, 1f, 3.1415927f }, new[] { 1f, 0.5403023f, -1f })]
    [InlineData("EXP", new[] { 0f, 1f, -Infinity, 89f }, new[] { 1f, 2.7182817f, 0f, Infinity })]
    [InlineData("FLOOR", new[] { -1.5f, 1.75f }, new[] { -2f, 1f })]
    [InlineData("HARD_SWISH", new[] { -4f, -3f, 0f, 1f, 3f, 5f }, new[] { 0f, 0f, 0f, 0.6666667f, 3f, 5f })]
    [InlineData("LEAKY_RELU", new[] { -2f, 0f, 2f }, new[] { -0.5f, 0f, 2f })]
    [InlineData("LOG", new[] { 1f, 0f, -1f }, new[] { 0f, -Infinity, NaN })]
    [InlineData("LOGISTIC", new[] { 0f, 16.7f, -9.5f, 1f, -Infinity }, new[] { 0.5f, 1f, 7.485183E-05f, 0.7310586f, 0f })]
    [InlineData("NEG", new[] { 1f, -2f }, new[] { -1f, 2f })]
    [InlineData("RELU", new[] { -1f, 3f, NaN }, new[] { 0f, 3f, NaN })]
    [InlineData("RELU6", new[] { -1f, 3f, 7f }, new[] { 0f, 3f, 6f })]
    [InlineData("RELU_N1_TO_1", new[] { -2f, 0.5f, 2f }, new[] { -1f, 0.5f, 1f })]
    [InlineData("RSQRT", new[] { 4f, 0f }, new[] { 0.5f, Infinity })]
    [InlineData("SIN", new[] { 0f, 1f, -1.5707964f }, new[] { 0f, 0.84147096f, -1f })]
    [InlineData("SQRT", new[] { 2f, -1f }, new[] { 1.4142135f, NaN })]
    [InlineData("SQUARE", new[] { -3f, 1e30f }, new[] { 9f, Infinity })]
    [InlineData("TANH", new[] { 0f, 1f, 100f }, new[] { 0f, 0.7615942f, 1f })]
    public void Unary(string name, float[] x, float[] expected) => Assert.Equal(
        expected, Run(new FloatUnary(name, 0.25f) { Inputs = new[] { 0 }, Outputs = new[] { 1 } }, [Floats(x)], ElementType.Float32, [x.Length]));

    [Theory]
    [InlineData("ADD", 0, new[] { 1f, Infinity, -Infinity, NaN }, new[] { 3f, float.MaxValue, -float.MaxValue, NaN })]
    [InlineData("SUB", 1, new[] { 1f, 5f }, new[] { 0f, 3f })]
    [InlineData("MUL", 3, new[] { 1f, 4f, -1f }, new[] { 2f, 6f, 0f })]
    [InlineData("DIV", 2, new[] { 1f, 4f, -5f }, new[] { 0.5f, 1f, -1f })]
    [InlineData("MAXIMUM", 0, new[] { 1f, 3f, NaN, Infinity }, new[] { 2f, 3f, 2f, Infinity })]
    [InlineData("MINIMUM", 0, new[] { 1f, 3f, NaN }, new[] { 1f, 2f, 2f })]
    [InlineData("SQUARED_DIFFERENCE", 0, new[] { 5f, 1e30f }, new[] { 9f, Infinity })]
    public void Binary_with_two(string name, int activation, float[] x, float[] expected) => Assert.Equal(
        expected, Run(new FloatBinary(name, (Activation)activation) { Inputs = new[] { 0, 1 }, Outputs = new[] { 2 } }, [Floats(x), Floats([2])], ElementType.Float32, [x.Length]));

    [Theory]
    [InlineData("SUM", new[] { 16_777_216f, 1, 1 }, 16_777_216f)]
    [InlineData("SUM", new[] { 1f, 1, 16_777_216 }, 16_777_218f)]
    [InlineData("MEAN", new[] { 1f, 2, 3 }, 2f)]
    [InlineData("MEAN", new[] { 16_777_216f, 1, 1, 1 }, 4_194_304f)]
    [InlineData("REDUCE_MAX", new[] { 1f, 3, NaN }, 3f)]
    [InlineData("REDUCE_MAX", new[] { -1f, -3 }, -1f)]
    [InlineData("REDUCE_MIN", new[] { NaN, 1f, 3 }, 1f)]
    public void Reductions_round_after_every_element(string name, float[] x, float expected) => Assert.Equal(
        new[] { expected },
        Run(new FloatReduction(name, new Reduction(new[] { 0 }, false)) { Inputs = new[] { 0, 1 }, Outputs = new[] { 2 } }, [Floats(x), Numbers(0)], ElementType.Float32, []));

    [Theory]
    [InlineData(false, 1f, new[] { 1000f, 1000, 0 }, new[] { 0.5f, 0.5f, 0f })]
    [InlineData(false, 2f, new[] { 0f, 0.34657359f }, new[] { 0.33333334f, 0.6666667f })]
    [InlineData(true, 1f, new[] { 7f, 7 }, new[] { -0.6931472f, -0.6931472f })]
    [InlineData(true, 1f, new[] { 0f, 1.0986123f }, new[] { -1.3862944f, -0.2876821f })]
    public void Softmax_of_large_numbers_stays_finite(bool isLog, float beta, float[] x, float[] expected)
    {
        float[] y = (float[])Run(new FloatSoftmax(isLog, beta) { Inputs = new[] { 0 }, Outputs = new[] { 1 } }, [Floats(x)], ElementType.Float32, [x.Length]);
        for (int i = 0; i < x.Length; i++) Assert.Equal(expected[i], y[i], 3e-7f);
    }

    [Theory]
    [InlineData("<", new[] { 1, 0, 0, 0 })]
    [InlineData("<=", new[] { 1, 1, 0, 0 })]
    [InlineData("==", new[] { 0, 1, 0, 0 })]
    [InlineData("!=", new[] { 1, 0, 1, 1 })]
    [InlineData(">", new[] { 0, 0, 1, 0 })]
    [InlineData(">=", new[] { 0, 1, 1, 0 })]
    public void Comparisons_with_two(string symbol, int[] expected) => Assert.Equal(
        expected, Run(new PlainComparison("", symbol) { Inputs = new[] { 0, 1 }, Outputs = new[] { 2 } }, [Floats([1, 2, 3, NaN]), Floats([2])], ElementType.Bool, [4]));

    [Theory]
    [InlineData("<", new[] { 1, 0, 0, 1 })]
    [InlineData("<=", new[] { 1, 1, 0, 1 })]
    [InlineData("==", new[] { 0, 1, 0, 0 })]
    [InlineData("!=", new[] { 1, 0, 1, 1 })]
    [InlineData(">", new[] { 0, 0, 1, 0 })]
    [InlineData(">=", new[] { 0, 1, 1, 0 })]
    public void Comparisons_of_integers_with_two(string symbol, int[] expected) => Assert.Equal(
        expected, Run(new PlainComparison("", symbol) { Inputs = new[] { 0, 1 }, Outputs = new[] { 2 } }, [Numbers(1, 2, 3, int.MinValue), Numbers(2)], ElementType.Bool, [4]));

    // 0.1 · 256 = 25.6 is rounded to 26; 26/256 and 25/256 are exact.
    [Theory]
    [InlineData("<", new[] { 0, 0, 1, 0 })]
    [InlineData("<=", new[] { 1, 0, 1, 1 })]
    [InlineData("==", new[] { 1, 0, 0, 1 })]
    [InlineData("!=", new[] { 0, 1, 1, 0 })]
    [InlineData(">", new[] { 0, 1, 0, 0 })]
    [InlineData(">=", new[] { 1, 1, 0, 1 })]
    public void Comparisons_of_quantised_numbers_round_both_sides(string symbol, int[] expected)
    {
        Tensor tenths = Int8(TfliteBuilder.Quantized(0.1f, 5), 6, 6, 6, 4), fractions = Int8(TfliteBuilder.Quantized(1f / 256, 3), 29, 28, 30, -23);
        Assert.Equal(expected, Run(new Comparison("", symbol) { Inputs = new[] { 0, 1 }, Outputs = new[] { 2 } }, [tenths, fractions], ElementType.Bool, [4]));
    }

    [Theory]
    [InlineData(true, new[] { 2, 0 })]
    [InlineData(false, new[] { 0, 2 })]
    public void The_best_may_be_the_last(bool isMax, int[] expected)
    {
        Tensor x = Int8(TfliteBuilder.Quantized(1, 0), 3, 5, 7, 7, 5, 3) with { Shape = new[] { 2, 3 } };
        Assert.Equal(expected, Run(new ArgMax(isMax, new[] { 1 }) { Inputs = new[] { 0, 1 }, Outputs = new[] { 2 } }, [x, Numbers(1)], ElementType.Int32, [2]));
    }

    [Theory]
    [InlineData(true, new[] { -5, -9 }, -5)]
    [InlineData(false, new[] { 5, 9 }, 5)]
    public void Extremes_on_the_other_side_of_zero(bool isMax, int[] values, int expected)
    {
        Tensor x = Int8(TfliteBuilder.Quantized(1, 0), values), y = x with { Shape = new[] { 1 }, Data = null };
        var op = new ReduceMax(isMax, new Reduction(new[] { 0 }, true)) { Inputs = new[] { 0 }, Outputs = new[] { 1 } };
        Assert.Equal(new[] { expected }, Values.Run(new Graph([x, y], [op], [], [1]), op).Integers(1));
    }

    [Theory]
    [InlineData("LOGICAL_AND", new[] { 0, 0, 0, 1 })]
    [InlineData("LOGICAL_OR", new[] { 0, 1, 1, 1 })]
    public void Truth_tables(string name, int[] expected)
    {
        Tensor first = Truth(0, 1) with { Shape = new[] { 2, 1 } };
        Assert.Equal(expected, Run(new Logical(name) { Inputs = new[] { 0, 1 }, Outputs = new[] { 2 } }, [first, Truth(0, 1)], ElementType.Bool, [2, 2]));
    }

    [Fact]
    public void Truth_is_turned_round() => Assert.Equal(
        new[] { 1, 0 }, Run(new Logical("LOGICAL_NOT") { Inputs = new[] { 0 }, Outputs = new[] { 1 } }, [Truth(0, 1)], ElementType.Bool, [2]));

    [Theory]
    [InlineData("Int8", new[] { 44, 127, -1, 112 })]
    [InlineData("UInt8", new[] { 44, 127, 255, 112 })]
    [InlineData("Int16", new[] { 300, -129, -1, 4464 })]
    public void Casts_cut_integers_to_the_bits_of_the_type(string type, int[] expected) => Assert.Equal(
        expected, Run(new Cast { Inputs = new[] { 0 }, Outputs = new[] { 1 } }, [Numbers(300, -129, -1, 70_000)], Enum.Parse<ElementType>(type), [4]));

    [Theory]
    [InlineData("Int32", new[] { 1, -1, int.MaxValue, int.MinValue, 0 })]
    [InlineData("Int8", new[] { 1, -1, -1, 0, 0 })]
    public void Casts_of_numbers_beyond_the_range_are_defined(string type, int[] expected) => Assert.Equal(
        expected, Run(new Cast { Inputs = new[] { 0 }, Outputs = new[] { 1 } }, [Floats([1.9f, -1.9f, 1e20f, -1e20f, NaN])], Enum.Parse<ElementType>(type), [5]));

    [Fact]
    public void An_unsigned_number_becomes_its_real_value() => Assert.Equal(
        new[] { 4_294_967_296f, 5f },
        Run(new Cast { Inputs = new[] { 0 }, Outputs = new[] { 1 } }, [new Tensor { Name = "x", Type = ElementType.UInt32, Shape = new[] { 2 }, Data = Values.Bytes(ElementType.UInt32, new[] { -1, 5 }) }], ElementType.Float32, [2]));

    [Fact]
    public void The_largest_come_first_and_of_equal_ones_the_earlier()
    {
        var top = new TopK { Inputs = new[] { 0, 1 }, Outputs = new[] { 2, 3 } };
        Graph graph = Graph(top, [Floats([2, NaN, 5, 2, 5]), Numbers(4)], (ElementType.Float32, [4]), (ElementType.Int32, [4]));
        Values values = Values.Run(graph, top);
        Assert.Equal(new[] { 5f, 5f, 2f, 2f }, values.Floats(2));
        Assert.Equal(new[] { 2, 4, 0, 3 }, values.Integers(3));
    }

    [Fact]
    public void A_condition_of_one_dimension_chooses_rows_in_SELECT_alone()
    {
        Tensor condition = new() { Name = "c", Type = ElementType.Bool, Shape = new[] { 2 }, Data = [1, 0] };
        Tensor ones = Floats([1, 1, 1, 1]) with { Shape = new[] { 2, 2 } }, twos = Floats([2, 2, 2, 2]) with { Shape = new[] { 2, 2 } };
        var select = new Select("SELECT") { Inputs = new[] { 0, 1, 2 }, Outputs = new[] { 3 } };
        Assert.Equal(new[] { 1f, 1f, 2f, 2f }, Run(select, [condition, ones, twos], ElementType.Float32, [2, 2]));
        Assert.Equal(new[] { 1f, 2f, 1f, 2f }, Run(select with { SchemaName = "SELECT_V2" }, [condition, ones, twos], ElementType.Float32, [2, 2]));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.5, 0.4795001221869534623)]
    [InlineData(1, 0.1572992070502851307)]
    [InlineData(2.4, 6.885138966450789e-4)]
    [InlineData(3, 2.209049699858544e-5)]
    [InlineData(-1, 1.842700792949714869)]
    [InlineData(5, 1.5374597944280349e-12)]
    public void Complementary_error_function(double x, double expected) => Assert.InRange(Gelu.Erfc(x) / expected, 1 - 1e-12, 1 + 1e-12);

    [Fact]
    public void Gelu_of_two()
    {
        Tensor x = new() { Name = "x", Type = ElementType.Int8, Shape = new[] { 3 }, Data = [20, 0, 236], Quantization = TfliteBuilder.Quantized(0.1f, 0) };
        // 2 · Φ(2) = 1.9545, −2 · Φ(−2) = −0.0455; the approximation gives 1.9546 and −0.0454.
        Graph graph = Graph(new Gelu(false) { Inputs = new[] { 0 }, Outputs = new[] { 1 } }, [x], (ElementType.Int8, [3]));
        Tensor y = graph[1] with { Quantization = TfliteBuilder.Quantized(0.01f, -100) };
        graph = new Graph([x, y], [.. graph.Ops], [], [1]);
        Assert.Equal(new[] { 95, -100, -105 }, Values.Run(graph, graph.Ops[0]).Integers(1));
    }

    // x · Φ(x) with Φ integrated by Simpson's rule, or with the tangent; where rounding hangs on the last bits, neither is expected.
    [Theory]
    [InlineData(false, 0.05f, 3, 0.03f, -90)]
    [InlineData(true, 0.05f, 3, 0.03f, -90)]
    [InlineData(false, 0.2f, -128, 0.1f, 20)]
    [InlineData(true, 0.01f, 127, 0.002f, 100)]
    [InlineData(false, 0.05f, -20, 0.01f, -120)]
    [InlineData(true, 0.05f, -20, 0.01f, -120)]
    public void Gelu_of_every_input(bool isApproximate, float scale, int zeroPoint, float outputScale, int outputZeroPoint)
    {
        Tensor x = Int8(TfliteBuilder.Quantized(scale, zeroPoint), [.. Enumerable.Range(-128, 256)]), y = x with { Data = null, Quantization = TfliteBuilder.Quantized(outputScale, outputZeroPoint) };
        var op = new Gelu(isApproximate) { Inputs = new[] { 0 }, Outputs = new[] { 1 } };
        int[] stored = Values.Run(new Graph([x, y], [op], [], [1]), op).Integers(1);
        int compared = 0;
        for (int i = 0; i < stored.Length; i++)
        {
            double real = scale * (i - 128 - zeroPoint), place = (real * (isApproximate ? Tangent(real) : Normal(real)) / outputScale) + outputZeroPoint;
            if (Math.Abs(place - Math.Floor(place) - 0.5) < 1e-3) continue;
            compared++;
            Assert.Equal((int)Math.Clamp(Math.Round(place), -128, 127), stored[i]);
        }

        Assert.InRange(compared, 240, 256);

        static double Tangent(double x) => 0.5 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))));
        static double Normal(double x)
        {
            const int Steps = 2000;
            double sum = 0, step = x / Steps;
            for (int i = 0; i <= Steps; i++) sum += (i is 0 or Steps ? 1 : i % 2 == 1 ? 4 : 2) * Math.Exp(-i * step * i * step / 2);
            return 0.5 + (sum * step / 3 / Math.Sqrt(2 * Math.PI));
        }
    }

    public static TheoryData<string, string> Refused() => new()
    {
        { "EXP", "EXP needs float32, and input 0 is int8" },
        { "NEG", "NEG needs float32, and input 0 is int8" },
        { "DIV", "DIV of INT32 needs divisors other than 0 and -1" },
        { "DIV by what is computed", "DIV needs input 1 as a constant" },
        { "TOPK_V2", "TOPK_V2 needs a k from 1 to 3, and it is 4" },
        { "SELECT_V2", "SELECT_V2 needs equal quantisation of input 2 and output 0" },
        { "CAST", "CAST needs input 0 as a constant" },
        { "GELU", "GELU needs input 0 as int8, and it is float32" },
        { "LOGICAL_AND", "LOGICAL_AND needs input 0 as bool, and it is int8" },
        { "ADD", "ADD needs inputs that broadcast, and they have the shapes [3] and [2]" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_cannot_be_computed_is_refused(string what, string demand)
    {
        var b = new TfliteBuilder();
        int Of(ElementType type, int[] shape, byte[]? data = null, float scale = 0.5f) =>
            b.Tensor($"t{Guid.NewGuid():N}", type, shape, type == ElementType.Int8 ? TfliteBuilder.Quantized(scale, 0) : null, data);
        int x = Of(what is "ADD" or "GELU" ? ElementType.Float32 : what.StartsWith("DIV", StringComparison.Ordinal) || what == "CAST" ? ElementType.Int32 : what == "SELECT_V2" ? ElementType.Bool : ElementType.Int8, [3]);
        (int builtin, int[] inputs, int[] outputs) = what switch
        {
            "EXP" => (Schema.Builtin.Exp, [x], [Of(ElementType.Int8, [3])]),
            "NEG" => (Schema.Builtin.Neg, [x], [Of(ElementType.Int8, [3])]),
            "DIV" => (Schema.Builtin.Div, [x, b.Int32("zero", 1, 0, 2)], [Of(ElementType.Int32, [3])]),
            "DIV by what is computed" => (Schema.Builtin.Div, [x, x], [Of(ElementType.Int32, [3])]),
            "TOPK_V2" => (Schema.Builtin.TopKV2, [x, b.Int32("k", 4)], [Of(ElementType.Int8, [4]), Of(ElementType.Int32, [4])]),
            "SELECT_V2" => (Schema.Builtin.SelectV2, [x, Of(ElementType.Int8, [3], new byte[3]), Of(ElementType.Int8, [3], new byte[3], 0.25f)], [Of(ElementType.Int8, [3])]),
            "CAST" => (Schema.Builtin.Cast, [x], [Of(ElementType.Int64, [3])]),
            "GELU" => (Schema.Builtin.Gelu, [x], [Of(ElementType.Float32, [3])]),
            "LOGICAL_AND" => (Schema.Builtin.LogicalAnd, [x, x], [Of(ElementType.Bool, [3])]),
            _ => (Schema.Builtin.Add, (int[])[x, Of(ElementType.Float32, [2], new byte[8])], (int[])[Of(ElementType.Float32, [3])]),
        };
        b.Operator(builtin, inputs, outputs);
        b.Ports([x], outputs);
        CompiledModel model = Compiler.Compile(new ModelFile("m.tflite", b.Build()), new CompileOptions { ClassName = "M" }, default);
        Assert.Contains(model.Problems, p => p.Message.Contains(demand) && p.Id is Ids.UnsupportedType or Ids.UnsupportedOption or Ids.InvalidQuantization);
    }

    private static Array Run(Op op, Tensor[] inputs, ElementType type, int[] shape)
    {
        Graph graph = Graph(op, inputs, (type, shape));
        return Values.Run(graph, op)[op.Outputs[0]];
    }

    // A graph of one operator on constants, which keeps its contract.
    private static Graph Graph(Op op, Tensor[] inputs, params (ElementType Type, int[] Shape)[] outputs)
    {
        var graph = new Graph(
            [.. inputs, .. outputs.Select((o, i) => new Tensor { Name = $"y{i}", Type = o.Type, Shape = o.Shape })], [op], [], [.. op.Outputs]);
        if (op is Gelu) return graph;
        var problems = new Problems();
        op.Check(new Contract(graph, op, problems));
        Assert.Empty(problems.ToArray());
        return graph;
    }

    private static Tensor Floats(float[] values) =>
        new() { Name = "x", Type = ElementType.Float32, Shape = new[] { values.Length }, Data = Values.Bytes(ElementType.Float32, values) };

    private static Tensor Truth(params byte[] values) => new() { Name = "c", Type = ElementType.Bool, Shape = new[] { values.Length }, Data = values };

    private static Tensor Int8(Quantization quantization, params int[] values) =>
        new() { Name = "q", Type = ElementType.Int8, Shape = new[] { values.Length }, Data = Values.Bytes(ElementType.Int8, values), Quantization = quantization };

    private static Tensor Numbers(params int[] values) =>
        new() { Name = "n", Type = ElementType.Int32, Shape = new[] { values.Length }, Data = Values.Bytes(ElementType.Int32, values) };
}
