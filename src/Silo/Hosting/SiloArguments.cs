using FedLLM.Experiments.Configuration;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.Json;

namespace FedLLM.Silo.Hosting;

/// <summary>
/// What a silo was told by names that may be misspelt. .NET's configuration passes over a name that nobody asks for; here it is an error that names the nearest known one.
/// </summary>
internal static class SiloArguments
{
    private const string Logging = "Logging";

    // A settings file may also say how Orleans, Kestrel and the host are set up.
    private static readonly string[] Sections = [SiloSettings.Section, Logging, "Orleans", "Kestrel", "AllowedHosts"];

    private static readonly string[] Settings = [.. typeof(SiloSettings).GetProperties().Where(p => p.CanWrite).Select(p => p.Name)];

    /// <summary>
    /// Reads a command line: <c>--switch value</c> or <c>--switch=value</c>, where a switch is a short name, <c>Silo:Setting</c> or <c>Logging:…</c>; of several values of
    /// one the last counts. A switch of a Boolean needs no value.
    /// </summary>
    /// <returns>The values by their place in the configuration.</returns>
    /// <exception cref="SiloSettingsException">A name is unknown or has no value; all such are named.</exception>
    public static Dictionary<string, string?> Read(IReadOnlyList<string> args)
    {
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        var problems = new List<string>();
        for (int i = 0; i < args.Count; i++)
        {
            string[] parts = args[i].Split('=', 2);
            string name = parts[0];
            if (KeyOf(name) is not { } key)
            {
                problems.Add(Unknown(name));
                i += i + 1 < args.Count && !args[i + 1].StartsWith('-') ? 1 : 0; // its value, which need not be complained of too
            }
            else if (parts.Length == 2)
            {
                values[key] = parts[1];
            }
            else if (key == $"{SiloSettings.Section}:{nameof(SiloSettings.Insecure)}" && !bool.TryParse(args.ElementAtOrDefault(i + 1), out _))
            {
                values[key] = bool.TrueString;
            }
            else if (i + 1 < args.Count && KeyOf(args[i + 1].Split('=')[0]) is null)
            {
                values[key] = args[++i];
            }
            else
            {
                problems.Add($"{name} needs a value");
            }
        }

        Throw(problems);
        return values;
    }

    /// <summary>Holds the names that stand in the section and, of settings files, the names of sections against those that mean something.</summary>
    /// <exception cref="SiloSettingsException">One is unknown; all such are named.</exception>
    public static void RequireKnown(IConfigurationRoot configuration)
    {
        IEnumerable<string> sections = configuration.Providers.OfType<JsonConfigurationProvider>().SelectMany(p => p.GetChildKeys([], null)).Distinct(StringComparer.OrdinalIgnoreCase);
        Throw(
        [
            .. configuration.GetSection(SiloSettings.Section).GetChildren().Select(s => s.Key).Where(k => !IsOneOf(k, Settings))
                .Select(k => $"{SiloSettings.Section}:{k} is no setting of a silo; the nearest is {SiloSettings.Section}:{NearestName.Find(k, "", Settings)}"),
            .. sections.Where(s => !IsOneOf(s, Sections)).Select(s => $"{s} is no section of a silo's settings file; the nearest is {NearestName.Find(s, "", Sections)}"),
        ]);
    }

    private static void Throw(IReadOnlyList<string> problems)
    {
        if (problems.Count > 0)
        {
            throw new SiloSettingsException(string.Join(Environment.NewLine, problems));
        }
    }

    private static string? KeyOf(string name)
    {
        if (SiloSettings.Switches.TryGetValue(name, out string? key))
        {
            return key;
        }

        string[] parts = name.StartsWith("--", StringComparison.Ordinal) ? name[2..].Split(':') : [];
        return parts switch
        {
            [var section, var setting] when IsOneOf(section, [SiloSettings.Section]) && IsOneOf(setting, Settings) => $"{SiloSettings.Section}:{setting}",
            [var section, _, ..] when IsOneOf(section, [Logging]) => name[2..],
            _ => null,
        };
    }

    // A text that is no switch at all may be a secret in the wrong place: it is not repeated.
    private static string Unknown(string name)
    {
        if (!name.StartsWith("--", StringComparison.Ordinal))
        {
            return "The command line holds a value that belongs to no switch; write --switch value or --switch=value";
        }

        string section = $"--{SiloSettings.Section}:";
        return name.StartsWith(section, StringComparison.OrdinalIgnoreCase)
            ? $"{name} is no setting of a silo; the nearest is {section}{NearestName.Find(name[section.Length..], "", Settings)}"
            : $"{name} is no switch of a silo; the nearest is {NearestName.Find(name, "", SiloSettings.Switches.Keys)}";
    }

    private static bool IsOneOf(string name, string[] known) => known.Contains(name, StringComparer.OrdinalIgnoreCase);
}
