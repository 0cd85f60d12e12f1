using System;
using System.Collections.Generic;
using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>UNIDIRECTIONAL_SEQUENCE_LSTM: input, forget, cell and output gate for each step; hidden state and cell state are variables.</summary>
/// <remarks>
/// lstm_eval.cc and unidirectional_sequence_lstm.cc of TFLite Micro: input int8 [batch, steps, inputs], or [steps, batch, inputs]; weights
/// int8 [units, inputs] and [units, units]; biases int32; hidden state int8 and cell state int16, whose scale is a power of two, [batch,
/// units]; output int8, of the hidden state's quantisation. Gates are Q3.12 before and Q0.15 after their function. Both states go on
/// from one inference to the next. No peephole, projection or layer normalisation, and no coupled gates.
/// With XNNPACK's arithmetic it is TFLite's own integer LSTM, which XNNPACK does not take: lstm_eval.cc and portable_tensor_utils.cc of TFLite.
/// It has gemmlowp's functions of 16 bits, rounds products of gates once and adds the recurrent sum before it is clamped.
/// </remarks>
/// <param name="FusedActivation">ActivationFunctionType of the cell gate; 4 is TANH.</param>
/// <param name="CellClip">The largest magnitude of a real cell state; 0 for no limit.</param>
/// <param name="IsTimeMajor">The first dimension is the step.</param>
internal sealed record UnidirectionalSequenceLstm(int FusedActivation, float CellClip, bool IsTimeMajor) : Op
{
    private const int TanhActivation = 4;

    // Places of the file's inputs: those of four gates (input, forget, cell, output) follow each other.
    private const int Gates = 4, InputWeights = 1, RecurrentWeights = 5, Peepholes = 9, Biases = 12, Projection = 16, Hidden = 18, Cell = 19, Norms = 20;

    public override string Name => "UNIDIRECTIONAL_SEQUENCE_LSTM";

    // ---- import ----
    public static Op Import(OperatorReader r) => new UnidirectionalSequenceLstm(r.Byte(0), r.Float(1), r.Bool(3))
    {
        Inputs = r.Inputs,
        Outputs = r.Inputs.Length > Cell && r.Inputs[Hidden] >= 0 && r.Inputs[Cell] >= 0 ? [.. r.Outputs, r.Inputs[Hidden], r.Inputs[Cell]] : r.Outputs,
    };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Int8().Rank(3).Tensor;
        Tensor? hidden = c.Variable(Hidden, 1).Type(ElementType.Int8).PerTensor().Rank(2).Tensor;
        Tensor? cell = c.Variable(Cell, 2).Type(ElementType.Int16).PerTensor().Symmetric().Rank(2).Tensor;
        bool Has(int first, int count) => Enumerable.Range(first, count).Any(i => Input(i) >= 0);
        c.Require(!Has(Peepholes, 3), "has peephole connections, which are not supported");
        c.Require(!Has(Projection, 2), "has a projection, which is not supported: use a dense layer behind it");
        c.Require(!Has(Norms, 4), "has layer normalisation, which is not supported");
        c.Require(FusedActivation == TanhActivation, "needs TANH as its activation");
        c.Require(CellClip is >= 0 and < float.PositiveInfinity, "needs a cell clip that is a number and not negative");
        if (!c.Holds) return;

        (int batch, int steps, int inputs) = Geometry(c.Graph);
        int units = hidden!.Shape[1];
        c.Input(Hidden).Shape(batch, units);
        c.Input(Cell).Shape(batch, units);
        for (int gate = 0; gate < Gates; gate++)
        {
            c.Input(InputWeights + gate).Type(ElementType.Int8).Constant().PerTensor().Symmetric().Shape(units, inputs);
            c.Input(RecurrentWeights + gate).Type(ElementType.Int8).Constant().PerTensor().Symmetric().Shape(units, units);
            c.Input(Biases + gate).Int32().Constant().Elements(units);
        }

        c.Output(0).Int8().Shape(input!.Shape[0], input.Shape[1], units);
        c.SameQuantization(Hidden, 0);
        if (!c.Holds) return;

        bool isPower = Multiplier.Frexp(cell!.Scale, out _) == 0.5;
        int finest = input.HasXnnpackRules ? 15 : 20;
        c.RequireQuantization(
            isPower && cell.Scale <= 1f / (1 << 9) && cell.Scale >= 1f / (1 << finest),
            InvariantText.Of($"needs a cell state whose scale is a power of two from 2^-{finest} to 2^-9"));
        if (c.Holds) c.Multiplier(Factors.Of(c.Graph, this).All);
    }

    public override string Describe(Graph graph)
    {
        (int batch, int steps, int inputs) = Geometry(graph);
        string clip = CellClip > 0 ? InvariantText.Of($", cell clipped to {CellClip}") : "";
        return InvariantText.Of($"{Name} {steps} steps{(batch > 1 ? $" of {batch} sequences" : "")}, {inputs} inputs, {graph[Inputs[Hidden]].Shape[1]} units{clip}");
    }

    public override long Macs(Graph graph)
    {
        (int batch, int steps, int inputs) = Geometry(graph);
        long units = graph[Inputs[Hidden]].Shape[1];
        return batch * steps * Gates * units * (inputs + units);
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        Graph graph = values.Graph;
        (int batch, int steps, int inputs) = Geometry(graph);
        int units = graph[Inputs[Hidden]].Shape[1], zeroPoint = graph[Inputs[0]].ZeroPoint, hiddenZeroPoint = graph[Inputs[Hidden]].ZeroPoint;
        Factors factors = Factors.Of(graph, this);
        int[] x = values.Integers(Inputs[0]), y = new int[batch * steps * units];
        int[] hidden = (int[])values.Integers(Inputs[Hidden]).Clone(), cell = (int[])values.Integers(Inputs[Cell]).Clone();
        int[][] inputWeights = Four(values, InputWeights), recurrentWeights = Four(values, RecurrentWeights), biases = Four(values, Biases);

        for (int b = 0; b < batch; b++)
        for (int step = 0; step < steps; step++)
        {
            int at = IsTimeMajor ? (step * batch) + b : (b * steps) + step;
            int[] before = [.. hidden.Skip(b * units).Take(units)];
            for (int u = 0; u < units; u++)
            {
                int[] sums = new int[Gates];
                for (int gate = 0; gate < Gates; gate++)
                {
                    int fromInput = biases[gate][u], fromHidden = 0;
                    for (int i = 0; i < inputs; i++) fromInput = unchecked(fromInput + (inputWeights[gate][(u * inputs) + i] * (x[(at * inputs) + i] - zeroPoint)));
                    for (int i = 0; i < units; i++) fromHidden = unchecked(fromHidden + (recurrentWeights[gate][(u * units) + i] * (before[i] - hiddenZeroPoint)));
                    int recurrent = factors.Recurrent[gate].Apply(fromHidden);
                    sums[gate] = Clamp16(unchecked(Clamp16(factors.Input[gate].Apply(fromInput)) + (factors.IsTflite ? recurrent : Clamp16(recurrent))));
                }

                int Logistic(int x) => factors.IsTflite ? FixedPoint.LogisticOfInt16(x) : FixedPoint.Logistic16(x, 3, 0);
                int inputGate = Logistic(sums[0]), forget = Logistic(sums[1]), outputGate = Logistic(sums[3]);
                int candidate = factors.IsTflite ? FixedPoint.TanhOfInt16(sums[2], 3) : FixedPoint.Tanh16(sums[2], 3, 0);
                int product = forget * cell[(b * units) + u], update = inputGate * candidate;
                int kept = factors.IsTflite ? FixedPoint.RoundingDivideByPowerOfTwo(product, 15) : Clamp16(factors.Forget.Apply(product));
                int added = factors.IsTflite ? FixedPoint.RoundingDivideByPowerOfTwo(update, 15 + factors.CellBits) : Clamp16(factors.Update.Apply(update));
                int c = FixedPoint.Clamp(Clamp16(kept + added), factors.CellMin, factors.CellMax);
                cell[(b * units) + u] = c;
                int tanh = factors.IsTflite ? FixedPoint.TanhOfInt16(c, factors.CellBits) : FixedPoint.Tanh16(c, factors.TanhMultiplier, factors.TanhShift);
                int h = factors.Hidden.Apply(tanh * outputGate);
                hidden[(b * units) + u] = y[(at * units) + u] = FixedPoint.Clamp(unchecked(h + hiddenZeroPoint), -128, 127);
            }
        }

        values.Set(Outputs[0], y);
        values.Set(Outputs[1], hidden);
        values.Set(Outputs[2], cell);
    }

    // ---- kernel ----
    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        (int batch, int steps, int inputs) = Geometry(graph);
        int units = graph[Inputs[Hidden]].Shape[1];
        int[] inputWeights = Interleave(graph, InputWeights, inputs), recurrentWeights = Interleave(graph, RecurrentWeights, units);
        Table[] tables =
        [
            Table.Of("InputWeights", Narrow(inputWeights)),
            Table.Of("InputBias", Requantization.WithoutZeroPoint(inputWeights, Interleave(graph, Biases, 1), Gates * units, inputs, graph[Inputs[0]].ZeroPoint)),
            Table.Of("RecurrentWeights", Narrow(recurrentWeights)),
            Table.Of("RecurrentBias", Requantization.WithoutZeroPoint(recurrentWeights, null, Gates * units, units, graph[Inputs[Hidden]].ZeroPoint)),
        ];
        var kernel = new LstmKernel(
            batch, steps, inputs, units, IsTimeMajor, Factors.Of(graph, this), graph[Inputs[Hidden]].ZeroPoint, options.CheckOverflow);
        return new Layer(this, kernel, new[] { Inputs[0] }, tables);
    }

    private sealed record LstmKernel(
        int Images, int Steps, int Inputs, int Units, bool IsTimeMajor, Factors Factors, int HiddenZeroPoint, bool IsUnchecked) : Kernel
    {
        private static readonly string[] GateNames = ["Input", "Forget", "Cell", "Output"];

        public override string Name => "Lstm";

        public override int CodeBytes => 2_040;

        public override void Emit(CodeWriter w, string method)
        {
            w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
            using (w.Method(
                method, "ReadOnlySpan<sbyte> input, Span<sbyte> output, Span<sbyte> hidden, Span<short> cell",
                "ReadOnlySpan<sbyte> inputWeights, ReadOnlySpan<int> inputBias, ReadOnlySpan<sbyte> recurrentWeights, ReadOnlySpan<int> recurrentBias"))
            {
                w.Line($"const int Images = {Images}, Steps = {Steps}, Inputs = {Inputs}, Units = {Units}, HiddenZeroPoint = {HiddenZeroPoint};");
                w.Line();
                using (w.Unchecked(IsUnchecked))
                {
                    w.Line("for (int image = 0; image < Images; image++)");
                    using (w.Block("for (int step = 0; step < Steps; step++)"))
                    {
                        w.Line($"int place = {(IsTimeMajor ? "(step * Images) + image" : "(image * Steps) + step")};");
                        w.Line("ReadOnlySpan<sbyte> x = input.Slice(place * Inputs, Inputs);");
                        w.Line("Span<sbyte> h = hidden.Slice(image * Units, Units), y = output.Slice(place * Units, Units);");
                        w.Line("Span<short> c = cell.Slice(image * Units, Units);");
                        using (w.Block("for (int unit = 0; unit < Units; unit++)")) EmitUnit(w);
                        w.Line("y.CopyTo(h);");
                    }
                }

                w.Line();
                w.Line("// The four sums of products of a unit: input, forget, cell and output gate.");
                w.Line("[MethodImpl(MethodImplOptions.AggressiveInlining)]");
                using (w.Block("static void Sum(ReadOnlySpan<sbyte> x, ReadOnlySpan<sbyte> weights, ref int s0, ref int s1, ref int s2, ref int s3)"))
                using (w.Unchecked(IsUnchecked))
                {
                    w.Line("ReadOnlySpan<sbyte> w0 = weights.Slice(0, x.Length), w1 = weights.Slice(x.Length, x.Length);");
                    w.Line("ReadOnlySpan<sbyte> w2 = weights.Slice(2 * x.Length, x.Length), w3 = weights.Slice(3 * x.Length, x.Length);");
                    w.Line("int a0 = s0, a1 = s1, a2 = s2, a3 = s3;");
                    using (w.Block("for (int i = 0; i < x.Length; i++)"))
                    {
                        w.Line("int tap = x[i];");
                        for (int gate = 0; gate < Gates; gate++) w.Line($"a{gate} += tap * w{gate}[i];");
                    }

                    w.Line("s0 = a0;\ns1 = a1;\ns2 = a2;\ns3 = a3;");
                }

                w.Line();
                w.Line("[MethodImpl(MethodImplOptions.AggressiveInlining)]");
                using (w.Block("static int Scale(int acc, int multiplier, int shift)"))
                {
                    w.Line("return FixedPoint.Clamp(FixedPoint.MultiplyByQuantizedMultiplier(acc, multiplier, shift), short.MinValue, short.MaxValue);");
                }
            }
        }

        private void EmitUnit(CodeWriter w)
        {
            string Scale(string acc, Multiplier factor) => InvariantText.Of($"Scale({acc}, {factor.Value}, {factor.Shift})");
            string Starts(string acc, string bias) =>
                string.Join(", ", Enumerable.Range(0, Gates).Select(gate => InvariantText.Of($"{acc}{gate} = {bias}[(4 * unit) + {gate}]")));
            w.Line($"int {Starts("a", "inputBias")};");
            w.Line($"int {Starts("r", "recurrentBias")};");
            w.Line("Sum(x, inputWeights.Slice(4 * unit * Inputs, 4 * Inputs), ref a0, ref a1, ref a2, ref a3);");
            w.Line("Sum(h, recurrentWeights.Slice(4 * unit * Units, 4 * Units), ref r0, ref r1, ref r2, ref r3);");
            w.Line();
            w.Line("// Gates in Q3.12, their functions in Q0.15.");
            for (int gate = 0; gate < Gates; gate++)
            {
                Multiplier recurrent = Factors.Recurrent[gate];
                string second = Factors.IsTflite
                    ? InvariantText.Of($"FixedPoint.MultiplyByQuantizedMultiplier(r{gate}, {recurrent.Value}, {recurrent.Shift})")
                    : Scale($"r{gate}", recurrent);
                string sum = $"{Scale($"a{gate}", Factors.Input[gate])} + {second}";
                w.Line($"int {GateNames[gate].ToLowerInvariant()}Sum = FixedPoint.Clamp({sum}, short.MinValue, short.MaxValue);");
            }

            for (int gate = 0; gate < Gates; gate++)
            {
                string name = GateNames[gate].ToLowerInvariant();
                string function = (Factors.IsTflite, IsTanh: gate == 2) switch
                {
                    (false, false) => $"Logistic16({name}Sum, 3, 0)",
                    (false, true) => $"Tanh16({name}Sum, 3, 0)",
                    (true, false) => $"LogisticOfInt16({name}Sum)",
                    (true, true) => $"TanhOfInt16({name}Sum, 3)",
                };
                w.Line($"int {name}Gate = FixedPoint.{function};");
            }

            string Product(string product, int right, Multiplier factor) =>
                Factors.IsTflite ? InvariantText.Of($"FixedPoint.RoundingDivideByPowerOfTwo({product}, {right})") : Scale(product, factor);
            w.Line();
            w.Line($"int kept = {Product("forgetGate * c[unit]", 15, Factors.Forget)};");
            w.Line($"int added = {Product("inputGate * cellGate", 15 + Factors.CellBits, Factors.Update)};");
            w.Line($"int newCell = FixedPoint.Clamp(kept + added, {Factors.CellMin}, {Factors.CellMax});");
            w.Line("c[unit] = (short)newCell;");
            w.Line(Factors.IsTflite
                ? InvariantText.Of($"int tanh = FixedPoint.TanhOfInt16(newCell, {Factors.CellBits});")
                : InvariantText.Of($"int tanh = FixedPoint.Tanh16(newCell, {Factors.TanhMultiplier}, {Factors.TanhShift});"));
            w.Line(InvariantText.Of($"int scaled = FixedPoint.MultiplyByQuantizedMultiplier(tanh * outputGate, {Factors.Hidden.Value}, {Factors.Hidden.Shift});"));
            w.Line("y[unit] = (sbyte)FixedPoint.Clamp(scaled + HiddenZeroPoint, -128, 127);");
        }
    }

    /// <summary>What scales sums of products, by gate, and the cell.</summary>
    /// <param name="IsTflite">TFLite's arithmetic, not TensorFlow Lite Micro's.</param>
    /// <param name="CellBits">Integer bits of the cell state: its scale is 2^(CellBits − 15).</param>
    /// <param name="CellMin">The least cell state: of int16, or clipped.</param>
    private sealed record Factors(
        bool IsTflite, EquatableArray<Multiplier> Input, EquatableArray<Multiplier> Recurrent, Multiplier Forget, Multiplier Update, Multiplier Hidden,
        int CellBits, int CellMin, int CellMax, int TanhMultiplier, int TanhShift)
    {
        public Multiplier[] All => [.. Input, .. Recurrent, Forget, Update, Hidden];

        // Prepare: of gates as FULLY_CONNECTED, with a product of scales in single precision; products of gates in double, in TFLite in single.
        public static Factors Of(Graph graph, UnidirectionalSequenceLstm op)
        {
            Tensor input = graph[op.Inputs[0]], hidden = graph[op.Inputs[UnidirectionalSequenceLstm.Hidden]], cell = graph[op.Inputs[Cell]];
            Multiplier[] Of(Tensor x, int weights) =>
                [.. Enumerable.Range(weights, Gates).Select(i => Multiplier.Of((float)(x.Scale * graph[op.Inputs[i]].Scale) * 4096.0))];

            // TANH takes units of 1 / (3 · 2^12): 3 times the cell state, shifted by what its scale is from 2^-12.
            Multiplier.Frexp(cell.Scale, out int exponent);
            int left = exponent - 1 + 12;
            double toHidden = 1.0 / (1 << 30) / hidden.Scale;
            int clip = op.CellClip > 0 ? (int)Math.Min(op.CellClip / (double)cell.Scale, short.MaxValue) : 0;
            return new Factors(
                input.HasXnnpackRules, Of(input, InputWeights), Of(hidden, RecurrentWeights),
                Multiplier.Of(1.0 / (1 << 15)), Multiplier.Of(1.0 / (1 << 30) / cell.Scale), Multiplier.Of(input.HasXnnpackRules ? (float)toHidden : toHidden),
                left + 3, clip > 0 ? -clip : short.MinValue, clip > 0 ? clip : short.MaxValue, left > 0 ? 3 << left : 3, Math.Max(0, -left));
        }
    }

    private (int Batch, int Steps, int Inputs) Geometry(Graph graph)
    {
        EquatableArray<int> shape = graph[Inputs[0]].Shape;
        return IsTimeMajor ? (shape[1], shape[0], shape[2]) : (shape[0], shape[1], shape[2]);
    }

    private int[][] Four(Values values, int first) => [.. Enumerable.Range(first, Gates).Select(i => values.Integers(Inputs[i]))];

    // Rows of the four gates, unit by unit.
    private int[] Interleave(Graph graph, int first, int length)
    {
        int[][] gates = [.. Enumerable.Range(first, Gates).Select(i => graph[Inputs[i]].Integers())];
        var rows = new List<int>(Gates * gates[0].Length);
        for (int unit = 0; unit < gates[0].Length / length; unit++)
        {
            foreach (int[] gate in gates) rows.AddRange(new ArraySegment<int>(gate, unit * length, length));
        }

        return [.. rows];
    }

    private static sbyte[] Narrow(int[] weights) => [.. weights.Select(w => (sbyte)w)];

    private static int Clamp16(int x) => FixedPoint.Clamp(x, short.MinValue, short.MaxValue);
}
