using System.Threading;
using Etch.Diagnostics;

namespace Etch;

/// <summary>Turns a model file into a <see cref="CompiledModel"/>. A pure function of file and options.</summary>
internal static class Compiler
{
    public static CompiledModel Compile(ModelFile file, CompileOptions options, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        if (file.ReadProblem is { } unreadable) return new CompiledModel(file, options, new[] { unreadable });
        return new CompiledModel(file, options, new[] { new Problem(Ids.InternalError, "not built yet") });
    }
}
