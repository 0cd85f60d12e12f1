using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using Microsoft.CodeAnalysis;
using Xunit;

namespace Etch.Generator.Tests;

/// <summary>What an edit makes the generator do again. The project has two models, a class for the first, and unrelated code.</summary>
public class StepsTests
{
    private const string Class = "[Etch.EtchModel(\"a.tflite\")] public static partial class Spotter;";

    [Fact]
    public void An_edit_of_unrelated_code_compiles_nothing() => Verify(
        edit: project => project.Source("class Other { int _x; }", "Other.cs"),
        read: "a.tflite Cached, b.tflite Cached",
        pair: "Cached",
        compile: "a.tflite Cached, b.tflite Cached");

    [Fact]
    public void A_line_above_the_attribute_compiles_nothing() => Verify(
        edit: project => project.Source("\n" + Class),
        read: "a.tflite Cached, b.tflite Cached",
        pair: "Cached",
        compile: "a.tflite Cached, b.tflite Cached",
        locate: "Modified");

    [Fact]
    public void A_new_file_without_a_class_of_ours_compiles_nothing() => Verify(
        edit: project => project.Source("class New;", "New.cs"),
        read: "a.tflite Cached, b.tflite Cached",
        pair: "Cached",
        compile: "a.tflite Cached, b.tflite Cached");

    [Fact]
    public void The_same_bytes_in_a_new_text_compile_nothing() => Verify(
        edit: project => project.Rewrite("a.tflite", Repository.Vector("fc_64x10")),
        read: "a.tflite Unchanged, b.tflite Cached",
        pair: "Cached",
        compile: "a.tflite Cached, b.tflite Cached");

    [Fact]
    public void Changed_bytes_compile_their_model_only() => Verify(
        edit: project => project.Rewrite("a.tflite", Repository.Vector("conv_3x3_s2_same")),
        read: "a.tflite Modified, b.tflite Cached",
        pair: "Cached",
        compile: "a.tflite Modified, b.tflite Cached");

    [Fact]
    public void Another_name_of_the_class_compiles_its_model_only() => Verify(
        edit: project => project.Source(Class.Replace("Spotter", "Listener")),
        read: "a.tflite Cached, b.tflite Cached",
        pair: "Modified",
        compile: "a.tflite Modified, b.tflite Cached",
        locate: "Modified");

    [Fact]
    public void A_second_class_compiles_its_model_only() => Verify(
        edit: project => project.Source("[Etch.EtchModel(\"b.tflite\")] public static partial class Second;", "Second.cs"),
        read: "a.tflite Cached, b.tflite Cached",
        pair: "Modified",
        compile: "a.tflite Cached, b.tflite Modified",
        locate: "Cached, New");

    [Fact]
    public void A_model_more_compiles_that_one_only() => Verify(
        edit: project => project.Model("0.tflite"),
        read: "a.tflite Cached, b.tflite Cached, 0.tflite New",
        pair: "Modified",
        compile: "a.tflite Cached, b.tflite Cached, 0.tflite New");

    [Fact]
    public void A_model_listed_twice_is_one() => Verify(
        edit: project => project.List("a.tflite"),
        read: "a.tflite Cached, b.tflite Cached",
        pair: "Cached",
        compile: "a.tflite Cached, b.tflite Cached");

    [Fact]
    public void A_model_less_compiles_nothing() => Verify(
        edit: project => project.Unlist("b.tflite"),
        read: "a.tflite Cached, b.tflite Removed",
        pair: "Modified",
        compile: "a.tflite Cached, b.tflite Removed");

    [Fact]
    public void An_option_of_one_model_compiles_that_one_only() => Verify(
        edit: project => project.Metadata("b.tflite", ("Unroll", "Full")),
        read: "a.tflite Cached, b.tflite Cached",
        pair: "Modified",
        compile: "a.tflite Cached, b.tflite Modified");

    [Fact]
    public void A_property_that_does_not_matter_compiles_nothing() => Verify(
        edit: project => project.Property("Company", "Acme"),
        read: "a.tflite Cached, b.tflite Cached",
        pair: "Cached",
        compile: "a.tflite Cached, b.tflite Cached");

    [Fact]
    public void An_option_of_the_project_compiles_everything() => Verify(
        edit: project => project.Property("EtchUnroll", "None"),
        read: "a.tflite Cached, b.tflite Cached",
        pair: "Modified",
        compile: "a.tflite Modified, b.tflite Modified");

    [Fact]
    public void Overflow_checks_compile_everything() => Verify(
        edit: project => project.CheckOverflow(),
        read: "a.tflite Cached, b.tflite Cached",
        pair: "Modified",
        compile: "a.tflite Modified, b.tflite Modified");

    /// <summary>A compilation kept alive by a cached value is the classic leak of generators.</summary>
    [Fact]
    public void Cached_values_reach_no_symbol_syntax_or_compilation()
    {
        using Consumer project = Project();
        Outcome outcome = project.Run();
        string[] steps = [.. typeof(Steps).GetFields().Select(static field => (string)field.GetRawConstantValue()!)];
        Assert.All(steps, step => Assert.NotEmpty(outcome.Result.TrackedSteps[step]));

        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        foreach (string step in steps)
        foreach ((object value, _) in outcome.Result.TrackedSteps[step].SelectMany(static run => run.Outputs))
            Walk(value, step, seen);
    }

    private static Consumer Project() => new Consumer()
        .Model("a.tflite", "fc_64x10")
        .Model("b.tflite", "add_plain")
        .Source(Class)
        .Source("class Other;", "Other.cs");

    private static void Verify(Action<Consumer> edit, string read, string pair, string compile, string locate = "Cached")
    {
        using Consumer project = Project();
        Outcome first = project.Run();
        Assert.Equal("a.tflite New, b.tflite New", first.Reasons(Steps.Compile));

        edit(project);
        Outcome second = project.Run();
        Assert.Equal(read, second.Reasons(Steps.Read));
        Assert.Equal(pair, second.Reasons(Steps.Pair));
        Assert.Equal(compile, second.Reasons(Steps.Compile));
        Assert.Equal(locate, second.Reasons(Steps.Locate));

        IEnumerable<IncrementalStepRunReason> outputs =
            from step in second.Result.TrackedOutputSteps.Values
            from run in step
            from output in run.Outputs
            select output.Reason;
        if (second.Result.TrackedSteps.Values.SelectMany(static step => step).SelectMany(static run => run.Outputs)
            .All(static output => output.Reason is IncrementalStepRunReason.Cached or IncrementalStepRunReason.Unchanged))
            Assert.All(outputs, static reason => Assert.Equal(IncrementalStepRunReason.Cached, reason));
    }

    private static void Walk(object? value, string path, HashSet<object> seen)
    {
        if (value is null || value is string || value.GetType().IsPrimitive || value.GetType().IsEnum) return;
        Assert.False(
            value is ISymbol or SyntaxNode or SyntaxTree or Compilation or SemanticModel or Location or Diagnostic or AdditionalText or Delegate,
            $"{path} holds a {value.GetType()}");
        if (!value.GetType().IsValueType && !seen.Add(value)) return;
        if (value is IEnumerable items)
        {
            if (value is not byte[])
                foreach (object? item in items) Walk(item, path + "[]", seen);
            return;
        }

        for (Type? type = value.GetType(); type is not null && type != typeof(object); type = type.BaseType)
        foreach (FieldInfo field in type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            Walk(field.GetValue(value), $"{path}.{field.Name}", seen);
    }
}
