using System.Text;
using System.Text.RegularExpressions;
using FedLLM.Engine.Models;

namespace FedLLM.Experiments.Configuration;

/// <summary>A regular expression on the names of modules, as PEFT takes them.</summary>
internal static class ModulePattern
{
    private const int MaxLength = 1000;
    private static readonly TextType Text = new("a regular expression", MaxLength);

    /// <summary>Reads one line of text that is a regular expression.</summary>
    public static ValueReading Read(SourceNode node, string folder)
    {
        ValueReading reading = Text.Read(node, folder);
        if (reading.Problem is null)
        {
            try
            {
                _ = new Regex((string)reading.Value!, RegexOptions.CultureInvariant);
            }
            catch (ArgumentException)
            {
                return ValueReading.Wrong("is not a regular expression this program understands");
            }
        }

        return reading;
    }

    /// <summary>Writes it.</summary>
    public static string Write(string pattern) => Text.Write(pattern);
}

/// <summary>The adapted layers: a list of names, <c>all-linear</c>, or a regular expression.</summary>
internal sealed class LoraTargetsType : ValueType
{
    private static readonly NameListType<LinearKind> Names = new(Schema.LinearNames, "all-linear");

    public override ValueReading Read(SourceNode node, string folder)
    {
        if (node is SequenceNode or ScalarNode { Text: "all-linear" })
        {
            ValueReading names = Names.Read(node, folder);
            return names.Problem is null ? ValueReading.Of(new LoraTargetOptions((IReadOnlyList<LinearKind>)names.Value!)) : names;
        }

        if (node is ScalarNode scalar && Schema.LinearNames.Any(n => n.Name == scalar.Text))
        {
            return ValueReading.Wrong($"must be a list, such as [{scalar.Text}], or a regular expression that matches a module's whole name");
        }

        ValueReading pattern = ModulePattern.Read(node, folder);
        return pattern.Problem is null ? ValueReading.Of(new LoraTargetOptions([], (string)pattern.Value!)) : pattern;
    }

    public override string Write(object? value)
    {
        var targets = (LoraTargetOptions)value!;
        return targets.Pattern is null ? Names.Write(targets.Names) : ModulePattern.Write(targets.Pattern);
    }

    /// <summary>Takes <c>[a, b]</c> and <c>a,b</c> as lists; what holds any other character than a name's is a regular expression.</summary>
    public override SourceNode FromOverride(string text) =>
        text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or ',' or ' ' or '[' or ']') ? Names.FromOverride(text) : base.FromOverride(text);
}

/// <summary>A map from modules, by suffix or regular expression, to numbers; its order is kept, because the first that fits counts.</summary>
/// <param name="number">The numbers' type.</param>
internal sealed class PatternMapType<T>(ValueType number) : ValueType
{
    private const int MaxEntries = 1000;

    public override ValueReading Read(SourceNode node, string folder)
    {
        if (node is not MappingNode mapping)
        {
            return ValueReading.Wrong("must be a map from module names or regular expressions to numbers, such as {q_proj: 4}, or {}");
        }

        if (mapping.Entries.Count > MaxEntries)
        {
            return ValueReading.Wrong($"has {mapping.Entries.Count} entries; at most {MaxEntries} are allowed");
        }

        var entries = new List<KeyValuePair<string, T>>();
        foreach ((ScalarNode key, SourceNode value) in mapping.Entries)
        {
            ValueReading pattern = ModulePattern.Read(key, folder);
            ValueReading reading = number.Read(value, folder);
            if ((pattern.Problem is null ? null : "has a key that " + pattern.Problem) is { } problem)
            {
                return ValueReading.Wrong(problem);
            }

            if (reading.Problem is not null)
            {
                return ValueReading.Wrong("has a value that " + reading.Problem);
            }

            if (entries.Any(e => e.Key == key.Text))
            {
                return ValueReading.Wrong("has a key twice; keep one");
            }

            entries.Add(new KeyValuePair<string, T>(key.Text, (T)Convert.ChangeType(reading.Value!, typeof(T), System.Globalization.CultureInfo.InvariantCulture)));
        }

        return ValueReading.Of(entries);
    }

    public override string Write(object? value)
    {
        var entries = (IReadOnlyList<KeyValuePair<string, T>>)value!;
        return "{" + string.Join(", ", entries.Select(e => $"{ModulePattern.Write(e.Key)}: {number.Write(e.Value is int integer ? (long)integer : e.Value)}")) + "}";
    }

    /// <summary>Takes a map as YAML writes it on one line.</summary>
    public override SourceNode FromOverride(string text)
    {
        try
        {
            return YamlTree.Read(Encoding.UTF8.GetBytes(text), "--set");
        }
        catch (ExperimentFileException)
        {
            return base.FromOverride(text);
        }
    }
}
