using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Etch.Diagnostics;

namespace Etch.Tune;

/// <summary>The command line: a model in, its schedule out.</summary>
internal static class Program
{
    // What another kernel has to save before it is preferred to the default: less than that a busy machine makes up.
    private const double Gain = 0.95;

    private static Task<int> Main(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        var file = new Argument<FileInfo>("model") { Description = "The .tflite file." };
        var output = new Option<FileInfo?>("--output", "-o") { Description = "The schedule to write; by default beside the model, with the ending .schedule, where a build finds it." };
        var seconds = new Option<double>("--seconds") { Description = "How long each kernel is timed.", DefaultValueFactory = _ => 3 };
        var core = new Option<int?>("--core") { Description = "The core to run on; by default any." };
        var xnnpack = new Option<bool>("--xnnpack") { Description = "For projects that set EtchNumerics=Xnnpack." };
        seconds.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValueOrDefault<double>() is not (> 0 and <= 3600)) result.AddError("--seconds has to be above 0 and at most 3600.");
        });
        core.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValueOrDefault<int?>() is int number && (number < 0 || number >= Environment.ProcessorCount)) result.AddError($"--core has to be from 0 to {Environment.ProcessorCount - 1}.");
        });
        var root = new RootCommand("Times every layer of a model with each kernel that Etch has for it, on this machine, and writes the fastest ones as a schedule that builds obey.")
        {
            file, output, seconds, core, xnnpack,
        };
        root.SetAction((parsed, cancel) => Task.FromResult(Run(
            parsed.GetValue(file)!, parsed.GetValue(output), parsed.GetValue(seconds), parsed.GetValue(core),
            parsed.GetValue(xnnpack) ? Numerics.Xnnpack : Numerics.TfliteReference, cancel)));
        return root.Parse(args).InvokeAsync();
    }

    private static int Run(FileInfo file, FileInfo? output, double seconds, int? core, Numerics numerics, CancellationToken cancel)
    {
        if (core is { } number && (OperatingSystem.IsLinux() || OperatingSystem.IsWindows())) Process.GetCurrentProcess().ProcessorAffinity = (nint)1 << number;
        string path = output?.FullName ?? Path.ChangeExtension(file.FullName, ".schedule");
        try
        {
            var candidates = new List<Candidate>();
            foreach ((string kernel, Func<CompileOptions, CompileOptions> choose) in TunedKernels.Kernels)
            {
                Console.Error.WriteLine($"compiling {file.Name} with {kernel}");
                var options = choose(new CompileOptions { ClassName = "Model", Streaming = StreamingPolicy.Off, Numerics = numerics, LongCalls = false });
                CompiledModel model = Compiler.Compile(ModelFile.Read(file.FullName), options, cancel);
                foreach (Problem problem in model.Problems) Console.Error.WriteLine($"{file.Name}: {problem.Id}: {problem.Message}");
                if (!model.Succeeded) return 1;
                if (model.Signatures.Count > 0)
                {
                    Console.Error.WriteLine($"{file.Name} has several signatures: schedules are for models with one.");
                    return 1;
                }

                candidates.Add(new Candidate(kernel, model, cancel));
            }

            Time(candidates, seconds, cancel);
            if (candidates.FirstOrDefault(c => !c.Outputs.Zip(candidates[0].Outputs).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second))) is { } wrong)
            {
                Console.Error.WriteLine($"{file.Name}: {wrong.Kernel} does not give the same bytes as {candidates[0].Kernel}: a defect of Etch, please report it; nothing is written.");
                return 1;
            }

            File.WriteAllText(path, Write(candidates));
            Console.Error.WriteLine($"wrote {path}");
            return 0;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("cancelled; nothing is written");
            return 130;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
    }

    // In turns, so that what else the machine does meets all of them; a tenth of the time before, for the JIT.
    private static void Time(List<Candidate> candidates, double seconds, CancellationToken cancel)
    {
        const int Rounds = 20;
        long ticks = (long)(seconds / Rounds * Stopwatch.Frequency);
        for (int round = -2; round < Rounds; round++)
        {
            foreach (Candidate candidate in candidates)
            {
                cancel.ThrowIfCancellationRequested();
                candidate.Measure(ticks);
                if (round == -1) candidate.Forget();
            }

            if (round >= 0 && round % 5 == 4) Console.Error.WriteLine($"timed {100 * (round + 1) / Rounds} %");
        }
    }

    private static string Write(List<Candidate> candidates)
    {
        CompiledModel model = candidates[0].Model;
        Dictionary<int, double>[] times = [.. candidates.Select(c => c.Times().ToDictionary(t => t.Tensor, t => t.Microseconds))];
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"model {model.File.Hash}\n\n");
        text.Append(CultureInfo.InvariantCulture, $"# {model.File.Name}: the fastest kernel of each layer, by its output tensor. Every kernel gives the same bytes.\n");
        text.Append(CultureInfo.InvariantCulture, $"# {Processor()}, {RuntimeInformation.FrameworkDescription}. Microseconds: {string.Join(", ", candidates.Select(c => c.Kernel))}.\n");
        double before = 0, after = 0;
        foreach (Ir.Layer layer in model.Layers)
        {
            int tensor = layer.Op.Outputs[0];
            double[] own = [.. times.Select(t => t.TryGetValue(tensor, out double time) ? time : double.PositiveInfinity)];
            int best = Array.IndexOf(own, own.Min());
            if (own[best] > own[0] * Gain) best = 0;
            before += own[0];
            after += own[best];
            string all = string.Join(" ", own.Select(t => t.ToString("0.00", CultureInfo.InvariantCulture)));
            text.Append(CultureInfo.InvariantCulture, $"{tensor} {candidates[best].Kernel} # {layer.Op.Name} {string.Join("×", model.Graph[tensor].Shape)}: {all}\n");
        }

        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"sum over the layers: {before:0.0} µs with {candidates[0].Kernel} alone, {after:0.0} µs with the schedule"));
        return text.ToString();
    }

    private static string Processor() => RuntimeInformation.ProcessArchitecture + (
        Avx512BW.IsSupported ? " with AVX-512BW" : Avx2.IsSupported ? " with AVX2" : Sse41.IsSupported ? " with SSE4.1" : AdvSimd.Arm64.IsSupported ? " with AdvSimd" : "");
}
