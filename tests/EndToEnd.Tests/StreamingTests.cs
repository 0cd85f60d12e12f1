using System.Linq;
using Etch.Passes;

namespace Etch.Tests;

/// <summary>Real models whose layers run row by row, and take their input row by row, against their recordings.</summary>
public sealed class StreamingTests
{
    /// <summary>Bytes of arena and input together, and of the memory for pushed rows, that a model may take at most.</summary>
    public static readonly TheoryData<string, int, int> Figures = new()
    {
        { "dscnn_mlperf_kws_int8", 6_250, 5_860 },
        { "vww_mobilenetv1_96_int8", 40_704, 18_432 },
        { "resnet8_cifar_int8", 15_680, 12_896 },
        { "person_detect_96_int8", 23_424, 17_952 },
        { "mobilenetv2_1.0_224_tf2ptq_int8", 326_144, 244_608 },
    };

    [ModelTheory]
    [MemberData(nameof(Figures))]
    public void Streamed_and_pushed_outputs_are_those_recorded_within_the_memory_of_the_study(string name, int streamed, int pushed)
    {
        Recording recording = Models.Recording(name);
        CompiledModel model = Engines.Compile(Models.File(name), Engines.ClassName(name), o => o with { Streaming = StreamingPolicy.Smallest });
        CompiledModel inArena = Engines.Compile(Models.File(name), Engines.ClassName(name, 1), o => o with { Streaming = StreamingPolicy.Smallest, InArena = true });
        var emitted = new EmittedModels([model, inArena], isChecked: false);
        foreach (int seed in recording.Seeds)
        {
            byte[][] inputs = recording.Inputs(seed);
            recording.AssertOutputs(seed, emitted.Run(model, inputs).Outputs, "streamed");
            recording.AssertOutputs(seed, emitted.Run(inArena, inputs).Outputs, "streamed in the arena");
            recording.AssertOutputs(seed, emitted.Push(model, inputs), "pushed");
        }

        Assert.InRange(model.Cost.Arena + model.Inputs.Sum(t => t.ByteCount), 0, streamed);
        Assert.InRange(inArena.Cost.Arena, 0, streamed);
        Assert.Null(inArena.Push);
        Assert.InRange(model.Push!.Bytes, 0, pushed);
    }

    [ModelTheory]
    [MemberData(nameof(Figures))]
    public void A_budget_of_the_study_s_memory_is_met_with_the_outputs_recorded(string name, int streamed, int pushed)
    {
        Recording recording = Models.Recording(name);
        CompiledModel each = Engines.Compile(Models.File(name), Engines.ClassName(name), o => o with { Streaming = StreamingPolicy.Off });
        int arena = streamed - each.Inputs.Sum(t => t.ByteCount);
        long budget = each.Cost.Stack + MeasureCost.RowFrameBytes + arena;
        CompiledModel model = Engines.Compile(Models.File(name), Engines.ClassName(name), o => o with { MaxRam = budget });
        var emitted = new EmittedModels([model], isChecked: true);
        foreach (int seed in recording.Seeds)
        {
            byte[][] inputs = recording.Inputs(seed);
            recording.AssertOutputs(seed, emitted.Run(model, inputs).Outputs, "streamed");
            recording.AssertOutputs(seed, emitted.Push(model, inputs), "pushed");
        }

        Assert.InRange(model.Cost.Ram, 0, budget);
        Assert.InRange(model.Push!.Bytes, 0, pushed);
    }
}
