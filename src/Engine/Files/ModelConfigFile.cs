using System.Text.Json;
using FedLLM.Engine.Models;

namespace FedLLM.Engine.Files;

/// <summary>
/// Reads <c>config.json</c> of the Llama and Qwen2 families in the spellings of transformers 4 and 5 (5 moves <c>rope_theta</c> and <c>rope_scaling</c> into
/// <c>rope_parameters</c>). Absent keys take the defaults of transformers' LlamaConfig and Qwen2Config, except the sizes that define the architecture, which are required.
/// </summary>
internal static class ModelConfigFile
{
    private const int MaxSize = 1 << 24;

    /// <summary>Reads and checks the configuration.</summary>
    /// <exception cref="InputFileException">A key is missing, has a value out of range, or asks for something this program does not do.</exception>
    public static ModelConfig Parse(JsonFields json)
    {
        ModelFamily family = Family(json);
        RefuseUnsupported(json);
        int hidden = json.Int("hidden_size", 1, MaxSize);
        int layers = json.Int("num_hidden_layers", 1, TensorNames.MaxLayers);
        int heads = json.Int("num_attention_heads", 1, MaxSize);
        int keyValueHeads = json.OptionalInt("num_key_value_heads", 1, MaxSize) ?? heads;
        if (heads % keyValueHeads != 0)
        {
            throw json.Defect("num_key_value_heads", $"is {keyValueHeads}, which does not divide the {heads} query heads");
        }

        int maxPositions = json.OptionalInt("max_position_embeddings", 1, int.MaxValue) ?? (family == ModelFamily.Llama ? 2048 : 32768);
        RefuseSlidingWindow(json, layers, maxPositions);
        bool attentionBias = json.OptionalBool("attention_bias") ?? false;
        bool llama = family == ModelFamily.Llama;
        (double theta, RopeScaling? scaling) = RopeFields.Parse(json);
        return new ModelConfig
        {
            Family = family,
            HiddenSize = hidden,
            IntermediateSize = json.Int("intermediate_size", 1, MaxSize),
            Layers = layers,
            Heads = heads,
            KeyValueHeads = keyValueHeads,
            HeadSize = HeadSize(json, hidden, heads),
            VocabularySize = json.Int("vocab_size", 1, MaxSize),
            MaxPositions = maxPositions,
            NormEpsilon = (float)json.Positive("rms_norm_eps", 1e-6),
            RopeTheta = theta,
            RopeScaling = scaling,
            TiedEmbeddings = json.OptionalBool("tie_word_embeddings") ?? false,
            QkvBias = !llama || attentionBias,
            OutputBias = llama && attentionBias,
            MlpBias = llama && (json.OptionalBool("mlp_bias") ?? false),
            BeginOfSequenceId = json.Mentions("bos_token_id") || !llama ? json.OptionalInt("bos_token_id", 0, MaxSize) : 1,
            EndOfSequenceIds = json.Mentions("eos_token_id") || !llama ? json.Ints("eos_token_id", 0, MaxSize) : [2],
        };
    }

    /// <summary>Takes the end-of-sequence ids of <c>generation_config.json</c> where it names any.</summary>
    /// <exception cref="InputFileException">They are not ids.</exception>
    public static ModelConfig WithGeneration(ModelConfig config, JsonFields generation) =>
        generation.Has("eos_token_id") ? config with { EndOfSequenceIds = generation.Ints("eos_token_id", 0, MaxSize) } : config;

    private static ModelFamily Family(JsonFields json) => json.OptionalText("model_type") switch
    {
        "llama" => ModelFamily.Llama,
        "qwen2" => ModelFamily.Qwen2,
        null => throw json.Defect("model_type", "is missing", "Use a model whose model_type is llama or qwen2"),
        string other => throw json.Defect("model_type", $"is {InputFileException.Quote(other)}, which is not supported", "Use a model whose model_type is llama or qwen2"),
    };

    private static void RefuseUnsupported(JsonFields json)
    {
        if (json.OptionalText("hidden_act") is string activation && activation is not ("silu" or "swish"))
        {
            throw json.Defect("hidden_act", $"is {InputFileException.Quote(activation)}; only silu is supported", "Use another model");
        }

        if (!json.IsInactive("quantization_config"))
        {
            throw json.Defect("quantization_config", "says that the weights are quantized, which is not supported", "Use the model's float32, float16 or bfloat16 weights");
        }
    }

    private static int HeadSize(JsonFields json, int hidden, int heads)
    {
        int? stated = json.OptionalInt("head_dim", 1, MaxSize);
        if (stated is null && hidden % heads != 0)
        {
            throw json.Defect("num_attention_heads", $"is {heads}, which does not divide hidden_size {hidden}");
        }

        int size = stated ?? hidden / heads;
        if (size % 2 != 0)
        {
            throw json.Defect(stated is null ? "num_attention_heads" : "head_dim", $"gives heads of width {size}; rotary embedding needs an even width");
        }

        return (long)size * heads <= MaxSize ? size : throw json.Defect("num_attention_heads", $"gives {(long)size * heads} query features; at most {MaxSize} are supported");
    }

    private static void RefuseSlidingWindow(JsonFields json, int layers, int maxPositions)
    {
        bool shorter = json.OptionalInt("sliding_window", 0, int.MaxValue) is int window && window < maxPositions;
        bool used = (json.OptionalBool("use_sliding_window") ?? false) && (json.OptionalInt("max_window_layers", 0, int.MaxValue) ?? 0) < layers;
        bool listed = json.KindOf("layer_types") == JsonValueKind.Array && json.Texts("layer_types").Any(t => t != "full_attention");
        if (shorter && (used || listed))
        {
            throw json.Defect("sliding_window", $"is shorter than max_position_embeddings {maxPositions} and in use; sliding-window attention is not supported", "Use another model");
        }
    }
}
