using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Etch.Ir;
using Etch.Passes;

namespace Etch.Emit;

/// <summary>A tensor in the arena: its bytes and the layers it is needed for, both inclusive.</summary>
internal sealed record Life(string Name, int At, int Bytes, int First, int Last);

/// <summary>The arena over time as text: steps, layers mostly, from left to right, offsets from bottom to top.</summary>
internal static class ArenaText
{
    private const int Rows = 12, Columns = 100;

    /// <summary>What lies in the arena, by the layer that writes it first.</summary>
    public static IReadOnlyList<Life> Lives(CompiledModel model)
    {
        var lives = new Dictionary<int, Life>();
        for (int layer = 0; layer < model.Steps.Count; layer++)
        {
            foreach (int root in model.Steps[layer].Inputs.Concat(model.Steps[layer].Outputs).Select(model.Graph.Root))
            {
                if (!model.Plan.Locations.TryGetValue(root, out Location location) || location.Place != Place.Arena) continue;
                Tensor tensor = model.Graph[root];
                lives[root] = lives.TryGetValue(root, out Life? life) ? life with { Last = layer } : new Life(tensor.Name, location.At, tensor.ByteCount, layer, layer);
            }
        }

        for (int step = 0; step < model.Steps.Count; step++)
        {
            if (model.Steps[step] is not { Rows: not null } rows) continue;
            lives[-1 - step] = new Life(InvariantText.Of($"rows of layers {rows.First} to {rows.End - 1}"), model.Plan.ScratchAt[step], rows.ScratchBytes, step, step);
        }

        // The caller's tensors, where they lie in the arena: from the start on, and to the end.
        foreach (int root in model.Graph.Inputs.Where(lives.ContainsKey)) lives[root] = lives[root] with { First = 0 };
        foreach (int root in model.Graph.Outputs.Select(model.Graph.Root).Where(lives.ContainsKey)) lives[root] = lives[root] with { Last = model.Steps.Count - 1 };

        int last = model.Options.KeepTensors ? model.Steps.Count - 1 : 0;
        return [.. lives.Values.Select(life => life with { Last = Math.Max(life.Last, last) }).OrderBy(life => life.First).ThenBy(life => life.At)];
    }

    /// <summary>A letter for each tensor where it lies, a dot where nothing does; <c>^</c> below the layers that need the most.</summary>
    /// <returns>No lines for models without an arena or with more layers than fit.</returns>
    public static IEnumerable<string> Write(CompiledModel model)
    {
        int layers = model.Steps.Count, bytes = model.Plan.Bytes;
        if (bytes == 0 || layers > Columns) yield break;

        int width = Math.Min(4, Columns / layers);
        IReadOnlyList<Life> lives = Lives(model);
        for (int row = Rows - 1; row >= 0; row--)
        {
            // The byte in the middle of the row.
            long at = ((2L * row) + 1) * bytes / (2 * Rows);
            var line = new StringBuilder();
            for (int layer = 0; layer < layers; layer++)
            {
                // Where an output lies over its input, the output is shown.
                int found = -1;
                for (int i = 0; i < lives.Count; i++)
                {
                    if (lives[i].First <= layer && layer <= lives[i].Last && lives[i].At <= at && at < lives[i].At + lives[i].Bytes) found = i;
                }

                line.Append(found < 0 ? '.' : (char)('a' + (found % 26)), width);
            }

            yield return InvariantText.Of($"{Names.Number((long)(row + 1) * bytes / Rows).PadLeft(11)} {line}");
        }

        yield return new string(' ', 12) + string.Concat(Enumerable.Range(0, layers).Select(layer => new string(model.Plan.Live[layer] == model.Plan.LowerBound ? '^' : ' ', width))).TrimEnd();
    }
}
