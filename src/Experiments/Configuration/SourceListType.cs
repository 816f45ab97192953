using System.Text;
using FedLLM.Data.Examples;
using FedLLM.Data.Files;

namespace FedLLM.Experiments.Configuration;

/// <summary>The sources of a mixed-domain experiment: a list of maps, each with keys of its own.</summary>
internal sealed class SourceListType : ValueType
{
    /// <summary>A record format, or <c>auto</c>.</summary>
    public static readonly OptionalType Format = new(new ChoiceType<RecordFormat>([.. RecordFormat.All.Select(m => (m.Name, m))]), "auto");

    private const int MaxSources = 1000;
    private static readonly TextType Name = new("a name", maxLength: 300);
    private static readonly PathType Path = new();
    private static readonly OptionalType Pattern = new(new FilePatternType());
    private static readonly OptionalType Limit = new(new IntegerType(1));
    private static readonly OptionalType Clients = new(new IntegerType(1), "auto");

    private static readonly (string Name, ValueType Type)[] Keys =
        [("name", Name), ("path", Path), ("pattern", Pattern), ("format", Format), ("limit", Limit), ("clients", Clients)];

    public override ValueReading Read(SourceNode node, string folder)
    {
        if (node is not SequenceNode { Items.Count: > 0 } list)
        {
            return ValueReading.Wrong("must be a list of sources, such as [{path: a.json}, {path: b.json, limit: 1000}]");
        }

        if (list.Items.Count > MaxSources)
        {
            return ValueReading.Wrong($"has {list.Items.Count} sources; at most {MaxSources} are allowed");
        }

        var problems = new List<string>();
        DataSource?[] sources = [.. list.Items.Select((item, i) => ReadSource(item, folder, problem => problems.Add($"source {i + 1}{At(item)}: {problem}")))];
        if (problems.Count == 0 && sources.GroupBy(s => s!.Name, StringComparer.Ordinal).Any(g => g.Count() > 1))
        {
            problems.Add("two sources have the same name; give them a name each");
        }

        return problems.Count == 0 ? ValueReading.Of(sources.OfType<DataSource>().ToArray()) : ValueReading.Wrong(string.Join("; ", problems));
    }

    public override string Write(object? value) => $"[{string.Join(", ", ((IReadOnlyList<DataSource>)value!).Select(Entry))}]";

    /// <summary>Takes a list as YAML writes it on one line.</summary>
    public override SourceNode FromOverride(string text)
    {
        try
        {
            return YamlTree.Read(Encoding.UTF8.GetBytes("sources: " + text), "--set").Entries[0].Value;
        }
        catch (ExperimentFileException)
        {
            return base.FromOverride(text);
        }
    }

    /// <summary>The sources as they stand in an experiment's identity: without paths and names.</summary>
    public static string Identity(IReadOnlyList<DataSource>? sources) => sources is null
        ? "none"
        : $"[{string.Join(", ", sources.Select(s => $"{{{Text(s, "pattern")}, {Text(s, "format")}, {Text(s, "limit")}, {Text(s, "clients")}}}"))}]";

    private static DataSource? ReadSource(SourceNode node, string folder, Action<string> report)
    {
        if (node is not MappingNode mapping)
        {
            report("must be a map with a path, such as {path: a.json}");
            return null;
        }

        var values = new Dictionary<string, object?>(StringComparer.Ordinal);
        bool wrong = false;
        foreach ((ScalarNode key, SourceNode value) in mapping.Entries)
        {
            ValueType? type = Keys.FirstOrDefault(k => k.Name == key.Text).Type;
            string? problem = type is null ? $"unknown key; the nearest known one is {NearestName.Find(key.Text, string.Empty, Keys.Select(k => k.Name))}" : null;
            if (problem is null)
            {
                ValueReading reading = type!.Read(value, folder);
                problem = reading.Problem is { } wrongValue ? $"{key.Text} {wrongValue}"
                    : values.TryAdd(key.Text, reading.Value) ? null
                    : $"{key.Text} is given twice; keep one";
            }

            if (problem is not null)
            {
                wrong = true;
                report(problem);
            }
        }

        if (!mapping.Entries.Any(e => e.Key.Text == "path"))
        {
            wrong = true;
            report("path is required; name a file, a folder or a glob");
        }

        return wrong ? null : Source(values);
    }

    private static DataSource Source(Dictionary<string, object?> values)
    {
        string path = (string)values["path"]!;
        string stem = DataFiles.Stem(System.IO.Path.TrimEndingDirectorySeparator(path));
        return new DataSource(
            values.GetValueOrDefault("name") as string ?? (string.IsNullOrWhiteSpace(stem) ? "source" : stem), path, (string?)values.GetValueOrDefault("pattern"), (RecordFormat?)values.GetValueOrDefault("format"),
            (int?)(long?)values.GetValueOrDefault("limit"), (int?)(long?)values.GetValueOrDefault("clients"));
    }

    private static string Entry(DataSource source) => $"{{{string.Join(", ", Keys.Select(k => Text(source, k.Name)))}}}";

    private static string Text(DataSource source, string key) => key + ": " + key switch
    {
        "name" => Name.Write(source.Name),
        "path" => Path.Write(source.Path),
        "pattern" => Pattern.Write(source.Pattern),
        "format" => Format.Write(source.Format),
        "limit" => Limit.Write((long?)source.Limit),
        _ => Clients.Write((long?)source.Clients),
    };

    private static string At(SourceNode node) => node.Line > 0 ? $" (line {node.Line})" : string.Empty;
}
