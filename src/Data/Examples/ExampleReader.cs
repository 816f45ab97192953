using FedLLM.Engine.Files;

namespace FedLLM.Data.Examples;

/// <summary>
/// Reads examples from JSON (an array of objects) or JSONL (one object per line), plain or gzip-compressed. What a file is shows in its first bytes;
/// its name does not matter. Records stream: one is in memory at a time.
/// </summary>
/// <remarks>Every defect of a file is an <see cref="InputFileException"/> that names file, line and record and holds nothing of their content.</remarks>
public sealed class ExampleReader
{
    private readonly RecordFormat? _format;
    private readonly SampleKind _kind;
    private readonly string _labelField;
    private readonly ReaderLimits _limits;

    /// <summary>Sets up a reader.</summary>
    /// <param name="format">The files' format, or null to recognise it from each file's first record.</param>
    /// <param name="labelField">The field that becomes <see cref="Example.Category"/>: a string, a number or a boolean; missing or null means none.</param>
    /// <param name="limits">Bounds on what a file may hold; <see cref="ReaderLimits.Default"/> where null.</param>
    /// <param name="kind">What the records shall become: among the formats of this kind one is recognised.</param>
    /// <exception cref="ArgumentException">The format is of another kind.</exception>
    public ExampleReader(RecordFormat? format = null, string labelField = "category", ReaderLimits? limits = null, SampleKind kind = SampleKind.Sequence)
    {
        if (format is not null && format.Kind != kind)
        {
            throw new ArgumentException($"The format {format.Name} is not of the kind {kind}.", nameof(format));
        }

        _format = format;
        _kind = kind;
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
        var parser = new RecordParser(path, _format, _kind, _labelField, _limits.MaxDepth);
        while (TryNext(path, records, parser, out Example? example))
        {
            yield return example;
        }

        if (records.Record == 0)
        {
            throw new InputFileException(path, null, "it holds no record (an empty shard)", "Give it at least one record or leave the file out");
        }
    }

    private static bool TryNext(string path, RecordStream records, RecordParser parser, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Example? example)
    {
        if (records.TryRead(out ReadOnlySpan<byte> record))
        {
            example = parser.Parse(record, new SourcePlace(path, records.Line, records.Record));
            return true;
        }

        example = null;
        return false;
    }
}
