using System.Globalization;
using System.Text.Json;

namespace FedLLM.Engine.Files;

/// <summary>One weight file of a model to be written.</summary>
/// <param name="FileName">Its name, as Hugging Face names it.</param>
/// <param name="Tensors">Its tensors, in the order of their bytes.</param>
internal sealed record WeightShard(string FileName, IReadOnlyList<SafetensorsEntry> Tensors)
{
    /// <summary>Bytes of its tensors.</summary>
    public long Bytes => Tensors.Sum(t => t.ByteCount);

    /// <summary>
    /// Cuts tensors, by name, into files of at most <paramref name="maxBytes"/> each; a larger tensor has a file of its own. In a file, wider elements come first, as the
    /// reference implementation of safetensors orders them so that every tensor is aligned, then names in ordinal order.
    /// </summary>
    public static IReadOnlyList<WeightShard> Cut(IReadOnlyCollection<SafetensorsEntry> tensors, long maxBytes)
    {
        var files = new List<List<SafetensorsEntry>> { new() };
        long filled = 0;
        foreach (SafetensorsEntry tensor in tensors.OrderBy(t => t.Name, StringComparer.Ordinal))
        {
            if (filled > 0 && filled + tensor.ByteCount > maxBytes)
            {
                files.Add([]);
                filled = 0;
            }

            files[^1].Add(tensor);
            filled += tensor.ByteCount;
        }

        return [.. files.Select((file, i) => new WeightShard(
            Name(i, files.Count), [.. file.OrderByDescending(t => t.Type.ByteSize()).ThenBy(t => t.Name, StringComparer.Ordinal)]))];
    }

    /// <summary>Writes the keys of <c>model.safetensors.index.json</c>.</summary>
    public static void WriteIndex(Utf8JsonWriter json, IReadOnlyList<WeightShard> shards)
    {
        json.WriteStartObject("metadata");
        json.WriteNumber("total_size", shards.Sum(s => s.Bytes));
        json.WriteEndObject();
        json.WriteStartObject("weight_map");
        foreach ((string tensor, string file) in shards.SelectMany(s => s.Tensors.Select(t => (t.Name, s.FileName))).OrderBy(t => t.Name, StringComparer.Ordinal))
        {
            json.WriteString(tensor, file);
        }

        json.WriteEndObject();
    }

    private static string Name(int index, int count) => count == 1
        ? WeightFiles.SingleFile
        : string.Create(CultureInfo.InvariantCulture, $"model-{index + 1:D5}-of-{count:D5}.safetensors");
}
