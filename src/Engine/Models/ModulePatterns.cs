using FedLLM.Engine.Files;

namespace FedLLM.Engine.Models;

/// <summary>
/// Values by module, as PEFT's <c>rank_pattern</c> and <c>alpha_pattern</c> give them: the first key, in their order, that matches a module's full name from its
/// beginning or from behind a dot to its end. Keys are regular expressions; most are names.
/// </summary>
/// <typeparam name="T">What is given by module.</typeparam>
public sealed class ModulePatterns<T> : IEquatable<ModulePatterns<T>>
    where T : struct, IEquatable<T>
{
    private const int MaxKeys = 8192;
    private const int MaxRegexes = 256;
    private readonly ModuleRegex?[] _regexes;

    /// <summary>Compiles the keys.</summary>
    /// <param name="setting">PEFT's name of the setting, for errors.</param>
    /// <param name="entries">Keys and values, in the order that decides.</param>
    /// <exception cref="LoraConfigException">There are too many keys, or one is not a regular expression that is understood.</exception>
    public ModulePatterns(string setting, IReadOnlyList<KeyValuePair<string, T>> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        int regexes = entries.Count(e => !IsName(e.Key));
        if (entries.Count > MaxKeys || regexes > MaxRegexes)
        {
            throw new LoraConfigException(
                setting, $"has {entries.Count} keys, {regexes} of them regular expressions; at most {MaxKeys} and {MaxRegexes} are read", "Write fewer keys");
        }

        Entries = [.. entries];
        _regexes = [.. entries.Select(e => IsName(e.Key) ? null : ModuleRegex.EndOfName(setting, e.Key))];
    }

    /// <summary>No value for any module.</summary>
    public static ModulePatterns<T> None { get; } = new(string.Empty, []);

    /// <summary>Keys and values, in the order that decides.</summary>
    public IReadOnlyList<KeyValuePair<string, T>> Entries { get; }

    /// <summary>The module's value, or <paramref name="fallback"/> where no key matches it.</summary>
    public T Find(string module, T fallback)
    {
        ArgumentNullException.ThrowIfNull(module);
        for (int i = 0; i < Entries.Count; i++)
        {
            if (Matches(i, module))
            {
                return Entries[i].Value;
            }
        }

        return fallback;
    }

    /// <summary>Refuses a key that matches no linear layer: PEFT would overlook it.</summary>
    /// <exception cref="LoraConfigException">There is such a key.</exception>
    internal void RequireMatches(string setting, IReadOnlyList<string> modules)
    {
        for (int i = 0; i < Entries.Count; i++)
        {
            int key = i;
            if (!modules.Any(module => Matches(key, module)))
            {
                throw new LoraConfigException(
                    setting, $"has the key {InputFileException.Quote(Entries[i].Key)}, which matches none of the model's linear layers", "Correct the key or remove it");
            }
        }
    }

    /// <summary>Whether both have the same entries in the same order.</summary>
    public bool Equals(ModulePatterns<T>? other) => other is not null && Entries.SequenceEqual(other.Entries);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ModulePatterns<T>);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Entries.Count, Entries.Count > 0 ? Entries[0].Key : null);

    // Names are compared without the cost of a regular expression: some adapters list every module. A dot in them stands for any character, as in all keys.
    private bool Matches(int index, string module)
    {
        if (_regexes[index] is { } regex)
        {
            return regex.IsMatch(module);
        }

        string key = Entries[index].Key;
        int start = module.Length - key.Length;
        if (start < 0 || (start > 0 && module[start - 1] != '.'))
        {
            return false;
        }

        for (int i = key.Length - 1; i >= 0; i--)
        {
            if (key[i] != '.' && key[i] != module[start + i])
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsName(string key) => key.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.');
}
