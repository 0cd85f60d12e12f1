using System;
using System.Linq;
using Etch.Diagnostics;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Tests;

/// <summary>A schedule beside a model gives each layer its kernel, and changes no byte of the results.</summary>
public sealed class TunedKernelsTests
{
    public static TheoryData<string, string> LayersAndKernels
    {
        get
        {
            string[] layers = ["conv_3x3_s2_same", "conv_10x4_kws", "dw_3x3_s2", "fc_64x10", "fc_relu_batch4", "add_plain", "avepool_3x3_s2_same"];
            var data = new TheoryData<string, string>();
            foreach (string layer in layers)
            foreach ((string kernel, _) in TunedKernels.Kernels)
                data.Add(layer, kernel);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(LayersAndKernels))]
    public void A_layer_is_computed_as_its_line_says(string vector, string kernel)
    {
        ModelFile file = ModelFile.Read(Engines.Vectors("ops", vector, "model.tflite"));
        CompiledModel plain = Compile(file, o => o), chosen = Compile(file, TunedKernels.Kernels.Single(k => k.Name == kernel).Choose);
        CompiledModel tuned = Compile(file.WithSchedule($"model {file.Hash}\n{plain.Layers[0].Op.Outputs[0]} {kernel} # fast\n"), o => o);
        Assert.Empty(tuned.Warnings);
        Assert.Equal(chosen.Layers.Select(l => l.Kernel), tuned.Layers.Select(l => l.Kernel));
        if (kernel is "scalar" or "unrolled") Assert.DoesNotContain("VectorKernels.", LayersWriter.Write(tuned), StringComparison.Ordinal);
        else if (vector != "dw_3x3_s2") Assert.Contains("VectorKernels.", LayersWriter.Write(tuned), StringComparison.Ordinal); // Its seven channels fill no vector.

        Recording recording = Recording.Read(Engines.Vectors("ops", vector));
        var emitted = new EmittedModels([tuned], isChecked: false);
        foreach (int seed in recording.Seeds) recording.AssertOutputs(seed, emitted.Run(tuned, recording.Inputs(seed)).Outputs, kernel);
    }

    [Fact]
    public void Layers_without_a_line_keep_their_kernels()
    {
        var b = new TfliteBuilder();
        int x = b.Int8("x", [1, 4, 4, 8], 0.5f, 1), v = b.Int8("v", [1, 4, 4, 8], 0.5f, 1), y = b.Int8("y", [1, 4, 4, 8], 0.5f, 1), z = b.Int8("z", [1, 4, 4, 8], 0.5f, 1);
        b.Operator(Tflite.Schema.Builtin.Add, [x, v], [y]);
        b.Operator(Tflite.Schema.Builtin.Add, [y, x], [z]);
        b.Ports([x, v], [z]);
        var file = new ModelFile("m.tflite", b.Build());
        CompiledModel plain = Compile(file, o => o), scalar = Compile(file, o => o with { Vectors = false });
        CompiledModel tuned = Compile(file.WithSchedule($"# times\n\nmodel {file.Hash}\r\n{z}\tscalar\r\n77 speed\n"), o => o);
        Assert.Empty(tuned.Warnings);
        Assert.NotEqual<Kernel>(plain.Layers[1].Kernel, scalar.Layers[1].Kernel);
        Assert.Equal<Kernel>(plain.Layers[0].Kernel, tuned.Layers[0].Kernel);
        Assert.Equal<Kernel>(scalar.Layers[1].Kernel, tuned.Layers[1].Kernel);
    }

    [Theory]
    [InlineData("model 0123\n2 scalar", "it was made for another version of the model")]
    [InlineData("2 scalar", "line 1 has to be 'model' and the SHA-256 of the model")]
    [InlineData("model HASH\n\n2 fast", "line 3 has to be the number of a tensor and one of vectors, speed, scalar, unrolled")]
    [InlineData("model HASH\n-2 scalar", "line 2 has to be the number of a tensor and one of vectors, speed, scalar, unrolled")]
    [InlineData("model HASH\n99999999999 scalar", "line 2 has to be the number of a tensor and one of vectors, speed, scalar, unrolled")]
    [InlineData("model HASH\n2", "line 2 has to be the number of a tensor and one of vectors, speed, scalar, unrolled")]
    [InlineData(" \n# nothing", "it is empty")]
    public void What_cannot_be_obeyed_is_a_warning_without_effect(string text, string reason)
    {
        ModelFile file = ModelFile.Read(Engines.Vectors("ops", "fc_64x10", "model.tflite"));
        CompiledModel plain = Compile(file, o => o), tuned = Compile(file.WithSchedule(text.Replace("HASH", file.Hash, StringComparison.Ordinal)), o => o);
        Problem warning = Assert.Single(tuned.Warnings);
        Assert.Equal(Ids.Schedule, warning.Id);
        Assert.Equal($"the schedule beside 'model.tflite' is ignored: {reason}; time the layers again, or remove it", warning.Message);
        Assert.Equal(plain.Layers.Select(l => l.Kernel), tuned.Layers.Select(l => l.Kernel));
    }

    [Fact]
    public void Another_schedule_is_another_input_of_the_compiler()
    {
        ModelFile file = ModelFile.Read(Engines.Vectors("ops", "fc_64x10", "model.tflite"));
        Assert.NotEqual(file, file.WithSchedule("a"));
        Assert.NotEqual(file.WithSchedule("a"), file.WithSchedule("b"));
        Assert.Equal(file.WithSchedule("a"), file.WithSchedule("a"));
    }

    private static CompiledModel Compile(ModelFile file, Func<CompileOptions, CompileOptions> choose)
    {
        CompiledModel model = Compiler.Compile(file, choose(new CompileOptions { ClassName = "Tuned" }), default);
        Assert.True(model.Succeeded, string.Join("\n", model.Problems));
        return model;
    }
}
