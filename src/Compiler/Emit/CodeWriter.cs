using System;
using System.Globalization;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Text;

namespace Etch.Emit;

/// <summary>Writes indented lines. Numbers are formatted invariantly; lines end in \n on every system.</summary>
internal sealed class CodeWriter
{
    private const int Indent = 4;
    private readonly StringBuilder _text = new();
    private int _depth;

    /// <summary>One line, or several: each line of a multi-line text is indented; empty lines stay empty.</summary>
    public void Line(string text = "")
    {
        foreach (string line in text.Split('\n'))
        {
            if (line.Length > 0) _text.Append(' ', _depth * Indent).Append(line.TrimEnd('\r'));
            _text.Append('\n');
        }
    }

    public void Line(InvariantText text) => Line(text.ToString());

    /// <summary>Writes a head, if there is one, and an opening brace; disposing the result writes the closing one.</summary>
    public Scope Block(string head)
    {
        if (head.Length > 0) Line(head);
        Line("{");
        _depth++;
        return new Scope(this);
    }

    public Scope Block(InvariantText head) => Block(head.ToString());

    /// <summary>A method's head with its parameters on lines of their own, each line one group, and its opening brace.</summary>
    public Scope Method(string name, params string[] parameterGroups)
    {
        string[] groups = [.. parameterGroups.Where(group => group.Length > 0)];
        return Block($"private static void {name}(\n    {string.Join(",\n    ", groups)})");
    }

    /// <summary>A block that says <c>unchecked</c> when the consuming project checks for overflow; otherwise none at all.</summary>
    public Scope? Unchecked(bool isNeeded) => isNeeded ? Block("unchecked") : null;

    public override string ToString() => _text.ToString();

    public sealed class Scope(CodeWriter writer) : IDisposable
    {
        public void Dispose()
        {
            writer._depth--;
            writer.Line("}");
        }
    }
}

/// <summary>An interpolated string whose numbers are formatted the same in every culture.</summary>
[InterpolatedStringHandler]
internal readonly struct InvariantText(int literalLength, int formattedCount)
{
    private readonly StringBuilder _text = new(literalLength + (8 * formattedCount));

    public void AppendLiteral(string text) => _text.Append(text);

    public void AppendFormatted<T>(T value) =>
        _text.Append(value is IFormattable number ? number.ToString(null, CultureInfo.InvariantCulture) : value?.ToString());

    public void AppendFormatted<T>(T value, string format)
        where T : IFormattable => _text.Append(value.ToString(format, CultureInfo.InvariantCulture));

    public override string ToString() => _text.ToString();

    /// <summary>The text of an interpolated string: <c>InvariantText.Of($"…")</c>.</summary>
    public static string Of(InvariantText text) => text.ToString();
}
