using FedLLM.Engine.Files;

namespace FedLLM.Data.Examples;

/// <summary>The records of data files as they stand, to be written elsewhere: each one a line of JSONL.</summary>
public sealed class RecordLines
{
    private readonly Dictionary<string, byte[][]> _files = new(StringComparer.Ordinal);

    /// <summary>Returns the bytes of the record at a place, without a line break; its file is read when it is first asked for, and kept.</summary>
    /// <exception cref="InputFileException">The file is defective, or has changed since the place was read.</exception>
    public ReadOnlyMemory<byte> At(SourcePlace place)
    {
        if (!_files.TryGetValue(place.File, out byte[][]? records))
        {
            records = Read(place.File);
            _files.Add(place.File, records);
        }

        return place.Record >= 1 && place.Record <= records.Length
            ? records[place.Record - 1]
            : throw new InputFileException(place.File, null, "it has changed while it was read", "Leave data files alone, and start again");
    }

    /// <summary>Lets go of what was read.</summary>
    public void Clear() => _files.Clear();

    private static byte[][] Read(string file)
    {
        var records = new List<byte[]>();
        try
        {
            using RecordStream stream = RecordStream.Open(file, ReaderLimits.Default);
            while (stream.TryRead(out ReadOnlySpan<byte> record))
            {
                // Within JSON a line break is white space; in a string it would be an escape.
                byte[] line = record.ToArray();
                line.AsSpan().Replace((byte)'\n', (byte)' ');
                line.AsSpan().Replace((byte)'\r', (byte)' ');
                records.Add(line);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputFileException(file, null, "it cannot be read", "Check the path and its permissions", e);
        }

        return [.. records];
    }
}
