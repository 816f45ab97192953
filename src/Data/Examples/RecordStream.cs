using System.Text.Json;
using System.Text.Unicode;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Examples;

/// <summary>Cuts a file into the bytes of its records: the lines of JSONL or the elements of a JSON array.</summary>
internal sealed class RecordStream : IDisposable
{
    private readonly ByteWindow _window;
    private readonly ReaderLimits _limits;
    private readonly bool _isArray;
    private readonly long _firstLine;
    private JsonReaderState _state;

    private enum Step
    {
        /// <summary>An object lies in the window from beginning to end.</summary>
        Whole,

        /// <summary>An object begins in the window and ends beyond it.</summary>
        Incomplete,

        /// <summary>The array's own bracket.</summary>
        Bracket,

        /// <summary>The window holds no further token.</summary>
        NeedsMore,
    }

    private RecordStream(ByteWindow window, ReaderLimits limits)
    {
        _window = window;
        _limits = limits;
        _state = new JsonReaderState(new JsonReaderOptions { MaxDepth = limits.MaxDepth + 1 });
        _isArray = DetectArray();
        _firstLine = window.Line;
    }

    /// <summary>Line on which the record last read begins, from 1.</summary>
    public long Line { get; private set; }

    /// <summary>Number of the record last read, from 1; 0 before the first.</summary>
    public long Record { get; private set; }

    /// <summary>Opens a file and finds out from its first bytes what it is.</summary>
    public static RecordStream Open(string path, ReaderLimits limits)
    {
        ByteWindow window = ByteWindow.Open(path, limits);
        try
        {
            return new RecordStream(window, limits);
        }
        catch
        {
            window.Dispose();
            throw;
        }
    }

    /// <summary>Finds the next record. Its bytes are valid UTF-8, and valid until the next call.</summary>
    /// <returns>False after the last record.</returns>
    public bool TryRead(out ReadOnlySpan<byte> record)
    {
        if (!(_isArray ? TryReadElement(out record) : TryReadLine(out record)))
        {
            return false;
        }

        Record++;
        if (Record > _limits.MaxRecords)
        {
            throw new InputFileException(_window.Path, $"line {Line}", $"it holds more than {_limits.MaxRecords} records", "Split the file");
        }

        if (record.Length > _limits.MaxRecordBytes)
        {
            throw _window.RecordTooLarge(Line);
        }

        return Utf8.IsValid(record) ? true : throw NotUtf8($"line {Line}, record {Record}");
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _window.Dispose();

    private static bool IsBlank(byte b) => b is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n';

    private static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> line) => line.Trim(" \t\r\n"u8);

    private bool DetectArray()
    {
        _window.Fill();
        ReadOnlySpan<byte> head = _window.Rest;
        if (head.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) || head.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF]))
        {
            throw new InputFileException(_window.Path, null, "it is UTF-16, not UTF-8", "Save it as UTF-8");
        }

        if (head.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]))
        {
            _window.Advance(3);
        }

        do
        {
            int blanks = 0;
            while (blanks < _window.Rest.Length && IsBlank(_window.Rest[blanks]))
            {
                blanks++;
            }

            _window.Advance(blanks);
        }
        while (_window.Rest.IsEmpty && _window.Fill());

        return !_window.Rest.IsEmpty && _window.Rest[0] switch
        {
            (byte)'[' => true,
            (byte)'{' => false,
            >= 0x80 => throw NotUtf8($"line {_window.Line}"),
            _ => throw new InputFileException(
                _window.Path,
                $"line {_window.Line}",
                "it is neither a JSON array of objects nor JSONL (one object per line)",
                "Convert it to one of them, in UTF-8, plain or gzip-compressed"),
        };
    }

    private bool TryReadLine(out ReadOnlySpan<byte> record)
    {
        int searched = 0;
        while (true)
        {
            int length = _window.Rest[searched..].IndexOf((byte)'\n');
            if (length < 0 && !_window.IsFinal)
            {
                searched = _window.Rest.Length;
                _window.Fill();
                continue;
            }

            ReadOnlySpan<byte> line = length < 0 ? _window.Rest : _window.Rest[..(searched + length + 1)];
            searched = 0;
            if (line.IsEmpty)
            {
                record = default;
                return false;
            }

            Line = _window.Line;
            record = Trim(line);
            _window.Advance(line.Length);
            if (!record.IsEmpty)
            {
                return true;
            }
        }
    }

    private bool TryReadElement(out ReadOnlySpan<byte> record)
    {
        record = default;
        while (true)
        {
            var reader = new Utf8JsonReader(_window.Rest, _window.IsFinal, _state);
            (Step step, int begin) = ReadStep(ref reader);
            if (step == Step.Incomplete)
            {
                // The object ends beyond the window: look again from its beginning when there is more.
                _window.Fill();
                continue;
            }

            _state = reader.CurrentState;
            int consumed = (int)reader.BytesConsumed;
            if (step == Step.Whole)
            {
                _window.Advance(begin);
                Line = _window.Line;
                record = _window.Rest[..(consumed - begin)];
                _window.Advance(consumed - begin);
                return true;
            }

            _window.Advance(consumed);
            if (step == Step.NeedsMore && !_window.Fill())
            {
                return false;
            }
        }
    }

    /// <summary>Reads one element, one bracket, or as far as the window goes; <c>Begin</c> is an element's first byte.</summary>
    private (Step Step, int Begin) ReadStep(ref Utf8JsonReader reader)
    {
        try
        {
            if (!reader.Read())
            {
                return (Step.NeedsMore, 0);
            }

            int begin = (int)reader.TokenStartIndex;
            return reader.TokenType switch
            {
                JsonTokenType.StartObject => (reader.TrySkip() ? Step.Whole : Step.Incomplete, begin),
                JsonTokenType.StartArray or JsonTokenType.EndArray when reader.CurrentDepth == 0 => (Step.Bracket, begin),
                _ => throw new InputFileException(
                    _window.Path,
                    $"line {_window.Line + _window.Rest[..begin].Count((byte)'\n')}, record {Record + 1}",
                    "the record is not an object",
                    "Make every element of the array an object"),
            };
        }
        catch (JsonException e)
        {
            // The exception's own message quotes the text, so neither it nor the exception is passed on.
            throw new InputFileException(
                _window.Path,
                $"line {_firstLine + (e.LineNumber ?? 0)}, record {Record + 1}",
                $"it is not valid JSON, is nested deeper than {_limits.MaxDepth}, or is cut off",
                "Write the file again as an array of objects");
        }
    }

    private InputFileException NotUtf8(string place) => new(_window.Path, place, "it is not UTF-8", "Save the file as UTF-8");
}
