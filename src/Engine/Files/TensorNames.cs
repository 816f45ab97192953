using System.Globalization;
using FedLLM.Engine.Models;

namespace FedLLM.Engine.Files;

/// <summary>Hugging Face's and PEFT's names for the tensors and modules of a Llama or Qwen2 decoder.</summary>
public static class TensorNames
{
    /// <summary>The embedding's matrix, [V, D].</summary>
    public const string Embedding = "model.embed_tokens.weight";

    /// <summary>The head's matrix, [V, D]; absent from files where tied.</summary>
    public const string Head = "lm_head.weight";

    /// <summary>The last norm's weight, [D].</summary>
    public const string FinalNorm = "model.norm.weight";

    /// <summary>Most decoder layers a configuration or an adapter may have.</summary>
    internal const int MaxLayers = 1024;

    private const string LayerPrefix = "model.layers.";
    private const string PeftPrefix = "base_model.model.";
    private const string SuffixA = ".lora_A.weight";
    private const string SuffixB = ".lora_B.weight";

    private static readonly string[] ModulePaths =
    [
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
    ];

    /// <summary>All linear layers, in the order of <see cref="LinearKind"/>.</summary>
    public static IReadOnlyList<LinearKind> Kinds { get; } = Enum.GetValues<LinearKind>();

    /// <summary>The module's path inside its layer, such as <c>self_attn.q_proj</c>.</summary>
    public static string ModulePath(LinearKind kind) => ModulePaths[(int)kind];

    /// <summary>The module's own name, such as <c>q_proj</c>: what PEFT's <c>target_modules</c> and the experiment file list.</summary>
    public static string ModuleName(LinearKind kind) => ModulePaths[(int)kind].Split('.')[1];

    /// <summary>Finds the linear layer named by a module's own name or its path inside the layer.</summary>
    public static bool TryParseModule(string name, out LinearKind kind)
    {
        int index = Array.FindIndex(ModulePaths, p => p == name || p.EndsWith("." + name, StringComparison.Ordinal));
        kind = (LinearKind)Math.Max(index, 0);
        return index >= 0;
    }

    /// <summary>The module's full name, such as <c>model.layers.0.self_attn.q_proj</c>.</summary>
    public static string Module(int layer, LinearKind kind) => string.Create(CultureInfo.InvariantCulture, $"{LayerPrefix}{layer}.{ModulePath(kind)}");

    /// <summary>The full names of every linear layer of the first <paramref name="layers"/> decoder layers.</summary>
    internal static IEnumerable<string> LinearModules(int layers) =>
        Enumerable.Range(0, layers).SelectMany(layer => Kinds.Select(kind => Module(layer, kind)));

    /// <summary>The full names of the model's other modules, as transformers names them: none of them can carry an adapter here.</summary>
    internal static IEnumerable<string> OtherModules(int layers)
    {
        string[] outside = ["model", "model.embed_tokens", "model.layers", "model.norm", "model.rotary_emb", "lm_head"];
        string[] inside = ["", ".self_attn", ".mlp", ".mlp.act_fn", ".input_layernorm", ".post_attention_layernorm"];
        return outside.Concat(Enumerable.Range(0, layers).SelectMany(
            layer => inside.Select(path => string.Create(CultureInfo.InvariantCulture, $"{LayerPrefix}{layer}{path}"))));
    }

    /// <summary>A linear layer's matrix, [out, in].</summary>
    public static string Weight(int layer, LinearKind kind) => Module(layer, kind) + ".weight";

    /// <summary>A linear layer's bias, [out].</summary>
    public static string Bias(int layer, LinearKind kind) => Module(layer, kind) + ".bias";

    /// <summary>The weight of the norm before attention, [D].</summary>
    public static string InputNorm(int layer) => string.Create(CultureInfo.InvariantCulture, $"{LayerPrefix}{layer}.input_layernorm.weight");

    /// <summary>The weight of the norm before the MLP, [D].</summary>
    public static string PostAttentionNorm(int layer) => string.Create(CultureInfo.InvariantCulture, $"{LayerPrefix}{layer}.post_attention_layernorm.weight");

    /// <summary>LoRA's A of a linear layer as PEFT names it, [r, in].</summary>
    public static string LoraA(int layer, LinearKind kind) => PeftPrefix + Module(layer, kind) + SuffixA;

    /// <summary>LoRA's B of a linear layer as PEFT names it, [out, r].</summary>
    public static string LoraB(int layer, LinearKind kind) => PeftPrefix + Module(layer, kind) + SuffixB;

    /// <summary>Takes a PEFT key apart; false where it is not one of <see cref="LoraA"/> or <see cref="LoraB"/> of at most 1024 layers.</summary>
    public static bool TryParseLora(string name, out int layer, out LinearKind kind, out bool isB)
    {
        ArgumentNullException.ThrowIfNull(name);
        isB = name.EndsWith(SuffixB, StringComparison.Ordinal);
        (layer, kind) = (0, default);
        if (!name.StartsWith(PeftPrefix + LayerPrefix, StringComparison.Ordinal) || !(isB || name.EndsWith(SuffixA, StringComparison.Ordinal)))
        {
            return false;
        }

        string[] parts = name[(PeftPrefix.Length + LayerPrefix.Length)..^SuffixA.Length].Split('.', 2);
        return parts.Length == 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out layer)
            && layer < MaxLayers
            && TryParseModule(parts[1], out kind)
            && name == (isB ? LoraB(layer, kind) : LoraA(layer, kind));
    }

    /// <summary>One more than the highest decoder layer that a PEFT key among <paramref name="names"/> names; 0 where none does.</summary>
    internal static int CountLoraLayers(IEnumerable<string> names) =>
        names.Select(n => TryParseLora(n, out int layer, out _, out _) ? layer + 1 : 0).DefaultIfEmpty().Max();

    /// <summary>Output and input features of a linear layer.</summary>
    public static (int Out, int In) Size(ModelConfig config, LinearKind kind)
    {
        ArgumentNullException.ThrowIfNull(config);
        return kind switch
        {
            LinearKind.Query => (config.QuerySize, config.HiddenSize),
            LinearKind.Key or LinearKind.Value => (config.KeyValueSize, config.HiddenSize),
            LinearKind.Output => (config.HiddenSize, config.QuerySize),
            LinearKind.Gate or LinearKind.Up => (config.IntermediateSize, config.HiddenSize),
            LinearKind.Down => (config.HiddenSize, config.IntermediateSize),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Not a linear layer."),
        };
    }

    /// <summary>Whether a linear layer has a bias.</summary>
    public static bool HasBias(ModelConfig config, LinearKind kind)
    {
        ArgumentNullException.ThrowIfNull(config);
        return kind switch
        {
            LinearKind.Query or LinearKind.Key or LinearKind.Value => config.QkvBias,
            LinearKind.Output => config.OutputBias,
            _ => config.MlpBias,
        };
    }
}
