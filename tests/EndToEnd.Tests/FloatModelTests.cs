using System.IO;
using System.Linq;
using System.Threading;
using Etch.Diagnostics;

namespace Etch.Tests;

/// <summary>Real models that are not quantised: one diagnostic each, that says how to convert them.</summary>
public sealed class FloatModelTests
{
    public static readonly TheoryData<string> Names =
    [
        "autoencoder_toycar_f32", "dscnn_mlperf_kws_f32", "fomo_mnv2_0.35_person_96_f32", "resnet8_cifar_f32", "rock_paper_scissors_84_f32",
        "vww_mobilenetv1_96_f32", "yolov5tiny_person_192_f32",
    ];

    [ModelTheory]
    [MemberData(nameof(Names))]
    public void One_diagnostic_says_how_to_convert(string name)
    {
        CompiledModel model = Compiler.Compile(ModelFile.Read(Models.File(name)), new CompileOptions { ClassName = "Model" }, CancellationToken.None);
        Problem problem = Assert.Single(model.Problems);
        Assert.Equal("ETCH106", problem.Id);
        Assert.Contains("convert it with full integer quantisation", problem.Message);
        Assert.NotEmpty(model.Inputs);
    }

    [ModelTheory]
    [InlineData("_f32", true)]
    [InlineData("", false)]
    public void No_other_model_is_taken_for_one(string ending, bool isFloat) => Assert.All(
        Directory.GetFiles(Path.Combine(Models.Folder!, "models"), $"*{ending}.tflite").Where(path => isFloat || !path.Contains("_f32.")),
        path => Assert.Equal(isFloat, Etch.Tflite.FloatModel.Describe(File.ReadAllBytes(path)) is not null));
}
