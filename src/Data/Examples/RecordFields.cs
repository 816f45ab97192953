using System.Text;
using System.Text.Json;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Examples;

/// <summary>The fields of one record that some format knows, and the errors about them.</summary>
internal sealed class RecordFields
{
    private static readonly string[] Known =
        ["instruction", "input", "output", "context", "response", "question", "answer", "conversations", "messages", "prompt", "chosen", "rejected"];

    private readonly string _path;
    private readonly JsonReaderOptions _options;
    private readonly string[] _names;
    private readonly int _label;
    private readonly Field[] _fields;
    private SourcePlace _place;

    public RecordFields(string path, string labelField, int maxDepth)
    {
        _path = path;
        _options = new JsonReaderOptions { MaxDepth = maxDepth };
        _names = Known.Contains(labelField) ? Known : [.. Known, labelField];
        _label = Array.IndexOf(_names, labelField);
        _fields = new Field[_names.Length];
    }

    private enum Kind
    {
        Missing,
        Null,
        Text,
        Scalar,
        List,
        Other,
    }

    /// <summary>Where the record stands.</summary>
    public SourcePlace Place => _place;

    /// <summary>The record's label, or null.</summary>
    public string? Label => _fields[_label] switch
    {
        { Kind: Kind.List or Kind.Other } => throw Defect($"the field '{_names[_label]}' is neither a string, a number nor a boolean", "Write it as a string"),
        { Text: var text } => text,
    };

    /// <summary>Takes the fields of a record, in place of those of the last one.</summary>
    /// <exception cref="InputFileException">The record is not one JSON object, or gives a field twice.</exception>
    public void Read(ReadOnlySpan<byte> record, SourcePlace place)
    {
        _place = place;
        Array.Clear(_fields);
        try
        {
            ReadObject(record);
        }
        catch (JsonException)
        {
            throw Defect($"it is not valid JSON, is nested deeper than {_options.MaxDepth}, or is cut off", "Correct the record: JSONL holds one object per line");
        }
        catch (InvalidOperationException)
        {
            throw HalfCharacter();
        }
    }

    /// <summary>Whether the record has the field.</summary>
    public bool Has(string name) => Find(name).Kind != Kind.Missing;

    /// <summary>Whether the field is a string.</summary>
    public bool IsText(string name) => Find(name).Kind == Kind.Text;

    /// <summary>Whether the field is a list.</summary>
    public bool IsList(string name) => Find(name).Kind == Kind.List;

    /// <summary>Returns a field that must be a string.</summary>
    public string Text(string name, RecordFormat format) => Find(name) switch
    {
        { Kind: Kind.Text } field => field.Text!,
        { Kind: Kind.Missing } => throw Missing(name, format),
        _ => throw Defect($"the field '{name}' is not a string", "Write it as a string"),
    };

    /// <summary>Returns a field that must be a string where it is there and not null; empty elsewhere.</summary>
    public string OptionalText(string name, RecordFormat format) => Find(name).Kind is Kind.Missing or Kind.Null ? "" : Text(name, format);

    /// <summary>Returns the messages of a field that must be a list of them.</summary>
    /// <param name="record">The record whose fields these are.</param>
    /// <param name="name">The field.</param>
    /// <param name="format">The format that needs it.</param>
    public List<Message> Messages(ReadOnlySpan<byte> record, string name, RecordFormat format)
    {
        Field field = Find(name);
        if (field.Kind != Kind.List)
        {
            throw field.Kind == Kind.Missing ? Missing(name, format) : Defect($"the field '{name}' is not a list of messages", "Write it as a list of objects");
        }

        try
        {
            List<Message> messages = MessageList.Read(record.Slice(field.Start, field.Length), _options, out string? problem);
            return problem is null ? messages : throw Defect($"the field '{name}' {problem}", "Correct the record or remove it");
        }
        catch (InvalidOperationException)
        {
            throw HalfCharacter();
        }
    }

    /// <summary>Describes a defect of the record.</summary>
    public InputFileException Defect(string problem, string remedy) => new(_path, _place.InFile, problem, remedy);

    private void ReadObject(ReadOnlySpan<byte> record)
    {
        var reader = new Utf8JsonReader(record, _options);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Defect("the record is not an object", "Write one object per line");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            int index = 0;
            while (index < _names.Length && !reader.ValueTextEquals(_names[index]))
            {
                index++;
            }

            reader.Read();
            if (index == _names.Length)
            {
                reader.Skip();
                continue;
            }

            if (_fields[index].Kind != Kind.Missing)
            {
                throw Defect($"the field '{_names[index]}' is there twice", "Keep one of them");
            }

            _fields[index] = ReadValue(ref reader);
        }

        // Anything behind the object is an error of the reader itself.
        reader.Read();
    }

    private static Field ReadValue(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String:
                return new Field(Kind.Text, reader.GetString());
            case JsonTokenType.Null:
                return new Field(Kind.Null, null);
            case JsonTokenType.Number:
            case JsonTokenType.True:
            case JsonTokenType.False:
                return new Field(Kind.Scalar, Encoding.UTF8.GetString(reader.ValueSpan));
            default:
                Kind kind = reader.TokenType == JsonTokenType.StartArray ? Kind.List : Kind.Other;
                int start = (int)reader.TokenStartIndex;
                reader.Skip();
                return new Field(kind, null, start, (int)reader.BytesConsumed - start);
        }
    }

    private Field Find(string name) => _fields[Array.IndexOf(_names, name)];

    private InputFileException Missing(string name, RecordFormat format) =>
        Defect($"the field '{name}' is missing", $"Add it: the format {format.Name} needs it");

    // The only text that is valid UTF-8 and valid JSON and yet no string: an escape such as \ud800 without its other half.
    private InputFileException HalfCharacter() => Defect("a string holds half of a surrogate pair as an escape", "Write the character whole");

    // Start and Length: the bytes of a list in its record.
    private readonly record struct Field(Kind Kind, string? Text, int Start = 0, int Length = 0);
}
