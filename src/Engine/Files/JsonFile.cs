using System.Buffers;
using System.Text.Json;

namespace FedLLM.Engine.Files;

/// <summary>Writes small JSON files as Hugging Face's libraries lay them out: two spaces, one key a line, a final line feed.</summary>
internal static class JsonFile
{
    /// <summary>Returns an action that writes one object whose keys <paramref name="writeKeys"/> writes.</summary>
    public static Action<Stream> Object(Action<Utf8JsonWriter> writeKeys) => stream =>
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            writeKeys(json);
            json.WriteEndObject();
        }

        stream.Write(buffer.WrittenSpan);
        stream.WriteByte((byte)'\n');
    };

    /// <summary>Writes a list of texts.</summary>
    public static void WriteTexts(this Utf8JsonWriter json, string key, IEnumerable<string> values)
    {
        json.WriteStartArray(key);
        foreach (string value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }

    /// <summary>Writes a number, as a whole one where it is whole.</summary>
    public static void WriteShortest(this Utf8JsonWriter json, string key, double value)
    {
        if (Math.Abs(value) < 1e15 && value == Math.Truncate(value))
        {
            json.WriteNumber(key, (long)value);
        }
        else
        {
            json.WriteNumber(key, value);
        }
    }
}
