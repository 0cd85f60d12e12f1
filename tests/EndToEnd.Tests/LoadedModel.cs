using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Etch.EndToEnd.Tests.KeywordSpotting;

namespace Etch.Tests;

/// <summary>Models whose emitted code is compiled and loaded, with its types at hand.</summary>
internal sealed class LoadedModel
{
    private readonly EmittedModels _keep; // Without it the assembly could be unloaded.

    private LoadedModel(EmittedModels keep, CompiledModel model)
    {
        _keep = keep;
        Model = model;

        // Tests give each compilation classes of its own, so that a name tells it from the others in the process.
        Type = AppDomain.CurrentDomain.GetAssemblies().Where(assembly => assembly.GetName().Name == "Emitted")
            .Select(assembly => assembly.GetType(model.Options.ClassName)).Single(type => type is not null)!;
    }

    /// <summary>The model that comes with the sample.</summary>
    public static string Sample { get; } = Path.Combine(SampleFiles.Waves, "..", "Models", "keywords.tflite");

    public CompiledModel Model { get; }

    /// <summary>The emitted class.</summary>
    public Type Type { get; }

    /// <summary>Calls the emitted class with arrays of bytes: inputs, outputs, arena, state.</summary>
    public EmittedModels.Runner Runner => Type.Assembly.GetType(Model.Options.ClassName + "Runner")!.GetMethod("Run")!.CreateDelegate<EmittedModels.Runner>();

    /// <summary>The single-operator models of the tests, in one compilation.</summary>
    public static IReadOnlyList<LoadedModel> Vectors(string prefix, Func<CompileOptions, CompileOptions>? options = null)
    {
        string[] folders = [.. Directory.GetDirectories(Path.Combine(SampleFiles.Recorded, "..", "..", "vectors", "ops")).Order()];
        return Load([.. folders.Select(folder => Engines.Compile(Path.Combine(folder, "model.tflite"), prefix + Engines.ClassName(Path.GetFileName(folder)), options))]);
    }

    public static LoadedModel Load(string path, string prefix, Func<CompileOptions, CompileOptions>? options = null) =>
        Load([Engines.Compile(path, prefix + Engines.ClassName(Path.GetFileNameWithoutExtension(path)), options)])[0];

    public override string ToString() => Model.Options.ClassName;

    private static LoadedModel[] Load(CompiledModel[] models)
    {
        var emitted = new EmittedModels(models, isChecked: false);
        return [.. models.Select(model => new LoadedModel(emitted, model))];
    }
}
