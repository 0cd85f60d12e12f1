using System;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using Xunit;

namespace Etch.Generator.Tests;

/// <summary>A schedule beside a model: found by its name, obeyed, and read again when it changes.</summary>
public class ScheduleTests
{
    [Fact]
    public void A_schedule_belongs_to_the_model_beside_it()
    {
        string hash = Convert.ToHexString(SHA256.HashData(Repository.Vector("fc_64x10"))).ToLowerInvariant();
        using Consumer project = new Consumer().Model("Models/keywords.tflite").Model("other.tflite")
            .Model("Models/keywords.schedule", content: Encoding.UTF8.GetBytes("model 00")).Model("keywords.schedule", content: Encoding.UTF8.GetBytes("model 11"));
        Assert.Equal(
            ["Models/keywords.tflite(1,1): ETCH109: the schedule beside 'keywords.tflite' is ignored: it was made for another version of the model; time the layers again, or remove it"],
            project.Run().Diagnostics);

        string everything = string.Concat(Enumerable.Range(0, 20).Select(tensor => $"{tensor} scalar\n"));
        project.Rewrite("Models/keywords.schedule", Encoding.UTF8.GetBytes($"model {hash}\n{everything}"));
        Outcome outcome = project.Run();
        Assert.Empty(outcome.Diagnostics);
        Assert.DoesNotContain("VectorKernels.", outcome.Source("App.Keywords.Layers.g.cs"));
        Assert.Contains("VectorKernels.", outcome.Source("App.Other.Layers.g.cs"));
    }
}
