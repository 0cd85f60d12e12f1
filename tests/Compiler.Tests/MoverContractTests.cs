using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Tests;

/// <summary>What operators that move elements refuse: each case is a file that a converter would not write, or that no kernel here can compute.</summary>
public sealed class MoverContractTests
{
    private const ElementType I8 = ElementType.Int8;
    private readonly OneOp _graph = new();

    private int Image => _graph.Input(I8, 1, 4, 6, 3);

    private int Result(params int[] shape) => _graph.Result(I8, shape);

    private void Refuses(Op op)
    {
        var problems = new Problems();
        op.Check(new Contract(_graph.Graph(), op, problems));
        Assert.True(problems.Any, op.Name);
    }

    [Theory]
    [InlineData(new[] { 0, 0, 0 }, new[] { 1, 4, 6, 3 })]
    [InlineData(new[] { 0, 0, 0, -1 }, new[] { 1, 4, 6, 3 })]
    [InlineData(new[] { 0, 1, 0, 0 }, new[] { 1, 4, 6, 3 })]
    [InlineData(new[] { 0, 0, 0, 0 }, new[] { 1, 4, 6, -2 })]
    [InlineData(new[] { 0, int.MinValue, 0, 0 }, new[] { 1, int.MaxValue, 6, 3 })]
    [InlineData(new[] { 0, 0, 0, 0 }, new[] { 1, 4, 6, 2 })]
    public void Slice(int[] begin, int[] size) => Refuses(new Slice
    {
        Inputs = new[] { Image, _graph.Numbers(begin), _graph.Numbers(size) },
        Outputs = new[] { Result(1, 4, 6, 3) },
    });

    [Fact]
    public void Slice_from_where_only_the_caller_knows() => Refuses(new Slice
    {
        Inputs = new[] { Image, _graph.Input(ElementType.Int32, 4), _graph.Numbers(1, 4, 6, 3) },
        Outputs = new[] { Result(1, 4, 6, 3) },
    });

    [Theory]
    [InlineData(4, 3, 3)]
    [InlineData(-5, 3, 3)]
    [InlineData(int.MinValue, 3, 3)]
    [InlineData(2, 2, 4)]
    [InlineData(2, 3, 2)]
    [InlineData(2, 6, 0)]
    public void Split(int axis, int first, int second) => Refuses(new Split
    {
        Inputs = new[] { _graph.Scalar(axis), Image },
        Outputs = new[] { Result(1, 4, first, 3), Result(1, 4, second, 3) },
        Count = 2,
    });

    [Fact]
    public void Split_whose_inputs_change_places() => Refuses(new Split
    {
        Inputs = new[] { Image, _graph.Scalar(2) },
        Outputs = new[] { Result(1, 4, 3, 3), Result(1, 4, 3, 3) },
        Count = 2,
    });

    [Fact]
    public void Split_of_several_axes() => Refuses(new Split
    {
        Inputs = new[] { _graph.Numbers(1, 2), Image },
        Outputs = new[] { Result(1, 2, 6, 3), Result(1, 2, 6, 3) },
        Count = 2,
    });

    [Theory]
    [InlineData(new[] { 2, 3 }, 2)]
    [InlineData(new[] { -1, -1 }, 2)]
    [InlineData(new[] { 2 }, 2)]
    [InlineData(new[] { 2, 4 }, 1)]
    public void SplitV(int[] sizes, int axis) => Refuses(new SplitV
    {
        Inputs = new[] { Image, _graph.Numbers(sizes), _graph.Scalar(axis) },
        Outputs = new[] { Result(1, 4, 2, 3), Result(1, 4, 4, 3) },
    });

    [Theory]
    [InlineData(2, 5)]
    [InlineData(2, -6)]
    [InlineData(2, 1)]
    [InlineData(3, 0)]
    public void Pack(int count, int axis) => Refuses(new Pack
    {
        Inputs = new[] { Image, Image },
        Outputs = new[] { Result(2, 1, 4, 6, 3) },
        Count = count,
        Axis = axis,
    });

    [Theory]
    [InlineData(2, 1)]
    [InlineData(4, 4)]
    [InlineData(4, -5)]
    public void Unpack(int count, int axis) => Refuses(new Unpack
    {
        Inputs = new[] { Image },
        Outputs = Enumerable.Range(0, 4).Select(_ => Result(1, 6, 3)).ToArray(),
        Count = count,
        Axis = axis,
    });

    [Theory]
    [InlineData(1, 0, new[] { 0, 4 })]
    [InlineData(1, 0, new[] { 0, -1 })]
    [InlineData(4, 0, new[] { 0, 1 })]
    [InlineData(1, 1, new[] { 0, 1 })]
    [InlineData(1, 0, new[] { 0, 1, 2 })]
    public void Gather(int axis, int batch, int[] indices) => Refuses(new Gather
    {
        Inputs = new[] { Image, _graph.Numbers(indices) },
        Outputs = new[] { Result(1, 2, 6, 3) },
        Axis = axis,
        BatchDimensions = batch,
    });

    [Theory]
    [InlineData(4)]
    [InlineData(-5)]
    [InlineData(1, -3)]
    public void Reverse(params int[] axes) => Refuses(new ReverseV2
    {
        Inputs = new[] { Image, _graph.Numbers(axes) },
        Outputs = new[] { Result(1, 4, 6, 3) },
    });

    [Theory]
    [InlineData(new[] { 2, 4, 6 }, new[] { 2, 4, 6 })]
    [InlineData(new[] { 1, 8, 6, 3 }, new[] { 1, 8, 6, 3 })]
    [InlineData(new[] { 2, 4, 6, 3 }, new[] { 1, 4, 6, 3 })]
    public void BroadcastTo(int[] shape, int[] output) => Refuses(new BroadcastTo
    {
        Inputs = new[] { Image, _graph.Numbers(shape) },
        Outputs = new[] { Result(output) },
    });

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(1, 2, 1, 0)]
    [InlineData(1, 1, 1, 1)]
    [InlineData(1, 2, 1, int.MaxValue)]
    public void Tile(params int[] times) => Refuses(new Tile
    {
        Inputs = new[] { Image, _graph.Numbers(times) },
        Outputs = new[] { Result(1, 8, 6, 3) },
    });

    [Theory]
    [InlineData(0)]
    [InlineData(-2)]
    [InlineData(4)]
    [InlineData(1 << 20)]
    public void SpaceToDepth(int block) => Refuses(new SpaceToDepth
    {
        Inputs = new[] { Image },
        Outputs = new[] { Result(1, 2, 3, 12) },
        Block = block,
    });

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(65536)]
    public void DepthToSpace(int block) => Refuses(new DepthToSpace
    {
        Inputs = new[] { Image },
        Outputs = new[] { Result(1, 8, 12, 1) },
        Block = block,
    });

    [Theory]
    [InlineData(new[] { 2, 0 }, new[] { 0, 0, 0, 0 })]
    [InlineData(new[] { 2 }, new[] { 0, 0 })]
    [InlineData(new[] { 2, 2 }, new[] { 0, 0, -1, 1 })]
    [InlineData(new[] { 2, 2 }, new[] { 0, 0, 0, 1 })]
    [InlineData(new[] { 1 << 16, 1 << 16 }, new[] { 0, 0, 0, 0 })]
    [InlineData(new[] { 4, 1 }, new[] { 0, 0, 0, 0 })]
    public void SpaceToBatch(int[] block, int[] around) => Refuses(new SpaceToBatchNd
    {
        Inputs = new[] { Image, _graph.Numbers(block), _graph.Numbers(around) },
        Outputs = new[] { Result(4, 2, 3, 3) },
    });

    [Theory]
    [InlineData(0, 4, 0)]
    [InlineData(1, 5, 0)]
    [InlineData(1, 0, 5)]
    [InlineData(0, -1, 1)]
    [InlineData(2, 1, 0)]
    public void MirrorPad(int mode, int before, int after) => Refuses(new MirrorPad
    {
        Inputs = new[] { Image, _graph.Constant(ElementType.Int32, [4, 2], 0, 0, before, after, 0, 0, 0, 0) },
        Outputs = new[] { Result(1, 4 + before + after, 6, 3) },
        Mode = mode,
    });

    [Theory]
    [InlineData(0, 8)]
    [InlineData(-1, 8)]
    [InlineData(8, 9)]
    [InlineData(int.MaxValue, 8)]
    public void Resizes(int height, int outputs)
    {
        Refuses(new ResizeNearestNeighbor
        {
            Inputs = new[] { Image, _graph.Numbers(height, 6) },
            Outputs = new[] { Result(1, outputs, 6, 3) },
            AlignsCorners = false,
            HasHalfPixelCenters = false,
        });
        Refuses(new ResizeBilinear
        {
            Inputs = new[] { Image, _graph.Numbers(height, 6) },
            Outputs = new[] { Result(1, outputs, 6, 3) },
            AlignsCorners = false,
            HasHalfPixelCenters = false,
        });
    }

    [Fact]
    public void Bilinear_steps_that_leave_the_image() => Refuses(new ResizeBilinear
    {
        Inputs = new[] { _graph.Input(I8, 1, 1, 620, 1), _graph.Numbers(1, 60_000) },
        Outputs = new[] { Result(1, 1, 60_000, 1) },
        AlignsCorners = false,
        HasHalfPixelCenters = true,
    });

    [Fact]
    public void An_empty_image() => Refuses(new ResizeNearestNeighbor
    {
        Inputs = new[] { _graph.Constant(I8, [1, 0, 6, 3]), _graph.Numbers(8, 12) },
        Outputs = new[] { Result(1, 8, 12, 3) },
        AlignsCorners = false,
        HasHalfPixelCenters = false,
    });

    [Fact]
    public void Numbers_of_more_than_32_bits()
    {
        int wide = _graph.Wide(1, 4, 6, 1L << 40);
        Refuses(new BroadcastTo { Inputs = new[] { Image, wide }, Outputs = new[] { Result(1, 4, 6, 3) } });
    }

    [Theory]
    [InlineData(0, 10, 0)]
    [InlineData(0, 10, -1)]
    [InlineData(5, 5, 1)]
    [InlineData(int.MinValue, int.MaxValue, 1)]
    public void Range(int start, int limit, int delta) => Refuses(new RangeOp
    {
        Inputs = new[] { _graph.Scalar(start), _graph.Scalar(limit), _graph.Scalar(delta) },
        Outputs = new[] { _graph.Result(ElementType.Int32, 10) },
    });

    [Fact]
    public void Division_by_integers_that_only_the_caller_knows() => Refuses(new IntegerArithmetic("DIV", Activation.None)
    {
        Inputs = new[] { _graph.Numbers(1), _graph.Input(ElementType.Int32, 2) },
        Outputs = new[] { _graph.Result(ElementType.Int32, 2) },
    });

    [Fact]
    public void Fill_with_a_shape_that_only_the_caller_knows() => Refuses(new Fill
    {
        Inputs = new[] { _graph.Input(ElementType.Int32, 2), _graph.Scalar(1) },
        Outputs = new[] { _graph.Result(ElementType.Int32, 2, 2) },
    });

    [Fact]
    public void Missing_inputs()
    {
        int[] none = [], outputs = [Result(1, 4, 6, 3)];
        Op[] ops =
        [
            new Slice { Inputs = none, Outputs = outputs }, new Split { Inputs = none, Outputs = outputs, Count = 1 }, new SplitV { Inputs = none, Outputs = outputs },
            new Pack { Inputs = none, Outputs = outputs, Count = 0, Axis = 0 }, new Unpack { Inputs = none, Outputs = outputs, Count = 1, Axis = 0 },
            new Gather { Inputs = none, Outputs = outputs, Axis = 0, BatchDimensions = 0 }, new ReverseV2 { Inputs = none, Outputs = outputs },
            new BroadcastTo { Inputs = none, Outputs = outputs }, new Tile { Inputs = none, Outputs = outputs },
            new SpaceToDepth { Inputs = none, Outputs = outputs, Block = 2 }, new DepthToSpace { Inputs = none, Outputs = outputs, Block = 2 },
            new SpaceToBatchNd { Inputs = none, Outputs = outputs }, new BatchToSpaceNd { Inputs = none, Outputs = outputs },
            new MirrorPad { Inputs = none, Outputs = outputs, Mode = 0 }, new Pad("PADV2") { Inputs = none, Outputs = outputs, Paddings = null },
            new ResizeNearestNeighbor { Inputs = none, Outputs = outputs, AlignsCorners = false, HasHalfPixelCenters = false },
            new ResizeBilinear { Inputs = none, Outputs = outputs, AlignsCorners = false, HasHalfPixelCenters = false },
            new ShapeOp { Inputs = none, Outputs = outputs }, new Fill { Inputs = none, Outputs = outputs }, new RangeOp { Inputs = none, Outputs = outputs },
            new Cast { Inputs = none, Outputs = outputs }, new ReduceProd { Inputs = none, Outputs = outputs, KeepsDimensions = false },
            new IntegerArithmetic("ADD", Activation.None) { Inputs = none, Outputs = outputs },
        ];
        foreach (Op op in ops) Refuses(op);
    }
}
