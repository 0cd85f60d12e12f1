using System;
using System.IO;
using System.Linq;
using System.Runtime.Loader;
using System.Threading;
using Etch.Emit;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Models with several signatures: an entry point each, which share the state.</summary>
public sealed class SignatureTests
{
    [Fact]
    public void Each_signature_is_a_nested_class_and_all_share_one_state()
    {
        CompiledModel model = Compile("Meter", Meter);
        Assert.True(model.Succeeded, string.Join("\n", model.Problems));
        Assert.Equal(["Collect", "ReadOut"], model.Signatures.Select(s => s.Options.ClassName));
        Assert.Equal(2, model.Cost.State);

        const string Caller = """
            internal static class Caller
            {
                public static sbyte[] Run()
                {
                    sbyte[] state = new sbyte[Meter.Collect.StateBytes], y = new sbyte[2], sum = new sbyte[2];
                    sbyte[] arena = new sbyte[System.Math.Max(Meter.Collect.ArenaBytes, Meter.ReadOut.ArenaBytes)];
                    Meter.Collect.ResetState(state);
                    Meter.Collect.Invoke(new sbyte[] { 1, 2 }, y, arena, state);
                    Meter.Collect.Invoke(new sbyte[] { 30, 40 }, y, arena, state);
                    Meter.ReadOut.Invoke(new sbyte[] { 1, 1 }, sum, arena, state);
                    return sum;
                }
            }
            """;
        foreach (bool isChecked in new[] { false, true })
        {
            CompiledModel own = Compile("Meter", Meter, isChecked);
            using MemoryStream image = EmittedModels.Compile([SurfaceWriter.Write(own), LayersWriter.Write(own), ConstantsWriter.Write(own), Caller], isChecked);
            var assembly = new AssemblyLoadContext("signatures", isCollectible: true).LoadFromStream(image);

            // CALL_ONCE starts it at 5 and 6; one is added on reading.
            Assert.Equal(new sbyte[] { 37, 49 }, (sbyte[])assembly.GetType("Caller")!.GetMethod("Run")!.Invoke(null, null)!);
        }
    }

    [Fact]
    public void The_class_costs_what_its_dearest_signature_needs_and_the_code_of_all()
    {
        CompiledModel model = Compile("Meter", Meter);
        Assert.Equal(model.Signatures.Max(s => s.Cost.Arena), model.Cost.Arena);
        Assert.Equal(model.Signatures.Sum(s => s.Cost.Tables + s.Cost.Code) + model.Cost.Runtime, model.Cost.Flash);
        Assert.True(model.Cost.Runtime >= model.Signatures.Max(s => s.Cost.Runtime));
        Assert.Equal(model.Signatures.Sum(s => s.Cost.Layers.Count), model.Cost.Layers.Count);
    }

    [Fact]
    public void Several_names_of_one_subgraph_are_one_entry_point()
    {
        CompiledModel model = Compile("Single", b =>
        {
            Double(b);
            b.Signature("one", 0);
            b.Signature("two", 0);
        });
        Assert.True(model.Succeeded);
        Assert.Empty(model.Signatures);
        Assert.Equal(2, model.Inputs[0].ElementCount);
    }

    [Fact]
    public void Names_that_are_no_identifiers_become_some()
    {
        CompiledModel model = Compile("M", b =>
        {
            for (int i = 0; i < 4; i++)
            {
                if (i > 0) b.NextSubgraph();
                Double(b);
                b.Signature(new[] { "serving default!", "", "M", "class" }[i], i);
            }
        });
        Assert.Equal(["ServingDefault", "Signature", "M2", "Class"], model.Signatures.Select(s => s.Options.ClassName));
        EmittedModels.Compile([SurfaceWriter.Write(model), LayersWriter.Write(model), ConstantsWriter.Write(model)], isChecked: false).Dispose();
    }

    [Fact]
    public void A_model_that_failed_keeps_its_signatures()
    {
        CompiledModel model = Compile("Failed", b =>
        {
            Meter(b);
            b.Operator(Schema.Builtin.While, [0], [b.Int8("z", [1, 2], 1, 0)]);
        });
        Assert.False(model.Succeeded);
        string surface = SurfaceWriter.Write(model);
        Assert.Contains("class Collect", surface);
        Assert.Contains("class ReadOut", surface);
        EmittedModels.Compile([surface], isChecked: false).Dispose();
    }

    [Theory]
    [InlineData(7, "signature 'b' refers to subgraph 7 of 2")]
    [InlineData(-1, "signature 'b' refers to subgraph -1 of 2")]
    public void A_signature_names_a_subgraph_that_is_there(int subgraph, string message) => Assert.Contains(message, Message(b =>
    {
        Double(b);
        b.NextSubgraph();
        Double(b);
        b.Signature("a", 0);
        b.Signature("b", subgraph);
    }));

    [Fact]
    public void Signatures_agree_on_their_variables() => Assert.Contains("is int8[1, 2] in one signature and int8[1, 3] in another", Message(b =>
    {
        foreach (int count in new[] { 2, 3 })
        {
            if (count == 3) b.NextSubgraph();
            int x = b.Int8("x", [1, count], 1, 0), was = b.Int8("was", [1, count], 1, 0), y = b.Int8("y", [1, count], 1, 0), h = b.Handle("h");
            b.Read(h, was);
            b.Assign(h, x);
            b.Operator(Schema.Builtin.Add, [x, was], [y]);
            b.Ports([x], [y]);
            b.Signature($"of {count}", count - 2);
        }
    }));

    [Fact]
    public void So_many_signatures_are_not_supported() => Assert.Contains("the model has 17 signatures, more than the 16 that are supported", Message(b =>
    {
        for (int i = 0; i < 17; i++)
        {
            if (i > 0) b.NextSubgraph();
            Double(b);
            b.Signature($"s{i}", i);
        }
    }));

    // "collect" adds its input to the sum and gives it twice; "read_out" gives the sum and something more.
    private static void Meter(TfliteBuilder b)
    {
        b.CallOnce(2);
        int x = b.Int8("x", [1, 2], 1, 0), h = b.Handle("sum"), was = b.Int8("was", [1, 2], 1, 0), sum = b.Int8("now", [1, 2], 1, 0), y = b.Int8("y", [1, 2], 1, 0);
        b.Read(h, was);
        b.Operator(Schema.Builtin.Add, [x, was], [sum]);
        b.Assign(h, sum);
        b.Operator(Schema.Builtin.Add, [sum, sum], [y]);
        b.Ports([x], [y]);
        b.Signature("collect", 0);
        b.NextSubgraph();

        int more = b.Int8("more", [1, 2], 1, 0), g = b.Handle("sum"), total = b.Int8("total", [1, 2], 1, 0), z = b.Int8("z", [1, 2], 1, 0);
        b.Read(g, total);
        b.Operator(Schema.Builtin.Add, [total, more], [z]);
        b.Ports([more], [z]);
        b.Signature("read_out", 1);
        b.NextSubgraph();
        b.Assign(b.Handle("sum"), b.Int8("start", [1, 2], 1, 0, [5, 6]));
    }

    private static void Double(TfliteBuilder b)
    {
        int x = b.Int8("x", [1, 2], 1, 0), y = b.Int8("y", [1, 2], 1, 0);
        b.Operator(Schema.Builtin.Add, [x, x], [y]);
        b.Ports([x], [y]);
    }

    private static CompiledModel Compile(string name, Action<TfliteBuilder> build, bool isChecked = false)
    {
        var builder = new TfliteBuilder();
        build(builder);
        return Compiler.Compile(
            new ModelFile(name + ".tflite", builder.Build()), new CompileOptions { ClassName = name, CheckOverflow = isChecked }, CancellationToken.None);
    }

    private static string Message(Action<TfliteBuilder> build) => string.Join("\n", Compile("Refused", build).Problems.Select(p => p.Message));
}
