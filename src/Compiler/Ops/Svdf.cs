using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>SVDF: each filter's feature of the input enters the filter's memory of the last inferences; a unit is a weighted sum of the
/// memories of <see cref="Rank"/> filters.</summary>
/// <remarks>
/// svdf_common.cc of TFLite Micro: input int8 [batch, inputs]; feature weights int8 [filters, inputs]; time weights of the state's type
/// [filters, memory]; bias int32 [units]; state int8 or int16 [batch, filters · memory], a variable; output int8 [batch, units]. The
/// feature is clamped before the state's zero point is added, and that sum wraps. The fused activation is not applied.
/// </remarks>
/// <param name="Rank">Filters of a unit.</param>
internal sealed record Svdf(int Rank) : Op
{
    public override string Name => "SVDF";

    // ---- import ----
    public static Op Import(OperatorReader r) => new Svdf(r.Int32(0))
    {
        Inputs = r.Inputs,
        Outputs = r.Inputs.Length > 4 && r.Inputs[4] >= 0 ? [.. r.Outputs, r.Inputs[4]] : r.Outputs,
    };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Rank(2).Tensor;
        Tensor? feature = c.Input(1).Type(ElementType.Int8).Constant().Rank(2).PerTensor().Symmetric().Tensor;
        Tensor? state = c.Variable(4, 1).Type(ElementType.Int8, ElementType.Int16).PerTensor().Tensor;
        if (!c.Holds) return;

        Tensor? time = c.Input(2).Type(state!.Type).Constant().Rank(2).PerTensor().Symmetric().Tensor;
        c.Require(Rank > 0 && feature!.Shape[0] % Rank == 0, $"needs a number of filters that is a multiple of the rank {Rank}, and it is {feature!.Shape[0]}");
        if (!c.Holds) return;

        int batch = input!.Shape[0], filters = feature.Shape[0];
        c.Input(1).Shape(filters, input.Shape[1]);
        c.Input(2).Shape(filters, time!.Shape[1]);
        c.Input(4).Shape(batch, filters * time.Shape[1]);
        Tensor? bias = c.Optional(3).Int32().Constant().Elements(filters / Rank).Tensor;
        c.Output(0).Int8().Shape(batch, filters / Rank);
        if (!c.Holds) return;

        c.Multiplier(FeatureFactor(c.Graph), TimeFactor(c.Graph));
        if (bias?.Quantization is not { } q) return;
        c.RequireQuantization(
            Math.Abs(q.Scale - (float)(state.Scale * time.Scale)) < 1e-5, "needs a bias whose scale is that of the state times that of the time weights");
    }

    public override string Describe(Graph graph) => InvariantText.Of($"{Name} rank {Rank}, memory {graph[Inputs[2]].Shape[1]}");

    public override long Macs(Graph graph) => (long)graph[Inputs[0]].Shape[0] * (graph[Inputs[1]].ElementCount + graph[Inputs[2]].ElementCount);

    // ---- reference ----
    public override void Reference(Values values)
    {
        Graph graph = values.Graph;
        Tensor input = graph[Inputs[0]], state = graph[Inputs[4]], output = graph[Outputs[0]];
        int[] x = values.Integers(Inputs[0]), feature = values.Integers(Inputs[1]), time = values.Integers(Inputs[2]);
        int[] memory = (int[])values.Integers(Inputs[4]).Clone(), y = new int[output.ElementCount];
        int[]? bias = Input(3) < 0 ? null : values.Integers(Inputs[3]);
        int batch = input.Shape[0], inputs = input.Shape[1], filters = graph[Inputs[1]].Shape[0], length = graph[Inputs[2]].Shape[1], units = filters / Rank;
        Multiplier featureFactor = FeatureFactor(graph), timeFactor = TimeFactor(graph);

        Array.Copy(memory, 1, memory, 0, memory.Length - 1);
        for (int b = 0; b < batch; b++)
        for (int f = 0; f < filters; f++)
        {
            int acc = 0;
            for (int i = 0; i < inputs; i++) acc = unchecked(acc + ((x[(b * inputs) + i] - input.ZeroPoint) * feature[(f * inputs) + i]));
            int newest = FixedPoint.Clamp(featureFactor.Apply(acc), state.Type.Min(), state.Type.Max()) + state.ZeroPoint;
            memory[(((b * filters) + f + 1) * length) - 1] = state.Type == ElementType.Int8 ? unchecked((sbyte)newest) : unchecked((short)newest);
        }

        for (int b = 0; b < batch; b++)
        for (int unit = 0; unit < units; unit++)
        {
            int acc = bias?[unit] ?? 0;
            for (int i = unit * Rank * length; i < (unit + 1) * Rank * length; i++)
            {
                acc = unchecked(acc + (time[i] * (memory[(b * filters * length) + i] - state.ZeroPoint)));
            }

            y[(b * units) + unit] = Requantization.Apply(acc, timeFactor, output.ZeroPoint, (-128, 127));
        }

        values.Set(Outputs[0], y);
        values.Set(Outputs[1], memory);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]], feature = graph[Inputs[1]], time = graph[Inputs[2]], state = graph[Inputs[4]];
        int filters = feature.Shape[0], inputs = feature.Shape[1], units = filters / Rank, taps = Rank * time.Shape[1];
        int[]? bias = Input(3) < 0 ? null : graph[Inputs[3]].Integers();
        Table[] tables =
        [
            new Table("Feature", feature.Type, feature.Data!),
            Table.Of("FeatureBias", Requantization.WithoutZeroPoint(feature.Integers(), null, filters, inputs, input.ZeroPoint)),
            new Table("Time", time.Type, time.Data!),
            Table.Of("Bias", Requantization.WithoutZeroPoint(time.Integers(), bias, units, taps, state.ZeroPoint)),
        ];
        var kernel = new SvdfKernel(
            input.Shape[0], inputs, filters, units, time.Shape[1], Rank, state.Type, FeatureFactor(graph), state.ZeroPoint,
            TimeFactor(graph), graph[Outputs[0]].ZeroPoint, options.CheckOverflow);
        return new Layer(this, kernel, new[] { Inputs[0] }, tables);
    }

    private sealed record SvdfKernel(
        int Images, int Inputs, int Filters, int Units, int Memory, int Rank, ElementType StateType, Multiplier Feature, int StateZeroPoint,
        Multiplier Time, int OutputZeroPoint, bool IsUnchecked) : Kernel
    {
        public override string Name => "Svdf";

        public override int CodeBytes => 800;

        public override void Emit(CodeWriter w, string method)
        {
            string type = StateType.Keyword();
            w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
            using (w.Method(
                method, $"ReadOnlySpan<sbyte> input, Span<sbyte> output, Span<{type}> state",
                $"ReadOnlySpan<sbyte> feature, ReadOnlySpan<int> featureBias, ReadOnlySpan<{type}> time, ReadOnlySpan<int> bias"))
            {
                w.Line($"const int Images = {Images}, Inputs = {Inputs}, Filters = {Filters}, Memory = {Memory}, Rank = {Rank}, Units = {Units};");
                w.Line($"const int FeatureMultiplier = {Feature.Value}, FeatureShift = {Feature.Shift}, StateZeroPoint = {StateZeroPoint};");
                w.Line($"const int TimeMultiplier = {Time.Value}, TimeShift = {Time.Shift}, OutputZeroPoint = {OutputZeroPoint};");
                w.Line();
                using (w.Unchecked(IsUnchecked))
                using (w.Block("for (int image = 0; image < Images; image++)"))
                {
                    w.Line("ReadOnlySpan<sbyte> x = input.Slice(image * Inputs, Inputs);");
                    w.Line($"Span<{type}> memory = state.Slice(image * Filters * Memory, Filters * Memory);");
                    w.Line();
                    w.Line("// Every filter forgets its oldest feature; the newest comes last.");
                    w.Line("memory.Slice(1).CopyTo(memory);");
                    using (w.Block("for (int filter = 0; filter < Filters; filter++)"))
                    {
                        w.Line("ReadOnlySpan<sbyte> weights = feature.Slice(filter * Inputs, Inputs);");
                        w.Line("int acc = featureBias[filter];");
                        w.Line("for (int i = 0; i < weights.Length; i++) acc += weights[i] * x[i];");
                        w.Line("int scaled = FixedPoint.MultiplyByQuantizedMultiplier(acc, FeatureMultiplier, FeatureShift);");
                        w.Line($"int newest = FixedPoint.Clamp(scaled, {type}.MinValue, {type}.MaxValue);");
                        w.Line($"memory[(filter * Memory) + Memory - 1] = unchecked(({type})(newest + StateZeroPoint));");
                    }

                    w.Line();
                    w.Line("// A unit's filters and their memories are neighbours.");
                    using (w.Block("for (int unit = 0; unit < Units; unit++)"))
                    {
                        w.Line($"ReadOnlySpan<{type}> weights = time.Slice(unit * Rank * Memory, Rank * Memory);");
                        w.Line($"ReadOnlySpan<{type}> features = memory.Slice(unit * Rank * Memory, Rank * Memory);");
                        w.Line("int acc = bias[unit];");
                        w.Line("for (int i = 0; i < weights.Length; i++) acc += weights[i] * features[i];");
                        w.Line("int scaled = FixedPoint.MultiplyByQuantizedMultiplier(acc, TimeMultiplier, TimeShift);");
                        w.Line("output[(image * Units) + unit] = (sbyte)FixedPoint.Clamp(scaled + OutputZeroPoint, -128, 127);");
                    }
                }
            }
        }
    }

    // Prepare of svdf_common.cc: everything in single precision.
    private Multiplier FeatureFactor(Graph graph) =>
        Multiplier.Of((float)((float)(graph[Inputs[0]].Scale * graph[Inputs[1]].Scale) / graph[Inputs[4]].Scale));

    private Multiplier TimeFactor(Graph graph) =>
        Multiplier.Of((float)((float)(graph[Inputs[4]].Scale * graph[Inputs[2]].Scale) / graph[Outputs[0]].Scale));
}
