extern alias compiler;

using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Threading;
using Microsoft.ML.OnnxRuntime;
using CompiledModel = compiler::Etch.CompiledModel;
using CompileOptions = compiler::Etch.CompileOptions;
using ModelFile = compiler::Etch.ModelFile;

namespace Etch.Peers;

/// <summary>Generated code and ONNX Runtime on the same models and inputs, slice by slice in turns, on one thread of one core.</summary>
internal static class Program
{
    private delegate void Inference(sbyte[] input, sbyte[] output, sbyte[] arena);

    private sealed record Peer(string Title, string File, string Onnx, int Input, int Output, int Arena, Inference Invoke);

    private static readonly Peer[] s_peers =
    [
        new("KWS DS-CNN", "dscnn_mlperf_kws_int8", "dscnn_mlperf_kws", Kws.InputLength, Kws.OutputLength, Kws.ArenaBytes, (i, o, a) => Kws.Invoke(i, o, a)),
        new("VWW", "vww_mobilenetv1_96_int8", "vww_mobilenetv1_96", Vww.InputLength, Vww.OutputLength, Vww.ArenaBytes, (i, o, a) => Vww.Invoke(i, o, a)),
        new("ResNet-8", "resnet8_cifar_int8", "resnet8_cifar", ResNet8.InputLength, ResNet8.OutputLength, ResNet8.ArenaBytes, (i, o, a) => ResNet8.Invoke(i, o, a)),
        new("AD autoencoder", "autoencoder_toycar_int8", "autoencoder_toycar", ToyCar.InputLength, ToyCar.OutputLength, ToyCar.ArenaBytes, (i, o, a) => ToyCar.Invoke(i, o, a)),
        new("person_detect", "person_detect_96_int8", "person_detect_96", Person.InputLength, Person.OutputLength, Person.ArenaBytes, (i, o, a) => Person.Invoke(i, o, a)),
        new("micro_speech", "micro_speech_quantized", "micro_speech", MicroSpeech.InputLength, MicroSpeech.OutputLength, MicroSpeech.ArenaBytes, (i, o, a) => MicroSpeech.Invoke(i, o, a)),
        new("MobileNetV2 1.0 224", "mobilenetv2_1.0_224_pytorch_nchw_int8", "mobilenetv2_1.0_224_pytorch_nchw", MobileNetV2.InputLength, MobileNetV2.OutputLength, MobileNetV2.ArenaBytes, (i, o, a) => MobileNetV2.Invoke(i, o, a)),
    ];

    private static int Main(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        var core = new Option<int>("--core") { Description = "The core to run on.", DefaultValueFactory = _ => 0 };
        var slices = new Option<int>("--slices") { Description = "Slices of about a millisecond for each engine and model.", DefaultValueFactory = _ => 300 };
        var layers = new Option<bool>("--layers") { Description = "Also the time of every layer." };
        var alone = new Option<bool>("--alone") { Description = "Generated code only, without ONNX Runtime." };
        var only = new Argument<string[]>("model") { Description = "Parts of the names of the models to run; all without.", DefaultValueFactory = _ => [] };
        var root = new RootCommand("Times generated code against ONNX Runtime (one thread, uint8 QDQ) on the same models: minimum, median, ratio of the minima.")
        {
            core, slices, layers, alone, only,
        };
        root.SetAction((parsed, cancellation) =>
        {
            if (OperatingSystem.IsLinux() || OperatingSystem.IsWindows()) Process.GetCurrentProcess().ProcessorAffinity = (nint)1 << parsed.GetValue(core);
            string[] names = parsed.GetValue(only)!;
            Peer[] peers = [.. s_peers.Where(p => names.Length == 0 || names.Any(n => p.File.Contains(n, StringComparison.OrdinalIgnoreCase)))];
            return System.Threading.Tasks.Task.FromResult(Run(peers, parsed.GetValue(slices), parsed.GetValue(layers), parsed.GetValue(alone), cancellation));
        });
        return root.Parse(args).Invoke();
    }

    private static int Run(Peer[] peers, int slices, bool layers, bool alone, CancellationToken cancellation)
    {
        string models = Metadata("Models");
        var numerics = Enum.Parse<compiler::Etch.Numerics>(Metadata("Numerics"));
        double peak = PeakMacsPerSecond();
        Console.WriteLine($"{RuntimeInformation.FrameworkDescription}, {(JitInfo.GetCompiledMethodCount() > 0 ? "JIT" : "NativeAOT")}, {Processor()}, {Widest()}; 16-bit multiply-add peak {peak / 1e9:0} GMAC/s");
        Console.WriteLine();
        Console.WriteLine("| model | Etch min ms | median | ONNX Runtime min ms | median | ratio of minima | GMAC/s |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        var timed = new List<TimedLayer>();
        foreach (Peer peer in peers)
        {
            if (cancellation.IsCancellationRequested) return 130;
            CompiledModel model = compiler::Etch.Compiler.Compile(ModelFile.Read(Path.Combine(models, peer.File + ".tflite")), new CompileOptions { ClassName = "Model", Preset = compiler::Etch.Preset.Speed, Numerics = numerics }, cancellation);
            long macs = model.Cost.Macs;
            sbyte[] input = Draw(peer.Input), output = new sbyte[peer.Output], arena = new sbyte[peer.Arena];
            var ours = new Slice(() => peer.Invoke(input, output, arena));
            using OnnxModel? onnx = alone ? null : new OnnxModel(Path.Combine(models, "onnx-qdq", peer.Onnx + ".u8.onnx"), input, peer.Output);
            Slice? theirs = onnx is null ? null : new Slice(onnx.Run);
            for (int i = 0; i < slices && !cancellation.IsCancellationRequested; i++)
            {
                ours.Measure();
                theirs?.Measure();
            }

            string other = theirs is null ? "| | | " : $"| {theirs.Least * 1e3:0.0000} | {theirs.Median * 1e3:0.0000} | {ours.Least / theirs.Least:0.00} ";
            Console.WriteLine($"| {peer.Title} | {ours.Least * 1e3:0.0000} | {ours.Median * 1e3:0.0000} {other}| {macs / ours.Least / 1e9:0.0} |");
            if (layers) timed.AddRange(TimeLayers(peer.Title, model, () => peer.Invoke(input, output, arena), slices));
        }

        PrintLayers(timed, peak);
        return 0;
    }

    private static string Metadata(string key) => typeof(Program).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == key).Value!;

    private static IEnumerable<TimedLayer> TimeLayers(string title, CompiledModel model, Action invoke, int slices)
    {
        long[] least = LayerClock.Least = [.. Enumerable.Repeat(long.MaxValue, model.Layers.Count)];
        for (int i = 0; i < Math.Max(50, slices * 4); i++)
        {
            LayerClock.Start();
            invoke();
        }

        LayerClock.Least = null;
        for (int i = 0; i < least.Length; i++)
        {
            compiler::Etch.Ir.Layer layer = model.Layers[i];
            compiler::Etch.EquatableArray<int> inputs = layer.Op.Inputs;
            yield return new TimedLayer(
                title, i, layer.Op.Name, layer.Kernel.Name, [.. model.Graph[layer.Outputs[0]].Shape], inputs.Count > 1 ? [.. model.Graph[inputs[1]].Shape] : [],
                model.Cost.Layers[i].Macs, (double)least[i] / Stopwatch.Frequency);
        }
    }

    // The matrix kernel's speed is that of the fastest pointwise convolution of the run.
    private static void PrintLayers(List<TimedLayer> layers, double peak)
    {
        double matrix = layers.Where(l => l.IsPointwise).Select(l => l.Speed).DefaultIfEmpty(double.NaN).Max();
        foreach (IGrouping<string, TimedLayer> model in layers.GroupBy(l => l.Model))
        {
            Console.WriteLine($"\n### {model.Key}\n");
            Console.WriteLine("| layer | kernel | output | MACs | µs | GMAC/s | of peak | XNNPACK | below a third of the matrix kernel, because |");
            Console.WriteLine("|---|---|---|---|---|---|---|---|---|");
            foreach (TimedLayer layer in model)
            {
                string speed = layer.Macs == 0 ? "| " : $"{layer.Speed / 1e9:0.0} | {layer.Speed / peak:0%}";
                string reason = layer.Macs > 0 && layer.Speed < matrix / 3 ? layer.Reason : "";
                Console.WriteLine($"| {layer.Index} {layer.Operator} | {layer.Kernel} | {string.Join("×", layer.Output)} | {layer.Macs} | {layer.Seconds * 1e6:0.00} | {speed} | {layer.Xnnpack} | {reason} |");
            }
        }
    }

    /// <summary>A layer's least time, with the shapes of its output and of its filter.</summary>
    private sealed record TimedLayer(string Model, int Index, string Operator, string Kernel, int[] Output, int[] Filter, long Macs, double Seconds)
    {
        public double Speed => Macs / Seconds;

        public bool IsPointwise => IsConvolution && Filter[1] == 1 && Filter[2] == 1;

        private bool IsConvolution => Operator == "CONV_2D";

        private bool IsDepthwise => Operator == "DEPTHWISE_CONV_2D";

        private int Pixels => Output.Length == 4 ? Output[1] * Output[2] : 1;

        // Products for each output: a filter is OHWI, of a depthwise convolution 1HWC, of a fully connected layer OI.
        private int Products => Filter.Length == 2 ? Filter[1] : Filter[1] * Filter[2] * (IsDepthwise ? 1 : Filter[3]);

        /// <summary>
        /// GMAC/s of native XNNPACK with VNNI in the layer's class, as measured layer by layer on another machine (a Zen 4 with AVX-512): its
        /// 16-bit form, without VNNI, takes about twice as long.
        /// </summary>
        public string Xnnpack => Macs == 0 ? "" : IsDepthwise ? "15–19" : IsPointwise ? "125–157" : IsConvolution ? (Filter[3] <= 4 ? "14–29" : "187–200") : Operator == "FULLY_CONNECTED" ? "94" : "";

        /// <summary>What of the layer's shape keeps it from the matrix kernel's speed.</summary>
        public string Reason
        {
            get
            {
                var reasons = new List<string>();
                if (Filter.Length is 2 or 4 && Products <= 32) reasons.Add($"{Products} products for each byte that is requantised");
                if (Pixels == 1) reasons.Add("one pixel: each weight is loaded for one product");
                else if (Pixels < 12) reasons.Add($"{Pixels} of a tile's 12 pixels");
                if (!IsDepthwise && Output[^1] % 16 is > 0 and var left && Output[^1] < 64) reasons.Add($"{left} of a vector's 16 channels");
                if (Macs < 40_000) reasons.Add("so little work that the call counts");
                return string.Join(", ", reasons);
            }
        }
    }

    // The inputs of the recorded outputs: xorshift from seed 1, the high byte.
    private static sbyte[] Draw(int count)
    {
        uint state = 2654435769;
        sbyte[] values = new sbyte[count];
        for (int i = 0; i < count; i++)
        {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            values[i] = (sbyte)(state >> 24);
        }

        return values;
    }

    private static string Processor() =>
        File.Exists("/proc/cpuinfo") ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "" : RuntimeInformation.ProcessArchitecture.ToString();

    private static string Widest() => Avx512BW.IsSupported ? "AVX-512BW" : Avx2.IsSupported ? "AVX2" : Sse41.IsSupported ? "SSE4.1" : "no vectors known to Etch";

    // What the widest 16-bit multiply-add and the addition of its results reach in registers: twelve sums that do not wait for each other.
    private static double PeakMacsPerSecond()
    {
        const int Rounds = 20_000;
        double best = 0;
        int sink = 0;
        for (int trial = 0; trial < 100; trial++)
        {
            long start = Stopwatch.GetTimestamp();
            if (Avx512BW.IsSupported) sink += MultiplyAdd32(Rounds);
            else if (Avx2.IsSupported) sink += MultiplyAdd16(Rounds);
            else return double.NaN;
            double macs = (Avx512BW.IsSupported ? 32.0 : 16.0) * 12 * Rounds;
            best = Math.Max(best, macs * Stopwatch.Frequency / (Stopwatch.GetTimestamp() - start));
        }

        GC.KeepAlive(sink);
        return best;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static int MultiplyAdd32(int rounds)
    {
        Vector512<short> y = Vector512.Create((short)3);
        Vector512<int> a = Vector512.Create(0), b = Vector512.Create(1), c = Vector512.Create(2), d = Vector512.Create(3), e = Vector512.Create(4), f = Vector512.Create(5), g = Vector512.Create(6), h = Vector512.Create(7), i = Vector512.Create(8), j = Vector512.Create(9), k = Vector512.Create(10), l = Vector512.Create(11);
        for (int round = 0; round < rounds; round++)
        {
            a = Vector512.Add(a, Avx512BW.MultiplyAddAdjacent(a.AsInt16(), y));
            b = Vector512.Add(b, Avx512BW.MultiplyAddAdjacent(b.AsInt16(), y));
            c = Vector512.Add(c, Avx512BW.MultiplyAddAdjacent(c.AsInt16(), y));
            d = Vector512.Add(d, Avx512BW.MultiplyAddAdjacent(d.AsInt16(), y));
            e = Vector512.Add(e, Avx512BW.MultiplyAddAdjacent(e.AsInt16(), y));
            f = Vector512.Add(f, Avx512BW.MultiplyAddAdjacent(f.AsInt16(), y));
            g = Vector512.Add(g, Avx512BW.MultiplyAddAdjacent(g.AsInt16(), y));
            h = Vector512.Add(h, Avx512BW.MultiplyAddAdjacent(h.AsInt16(), y));
            i = Vector512.Add(i, Avx512BW.MultiplyAddAdjacent(i.AsInt16(), y));
            j = Vector512.Add(j, Avx512BW.MultiplyAddAdjacent(j.AsInt16(), y));
            k = Vector512.Add(k, Avx512BW.MultiplyAddAdjacent(k.AsInt16(), y));
            l = Vector512.Add(l, Avx512BW.MultiplyAddAdjacent(l.AsInt16(), y));
        }

        return (a + b + c + d + e + f + g + h + i + j + k + l)[0];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static int MultiplyAdd16(int rounds)
    {
        Vector256<short> y = Vector256.Create((short)3);
        Vector256<int> a = Vector256.Create(0), b = Vector256.Create(1), c = Vector256.Create(2), d = Vector256.Create(3), e = Vector256.Create(4), f = Vector256.Create(5), g = Vector256.Create(6), h = Vector256.Create(7), i = Vector256.Create(8), j = Vector256.Create(9), k = Vector256.Create(10), l = Vector256.Create(11);
        for (int round = 0; round < rounds; round++)
        {
            a = Vector256.Add(a, Avx2.MultiplyAddAdjacent(a.AsInt16(), y));
            b = Vector256.Add(b, Avx2.MultiplyAddAdjacent(b.AsInt16(), y));
            c = Vector256.Add(c, Avx2.MultiplyAddAdjacent(c.AsInt16(), y));
            d = Vector256.Add(d, Avx2.MultiplyAddAdjacent(d.AsInt16(), y));
            e = Vector256.Add(e, Avx2.MultiplyAddAdjacent(e.AsInt16(), y));
            f = Vector256.Add(f, Avx2.MultiplyAddAdjacent(f.AsInt16(), y));
            g = Vector256.Add(g, Avx2.MultiplyAddAdjacent(g.AsInt16(), y));
            h = Vector256.Add(h, Avx2.MultiplyAddAdjacent(h.AsInt16(), y));
            i = Vector256.Add(i, Avx2.MultiplyAddAdjacent(i.AsInt16(), y));
            j = Vector256.Add(j, Avx2.MultiplyAddAdjacent(j.AsInt16(), y));
            k = Vector256.Add(k, Avx2.MultiplyAddAdjacent(k.AsInt16(), y));
            l = Vector256.Add(l, Avx2.MultiplyAddAdjacent(l.AsInt16(), y));
        }

        return (a + b + c + d + e + f + g + h + i + j + k + l)[0];
    }

    /// <summary>Runs an engine for about a millisecond at a time.</summary>
    private sealed class Slice
    {
        private readonly Action _run;
        private readonly int _inner;
        private readonly List<double> _seconds = [];

        public Slice(Action run)
        {
            _run = run;
            for (int i = 0; i < 30; i++) run();
            var clock = Stopwatch.StartNew();
            int count = 0;
            for (; clock.ElapsedMilliseconds < 100; count++) run();
            _inner = Math.Max(1, count / 100);
        }

        public double Least => _seconds.Min();

        public double Median => _seconds.Order().ElementAt(_seconds.Count / 2);

        public void Measure()
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < _inner; i++) _run();
            _seconds.Add((double)(Stopwatch.GetTimestamp() - start) / Stopwatch.Frequency / _inner);
        }
    }

    private sealed class OnnxModel : IDisposable
    {
        private readonly SessionOptions _options;
        private readonly InferenceSession _session;
        private readonly OrtIoBinding _binding;
        private readonly RunOptions _run = new();
        private readonly OrtValue _input;

        public OnnxModel(string path, sbyte[] input, int outputs)
        {
            _options = new SessionOptions
            {
                IntraOpNumThreads = 1,
                InterOpNumThreads = 1,
                ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
                GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            };
            _session = new InferenceSession(path, _options);
            KeyValuePair<string, NodeMetadata> port = _session.InputMetadata.Single();
            long[] shape = [.. port.Value.Dimensions.Select(d => (long)Math.Max(1, d))];
            byte[] shifted = [.. input.Select(q => (byte)(q + 128))];
            if (shape.Aggregate(1L, (a, b) => a * b) != shifted.Length) throw new InvalidDataException($"{path} takes another number of values than its .tflite file.");
            _input = OrtValue.CreateTensorValueFromMemory(shifted, shape);
            _binding = _session.CreateIoBinding();
            _binding.BindInput(port.Key, _input);
            _binding.BindOutputToDevice(_session.OutputMetadata.Single().Key, OrtMemoryInfo.DefaultInstance);
            GC.KeepAlive(outputs);
        }

        public void Run() => _session.RunWithBinding(_run, _binding);

        public void Dispose()
        {
            _binding.Dispose();
            _input.Dispose();
            _session.Dispose();
            _run.Dispose();
            _options.Dispose();
        }
    }
}
