using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Etch.Diagnostics;
using Etch.Report;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Working memory against TensorFlow Lite Micro's for the same file; docs/models.md has the table.</summary>
public sealed class ArenaTests
{
    [Fact]
    public void The_report_lists_the_models_that_are_tested() => Assert.Equal(
        new IEnumerable<object[]>[] { ModelTests.Names, ModelTests.FrontEnds, MoreModelTests.Names }.SelectMany(names => names)
            .Select(row => (string)row[0]).Append(DropoutTests.Name).Order(),
        Families.Models.Order());

    [ModelTheory]
    [InlineData("*.tflite")]
    public void The_report_lists_every_quantised_model(string pattern) => Assert.Equal(
        Directory.GetFiles(Path.Combine(Models.Folder!, "models"), pattern).Select(path => Path.GetFileNameWithoutExtension(path)!)
            .Where(name => !name.EndsWith("_f32", StringComparison.Ordinal)).Order(),
        Families.Models.Order());

    [ModelTheory]
    [MemberData(nameof(ModelTests.Names), MemberType = typeof(ModelTests))]
    public void The_arena_is_at_most_what_the_interpreter_needs_for_activations(string name)
    {
        CompiledModel model = Engines.Compile(Models.File(name), "Model");
        long live = Tflm.LivePeak(TfliteImporter.Import(model.File.Bytes, new Problems()).Graph!);
        Assert.InRange(model.Cost.Arena, model.Plan.LowerBound, live);

        // With the caller's inputs and outputs, which the interpreter keeps in its arena, all of our memory is at most all of the interpreter's.
        if (!Tflm.Measured.TryGetValue(name, out TflmArena? measured)) return;
        Assert.InRange(live, 1, measured.Peak);
        Assert.InRange(model.Measures.WorkingBytes, 1, measured.ArenaUsed);
    }

    [ModelTheory]
    [MemberData(nameof(ModelTests.Names), MemberType = typeof(ModelTests))]
    public void With_inputs_and_outputs_too(string name)
    {
        CompiledModel model = Engines.Compile(Models.File(name), "Model", o => o with { InArena = true }), apart = Engines.Compile(Models.File(name), "Model");
        long live = Tflm.LivePeak(TfliteImporter.Import(model.File.Bytes, new Problems()).Graph!);
        Assert.InRange(model.Cost.Arena, model.Inputs.Concat(model.Outputs).Max(t => t.ByteCount), live);
        Assert.Equal(model.Cost.Arena + model.Cost.State, model.Measures.WorkingBytes);
        Assert.InRange(model.Measures.WorkingBytes, 1, apart.Measures.WorkingBytes);
    }

    [ModelTheory]
    [InlineData("dscnn_mlperf_kws_int8", 16_000)]
    [InlineData("vww_mobilenetv1_96_int8", 55_296)]
    [InlineData("resnet8_cifar_int8", 36_864)]
    [InlineData("person_detect_96_int8", 55_296)]
    [InlineData("mobilenetv2_1.0_224_tf2ptq_int8", 1_505_280)]
    public void Rows_over_their_inputs_take_less_than_tensors_side_by_side(string name, int most)
    {
        CompiledModel model = Engines.Compile(Models.File(name), "Model");
        Assert.InRange(model.Plan.Bytes, model.Plan.LowerBound, most);
        Assert.True(model.Plan.IsOptimal);
        Assert.Equal(model.Plan.Locations.OrderBy(pair => pair.Key), Engines.Compile(Models.File(name), "Model").Plan.Locations.OrderBy(pair => pair.Key));
    }

    [ModelTheory]
    [MemberData(nameof(ModelTests.Names), MemberType = typeof(ModelTests))]
    [MemberData(nameof(ModelTests.FrontEnds), MemberType = typeof(ModelTests))]
    [MemberData(nameof(MoreModelTests.Names), MemberType = typeof(MoreModelTests))]
    public void Plans_are_the_same_every_time_and_sound(string name)
    {
        foreach (StreamingPolicy streaming in new[] { StreamingPolicy.Auto, StreamingPolicy.Smallest })
        {
            CompiledModel[] models = [.. Enumerable.Range(0, 2).Select(_ => Engines.Compile(Models.File(name), "Model", o => o with { Streaming = streaming }))];
            Assert.Equal(models[0].Plan.Locations.OrderBy(pair => pair.Key), models[1].Plan.Locations.OrderBy(pair => pair.Key));
            Assert.Equal(models[0].Plan.ScratchAt, models[1].Plan.ScratchAt);
            Assert.Equal(models[0].Layers.Select(layer => layer.Outputs[0]), models[1].Layers.Select(layer => layer.Outputs[0]));
            Plans.AssertSound(models[0]);
        }
    }

    [ModelTheory]
    [InlineData("vww_mobilenetv1_96_int8", 3_750_000, 30_000)]
    [InlineData("fomo_mnv2_0.35_person_96_int8", 4_500_000, 9_500)]
    public void Dead_channels_are_not_computed(string name, long macs, long weights)
    {
        CompiledModel model = Engines.Compile(Models.File(name), "Model");
        Assert.InRange(model.Cost.Macs, 1, macs);
        Assert.InRange(model.Measures.WeightsAfter, 1, weights);
        Assert.True(model.Measures.MacsBefore > model.Cost.Macs && model.Measures.WeightsBefore > 2 * model.Measures.WeightsAfter);
    }

    [Fact]
    public void The_arena_of_the_sample_too()
    {
        CompiledModel model = Engines.Compile(LoadedModel.Sample, "Model");
        Assert.InRange(model.Cost.Arena, model.Plan.LowerBound, Tflm.LivePeak(TfliteImporter.Import(model.File.Bytes, new Problems()).Graph!));
    }
}
