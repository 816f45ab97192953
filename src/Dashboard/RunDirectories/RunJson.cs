using System.Text.Json;
using System.Text.Json.Serialization;
using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.RunDirectories;

/// <summary>Reads <c>rounds.jsonl</c> and <c>clients.json</c>. Keys it does not know are left alone: another version may have written them.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    RespectNullableAnnotations = true,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(RoundRow))]
[JsonSerializable(typeof(ClientCard[]))]
internal sealed partial class RunJson : JsonSerializerContext
{
    /// <summary>Reads a line of <c>rounds.jsonl</c>; null where it is none.</summary>
    public static RoundRow? Round(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, Default.RoundRow);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Reads <c>clients.json</c>; null where it is damaged.</summary>
    public static ClientCard[]? Clients(ReadOnlySpan<byte> document)
    {
        try
        {
            return JsonSerializer.Deserialize(document, Default.ClientCardArray);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
