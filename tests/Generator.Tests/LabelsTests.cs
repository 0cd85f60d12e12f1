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

    [Theory]
    [InlineData("Models/words.txt")]
    [InlineData("./Models/../Models/words.txt")]
    [InlineData("Models\\Words.txt")]
    public void A_labels_file_of_any_name_belongs_to_the_item_that_names_it(string named)
    {
        using Consumer project = new Consumer().Model("keywords.tflite", metadata: [("Labels", named)]).Model("other.tflite")
            .Model("keywords.labels.txt", content: Lines(4)).Model("Models/words.txt", content: Lines(2));
        string diagnostic = Assert.Single(project.Run().Diagnostics);
        Assert.StartsWith("keywords.tflite(1,1): ETCH108: the model has 2 labels, and the last dimension of its output", diagnostic);

        project.Rewrite("Models/words.txt", Lines(10));
        Outcome outcome = project.Run();
        Assert.Empty(outcome.Diagnostics);
        Assert.Contains("\"word 9\",", outcome.Source("App.Keywords.g.cs"));
        Assert.DoesNotContain("Labels", outcome.Source("App.Other.g.cs"));
    }

    [Fact]
    public void A_labels_file_that_is_missing_is_an_error()
    {
        using Consumer project = new Consumer().Model("keywords.tflite", metadata: [("Labels", "Models/words.txt")]);
        Assert.Equal(
            "keywords.tflite(1,1): ETCH007: Labels=\"Models/words.txt\" names no file; its path counts from the project's folder",
            Assert.Single(project.Run().Diagnostics));
    }

    private static byte[] Lines(int count) => Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, count).Select(i => $"word {i}\n")));
}
