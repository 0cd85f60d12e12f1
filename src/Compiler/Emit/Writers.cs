namespace Etch.Emit;

internal static class SurfaceWriter { public static string Write(CompiledModel model) => $"// {model.File.Name}\n"; }

internal static class LayersWriter { public static string Write(CompiledModel model) => $"// {model.File.Name}\n"; }

internal static class ConstantsWriter { public static string Write(CompiledModel model) => $"// {model.File.Name}\n"; }
