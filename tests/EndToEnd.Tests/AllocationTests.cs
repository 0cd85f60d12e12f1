using System;
using System.Linq;

namespace Etch.Tests;

/// <summary>An inference allocates nothing: all memory is the caller's. NativeAot.Tests measures the same for native programs.</summary>
public sealed class AllocationTests
{
    private static object? s_sink;

    [ModelTheory]
    [MemberData(nameof(ModelTests.Names), MemberType = typeof(ModelTests))]
    public void A_model_allocates_nothing(string name) => Assert.Equal(0, Allocated(LoadedModel.Load(Models.File(name), "Allocation")));

    [ModelTheory]
    [InlineData("dscnn_mlperf_kws_int8")]
    [InlineData("mnist_lstm_int8")]
    [InlineData("mobilenetv2_0.5_96_imagenet_uint8")]
    public void Nor_does_one_in_the_arena(string name) =>
        Assert.Equal(0, Allocated(LoadedModel.Load(Models.File(name), "InArena", o => o with { InArena = true })));

    [Fact]
    public void The_sample_allocates_nothing() => Assert.Equal(0, Allocated(LoadedModel.Load(LoadedModel.Sample, "Allocation")));

    [Fact]
    public void No_operator_allocates() => Assert.All(LoadedModel.Vectors("Allocation"), model => Assert.Equal(0, Allocated(model)));

    [Fact]
    public void The_measurement_sees_the_smallest_object() => Assert.True(Allocated(static () => s_sink = new object()) >= 5 * 3 * IntPtr.Size);

    private static long Allocated(LoadedModel loaded)
    {
        EmittedModels.Runner run = loaded.Runner;
        byte[][] inputs = [.. loaded.Model.Inputs.Select(tensor => new byte[tensor.ByteCount])];
        byte[][] outputs = [.. loaded.Model.Outputs.Select(tensor => new byte[tensor.ByteCount])];
        byte[] arena = new byte[loaded.Model.Cost.Arena];
        byte[] state = new byte[loaded.Model.Cost.State];
        return Allocated(() => run(inputs, outputs, arena, state));
    }

    /// <summary>Bytes that five runs allocate on this thread after two that may prepare something.</summary>
    private static long Allocated(Action run)
    {
        for (int i = 0; i < 2; i++) run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 5; i++) run();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
