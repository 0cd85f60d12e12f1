using System.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Passes;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Dropout that was left in a model, and the shapes that such exports leave open.</summary>
public sealed class RemoveDropoutTests
{
    // 255 steps are 1 / (1 − 0.1), and 255 steps of the threshold's scale are 0.1.
    private const float Factor = 0.0043573f, Rate = 0.00039216f;

    [Fact]
    public void Dropout_becomes_the_value_before_its_scaling()
    {
        Graph before = Agreement.Import(Dropout());
        var problems = new Problems();
        Graph after = RemoveDropout.Run(before, problems);
        Assert.Equal("QUANTIZE", Assert.Single(after.Ops).Name);
        Assert.Empty(problems.ToArray());
        Problem warning = Assert.Single(problems.Warnings);
        Assert.Equal(Ids.Dropout, warning.Id);
        Assert.Contains("1 dropout of rate 0.1 (at 'output') is taken as the identity", warning.Message);

        // Real values stay: 40 steps of 0.01 are 36 steps of 0.0111.
        Assert.Equal([-128, -92, 101], Values.Run(after, [new[] { -128, -88, 127 }]).Integers(after.Outputs[0]));
    }

    [Fact]
    public void A_model_with_dropout_compiles_and_warns()
    {
        CompiledModel model = Compile(Dropout());
        Assert.True(model.Succeeded, string.Join("\n", model.Problems));
        Assert.Equal(Ids.Dropout, Assert.Single(model.Warnings).Id);
        byte[][] outputs = new EmittedModels([model], isChecked: false).Run(model, [[0x80, 0xA8, 0x7F]]).Outputs;
        Assert.Equal([-128, -92, 101], outputs[0].Select(b => (int)(sbyte)b));
    }

    [Theory]
    [InlineData(0.002f, Rate, 0)] // not 1 / (1 − p)
    [InlineData(Factor, 0.0012f, 0)] // another p
    [InlineData(Factor, Rate, 5)] // not 0 where the mask is false
    public void Other_random_numbers_are_refused(float factor, float rate, int otherwise)
    {
        CompiledModel model = Compile(Dropout(factor, rate, otherwise));
        Assert.Empty(model.Warnings);
        Assert.Contains(model.Problems, p => p.Id == Ids.UnsupportedOperator && p.Message.Contains("export the model for inference"));
    }

    [Theory]
    [InlineData(new[] { 2, 3 })]
    [InlineData(new[] { -1, 3 })]
    public void A_shape_that_the_file_leaves_open_follows_from_its_constant(int[] shape)
    {
        var b = new TfliteBuilder();
        int x = b.Int8("x", [1, 2, 3], 0.5f, 0), rows = b.Int8("rows", [1, 1], 0.5f, 0), units = b.Int8("units", [1, 4], 0.5f, 0), y = b.Int8("y", [1, 2, 4], 0.5f, 0);
        int filter = b.Int8("filter", [4, 3], 0.25f, 0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        b.Operator(Schema.Builtin.Reshape, [x, b.Int32("shape", shape)], [rows]);
        b.Operator(Schema.Builtin.FullyConnected, [rows, filter], [units]);
        b.Operator(Schema.Builtin.Reshape, [units, b.Int32("all", 1, 2, 4)], [y]);
        b.Ports([x], [y]);
        CompiledModel model = Compile(b.Build());
        Assert.True(model.Succeeded, string.Join("\n", model.Problems));
        byte[] output = new EmittedModels([model], isChecked: false).Run(model, [[1, 0, 0, 0, 0, 4]]).Outputs[0];
        // Rounded twice: a quarter of 1 is 1.
        Assert.Equal([1, 1, 2, 3, 3, 6, 9, 12], output.Select(q => (int)(sbyte)q));
    }

    private static byte[] Dropout(float factor = Factor, float rate = Rate, int otherwise = -128)
    {
        if (otherwise == 0) otherwise = -128;
        var b = new TfliteBuilder();
        int[] shape = [3];
        int x = b.Int8("input", shape, 0.01f, -128), scaled = b.Int8("scaled", shape, 0.01f / 0.9f, -128), y = b.Int8("output", shape, 0.01f / 0.9f, -128);
        int random = b.Tensor("random", ElementType.Float32, shape), stored = b.Int8("stored", shape, 1f / 255, -128), mask = b.Tensor("mask", ElementType.Bool, shape);
        b.Operator(Schema.Builtin.Mul, [x, b.Int8("factor", [], factor, -128, [127])], [scaled]);
        b.Operator(Schema.Builtin.RandomUniform, [b.Int32("shape", 3)], [random]);
        b.Operator(Schema.Builtin.Quantize, [random], [stored]);
        b.Operator(Schema.Builtin.GreaterEqual, [stored, b.Int8("rate", [], rate, -128, [127])], [mask]);
        b.Operator(Schema.Builtin.SelectV2, [mask, scaled, b.Int8("zero", [], 0.01f / 0.9f, -128, [unchecked((byte)otherwise)])], [y]);
        b.Ports([x], [y]);
        return b.Build();
    }

    private static CompiledModel Compile(byte[] file) =>
        Compiler.Compile(new ModelFile("m.tflite", file), new CompileOptions { ClassName = "Dropout" }, default);
}
