using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Runtime.Intrinsics.X86;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace Etch.Bench;

/// <summary>Single vector kernels on the layers that networks are made of.</summary>
/// <remarks><c>dotnet run -c Release --project bench/kernels -- --filter '*'</c>, with all options of BenchmarkDotNet.</remarks>
internal static class Program
{
    private static int Main(string[] args)
    {
        ManualConfig config = DefaultConfig.Instance.AddColumn(new Speed());
        string[] without = Avx512BW.IsSupported ? ["", "EnableAVX512", "EnableAVX2"] : Avx2.IsSupported ? ["", "EnableAVX2"] : [""];
        foreach (string set in without)
        {
            config = config.AddJob(set.Length == 0
                ? Job.ShortRun.WithId("all instructions")
                : Job.ShortRun.WithId("without " + set["Enable".Length..]).WithEnvironmentVariable("DOTNET_" + set, "0"));
        }

        foreach (Summary summary in BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config))
        {
            if (summary.HasCriticalValidationErrors) return 1;
        }

        return 0;
    }

    /// <summary>Multiply-accumulate operations in a nanosecond.</summary>
    private sealed class Speed : IColumn
    {
        public string Id => nameof(Speed);

        public string ColumnName => "GMAC/s";

        public bool AlwaysShow => true;

        public ColumnCategory Category => ColumnCategory.Custom;

        public int PriorityInCategory => 0;

        public bool IsNumeric => true;

        public UnitType UnitType => UnitType.Dimensionless;

        public string Legend => "10^9 multiply-accumulate operations in a second";

        public bool IsAvailable(Summary summary) => true;

        public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => GetValue(summary, benchmarkCase, SummaryStyle.Default);

        public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style)
        {
            if (summary[benchmarkCase]?.ResultStatistics is not { } times || benchmarkCase.Parameters["Layer"] is not Layer layer) return "–";
            return (layer.Macs / times.Mean).ToString("0.0", CultureInfo.InvariantCulture);
        }
    }
}

/// <summary>A layer of the models in docs/performance.md.</summary>
public sealed record Layer(string Name, ConvolutionShape Shape, int OutputHeight, int Outputs, bool IsDepthwise)
{
    /// <summary>Multiply-accumulate operations.</summary>
    public double Macs => (double)OutputHeight * Shape.OutputWidth * Outputs * Shape.FilterHeight * Shape.FilterWidth * (IsDepthwise ? 1 : Shape.InputChannels);

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>CONV_2D, FULLY_CONNECTED and DEPTHWISE_CONV_2D with a factor for each channel.</summary>
public class Convolutions : Tables
{
    /// <summary>The layer that is timed.</summary>
    [ParamsSource(nameof(Layers))]
    public Layer Layer { get; set; } = null!;

    /// <summary>One layer of each class.</summary>
    public static IEnumerable<Layer> Layers =>
    [
        new("first convolution, 96×96×3 to 48×48×8", new(96, 96, 3, 3, 3, 2, 2, 0, 0, 48), 48, 8, false),
        new("first convolution 10×4, 49×10×1 to 25×5×64", new(49, 10, 1, 10, 4, 2, 2, 4, 1, 5), 25, 64, false),
        new("pointwise, 25×5×64 to 64", new(25, 5, 64, 1, 1, 1, 1, 0, 0, 5), 25, 64, false),
        new("pointwise, 24×24×32 to 32", new(24, 24, 32, 1, 1, 1, 1, 0, 0, 24), 24, 32, false),
        new("pointwise, 7×7×960 to 320", new(7, 7, 960, 1, 1, 1, 1, 0, 0, 7), 7, 320, false),
        new("3×3, 32×32×16 to 16", new(32, 32, 16, 3, 3, 1, 1, 1, 1, 32), 32, 16, false),
        new("3×3, 8×8×64 to 64", new(8, 8, 64, 3, 3, 1, 1, 1, 1, 8), 8, 64, false),
        new("fully connected, 640 to 128", new(1, 1, 640, 1, 1, 1, 1, 0, 0, 1), 1, 128, false),
        new("depthwise 3×3, 25×5×64", new(25, 5, 64, 3, 3, 1, 1, 1, 1, 5), 25, 64, true),
        new("depthwise 3×3, 48×48×8", new(48, 48, 8, 3, 3, 1, 1, 1, 1, 48), 48, 8, true),
        new("depthwise 3×3 of stride 2, 48×48×16", new(48, 48, 16, 3, 3, 2, 2, 0, 0, 24), 24, 16, true),
        new("depthwise 3×3, 28×28×192", new(28, 28, 192, 3, 3, 1, 1, 1, 1, 28), 28, 192, true),
    ];

    /// <summary>Draws the layer's values.</summary>
    [GlobalSetup]
    public void Setup() => Draw(Layer);

    /// <summary>The convolution or the depthwise convolution.</summary>
    [Benchmark]
    public void Direct()
    {
        if (Layer.IsDepthwise) VectorKernels.ConvolveDepthwise(Input, 0, Output, 0, Layer.OutputHeight, Layer.Shape, -1, Filter, Bias, Multiplier, Right, -3, -128, 127);
        else VectorKernels.Convolve(Input, 0, Output, 0, Layer.OutputHeight, Layer.Shape, -1, Layer.Outputs, Filter, Bias, Multiplier, Right, -3, -128, 127);
    }
}

/// <summary>3×3 convolutions of stride 1 directly and by Winograd's transform.</summary>
public class Winograd : Tables
{
    /// <summary>The layer that is timed.</summary>
    [ParamsSource(nameof(Layers))]
    public Layer Layer { get; set; } = null!;

    /// <summary>The layers of ResNet-8, and one each of SqueezeNet and YOLOv5 tiny.</summary>
    public static IEnumerable<Layer> Layers =>
    [
        new("3×3, 32×32×16 to 16", new(32, 32, 16, 3, 3, 1, 1, 1, 1, 32), 32, 16, false),
        new("3×3, 16×16×32 to 32", new(16, 16, 32, 3, 3, 1, 1, 1, 1, 16), 16, 32, false),
        new("3×3, 8×8×64 to 64", new(8, 8, 64, 3, 3, 1, 1, 1, 1, 8), 8, 64, false),
        new("3×3, 13×13×64 to 256", new(13, 13, 64, 3, 3, 1, 1, 1, 1, 13), 13, 256, false),
        new("3×3, 12×12×40 to 40", new(12, 12, 40, 3, 3, 1, 1, 1, 1, 12), 12, 40, false),
    ];

    /// <summary>Draws the layer's values.</summary>
    [GlobalSetup]
    public void Setup() => Draw(Layer);

    /// <summary>All products.</summary>
    [Benchmark(Baseline = true)]
    public void Direct() =>
        VectorKernels.Convolve(Input, 0, Output, 0, Layer.OutputHeight, Layer.Shape, -1, Layer.Outputs, Filter, Bias, Multiplier, Right, -3, -128, 127);

    /// <summary>4 products for 9.</summary>
    [Benchmark]
    public void WithTransform() =>
        VectorKernels.ConvolveWinograd(Input, 0, Output, 0, Layer.OutputHeight, Layer.Shape, -1, Layer.Outputs, Filter, Transformed, Bias, Multiplier, Right, -3, -128, 127);
}

/// <summary>Pointwise and fully connected layers as 16-bit and as 8-bit products, of which all fours or three of four keep 16 bits.</summary>
public class ByteProducts : Tables
{
    private sbyte[] _all = [], _most = [];

    /// <summary>The layer that is timed.</summary>
    [ParamsSource(nameof(Layers))]
    public Layer Layer { get; set; } = null!;

    /// <summary>Layers of the keyword model, person detection, MobileNetV2 and the autoencoder.</summary>
    public static IEnumerable<Layer> Layers =>
    [
        new("pointwise, 25×5×64 to 64", new(25, 5, 64, 1, 1, 1, 1, 0, 0, 5), 25, 64, false),
        new("pointwise, 6×6×128 to 128", new(6, 6, 128, 1, 1, 1, 1, 0, 0, 6), 6, 128, false),
        new("pointwise, 14×14×384 to 64", new(14, 14, 384, 1, 1, 1, 1, 0, 0, 14), 14, 64, false),
        new("fully connected, 640 to 128", new(1, 1, 640, 1, 1, 1, 1, 0, 0, 1), 1, 128, false),
        new("fully connected, 128 to 128", new(1, 1, 128, 1, 1, 1, 1, 0, 0, 1), 1, 128, false),
    ];

    /// <summary>Draws the layer's values. The weights need not be safe: what saturates takes the same time.</summary>
    [GlobalSetup]
    public void Setup()
    {
        Draw(Layer);
        _all = new sbyte[(Layer.Outputs + 15) / 16 * ((Layer.Shape.InputChannels + 31) / 32)];
        _most = new sbyte[_all.Length];
        for (int i = 0; i < _all.Length; i++) (_all[i], _most[i]) = (-1, i % 2 == 0 ? (sbyte)0b0111_0111 : unchecked((sbyte)0b1110_1110));
    }

    /// <summary>Two 16-bit products at a time.</summary>
    [Benchmark(Baseline = true)]
    public void Words() =>
        VectorKernels.Convolve(Input, 0, Output, 0, Layer.OutputHeight, Layer.Shape, -1, Layer.Outputs, Filter, Bias, Multiplier, Right, -3, -128, 127);

    /// <summary>Four 8-bit products at a time.</summary>
    [Benchmark]
    public void AllSafe() => Bytes(_all);

    /// <summary>Three fours of four.</summary>
    [Benchmark]
    public void MostSafe() => Bytes(_most);

    private void Bytes(sbyte[] safe) =>
        VectorKernels.ConvolveBytes(
            Input, 0, Output, 0, Layer.OutputHeight, Layer.Shape, -1, Layer.Outputs, Filter, Bias, safe, Bias, Multiplier, Right, -3, -128, 127);
}

/// <summary>Random values and tables of a layer's sizes.</summary>
public abstract class Tables
{
    /// <summary>The layer's values.</summary>
    protected sbyte[] Input { get; private set; } = [];

    /// <summary>Room for the outputs.</summary>
    protected sbyte[] Output { get; private set; } = [];

    /// <summary>As many weights as the layer's table has.</summary>
    protected sbyte[] Filter { get; private set; } = [];

    /// <summary>As many transformed weights as a 3×3 layer has.</summary>
    protected short[] Transformed { get; private set; } = [];

    /// <summary>Of each channel.</summary>
    protected int[] Bias { get; private set; } = [];

    /// <summary>Of each channel, Q0.31.</summary>
    protected int[] Multiplier { get; private set; } = [];

    /// <summary>Right shifts of each channel.</summary>
    protected sbyte[] Right { get; private set; } = [];

    /// <summary>Draws them, the same ones each time.</summary>
    protected void Draw(Layer layer)
    {
        var random = new Random(1);
        ConvolutionShape shape = layer.Shape;
        int padded = (layer.Outputs + 7) / 8 * 8, rowOfTaps = (shape.FilterWidth * shape.InputChannels) + 1;
        int taps = layer.IsDepthwise ? shape.FilterHeight * shape.FilterWidth : shape.FilterHeight * (rowOfTaps / 2 * 2);
        Input = Bytes(random, shape.InputHeight * shape.InputWidth * shape.InputChannels);
        Output = new sbyte[layer.OutputHeight * shape.OutputWidth * layer.Outputs];
        Filter = Bytes(random, padded * taps);
        Transformed = [.. Bytes(random, (layer.Outputs + 15) / 16 * 256 * shape.InputChannels).Select(b => (short)(9 * b))];
        Bias = new int[padded];
        Multiplier = new int[padded];
        Right = new sbyte[padded];
        for (int i = 0; i < padded; i++)
        {
            Bias[i] = random.Next(-1000, 1000);
            Multiplier[i] = random.Next(1 << 30, int.MaxValue);
            Right[i] = (sbyte)random.Next(7, 11);
        }
    }

    private static sbyte[] Bytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return Array.ConvertAll(bytes, b => (sbyte)b);
    }
}
