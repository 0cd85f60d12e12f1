using System.Linq;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>What operators on two quantised inputs share: they broadcast as numpy's do, with one formula for each element.</summary>
internal static class Binary
{
    /// <summary>Demands that hold for all of them.</summary>
    /// <param name="result">The output's type where it is not that of the inputs.</param>
    /// <param name="types">The types that both inputs may have; INT8 when none is given.</param>
    public static void Check(Contract c, Activation activation = Activation.None, ElementType? result = null, params ElementType[] types)
    {
        Tensor? a = c.Input(0).Activation(types.Length == 0 ? [ElementType.Int8] : types).Tensor, b = null;
        if (c.HasTypes) b = c.Input(1).Activation(a!.Type).Tensor;
        if (result is { } other) c.Output(0).Type(other);
        else if (c.HasTypes) c.Output(0).Activation(a!.Type);
        c.Require(activation <= Activation.Relu6, "has an activation that is not supported");
        if (!c.Holds) return;

        int[]? shape = Shapes.Broadcast(a!.Shape, b!.Shape);
        c.Require(shape is not null, $"needs inputs that broadcast, and they have the shapes [{a.Shape}] and [{b.Shape}]");
        if (shape is not null) c.Output(0).Shape(shape);
    }

    /// <summary>Calls the formula for each element of the output, with both inputs without their zero points.</summary>
    public static void Reference(Values values, Op op, System.Func<int, int, int> formula)
    {
        int zeroPoint1 = values.Graph[op.Inputs[0]].ZeroPoint, zeroPoint2 = values.Graph[op.Inputs[1]].ZeroPoint;
        ReferenceOfStored(values, op, (a, b) => formula(a - zeroPoint1, b - zeroPoint2));
    }

    /// <summary>Calls the formula for each element of the output, with both inputs as they are stored.</summary>
    public static void ReferenceOfStored(Values values, Op op, System.Func<int, int, int> formula)
    {
        Graph graph = values.Graph;
        Tensor a = graph[op.Inputs[0]], b = graph[op.Inputs[1]], output = graph[op.Outputs[0]];
        int[] x = values.Integers(op.Inputs[0]), y = values.Integers(op.Inputs[1]), z = new int[output.ElementCount];
        int[][] strides = [Shapes.BroadcastStrides(a.Shape, output.Shape), Shapes.BroadcastStrides(b.Shape, output.Shape)];
        Shapes.ForEach(output.Shape, strides, (i, at) => z[i] = formula(x[at[0]], y[at[1]]));
        values.Set(op.Outputs[0], z);
    }

    /// <summary>The layer; <paramref name="lines"/> compute <c>int result</c> from <c>int a</c> and <c>int b</c>, both without their zero points.</summary>
    /// <param name="vectorCall">The call of a vector kernel on <c>input1</c>, <c>input2</c> and <c>output</c>, for INT8 inputs of one shape or a second one that
    /// is repeated.</param>
    /// <param name="vectorKernel">Which it is.</param>
    public static Layer Layer(
        Graph graph, Op op, string name, (int Min, int Max) range, CompileOptions options, string[] constants, string[] lines, string[]? vectorCall = null,
        RuntimeKernels vectorKernel = RuntimeKernels.Add) =>
        Layer(
            graph, op, name, options,
            [
                InvariantText.Of($"{ZeroPoints(graph, op)}, OutputZeroPoint = {graph[op.Outputs[0]].ZeroPoint};"),
                .. constants,
                InvariantText.Of($"const int ActivationMin = {range.Min}, ActivationMax = {range.Max};"),
            ],
            [WithoutZeroPoints, .. lines],
            $"({graph[op.Outputs[0]].Type.Keyword()})FixedPoint.Clamp(result + OutputZeroPoint, ActivationMin, ActivationMax)", vectorCall, vectorKernel);

    /// <summary>The layer; <paramref name="lines"/> may use the stored values <c>{1}</c> and <c>{2}</c>, then <paramref name="result"/> is what is stored.</summary>
    public static Layer Layer(
        Graph graph, Op op, string name, CompileOptions options, string[] constants, string[] lines, string result, string[]? vectorCall = null,
        RuntimeKernels vectorKernel = RuntimeKernels.Add)
    {
        Tensor a = graph[op.Inputs[0]], b = graph[op.Inputs[1]], output = graph[op.Outputs[0]];
        Nest nest = Nest.Of(
            output.Shape.ToArray(), Shapes.Strides(output.Shape),
            Shapes.BroadcastStrides(a.Shape, output.Shape), Shapes.BroadcastStrides(b.Shape, output.Shape));
        bool isPlain = nest.Shape.Count <= 1 && nest.IsDense(1) && nest.IsDense(2), isRepeated = Repeats(nest);
        bool isVectorised = options.Vectors && a.Type == ElementType.Int8 && vectorCall is not null
            && (isRepeated || (isPlain && !a.IsConstant && !b.IsConstant));
        var kernel = new BinaryKernel(
            name, nest, a.Type, a.IsConstant, b.IsConstant, output.Type, constants, lines, result, isVectorised ? vectorCall! : [], vectorKernel, options.CheckOverflow);
        int[] inputs = [.. op.Inputs.Take(2).Where(id => !graph[id].IsConstant)];
        Table[] tables =
        [
            .. a.IsConstant ? [new Table("Input1", a.Type, a.Data!)] : System.Array.Empty<Table>(),
            .. b.IsConstant ? [new Table("Input2", b.Type, b.Data!)] : System.Array.Empty<Table>(),
        ];
        return new Layer(op, kernel, inputs, tables);
    }

    // The first input is read once from end to end, the second one, which fills a vector, again and again.
    private static bool Repeats(Nest nest) => nest.Shape.Count == 2 && nest.IsDense(0) && nest.IsDense(1)
        && nest.Strides[2][0] == 0 && nest.Strides[2][1] == 1 && nest.Shape[1] >= LeastPart;

    private const int LeastPart = 8;

    /// <summary>Declares the zero points of both inputs; the declaration goes on.</summary>
    public static string ZeroPoints(Graph graph, Op op) =>
        InvariantText.Of($"const int ZeroPoint1 = {graph[op.Inputs[0]].ZeroPoint}, ZeroPoint2 = {graph[op.Inputs[1]].ZeroPoint}");

    /// <summary>Declares <c>a</c> and <c>b</c> without their zero points.</summary>
    public const string WithoutZeroPoints = "int a = {1} - ZeroPoint1, b = {2} - ZeroPoint2;";

    private sealed record BinaryKernel(
        string Operator, Nest Nest, ElementType Type, bool IsConstant1, bool IsConstant2, ElementType OutputType,
        EquatableArray<string> Constants, EquatableArray<string> Lines, string Result, EquatableArray<string> VectorCall, RuntimeKernels VectorKernel, bool IsUnchecked) : Kernel
    {
        public override string Name => Operator;

        public override int CodeBytes => 40 + (60 * Lines.Count) + (VectorCall.Count > 0 ? 180 : 0) + (IsPlain ? 0 : 300);

        public override RuntimeKernels Calls => VectorCall.Count == 0 ? RuntimeKernels.None
            : VectorCall[0] == LinearSum.VectorCallHead ? RuntimeKernels.AddLinear : VectorKernel;

        private bool IsPlain => Nest.Shape.Count <= 1 && Nest.IsDense(1) && Nest.IsDense(2);

        // Each element is read before the one at the same place is written.
        public override bool CanOverwrite(int input) => Nest.IsDense(input == 0 && !IsConstant1 ? 1 : 2);

        public override void Emit(CodeWriter w, string method)
        {
            string first = $"ReadOnlySpan<{Type.Keyword()}> input1", second = $"ReadOnlySpan<{Type.Keyword()}> input2";
            string inputs = string.Join(", ", new[] { IsConstant1 ? "" : first, IsConstant2 ? "" : second }.Where(p => p.Length > 0));
            string tables = string.Join(", ", new[] { IsConstant1 ? first : "", IsConstant2 ? second : "" }.Where(p => p.Length > 0));
            string head = (inputs.Length > 0 ? inputs + ", " : "") + $"Span<{OutputType.Keyword()}> output";
            w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
            using (w.Method(method, head, tables))
            {
                foreach (string constant in Constants) w.Line(constant);
                if (Constants.Count > 0) w.Line();
                using (w.Unchecked(IsUnchecked))
                {
                    if (IsPlain)
                    {
                        EmitSlices(w, Shapes.Count(Nest.Shape));
                        EmitVectorCall(w);
                        using (w.Block("for (int i = 0; i < output.Length; i++)")) EmitElement(w, "i", "i", "i");
                    }
                    else
                    {
                        if (VectorCall.Count > 0) EmitSlices(w, Nest.Shape[1]);
                        EmitVectorCall(w);
                        Nest.Emit(w, "i", () => EmitElement(w, Nest.Offset(0, "i"), Nest.Offset(1, "i"), Nest.Offset(2, "i")));
                    }
                }
            }
        }

        private void EmitSlices(CodeWriter w, int part)
        {
            int count = Shapes.Count(Nest.Shape);
            w.Line($"input1 = input1.Slice(0, {count});");
            w.Line($"input2 = input2.Slice(0, {part});");
            w.Line($"output = output.Slice(0, {count});");
        }

        private void EmitVectorCall(CodeWriter w)
        {
            if (VectorCall.Count == 0) return;
            using (w.Block("if (VectorKernels.IsSupported)"))
            {
                foreach (string line in VectorCall) w.Line(line);
                w.Line("return;");
            }

            w.Line();
        }

        private void EmitElement(CodeWriter w, string to, string from1, string from2)
        {
            foreach (string line in Lines) w.Line(line.Replace("{1}", $"input1[{from1}]").Replace("{2}", $"input2[{from2}]"));
            w.Line($"output[{to}] = {Result};");
        }
    }
}
