using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace FedLLM.Experiments.Configuration;

/// <summary>One line of text.</summary>
internal class TextType(string described = "text", int maxLength = 200) : ValueType
{
    public override ValueReading Read(SourceNode node, string folder)
    {
        if (node is not ScalarNode scalar)
        {
            return ValueReading.Wrong($"must be {described}");
        }

        if (string.IsNullOrWhiteSpace(scalar.Text))
        {
            return ValueReading.Wrong($"has no value; it must be {described}");
        }

        if (scalar.Text.Length > maxLength)
        {
            return ValueReading.Wrong($"is {scalar.Text.Length} characters long; at most {maxLength} are allowed");
        }

        return IsOneLine(scalar.Text) ? Check(scalar.Text, folder) : ValueReading.Wrong("holds a line break, a control character or half a character pair");
    }

    /// <summary>Double-quoted, everything but letters, digits and ASCII escaped, so that it reads back the same under any YAML version.</summary>
    public override string Write(object? value)
    {
        var text = new StringBuilder("\"");
        foreach (Rune rune in ((string)value!).EnumerateRunes())
        {
            if (rune.Value is '"' or '\\')
            {
                text.Append('\\').Append((char)rune.Value);
            }
            else if (rune.IsAscii || Rune.IsLetterOrDigit(rune))
            {
                text.Append(rune.ToString());
            }
            else
            {
                text.Append(rune.IsBmp ? "\\u" : "\\U").Append(rune.Value.ToString(rune.IsBmp ? "X4" : "X8", CultureInfo.InvariantCulture));
            }
        }

        return text.Append('"').ToString();
    }

    protected virtual ValueReading Check(string text, string folder) => ValueReading.Of(text);

    private static bool IsOneLine(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsControl(text[i]) || text[i] is '\u2028' or '\u2029' || !Rune.TryGetRuneAt(text, i, out Rune rune))
            {
                return false;
            }

            i += rune.Utf16SequenceLength - 1;
        }

        return true;
    }
}

/// <summary>A name that is also a folder's.</summary>
internal sealed partial class NameType() : TextType("a name of letters, digits, '.', '_' and '-'", 100)
{
    /// <summary>Makes a name of any text: what is not allowed becomes '-'.</summary>
    public static string From(string text)
    {
        string name = Forbidden().Replace(text, "-").TrimStart('.', '-', '_');
        return name.Length == 0 ? "experiment" : name[..Math.Min(100, name.Length)];
    }

    protected override ValueReading Check(string text, string folder) => Allowed().IsMatch(text)
        ? ValueReading.Of(text)
        : ValueReading.Wrong("must be made of letters, digits, '.', '_' and '-', a letter or digit first");

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]*\z")]
    private static partial Regex Allowed();

    [GeneratedRegex("[^A-Za-z0-9._-]")]
    private static partial Regex Forbidden();
}

/// <summary>A file, a folder or a glob; kept as an absolute path.</summary>
internal sealed class PathType() : TextType("a path", 4096)
{
    protected override ValueReading Check(string text, string folder) => ValueReading.Of(Path.GetFullPath(text, folder));
}

/// <summary>A glob of file names.</summary>
internal sealed class FilePatternType() : TextType("a pattern of file names, such as \"local_*.json.gz\"")
{
    protected override ValueReading Check(string text, string folder) => text.Contains('/', StringComparison.Ordinal)
        ? ValueReading.Wrong("must be a pattern of file names, without '/'; put the folder into data.path")
        : ValueReading.Of(text);
}

/// <summary>Held-out data of each client: a fraction in (0, 1), or a glob.</summary>
internal sealed class HeldOutType : ValueType
{
    private static readonly NumberType Fraction = new(new Bounds(0, IncludeMinimum: false, 1, IncludeMaximum: false));
    private static readonly PathType Glob = new();

    /// <summary>Returns what counts for an experiment's identity: the share that is kept out of training.</summary>
    public static string Identity(HeldOutData? data) => data?.Fraction is { } fraction ? Fraction.Write(fraction) : "none";

    public override ValueReading Read(SourceNode node, string folder)
    {
        if (node is ScalarNode { Quoted: false } scalar && double.TryParse(scalar.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out _))
        {
            ValueReading fraction = Fraction.Read(node, folder);
            return fraction.Problem is null ? ValueReading.Of(new HeldOutData(null, (double)fraction.Value!)) : fraction;
        }

        ValueReading glob = Glob.Read(node, folder);
        return glob.Problem is null ? ValueReading.Of(new HeldOutData((string)glob.Value!, null)) : glob;
    }

    public override string Write(object? value)
    {
        var data = (HeldOutData)value!;
        return data.Glob is null ? Fraction.Write(data.Fraction) : Glob.Write(data.Glob);
    }
}
