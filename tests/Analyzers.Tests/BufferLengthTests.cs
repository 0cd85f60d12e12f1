using System.Threading.Tasks;
using Xunit;

namespace Etch.Analyzers.Tests;

/// <summary>ETCH302: buffers whose constant length the model cannot take.</summary>
public class BufferLengthTests
{
    internal const string Generated = """
        using System;
        using Etch;
        namespace Demo;
        [EtchModelCost(File = "keywords.tflite", Arena = 1600)]
        public static partial class Keywords
        {
            public const int InputLength = 490, OutputLength = 12, ArenaBytes = 1600, StateBytes = 30;
            public static void Invoke(
                [EtchLength(nameof(InputLength))] ReadOnlySpan<sbyte> input, [EtchLength(nameof(OutputLength))] Span<sbyte> output,
                [EtchLength(nameof(ArenaBytes))] Span<sbyte> arena) { }
            public static void Step(
                [EtchLength(nameof(InputLength))] ReadOnlySpan<float> input, [EtchLength(nameof(ArenaBytes))] Span<sbyte> arena,
                [EtchLength(nameof(StateBytes))] Span<sbyte> state) { }
            public static void Broken([EtchLength("Absent")] ReadOnlySpan<sbyte> input, [EtchLength(null!)] Span<sbyte> output) { }
        }
        """;

    private const string Input = "'input' of Keywords.Invoke takes exactly 490 elements (Keywords.InputLength), but this buffer has 10";

    [Theory]
    [InlineData("new sbyte[10]")]
    [InlineData("(new sbyte[10])")]
    [InlineData("(ReadOnlySpan<sbyte>)new sbyte[10]")]
    [InlineData("new sbyte[2 * Five]")]
    [InlineData("new sbyte[10L]")]
    [InlineData("stackalloc sbyte[10]")]
    [InlineData("new sbyte[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }")]
    [InlineData("new sbyte[10] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }")]
    [InlineData("stackalloc sbyte[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }")]
    [InlineData("[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]")]
    [InlineData("new sbyte[10].AsSpan()")]
    [InlineData("new sbyte[500].AsSpan(490)")]
    [InlineData("any.AsSpan(3, 10)")]
    [InlineData("any.AsSpan(3..13)")]
    [InlineData("any.AsSpan(3).Slice(480, 10)")]
    [InlineData("any[..10]")]
    [InlineData("any[3..13]")]
    [InlineData("(new sbyte[500])[^10..]")]
    [InlineData("(new sbyte[500])[480..^10]")]
    [InlineData("new sbyte[500].AsSpan().Slice(490)")]
    [InlineData("new ReadOnlySpan<sbyte>(new sbyte[10])")]
    [InlineData("new(any, 3, 10)")]
    [InlineData("new sbyte[10].AsSpan().ToArray()")]
    [InlineData("Shared")]
    [InlineData("User.Shared")]
    public Task A_constant_length_that_cannot_match_is_an_error(string buffer) =>
        In($"Keywords.Invoke([|{buffer}|], output, arena);").Expect(("ETCH302", Input));

    [Theory]
    [InlineData("var buffer = new sbyte[10];")]
    [InlineData("sbyte[] buffer = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };")]
    [InlineData("sbyte[] buffer; buffer = new sbyte[10];")]
    [InlineData("Span<sbyte> buffer = stackalloc sbyte[10];")]
    [InlineData("ReadOnlySpan<sbyte> buffer = any.AsSpan(0, 10);")]
    [InlineData("var first = new sbyte[20]; var second = first; var buffer = second.AsSpan(10); first[0] = 1;")]
    public Task A_local_written_once_has_its_length(string declaration) =>
        In($"{declaration} Keywords.Invoke([|buffer|], output, arena);").Expect(("ETCH302", Input));

    [Theory]
    [InlineData("var buffer = new sbyte[10]; buffer = any;")]
    [InlineData("var buffer = new sbyte[10]; Array.Resize(ref buffer, 490);")]
    [InlineData("var buffer = new sbyte[10]; Get(out buffer);")]
    [InlineData("var buffer = new sbyte[10]; (buffer, int one) = (any, 1);")]
    [InlineData("var buffer = new sbyte[10]; ref var alias = ref buffer; alias = any;")]
    [InlineData("var buffer = new sbyte[10]; Action a = () => buffer = any;")]
    [InlineData("var buffer = new sbyte[any.Length];")]
    [InlineData("var buffer = any;")]
    [InlineData("sbyte[] buffer = [.. any];")]
    [InlineData("var buffer = Reassigned;")]
    [InlineData("var buffer = mutable;")]
    [InlineData("var buffer = any.AsSpan(3);")]
    [InlineData("var buffer = any.AsSpan()[..^2];")]
    [InlineData("var buffer = any.Length > 3 ? new sbyte[10] : any;")]
    [InlineData("var buffer = new sbyte[490];")]
    [InlineData("var buffer = new sbyte[Keywords.InputLength];")]
    public Task A_length_that_matches_or_is_not_known_is_fine(string declaration) =>
        In($"{declaration} Keywords.Invoke(buffer, output, arena);").ExpectNone();

    [Theory]
    [InlineData("Keywords.Invoke(any, new sbyte[12], new sbyte[1600]);")]
    [InlineData("Keywords.Invoke(any, output, new sbyte[1601]);")]
    [InlineData("Keywords.Invoke(any, output, new sbyte[Keywords.ArenaBytes + 64]);")]
    [InlineData("Keywords.Step(default, arena, new sbyte[31]);")]
    [InlineData("Keywords.Broken(new sbyte[1], new sbyte[1]);")]
    public Task Arena_and_state_may_be_longer(string call) => In(call).ExpectNone();

    [Fact]
    public Task Arena_and_state_must_not_be_shorter() => In("Keywords.Step(state: [|new sbyte[29]|], input: default, arena: [|new sbyte[1599]|]);").Expect(
        ("ETCH302", "'state' of Keywords.Step takes at least 30 elements (Keywords.StateBytes), but this buffer has 29"),
        ("ETCH302", "'arena' of Keywords.Step takes at least 1,600 elements (Keywords.ArenaBytes), but this buffer has 1,599"));

    [Fact]
    public Task Input_and_output_must_not_be_longer_either() => In("Keywords.Invoke([|new sbyte[491]|], [|new sbyte[13]|], arena);").Expect(
        ("ETCH302", Input.Replace("has 10", "has 491")),
        ("ETCH302", "'output' of Keywords.Invoke takes exactly 12 elements (Keywords.OutputLength), but this buffer has 13"));

    [Fact]
    public Task A_field_that_holds_itself_has_no_length() => new Harness("class C { static readonly sbyte[] A = A; void M() => Demo.Keywords.Invoke(A, default, default); }")
        { Generated = Generated }.ExpectNone();

    [Theory]
    [InlineData("Keywords.Invoke(new sbyte[10], output, arena);", "Keywords.Invoke(new sbyte[Keywords.InputLength], output, arena);")]
    [InlineData("Keywords.Invoke(any.AsSpan(0, /* n */ 10), output, arena);", "Keywords.Invoke(any.AsSpan(0, /* n */ Keywords.InputLength), output, arena);")]
    [InlineData("Keywords.Invoke(any[..10], output, arena);", "Keywords.Invoke(any[..Keywords.InputLength], output, arena);")]
    [InlineData("Span<sbyte> b = stackalloc sbyte[2 * Five]; Keywords.Invoke(any, b, arena);", "Span<sbyte> b = stackalloc sbyte[Keywords.OutputLength]; Keywords.Invoke(any, b, arena);")]
    [InlineData("Keywords.Invoke(any, new sbyte[1], new sbyte[2]);", "Keywords.Invoke(any, new sbyte[Keywords.OutputLength], new sbyte[Keywords.ArenaBytes]);")]
    [InlineData("Keywords.Invoke(Shared, output, arena); // new sbyte[10]", "Keywords.Invoke(Shared, output, arena); // new sbyte[10]", "= new sbyte[Keywords.InputLength];")]
    public async Task The_fix_takes_the_models_constant(string before, string after, string? elsewhere = null)
    {
        (string source, string[] titles) = await In(before).Fix();
        Assert.True(source.Contains(after), source);
        Assert.Contains(elsewhere ?? "", source);
        Assert.NotEmpty(titles);
        Assert.All(titles, title => Assert.Matches(@"^Take Keywords\.\w+ as the length$", title));
    }

    [Fact]
    public async Task Fix_all_takes_every_constant()
    {
        string after = await In("Keywords.Invoke(new sbyte[1], new sbyte[2], new sbyte[3]);").FixAll("ETCH302");
        Assert.Contains(
            "Keywords.Invoke(new sbyte[Keywords.InputLength], new sbyte[Keywords.OutputLength], new sbyte[Keywords.ArenaBytes]);", after);
    }

    [Theory]
    [InlineData("Keywords.Invoke([1, 2, 3], output, arena);")]
    [InlineData("Keywords.Invoke(new sbyte[20].AsSpan(10), output, arena);")]
    public async Task A_length_that_is_written_nowhere_has_no_fix(string call) => Assert.Empty((await In(call).Fix()).Titles);

    private static Harness In(string body) => new($$"""
        using System;
        using Demo;
        class User
        {
            const int Five = 5;
            static readonly sbyte[] Shared = new sbyte[10];
            static readonly sbyte[] Reassigned = new sbyte[10];
            static sbyte[] mutable = new sbyte[10];
            static User() { Reassigned = new sbyte[490]; }
            static void Get(out sbyte[] buffer) => buffer = [];
            void Run(sbyte[] any, sbyte[] output, sbyte[] arena)
            {
                {{body}}
            }
        }
        """) { Generated = Generated };
}
