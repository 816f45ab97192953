using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace FedLLM.Cli.Rendering;

/// <summary>Writes a command's result as one JSON document on one line; keys are in snake_case, as in <c>rounds.jsonl</c>.</summary>
internal static class JsonResult
{
    /// <summary>Writes an object whose members <paramref name="members"/> writes.</summary>
    public static void Write(TextWriter output, Action<Utf8JsonWriter> members)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        output.WriteLine(Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length));
    }

    /// <summary>Writes a number, or null where it is not finite: JSON has no other word for that.</summary>
    public static void WriteFinite(this Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number && double.IsFinite(number))
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
