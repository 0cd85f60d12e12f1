using System;
using Etch.Emit;
using Etch.Ir;

namespace Etch.Ops;

/// <summary>What <c>TabulateUnary</c> makes of an operator on the single elements of an 8-bit tensor: a table of its 256 results.</summary>
/// <param name="Source">The operator that the table was made from.</param>
/// <param name="Results">The output for each stored input, from the smallest on.</param>
internal sealed record Lookup(Op Source, EquatableArray<int> Results) : Op
{
    public override string Name => Source.Name;

    // ---- contract ----
    public override void Check(Contract c)
    {
        Source.Check(c);
    }

    public override string Describe(Graph graph) => Source.Describe(graph) + ", as a table";

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
        return new Layer(this, new LookupKernel(input.Type, output.Type), new[] { Inputs[0] }, new[] { results });
    }

    private sealed record LookupKernel(ElementType InputType, ElementType OutputType) : Kernel
    {
        public override string Name => "Lookup";

        public override int CodeBytes => 64;

        public override bool CanOverwrite(int input) => true;

        public override void Emit(CodeWriter w, string method)
        {
            using (w.Method(
                method, $"ReadOnlySpan<{InputType.Keyword()}> input, Span<{OutputType.Keyword()}> output", $"ReadOnlySpan<{OutputType.Keyword()}> results"))
            {
                w.Line("input = input.Slice(0, output.Length);");
                using (w.Block("for (int i = 0; i < output.Length; i++)"))
                {
                    w.Line(InputType == ElementType.Int8 ? "output[i] = results[input[i] + 128];" : "output[i] = results[input[i]];");
                }
            }
        }
    }
}
