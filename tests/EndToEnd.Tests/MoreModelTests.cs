namespace Etch.Tests;

/// <summary>Further real models, which only have to give the recorded outputs: under the options that a user gets, on every recorded seed.</summary>
public sealed class MoreModelTests
{
    public static readonly TheoryData<string> Names =
    [
        "har_cnn_90x3_int8", "magic_wand_int8", "rock_paper_scissors_84_int8", "fomo_mnv2_0.35_person_96_int8", "rnnoise_gru_int8",
        "lstm_unrolled_s_kws_int8", "yolov5tiny_person_192_int8", "fastdepth_224_int8", "squeezenet_imagenet1001_224_int8",
        "ssd_mobilenetv3_coco_320_int8", "mcunet_imagenet_144_int8", "mcunet_person_det_128x160_int8", "efficientnet_lite0_flowers5_224_int8",
        "yolofastest_face_192_v4_int8", "blazeface_front_128_int8", "mobilenetv2_1.0_224_pytorch_nchw_int8", "mobilenetv2_1.0_224_tf2ptq_int8",
    ];

    [ModelTheory]
    [MemberData(nameof(Names))]
    public void Outputs_are_those_recorded(string name)
    {
        Recording recording = Models.Recording(name);
        CompiledModel model = Engines.Compile(Models.File(name), Engines.ClassName(name));
        var emitted = new EmittedModels([model], isChecked: false);
        foreach (int seed in recording.Seeds) recording.AssertOutputs(seed, emitted.Run(model, recording.Inputs(seed)).Outputs, "emitted, Auto");
    }

    [ModelTheory]
    [InlineData("squeezenet_imagenet1001_224_int8")]
    [InlineData("yolov5tiny_person_192_int8")]
    public void Outputs_are_those_recorded_with_Speed(string name)
    {
        Recording recording = Models.Recording(name);
        CompiledModel model = Engines.Compile(Models.File(name), Engines.ClassName(name), o => o with { Preset = Preset.Speed });
        var emitted = new EmittedModels([model], isChecked: false);
        foreach (int seed in recording.Seeds) recording.AssertOutputs(seed, emitted.Run(model, recording.Inputs(seed)).Outputs, "emitted, Speed");
    }
}
