using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Etch.Ir;

namespace Etch.Emit;

/// <summary>Identifiers and literals of emitted code.</summary>
internal static class Names
{
    private static readonly HashSet<string> Keywords =
    [
        .. ("abstract as base bool break byte case catch char checked class const continue decimal default delegate do double else enum " +
            "event explicit extern false finally fixed float for foreach goto if implicit in int interface internal is lock long " +
            "namespace new null object operator out override params private protected public readonly ref return sbyte sealed short " +
            "sizeof stackalloc static string struct switch this throw true try typeof uint ulong unchecked unsafe ushort using virtual " +
            "void volatile while").Split(' '),
    ];

    // Longer names would break lines, and the C# compiler's limit in the end.
    private const int MaxLength = 40;

    /// <summary>Where the caller's tensors appear: the parameter, and how its constants begin.</summary>
    /// <param name="Tensor">The tensor.</param>
    /// <param name="Parameter">The parameter of Invoke.</param>
    /// <param name="Prefix"><c>Input</c> of <c>InputLength</c>.</param>
    public sealed record Port(Tensor Tensor, string Parameter, string Prefix);

    /// <summary>The caller's inputs and outputs, named after their tensors; constants of a single one begin with Input or Output.</summary>
    public static (Port[] Inputs, Port[] Outputs) Ports(EquatableArray<Tensor> inputs, EquatableArray<Tensor> outputs)
    {
        var taken = new HashSet<string> { "arena", "state", "row", "rows", "next", "y", "nameof" };
        var prefixes = new HashSet<string>();
        if (inputs.Count == 1) prefixes.Add("Input");
        if (outputs.Count == 1) prefixes.Add("Output");
        Port[] Of(EquatableArray<Tensor> tensors, string kind) =>
        [
            .. tensors.Select(tensor =>
            {
                string parameter = Unique(Camel(tensor.Name, kind.ToLowerInvariant()), taken);
                return new Port(tensor, parameter, tensors.Count == 1 ? kind : Unique(Upper(parameter.TrimStart('@')), prefixes));
            }),
        ];
        return (Of(inputs, "Input"), Of(outputs, "Output"));
    }

    /// <summary>The nested class of a signature.</summary>
    public static string Signature(string name, HashSet<string> taken) => Unique(Upper(Camel(name, "signature").TrimStart('@')), taken);

    /// <summary>A name that is not taken yet, which it then is.</summary>
    public static string Unique(string name, HashSet<string> taken)
    {
        string unique = name;
        for (int i = 2; !taken.Add(unique); i++) unique = InvariantText.Of($"{name}{i}");
        return unique;
    }

    /// <summary>A local's name from a tensor's: the last two parts of its path, without what converters put around them.</summary>
    public static string Camel(string tensor, string otherwise)
    {
        string path = tensor.Split(';')[0];
        if (path.StartsWith("serving_default_", StringComparison.Ordinal)) path = path.Substring("serving_default_".Length);
        int port = path.LastIndexOf(':');
        if (port >= 0) path = path.Substring(0, port);
        if (path.StartsWith("StatefulPartitionedCall", StringComparison.Ordinal) && !path.Contains("/")) path = "";

        string[] parts = path.Split('/');
        var words = new StringBuilder();
        foreach (string part in parts.Skip(Math.Max(0, parts.Length - 2)))
        {
            foreach (string word in SplitWords(part)) words.Append(Upper(word));
        }

        if (words.Length == 0) return otherwise;
        if (words.Length > MaxLength) words.Length = MaxLength;
        string name = char.ToLowerInvariant(words[0]) + words.ToString(1, words.Length - 1);
        if (char.IsDigit(name[0])) name = otherwise + name;
        return Keywords.Contains(name) ? "@" + name : name;
    }

    /// <summary>A float literal that reads back as the same number.</summary>
    public static string Float(float value) => value switch
    {
        float.PositiveInfinity => "float.PositiveInfinity",
        float.NegativeInfinity => "float.NegativeInfinity",
        _ when float.IsNaN(value) => "float.NaN",
        _ => value.ToString("G9", CultureInfo.InvariantCulture) + "f",
    };

    /// <summary>A number for readers: <c>2,656,768</c>.</summary>
    public static string Number(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A string literal: everything but plain ASCII is escaped.</summary>
    public static string Text(string text)
    {
        var literal = new StringBuilder("\"");
        foreach (char c in text)
        {
            if (c is '"' or '\\') literal.Append('\\').Append(c);
            else if (c is >= ' ' and <= '~') literal.Append(c);
            else literal.Append("\\u").Append(((int)c).ToString("X4", CultureInfo.InvariantCulture));
        }

        return literal.Append('"').ToString();
    }

    /// <summary>Text inside an XML doc comment.</summary>
    public static string Xml(string text) => text.Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;");

    /// <summary><c>int8[1, 49, 10, 1], real = 0.584702909 · (stored − 83)</c></summary>
    public static string Describe(Tensor tensor)
    {
        if (tensor.Quantization is not { IsPerChannel: false } q || tensor.Type == ElementType.Float32) return tensor.ToString();
        string scale = q.Scale.ToString("G9", CultureInfo.InvariantCulture);
        string zero = q.ZeroPoint switch
        {
            0 => "stored",
            < 0 => InvariantText.Of($"(stored + {-q.ZeroPoint})"),
            _ => InvariantText.Of($"(stored − {q.ZeroPoint})"),
        };
        return $"{tensor}, real = {scale} · {zero}";
    }

    private static string Upper(string word) => word.Length == 0 ? "" : char.ToUpperInvariant(word[0]) + word.Substring(1);

    // Letters and digits of ASCII stay; everything else separates words.
    private static IEnumerable<string> SplitWords(string text)
    {
        var word = new StringBuilder();
        foreach (char c in text)
        {
            if (c is (>= 'a' and <= 'z') or (>= 'A' and <= 'Z') or (>= '0' and <= '9'))
            {
                word.Append(c);
            }
            else if (word.Length > 0)
            {
                yield return word.ToString();
                word.Clear();
            }
        }

        if (word.Length > 0) yield return word.ToString();
    }
}
