using System.Buffers;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using FedLLM.Data.Samples;
using FedLLM.Data.Shards;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>Writes <c>clients.json</c>: an array with one client a line, its counts by reason and by label. No text of a sample is in it.</summary>
internal static class ClientsFile
{
    private const int Chunk = 1 << 16; // bytes written at a time

    // Names and labels stand as they are: the file is data, no page.
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // In the order in which they are written: by their words.
    private static readonly (ExclusionReason Key, JsonEncodedText Word)[] Reasons = Words<ExclusionReason>();
    private static readonly (Truncation Key, JsonEncodedText Word)[] Truncations = Words<Truncation>();

    /// <summary>Writes the file durably, unless it holds the same already. One client is in memory at a time.</summary>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public static void Write(IRunFiles files, string path, IReadOnlyList<ShardReport> reports)
    {
        if (files.HashOf(path) is not { } found || found != Hash(reports))
        {
            files.WriteWhole(path, stream => WriteAll(stream, reports));
        }
    }

    /// <summary>Whether bytes are such a file, as far as they tell: a list of clients, ascending by id.</summary>
    public static bool IsWhole(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes);
            int[] ids = [.. document.RootElement.EnumerateArray().Select(client => client.GetProperty("id").GetInt32())];
            return ids.Zip(ids.Skip(1)).All(pair => pair.First < pair.Second);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return false;
        }
    }

    private static string Hash(IReadOnlyList<ShardReport> reports)
    {
        using var hash = SHA256.Create();
        using (var hashing = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write))
        {
            WriteAll(hashing, reports);
        }

        return Convert.ToHexStringLower(hash.Hash!);
    }

    private static void WriteAll(Stream stream, IReadOnlyList<ShardReport> reports)
    {
        var buffer = new ArrayBufferWriter<byte>(2 * Chunk);
        using var json = new Utf8JsonWriter(buffer, Plain);
        buffer.Write("["u8);
        for (int i = 0; i < reports.Count; i++)
        {
            buffer.Write(i == 0 ? "\n"u8 : ",\n"u8);
            WriteClient(json, reports[i]);
            json.Flush();
            json.Reset();
            if (buffer.WrittenCount >= Chunk)
            {
                stream.Write(buffer.WrittenSpan);
                buffer.ResetWrittenCount();
            }
        }

        buffer.Write("\n]\n"u8);
        stream.Write(buffer.WrittenSpan);
    }

    private static void WriteClient(Utf8JsonWriter json, ShardReport report)
    {
        SampleTally tally = report.Tally;
        json.WriteStartObject();
        json.WriteNumber("id", report.Client);
        json.WriteString("name", report.Name);
        json.WriteNumber("records", tally.Records);
        json.WriteNumber("usable", tally.Usable);
        WriteCounts(json, "excluded", tally.Excluded, Reasons);
        WriteCounts(json, "truncated", tally.Truncated, Truncations);
        json.WriteNumber("tokens", tally.Tokens);
        json.WriteNumber("scored_tokens", tally.ScoredTokens);
        json.WriteNumber("longest", tally.Longest);
        WriteLabels(json, tally.Labels);
        if (report.HeldOut is { } heldOut)
        {
            json.WriteStartObject("held_out");
            json.WriteNumber("records", heldOut.Records);
            json.WriteNumber("usable", heldOut.Usable);
            WriteCounts(json, "excluded", heldOut.Excluded, Reasons);
            json.WriteNumber("tokens", heldOut.Tokens);
            json.WriteNumber("scored_tokens", heldOut.ScoredTokens);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteCounts<TKey>(Utf8JsonWriter json, string name, IReadOnlyDictionary<TKey, int> counts, (TKey Key, JsonEncodedText Word)[] words)
        where TKey : struct, Enum
    {
        json.WriteStartObject(name);
        foreach ((TKey key, JsonEncodedText word) in words)
        {
            if (counts.TryGetValue(key, out int count))
            {
                json.WriteNumber(word, count);
            }
        }

        json.WriteEndObject();
    }

    private static void WriteLabels(Utf8JsonWriter json, IReadOnlyDictionary<string, int> labels)
    {
        json.WriteStartObject("labels");
        foreach ((string label, int count) in labels)
        {
            json.WriteNumber(label, count);
        }

        json.WriteEndObject();
    }

    private static (TKey Key, JsonEncodedText Word)[] Words<TKey>()
        where TKey : struct, Enum =>
        [.. Enum.GetValues<TKey>().Select(key => (Key: key, Word: JsonNamingPolicy.SnakeCaseLower.ConvertName(key.ToString())))
            .OrderBy(w => w.Word, StringComparer.Ordinal).Select(w => (w.Key, JsonEncodedText.Encode(w.Word)))];
}
