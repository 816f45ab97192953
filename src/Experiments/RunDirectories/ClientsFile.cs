using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using FedLLM.Data.Samples;
using FedLLM.Data.Shards;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>Writes <c>clients.json</c>: an array with one client a line, its counts by reason and by label. No text of a sample is in it.</summary>
internal static class ClientsFile
{
    // Names and labels stand as they are: the file is data, no page.
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the file durably, unless it holds the same already. One client is in memory at a time.</summary>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public static void Write(IRunFiles files, string path, IReadOnlyList<ShardReport> reports)
    {
        using var hash = SHA256.Create();
        using (var hashing = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write))
        {
            WriteAll(hashing, reports);
        }

        if (files.HashOf(path) != Convert.ToHexStringLower(hash.Hash!))
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

    private static void WriteAll(Stream stream, IReadOnlyList<ShardReport> reports)
    {
        var buffered = new BufferedStream(stream, 1 << 16);
        using var json = new Utf8JsonWriter(buffered, Plain);
        buffered.WriteByte((byte)'[');
        for (int i = 0; i < reports.Count; i++)
        {
            buffered.Write(i == 0 ? "\n"u8 : ",\n"u8);
            WriteClient(json, reports[i]);
            json.Flush();
            json.Reset();
        }

        buffered.Write("\n]\n"u8);
        buffered.Flush();
    }

    private static void WriteClient(Utf8JsonWriter json, ShardReport report)
    {
        SampleTally tally = report.Tally;
        json.WriteStartObject();
        json.WriteNumber("id", report.Client);
        json.WriteString("name", report.Name);
        json.WriteNumber("records", tally.Records);
        json.WriteNumber("usable", tally.Usable);
        WriteCounts(json, "excluded", tally.Excluded.Select(e => (Word(e.Key), e.Value)));
        WriteCounts(json, "truncated", tally.Truncated.Select(t => (Word(t.Key), t.Value)));
        json.WriteNumber("tokens", tally.Tokens);
        json.WriteNumber("scored_tokens", tally.ScoredTokens);
        json.WriteNumber("longest", tally.Longest);
        WriteCounts(json, "labels", tally.Labels.Select(l => (l.Key, l.Value)));
        if (report.HeldOut is { } heldOut)
        {
            json.WriteStartObject("held_out");
            json.WriteNumber("records", heldOut.Records);
            json.WriteNumber("usable", heldOut.Usable);
            WriteCounts(json, "excluded", heldOut.Excluded.Select(e => (Word(e.Key), e.Value)));
            json.WriteNumber("tokens", heldOut.Tokens);
            json.WriteNumber("scored_tokens", heldOut.ScoredTokens);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteCounts(Utf8JsonWriter json, string name, IEnumerable<(string Key, int Count)> counts)
    {
        json.WriteStartObject(name);
        foreach ((string key, int count) in counts.OrderBy(c => c.Key, StringComparer.Ordinal))
        {
            json.WriteNumber(key, count);
        }

        json.WriteEndObject();
    }

    private static string Word<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
