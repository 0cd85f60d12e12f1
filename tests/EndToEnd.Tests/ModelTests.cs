using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Passes;

namespace Etch.Tests;

/// <summary>Real trained models against what TensorFlow Lite Micro's reference kernels gave for them, byte for byte.</summary>
public sealed class ModelTests
{
    public static readonly TheoryData<string> Names =
    [
        "dscnn_mlperf_kws_int8", "vww_mobilenetv1_96_int8", "resnet8_cifar_int8", "autoencoder_toycar_int8", "person_detect_96_int8",
        "micro_speech_quantized", "hello_world_int8", "mobilenetv2_0.35_160_2class_int8", "dscnn_s_kws_f32io_int8", "micronet_m_kws_int8",
        "tenet_kws_alexa_int8", "strm_wakeword_1d_dsconv_int8", "dscnn_s_kws_int16x8", "dscnn_s_kws_uint8", "mobilenetv2_0.5_96_imagenet_uint8",
        "stream_mixednet_okay_nabu_v2_int8", "mnist_lstm_int8", "dtln_lstm_int8", "svdf_keyword_scrambled_int8",
    ];

    public static readonly TheoryData<string> FrontEnds = ["audio_preprocessor_int8"];

    [ModelTheory]
    [MemberData(nameof(Names))]
    [MemberData(nameof(FrontEnds))]
    public void Outputs_are_those_recorded(string name)
    {
        Recording recording = Models.Recording(name);
        CompiledModel[] variants =
        [
            .. Engines.Variants.SelectMany((variant, v) => new[] { false, true }.Select(isChecked => Engines.Compile(
                Models.File(name), Engines.ClassName(name, (2 * v) + (isChecked ? 1 : 0)), o => variant.Options(o) with { CheckOverflow = isChecked }))),
        ];
        foreach (bool isChecked in new[] { false, true })
        {
            CompiledModel[] models = [.. variants.Where(m => m.Options.CheckOverflow == isChecked)];
            var emitted = new EmittedModels(models, isChecked);
            foreach ((int seed, int invokes) in recording.Runs)
            {
                byte[][] inputs = recording.Inputs(seed);
                foreach (CompiledModel model in models)
                {
                    byte[] state = emitted.NewState(model);
                    for (int i = 1; i < invokes; i++) emitted.Run(model, inputs, state);
                    recording.AssertOutputs(seed, emitted.Run(model, inputs, state).Outputs, model.Options.ToString(), invokes);
                }
            }
        }
    }

    [ModelTheory]
    [MemberData(nameof(Names))]
    [MemberData(nameof(FrontEnds))]
    [MemberData(nameof(MoreModelTests.Names), MemberType = typeof(MoreModelTests))]
    public void Every_intermediate_tensor_is_the_one_recorded(string name)
    {
        Recording recording = Models.Recording(name);
        IReadOnlyDictionary<int, string> expected = recording.Tensors();
        CompiledModel model = Engines.Compile(Models.File(name), Engines.ClassName(name), o => o with { KeepTensors = true });
        var emitted = new EmittedModels([model], isChecked: false);
        byte[] state = emitted.NewState(model);
        (byte[][] outputs, byte[] arena) = emitted.Run(model, recording.Inputs(1), state);

        int compared = 0;
        foreach ((int id, string hash) in expected)
        {
            ReadOnlySpan<byte> bytes = model.Graph[id].Data;
            if (!model.Graph[id].IsConstant)
            {
                if (!model.Plan.Locations.TryGetValue(id, out Location location)) continue;
                byte[] memory = location.Place == Place.State ? state : arena;
                bytes = location.Place == Place.Output ? outputs[location.At] : memory.AsSpan(location.At, model.Graph[id].ByteCount);
            }

            if (model.Graph[id].WasUInt8) bytes = bytes.ToArray().Select(b => (byte)(b ^ 0x80)).ToArray();
            Assert.True(Recording.Hash(bytes) == hash, $"{name}: {model.Graph.Producer(id)?.Name ?? "folding"} writes another {model.Graph[id].Name}");
            compared++;
        }

        Assert.Equal(expected.Count, compared);
    }
}
