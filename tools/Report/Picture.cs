using System;
using System.Linq;
using System.Text;
using Etch.Emit;

namespace Etch.Report;

/// <summary>Draws the arena over time: layers from left to right, offsets from bottom to top, a box for each tensor while it is needed.</summary>
internal static class Picture
{
    private const int Left = 90, Top = 40, Height = 480, Bottom = 30;

    /// <summary>An SVG file; every box tells its tensor, bytes and layers in a tooltip.</summary>
    public static string Write(CompiledModel model)
    {
        int layers = Math.Max(1, model.Steps.Count), bytes = Math.Max(1, model.Plan.Bytes), column = Math.Clamp(1200 / layers, 8, 60), width = layers * column;
        string Y(double offset) => InvariantText.Of($"{Math.Round(Top + (Height * (1 - (offset / bytes))), 2)}");
        string X(int layer) => InvariantText.Of($"{Left + (layer * column)}");
        var svg = new StringBuilder();
        void Line(FormattableString text) => svg.Append(FormattableString.Invariant(text)).Append('\n');

        Line($"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Left + width + 20} {Top + Height + Bottom}\" font-family=\"sans-serif\" font-size=\"11\">");
        Line($"<text x=\"{Left}\" y=\"20\" font-size=\"14\">{Names.Xml(model.File.Name)}: arena {Names.Number(model.Plan.Bytes)} bytes, lower bound {Names.Number(model.Plan.LowerBound)}</text>");

        // Steps that need as many bytes as any.
        foreach (int layer in Enumerable.Range(0, model.Steps.Count).Where(layer => model.Plan.Live[layer] == model.Plan.LowerBound && model.Plan.Bytes > 0))
        {
            Line($"<rect x=\"{X(layer)}\" y=\"{Top}\" width=\"{column}\" height=\"{Height}\" fill=\"#fde2e2\"><title>peak: layer {layer}</title></rect>");
        }

        foreach (Life life in ArenaText.Lives(model))
        {
            int hue = life.First * 137 % 360;
            string height = InvariantText.Of($"{Math.Round((double)Height * life.Bytes / bytes, 2)}");
            Line($"<rect x=\"{X(life.First)}\" y=\"{Y(life.At + life.Bytes)}\" width=\"{(life.Last - life.First + 1) * column}\" height=\"{height}\" fill=\"hsl({hue} 60% 70%)\" fill-opacity=\"0.8\" stroke=\"#333\" stroke-width=\"0.5\">");
            Line($"<title>{Names.Xml(life.Name)}: {Names.Number(life.Bytes)} bytes at {Names.Number(life.At)}, layers {life.First} to {life.Last}</title></rect>");
        }

        Line($"<path d=\"M {Left} {Top} V {Top + Height} H {Left + width}\" fill=\"none\" stroke=\"#333\"/>");
        for (int i = 0; i <= 4; i++) Line($"<text x=\"{Left - 6}\" y=\"{Y(bytes * i / 4)}\" text-anchor=\"end\">{Names.Number((long)bytes * i / 4)}</text>");
        for (int layer = 0; layer < model.Steps.Count; layer += Math.Max(1, 30 / column)) Line($"<text x=\"{X(layer)}\" y=\"{Top + Height + 16}\">{layer}</text>");
        Line($"</svg>");
        return svg.ToString();
    }
}
