using System;
using System.Linq;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>What operators share that compute each output element from one element of each input: inputs broadcast as numpy's do.</summary>
internal static class Elementwise
{
    /// <summary>Demands that every input has elements of one of the types and broadcasts to the output's shape.</summary>
    /// <returns>The inputs, or null when a demand is broken.</returns>
    public static Tensor[]? Check(Contract c, int inputs, ElementType output, params ElementType[] types)
    {
        Tensor[] tensors = [.. Enumerable.Range(0, inputs).Select(i => c.Input(i).Type(types).Tensor).OfType<Tensor>()];
        c.Output(0).Type(output);
        if (c.Holds) CheckShapes(c, tensors);
        return c.Holds ? tensors : null;
    }

    /// <summary>Demands that the inputs broadcast to the output's shape.</summary>
    public static void CheckShapes(Contract c, Tensor[] inputs)
    {
        int[]? shape = inputs[0].Shape.ToArray();
        foreach (Tensor input in inputs.Skip(1)) shape = shape is null ? null : Shapes.Broadcast(shape, input.Shape);
        c.Require(shape is not null, $"needs inputs that broadcast, and they have the shapes {string.Join(" and ", inputs.Select(t => $"[{t.Shape}]"))}");
        if (shape is not null) c.Output(0).Shape(shape);
    }

    /// <summary>Calls the formula for each element of the output.</summary>
    public static void Reference<T, TResult>(Values values, Op op, Func<T, TResult> formula) =>
        values.Set(op.Outputs[0], Array.ConvertAll((T[])values[op.Inputs[0]], x => formula(x)));

    /// <summary>Calls the formula for each element of the output.</summary>
    public static void Reference<T, TResult>(Values values, Op op, Func<T, T, TResult> formula)
    {
        T[] x = (T[])values[op.Inputs[0]], y = (T[])values[op.Inputs[1]];
        EquatableArray<int> shape = values.Graph[op.Outputs[0]].Shape;
        var z = new TResult[Shapes.Count(shape)];
        int[][] strides = [.. op.Inputs.Take(2).Select(id => Shapes.BroadcastStrides(values.Graph[id].Shape, shape))];
        Shapes.ForEach(shape, strides, (i, at) => z[i] = formula(x[at[0]], y[at[1]]));
        values.Set(op.Outputs[0], z);
    }

    /// <summary>The layer: <paramref name="result"/> is stored; it and the lines before it may use the inputs' elements <c>{1}</c>,
    /// <c>{2}</c> and so on.</summary>
    /// <param name="strides">How each input is walked along the output's dimensions, where it is not as in a broadcast.</param>
    /// <param name="function">A local function that the others may call.</param>
    public static Layer Layer(
        Graph graph, Op op, string name, CompileOptions options, string[] constants, string[] lines, string result, int[][]? strides = null,
        string function = "")
    {
        Tensor output = graph[op.Outputs[0]];
        Tensor[] inputs = [.. op.Inputs.Select(id => graph[id])];
        Nest nest = Nest.Of(output.Shape, [Shapes.Strides(output.Shape), .. strides ?? [.. inputs.Select(t => Shapes.BroadcastStrides(t.Shape, output.Shape))]]);
        var kernel = new ElementwiseKernel(
            name, nest, inputs.Select(t => t.Type).ToArray(), inputs.Select(t => t.IsConstant).ToArray(), output.Type, constants, lines, result, function,
            options.CheckOverflow);
        Table[] tables = [.. inputs.Select((t, i) => (t, i)).Where(x => x.t.IsConstant).Select(x => new Table(InvariantText.Of($"Input{x.i + 1}"), x.t.Type, x.t.Data!))];
        return new Layer(op, kernel, op.Inputs.Where(id => !graph[id].IsConstant).ToArray(), tables);
    }

    /// <param name="Nest">Array 0 is the output, array i the i-th input.</param>
    private sealed record ElementwiseKernel(
        string Operator, Nest Nest, EquatableArray<ElementType> Types, EquatableArray<bool> IsConstant, ElementType OutputType,
        EquatableArray<string> Constants, EquatableArray<string> Lines, string Result, string Function,
        bool IsUnchecked) : Kernel
    {
        public override string Name => Operator;

        public override int CodeBytes => 20 + (40 * Types.Count);

        // Each element is read before the one at the same place is written.
        public override bool CanOverwrite(int input)
        {
            int[] places = [.. Enumerable.Range(0, Types.Count).Where(i => !IsConstant[i])];
            return Types[places[input]].Size() == OutputType.Size() && Nest.IsDense(places[input] + 1);
        }

        public override void Emit(CodeWriter w, string method)
        {
            string Parameters(bool constant) => string.Join(
                ", ", Enumerable.Range(0, Types.Count).Where(i => IsConstant[i] == constant).Select(i => $"ReadOnlySpan<{Types[i].Keyword()}> {Input(i)}"));
            string sources = Parameters(false);
            w.Line("[MethodImpl(MethodImplOptions.AggressiveOptimization)]");
            using (w.Method(method, $"{sources}{(sources.Length > 0 ? ", " : "")}Span<{OutputType.Keyword()}> output", Parameters(true)))
            {
                foreach (string constant in Constants) w.Line(constant);
                if (Constants.Count > 0) w.Line();
                bool isPlain = Nest.Shape.Count == 1 && Enumerable.Range(0, Nest.Strides.Count).All(Nest.IsDense);
                if (isPlain)
                {
                    for (int i = 0; i < Types.Count; i++) w.Line($"{Input(i)} = {Input(i)}.Slice(0, {Nest.Shape[0]});");
                    w.Line($"output = output.Slice(0, {Nest.Shape[0]});");
                }

                using (w.Unchecked(IsUnchecked))
                {
                    if (isPlain)
                    {
                        using (w.Block("for (int i = 0; i < output.Length; i++)")) EmitElement(w, _ => "i");
                    }
                    else Nest.Emit(w, "i", () => EmitElement(w, array => Nest.Offset(array, "i")));
                }

                if (Function.Length == 0) return;
                w.Line();
                w.Line(Function);
            }
        }

        private void EmitElement(CodeWriter w, Func<int, string> offset)
        {
            string Element(string text)
            {
                for (int i = 0; i < Types.Count; i++) text = text.Replace($"{{{i + 1}}}", $"{Input(i)}[{offset(i + 1)}]");
                return text;
            }

            foreach (string line in Lines) w.Line(Element(line));
            w.Line($"output[{offset(0)}] = {Element(Result)};");
        }

        private string Input(int index) => Types.Count == 1 ? "input" : InvariantText.Of($"input{index + 1}");
    }
}
