using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Etch.Diagnostics;
using Etch.Ir;
using Etch.Ops;
using Etch.Tflite;

namespace Etch.Tests;

/// <summary>docs/operators.md is what the operator table, the contracts, the operators' own summaries and the tests' models say.</summary>
/// <remarks><c>ETCH_UPDATE=1</c> writes the file anew.</remarks>
public sealed partial class OperatorDocumentTests
{
    private const string Head = """
        # Operators

        Written by the tests (`ETCH_UPDATE=1 dotnet test tests/Compiler.Tests -c Release --filter OperatorDocumentTests`), which fail where it is not what the
        operator table and the contracts in `src/Compiler/Ops` say. [Limits](limits.md#operators) has the options.

        *Types* are those that the contract lets the data have: the first input that is neither a constant nor a condition; a condition's own where there is no
        other. An arrow leads to the types of the first output, where it has not just the data's. The quantisation of a type has demands of its own.
        *Recorded* counts the models in `tests/vectors/ops` that use the operator; besides, the property tests compare its reference with its emitted code on at
        least 200 random models for each line that is not refused.

        """;

    private static readonly ElementType[] Types = Enum.GetValues<ElementType>();

    [Fact]
    public void The_committed_file_is_up_to_date()
    {
        string path = Path.Combine(HouseRulesTests.Folder(), "docs", "operators.md"), text = Write();
        if (Environment.GetEnvironmentVariable("ETCH_UPDATE") == "1") File.WriteAllText(path, text);
        Assert.Equal(text, File.ReadAllText(path).ReplaceLineEndings("\n"));
    }

    private static string Write()
    {
        TableUse random = TableUse.Random.Value;
        IEnumerable<string> vectors = Directory.GetDirectories(Engines.Vectors("ops")).Order().Select(folder => Path.Combine(folder, "model.tflite"));
        var recorded = new TableUse(vectors.Select(path => Agreement.Import(File.ReadAllBytes(path))));
        IReadOnlyDictionary<string, string> summaries = Summaries();
        var text = new StringBuilder(Head.ReplaceLineEndings("\n"));
        foreach (var section in OpTable.Lines().OrderBy(line => line.Name, StringComparer.Ordinal).GroupBy(Section).OrderBy(section => section.Key.Order))
        {
            text.Append($"\n## {section.Key.Title}\n\n| operator | number | types | recorded | what it computes |\n|---|---|---|---|---|\n");
            foreach ((int builtin, string name, ElementType? first) in section)
            {
                List<(Op Op, Graph Graph)> known = [.. recorded.Samples[(name, first)], .. random.Samples[(name, first)]];
                string summary = known.Count > 0 ? summaries["T:" + known[0].Op.GetType().FullName] : "refused, but for dropout that an export left in";
                if (summary.StartsWith(name + ": ", StringComparison.Ordinal)) summary = summary[(name.Length + 2)..];

                // Types that have a line of their own stand there.
                IEnumerable<ElementType> types = first is { } only ? [only] : Types.Where(type => !random.Models.ContainsKey((name, type)));
                text.Append($"| {name} | {builtin} | {Accepted(known, types)} | {recorded.Models[(name, first)]} | {summary} |\n");
            }
        }

        return text.ToString();
    }

    private static (int Order, string Title) Section((int Builtin, string Name, ElementType? First) line) => (line.Builtin, line.First) switch
    {
        (Schema.Builtin.Custom, _) => (3, "Custom operators"),
        (_, ElementType.Float32) => (1, "On float32 with arithmetic of its own"),
        (_, ElementType.Int32) => (2, "On int32 with arithmetic of its own"),
        _ => (0, "Builtin operators"),
    };

    // ---- what contracts accept ----

    // Models whose tensors are given other types, to ask the contract about them: those whose data has the type itself, where there are such.
    private static string Accepted(List<(Op Op, Graph Graph)> models, IEnumerable<ElementType> types)
    {
        var accepted = new List<(ElementType From, string To)>();
        foreach (ElementType from in types)
        {
            (Op Op, Graph Graph)[] own = [.. models.Where(model => model.Graph[Data(model.Op, model.Graph)].Type == from)];
            (Op Op, Graph Graph)[] asked = own.Length > 0 ? own : [.. models];
            ElementType[] to = [.. Types.Where(to => asked.Any(model => Retyped(model.Op, model.Graph, from, to).Any(other => Accepts(model.Op, other))))];
            if (to.Length > 0) accepted.Add((from, to.SequenceEqual([from]) ? "" : " → " + string.Join(" or ", to.Select(type => type.Name()))));
        }

        return string.Join("; ", accepted.GroupBy(pair => pair.To, pair => pair.From.Name()).Select(from => string.Join(", ", from) + from.Key));
    }

    private static int Data(Op op, Graph graph)
    {
        int[] open = [.. op.Inputs.Where(id => id >= 0 && !graph[id].IsConstant)];
        return open.Concat(open).Concat(op.Inputs).Where((id, i) => i >= open.Length || graph[id].Type != ElementType.Bool).First();
    }

    // The data alone, with all inputs of its type, or with those that are no constants.
    private static IEnumerable<Graph> Retyped(Op op, Graph graph, ElementType from, ElementType to)
    {
        int data = Data(op, graph);
        ElementType now = graph[data].Type;
        int[] same = [.. op.Inputs.Where(id => id >= 0 && graph[id].Type == now)];
        foreach (IEnumerable<int> inputs in new IEnumerable<int>[] { [data], same, same.Where(id => !graph[id].IsConstant) })
        {
            Tensor[] tensors = [.. graph.Tensors];
            foreach (int id in inputs.Append(data)) tensors[id] = Of(graph[id], from);
            foreach (int id in op.Outputs.Take(1).Concat(op.Outputs.Where(id => graph[id].Type == now))) tensors[id] = Of(graph[id], to);
            yield return new Graph(tensors, [op], [], []);
        }
    }

    private static Tensor Of(Tensor tensor, ElementType type) => tensor.Type == type ? tensor : tensor with
    {
        Type = type,
        Data = tensor.Data is null ? null : new byte[tensor.ElementCount * type.Size()],
        Quantization = type is ElementType.Int8 or ElementType.UInt8 or ElementType.Int16 ? tensor.Quantization ?? TfliteBuilder.Quantized(0.5f, 0) : null,
    };

    // Demands on quantisation depend on the type; only those on types and options count.
    private static bool Accepts(Op op, Graph graph)
    {
        var problems = new Problems();
        op.Check(new Contract(graph, op, problems));
        return problems.ToArray().All(problem => problem.Id == Ids.InvalidQuantization);
    }

    // ---- texts ----

    private static IReadOnlyDictionary<string, string> Summaries() => XDocument.Load(Path.Combine(AppContext.BaseDirectory, "Etch.Compiler.xml"))
        .Descendants("member").Where(member => member.Element("summary") is not null)
        .ToDictionary(member => member.Attribute("name")!.Value, member => Line(string.Concat(member.Element("summary")!.DescendantNodes().Select(Text))));

    private static string Line(string text) => Spaces().Replace(text, " ").Trim().Replace("|", "\\|");

    private static string Text(XNode node) => node switch
    {
        XText text => text.Value,
        XElement { Name.LocalName: "see" or "paramref" } reference => reference.Attributes().First().Value.Split('.', ':')[^1],
        _ => "",
    };

    [GeneratedRegex("\\s+")]
    private static partial Regex Spaces();
}
