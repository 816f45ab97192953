using FedLLM.Engine.Files;

namespace FedLLM.Data.Examples;

/// <summary>
/// Reads examples from JSON (an array of objects) or JSONL (one object per line), plain or gzip-compressed. What a file is shows in its first bytes;
/// its name does not matter. Records stream: one is in memory at a time.
/// </summary>
/// <remarks>Every defect of a file is an <see cref="InputFileException"/> that names file, line and record and holds nothing of their content.</remarks>
public sealed class ExampleReader
{
    private readonly FieldMapping? _mapping;
    private readonly string _labelField;
    private readonly ReaderLimits _limits;

    /// <summary>Sets up a reader.</summary>
    /// <param name="mapping">The files' fields, or null to recognise them from each file's first record.</param>
    /// <param name="labelField">The field that becomes <see cref="Example.Category"/>: a string, a number or a boolean; missing or null means none.</param>
    /// <param name="limits">Bounds on what a file may hold; <see cref="ReaderLimits.Default"/> where null.</param>
    public ExampleReader(FieldMapping? mapping = null, string labelField = "category", ReaderLimits? limits = null)
    {
        _mapping = mapping;
        _labelField = labelField;
        _limits = limits ?? ReaderLimits.Default;
    }

    /// <summary>Yields the examples of a file in its order.</summary>
    /// <exception cref="InputFileException">
    /// The file is missing or unreadable, holds no record, is not UTF-8, is not JSON or JSONL, is damaged, exceeds a limit, or a record lacks a field or
    /// has one of a wrong type. Thrown while enumerating, at the record concerned.
    /// </exception>
    public IEnumerable<Example> Read(string path)
    {
        using RecordStream records = RecordStream.Open(path, _limits);
        var parser = new RecordParser(path, _mapping, _labelField, _limits.MaxDepth);
        while (TryNext(records, parser, out Example? example))
        {
            yield return example;
        }

        if (records.Record == 0)
        {
            throw new InputFileException(path, null, "it holds no record (an empty shard)", "Give it at least one record or leave the file out");
        }
    }

    private static bool TryNext(RecordStream records, RecordParser parser, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Example? example)
    {
        if (records.TryRead(out ReadOnlySpan<byte> record))
        {
            example = parser.Parse(record, records.Line, records.Record);
            return true;
        }

        example = null;
        return false;
    }
}
