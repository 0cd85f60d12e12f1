using System.IO;

namespace Etch.Tests;

/// <summary>Real models with XNNPACK's arithmetic: what LiteRT with that delegate gave, bit for bit.</summary>
/// <remarks>All that are recorded but dtln_lstm: LiteRT's LSTM has another fixed point than TensorFlow Lite Micro's (docs/quantization.md).</remarks>
public sealed class XnnpackTests
{
    public static readonly TheoryData<string> Names =
    [
        "autoencoder_toycar_int8", "blazeface_front_128_int8", "dscnn_mlperf_kws_int8", "dscnn_s_kws_f32io_int8", "dscnn_s_kws_int16x8", "dscnn_s_kws_uint8",
        "efficientnet_lite0_flowers5_224_int8", "fastdepth_224_int8", "fomo_mnv2_0.35_person_96_int8", "har_cnn_90x3_int8", "hello_world_int8",
        "lstm_unrolled_s_kws_int8", "magic_wand_int8", "mcunet_imagenet_144_int8", "mcunet_person_det_128x160_int8", "micro_speech_quantized",
        "micronet_m_kws_int8", "mnist_lstm_int8", "mobilenetv2_0.35_160_2class_int8", "mobilenetv2_0.5_96_imagenet_uint8",
        "mobilenetv2_1.0_224_pytorch_nchw_int8", "mobilenetv2_1.0_224_tf2ptq_int8", "person_detect_96_int8", "resnet8_cifar_int8", "rnnoise_gru_int8",
        "rock_paper_scissors_84_int8", "squeezenet_imagenet1001_224_int8", "ssd_mobilenetv3_coco_320_int8", "stream_mixednet_okay_nabu_v2_int8",
        "strm_wakeword_1d_dsconv_int8", "tenet_kws_alexa_int8", "vww_mobilenetv1_96_int8", "yolofastest_face_192_v4_int8", "yolov5tiny_person_192_int8",
    ];

    [ModelTheory]
    [MemberData(nameof(Names))]
    public void Outputs_are_those_of_LiteRT_with_XNNPACK(string name)
    {
        Recording recording = Recording.Read(Path.Combine(Models.Folder!, "golden-xnnpack", name));
        CompiledModel model = Engines.Compile(Models.File(name), Engines.ClassName(name), o => o with { Numerics = Numerics.Xnnpack });
        var emitted = new EmittedModels([model], isChecked: false);
        foreach (int seed in recording.Seeds) recording.AssertOutputs(seed, emitted.Run(model, recording.Inputs(seed)).Outputs, "emitted, Auto");
    }
}
