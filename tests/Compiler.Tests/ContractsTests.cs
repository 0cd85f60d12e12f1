using System;
using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Tests;

/// <summary>Contracts on what no recorded model has: each refuses what its reference and its kernel could not compute, and none throws.</summary>
public sealed class ContractsTests
{
    private static readonly EquatableArray<int> None = Array.Empty<int>();

    private static readonly WindowOptions Stride2 = new() { Padding = new Padding(true, default), StrideY = 2, StrideX = 2 };

    public static TheoryData<string, string> Cases()
    {
        var cases = new TheoryData<string, string>();
        foreach (var c in All) cases.Add(c.Name, c.Demand);
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Contract_refuses(string name, string demand)
    {
        (_, _, Op op, Tensor[] inputs, Tensor output) = All.Single(c => c.Name == name);
        Assert.Contains(Problems(op, [.. inputs, output], Enumerable.Range(0, inputs.Length).ToArray(), new[] { inputs.Length }), p => p.Message.Contains(demand));
    }

    [Fact]
    public void Contract_never_throws_on_an_operator_without_tensors() => Assert.All(
        All.Select(c => c.Op), op => Assert.NotEmpty(Problems(op, Array.Empty<Tensor>(), None, None)));

    [Fact]
    public void Contract_holds_where_nothing_is_wrong()
    {
        Assert.Empty(Problems(Argmax(-2), [Int8([2, 3]), Axis(-2), Int32([3])], new[] { 0, 1 }, new[] { 2 }));
        Assert.Empty(Problems(Sum(), [Int8([2, 3]), Axis(1), Int8([2])], new[] { 0, 1 }, new[] { 2 }));
        Assert.Empty(Problems(Matrices, [Int8([5, 2, 3]), Int8([3, 4]), Int8([5, 2, 4])], new[] { 0, 1 }, new[] { 2 }));
    }

    [Theory]
    [InlineData(5, 0, int.MaxValue / 2)]
    [InlineData(-5, 0, int.MinValue / 2)]
    [InlineData(0, 0, 0)]
    [InlineData(0, 255, 0)]
    [InlineData(10, 5, 2)]
    [InlineData(-10, 5, -2)]
    [InlineData(10, -5, -2)]
    public void Quotient_is_defined_everywhere(int a, int b, int expected) => Assert.Equal(expected, FixedPoint.Quotient(a, b, 1 << 30, 1));

    private static (string Name, string Demand, Op Op, Tensor[] Inputs, Tensor Output)[] All =>
    [
        ("axis outside", "needs an axis from -2 to 1", Argmax(2), [Int8([2, 3]), Axis(2)], Int32([2])),
        ("axis far below", "needs an axis from -2 to 1", Argmax(int.MinValue), [Int8([2, 3]), Axis(int.MinValue)], Int32([2])),
        ("axis computed", "needs a constant axis", new ArgMax(true, null) { Inputs = None, Outputs = None }, [Int8([2, 3]), Int32([1])], Int32([2])),
        ("axis of a scalar", "needs an axis from 0 to -1", Argmax(0), [Int8([]), Axis(0)], Int32([])),
        ("nothing to choose from", "needs an input with elements", Argmax(0), [Int8([0, 3]) with { Data = [] }, Axis(0)], Int32([3])),
        ("index of another type", "as int32", Argmax(0), [Int8([2, 3]), Axis(0)], Int8([3])),
        ("nothing to add up", "needs input 0 with elements", Sum(), [Int8([2, 0]) with { Data = [] }, Axis(1)], Int8([2])),
        ("sum along no dimension of the input", "needs axes from -1 to 0", Sum(), [Int8([2]), Axis(1)], Int8([1])),
        ("sum of another size", "with 2 elements", Sum(), [Int8([2, 3]), Axis(1)], Int8([3])),
        ("maximum of another quantisation", "needs equal quantisation", new ReduceMax(true, new Reduction(new[] { 1 }, false)) { Inputs = None, Outputs = None },
            [Int8([2, 3]), Axis(1)], Int8([2], scale: 0.25f)),
        ("running sum outside", "needs an axis from -2 to 1", new CumSum(new[] { -3 }, false, false) { Inputs = None, Outputs = None },
            [Int8([2, 3]), Axis(-3)], Int8([2, 3])),
        ("running sum far too fine", "needs an output scale above", new CumSum(new[] { 0 }, false, false) { Inputs = None, Outputs = None },
            [Int8([2, 3]), Axis(0)], Int8([2, 3], scale: 1e-9f)),
        ("one summand", "needs 2 to 256 inputs", new AddN { Inputs = None, Outputs = None }, [Int8([2])], Int8([2])),
        ("summands of two zero points", "needs equal quantisation of input 1", new AddN { Inputs = None, Outputs = None },
            [Int8([2]), Int8([2], zeroPoint: 1)], Int8([2])),
        ("matrices that do not fit", "needs matrices that can be multiplied", Matrices, [Int8([2, 3]), Int8([2, 4])], Int8([2, 4])),
        ("a vector times a matrix", "with 2 or 3 or 4 or 5 dimensions", Matrices, [Int8([3]), Int8([3, 4])], Int8([4])),
        ("batches that do not broadcast", "needs matrices that can be multiplied", Matrices, [Int8([2, 2, 3]), Int8([3, 3, 4])], Int8([2, 2, 4])),
        ("quotient of too large scales", "below 2^23", new Div { Activation = Activation.None, Inputs = None, Outputs = None },
            [Int8([2], scale: 1e20f), Int8([2])], Int8([2])),
        ("root of too small scales", "needs an output scale times the root", new Rsqrt { Inputs = None, Outputs = None }, [Int8([2], scale: 1e-30f)], Int8([2], scale: 1e-38f)),
        ("scale of 1", "needs input scales below 1", new Comparison("LESS", "<") { Inputs = None, Outputs = None },
            [Int8([2], scale: 1), Int8([2])], Int8([2]) with { Type = ElementType.Bool }),
        ("truth as a number", "as bool", new Comparison("LESS", "<") { Inputs = None, Outputs = None }, [Int8([2]), Int8([2])], Int8([2])),
        ("a row too long for its sum", "needs a last dimension from 1 to 4095", new LogSoftmax { Inputs = None, Outputs = None },
            [Int8([4096])], Int8([4096], 1f / 16, 127)),
        ("another output than the logarithm's", "needs an output with scale 1/16", new LogSoftmax { Inputs = None, Outputs = None }, [Int8([4])], Int8([4])),
        ("a logarithm of too small a scale", "needs an input scale from 2^-26", new LogSoftmax { Inputs = None, Outputs = None },
            [Int8([4], scale: 1e-9f)], Int8([4], 1f / 16, 127)),
        ("a row too long for its squares", "needs a last dimension from 1 to 33025", new L2Normalization { Activation = Activation.None, Inputs = None, Outputs = None },
            [Int8([33026])], Int8([33026], 1f / 128)),
        ("the norm of a scalar", "with 1 or 2 or 3 or 4 dimensions", new L2Normalization { Activation = Activation.None, Inputs = None, Outputs = None },
            [Int8([])], Int8([], 1f / 128)),
        ("slopes that do not broadcast", "needs inputs that broadcast", new Prelu { Inputs = None, Outputs = None }, [Int8([2, 3]), Int8([2])], Int8([2, 3])),
        ("an exponential of no scale", "needs an output scale above 2^-128", new Elu { Inputs = None, Outputs = None }, [Int8([2])], Int8([2], scale: 1e-44f)),
        ("squares of another shape", "with the shape [2, 3]", new SquaredDifference { Inputs = None, Outputs = None }, [Int8([2, 3]), Int8([3])], Int8([3, 2])),
        ("no stride", "needs strides from 1", Upsample(Stride2 with { StrideX = 0 }), Upsampled, Int8([1, 4, 4, 2])),
        ("upsampled to another size", "takes back to the input's size", Upsample(Stride2), Upsampled, Int8([1, 6, 4, 2])),
        ("a filter of other channels", "needs a filter that fits", Upsample(Stride2), Upsampled, Int8([1, 4, 4, 3])),
    ];

    private static Op Argmax(int axis) => new ArgMax(true, new[] { axis }) { Inputs = None, Outputs = None };

    private static Op Sum() => new Mean(false, new Reduction(new[] { 1 }, false)) { Inputs = None, Outputs = None };

    private static Op Matrices => new BatchMatMul { AdjX = false, AdjY = false, Inputs = None, Outputs = None };

    private static Op Upsample(WindowOptions options) => new TransposeConv { Options = options, Activation = Activation.None, Inputs = None, Outputs = None };

    // The shape (computed), a filter 2×3×3×1 and an image of 2×2 pixels.
    private static Tensor[] Upsampled => [Int32([4]), Int8([2, 3, 3, 1]) with { Data = new byte[18] }, Int8([1, 2, 2, 1])];

    private static Tensor Int8(int[] shape, float scale = 0.5f, int zeroPoint = 0) => new()
    {
        Name = "t",
        Type = ElementType.Int8,
        Shape = shape,
        Quantization = new Quantization(new[] { scale }, new[] { zeroPoint }, 0),
    };

    private static Tensor Int32(int[] shape) => new() { Name = "t", Type = ElementType.Int32, Shape = shape };

    private static Tensor Axis(int axis) => Int32([1]) with { Data = BitConverter.GetBytes(axis) };

    private static Problem[] Problems(Op op, Tensor[] tensors, EquatableArray<int> inputs, EquatableArray<int> outputs)
    {
        op = op with { Inputs = inputs, Outputs = outputs };
        var problems = new Problems();
        op.Check(new Contract(new Graph(tensors, [op], [], []), op, problems));
        return problems.ToArray();
    }
}
