using System.IO;
using Etch.Tests;

namespace Etch.EndToEnd.Tests.KeywordSpotting;

/// <summary>The sample's generated code gives the scores that the training pipeline's integer simulation gave, byte for byte, and names the word.</summary>
public class ScoreTests
{
    [Fact]
    public void ShippedWavesScoreAsRecorded()
    {
        string path = Path.Combine(SampleFiles.Waves, "..", "Models", "keywords.tflite");
        CompiledModel model = Engines.Compile(path, "Keywords");
        var emitted = new EmittedModels([model], isChecked: false);
        string[] recordings = Directory.GetFiles(SampleFiles.Recorded, "*.scores");
        Assert.NotEmpty(recordings);
        foreach (string recorded in recordings)
        {
            byte[] features = File.ReadAllBytes(Path.ChangeExtension(recorded, ".features"));
            Assert.Equal(File.ReadAllBytes(recorded), emitted.Run(model, [features]).Outputs[0]);
        }
    }
}
