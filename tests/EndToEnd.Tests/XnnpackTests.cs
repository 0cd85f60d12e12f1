using System.IO;
using System.Linq;

namespace Etch.Tests;

/// <summary>Real models with XNNPACK's arithmetic: what LiteRT with that delegate gave, bit for bit.</summary>
public sealed class XnnpackTests
{
    public static readonly TheoryData<string> Names =
    [
        "autoencoder_toycar_int8", "blazeface_front_128_int8", "dscnn_mlperf_kws_int8", "dscnn_s_kws_f32io_int8", "dscnn_s_kws_int16x8", "dscnn_s_kws_uint8",
        "dtln_lstm_int8", "efficientnet_lite0_flowers5_224_int8", "fastdepth_224_int8", "fomo_mnv2_0.35_person_96_int8", "har_cnn_90x3_int8", "hello_world_int8",
        "lstm_unrolled_s_kws_int8", "magic_wand_int8", "mcunet_imagenet_144_int8", "mcunet_person_det_128x160_int8", "micro_speech_quantized",
        "micronet_m_kws_int8", "mnist_lstm_int8", "mobilenetv2_0.35_160_2class_int8", "mobilenetv2_0.5_96_imagenet_uint8",
        "mobilenetv2_1.0_224_pytorch_nchw_int8", "mobilenetv2_1.0_224_tf2ptq_int8", "person_detect_96_int8", "resnet8_cifar_int8", "rnnoise_gru_int8",
        "rock_paper_scissors_84_int8", "squeezenet_imagenet1001_224_int8", "ssd_mobilenetv3_coco_320_int8", "stream_mixednet_okay_nabu_v2_int8",
        "strm_wakeword_1d_dsconv_int8", "tenet_kws_alexa_int8", "vww_mobilenetv1_96_int8", "yolofastest_face_192_v4_int8", "yolov5tiny_person_192_int8",
    ];

    [ModelTheory]
    [MemberData(nameof(Names))]
    public void Outputs_are_those_of_LiteRT_with_XNNPACK(string name) => Compare(name, [o => o], isChecked: false);

    // The others' operators are compared with the reference one by one (XnnpackOperatorTests).
    [ModelTheory]
    [InlineData("dtln_lstm_int8", false)]
    [InlineData("dtln_lstm_int8", true)]
    [InlineData("mnist_lstm_int8", false)]
    [InlineData("mnist_lstm_int8", true)]
    public void Recurrent_models_give_the_same_in_every_variant(string name, bool isChecked) =>
        Compare(name, [.. Engines.Variants.Select(variant => variant.Options)], isChecked);

    // Of all recorded inferences: models with state were invoked several times.
    private static void Compare(string name, System.Func<CompileOptions, CompileOptions>[] variants, bool isChecked)
    {
        Recording recording = Recording.Read(Path.Combine(Models.Folder!, "golden-xnnpack", name));
        CompiledModel[] models =
        [
            .. variants.Select((options, v) => Engines.Compile(
                Models.File(name), Engines.ClassName(name, v), o => options(o) with { Numerics = Numerics.Xnnpack, CheckOverflow = isChecked })),
        ];
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
