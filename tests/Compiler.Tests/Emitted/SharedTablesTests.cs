using System.Linq;
using System.Text.RegularExpressions;
using System.Threading;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>Tables of equal content, whatever layers they belong to, are one table.</summary>
public sealed class SharedTablesTests
{
    [Fact]
    public void Equal_filters_biases_and_factors_of_several_layers_are_stored_once()
    {
        CompiledModel same = Compile(difference: 0), other = Compile(difference: 1);
        Assert.Equal(["Layer0_Filter", "Layer0_Bias", "Layer0_Multiplier", "Layer0_Shift"], Properties(same));
        Assert.Equal(["Layer0_Filter", "Layer0_Bias", "Layer0_Multiplier", "Layer0_Shift", "Layer1_Filter"], Properties(other));
        Assert.Equal(same.Layers[0].Tables.Sum(t => t.Data.Count), same.Cost.Tables);
        Assert.Equal(same.Cost.Tables + same.Layers[0].Tables[0].Data.Count, other.Cost.Tables);

        var emitted = new EmittedModels([same, other], isChecked: false);
        byte[] input = [10, 20, 30, 40];
        Assert.All([same, other], model => Assert.Equal(
            Engines.Reference(Agreement.Import(model.File.Bytes), [input]).Bytes(model.Graph.Outputs[0]), emitted.Run(model, [input]).Outputs[0]));
    }

    private static string[] Properties(CompiledModel model) =>
        [.. Regex.Matches(ConstantsWriter.Write(model), @"ReadOnlySpan<\w+> (Layer\d+_\w+) =>").Select(m => m.Groups[1].Value)];

    // Two fully connected layers, each with constants of its own; one weight of the second may differ.
    private static CompiledModel Compile(int difference)
    {
        var b = new TfliteBuilder();
        int[] ids = [.. Enumerable.Range(0, 3).Select(i => b.Int8($"x{i}", [1, 4], 0.5f, 0))];
        for (int i = 0; i < 2; i++)
        {
            byte[] weights = [.. Enumerable.Range(0, 16).Select(w => (byte)(w + (i == 1 && w == 15 ? difference : 0)))];
            var q = new Quantization(new[] { 0.1f, 0.2f, 0.3f, 0.4f }, new[] { 0, 0, 0, 0 }, 0);
            int filter = b.Tensor($"filter{i}", ElementType.Int8, [4, 4], q, weights), bias = b.Int32($"bias{i}", 5, 6, 7, 8);
            b.Operator(Schema.Builtin.FullyConnected, [ids[i], filter, bias], [ids[i + 1]]);
        }

        b.Ports([ids[0]], [ids[2]]);
        CompiledModel model = Compiler.Compile(
            new ModelFile("tables.tflite", b.Build()), new CompileOptions { ClassName = $"Tables{difference}" }, CancellationToken.None);
        Assert.True(model.Succeeded, string.Join("\n", model.Problems));
        return model;
    }
}
