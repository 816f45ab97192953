using System.Text.Json;
using FedLLM.Engine.Files;

namespace FedLLM.Engine.Tokenization;

/// <summary>A value of a JSON file together with its path in it, so that whatever is wrong can be named by file and path.</summary>
internal readonly struct JsonEntry
{
    private const int MaximumDepth = 32;

    private readonly JsonElement _element;
    private readonly string _file;

    private JsonEntry(JsonElement element, string file, string path)
    {
        _element = element;
        _file = file;
        Path = path;
    }

    /// <summary>The path of the value, as <c>model.vocab</c> or <c>added_tokens[3].id</c>.</summary>
    public string Path { get; }

    /// <summary>Whether the value is null or its key absent.</summary>
    public bool IsNull => _element.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    /// <summary>Whether the value is a string.</summary>
    public bool IsString => _element.ValueKind == JsonValueKind.String;

    /// <summary>Whether the value is an object.</summary>
    public bool IsObject => _element.ValueKind == JsonValueKind.Object;

    /// <summary>Whether the value is the number 0.</summary>
    public bool IsZero => _element.ValueKind == JsonValueKind.Number && _element.TryGetDouble(out double value) && value == 0;

    /// <summary>Parses a file whose content is one JSON object without duplicate keys.</summary>
    /// <exception cref="InputFileException">It is missing, too large, or not such a file.</exception>
    public static JsonEntry ParseObject(string file)
    {
        byte[] bytes = InputBytes.Read(file);
        ReadOnlyMemory<byte> json = bytes.AsSpan().StartsWith("\uFEFF"u8) ? bytes.AsMemory(3) : bytes;
        try
        {
            JsonDocumentOptions options = new() { MaxDepth = MaximumDepth, AllowDuplicateProperties = false };
            JsonEntry root = new(JsonDocument.Parse(json, options).RootElement, file, string.Empty);
            return root.IsObject ? root : throw root.Wrong("the content is not a JSON object");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or ArgumentException)
        {
            // The parser's own message may quote the file.
            string? place = exception is JsonException { LineNumber: long line } ? $"line {line + 1}" : null;
            throw new InputFileException(
                file, place, "the file is not well-formed JSON with distinct keys", "Correct it, or download it again", exception);
        }
    }

    /// <summary>The value under <paramref name="key"/>; null where the key is absent.</summary>
    public JsonEntry this[string key] =>
        new(ObjectElement().TryGetProperty(key, out JsonElement value) ? value : default, _file, Path.Length == 0 ? key : $"{Path}.{key}");

    /// <summary>Checks that the object has no keys besides <paramref name="known"/>.</summary>
    public void ExpectKeys(params ReadOnlySpan<string> known)
    {
        foreach ((string key, JsonEntry entry) in Members())
        {
            if (!known.Contains(key))
            {
                throw entry.Unsupported("this key is not known, so the file may ask for what would not be done");
            }
        }
    }

    /// <summary>The key and value pairs of an object.</summary>
    public IEnumerable<(string Key, JsonEntry Value)> Members()
    {
        foreach (JsonProperty property in ObjectElement().EnumerateObject())
        {
            string key = Decoded(property, static property => property.Name);
            yield return (key, new JsonEntry(property.Value, _file, Path.Length == 0 ? key : $"{Path}.{key}"));
        }
    }

    /// <summary>The string keys and integer values of an object, without the cost of a path for each.</summary>
    public IEnumerable<(string Key, int Value)> Counts(int exclusiveMaximum)
    {
        foreach (JsonProperty property in ObjectElement().EnumerateObject())
        {
            yield return property.Value.ValueKind == JsonValueKind.Number && property.Value.TryGetInt32(out int value)
                && value >= 0 && value < exclusiveMaximum
                ? (Decoded(property, static property => property.Name), value)
                : throw Wrong($"a value is not an integer from 0 to {exclusiveMaximum - 1}");
        }
    }

    /// <summary>The items of an array.</summary>
    public IEnumerable<JsonEntry> Items()
    {
        if (_element.ValueKind != JsonValueKind.Array)
        {
            throw Wrong("the value is not an array");
        }

        int index = 0;
        foreach (JsonElement item in _element.EnumerateArray())
        {
            yield return new JsonEntry(item, _file, $"{Path}[{index++}]");
        }
    }

    /// <summary>The value as a string.</summary>
    public string AsString() => IsString
        ? Decoded(_element, static element => element.GetString()!)
        : throw Wrong("the value is not a string");

    /// <summary>The value as a truth value; <paramref name="absent"/> where it is null or absent.</summary>
    public bool AsBool(bool absent) => AsBool() ?? absent;

    /// <summary>The value as a truth value, or null.</summary>
    public bool? AsBool() => _element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null or JsonValueKind.Undefined => null,
        _ => throw Wrong("the value is neither true nor false"),
    };

    /// <summary>The value as an integer from 0 to <paramref name="exclusiveMaximum"/> - 1.</summary>
    public int AsCount(int exclusiveMaximum) =>
        _element.ValueKind == JsonValueKind.Number && _element.TryGetInt32(out int value) && value >= 0 && value < exclusiveMaximum
            ? value
            : throw Wrong($"the value is not an integer from 0 to {exclusiveMaximum - 1}");

    /// <summary>The value as a single code point.</summary>
    public string AsCharacter()
    {
        string text = AsString();
        return text.EnumerateRunes().Count() == 1 ? text : throw Wrong("the value is not a single character");
    }

    /// <summary>The error for a value that breaks the format.</summary>
    public InputFileException Wrong(string problem) =>
        new(_file, Path.Length == 0 ? null : Path, problem, "Correct it, or download the file again");

    /// <summary>The error for a value this program has no code for.</summary>
    public InputFileException Unsupported(string problem) =>
        new(_file, Path, problem, "Use a byte-level or byte-fallback BPE tokenizer (GPT-2, Llama, Qwen2), or the model's tokenizer.model");

    private JsonElement ObjectElement() => IsObject ? _element : throw Wrong("the value is not an object");

    // Invalid UTF-8 and lone surrogates only come to light when a string is decoded.
    private string Decoded<T>(T source, Func<T, string> decode)
    {
        try
        {
            return decode(source);
        }
        catch (InvalidOperationException exception)
        {
            throw new InputFileException(
                _file, Path.Length == 0 ? null : Path, "a string is not valid Unicode", "Correct it, or download the file again", exception);
        }
    }
}
