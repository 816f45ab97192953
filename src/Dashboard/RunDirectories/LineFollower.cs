using System.Buffers;

namespace FedLLM.Dashboard.RunDirectories;

/// <summary>What was found when a file was looked at again.</summary>
internal enum FollowStep
{
    /// <summary>Nothing new.</summary>
    Unchanged,

    /// <summary>Lines were added.</summary>
    Appended,

    /// <summary>The file was written anew, shortened or removed: what was read before does not stand, and the lines are given again from the first.</summary>
    Restarted,
}

/// <summary>
/// Follows the lines of a file that another process appends to. Only whole lines are given: a torn tail waits until it is whole. The file is neither
/// locked nor kept open.
/// </summary>
/// <param name="path">The file; it need not exist.</param>
internal sealed class LineFollower(string path)
{
    private const int ChunkBytes = 1 << 20;
    private const int MaxLineBytes = 1 << 28;
    private const int WitnessBytes = 256;

    private byte[] _witness = []; // the bytes just before _offset, to know the file again by
    private long _offset; // end of the last whole line given
    private long _length = -1;
    private DateTime _written;

    /// <summary>Takes one line, without its line feed.</summary>
    public delegate void LineTaker(ReadOnlySpan<byte> line);

    /// <summary>When the file was last written, or null where there is none.</summary>
    public DateTime? Written => _length < 0 ? null : _written;

    /// <summary>Whether the last look ended before the end of the file.</summary>
    public bool IsBehind { get; private set; }

    /// <summary>Looks at the file again.</summary>
    /// <param name="restart">Called before lines are given again from the first.</param>
    /// <param name="take">Called with each line.</param>
    /// <param name="most">About how many bytes to read, in whole lines; the next look reads on.</param>
    /// <exception cref="IOException">The file cannot be read, or a line is longer than 256 MiB.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be read.</exception>
    public FollowStep Read(Action restart, LineTaker take, long most = long.MaxValue)
    {
        var file = new FileInfo(path);
        if (!file.Exists)
        {
            bool had = _offset > 0;
            Forget();
            _length = -1;
            IsBehind = false;
            if (had)
            {
                restart();
            }

            return had ? FollowStep.Restarted : FollowStep.Unchanged;
        }

        if (!IsBehind && file.Length == _length && file.LastWriteTimeUtc == _written)
        {
            return FollowStep.Unchanged;
        }

        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        FollowStep step = FollowStep.Unchanged;
        if (!IsSame(stream))
        {
            Forget();
            restart();
            step = FollowStep.Restarted;
        }

        long before = _offset;
        ReadLines(stream, take, most);
        _length = file.Length;
        _written = file.LastWriteTimeUtc;
        return step == FollowStep.Unchanged && _offset > before ? FollowStep.Appended : step;
    }

    private void Forget()
    {
        _offset = 0;
        _witness = [];
    }

    private bool IsSame(FileStream stream)
    {
        if (stream.Length < _offset)
        {
            return false;
        }

        byte[] found = new byte[_witness.Length];
        stream.Position = _offset - found.Length;
        return stream.ReadAtLeast(found, found.Length, throwOnEndOfStream: false) == found.Length && found.AsSpan().SequenceEqual(_witness);
    }

    private void ReadLines(FileStream stream, LineTaker take, long most)
    {
        long begin = _offset;
        stream.Position = _offset;
        IsBehind = false;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            int held = 0;
            for (int read = stream.Read(buffer, held, buffer.Length - held); read > 0; read = stream.Read(buffer, held, buffer.Length - held))
            {
                int end = held + read;
                int start = 0;

                // What was held before has no line feed.
                for (int at = buffer.AsSpan(held, read).IndexOf((byte)'\n') is var first and >= 0 ? held + first : -1; at >= 0;)
                {
                    take(buffer.AsSpan(start, at - start));
                    start = at + 1;
                    int next = buffer.AsSpan(start, end - start).IndexOf((byte)'\n');
                    at = next < 0 ? -1 : start + next;
                }

                if (start > 0)
                {
                    int from = Math.Max(0, start - WitnessBytes);
                    _witness = buffer[from..start];
                    _offset += start;
                }

                if (_offset - begin >= most)
                {
                    IsBehind = true;
                    return;
                }

                held = end - start;
                buffer.AsSpan(start, held).CopyTo(buffer);
                if (held == buffer.Length)
                {
                    buffer = Grow(buffer);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private byte[] Grow(byte[] full)
    {
        if (full.Length >= MaxLineBytes)
        {
            throw new IOException($"{path}: a line is longer than {MaxLineBytes >> 20} MiB.");
        }

        byte[] larger = ArrayPool<byte>.Shared.Rent(full.Length * 2);
        full.CopyTo(larger, 0);
        ArrayPool<byte>.Shared.Return(full);
        return larger;
    }
}
