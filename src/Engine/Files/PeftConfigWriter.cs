using System.Text.Json;
using FedLLM.Engine.Models;

namespace FedLLM.Engine.Files;

/// <summary>Writes <c>adapter_config.json</c> with the keys that every PEFT since 0.9 reads; later ones fill in their own defaults.</summary>
internal static class PeftConfigWriter
{
    /// <summary>Writes the keys, in PEFT's (alphabetical) order.</summary>
    public static void Write(Utf8JsonWriter json, LoraConfig config, string? baseModel)
    {
        WriteEmptyObject(json, "alpha_pattern");
        json.WriteNull("auto_mapping");
        json.WriteString("base_model_name_or_path", baseModel);
        json.WriteString("bias", "none");
        json.WriteBoolean("fan_in_fan_out", false);
        json.WriteBoolean("inference_mode", true);
        json.WriteBoolean("init_lora_weights", true);
        json.WriteNull("layers_pattern");
        json.WriteNull("layers_to_transform");
        json.WriteShortest("lora_alpha", config.Alpha);
        json.WriteNumber("lora_dropout", config.Dropout);
        json.WriteNull("modules_to_save");
        json.WriteString("peft_type", "LORA");
        json.WriteNumber("r", config.Rank);
        WriteEmptyObject(json, "rank_pattern");
        json.WriteNull("revision");
        json.WriteTexts("target_modules", config.Targets.Order().Select(TensorNames.ModuleName));
        json.WriteString("task_type", "CAUSAL_LM");
        json.WriteBoolean("use_dora", false);
        json.WriteBoolean("use_rslora", false);
    }

    private static void WriteEmptyObject(Utf8JsonWriter json, string key)
    {
        json.WriteStartObject(key);
        json.WriteEndObject();
    }
}
