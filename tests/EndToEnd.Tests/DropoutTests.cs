using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Passes;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>A transformer that was exported with its dropout switched on, of which no output can be recorded.</summary>
public sealed class DropoutTests
{
    public const string Name = "transformer_radioml_128_int8";

    [ModelTheory]
    [InlineData(1)]
    [InlineData(2)]
    public void Emitted_code_is_the_reference_with_dropout_as_the_identity(int seed)
    {
        CompiledModel[] models = [.. Engines.Variants.Select((variant, v) => Engines.Compile(Models.File(Name), Engines.ClassName(Name, (10 * seed) + v), variant.Options))];
        Assert.All(models, model =>
        {
            Problem warning = Assert.Single(model.Warnings);
            Assert.Equal(Ids.Dropout, warning.Id);
            Assert.Contains("9 dropouts of rate 0.1", warning.Message);
        });

        var problems = new Problems();
        Graph graph = FoldConstants.Run(RemoveDropout.Run(TfliteImporter.Import(models[0].File.Bytes, problems).Graph!, problems), problems);
        byte[] input = [.. Enumerable.Range(0, graph[graph.Inputs[0]].ByteCount).Select(i => (byte)((i * 97 * seed) ^ (i >> 3)))];
        Values expected = Engines.Reference(graph, [input]);
        var emitted = new EmittedModels(models, isChecked: false);
        Assert.All(models, model => Assert.Equal(expected.Bytes(graph.Outputs[0]), emitted.Run(model, [input]).Outputs[0]));
    }
}
