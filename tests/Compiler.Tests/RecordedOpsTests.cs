using System.Collections.Generic;
using System.IO;
using System.Linq;
using Etch.Ir;

namespace Etch.Tests;

/// <summary>Single-operator models against the outputs that TensorFlow Lite Micro's reference kernels gave for them.</summary>
public sealed class RecordedOpsTests
{
    public static TheoryData<string> Cases() => [.. Names()];

    private static string[] Names() => [.. Directory.GetDirectories(Engines.Vectors("ops")).Select(d => Path.GetFileName(d)!).Order()];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Reference_gives_what_was_recorded(string name)
    {
        string folder = Engines.Vectors("ops", name);
        Recording recording = Recording.Read(folder);
        CompiledModel model = Engines.Compile(Path.Combine(folder, "model.tflite"), Engines.ClassName(name));
        foreach ((int seed, int invokes) in recording.Runs)
        {
            Values? values = null;
            for (int i = 0; i < invokes; i++) values = Engines.Reference(model.Graph, recording.Inputs(seed), values);
            recording.AssertOutputs(seed, [.. model.Graph.Outputs.Select(values!.Bytes)], "reference", invokes);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Emitted_code_gives_what_was_recorded(bool isChecked)
    {
        var models = new List<(string Name, string Engine, CompiledModel Model)>();
        foreach (string name in Names())
        {
            string path = Path.Combine(Engines.Vectors("ops", name), "model.tflite");
            for (int v = 0; v < Engines.Variants.Length; v++)
            {
                (string engine, var options) = Engines.Variants[v];
                models.Add((name, engine, Engines.Compile(path, Engines.ClassName(name, v), o => options(o) with { CheckOverflow = isChecked })));
            }
        }

        var emitted = new EmittedModels([.. models.Select(m => m.Model)], isChecked);
        Assert.All(models, m =>
        {
            Recording recording = Recording.Read(Engines.Vectors("ops", m.Name));
            foreach ((int seed, int invokes) in recording.Runs)
            {
                byte[] state = emitted.NewState(m.Model);
                for (int i = 1; i < invokes; i++) emitted.Run(m.Model, recording.Inputs(seed), state);
                recording.AssertOutputs(seed, emitted.Run(m.Model, recording.Inputs(seed), state).Outputs, m.Engine, invokes);
            }
        });
    }
}
