using System.Text.Json;
using FedLLM.Engine.Models;

namespace FedLLM.Engine.Files;

/// <summary>Writes <c>config.json</c> with the keys of transformers 4, which transformers 5 reads too.</summary>
internal static class ModelConfigWriter
{
    /// <summary>Writes the keys.</summary>
    /// <exception cref="ArgumentException">The family cannot have biases where the configuration has them.</exception>
    public static void Write(Utf8JsonWriter json, ModelConfig config, TensorType type)
    {
        bool llama = config.Family == ModelFamily.Llama;
        if (llama ? config.QkvBias != config.OutputBias : !config.QkvBias || config.OutputBias || config.MlpBias)
        {
            throw new ArgumentException($"A {config.Family} model cannot have these biases.", nameof(config));
        }

        json.WriteTexts("architectures", [llama ? "LlamaForCausalLM" : "Qwen2ForCausalLM"]);
        json.WriteString("model_type", llama ? "llama" : "qwen2");
        json.WriteString("hidden_act", "silu");
        json.WriteNumber("hidden_size", config.HiddenSize);
        json.WriteNumber("intermediate_size", config.IntermediateSize);
        json.WriteNumber("num_hidden_layers", config.Layers);
        json.WriteNumber("num_attention_heads", config.Heads);
        json.WriteNumber("num_key_value_heads", config.KeyValueHeads);
        json.WriteNumber("head_dim", config.HeadSize);
        json.WriteNumber("vocab_size", config.VocabularySize);
        json.WriteNumber("max_position_embeddings", config.MaxPositions);
        json.WriteNumber("rms_norm_eps", config.NormEpsilon);
        json.WriteNumber("rope_theta", config.RopeTheta);
        WriteRopeScaling(json, config.RopeScaling);
        json.WriteNumber("attention_dropout", 0);
        json.WriteNumber("initializer_range", 0.02);
        json.WriteBoolean("use_cache", true);
        if (llama)
        {
            json.WriteBoolean("attention_bias", config.QkvBias);
            json.WriteBoolean("mlp_bias", config.MlpBias);
            json.WriteNumber("pretraining_tp", 1);
        }
        else
        {
            json.WriteBoolean("use_sliding_window", false);
            json.WriteNull("sliding_window");
            json.WriteNumber("max_window_layers", config.Layers);
        }

        json.WriteBoolean("tie_word_embeddings", config.TiedEmbeddings);
        WriteSpecialIds(json, config);
        json.WriteString("torch_dtype", type == TensorType.BF16 ? "bfloat16" : "float32");
    }

    // Linear under the key that every transformers reads; llama3 came with the newer key.
    private static void WriteRopeScaling(Utf8JsonWriter json, RopeScaling? scaling)
    {
        if (scaling is null)
        {
            json.WriteNull("rope_scaling");
            return;
        }

        bool linear = scaling.Kind == RopeScalingKind.Linear;
        json.WriteStartObject("rope_scaling");
        json.WriteString(linear ? "type" : "rope_type", linear ? "linear" : "llama3");
        json.WriteNumber("factor", scaling.Factor);
        if (!linear)
        {
            json.WriteNumber("low_freq_factor", scaling.LowFrequencyFactor);
            json.WriteNumber("high_freq_factor", scaling.HighFrequencyFactor);
            json.WriteNumber("original_max_position_embeddings", scaling.OriginalMaxPositions);
        }

        json.WriteEndObject();
    }

    /// <summary>Writes the keys of <c>generation_config.json</c>, which are also part of <c>config.json</c>.</summary>
    public static void WriteSpecialIds(Utf8JsonWriter json, ModelConfig config)
    {
        if (config.BeginOfSequenceId is int begin)
        {
            json.WriteNumber("bos_token_id", begin);
        }
        else
        {
            json.WriteNull("bos_token_id");
        }

        switch (config.EndOfSequenceIds)
        {
            case []:
                json.WriteNull("eos_token_id");
                break;
            case [int only]:
                json.WriteNumber("eos_token_id", only);
                break;
            default:
                json.WriteStartArray("eos_token_id");
                foreach (int end in config.EndOfSequenceIds)
                {
                    json.WriteNumberValue(end);
                }

                json.WriteEndArray();
                break;
        }
    }
}
