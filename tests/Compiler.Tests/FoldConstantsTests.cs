using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Ops;
using Etch.Passes;

namespace Etch.Tests;

/// <summary>Operators of constants, of which no vector can be recorded: their results are worked out by hand from their definitions.</summary>
public sealed class FoldConstantsTests
{
    private readonly OneOp _graph = new();

    [Fact]
    public void Shape_strided_slice_pack_and_fill_leave_the_initial_state_of_a_recurrent_layer()
    {
        int input = _graph.Input(ElementType.Int8, 7, 49, 10), shape = _graph.Result(ElementType.Int32, 3), batch = _graph.Result(ElementType.Int32);
        int begin = _graph.Numbers(0), end = _graph.Numbers(1), step = _graph.Numbers(1), units = _graph.Scalar(4), dimensions = _graph.Result(ElementType.Int32, 2);
        int zero = _graph.Constant(ElementType.Int8, [], -3), state = _graph.Result(ElementType.Int8, 7, 4);
        _graph.Op(new ShapeOp { Inputs = new[] { input }, Outputs = new[] { shape } });
        _graph.Op(new StridedSlice
        {
            Inputs = new[] { shape, begin, end, step },
            Outputs = new[] { batch },
            Begin = new[] { 0 },
            End = new[] { 1 },
            Strides = new[] { 1 },
            BeginMask = 0,
            EndMask = 0,
            ShrinkMask = 1,
            OtherMasks = 0,
        });
        _graph.Op(new Pack { Inputs = new[] { batch, units }, Outputs = new[] { dimensions }, Count = 2, Axis = 0 });
        _graph.Op(new Fill { Inputs = new[] { dimensions, zero }, Outputs = new[] { state } });
        Assert.Equal(Enumerable.Repeat(-3, 28), _graph.Fold(state));
    }

    [Theory]
    [InlineData(5, -4, -3, new[] { 5, 2, -1 })]
    [InlineData(-1, 5, 2, new[] { -1, 1, 3 })]
    [InlineData(0, 1, 9, new[] { 0 })]
    public void Range_ends_before_its_limit(int start, int limit, int delta, int[] expected)
    {
        int[] inputs = [_graph.Scalar(start), _graph.Scalar(limit), _graph.Scalar(delta)];
        int result = _graph.Result(ElementType.Int32, expected.Length);
        _graph.Op(new RangeOp { Inputs = inputs, Outputs = new[] { result } });
        Assert.Equal(expected, _graph.Fold(result));
    }

    [Theory]
    [InlineData("ADD", new[] { 14, 40, -47, -21 })]
    [InlineData("SUB", new[] { 28, 2, -33, -59 })]
    [InlineData("MUL", new[] { -147, 399, 280, -760 })]
    [InlineData("DIV", new[] { -3, 1, 5, -2 })]
    [InlineData("MAXIMUM", new[] { 21, 21, -7, 19 })]
    [InlineData("MINIMUM", new[] { -7, 19, -40, -40 })]
    public void Integers_broadcast(string name, int[] expected)
    {
        int a = _graph.Constant(ElementType.Int32, [2, 1], 21, -40), b = _graph.Numbers(-7, 19), result = _graph.Result(ElementType.Int32, 2, 2);
        _graph.Op(new IntegerArithmetic(name, Activation.None) { Inputs = new[] { a, b }, Outputs = new[] { result } });
        Assert.Equal(expected, _graph.Fold(result));
    }

    [Theory]
    [InlineData(false, 0, new[] { 4, 10, 18 })]
    [InlineData(true, -1, new[] { 6, 120 })]
    public void Products_are_taken_over_the_axes(bool keeps, int axis, int[] expected)
    {
        int x = _graph.Constant(ElementType.Int32, [2, 3], 1, 2, 3, 4, 5, 6), axes = _graph.Numbers(axis);
        int result = keeps ? _graph.Result(ElementType.Int32, 2, 1) : _graph.Result(ElementType.Int32, 3);
        _graph.Op(new ReduceProd { Inputs = new[] { x, axes }, Outputs = new[] { result }, KeepsDimensions = keeps });
        Assert.Equal(expected, _graph.Fold(result));
    }

    [Fact]
    public void Casts_keep_numbers_and_ask_truth_for_zero()
    {
        int x = _graph.Numbers(-7, 0, 256), wide = _graph.Result(ElementType.Int64, 3), truth = _graph.Result(ElementType.Bool, 3), back = _graph.Result(ElementType.Int32, 3);
        _graph.Op(new Cast { Inputs = new[] { x }, Outputs = new[] { wide } });
        _graph.Op(new Cast { Inputs = new[] { wide }, Outputs = new[] { truth } });
        _graph.Op(new Cast { Inputs = new[] { wide }, Outputs = new[] { back } });
        Assert.Equal([1, 0, 1], _graph.Fold(truth));
        Assert.Equal([-7, 0, 256], _graph.Fold(back));
    }

    [Fact]
    public void Tiles_repeat_each_dimension()
    {
        int x = _graph.Constant(ElementType.Int8, [2, 2], 1, 2, 3, 4), times = _graph.Numbers(2, 3), result = _graph.Result(ElementType.Int8, 4, 6);
        _graph.Op(new Tile { Inputs = new[] { x, times }, Outputs = new[] { result } });
        int[] upper = [1, 2, 1, 2, 1, 2], lower = [3, 4, 3, 4, 3, 4];
        Assert.Equal([.. upper, .. lower, .. upper, .. lower], _graph.Fold(result));
    }

    [Fact]
    public void Padded_space_becomes_batches_with_the_zero_point_around_and_comes_back()
    {
        const int N = 2, H = 5, W = 4, C = 3, Top = 1, Bottom = 0, Left = 2, Right = 3, By = 2, Bx = 3, Rows = 3, Columns = 3;
        int[] values = [.. Enumerable.Range(0, N * H * W * C).Select(i => (i % 251) - 125)];
        int x = _graph.Constant(ElementType.Int8, [N, H, W, C], values), block = _graph.Numbers(By, Bx), around = _graph.Numbers(Top, Bottom, Left, Right);
        int batches = _graph.Result(ElementType.Int8, N * By * Bx, Rows, Columns, C), back = _graph.Result(ElementType.Int8, N, H, W, C);
        _graph.Op(new SpaceToBatchNd { Inputs = new[] { x, block, around }, Outputs = new[] { batches } });
        _graph.Op(new BatchToSpaceNd { Inputs = new[] { batches, block, around }, Outputs = new[] { back } });

        var expected =
            from ky in Enumerable.Range(0, By)
            from kx in Enumerable.Range(0, Bx)
            from n in Enumerable.Range(0, N)
            from y in Enumerable.Range(0, Rows)
            from column in Enumerable.Range(0, Columns)
            from c in Enumerable.Range(0, C)
            let iy = (y * By) + ky - Top
            let ix = (column * Bx) + kx - Left
            select iy is < 0 or >= H || ix is < 0 or >= W ? -3 : values[(((((n * H) + iy) * W) + ix) * C) + c];
        Assert.Equal(expected, _graph.Fold(batches));
        Assert.Equal(values, _graph.Fold(back));
    }

    [Fact]
    public void Batches_become_space_without_a_border()
    {
        // Four images of one pixel: the second of the first row comes second.
        int x = _graph.Constant(ElementType.Int8, [4, 1, 1, 1], 1, 2, 3, 4), block = _graph.Numbers(2, 2), around = _graph.Numbers(0, 0, 0, 0);
        int y = _graph.Result(ElementType.Int8, 1, 2, 2, 1);
        _graph.Op(new BatchToSpaceNd { Inputs = new[] { x, block, around }, Outputs = new[] { y } });
        Assert.Equal([1, 2, 3, 4], _graph.Fold(y));
    }

    // Expected by the formulas of TFLite's reference kernels, worked out apart from this code.
    [Theory]
    [InlineData(true, false, 5, new[] { -100, -25, 50, 75, 100 })]
    [InlineData(false, false, 5, new[] { -100, -10, 60, 90, 100 })]
    [InlineData(false, true, 5, new[] { -100, -40, 50, 80, 100 })]
    [InlineData(true, false, 1, new[] { -100 })]
    public void Bilinear_weights_follow_the_corners(bool aligns, bool hasHalf, int outputs, int[] expected)
    {
        int x = _graph.Constant(ElementType.Int8, [1, 1, 3, 1], -100, 50, 100), size = _graph.Numbers(1, outputs), result = _graph.Result(ElementType.Int8, 1, 1, outputs, 1);
        _graph.Op(new ResizeBilinear { Inputs = new[] { x, size }, Outputs = new[] { result }, AlignsCorners = aligns, HasHalfPixelCenters = hasHalf });
        Assert.Equal(expected, _graph.Fold(result));
    }

    [Theory]
    [InlineData(true, false, 6, new[] { 1, 2, 2, 3, 3, 4 })]
    [InlineData(false, false, 6, new[] { 1, 1, 2, 3, 3, 4 })]
    [InlineData(true, false, 1, new[] { 1 })]
    public void Nearest_neighbours_follow_the_corners(bool aligns, bool hasHalf, int outputs, int[] expected)
    {
        int x = _graph.Constant(ElementType.Int8, [1, 4, 1, 1], 1, 2, 3, 4), size = _graph.Numbers(outputs, 1), result = _graph.Result(ElementType.Int8, 1, outputs, 1, 1);
        _graph.Op(new ResizeNearestNeighbor { Inputs = new[] { x, size }, Outputs = new[] { result }, AlignsCorners = aligns, HasHalfPixelCenters = hasHalf });
        Assert.Equal(expected, _graph.Fold(result));
    }

    [Fact]
    public void Every_output_is_folded()
    {
        int axis = _graph.Scalar(-1), x = _graph.Constant(ElementType.Int8, [2, 4], 1, 2, 3, 4, 5, 6, 7, 8);
        int left = _graph.Result(ElementType.Int8, 2, 2), right = _graph.Result(ElementType.Int8, 2, 2);
        _graph.Op(new Split { Inputs = new[] { axis, x }, Outputs = new[] { left, right }, Count = 2 });
        Assert.Equal([1, 2, 5, 6], _graph.Fold(left));
        Assert.Equal([3, 4, 7, 8], _graph.Fold(right));
    }

    [Fact]
    public void A_constant_that_the_caller_receives_is_copied()
    {
        int x = _graph.Numbers(1, 2), y = _graph.Numbers(3), sum = _graph.Result(ElementType.Int32, 2);
        _graph.Op(new IntegerArithmetic("ADD", Activation.None) { Inputs = new[] { x, y }, Outputs = new[] { sum } });
        Graph folded = FoldConstants.Run(_graph.Graph(sum), new Problems());
        Op copy = Assert.Single(folded.Ops);
        Assert.IsType<Reshape>(copy);
        Assert.Equal([4, 5], folded[copy.Inputs[0]].Integers());
        Assert.False(folded[sum].IsConstant);
    }

    [Fact]
    public void What_breaks_its_contract_stays()
    {
        int x = _graph.Numbers(1, 2), y = _graph.Numbers(3, 4, 5), sum = _graph.Result(ElementType.Int32, 2);
        _graph.Op(new IntegerArithmetic("ADD", Activation.None) { Inputs = new[] { x, y }, Outputs = new[] { sum } });
        Assert.Single(FoldConstants.Run(_graph.Graph(), new Problems()).Ops);
    }

    [Fact]
    public void A_small_file_does_not_fold_into_much_memory()
    {
        int shape = _graph.Numbers(1 << 12, 1 << 12), value = _graph.Scalar(7), first = _graph.Result(ElementType.Int32, 1 << 12, 1 << 12), second = _graph.Result(ElementType.Int32, 1);
        _graph.Op(new Fill { Inputs = new[] { shape, value }, Outputs = new[] { first } });
        _graph.Op(new Fill { Inputs = new[] { _graph.Numbers(1), value }, Outputs = new[] { second } });
        var problems = new Problems();
        FoldConstants.Run(_graph.Graph(), problems);
        Assert.Equal(Ids.TooLarge, Assert.Single(problems.ToArray()).Id);
    }
}
