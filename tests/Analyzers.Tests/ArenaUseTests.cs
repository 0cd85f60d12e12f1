using System.Linq;
using System.Threading.Tasks;
using Xunit;

namespace Etch.Analyzers.Tests;

/// <summary>ETCH301: arenas allocated inside loops.</summary>
public class ArenaUseTests
{
    private const string Garbage = "Keywords: the arena is allocated inside a loop, which leaves garbage in every turn; allocate it once, before the loop";

    private const string Stack = "Keywords: the arena is allocated inside a loop, which takes new stack in every turn until the method returns, "
        + "and overflows it; allocate it once, before the loop";

    [Theory]
    [InlineData("for (int i = 0; i < 9; i++) { var arena = [|new sbyte[Keywords.ArenaBytes]|]; Keywords.Invoke(input, output, arena); }")]
    [InlineData("foreach (int i in many) Keywords.Invoke(input, output, [|new sbyte[Keywords.ArenaBytes]|]);")]
    [InlineData("foreach (var (a, b) in pairs) Keywords.Invoke(input, output, ([|new sbyte[Keywords.ArenaBytes]|]).AsSpan());")]
    [InlineData("while (true) { sbyte[] arena; arena = [|new sbyte[Keywords.ArenaBytes + 64]|]; Keywords.Invoke(input, output, arena); }")]
    [InlineData("do { kept = [|new sbyte[Keywords.ArenaBytes]|]; } while (kept.Length > 0);")]
    [InlineData("while ((kept = [|new sbyte[Keywords.ArenaBytes]|]).Length > 0) ;")]
    [InlineData("while (true) { var arena = [|GC.AllocateUninitializedArray<sbyte>(Keywords.ArenaBytes)|]; Keywords.Invoke(input, output, arena); }")]
    [InlineData("while (true) { using (null) { if (many.Length > 1) { var arena = [|new sbyte[Keywords.ArenaBytes]|]; } } }")]
    public Task An_array_in_a_loop_is_garbage(string body) => In(body).Expect(("ETCH301", Garbage));

    [Theory]
    [InlineData("while (true) { Span<sbyte> arena = [|stackalloc sbyte[Keywords.ArenaBytes]|]; Keywords.Invoke(input, output, arena); }")]
    [InlineData("for (int i = 0; i < 9; i++) Keywords.Invoke(input, output, [|stackalloc sbyte[Keywords.ArenaBytes]|]);")]
    [InlineData("Action a = () => { while (true) { Span<sbyte> arena = [|stackalloc sbyte[Keywords.ArenaBytes]|]; } };")]
    public Task A_stackalloc_in_a_loop_overflows(string body) => In(body).Expect(("ETCH301", Stack));

    [Fact]
    public Task State_is_called_state() => In("while (true) { var state = [|new sbyte[Keywords.StateBytes]|]; }")
        .Expect(("ETCH301", Garbage.Replace("arena", "state")));

    [Theory]
    [InlineData("var arena = new sbyte[Keywords.ArenaBytes]; while (true) Keywords.Invoke(input, output, arena);")]
    [InlineData("for (var arena = new sbyte[Keywords.ArenaBytes]; ; ) Keywords.Invoke(input, output, arena);")]
    [InlineData("foreach (sbyte s in new sbyte[Keywords.ArenaBytes]) Keywords.Invoke(input, output, kept);")]
    [InlineData("while (true) { var other = new sbyte[Other.ArenaBytes]; var length = new sbyte[Keywords.InputLength]; }")]
    [InlineData("while (true) { Action a = () => Keywords.Invoke(input, output, new sbyte[Keywords.ArenaBytes]); }")]
    public Task Outside_the_repeated_part_is_fine(string body) => In(body).ExpectNone();

    [Theory]
    [InlineData("for (int i = 0; i < 9; i++) arenas[i] = new sbyte[Keywords.ArenaBytes];")]
    [InlineData("for (int i = 0; i < 9; i++) list.Add(new sbyte[Keywords.ArenaBytes]);")]
    [InlineData("while (true) kept ??= new sbyte[Keywords.ArenaBytes];")]
    [InlineData("while (true) { if (kept.Length < Keywords.ArenaBytes) kept = new sbyte[Keywords.ArenaBytes]; }")]
    [InlineData("while (true) { var arena = new sbyte[Keywords.ArenaBytes]; Action a = () => Keywords.Invoke(input, output, arena); }")]
    [InlineData("while (true) arenas = new[] { new sbyte[Keywords.ArenaBytes] };")]
    public Task One_of_many_and_on_demand_are_fine(string body) => In(body).ExpectNone();

    [Fact]
    public Task An_arena_through_using_static_is_the_same_arena() => new Harness("""
        using System;
        using static Demo.Keywords;
        class User
        {
            void Run() { while (true) { var arena = [|new sbyte[ArenaBytes]|]; } }
        }
        """) { Generated = BufferLengthTests.Generated }.Expect(("ETCH301", Garbage));

    [Fact]
    public async Task It_is_a_warning() => Assert.Equal(
        Microsoft.CodeAnalysis.DiagnosticSeverity.Warning,
        (await In("while (true) { var arena = new sbyte[Keywords.ArenaBytes]; }").Diagnose()).Single().Severity);

    private static Harness In(string body) => new($$"""
        using System;
        using System.Collections.Generic;
        using Demo;
        class Other { public const int ArenaBytes = 5; }
        class User
        {
            sbyte[] kept = [];
            sbyte[][] arenas = [];
            List<sbyte[]> list = [];
            void Run(sbyte[] input, sbyte[] output, int[] many, (int, int)[] pairs)
            {
                {{body}}
            }
        }
        """) { Generated = BufferLengthTests.Generated };
}
