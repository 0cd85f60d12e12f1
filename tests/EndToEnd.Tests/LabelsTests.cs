using Etch.Emit;

namespace Etch.Tests;

/// <summary>A real model with labels in its metadata.</summary>
public sealed class LabelsTests
{
    [ModelTheory]
    [InlineData("efficientnet_lite0_flowers5_224_int8")]
    public void The_metadata_names_the_classes(string name)
    {
        CompiledModel model = Engines.Compile(Models.File(name), "Flowers");
        Assert.Equal(["daisy", "dandelion", "roses", "sunflowers", "tulips"], model.Metadata.Labels.ToArray());
        Assert.Empty(model.Warnings);
        string surface = SurfaceWriter.Write(model);
        Assert.Contains("/// <para>efficientnet_lite0: Identify the most prominent object in the image from a set of 5 categories.</para>", surface);
        Assert.Contains("    \"sunflowers\",", surface);
    }
}
