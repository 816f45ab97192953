namespace FedLLM.Experiments.Configuration;

/// <summary>One of several names.</summary>
/// <param name="built">The names that work, with what they mean.</param>
/// <param name="planned">Names of the design that are not built yet: they have their own error.</param>
internal sealed class ChoiceType<T>(IReadOnlyList<(string Name, T Value)> built, params string[] planned) : ValueType
    where T : notnull
{
    public override ValueReading Read(SourceNode node, string folder)
    {
        string allowed = built.Count == 1 ? $"only {built[0].Name} is" : $"{string.Join(", ", built.Select(b => b.Name))} are";
        if (node is ScalarNode scalar)
        {
            foreach ((string name, T value) in built)
            {
                if (name == scalar.Text)
                {
                    return ValueReading.Of(value);
                }
            }

            if (planned.Contains(scalar.Text, StringComparer.Ordinal))
            {
                return ValueReading.Wrong($"'{scalar.Text}' is not built yet; {allowed}");
            }
        }

        return ValueReading.Wrong($"must be {Listed()}");
    }

    public override string Write(object? value) => built.First(b => b.Value.Equals(value)).Name;

    private string Listed() => built.Count == 1
        ? built[0].Name
        : $"{string.Join(", ", built.SkipLast(1).Select(b => b.Name))} or {built[^1].Name}";
}

/// <summary>A list of names, each at most once; kept in the order of <paramref name="names"/>, so that one set has one spelling.</summary>
/// <param name="names">The names, with what they mean.</param>
/// <param name="all">A single word for all of them, or null.</param>
/// <param name="planned">Names that are not built yet.</param>
internal sealed class NameListType<T>(IReadOnlyList<(string Name, T Value)> names, string? all, params string[] planned) : ValueType
    where T : struct, Enum
{
    public override ValueReading Read(SourceNode node, string folder)
    {
        if (node is ScalarNode { Text: var word } && word == all)
        {
            return ValueReading.Of(names.Select(n => n.Value).ToArray());
        }

        if (node is not SequenceNode { Items.Count: > 0 } sequence)
        {
            return ValueReading.Wrong($"must be a list of {Listed()}");
        }

        var chosen = new HashSet<string>(StringComparer.Ordinal);
        foreach (SourceNode item in sequence.Items)
        {
            string text = (item as ScalarNode)?.Text ?? string.Empty;
            if (planned.Contains(text, StringComparer.Ordinal))
            {
                return ValueReading.Wrong($"'{text}' is not built yet; choose from {Listed()}");
            }

            if (!names.Any(n => n.Name == text))
            {
                return ValueReading.Wrong($"must be a list of {Listed()}");
            }

            if (!chosen.Add(text))
            {
                return ValueReading.Wrong($"names {text} twice");
            }
        }

        return ValueReading.Of(names.Where(n => chosen.Contains(n.Name)).Select(n => n.Value).ToArray());
    }

    public override string Write(object? value) =>
        $"[{string.Join(", ", ((IReadOnlyList<T>)value!).Select(v => names.First(n => n.Value.Equals(v)).Name))}]";

    /// <summary>Takes <c>[a, b]</c> and <c>a,b</c>.</summary>
    public override SourceNode FromOverride(string text)
    {
        if (text == all)
        {
            return base.FromOverride(text);
        }

        string inner = text.StartsWith('[') && text.EndsWith(']') && text.Length > 1 ? text[1..^1] : text;
        return new SequenceNode([.. inner.Split(',', StringSplitOptions.TrimEntries).Select(item => base.FromOverride(item))], Line: 0);
    }

    private string Listed() => string.Join(", ", names.Select(n => n.Name)) + (all is null ? string.Empty : $" (or {all})");
}
