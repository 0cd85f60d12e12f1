using System.Collections.Generic;
using System.Linq;

namespace Etch.Report;

/// <summary>The models of docs/models.md beside the sample's, by family.</summary>
internal static class Families
{
    public static readonly IReadOnlyList<(string Family, string[] Models)> All =
    [
        ("DS-CNN", ["dscnn_mlperf_kws_int8", "dscnn_s_kws_f32io_int8", "dscnn_s_kws_int16x8", "dscnn_s_kws_uint8"]),
        ("MobileNetV1", ["vww_mobilenetv1_96_int8", "person_detect_96_int8"]),
        ("MobileNetV2",
        [
            "mobilenetv2_1.0_224_tf2ptq_int8", "mobilenetv2_1.0_224_pytorch_nchw_int8", "mobilenetv2_0.5_96_imagenet_uint8",
            "mobilenetv2_0.35_160_2class_int8",
        ]),
        ("EfficientNet-Lite0", ["efficientnet_lite0_flowers5_224_int8"]),
        ("SqueezeNet", ["squeezenet_imagenet1001_224_int8"]),
        ("MCUNet", ["mcunet_imagenet_144_int8"]),
        ("ResNet-8", ["resnet8_cifar_int8"]),
        ("Tiny-YOLO", ["yolov5tiny_person_192_int8", "yolofastest_face_192_v4_int8", "mcunet_person_det_128x160_int8"]),
        ("MobileNetV3, SSD", ["ssd_mobilenetv3_coco_320_int8"]),
        ("BlazeFace", ["blazeface_front_128_int8"]),
        ("FOMO", ["fomo_mnv2_0.35_person_96_int8"]),
        ("Encoder-decoder", ["fastdepth_224_int8"]),
        ("MicroNet", ["micronet_m_kws_int8"]),
        ("TENet", ["tenet_kws_alexa_int8"]),
        ("Wake word", ["strm_wakeword_1d_dsconv_int8", "stream_mixednet_okay_nabu_v2_int8"]),
        ("Keyword CNN", ["audio_preprocessor_int8", "micro_speech_quantized"]),
        ("GRU", ["rnnoise_gru_int8"]),
        ("LSTM", ["dtln_lstm_int8", "mnist_lstm_int8", "lstm_unrolled_s_kws_int8"]),
        ("SVDF", ["svdf_keyword_scrambled_int8"]),
        ("Transformer", ["transformer_radioml_128_int8"]),
        ("Autoencoder", ["autoencoder_toycar_int8"]),
        ("Gestures, motion", ["magic_wand_int8", "rock_paper_scissors_84_int8", "har_cnn_90x3_int8"]),
        ("Sine", ["hello_world_int8"]),
    ];

    public static IEnumerable<string> Models => All.SelectMany(family => family.Models);

    /// <summary>The family of a model, or null.</summary>
    public static string? Of(string model) => All.FirstOrDefault(family => family.Models.Contains(model)).Family;
}
