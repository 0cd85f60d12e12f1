using System;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using KeywordSpotting;

namespace Etch.Tests;

/// <summary>Sound to words by generated code alone: an audio front end with state frame by frame, then a classifier on its features.</summary>
public sealed class MicroSpeechTests
{
    // Frames of 30 ms every 20 ms of 16 kHz.
    private const int Window = 480, Stride = 320, Frames = 49;

    private static readonly string[] Words = ["silence", "unknown", "yes", "no"];

    [ModelTheory]
    [InlineData("yes_1000ms.wav", "yes")]
    [InlineData("no_1000ms.wav", "no")]
    [InlineData("silence_1000ms.wav", "silence")]
    [InlineData("noise_1000ms.wav", "silence")]
    public void Says_what_it_hears(string file, string expected)
    {
        CompiledModel frontEnd = Engines.Compile(Models.File("audio_preprocessor_int8"), "FrontEnd"), classifier = Engines.Compile(Models.File("micro_speech_quantized"), "Classifier");
        var emitted = new EmittedModels([frontEnd, classifier], isChecked: false);
        short[] sound = WaveFile.Read(Path.Combine(Models.Folder!, "inputs", file));

        byte[] state = emitted.NewState(frontEnd);
        byte[] features =
        [
            .. Enumerable.Range(0, Frames).SelectMany(frame =>
            {
                byte[] samples = MemoryMarshal.AsBytes(sound.AsSpan(frame * Stride, Window)).ToArray();
                return emitted.Run(frontEnd, [samples], state).Outputs[0];
            }),
        ];
        sbyte[] scores = [.. emitted.Run(classifier, [features]).Outputs[0].Select(b => (sbyte)b)];
        Assert.Equal(expected, Words[Array.IndexOf(scores, scores.Max())]);
    }

    [ModelTheory]
    [InlineData(1)]
    public void The_noise_estimate_is_the_callers(int seed)
    {
        CompiledModel model = Engines.Compile(Models.File("audio_preprocessor_int8"), "Estimate");
        Assert.Equal(40 * sizeof(uint), model.Cost.State);
        var emitted = new EmittedModels([model], isChecked: false);
        byte[][] inputs = Models.Recording("audio_preprocessor_int8").Inputs(seed);
        byte[] first = emitted.NewState(model), second = emitted.NewState(model);
        byte[] once = emitted.Run(model, inputs, first).Outputs[0];
        Assert.NotEqual(once, emitted.Run(model, inputs, first).Outputs[0]);
        Assert.Equal(once, emitted.Run(model, inputs, second).Outputs[0]);
        emitted.Reset(model, first);
        Assert.Equal(once, emitted.Run(model, inputs, first).Outputs[0]);
    }
}
