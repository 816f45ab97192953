using System.Text;
using System.Text.Json;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Examples;

/// <summary>Turns the bytes of one file's records into examples.</summary>
internal sealed class RecordParser
{
    private static readonly string[] MappedFields = ["instruction", "input", "output", "context", "response", "question", "answer"];

    private readonly string _path;
    private readonly JsonReaderOptions _options;
    private readonly string[] _names;
    private readonly int _label;
    private readonly Field[] _fields;
    private FieldMapping? _mapping;

    public RecordParser(string path, FieldMapping? mapping, string labelField, int maxDepth)
    {
        _path = path;
        _mapping = mapping;
        _options = new JsonReaderOptions { MaxDepth = maxDepth };
        _names = MappedFields.Contains(labelField) ? MappedFields : [.. MappedFields, labelField];
        _label = Array.IndexOf(_names, labelField);
        _fields = new Field[_names.Length];
    }

    private enum Kind
    {
        Missing,
        Null,
        Text,
        Scalar,
        Other,
    }

    /// <summary>Reads one record; the first one decides the mapping where none was given.</summary>
    public Example Parse(ReadOnlySpan<byte> record, long line, long number)
    {
        var place = new SourcePlace(_path, line, number);
        Array.Clear(_fields);
        try
        {
            var reader = new Utf8JsonReader(record, _options);
            ReadFields(ref reader, place);
        }
        catch (JsonException)
        {
            throw Defect(place, $"it is not valid JSON, is nested deeper than {_options.MaxDepth}, or is cut off", "Correct the record: JSONL holds one object per line");
        }
        catch (InvalidOperationException)
        {
            // The only text that is valid UTF-8 and valid JSON and yet no string: an escape such as \ud800 without its other half.
            throw Defect(place, "a string holds half of a surrogate pair as an escape", "Write the character whole");
        }

        _mapping ??= Recognise(place);
        string instruction = Required(_mapping.Instruction, place);
        string input = _mapping.Input is null ? "" : Optional(_mapping.Input, place);
        return new Example(
            input.Length == 0 ? instruction : instruction + " " + input,
            Required(_mapping.Response, place),
            Label(place),
            place);
    }

    private void ReadFields(ref Utf8JsonReader reader, SourcePlace place)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Defect(place, "the record is not an object", "Write one object per line");
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
                throw Defect(place, $"the field '{_names[index]}' is there twice", "Keep one of them");
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
                reader.Skip();
                return new Field(Kind.Other, null);
        }
    }

    private FieldMapping Recognise(SourcePlace place)
    {
        bool alpaca = Has(FieldMapping.Alpaca);
        bool dolly = Has(FieldMapping.Dolly);
        bool questions = Has(FieldMapping.Gsm8k);
        return (alpaca, dolly, questions) switch
        {
            (true, false, false) => FieldMapping.Alpaca,
            (false, true, false) => FieldMapping.Dolly,
            (false, false, true) => FieldMapping.Gsm8k,
            (false, false, false) => throw Defect(
                place,
                "its fields are none of instruction + output (alpaca), instruction + response (dolly, plain), question + answer (gsm8k)",
                "Rename the fields, or set data.format to learn which one is missing"),
            _ => throw Defect(place, "its fields fit several formats", "Set data.format to " + string.Join(", ", FieldMapping.All.Select(m => m.Name))),
        };
    }

    private bool Has(FieldMapping mapping) => Find(mapping.Instruction).Kind != Kind.Missing && Find(mapping.Response).Kind != Kind.Missing;

    private Field Find(string name) => _fields[Array.IndexOf(_names, name)];

    private string Required(string name, SourcePlace place) => Find(name) switch
    {
        { Kind: Kind.Text } field => field.Text!,
        { Kind: Kind.Missing } => throw Defect(place, $"the field '{name}' is missing", $"Add it: the format {_mapping!.Name} needs it"),
        _ => throw Defect(place, $"the field '{name}' is not a string", "Write it as a string"),
    };

    private string Optional(string name, SourcePlace place) => Find(name).Kind is Kind.Missing or Kind.Null ? "" : Required(name, place);

    private string? Label(SourcePlace place) => _fields[_label] switch
    {
        { Kind: Kind.Other } => throw Defect(place, $"the field '{_names[_label]}' is neither a string, a number nor a boolean", "Write it as a string"),
        { Text: var text } => text,
    };

    private InputFileException Defect(SourcePlace place, string problem, string remedy) => new(_path, place.InFile, problem, remedy);

    private readonly record struct Field(Kind Kind, string? Text);
}
