using System.Text.Json;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>A line of the journal and where it ends.</summary>
internal sealed record JournalLine(JournalEntry Entry, long End, string Check);

/// <summary>What stands in a journal: its lines up to the first that is not whole.</summary>
/// <param name="Lines">The whole lines.</param>
/// <param name="Length">The file's length in bytes, what does not stand included.</param>
/// <param name="Defect">What follows the whole lines, in words; null where nothing does.</param>
internal sealed record JournalContent(IReadOnlyList<JournalLine> Lines, long Length, string? Defect)
{
    /// <summary>Length of the whole lines in bytes.</summary>
    public long WholeLength => Lines.Count == 0 ? 0 : Lines[^1].End;

    /// <summary>Whether a line ends at that byte with that checksum.</summary>
    public bool Contains(long end, string check) => Lines.Any(l => l.End == end && l.Check == check);

    /// <summary>Reads a journal; empty where there is none.</summary>
    /// <exception cref="RunStorageException">The file cannot be read, or another version of the program wrote it.</exception>
    public static JournalContent Read(IRunFiles files, string path)
    {
        byte[] bytes = files.ReadWhole(path) ?? [];
        var lines = new List<JournalLine>();
        string check = string.Empty;
        int start = 0;
        while (start < bytes.Length)
        {
            int length = bytes.AsSpan(start).IndexOf((byte)'\n');
            if (length < 0)
            {
                string unfinished = FormattableString.Invariant(
                    $"{path}: ends in an unfinished line of {bytes.Length - start} bytes, which an interrupted write leaves; it is not used.");
                return new JournalContent(lines, bytes.Length, unfinished);
            }

            if (!CheckedLine.TryDecode(bytes.AsSpan(start, length), check, out ReadOnlySpan<byte> entry, out check))
            {
                string rest = start + length + 1 == bytes.Length ? "it is" : "it and what follows are";
                return new JournalContent(lines, bytes.Length, FormattableString.Invariant($"{path}: line {lines.Count + 1} is damaged; {rest} not used."));
            }

            start += length + 1;
            lines.Add(new JournalLine(Parse(entry, path, lines.Count + 1), start, check));
        }

        return new JournalContent(lines, bytes.Length, Defect: null);
    }

    private static JournalEntry Parse(ReadOnlySpan<byte> entry, string path, int line)
    {
        try
        {
            return JsonSerializer.Deserialize(entry, JournalJson.Default.JournalEntry)!;
        }
        catch (JsonException e)
        {
            // The checksum holds: it is what somebody meant to write.
            throw new RunStorageException(
                path, FormattableString.Invariant($"line {line} was written by another version of this program"), "Continue the run with the version that began it", e);
        }
    }
}

/// <summary>Appends to a journal. Any thread may append; after a failure nothing more is accepted, since the file may end in half a line.</summary>
internal sealed class JournalFile : IDisposable
{
    private readonly Lock _gate = new();
    private readonly IRunFiles _files;
    private readonly string _path;
    private readonly Stream _stream;
    private bool _failed;

    /// <summary>Opens the journal behind its whole lines; what follows them is cut off.</summary>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public JournalFile(IRunFiles files, string path, JournalContent content)
    {
        _files = files;
        _path = path;
        Length = content.WholeLength;
        Check = content.Lines.Count == 0 ? string.Empty : content.Lines[^1].Check;
        try
        {
            if (content.Length > Length)
            {
                files.Truncate(path, Length);
            }

            _stream = files.Append(path);
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e))
        {
            throw RunStorageException.Unwritable(path, e);
        }
    }

    /// <summary>Length in bytes.</summary>
    public long Length { get; private set; }

    /// <summary>The checksum of the last line; empty where there is none.</summary>
    public string Check { get; private set; }

    /// <summary>Appends a line.</summary>
    /// <param name="entry">The line.</param>
    /// <param name="durably">Whether it, and all before it, must be on the disk when this returns.</param>
    /// <returns>Where the line ends, and its checksum.</returns>
    /// <exception cref="RunStorageException">The operating system refuses, now or before.</exception>
    public (long End, string Check) Append(JournalEntry entry, bool durably)
    {
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(entry, JournalJson.Default.JournalEntry);
        lock (_gate)
        {
            if (_failed)
            {
                throw new RunStorageException(_path, "could not be written before", "Give the same command again: the run continues from its last checkpoint");
            }

            (byte[] line, string check) = CheckedLine.Encode(json, Check);
            _failed = true;
            try
            {
                _stream.Write(line);
                if (durably)
                {
                    _files.Sync(_stream);
                }
            }
            catch (Exception e) when (RunStorageException.IsRefusal(e))
            {
                throw RunStorageException.Unwritable(_path, e);
            }

            _failed = false;
            Length += line.Length;
            Check = check;
            return (Length, Check);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();
}
