using System.Linq;
using System.Text;
using Xunit;

namespace Etch.Generator.Tests;

/// <summary>A labels file beside a model: found by its name, and read again when it changes.</summary>
public class LabelsTests
{
    [Fact]
    public void A_labels_file_belongs_to_the_model_beside_it()
    {
        using Consumer project = new Consumer().Model("Models/keywords.tflite").Model("Models/keywords.labels.txt", content: Lines(2)).Model("keywords.labels.txt", content: Lines(3));
        string diagnostic = Assert.Single(project.Run().Diagnostics);
        Assert.StartsWith("Models/keywords.tflite(1,1): ETCH108: the model has 2 labels, and the last dimension of its output", diagnostic);

        project.Rewrite("Models/keywords.labels.txt", Lines(10));
        Assert.Empty(project.Run().Diagnostics);
    }

    private static byte[] Lines(int count) => Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, count).Select(i => $"word {i}\n")));
}
