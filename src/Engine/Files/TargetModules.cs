using System.Text.Json;
using FedLLM.Engine.Models;

namespace FedLLM.Engine.Files;

/// <summary>Reads PEFT's <c>target_modules</c>, <c>layers_to_transform</c> and <c>layers_pattern</c>.</summary>
internal static class TargetModules
{
    private const string Key = "target_modules";
    private const string LayersKey = "layers_to_transform";

    /// <summary>Reads the keys.</summary>
    /// <exception cref="InputFileException">A value has the wrong type, or the keys do not go together.</exception>
    /// <exception cref="LoraConfigException">The regular expression is not understood, or the list is too long.</exception>
    public static LoraTargets Parse(JsonFields json)
    {
        IReadOnlyList<int>? layers = json.IsInactive(LayersKey) ? null : json.Ints(LayersKey, 0, TensorNames.MaxLayers - 1);
        if (json.KindOf(Key) == JsonValueKind.String)
        {
            return layers is null
                ? LoraTargets.Matching(json.OptionalText(Key)!)
                : throw json.Defect(LayersKey, "does not go with a target_modules that is text", "Name the layers in the regular expression");
        }

        IReadOnlyList<string> names = json.Texts(Key);
        if (layers is not null && !IsPlainLayersPattern(json))
        {
            throw json.Defect("layers_pattern", "names something other than layers, which is not supported", "Remove it");
        }

        return LoraTargets.Named(names, layers);
    }

    private static bool IsPlainLayersPattern(JsonFields json)
    {
        const string Pattern = "layers_pattern";
        return json.IsInactive(Pattern)
            || (json.KindOf(Pattern) == JsonValueKind.Array ? json.Texts(Pattern).All(p => p == "layers") : json.OptionalText(Pattern) is "" or "layers");
    }
}
