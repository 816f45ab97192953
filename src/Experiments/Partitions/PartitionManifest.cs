using System.Text.Encodings.Web;
using System.Text.Json;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Partitions;

/// <summary>Writes <c>manifest.json</c>: where a partition comes from, and every file's records, labels and SHA-256, a shard a line.</summary>
internal static class PartitionManifest
{
    // Names and labels stand as they are: the file is data, no page.
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the manifest.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="experiment">The experiment.</param>
    /// <param name="data">SHA-256 of the data's files.</param>
    /// <param name="partition">What was written.</param>
    public static void Write(Stream stream, Experiment experiment, string data, WrittenPartition partition)
    {
        Line(stream, "{\n"u8, "experiment", json => json.WriteStringValue(experiment.Name));
        Line(stream, ",\n"u8, "seed", json => json.WriteNumberValue(experiment.Seed));
        Line(stream, ",\n"u8, "scheme", json => json.WriteStringValue(Schema.Find("data.partition.scheme")!.Type.Write(experiment.Data.Partition.Scheme)));
        Line(stream, ",\n"u8, "data_sha256", json => json.WriteStringValue(data));
        Line(stream, ",\n"u8, "format", json => json.WriteStringValue(partition.Format));
        Line(stream, ",\n"u8, "records", json => json.WriteNumberValue(partition.Records));
        stream.Write(",\n\"shards\": ["u8);
        for (int i = 0; i < partition.Shards.Count; i++)
        {
            stream.Write(i == 0 ? "\n"u8 : ",\n"u8);
            using var json = new Utf8JsonWriter(stream, Plain);
            WriteShard(json, partition.Shards[i]);
        }

        stream.Write("\n]"u8);
        if (partition.Test is { } test)
        {
            Line(stream, ",\n"u8, "test", json => WriteShard(json, test));
        }

        stream.Write("\n}\n"u8);
    }

    /// <summary>Writes a shard as an object.</summary>
    public static void WriteShard(Utf8JsonWriter json, WrittenShard shard)
    {
        json.WriteStartObject();
        json.WriteString("name", shard.Name);
        json.WriteString("file", shard.File);
        json.WriteNumber("records", shard.Records);
        json.WriteNumber("bytes", shard.Bytes);
        json.WriteString("sha256", shard.Sha256);
        json.WriteStartObject("labels");
        foreach ((string label, int count) in shard.Labels)
        {
            json.WriteNumber(label, count);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Line(Stream stream, ReadOnlySpan<byte> before, string name, Action<Utf8JsonWriter> value)
    {
        stream.Write(before);
        stream.Write(JsonSerializer.SerializeToUtf8Bytes(name));
        stream.Write(": "u8);
        using var json = new Utf8JsonWriter(stream, Plain);
        value(json);
    }
}
