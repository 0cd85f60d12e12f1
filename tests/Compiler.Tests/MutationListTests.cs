using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Etch.Ir;
using Etch.Ops;

namespace Etch.Tests;

/// <summary>The list of the mutation check, tests/mutation/mutations.txt, against the sources, the tests and the operator table: it names all operators, and what it
/// names is there. Whether the tests fail as it says is found out by tests/mutation/run.sh.</summary>
public sealed class MutationListTests
{
    private static readonly string[] Kinds = ["rounding", "clamp", "offset by one"];

    // Its contract never holds: there is nothing to break.
    private const string Refused = "RANDOM_UNIFORM";

    private static readonly string[][] Lines =
    [
        .. File.ReadLines(Path.Combine(HouseRulesTests.Folder(), "tests", "mutation", "mutations.txt"))
            .Where(line => line.Length > 0 && line[0] != '#').Select(line => (line.StartsWith("! ", StringComparison.Ordinal) ? line[2..] : line).Split(" @ ")),
    ];

    private static IEnumerable<string[]> Mutations => Lines.Where(fields => fields.Length != 3);

    [Fact]
    public void Every_mutation_has_its_fields_and_its_text_is_in_the_file_once()
    {
        var wrong = new List<string>();
        foreach (string[] fields in Mutations)
        {
            string path = fields.Length == 6 ? Path.Combine(HouseRulesTests.Folder(), "src", "Compiler", fields[2]) : "";
            string[] parts = File.Exists(path) && fields[3].Length > 0 ? File.ReadAllText(path).Split(fields[3]) : [];
            if (parts.Length != 2 || fields[3] == fields[4]) wrong.Add($"{parts.Length - 1} times: {string.Join(" @ ", fields)}");
        }

        Assert.Empty(wrong);
    }

    [Fact]
    public void Every_operator_has_each_kind_of_mutation_or_a_reason_why_not()
    {
        HashSet<(string, string)> broken = Named(Mutations), without = Named(Lines.Where(fields => fields.Length == 3));
        Assert.Empty(
            from operation in OpTable.Lines().Select(Name).Where(name => name != Refused)
            from kind in Kinds
            where broken.Contains((operation, kind)) == without.Contains((operation, kind))
            select $"{operation}: {kind}");

        // Forms that operators have on other types have mutations of their own.
        Assert.Empty(PropertyCases.All.Keys.Where(key => key.Contains(" of ", StringComparison.Ordinal)).Except(Mutations.SelectMany(Operators)));
    }

    [Fact]
    public void Every_operator_that_is_named_exists() => Assert.Empty(
        Lines.SelectMany(Operators).Where(name => !name.StartsWith("pass ", StringComparison.Ordinal)).Except(OpTable.Lines().Select(Name)).Except(PropertyCases.All.Keys));

    [Fact]
    public void Every_test_that_is_named_exists()
    {
        string[] recorded = [.. Directory.GetDirectories(Engines.Vectors("ops")).Select(folder => Path.GetFileName(folder))];
        bool Exists(string test)
        {
            string[] words = test.Split(' ', 2), method = test.Split('(')[0].Split('.');
            return words[0] switch
            {
                "recorded" => recorded.Any(name => name.StartsWith(words[1], StringComparison.Ordinal)),
                "emitted" => PropertyCases.All.ContainsKey(words[1]),
                "saturated" => SaturationTests.Operators().Cast<object[]>().Any(row => words[1].Equals(row[0])),
                _ => method.Length == 2 && typeof(MutationListTests).Assembly.GetType("Etch.Tests." + method[0])?.GetMethod(method[1]) is not null,
            };
        }

        string[] missing = [.. Mutations.SelectMany(fields => fields[5].Split(", ")).Distinct().Where(test => !Exists(test))];
        Assert.Empty(missing);
    }

    private static HashSet<(string, string)> Named(IEnumerable<string[]> lines) =>
        [.. lines.SelectMany(fields => Operators(fields), (fields, name) => (name, fields[1]))];

    private static string[] Operators(string[] fields) => fields[0].Split(", ");

    private static string Name((int, string Name, ElementType? First) line) => line.First switch
    {
        ElementType.Float32 => "float " + line.Name,
        ElementType.Int32 => "int32 " + line.Name,
        _ => line.Name,
    };
}
