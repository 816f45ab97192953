using System.Text.Json;
using System.Text.Unicode;

namespace FedLLM.Engine.Files;

/// <summary>The keys of one JSON object of a file, read with types and ranges; every defect is an <see cref="InputFileException"/> that names file and key.</summary>
internal sealed class JsonFields
{
    private const string Remedy = "Correct the file or download it again";
    private readonly Dictionary<string, JsonElement> _values = new(StringComparer.Ordinal);
    private readonly string _prefix;

    private JsonFields(string path, string prefix, JsonElement element)
    {
        Path = path;
        _prefix = prefix;
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new InputFileException(path, prefix.Length == 0 ? null : prefix.TrimEnd('.'), "is not a JSON object", Remedy);
        }

        foreach (JsonProperty property in element.EnumerateObject())
        {
            _values.Add(property.Name, property.Value);
        }
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The keys, in the order of the file.</summary>
    public IEnumerable<string> Keys => _values.Keys;

    /// <summary>Reads a file that holds one JSON object.</summary>
    public static JsonFields Read(string path) => Parse(path, InputFile.ReadAll(path));

    /// <summary>Parses one JSON object. A key that occurs twice is refused, at any depth.</summary>
    public static JsonFields Parse(string path, ReadOnlyMemory<byte> json)
    {
        if (!Utf8.IsValid(json.Span))
        {
            throw new InputFileException(path, null, "is not valid UTF-8", Remedy);
        }

        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            return new JsonFields(path, string.Empty, document.RootElement.Clone());
        }
        catch (JsonException e)
        {
            string place = e.LineNumber is null ? "JSON" : $"line {e.LineNumber + 1}";
            throw new InputFileException(path, place, "is not valid JSON (syntax, or a key that occurs twice)", Remedy, e);
        }
        catch (InvalidOperationException e)
        {
            // An escaped half of a surrogate pair: valid JSON, but not text.
            throw new InputFileException(path, null, "holds text that is not valid Unicode", Remedy, e);
        }
    }

    /// <summary>Whether the key is present and not null.</summary>
    public bool Has(string key) => _values.TryGetValue(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>Whether the key is present, null or not.</summary>
    public bool Mentions(string key) => _values.ContainsKey(key);

    /// <summary>Whether the value is absent, null, false, an empty list or an empty object: a feature that is switched off.</summary>
    public bool IsInactive(string key) => !Has(key) || _values[key].ValueKind switch
    {
        JsonValueKind.False => true,
        JsonValueKind.Array => _values[key].GetArrayLength() == 0,
        JsonValueKind.Object => _values[key].GetPropertyCount() == 0,
        _ => false,
    };

    /// <summary>The kind of a present value.</summary>
    public JsonValueKind KindOf(string key) => Has(key) ? _values[key].ValueKind : JsonValueKind.Null;

    /// <summary>A required whole number.</summary>
    public int Int(string key, int least, int most) => OptionalInt(key, least, most) ?? throw Missing(key);

    /// <summary>A whole number, or null where the key is absent or null.</summary>
    public int? OptionalInt(string key, int least, int most) => Has(key) ? Int(key, _values[key], least, most) : null;

    /// <summary>A whole number or a list of them; empty where the key is absent or null.</summary>
    public IReadOnlyList<int> Ints(string key, int least, int most) => KindOf(key) switch
    {
        JsonValueKind.Null => [],
        JsonValueKind.Array => [.. _values[key].EnumerateArray().Select(e => Int(key, e, least, most))],
        _ => [Int(key, _values[key], least, most)],
    };

    /// <summary>A finite number, or null where the key is absent or null.</summary>
    public double? OptionalNumber(string key)
    {
        if (!Has(key))
        {
            return null;
        }

        return _values[key].ValueKind == JsonValueKind.Number && _values[key].TryGetDouble(out double value) && double.IsFinite(value)
            ? value
            : throw Defect(key, "is not a finite number");
    }

    /// <summary>A number above 0 that float32 holds; <paramref name="fallback"/> where the key is absent or null, which is refused without one.</summary>
    public double Positive(string key, double? fallback)
    {
        double value = OptionalNumber(key) ?? fallback ?? throw Missing(key);
        return value > 0 && value < float.MaxValue ? value : throw Defect(key, "is not a positive number");
    }

    /// <summary>true or false, or null where the key is absent or null.</summary>
    public bool? OptionalBool(string key) => KindOf(key) switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Defect(key, "is neither true nor false"),
    };

    /// <summary>A text, or null where the key is absent or null.</summary>
    public string? OptionalText(string key) => Has(key) ? Text(key, _values[key]) : null;

    /// <summary>A list of texts.</summary>
    public IReadOnlyList<string> Texts(string key) => KindOf(key) == JsonValueKind.Array
        ? [.. _values[key].EnumerateArray().Select(e => Text(key, e))]
        : throw Defect(key, "is not a list of names");

    /// <summary>A nested object, or null where the key is absent or null.</summary>
    public JsonFields? OptionalObject(string key) => Has(key)
        ? KindOf(key) == JsonValueKind.Object ? new JsonFields(Path, $"{_prefix}{key}.", _values[key]) : throw Defect(key, "is not an object")
        : null;

    /// <summary>Describes a defect of one key.</summary>
    public InputFileException Defect(string key, string problem, string? remedy = null) => new(Path, $"key {InputFileException.Quote(_prefix + key)}", problem, remedy ?? Remedy);

    private InputFileException Missing(string key) => Defect(key, "is missing");

    private int Int(string key, JsonElement value, int least, int most) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= least && number <= most
            ? number
            : throw Defect(key, $"is not a whole number from {least} to {most}");

    private string Text(string key, JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Defect(key, "is not text");
        }
        catch (InvalidOperationException e)
        {
            throw new InputFileException(Path, $"key {InputFileException.Quote(_prefix + key)}", "is not valid Unicode", Remedy, e);
        }
    }
}
