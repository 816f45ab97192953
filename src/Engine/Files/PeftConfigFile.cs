using System.Text.Json;
using FedLLM.Engine.Models;

namespace FedLLM.Engine.Files;

/// <summary>What <c>adapter_config.json</c> says, checked, before the targets are matched with the tensors.</summary>
/// <param name="Path">The file.</param>
/// <param name="Lora">r, lora_alpha, lora_dropout, target_modules, rank_pattern, alpha_pattern and use_rslora.</param>
/// <param name="BaseModel">base_model_name_or_path, if given.</param>
internal sealed record PeftConfigFile(string Path, LoraConfig Lora, string? BaseModel)
{
    private const int MaxRank = 1 << 16;

    /// <summary>Keys that are read here, and keys that change nothing in how a trained adapter of our kinds is applied.</summary>
    private static readonly HashSet<string> Understood = new(StringComparer.Ordinal)
    {
        "peft_type", "task_type", "r", "lora_alpha", "lora_dropout", "target_modules", "bias", "init_lora_weights", "base_model_name_or_path",
        "rank_pattern", "alpha_pattern", "use_rslora", "layers_to_transform", "inference_mode", "revision", "peft_version", "auto_mapping", "megatron_core", "qalora_group_size", "ensure_weight_tying", "layers_pattern",
        "loftq_config", "eva_config", "corda_config", "lora_ga_config", "runtime_config", "merge_weights", "enable_lora",
    };

    /// <summary>Ways to initialise A and B that leave the base model's weights as they are. The others (PiSSA, OLoRA, LoftQ, …) change them, so their adapter does not fit the published base.</summary>
    private static readonly HashSet<string> NeutralInitializations = new(StringComparer.Ordinal) { "gaussian", "orthogonal", "eva" };

    /// <summary>Reads and checks the file.</summary>
    /// <exception cref="InputFileException">A key is missing or out of range, or asks for a feature that is not supported.</exception>
    public static PeftConfigFile Read(string path) => Parse(JsonFields.Read(path));

    /// <summary>Checks the keys of the file.</summary>
    /// <exception cref="InputFileException">A key is missing or out of range, or asks for a feature that is not supported.</exception>
    public static PeftConfigFile Parse(JsonFields json)
    {
        RequireText(json, "peft_type", "LORA", required: true);
        RequireText(json, "task_type", "CAUSAL_LM", required: false);
        RequireText(json, "bias", "none", required: false);
        RequireNeutralInitialization(json);
        foreach (string key in json.Keys.Where(k => !Understood.Contains(k) && !json.IsInactive(k)))
        {
            throw json.Defect(key, "switches on a feature of PEFT that is not supported", "Use a plain LoRA adapter");
        }

        double dropout = json.OptionalNumber("lora_dropout") ?? 0;
        var lora = new LoraConfig(
            json.Int("r", 1, MaxRank),
            Alpha(json, "lora_alpha"),
            dropout is >= 0 and < 1 ? dropout : throw json.Defect("lora_dropout", "is not in [0, 1)"),
            Named(json, () => TargetModules.Parse(json)))
        {
            RankPattern = Patterns(json, "rank_pattern", (ranks, module) => ranks.Int(module, 1, MaxRank)),
            AlphaPattern = Patterns(json, "alpha_pattern", Alpha),
            RankStabilized = json.OptionalBool("use_rslora") ?? false,
        };
        return new PeftConfigFile(json.Path, lora, json.OptionalText("base_model_name_or_path"));
    }

    /// <summary>Lists the adapted linear layers of a decoder of <paramref name="layers"/> layers.</summary>
    /// <exception cref="InputFileException">The targets or a pattern do not fit.</exception>
    public IReadOnlyList<LoraModule> Modules(int layers)
    {
        try
        {
            return Lora.Modules(layers);
        }
        catch (LoraConfigException e)
        {
            throw Defect(Path, e);
        }
    }

    private static double Alpha(JsonFields json, string key)
    {
        double alpha = json.OptionalNumber(key) ?? throw json.Defect(key, "is missing");
        return Math.Abs(alpha) <= float.MaxValue ? alpha : throw json.Defect(key, "is out of range");
    }

    private static ModulePatterns<T> Patterns<T>(JsonFields json, string key, Func<JsonFields, string, T> read)
        where T : struct, IEquatable<T>
    {
        JsonFields? values = json.OptionalObject(key);
        return values is null ? ModulePatterns<T>.None : Named(json, () => new ModulePatterns<T>(key, [.. values.Keys.Select(k => KeyValuePair.Create(k, read(values, k)))]));
    }

    private static T Named<T>(JsonFields json, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (LoraConfigException e)
        {
            throw Defect(json.Path, e);
        }
    }

    private static InputFileException Defect(string path, LoraConfigException e) => new(path, $"key '{e.Key}'", e.Problem, e.Remedy, e);

    private static void RequireText(JsonFields json, string key, string value, bool required)
    {
        string? text = json.OptionalText(key);
        if (text != value && (required || text is not null))
        {
            throw json.Defect(key, text is null ? "is missing" : $"is {InputFileException.Quote(text)}; only {value} is supported", "Use a plain LoRA adapter of a causal language model");
        }
    }

    private static void RequireNeutralInitialization(JsonFields json)
    {
        const string Key = "init_lora_weights";
        bool neutral = json.KindOf(Key) is JsonValueKind.Null or JsonValueKind.True or JsonValueKind.False || NeutralInitializations.Contains(json.OptionalText(Key)!);
        if (!neutral)
        {
            throw json.Defect(Key, "names an initialisation that changes the base model's weights, which is not supported", "Convert the adapter to plain LoRA with PEFT");
        }
    }
}
