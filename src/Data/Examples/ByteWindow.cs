using FedLLM.Engine.Files;

namespace FedLLM.Data.Examples;

/// <summary>A bounded window on the decompressed bytes of one file, from front to back.</summary>
internal sealed class ByteWindow : IDisposable
{
    private const int FirstSize = 64 << 10;

    private readonly FileStream _file;
    private readonly CompleteGzip? _gzip;
    private readonly long _maxTotal;
    private readonly int _maxRecord;
    private readonly int _maxSize;
    private byte[] _bytes = new byte[FirstSize];
    private int _start;
    private int _end;
    private long _total;

    private ByteWindow(string path, FileStream file, bool compressed, ReaderLimits limits)
    {
        Path = path;
        _file = file;
        _gzip = compressed ? new CompleteGzip(file) : null;
        _maxTotal = limits.MaxTotalBytes;
        _maxRecord = limits.MaxRecordBytes;
        _maxSize = _maxRecord + FirstSize; // a record and some white space before it
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The bytes that have been read and not consumed. They stay where they are until <see cref="Fill"/>, consumed or not.</summary>
    public ReadOnlySpan<byte> Rest => _bytes.AsSpan(_start, _end - _start);

    /// <summary>Line of the first byte of <see cref="Rest"/>, from 1.</summary>
    public long Line { get; private set; } = 1;

    /// <summary>Whether <see cref="Rest"/> holds all that is left of the file.</summary>
    public bool IsFinal { get; private set; }

    /// <summary>Opens a file; gzip is recognised by its first two bytes.</summary>
    public static ByteWindow Open(string path, ReaderLimits limits)
    {
        if (Directory.Exists(path))
        {
            throw new InputFileException(path, null, "it is a folder, not a data file", "Name a file in it");
        }

        FileStream? file = null;
        try
        {
            file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            bool compressed = file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
            file.Position = 0;
            return new ByteWindow(path, file, compressed, limits);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputFileException(path, null, "there is no such file", "Check the path", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            file?.Dispose();
            throw new InputFileException(path, null, "it cannot be opened", "Check the path and its permissions", e);
        }
    }

    /// <summary>Consumes the first <paramref name="count"/> bytes of <see cref="Rest"/> and counts their lines.</summary>
    public void Advance(int count)
    {
        Line += Rest[..count].Count((byte)'\n');
        _start += count;
    }

    /// <summary>Reads more bytes behind <see cref="Rest"/>, moving and growing the window as needed.</summary>
    /// <returns>False where the file has ended.</returns>
    /// <exception cref="InputFileException">The file is damaged or a limit is exceeded.</exception>
    public bool Fill()
    {
        if (IsFinal)
        {
            return false;
        }

        _bytes.AsSpan(_start, _end - _start).CopyTo(_bytes);
        _end -= _start;
        _start = 0;
        if (_end == _bytes.Length)
        {
            if (_bytes.Length == _maxSize)
            {
                throw RecordTooLarge(Line);
            }

            Array.Resize(ref _bytes, (int)Math.Min(2L * _bytes.Length, _maxSize));
        }

        // To the brim: a record that is retried after each fill then costs time linear in its size, however small the stream's own pieces are.
        while (_end < _bytes.Length)
        {
            int read = ReadSome(_bytes.AsSpan(_end));
            if (read == 0)
            {
                IsFinal = true;
                break;
            }

            _end += read;
            _total += read;
            if (_total > _maxTotal)
            {
                throw new InputFileException(Path, null, $"it holds more than {_maxTotal} bytes after decompression", "Split the file");
            }
        }

        return true;
    }

    /// <summary>Describes a record above the limit.</summary>
    public InputFileException RecordTooLarge(long line) =>
        new(Path, $"line {line}", $"a record is larger than {_maxRecord} bytes", "Shorten or remove it");

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        _gzip?.Dispose();
        _file.Dispose();
    }

    private int ReadSome(Span<byte> destination)
    {
        try
        {
            return _gzip?.Read(destination) ?? _file.Read(destination);
        }
        catch (InvalidDataException e)
        {
            throw new InputFileException(Path, null, "its gzip data is damaged or truncated", "Fetch or write the file again", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputFileException(Path, null, "it cannot be read to its end", "Check the disk and the file's permissions", e);
        }
    }
}
