using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;

namespace Etch;

/// <summary>How each layer is computed, as a text beside the model says: what was fastest on the machine that timed it.</summary>
/// <remarks>
/// The first line is <c>model</c> and the SHA-256 of the .tflite file. Each further line is a layer: the number of its first output
/// tensor in the file, and a name of <see cref="Kernels"/>. What follows a # is for people. Layers without a line are computed as the
/// options say; a line whose tensor no layer writes, as other options can make it, has no effect. Every kernel gives the same bytes.
/// </remarks>
internal sealed class TunedKernels
{
    /// <summary>The kernels that a layer can be given, each as the options that choose it; the first one is the default.</summary>
    public static readonly IReadOnlyList<(string Name, Func<CompileOptions, CompileOptions> Choose)> Kernels =
    [
        ("vectors", o => o with { Preset = Preset.Balanced, Vectors = true, Unroll = UnrollPolicy.Auto }),
        ("speed", o => o with { Preset = Preset.Speed, Vectors = true, Unroll = UnrollPolicy.Auto }),
        ("scalar", o => o with { Preset = Preset.Balanced, Vectors = false, Unroll = UnrollPolicy.Auto }),
        ("unrolled", o => o with { Preset = Preset.Balanced, Vectors = false, Unroll = UnrollPolicy.Full }),
    ];

    public static readonly TunedKernels None = new([]);

    private readonly Dictionary<int, Func<CompileOptions, CompileOptions>> _ofTensor;

    private TunedKernels(Dictionary<int, Func<CompileOptions, CompileOptions>> ofTensor) => _ofTensor = ofTensor;

    /// <summary>The options of a layer.</summary>
    public CompileOptions Of(Op op, CompileOptions options) =>
        op.Outputs.Count > 0 && _ofTensor.TryGetValue(op.Outputs[0], out Func<CompileOptions, CompileOptions>? choose) ? choose(options) : options;

    /// <summary>Reads a text. One of another model, or one that cannot be read, is a warning and has no effect.</summary>
    public static TunedKernels Parse(string text, ModelFile model, Problems problems)
    {
        TunedKernels Ignore(string reason)
        {
            problems.Warn(Ids.Schedule, $"the schedule beside '{model.Name}' is ignored: {reason}; time the layers again, or remove it");
            return None;
        }

        var ofTensor = new Dictionary<int, Func<CompileOptions, CompileOptions>>();
        bool isOfModel = false;
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            string[] words = lines[i].Split('#')[0].Split([' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 0) continue;
            if (!isOfModel)
            {
                if (words.Length != 2 || words[0] != "model") return Ignore($"line {i + 1} has to be 'model' and the SHA-256 of the model");
                if (words[1] != model.Hash) return Ignore("it was made for another version of the model");
                isOfModel = true;
                continue;
            }

            (string name, Func<CompileOptions, CompileOptions> choose) = Kernels.FirstOrDefault(k => words.Length == 2 && k.Name == words[1]);
            if (name is null || !int.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out int tensor))
            {
                return Ignore($"line {i + 1} has to be the number of a tensor and one of {string.Join(", ", Kernels.Select(k => k.Name))}");
            }

            ofTensor[tensor] = choose;
        }

        return isOfModel ? new TunedKernels(ofTensor) : Ignore("it is empty");
    }
}
