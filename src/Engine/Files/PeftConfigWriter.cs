using System.Text.Json;
using FedLLM.Engine.Models;

namespace FedLLM.Engine.Files;

/// <summary>Writes <c>adapter_config.json</c> with the keys that every PEFT since 0.9 reads; later ones fill in their own defaults.</summary>
internal static class PeftConfigWriter
{
    /// <summary>Writes the keys, in PEFT's (alphabetical) order.</summary>
    public static void Write(Utf8JsonWriter json, LoraConfig config, string? baseModel)
    {
        WritePatterns(json, "alpha_pattern", config.AlphaPattern, json.WriteShortest);
        json.WriteNull("auto_mapping");
        json.WriteString("base_model_name_or_path", baseModel);
        json.WriteString("bias", "none");
        json.WriteBoolean("fan_in_fan_out", false);
        json.WriteBoolean("inference_mode", true);
        json.WriteBoolean("init_lora_weights", true);
        json.WriteNull("layers_pattern");
        WriteLayers(json, config.Targets.Layers);
        json.WriteShortest("lora_alpha", config.Alpha);
        json.WriteNumber("lora_dropout", config.Dropout);
        json.WriteNull("modules_to_save");
        json.WriteString("peft_type", "LORA");
        json.WriteNumber("r", config.Rank);
        WritePatterns(json, "rank_pattern", config.RankPattern, json.WriteNumber);
        json.WriteNull("revision");
        if (config.Targets.Pattern is { } pattern)
        {
            json.WriteString("target_modules", pattern);
        }
        else
        {
            json.WriteTexts("target_modules", config.Targets.Names);
        }

        json.WriteString("task_type", "CAUSAL_LM");
        json.WriteBoolean("use_dora", false);
        json.WriteBoolean("use_rslora", config.RankStabilized);
    }

    private static void WriteLayers(Utf8JsonWriter json, IReadOnlyList<int>? layers)
    {
        const string Key = "layers_to_transform";
        if (layers is null)
        {
            json.WriteNull(Key);
            return;
        }

        json.WriteStartArray(Key);
        foreach (int layer in layers)
        {
            json.WriteNumberValue(layer);
        }

        json.WriteEndArray();
    }

    private static void WritePatterns<T>(Utf8JsonWriter json, string key, ModulePatterns<T> patterns, Action<string, T> write)
        where T : struct, IEquatable<T>
    {
        json.WriteStartObject(key);
        foreach ((string module, T value) in patterns.Entries)
        {
            write(module, value);
        }

        json.WriteEndObject();
    }
}
