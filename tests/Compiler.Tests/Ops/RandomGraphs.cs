using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Small random models of several operators: chains with branches that ADD and CONCATENATION join again, and windows of all kinds.</summary>
internal static class RandomGraphs
{
    /// <param name="draw">The random numbers.</param>
    /// <param name="plants">Filters with output and input channels of zeros, and biases that clamp whole channels.</param>
    /// <param name="cuts">Images are also cut into some of their rows, and stacked.</param>
    public static byte[] Build(Draw draw, bool plants = false, bool cuts = false) => new Graphs(draw, plants, cuts).Build();

    private sealed class Graphs(Draw draw, bool plants, bool cuts)
    {
        private readonly TfliteBuilder _b = new();

        // Images that later operators may read.
        private readonly List<Image> _images = [];
        private int _names;

        private sealed record Image(int Id, int Height, int Width, int Channels, Quantization Quantization);

        public byte[] Build()
        {
            int count = draw.Of(1, 1, 2), height = draw.Of(draw.Int(1, 7), draw.Int(8, 20)), width = draw.Int(1, 7);
            for (int i = 0; i < count; i++) _images.Add(New(height, width, draw.Int(1, 5), draw.Quantized()));
            int[] inputs = [.. _images.Select(image => image.Id)];

            int steps = draw.Int(3, 12);
            for (int i = 0; i < steps; i++) Step();

            // The last image and now and then another that was computed on the way.
            var outputs = new List<int> { Finish(_images[^1]) };
            Image other = draw.Of(_images.ToArray());
            if (draw.Chance(3) && !inputs.Contains(other.Id) && !outputs.Contains(other.Id)) outputs.Add(other.Id);
            _b.Ports(inputs, [.. outputs]);
            return _b.Build();
        }

        private Image New(int height, int width, int channels, Quantization q) =>
            new(_b.Tensor($"t{_names++}", ElementType.Int8, [1, height, width, channels], q), height, width, channels, q);

        private void Step()
        {
            // Mostly the newest: long chains; sometimes an older one: branches.
            Image from = draw.Chance(3) ? draw.Of(_images.ToArray()) : _images[^1];
            if (cuts && draw.Chance(5))
            {
                _images.Add(draw.Chance(2) ? Stack(from) : Cut(from));
                return;
            }

            _images.Add(draw.Int(0, 12) switch
            {
                0 or 1 => Convolve(from, draw.Chance(2)),
                2 => Relu(Convolve(from, draw.Chance(2)), draw.Chance(3)),
                3 => Convolve(Pad(from), draw.Chance(2), isPadded: true),
                4 => Join(from, Like(from)),
                5 => Concatenate(from, Like(from)),
                6 => Pool(from),
                7 => Reshaped(from),
                8 => Unary(from),
                9 => Convolve(Relu(from, keeps: true), draw.Chance(2)),
                10 => Join(from, from),
                _ => Window(from),
            });
        }

        // An image of the same height and width.
        private Image Like(Image x) => draw.Of(_images.Where(image => image.Height == x.Height && image.Width == x.Width).ToArray());

        // A convolution or a pool with any filter, strides, dilations and padding; a filter may be larger than the image.
        private Image Window(Image x)
        {
            int kind = draw.Int(0, 3), filterHeight = draw.Int(1, 5), filterWidth = draw.Int(1, 3);
            int strideY = draw.Of(1, 1, 2, 3), strideX = draw.Of(1, 2);
            int dilation = kind < 2 && strideY == 1 && strideX == 1 ? draw.Of(1, 1, 2) : 1;
            int reachY = ((filterHeight - 1) * dilation) + 1, reachX = ((filterWidth - 1) * dilation) + 1;
            bool isSame = draw.Chance(2) || reachY > x.Height || reachX > x.Width;
            int Size(int size, int reach, int stride) => isSame ? (size + stride - 1) / stride : (size - reach + stride) / stride;
            int height = Size(x.Height, reachY, strideY), width = Size(x.Width, reachX, strideX);
            FlatValue padding = FlatValue.Int32(isSame ? 0 : 1), y = FlatValue.Int32(strideY), step = FlatValue.Int32(strideX), dilated = FlatValue.Int32(dilation);
            FlatValue activation = FlatValue.Int32(draw.Of(0, 0, 1, 3));
            if (kind >= 2)
            {
                Image pooled = New(height, width, x.Channels, x.Quantization);
                _b.Operator(
                    kind == 2 ? Schema.Builtin.MaxPool2D : Schema.Builtin.AveragePool2D, [x.Id], [pooled.Id],
                    (0, padding), (1, step), (2, y), (3, FlatValue.Int32(filterWidth)), (4, FlatValue.Int32(filterHeight)), (5, activation));
                return pooled;
            }

            int outputs = kind == 1 ? x.Channels : draw.Int(1, 6);
            int[] shape = kind == 1 ? [1, filterHeight, filterWidth, outputs] : [outputs, filterHeight, filterWidth, x.Channels];
            float scale = draw.Scale();
            int filter = _b.Int8($"filter{_names++}", shape, scale, 0, draw.Bytes(Shapes.Count(shape)));
            int bias = _b.Int32($"bias{_names++}", [.. Enumerable.Range(0, outputs).Select(_ => draw.Int(-5_000, 5_000))]);
            Image result = New(height, width, outputs, TfliteBuilder.Quantized(Math.Min(2, x.Quantization.Scale * scale * draw.Int(50, 300)), draw.ZeroPoint()));
            if (kind == 1) _b.Operator(Schema.Builtin.DepthwiseConv2D, [x.Id, filter, bias], [result.Id], (0, padding), (1, step), (2, y), (3, FlatValue.Int32(1)), (4, activation), (5, dilated), (6, dilated));
            else _b.Operator(Schema.Builtin.Conv2D, [x.Id, filter, bias], [result.Id], (0, padding), (1, step), (2, y), (3, activation), (4, dilated), (5, dilated));
            return result;
        }

        private Image Convolve(Image x, bool isDepthwise, bool isPadded = false)
        {
            int outputs = isDepthwise ? x.Channels : draw.Int(1, 6);

            // A window of 3 takes back the padding of 1; otherwise SAME keeps the size.
            int size = isPadded ? 3 : draw.Of(1, 3);
            int[] shape = isDepthwise ? [1, size, size, outputs] : [outputs, size, size, x.Channels];
            float scale = draw.Scale();
            byte[] weights = draw.Bytes(Shapes.Count(shape));
            if (plants) Plant(weights, isDepthwise ? 1 : outputs, shape[3]);
            int filter = _b.Int8($"filter{_names++}", shape, scale, 0, weights);
            int bias = _b.Int32(
                $"bias{_names++}", [.. Enumerable.Range(0, outputs).Select(_ => plants && draw.Chance(4) ? draw.Of(-10_000_000, 10_000_000) : draw.Int(-5_000, 5_000))]);
            int trim = isPadded ? 2 : 0;
            Image y = New(x.Height - trim, x.Width - trim, outputs, TfliteBuilder.Quantized(Math.Min(2, x.Quantization.Scale * scale * draw.Int(50, 300)), draw.ZeroPoint()));
            FlatValue padding = FlatValue.Int32(isPadded ? 1 : 0), one = FlatValue.Int32(1), activation = FlatValue.Int32(draw.Of(0, 0, 1, 3));
            if (isDepthwise) _b.Operator(Schema.Builtin.DepthwiseConv2D, [x.Id, filter, bias], [y.Id], (0, padding), (1, one), (2, one), (3, one), (4, activation));
            else _b.Operator(Schema.Builtin.Conv2D, [x.Id, filter, bias], [y.Id], (0, padding), (1, one), (2, one), (3, activation));
            return y;
        }

        // Zeros in some rows of `outputs`, and in some of the neighbouring `channels`.
        private void Plant(byte[] weights, int outputs, int channels)
        {
            bool[] isZeroRow = [.. Enumerable.Range(0, outputs).Select(_ => outputs > 1 && draw.Chance(3))];
            bool[] isZeroColumn = [.. Enumerable.Range(0, channels).Select(_ => draw.Chance(3))];
            for (int i = 0; i < weights.Length; i++)
            {
                if (isZeroRow[i / (weights.Length / outputs)] || isZeroColumn[i % channels]) weights[i] = 0;
            }
        }

        private Image Relu(Image x, bool keeps)
        {
            Image y = New(x.Height, x.Width, x.Channels, keeps ? x.Quantization : draw.Quantized());
            _b.Operator(draw.Of(Schema.Builtin.Relu, Schema.Builtin.Relu6), [x.Id], [y.Id]);
            return y;
        }

        private Image Pad(Image x)
        {
            Image y = New(x.Height + 2, x.Width + 2, x.Channels, x.Quantization);
            int paddings = _b.Tensor(
                $"paddings{_names++}", ElementType.Int32, [4, 2], null, Values.Bytes(ElementType.Int32, new[] { 0, 0, 1, 1, 1, 1, 0, 0 }));
            _b.Operator(Schema.Builtin.Pad, [x.Id, paddings], [y.Id]);
            if (draw.Chance(4)) _images.Insert(0, Pool(y, shrinks: true));
            return y;
        }

        private Image Join(Image a, Image b)
        {
            if (a.Channels != b.Channels && a.Channels != 1 && b.Channels != 1) b = a;
            Image y = New(a.Height, a.Width, Math.Max(a.Channels, b.Channels), draw.Quantized());
            _b.Operator(draw.Of(Schema.Builtin.Add, Schema.Builtin.Sub, Schema.Builtin.Mul), [a.Id, b.Id], [y.Id], (0, FlatValue.Int32(draw.Of(0, 0, 1))));
            return y;
        }

        private Image Concatenate(Image a, Image b)
        {
            if (a.Channels + b.Channels > 12) return Unary(a);
            if (a.Quantization != b.Quantization) b = Requantize(b, a.Quantization);
            Image y = New(a.Height, a.Width, a.Channels + b.Channels, a.Quantization);
            _b.Operator(Schema.Builtin.Concatenation, [a.Id, b.Id], [y.Id], (0, FlatValue.Int32(3)));
            return y;
        }

        // Images one below the other, the same one perhaps twice.
        private Image Stack(Image x)
        {
            Image[] others = [.. _images.Where(image => image.Width == x.Width && image.Channels == x.Channels && image.Height + x.Height <= 24)];
            if (others.Length == 0) return Unary(x);
            Image below = draw.Of(others);
            if (below.Quantization != x.Quantization) below = Requantize(below, x.Quantization);
            Image y = New(x.Height + below.Height, x.Width, x.Channels, x.Quantization);
            _b.Operator(Schema.Builtin.Concatenation, [x.Id, below.Id], [y.Id], (0, FlatValue.Int32(1)));
            return y;
        }

        // Some rows: a piece of SPLIT_V, whose others may be read as well, or a slice.
        private Image Cut(Image x)
        {
            if (x.Height < 2) return Unary(x);
            int above = draw.Int(1, x.Height - 1);
            Image first = New(above, x.Width, x.Channels, x.Quantization);
            if (draw.Chance(2))
            {
                _b.Operator(Schema.Builtin.Slice, [x.Id, _b.Int32($"begin{_names++}", 0, x.Height - above, 0, 0), _b.Int32($"size{_names++}", 1, above, -1, -1)], [first.Id]);
                return first;
            }

            Image second = New(x.Height - above, x.Width, x.Channels, x.Quantization);
            _b.Operator(
                Schema.Builtin.SplitV, [x.Id, _b.Int32($"sizes{_names++}", above, -1), _b.Int32($"axis{_names++}", 1)], [first.Id, second.Id], (0, FlatValue.Int32(2)));
            _images.Insert(0, first);
            return second;
        }

        private Image Requantize(Image x, Quantization q)
        {
            Image y = New(x.Height, x.Width, x.Channels, q);
            _b.Operator(Schema.Builtin.Quantize, [x.Id], [y.Id]);
            return y;
        }

        private Image Pool(Image x, bool shrinks = false)
        {
            int trim = shrinks ? 2 : 0;
            Image y = New(x.Height - trim, x.Width - trim, x.Channels, x.Quantization);
            FlatValue one = FlatValue.Int32(1), size = FlatValue.Int32(3);
            _b.Operator(
                draw.Of(Schema.Builtin.MaxPool2D, Schema.Builtin.AveragePool2D), [x.Id], [y.Id], (0, FlatValue.Int32(shrinks ? 1 : 0)), (1, one), (2, one), (3, size), (4, size));
            return y;
        }

        // There and back: two views one after the other.
        private Image Reshaped(Image x)
        {
            int flat = _b.Tensor($"t{_names++}", ElementType.Int8, [1, x.Height * x.Width * x.Channels], x.Quantization);
            _b.Operator(Schema.Builtin.Reshape, [x.Id], [flat]);
            Image y = New(x.Height, x.Width, x.Channels, x.Quantization);
            _b.Operator(Schema.Builtin.Reshape, [flat], [y.Id]);
            return y;
        }

        private Image Unary(Image x)
        {
            Image y = New(x.Height, x.Width, x.Channels, TfliteBuilder.Quantized(1f / 256, -128));
            _b.Operator(Schema.Builtin.Logistic, [x.Id], [y.Id]);
            return y;
        }

        // The image itself, its mean, or a dense layer over it.
        private int Finish(Image x)
        {
            switch (draw.Int(0, 3))
            {
                case 0:
                    return x.Id;
                case 1:
                    Quantization q = draw.Quantized();
                    int mean = _b.Tensor("mean", ElementType.Int8, [1, x.Channels], q);
                    _b.Operator(Schema.Builtin.Mean, [x.Id, _b.Int32("axes", 1, 2)], [mean]);
                    return mean;
                case 2:
                    int depth = x.Height * x.Width * x.Channels, units = draw.Int(1, 5);
                    int flat = _b.Tensor("flat", ElementType.Int8, [1, depth], x.Quantization);
                    _b.Operator(Schema.Builtin.Reshape, [x.Id], [flat]);
                    int filter = _b.Int8("dense", [units, depth], 0.01f, 0, draw.Bytes(units * depth));
                    int dense = _b.Tensor("logits", ElementType.Int8, [1, units], TfliteBuilder.Quantized(Math.Min(2, x.Quantization.Scale * depth / 5), draw.ZeroPoint()));
                    _b.Operator(Schema.Builtin.FullyConnected, [flat, filter], [dense]);
                    int softmax = _b.Tensor("softmax", ElementType.Int8, [1, units], TfliteBuilder.Quantized(1f / 256, -128));
                    _b.Operator(Schema.Builtin.Softmax, [dense], [softmax], (0, FlatValue.Float(1)));
                    return softmax;
                default:
                    int view = _b.Tensor("view", ElementType.Int8, [x.Height * x.Width, x.Channels], x.Quantization);
                    _b.Operator(Schema.Builtin.Reshape, [x.Id], [view]);
                    return view;
            }
        }
    }
}
