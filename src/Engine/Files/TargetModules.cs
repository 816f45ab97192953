using System.Text.Json;
using System.Text.RegularExpressions;
using FedLLM.Engine.Models;

namespace FedLLM.Engine.Files;

/// <summary>PEFT's <c>target_modules</c>: a list of module names, "all-linear", or a regular expression that must match a module's whole name.</summary>
internal sealed class TargetModules
{
    private const int MaxPatternLength = 1000;
    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(1);
    private readonly JsonFields _json;
    private readonly string _key;
    private readonly IReadOnlySet<LinearKind>? _kinds;
    private readonly Regex? _pattern;

    private TargetModules(JsonFields json, string key, IReadOnlySet<LinearKind>? kinds, Regex? pattern)
    {
        _json = json;
        _key = key;
        _kinds = kinds;
        _pattern = pattern;
    }

    /// <summary>Reads the key.</summary>
    /// <exception cref="InputFileException">The value is neither, or names a module this program does not adapt.</exception>
    public static TargetModules Parse(JsonFields json, string key)
    {
        if (json.KindOf(key) == JsonValueKind.String)
        {
            string text = json.OptionalText(key)!;
            return text == "all-linear" ? new(json, key, TensorNames.Kinds.ToHashSet(), null) : new(json, key, null, Compile(json, key, text));
        }

        var kinds = new HashSet<LinearKind>();
        foreach (string name in json.Texts(key))
        {
            kinds.Add(TensorNames.TryParseModule(name, out LinearKind kind)
                ? kind
                : throw json.Defect(key, $"names {InputFileException.Quote(name)}; {string.Join(", ", TensorNames.Kinds.Select(TensorNames.ModuleName))} are supported", "Use a LoRA adapter on these layers"));
        }

        return kinds.Count > 0 ? new(json, key, kinds, null) : throw json.Defect(key, "names no module");
    }

    /// <summary>Returns the linear layers that are targeted in every one of <paramref name="layers"/> decoder layers.</summary>
    /// <exception cref="InputFileException">A regular expression matches nothing, matches a module in some layers only, or takes longer than a second.</exception>
    public IReadOnlySet<LinearKind> Resolve(int layers)
    {
        if (_pattern is null)
        {
            return _kinds!;
        }

        var kinds = new HashSet<LinearKind>();
        long start = TimeProvider.System.GetTimestamp();
        foreach (LinearKind kind in TensorNames.Kinds)
        {
            int matched = 0;
            for (int layer = 0; layer < layers; layer++)
            {
                matched += IsMatch(TensorNames.Module(layer, kind)) ? 1 : 0;
                if (TimeProvider.System.GetElapsedTime(start) > TimeLimit)
                {
                    throw TooSlow(null);
                }
            }

            if (matched > 0 && matched < layers)
            {
                throw _json.Defect(_key, $"matches {TensorNames.ModuleName(kind)} in {matched} of {layers} layers; only all or none is supported", "Use a LoRA adapter on every layer");
            }

            if (matched > 0)
            {
                kinds.Add(kind);
            }
        }

        return kinds.Count > 0 ? kinds : throw _json.Defect(_key, "matches none of the model's linear layers");
    }

    private static Regex Compile(JsonFields json, string key, string pattern)
    {
        if (pattern.Length > MaxPatternLength)
        {
            throw json.Defect(key, $"is a regular expression of {pattern.Length} characters; at most {MaxPatternLength} are read");
        }

        try
        {
            // PEFT matches with Python's re.fullmatch.
            return new Regex($@"\A(?:{pattern})\z", RegexOptions.CultureInvariant, TimeLimit);
        }
        catch (ArgumentException e)
        {
            throw new InputFileException(json.Path, $"key '{key}'", "is not a regular expression this program understands", "List the modules by name", e);
        }
    }

    private bool IsMatch(string module)
    {
        try
        {
            return _pattern!.IsMatch(module);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw TooSlow(e);
        }
    }

    private InputFileException TooSlow(Exception? inner) =>
        new(_json.Path, $"key '{_key}'", "the regular expression takes longer than a second", "List the modules by name", inner);
}
