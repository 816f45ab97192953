using System.Text.Json;

namespace FedLLM.Engine.Files;

/// <summary>What <c>adapter_config.json</c> says, checked, before the targets are matched with the tensors.</summary>
/// <param name="Path">The file.</param>
/// <param name="Rank">r.</param>
/// <param name="Alpha">lora_alpha.</param>
/// <param name="Dropout">lora_dropout.</param>
/// <param name="Targets">target_modules.</param>
/// <param name="BaseModel">base_model_name_or_path, if given.</param>
internal sealed record PeftConfigFile(string Path, int Rank, double Alpha, double Dropout, TargetModules Targets, string? BaseModel)
{
    private const int MaxRank = 1 << 16;

    /// <summary>Keys that are read here, and keys that change nothing in how a trained adapter of our kinds is applied.</summary>
    private static readonly HashSet<string> Understood = new(StringComparer.Ordinal)
    {
        "peft_type", "task_type", "r", "lora_alpha", "lora_dropout", "target_modules", "bias", "init_lora_weights", "base_model_name_or_path",
        "inference_mode", "revision", "peft_version", "auto_mapping", "megatron_core", "qalora_group_size", "ensure_weight_tying", "layers_pattern",
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

        double alpha = json.OptionalNumber("lora_alpha") ?? throw json.Defect("lora_alpha", "is missing");
        double dropout = json.OptionalNumber("lora_dropout") ?? 0;
        return new PeftConfigFile(
            json.Path,
            json.Int("r", 1, MaxRank),
            Math.Abs(alpha) <= float.MaxValue ? alpha : throw json.Defect("lora_alpha", "is out of range"),
            dropout is >= 0 and < 1 ? dropout : throw json.Defect("lora_dropout", "is not in [0, 1)"),
            TargetModules.Parse(json, "target_modules"),
            json.OptionalText("base_model_name_or_path"));
    }

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
