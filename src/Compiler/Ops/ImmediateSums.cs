using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>A small FULLY_CONNECTED layer without tables: weights, biases and factors are numbers in the code, and products with 0 are not there.</summary>
/// <param name="Vectors">Vectors of the input.</param>
/// <param name="Weights">For each unit its weights, without zero points.</param>
/// <param name="Bias">By unit, with the input's zero point folded in.</param>
/// <param name="Factors">By unit the arguments of the requantisation; empty where all units have the same.</param>
internal sealed record ImmediateSums(
    int Vectors, int Units, EquatableArray<int> Weights, EquatableArray<int> Bias, EquatableArray<string> Factors, Requantization Output, bool IsUnchecked) : Kernel
{
    // Up to here layers take 0.15 to 0.81 times as long as with the vector kernel on AVX-512, most of which is its call; from 560 on many are slower.
    private const int MostOfSpeed = 512;

    // A method of more products comes near to what the JIT compiles without optimisation.
    private const int Most = 1_500;

    // One multiplication by a constant and one addition, in which a load may take part.
    private const int ProductBytes = 11;

    public override string Name => "FullyConnected_Immediate";

    public override int CodeBytes => 60 + (ProductBytes * Weights.Count(w => w != 0)) + (Units * (Output.OnlyRight ? 60 : 110));

    private int Depth => Weights.Count / Units;

    /// <summary>The layer where options and size ask for it, else null.</summary>
    /// <param name="filter">For each unit <paramref name="depth"/> weights.</param>
    public static Layer? Of(
        Graph graph, Op op, int[] filter, int units, int depth, Multiplier[] multipliers, bool isWide, Activation activation, CompileOptions options)
    {
        int products = filter.Count(w => w != 0), most = options.Unroll == UnrollPolicy.Full ? Most : MostOfSpeed;
        bool isAsked = options.Unroll == UnrollPolicy.Full || (options.Preset == Preset.Speed && options.Unroll == UnrollPolicy.Auto);
        if (!isAsked || isWide || products + (16 * units) + depth > most || products * ProductBytes > options.UnrollCeiling) return null;

        Tensor input = graph[op.Inputs[0]], output = graph[op.Outputs[0]];
        (int, int) range = Quantize.Range(activation, output);
        long[]? biasOfFile = op.Inputs.Count > 2 && op.Inputs[2] >= 0 ? graph[op.Inputs[2]].Longs() : null;
        (long[] bias, long[] bounds) = DotProducts.Fold(filter, biasOfFile, units, depth, input, multipliers, output.ZeroPoint, range, isWide);
        var tables = new List<Table>();
        Requantization requantization = Requantization.Of(multipliers, bias, bounds, isWide, output, range, tables, values => values);
        string[] factors = requantization.IsPerChannel ? [.. Enumerable.Range(0, units).Select(unit => Factor(tables, unit))] : [];
        var kernel = new ImmediateSums(
            input.ElementCount / depth, units, filter, bias.Select(b => (int)b).ToArray(), factors, requantization, options.CheckOverflow);
        return new Layer(op, kernel, new[] { op.Inputs[0] }, Array.Empty<Table>());
    }

    // What the tables after the biases have for a unit: a scale, or a multiplier and a shift.
    private static string Factor(List<Table> tables, int unit)
    {
        byte[] first = tables[1].Data.ToArray();
        return tables.Count == 2
            ? Names.Float(BitConverter.ToSingle(first, 4 * unit))
            : InvariantText.Of($"{BitConverter.ToInt32(first, 4 * unit)}, {(sbyte)tables[2].Data[unit]}");
    }

    public override void Emit(CodeWriter w, string method)
    {
        string element = Output.Type.Keyword();
        w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
        using (w.Method(method, $"ReadOnlySpan<{element}> input, Span<{element}> output", ""))
        {
            w.Line($"const int Inputs = {Depth}, Units = {Units};");
            Output.EmitConstants(w);
            w.Line();
            w.Line($"input = input.Slice(0, {Vectors} * Inputs);");
            w.Line($"output = output.Slice(0, {Vectors} * Units);");
            using (w.Unchecked(IsUnchecked))
            {
                if (Vectors == 1)
                {
                    EmitVector(w);
                }
                else
                {
                    using (w.Block("for (; output.Length > 0; input = input.Slice(Inputs), output = output.Slice(Units))")) EmitVector(w);
                }
            }

            Output.EmitFunction(w);
        }
    }

    private void EmitVector(CodeWriter w)
    {
        for (int i = 0; i < Depth; i++)
        {
            if (Enumerable.Range(0, Units).Any(unit => Weights[(unit * Depth) + i] != 0)) w.Line($"int q{i} = input[{i}];");
        }

        for (int unit = 0; unit < Units; unit++)
        {
            w.Line();
            w.Line($"int acc{unit} = {Bias[unit]};");
            string[] terms = [.. Enumerable.Range(0, Depth).Select(i => Term(i, Weights[(unit * Depth) + i])).Where(term => term.Length > 0)];
            for (int i = 0; i < terms.Length; i += 6) w.Line($"acc{unit} += {string.Join(" + ", terms.Skip(i).Take(6))};");
            string factor = Factors.Count == 0 ? "" : ", " + Factors[unit];
            w.Line($"output[{unit}] = Requantize(acc{unit}{factor});");
        }
    }

    private static string Term(int i, int weight) => weight switch
    {
        0 => "",
        1 => InvariantText.Of($"q{i}"),
        -1 => InvariantText.Of($"(-q{i})"),
        _ => InvariantText.Of($"(q{i} * {weight})"),
    };
}
