using FedLLM.Engine.Files;

namespace FedLLM.Engine.Models;

/// <summary>
/// Which modules carry an adapter, with PEFT's <c>target_modules</c> rules: a list of names, each matching the modules whose full name it is or ends, at a dot;
/// or one regular expression that must match a module's full name, such as <c>model.layers.0.self_attn.q_proj</c>.
/// </summary>
public sealed class LoraTargets : IEquatable<LoraTargets>
{
    /// <summary>The value that stands for every linear layer of the decoder layers.</summary>
    public const string AllLinear = "all-linear";

    private const string Key = "target_modules";
    private const int MaxNames = 8192;
    private readonly ModuleRegex? _regex;

    private LoraTargets(IReadOnlyList<string> names, string? pattern, IReadOnlyList<int>? layers)
    {
        Names = names;
        Pattern = pattern;
        Layers = layers;
        _regex = pattern is null or AllLinear ? null : ModuleRegex.WholeName(Key, pattern);
    }

    /// <summary>The listed names; empty where there is a <see cref="Pattern"/>.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The regular expression or <see cref="AllLinear"/>; null where names are listed.</summary>
    public string? Pattern { get; }

    /// <summary>The decoder layers in which names that are not a module's full name count (PEFT's <c>layers_to_transform</c>), or null for all.</summary>
    public IReadOnlyList<int>? Layers { get; }

    /// <summary>Targets some linear layers in every decoder layer.</summary>
    public static LoraTargets Of(IReadOnlySet<LinearKind> kinds)
    {
        ArgumentNullException.ThrowIfNull(kinds);
        return new LoraTargets([.. kinds.Order().Select(TensorNames.ModuleName)], null, null);
    }

    /// <summary>Targets the modules that <paramref name="names"/> list, of the decoder layers <paramref name="layers"/> or of all.</summary>
    /// <exception cref="LoraConfigException">There are more than 8,192 names.</exception>
    public static LoraTargets Named(IReadOnlyList<string> names, IReadOnlyList<int>? layers = null)
    {
        ArgumentNullException.ThrowIfNull(names);
        return names.Count <= MaxNames
            ? new LoraTargets([.. names], null, layers is null ? null : [.. layers])
            : throw new LoraConfigException(Key, $"lists {names.Count} names; at most {MaxNames} are read", "Use a regular expression");
    }

    /// <summary>Targets the modules whose full name <paramref name="pattern"/> matches, or all with <see cref="AllLinear"/>.</summary>
    /// <exception cref="LoraConfigException">The pattern is not a regular expression that is understood.</exception>
    public static LoraTargets Matching(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return new LoraTargets([], pattern, null);
    }

    /// <summary>Lists the targeted linear layers of a decoder of <paramref name="layers"/> layers, by layer, then by <see cref="LinearKind"/>.</summary>
    /// <exception cref="LoraConfigException">Something that is targeted is not a linear layer, a name names nothing, or there is no target.</exception>
    public IReadOnlyList<(int Layer, LinearKind Kind)> Resolve(int layers)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(layers);
        RefuseOthers(layers);
        var used = new HashSet<string>(StringComparer.Ordinal);
        var found = new List<(int Layer, LinearKind Kind)>();
        for (int layer = 0; layer < layers; layer++)
        {
            foreach (LinearKind kind in TensorNames.Kinds)
            {
                if (IsTarget(TensorNames.Module(layer, kind), layer, used))
                {
                    found.Add((layer, kind));
                }
            }
        }

        string[] unused = [.. Names.Where(n => !used.Contains(n))];
        if (unused.Length > 0)
        {
            throw Defect($"names {InputFileException.QuoteAll(unused)}, which the model does not have");
        }

        return found.Count > 0 ? found : throw Defect(Names.Count == 0 && Pattern is null ? "names no module" : "matches none of the model's linear layers");
    }

    /// <summary>Whether both name the same modules in the same words.</summary>
    public bool Equals(LoraTargets? other) =>
        other is not null && Pattern == other.Pattern && Names.SequenceEqual(other.Names) && (Layers ?? []).SequenceEqual(other.Layers ?? []);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as LoraTargets);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Pattern, Names.Count, Names.Count > 0 ? Names[0] : null);

    // A module's full name counts whatever Layers says: PEFT looks at the layer only of modules found by the end of their name.
    private bool IsTarget(string module, int layer, HashSet<string> used)
    {
        if (Pattern is not null)
        {
            return _regex?.IsMatch(module) ?? true;
        }

        bool whole = false;
        bool ending = false;
        foreach (string name in Names)
        {
            bool equal = module == name;
            bool ends = !equal && EndsAtDot(module, name);
            if (equal || ends)
            {
                used.Add(name);
            }

            whole |= equal;
            ending |= ends;
        }

        return whole || (ending && (Layers is null || Layers.Contains(layer)));
    }

    // PEFT fails where a target is a norm, a container or the like; it adapts embedding and head, which this program does not.
    private void RefuseOthers(int layers)
    {
        if (Layers?.Cast<int?>().FirstOrDefault(l => l < 0 || l >= layers) is { } absent)
        {
            throw new LoraConfigException("layers_to_transform", $"names layer {absent} of a decoder of {layers} layers (from 0)", "Remove it");
        }

        foreach (string module in TensorNames.OtherModules(layers))
        {
            bool matched = Pattern is null ? Names.Any(n => module == n || EndsAtDot(module, n)) : _regex?.IsMatch(module) ?? false;
            if (matched)
            {
                throw Defect($"{(Pattern is null ? "names" : "matches")} {InputFileException.Quote(module)}, which is not one of the linear layers that can be adapted");
            }
        }
    }

    private static bool EndsAtDot(string module, string name) =>
        module.Length > name.Length && module[^(name.Length + 1)] == '.' && module.EndsWith(name, StringComparison.Ordinal);

    private static LoraConfigException Defect(string problem) =>
        new(Key, problem, $"Target some of {string.Join(", ", TensorNames.Kinds.Select(TensorNames.ModuleName))}");
}
