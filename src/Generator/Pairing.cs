using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using Etch.Diagnostics;

namespace Etch.Generator;

/// <summary>Something to report, and what it is about.</summary>
/// <param name="Problem">The id and the message.</param>
/// <param name="Class">The full name of the class whose attribute shows it, if there is such an attribute.</param>
/// <param name="Path">The file that shows it otherwise.</param>
/// <param name="Place">A place that is better than either, or null.</param>
internal sealed record Finding(Problem Problem, string? Class = null, string? Path = null, Place? Place = null);

/// <summary>One class to make: everything that decides its code.</summary>
internal sealed record Job(ModelFile File, CompileOptions Options);

/// <summary>A class whose model is not there: it gets its members, so that only the missing file is an error.</summary>
internal sealed record Orphan(string File, CompileOptions Options, Problem Problem)
{
    /// <summary>The failed model, under a name that may stand in a comment whatever the attribute says.</summary>
    public CompiledModel Fail() => new(
        new ModelFile(new string([.. File.Select(static c => char.IsLetterOrDigit(c) || "./-_ ".Contains(c) ? c : '?')]), []), Options, new[] { Problem });
}

/// <summary>Which file is compiled into which classes. Knows paths and options, never the content of a file.</summary>
internal sealed record Pairing(
    EquatableArray<(string Path, CompileOptions Options)> Pairs, EquatableArray<Orphan> Orphans, EquatableArray<Finding> Findings)
{
    /// <summary>The jobs that a file takes part in, usually one.</summary>
    public IEnumerable<Job> JobsOf(ModelFile file) =>
        Pairs.Where(pair => pair.Path == file.Path).Select(pair => new Job(file, pair.Options));

    /// <summary>Pairs the listed models with the classes that ask for them. A model that no class asks for gets one of its own.</summary>
    public static Pairing Of(ImmutableArray<ModelItem> items, ImmutableArray<Declaration> declarations, ProjectSettings project)
    {
        var pairs = new List<(string Path, CompileOptions Options)>();
        var orphans = new List<Orphan>();
        List<Finding> findings = [.. project.Options.Problems.Select(problem => new Finding(problem, Path: project.File))];
        findings.AddRange(items.SelectMany(static item => item.Options.Problems.Select(problem => new Finding(problem, Path: item.Path))));

        void Take(ModelItem item, CompileOptions options, bool isDeclared)
        {
            bool IsSame(CompileOptions other) => string.Equals(other.FullName(), options.FullName(), StringComparison.OrdinalIgnoreCase);
            if (orphans.Any(orphan => IsSame(orphan.Options))) return;
            int same = pairs.FindIndex(pair => IsSame(pair.Options));
            if (same < 0)
            {
                pairs.Add((item.Path, options));
                return;
            }

            string[] tails = Tails([item.Path, pairs[same].Path]);
            string message = $"'{tails[0]}' would become class '{options.FullName()}', but '{tails[1]}' is '{pairs[same].Options.FullName()}'; "
                + "give one of them another name with Class=\"…\" on its item or with a class of its own that says [EtchModel]";
            findings.Add(new Finding(new Problem(Descriptors.SameClass.Id, message), isDeclared ? options.FullName() : null, item.Path));
        }

        var asked = new HashSet<ModelItem>();
        foreach (Declaration declaration in declarations.GroupBy(static d => d.FullName).Select(static parts => parts.First()))
        {
            if (declaration.Obstacles is { } obstacles)
            {
                string message = $"'{declaration.FullName}' cannot take in a model because it is {obstacles}; "
                    + $"write 'static partial class {declaration.ClassName};' directly in a namespace";
                findings.Add(new Finding(new Problem(Descriptors.NotFillable.Id, message), declaration.FullName));
            }

            ModelItem[] candidates = Match(declaration.File, items, project.Directory);
            asked.UnionWith(candidates);
            CompileOptions options = Options(project, candidates.FirstOrDefault()?.Options, declaration.Namespace, declaration.ClassName)
                with { Accessibility = declaration.Accessibility };
            options = options with
            {
                Preset = declaration.Preset ?? options.Preset,
                Numerics = declaration.Numerics ?? options.Numerics,
                Streaming = declaration.Streaming ?? options.Streaming,
                InArena = declaration.InArena ?? options.InArena,
                MaxRam = declaration.Budget[BudgetFigure.Ram]?.Value ?? options.MaxRam,
                MaxFlash = declaration.Budget[BudgetFigure.Flash]?.Value ?? options.MaxFlash,
            };
            if (candidates.Length == 1)
            {
                if (declaration.TakesSurface) Take(candidates[0], options, isDeclared: true);
                continue;
            }

            var problem = new Problem(Descriptors.NotListed.Id, candidates.Length == 0
                ? Missing(declaration.File, items)
                : $"'{declaration.File}' names {candidates.Length} models of this project, "
                    + $"{string.Join(" and ", Tails([.. candidates.Select(static item => item.Path)]))}; write as much of the path as tells them apart");
            findings.Add(new Finding(problem, declaration.FullName));
            if (declaration.TakesSurface) orphans.Add(new Orphan(declaration.File, options, problem));
        }

        foreach (ModelItem item in items.Where(item => !asked.Contains(item)))
        {
            string space = item.Namespace ?? project.RootNamespace;
            Take(item, Options(project, item.Options, space, item.Class ?? ClassNames.ToClassName(item.Name)), isDeclared: false);
        }

        return new Pairing(pairs.ToArray(), orphans.ToArray(), findings.ToArray());
    }

    private static CompileOptions Options(ProjectSettings project, ModelOptions? item, string space, string className)
    {
        var defaults = new CompileOptions { ClassName = className };
        if ((item?.Vectors ?? project.Options.Vectors) is { } vectors) defaults = defaults with { Vectors = vectors };
        if ((item?.Unroll ?? project.Options.Unroll) is { } unroll) defaults = defaults with { Unroll = unroll };
        return defaults with
        {
            Namespace = space,
            Preset = item?.Preset ?? project.Options.Preset ?? defaults.Preset,
            Numerics = item?.Numerics ?? project.Options.Numerics ?? defaults.Numerics,
            UnrollCeiling = item?.UnrollCeiling ?? project.Options.UnrollCeiling ?? defaults.UnrollCeiling,
            Streaming = item?.Streaming ?? project.Options.Streaming ?? defaults.Streaming,
            MaxRam = (item?.Budget[BudgetFigure.Ram] ?? project.Options.Budget[BudgetFigure.Ram])?.Value,
            InArena = item?.InArena ?? project.Options.InArena ?? defaults.InArena,
            MaxFlash = (item?.Budget[BudgetFigure.Flash] ?? project.Options.Budget[BudgetFigure.Flash])?.Value,
            KeepTensors = item?.KeepTensors ?? project.Options.KeepTensors ?? defaults.KeepTensors,
            DumpPasses = item?.DumpPasses ?? project.Options.DumpPasses ?? defaults.DumpPasses,
            CheckOverflow = project.CheckOverflow,
        };
    }

    /// <summary>
    /// The models whose path ends in <paramref name="file"/>, from one folder's beginning on. Case counts only where it tells models
    /// apart; a path that is complete from the project's folder on is never ambiguous.
    /// </summary>
    private static ModelItem[] Match(string file, ImmutableArray<ModelItem> items, string projectDirectory)
    {
        string wanted = file.Replace('\\', '/');
        while (wanted.StartsWith("./", StringComparison.Ordinal)) wanted = wanted.Substring(2);
        if (wanted.Length == 0) return [];

        foreach (StringComparison comparison in new[] { StringComparison.Ordinal, StringComparison.OrdinalIgnoreCase })
        {
            ModelItem[] matches = [.. items.Where(item => ("/" + item.Path).EndsWith("/" + wanted, comparison))];
            ModelItem? complete = matches.FirstOrDefault(item => string.Equals(item.Path, projectDirectory + wanted, comparison));
            if (complete is not null) return [complete];
            if (matches.Length > 0) return matches;
        }

        return [];
    }

    private static string Missing(string file, ImmutableArray<ModelItem> items)
    {
        string head = $"No model of this project is called '{file}'";
        string name = file.Substring(file.LastIndexOfAny(['/', '\\']) + 1);
        ModelItem? nearest = items.OrderBy(item => Distance(name, item.Name)).FirstOrDefault();
        return nearest is not null && Distance(name, nearest.Name) <= 1 + (nearest.Name.Length / 3)
            ? $"{head}; did you mean '{nearest.Name}'?"
            : $"{head}; list it in the project file: <AdditionalFiles Include=\"{file}\" />";
    }

    /// <summary>The ends of the paths, from the first folder on in which they differ: no message depends on where the project lies.</summary>
    private static string[] Tails(string[] paths)
    {
        int common = paths[0].LastIndexOf('/') + 1;
        while (common > 0 && !paths.All(path => path.StartsWith(paths[0].Substring(0, common), StringComparison.Ordinal)))
            common = common < 2 ? 0 : paths[0].LastIndexOf('/', common - 2) + 1;
        return [.. paths.Select(path => path.Substring(common))];
    }

    /// <summary>The number of letters to insert, delete or replace to get from one name to the other, case aside.</summary>
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replaced = diagonal + (char.ToUpperInvariant(a[i - 1]) == char.ToUpperInvariant(b[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[b.Length];
    }
}
