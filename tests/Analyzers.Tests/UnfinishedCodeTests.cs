using System.Linq;
using System.Threading.Tasks;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Xunit;

namespace Etch.Analyzers.Tests;

/// <summary>Analyzers run while somebody types: no source, however broken, may make one throw (AD0001).</summary>
public class UnfinishedCodeTests
{
    private const string Source = """
        using System;
        using Demo;
        [Etch.EtchModel("keywords.tflite"), Etch.EtchBudget(Ram = 1, LayerRam = 2)]
        [Etch.EtchModelCost(File = "keywords.tflite", Arena = 5), Etch.EtchLayerCost("conv", Ram = 5)]
        static partial class Own { public const int ArenaBytes = 3; }
        class User
        {
            static readonly sbyte[] Shared = new sbyte[10];
            void Run(sbyte[] any)
            {
                for (int i = 0; i < 9; i++)
                {
                    var arena = new sbyte[Keywords.ArenaBytes]; any = new sbyte[Own.ArenaBytes];
                    Span<sbyte> stack = stackalloc sbyte[] { 1, 2 }; Action a = () => any = arena;
                    Keywords.Invoke(new(any, 3, 10), any.AsSpan()[2..^10], GC.AllocateArray<sbyte>(Keywords.ArenaBytes));
                    Keywords.Invoke(Shared, arena: [1, 2, 3], output: (any.AsSpan(1).Slice(2, 3)));
                }
            }
        }
        """;

    /// <summary>Every third token: the source is tried without it, and cut off behind it.</summary>
    public static TheoryData<int> Tokens =>
        [.. Enumerable.Range(0, CSharpSyntaxTree.ParseText(Source).GetRoot().DescendantTokens().Count()).Where(static index => index % 3 == 0)];

    [Fact]
    public async Task The_whole_source_is_full_of_diagnostics() => Assert.Equal(
        ["ETCH201", "ETCH301", "ETCH302"], (await Project(Source).DiagnoseUnfinished()).Select(d => d.Id).Distinct().Order());

    [Theory]
    [MemberData(nameof(Tokens))]
    public async Task Nothing_throws(int index)
    {
        SyntaxToken token = CSharpSyntaxTree.ParseText(Source).GetRoot().DescendantTokens().ElementAt(index);
        foreach (string source in new[] { Source.Remove(token.SpanStart, token.Span.Length), Source[..token.Span.End] })
        {
            Assert.DoesNotContain(await Project(source).DiagnoseUnfinished(), d => d.Id == "AD0001");
        }
    }

    private static Harness Project(string source) => new(source) { Generated = BufferLengthTests.Generated };
}
