namespace FedLLM.Experiments.Configuration;

/// <summary>Reads experiment files: strictly, and with every error of a file at once.</summary>
public static class ExperimentFile
{
    private const string OverrideSource = "--set";

    /// <summary>
    /// Reads the YAML file at <paramref name="path"/> and applies <paramref name="overrides"/>. Relative paths in the file are those of its folder,
    /// those of overrides are those of <paramref name="workingDirectory"/> (default: the process's).
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="overrides">Each <c>key.path=value</c>; of several for one key the last counts.</param>
    /// <param name="workingDirectory">Where overrides' relative paths start, or null.</param>
    /// <exception cref="ExperimentFileException">The file cannot be read or used, or an override cannot; every error is listed.</exception>
    public static Experiment Read(string path, IReadOnlyList<string>? overrides = null, string? workingDirectory = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        byte[] bytes = ReadBytes(path);
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return Parse(bytes, path, folder, overrides, workingDirectory);
    }

    /// <summary>Reads an experiment from bytes, as <see cref="Read"/> does from a file named <paramref name="file"/> in <paramref name="folder"/>.</summary>
    /// <exception cref="ExperimentFileException">The text or an override cannot be used; every error is listed.</exception>
    public static Experiment Parse(
        ReadOnlySpan<byte> yaml,
        string file,
        string folder,
        IReadOnlyList<string>? overrides = null,
        string? workingDirectory = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(folder);
        var settings = new Settings(file);
        ReadSection(YamlTree.Read(yaml, file), string.Empty, settings, folder);
        foreach (string text in overrides ?? [])
        {
            ReadOverride(text, settings, workingDirectory ?? Environment.CurrentDirectory);
        }

        settings.FillGaps();
        Consistency.Check(settings);
        settings.ThrowIfWrong();
        return settings.ToExperiment();
    }

    /// <summary>Reads a configuration file's bytes, at most one more than may be parsed.</summary>
    /// <exception cref="ExperimentFileException">The file cannot be read.</exception>
    internal static byte[] ReadBytes(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);
            var bytes = new byte[Math.Min(stream.Length, YamlTree.MaxBytes + 1)];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            string problem = Directory.Exists(path)
                ? "is a folder; name the experiment file in it"
                : File.Exists(path) ? $"cannot be read ({e.GetType().Name}); check its permissions" : "does not exist; name an experiment file (YAML)";
            throw new ExperimentFileException([new ExperimentFileError(path, 0, string.Empty, problem)]);
        }
    }

    private static void ReadSection(MappingNode section, string path, Settings settings, string folder)
    {
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach ((ScalarNode name, SourceNode value) in section.Entries)
        {
            string keyPath = path.Length == 0 ? name.Text : $"{path}.{name.Text}";
            if (seen.TryGetValue(name.Text, out int first))
            {
                settings.Add(name.Line, Shown(keyPath), $"is given twice, first in line {first}; keep one");
                continue;
            }

            seen.Add(name.Text, name.Line);
            if (Schema.Find(keyPath) is { } key)
            {
                settings.Set(key, value, folder, new Origin(settings.File, name.Line));
            }
            else if (!Schema.Sections.Contains(keyPath))
            {
                settings.Add(name.Line, Shown(keyPath), Unknown(name.Text, path));
            }
            else if (value is MappingNode inner)
            {
                ReadSection(inner, keyPath, settings, folder);
            }
            else
            {
                settings.Add(name.Line, keyPath, $"is a section; give it keys, such as {ExampleOf(keyPath)}");
            }
        }
    }

    private static void ReadOverride(string text, Settings settings, string folder)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0)
        {
            settings.Add(OverrideSource, 0, string.Empty, "needs key.path=value, such as --set lora.rank=16");
            return;
        }

        string path = text[..equals].Trim();
        if (Schema.Find(path) is { } key)
        {
            settings.Set(key, key.Type.FromOverride(text[(equals + 1)..]), folder, new Origin(OverrideSource, 0));
        }
        else if (Schema.Sections.Contains(path))
        {
            settings.Add(OverrideSource, 0, path, $"is a section; set one of its keys, such as {ExampleOf(path)}");
        }
        else
        {
            int dot = path.LastIndexOf('.');
            settings.Add(OverrideSource, 0, Shown(path), Unknown(path[(dot + 1)..], dot < 0 ? string.Empty : path[..dot]));
        }
    }

    private static string Unknown(string name, string section)
    {
        string nearest = NearestName.Find(name, section, Schema.Keys.Select(k => k.Path).Concat(Schema.Sections));
        return $"unknown key; the nearest known one is {nearest}";
    }

    private static string ExampleOf(string section) => Schema.Keys.First(k => k.Section == section).Path;

    // A key's name is the file's content where the file is no experiment at all: only what looks like a key is repeated.
    private static string Shown(string path) =>
        path.Length <= 100 && path.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.') ? path : "(a key)";
}
