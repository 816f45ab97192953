using FedLLM.Engine.Models;

namespace FedLLM.Engine.Files;

/// <summary>
/// Reads the rotary embedding's base and scaling: <c>rope_theta</c> and <c>rope_scaling</c> (transformers 4; its key <c>rope_type</c> was once <c>type</c>), or both
/// inside <c>rope_parameters</c> (transformers 5).
/// </summary>
internal static class RopeFields
{
    private static readonly string[] TypeKeys = ["rope_type", "type"];
    private static readonly HashSet<string> LinearKeys = new(StringComparer.Ordinal) { "rope_type", "type", "rope_theta", "partial_rotary_factor", "factor" };
    private static readonly HashSet<string> Llama3Keys =
        new(LinearKeys, StringComparer.Ordinal) { "low_freq_factor", "high_freq_factor", "original_max_position_embeddings" };

    /// <summary>Reads both.</summary>
    /// <exception cref="InputFileException">A value is out of range, the two places contradict each other, or the type of scaling is not supported.</exception>
    public static (double Theta, RopeScaling? Scaling) Parse(JsonFields json)
    {
        RefusePartial(json);
        JsonFields[] places = [.. new[] { json.OptionalObject("rope_parameters"), json.OptionalObject("rope_scaling") }.OfType<JsonFields>()];
        RopeScaling?[] scalings = [.. places.Select(Scaling)];
        if (scalings is [var first, var second] && first != second)
        {
            throw json.Defect("rope_scaling", "differs from rope_parameters", "Remove the wrong one of the two");
        }

        JsonFields? nested = Array.Find(places, p => p.Has("rope_theta"));
        double theta = (nested ?? json).Positive("rope_theta", 10000);
        return !json.Has("rope_theta") || json.OptionalNumber("rope_theta") == theta
            ? (theta, scalings.FirstOrDefault())
            : throw json.Defect("rope_theta", "differs from the rope_theta in rope_parameters or rope_scaling", "Remove the wrong one of the two");
    }

    private static RopeScaling? Scaling(JsonFields fields)
    {
        RefusePartial(fields);
        string[] named = [.. TypeKeys.Where(fields.Has)];
        string[] types = [.. named.Select(key => fields.OptionalText(key)!).Distinct()];
        return types switch
        {
            [] => fields.Has("factor") ? throw fields.Defect("rope_type", "is missing beside factor", "Name the type") : null,
            ["default"] => null,
            ["linear"] => new RopeScaling(RopeScalingKind.Linear, Factor(fields, LinearKeys)),
            ["llama3"] => Llama3(fields),
            [_, _] => throw fields.Defect("type", "differs from rope_type", "Remove the wrong one of the two"),
            [string other, ..] => throw fields.Defect(
                named[0], $"is {InputFileException.Quote(other)}, which is not supported; default, linear and llama3 are", "Use a model with one of these"),
        };
    }

    private static RopeScaling Llama3(JsonFields fields)
    {
        var scaling = new RopeScaling(RopeScalingKind.Llama3, Factor(fields, Llama3Keys))
        {
            LowFrequencyFactor = fields.Positive("low_freq_factor", null),
            HighFrequencyFactor = fields.Positive("high_freq_factor", null),
            OriginalMaxPositions = fields.Int("original_max_position_embeddings", 1, int.MaxValue),
        };
        return scaling.HighFrequencyFactor > scaling.LowFrequencyFactor
            ? scaling
            : throw fields.Defect("high_freq_factor", "is not above low_freq_factor");
    }

    private static double Factor(JsonFields fields, HashSet<string> known)
    {
        foreach (string key in fields.Keys.Where(k => !known.Contains(k) && !fields.IsInactive(k)))
        {
            throw fields.Defect(key, "is not a setting of this type of scaling that is supported", "Remove it if the model does without");
        }

        double factor = fields.Positive("factor", null);
        return factor >= 1 ? factor : throw fields.Defect("factor", "is below 1");
    }

    private static void RefusePartial(JsonFields json)
    {
        if (json.OptionalNumber("partial_rotary_factor") is double factor && factor != 1)
        {
            throw json.Defect("partial_rotary_factor", "is not 1, which is not supported", "Use another model");
        }
    }
}
