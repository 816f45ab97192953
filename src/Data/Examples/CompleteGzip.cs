using System.IO.Compression;

namespace FedLLM.Data.Examples;

/// <summary>Decompresses gzip and notices when the file was cut off, even behind a whole record.</summary>
/// <remarks>
/// <see cref="GZipStream"/> takes a cut file for a short one: without its trailer, or cut between two blocks, it ends quietly. So one more gzip member, which
/// holds a known mark, is read behind the file's own. Only a file whose members are all complete, checksums included, lets the mark come out at the end;
/// a cut member swallows the mark's bytes as its own.
/// </remarks>
internal sealed class CompleteGzip : IDisposable
{
    private static readonly byte[] Mark = [0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0xFA, 0xF9, 0xF8]; // in no UTF-8 text

    private readonly GZipStream _gzip;
    private readonly byte[] _held = new byte[16 << 10];
    private int _start;
    private int _end;

    /// <summary>Decompresses <paramref name="file"/> from its position, and owns it.</summary>
    public CompleteGzip(Stream file) => _gzip = new GZipStream(new Followed(file, Compress(Mark)), CompressionMode.Decompress);

    /// <summary>Reads some bytes.</summary>
    /// <returns>How many; 0 at the end of a complete file.</returns>
    /// <exception cref="InvalidDataException">The file is damaged or cut off.</exception>
    public int Read(Span<byte> destination)
    {
        // What might be the mark is held back until more follows it.
        while (_end - _start <= Mark.Length)
        {
            _held.AsSpan(_start, _end - _start).CopyTo(_held);
            (_start, _end) = (0, _end - _start);
            int read = _gzip.Read(_held.AsSpan(_end));
            _end += read;
            if (read == 0)
            {
                return _held.AsSpan(0, _end).SequenceEqual(Mark) ? 0 : throw new InvalidDataException("The gzip data is cut off.");
            }
        }

        int count = Math.Min(destination.Length, _end - _start - Mark.Length);
        _held.AsSpan(_start, count).CopyTo(destination);
        _start += count;
        return count;
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _gzip.Dispose();

    private static byte[] Compress(byte[] bytes)
    {
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Optimal))
        {
            gzip.Write(bytes);
        }

        return memory.ToArray();
    }

    /// <summary>A stream and, behind its end, some more bytes.</summary>
    private sealed class Followed(Stream first, byte[] rest) : Stream
    {
        private int _position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            int read = first.Read(buffer);
            if (read == 0)
            {
                read = Math.Min(buffer.Length, rest.Length - _position);
                rest.AsSpan(_position, read).CopyTo(buffer);
                _position += read;
            }

            return read;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                first.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
