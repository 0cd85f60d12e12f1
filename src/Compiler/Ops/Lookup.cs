using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>What <c>TabulateUnary</c> makes of operators on the single elements of an 8-bit tensor: a table of their 256 results.</summary>
/// <param name="Sources">The operators that the table was made from, in execution order.</param>
/// <param name="Results">The output for each stored input, from the smallest on.</param>
internal sealed record Lookup(EquatableArray<Op> Sources, EquatableArray<int> Results) : Op
{
    private static readonly int[] AllInt8 = [.. Enumerable.Range(-128, 256)], AllUInt8 = [.. Enumerable.Range(0, 256)];

    /// <summary>The operators' names, of a long chain the first and the last.</summary>
    public override string Name => Sources.Count <= 3
        ? string.Join("→", Sources.Select(op => op.Name))
        : $"{Sources[0].Name}→…→{Sources[Sources.Count - 1].Name}";

    // ---- contract ----
    public override void Check(Contract c)
    {
        Tensor? input = c.Input(0).Type(ElementType.Int8, ElementType.UInt8).Tensor;
        c.Require(Results.Count == 256, "needs 256 results");
        if (c.Holds) c.Output(0).Shape(input!.Shape.ToArray());
    }

    public override string Describe(Graph graph) => Sources.Count <= 3
        ? string.Join(", ", Sources.Select(op => op.Describe(graph))) + ", as a table"
        : InvariantText.Of($"{Name}, {Sources.Count} operators as a table");

    /// <summary>The results of an operator for each value of the 8-bit element that it reads, from the smallest on, where all inputs that are not
    /// that element are constants of one value; else null.</summary>
    public static int[]? ResultsOf(Graph graph, Op op)
    {
        if (!HasOneElement(graph, op)) return null;
        int[] read = [.. op.Inputs.Take(op.ElementwiseInputs).Where(id => !graph[id].IsConstant).Distinct()];
        if (read.Length != 1 || !IsByte(graph[read[0]]) || !IsByte(graph[op.Outputs[0]])) return null;
        return (int[])Run(graph, op, _ => Stored(graph[read[0]].Type));
    }

    /// <summary>True for an elementwise operator when each input is a constant of one value or has the output's shape.</summary>
    public static bool HasOneElement(Graph graph, Op op) => op.ElementwiseInputs > 0 && op.Inputs.Take(op.ElementwiseInputs).All(id =>
        graph[id].IsConstant ? IsSingle(graph[id]) : graph[id].Shape.Equals(graph[op.Outputs[0]].Shape));

    /// <summary>All values of an 8-bit type, from the smallest on.</summary>
    public static int[] Stored(ElementType type) => type == ElementType.Int8 ? AllInt8 : AllUInt8;

    public static bool IsByte(Tensor tensor) => tensor.Type is ElementType.Int8 or ElementType.UInt8;

    /// <summary>An operator's results for 256 values of each input that is not constant, by its reference.</summary>
    public static Array Run(Graph graph, Op op, Func<int, Array> values)
    {
        int count = op.ElementwiseInputs;
        Tensor[] tensors =
        [
            .. op.Inputs.Take(count).Append(op.Outputs[0]).Select(id => graph[id] is { IsConstant: true } constant
                ? constant with { Shape = new[] { 1 }, Data = [.. constant.Data!.Take(constant.Type.Size())] }
                : graph[id] with { Shape = new[] { 256 }, Variable = null, ViewOf = -1 }),
        ];
        int[] places = [.. Enumerable.Range(0, count)], read = [.. places.Where(i => !tensors[i].IsConstant)];
        Op alone = op with { Inputs = places, Outputs = new[] { count } };
        return Values.Run(new Graph(tensors, [alone], read, [count]), [.. read.Select(i => values(op.Inputs[i]))])[count];
    }

    private static bool IsSingle(Tensor constant)
    {
        int size = constant.Type.Size();
        return constant.ElementCount > 0 && Enumerable.Range(size, constant.Data!.Length - size).All(i => constant.Data[i] == constant.Data[i - size]);
    }

    // ---- reference ----
    public override void Reference(Values values)
    {
        int min = values.Graph[Inputs[0]].Type.Min();
        values.Set(Outputs[0], Array.ConvertAll(values.Integers(Inputs[0]), x => Results[x - min]));
    }

    // ---- kernel ----
    public override bool IsRowwise(Graph graph) => true;

    public override Layer SelectKernel(Graph graph, CompileOptions options)
    {
        Tensor input = graph[Inputs[0]], output = graph[Outputs[0]];
        var results = new Table("Results", output.Type, Values.Bytes(output.Type, Results.ToArray()));
        bool isVectorised = options.Vectors && IsByte(output) && output.ElementCount >= LeastVector;
        return new Layer(this, new LookupKernel(input.Type, output.Type, isVectorised), new[] { Inputs[0] }, new[] { results });
    }

    // Bytes that fill a vector.
    private const int LeastVector = 64;

    private sealed record LookupKernel(ElementType InputType, ElementType OutputType, bool IsVectorised) : Kernel
    {
        public override string Name => "Lookup";

        public override int CodeBytes => IsVectorised ? 130 : 64;

        public override int StackBytes => IsVectorised ? 800 : 0;

        public override RuntimeKernels Calls => IsVectorised ? RuntimeKernels.Lookup : RuntimeKernels.None;

        public override bool CanOverwrite(int input) => true;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(
                method, $"ReadOnlySpan<{InputType.Keyword()}> input, Span<{OutputType.Keyword()}> output", $"ReadOnlySpan<{OutputType.Keyword()}> results"))
            {
                if (IsVectorised)
                {
                    using (w.Block("if (VectorKernels.IsSupported)"))
                    {
                        string flip = InputType == ElementType.Int8 ? "128" : "0";
                        w.Line($"VectorKernels.Lookup(MemoryMarshal.AsBytes(input), MemoryMarshal.AsBytes(output), MemoryMarshal.AsBytes(results), flip: {flip});");
                        w.Line("return;");
                    }

                    w.Line();
                }

                w.Line("input = input.Slice(0, output.Length);");
                using (w.Block("for (int i = 0; i < output.Length; i++)"))
                {
                    w.Line(InputType == ElementType.Int8 ? "output[i] = results[input[i] + 128];" : "output[i] = results[input[i]];");
                }
            }
        }
    }
}
