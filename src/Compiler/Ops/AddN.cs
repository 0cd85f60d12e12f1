using System.Linq;
using Etch.Emit;
using Etch.Ir;
using Etch.Tflite;

namespace Etch.Ops;

/// <summary>ADD_N: the sum of inputs of one shape and one quantisation, requantised.</summary>
/// <remarks>add_n.cc of TFLite Micro and reference/add_n.h, whose sum starts at minus the zero point instead of 0; see <see cref="RunningSum"/>.</remarks>
internal sealed record AddN : Op
{
    private const int MaxInputs = 256;

    public override string Name => "ADD_N";

    // ---- import ----
    public static Op Import(OperatorReader r) => new AddN { Inputs = r.Inputs, Outputs = r.Outputs };

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? first = c.Input(0).Int8().Tensor;
        c.Output(0).Int8();
        c.Require(Inputs.Count is >= 2 and <= MaxInputs, $"needs 2 to {MaxInputs} inputs, and it has {Inputs.Count}");
        if (c.Holds) c.Output(0).Shape(first!.Shape.ToArray());
        for (int i = 1; i < Inputs.Count && c.Holds; i++)
        {
            Tensor? input = c.Input(i).Int8().Shape(first!.Shape.ToArray()).Tensor;
            if (!c.Holds) return;
            c.RequireQuantization(
                input!.Scale == first!.Scale && input.ZeroPoint == first.ZeroPoint, $"needs equal quantisation of input {i} and input 0");
        }

        if (c.Holds) RunningSum.Of(c.Graph, this).Check(c);
    }

    public override int ElementwiseInputs => Inputs.Count;

    // ---- reference ----
    public override void Reference(Values values)
    {
        RunningSum sum = RunningSum.Of(values.Graph, this);
        int[][] x = [.. Inputs.Select(values.Integers)];
        values.Set(Outputs[0], Enumerable.Range(0, x[0].Length).Select(i => sum.Result(x.Aggregate(
            sum.Start, (acc, input) => acc + input[i] - sum.ZeroPoint))).ToArray());
    }

    // ---- kernel ----
    public override bool IsRowwise(Graph graph) => true;

    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor[] tensors = [.. Inputs.Select(id => graph[id])];
        var kernel = new AddNKernel(
            graph[Outputs[0]].ElementCount, tensors.Select(t => t.IsConstant).ToArray(), RunningSum.Of(graph, this), options.CheckOverflow);
        int[] inputs = [.. Inputs.Where(id => !graph[id].IsConstant)];
        Table[] tables = [.. tensors.Select((t, i) => (t, i)).Where(x => x.t.IsConstant).Select(x => new Table(InvariantText.Of($"Input{x.i}"), x.t.Type, x.t.Data!))];
        return new Layer(this, kernel, inputs, tables);
    }

    private sealed record AddNKernel(int Count, EquatableArray<bool> IsConstant, RunningSum Sum, bool IsUnchecked) : Kernel
    {
        public override string Name => "AddN";

        public override int CodeBytes => 100 + (20 * IsConstant.Count);

        public override bool CanOverwrite(int input) => true;

        public override void Emit(CodeWriter w, string method)
        {
            string[] names = [.. IsConstant.Select((_, i) => InvariantText.Of($"input{i}"))];
            string Parameters(bool constant) => string.Join(
                ", ", names.Where((_, i) => IsConstant[i] == constant).Select(name => $"ReadOnlySpan<sbyte> {name}"));
            using (w.Method(method, Parameters(false), "Span<sbyte> output", Parameters(true)))
            {
                w.Line($"const int Count = {Count}, Start = {Sum.Start - (names.Length * Sum.ZeroPoint)}; // minus the zero points");
                Sum.EmitConstants(w);
                w.Line();
                using (w.Unchecked(IsUnchecked))
                using (w.Block("for (int i = 0; i < Count; i++)"))
                {
                    w.Line("int acc = Start;");
                    foreach (string name in names) w.Line($"acc += {name}[i];");
                    Sum.EmitResult(w);
                    w.Line("output[i] = (sbyte)FixedPoint.Clamp(result, -128, 127);");
                }
            }
        }
    }
}

/// <summary>The arithmetic of ADD_N and CUMSUM: a sum of inputs of one scale, requantised.</summary>
/// <remarks>
/// TFLite Micro shifts each input left by 20 bits and scales it to twice its scale, which is 19 bits exactly. Both kernels
/// say "accumulator = 0" and scale the stored value 0 instead of the real one: the sum starts at minus the zero point.
/// </remarks>
/// <param name="ZeroPoint">That of the inputs.</param>
/// <param name="Output">From twice the inputs' scale with 20 more bits to the output's.</param>
internal sealed record RunningSum(int ZeroPoint, Multiplier Output, int OutputZeroPoint)
{
    private const int LeftShift = 19;

    public static RunningSum Of(Graph graph, Op op)
    {
        Tensor input = graph[op.Inputs[0]], output = graph[op.Outputs[0]];
        return new RunningSum(input.ZeroPoint, Multiplier.Of(2 * (double)input.Scale / ((1 << (LeftShift + 1)) * (double)output.Scale)), output.ZeroPoint);
    }

    /// <summary>What the sum starts with, in stored steps of the input.</summary>
    public int Start => -ZeroPoint;

    public void Check(Contract c) => c.RequireQuantization(Output.Shift <= 0, "needs an output scale above 2^-19 of the input's");

    /// <summary>The stored output of a sum in stored steps of the input.</summary>
    public int Result(int sum) => Requantization.Apply(sum << LeftShift, Output, OutputZeroPoint, (-128, 127));

    public void EmitConstants(CodeWriter w) =>
        w.Line($"const int LeftShift = {LeftShift}, OutputMultiplier = {Output.Value}, OutputShift = {Output.Shift}, OutputZeroPoint = {OutputZeroPoint};");

    /// <summary>Declares <c>result</c> from <c>acc</c>.</summary>
    public void EmitResult(CodeWriter w)
    {
        w.Line("int scaled = FixedPoint.MultiplyByQuantizedMultiplier(acc << LeftShift, OutputMultiplier, OutputShift);");
        w.Line("int result = scaled + OutputZeroPoint;");
    }
}
