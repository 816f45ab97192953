using FedLLM.Experiments.RunDirectories;

namespace FedLLM.Experiments.Tests.RunDirectories;

/// <summary>The operating system's files without the waits for the disk, which no test here can tell from their absence.</summary>
internal sealed class UnsyncedFiles : IRunFiles
{
    public static readonly UnsyncedFiles Instance = new();

    public bool FileExists(string path) => DiskFiles.Instance.FileExists(path);

    public IReadOnlyList<string> List(string folder, bool folders = false) => DiskFiles.Instance.List(folder, folders);

    public void CreateFolder(string path) => DiskFiles.Instance.CreateFolder(path);

    public Stream OpenRead(string path) => DiskFiles.Instance.OpenRead(path);

    public Stream Create(string path) => DiskFiles.Instance.Create(path);

    public Stream Append(string path) => DiskFiles.Instance.Append(path);

    public void Sync(Stream file)
    {
    }

    public void SyncFolder(string path)
    {
    }

    public void Rename(string from, string to) => DiskFiles.Instance.Rename(from, to);

    public void Truncate(string path, long length) => DiskFiles.Instance.Truncate(path, length);

    public void Delete(string path) => DiskFiles.Instance.Delete(path);

    public IDisposable? TryLock(string path) => DiskFiles.Instance.TryLock(path);
}

internal enum Fault
{
    /// <summary>The process dies before the operation.</summary>
    Kill,

    /// <summary>The process dies in the middle of it: a write stores half its bytes.</summary>
    KillTorn,

    /// <summary>The process dies right after it.</summary>
    KillAfter,

    /// <summary>The operating system refuses it, once.</summary>
    Refuse,

    /// <summary>The operating system refuses it, once, after half a write.</summary>
    RefuseTorn,

    /// <summary>From there on the disk is full: half a write is stored, and then nothing more.</summary>
    Full,

    /// <summary>From there on nothing in the directory may be changed.</summary>
    ReadOnly,
}

/// <summary>What a killed process "throws": nothing that the code under test may catch.</summary>
internal sealed class KilledException() : Exception("killed");

/// <summary>Makes one operation of a run directory fail. A killed process does nothing more: every later operation fails too.</summary>
internal sealed class FaultyFiles(Fault fault, int at) : IRunFiles
{
    private readonly UnsyncedFiles _inner = UnsyncedFiles.Instance;
    private readonly List<IDisposable> _open = [];
    private int _operations;
    private bool _dead;
    private bool _full;

    /// <summary>How many operations there were.</summary>
    public int Operations => _operations;

    /// <summary>Whether the fault came to pass.</summary>
    public bool Struck { get; private set; }

    /// <summary>Does what the operating system does for a dead process: closes its files and ends its locks.</summary>
    public void Bury() => _open.ForEach(o => o.Dispose());

    public bool FileExists(string path) => Do(() => _inner.FileExists(path));

    public IReadOnlyList<string> List(string folder, bool folders = false) => Do(() => _inner.List(folder, folders));

    public void CreateFolder(string path) => Do(() => _inner.CreateFolder(path), Change.Grows);

    public Stream OpenRead(string path) => Do(() => new Reader(this, Keep(_inner.OpenRead(path))));

    public Stream Create(string path) => Do(() => new Writer(this, Keep(_inner.Create(path))), Change.Grows);

    public Stream Append(string path) => Do(() => new Writer(this, Keep(_inner.Append(path))), Change.Opens);

    public void Sync(Stream file) => Do(() => { });

    public void SyncFolder(string path) => Do(() => { });

    public void Rename(string from, string to) => Do(() => _inner.Rename(from, to), Change.Other);

    public void Truncate(string path, long length) => Do(() => _inner.Truncate(path, length), Change.Other);

    public void Delete(string path) => Do(() => _inner.Delete(path), Change.Other);

    public IDisposable? TryLock(string path) => Do(() => _inner.TryLock(path) is { } held ? Keep(held) : null);

    private T Keep<T>(T opened)
        where T : IDisposable
    {
        _open.Add(opened);
        return opened;
    }

    // What an operation does to the directory.
    private enum Change
    {
        None,

        /// <summary>It needs room.</summary>
        Grows,

        /// <summary>It opens a file for writing.</summary>
        Opens,

        Other,
    }

    private void Do(Action operation, Change change = Change.None) => Do(
        () =>
        {
            operation();
            return 0;
        },
        change);

    private T Do<T>(Func<T> operation, Change change = Change.None, Action? half = null)
    {
        if (_dead)
        {
            throw new KilledException();
        }

        ++_operations;
        if (fault is Fault.Full or Fault.ReadOnly)
        {
            return _operations < at ? operation() : DoWithoutRoom(operation, change, half);
        }

        if (_operations != at)
        {
            return operation();
        }

        Struck = true;
        _dead = fault is Fault.Kill or Fault.KillTorn or Fault.KillAfter;
        if (fault is Fault.KillTorn or Fault.RefuseTorn)
        {
            half?.Invoke();
        }

        if (fault == Fault.KillAfter)
        {
            operation();
        }

        throw _dead ? new KilledException() : new IOException("No space left on device");
    }

    private T DoWithoutRoom<T>(Func<T> operation, Change change, Action? half)
    {
        Struck = true;
        if (fault == Fault.ReadOnly)
        {
            // What is open stays writable.
            return change == Change.None || half is not null ? operation() : throw new UnauthorizedAccessException("Access to the path is denied.");
        }

        if (change != Change.Grows)
        {
            return operation();
        }

        if (!_full)
        {
            half?.Invoke();
        }

        _full = true;
        throw new IOException("No space left on device");
    }

    /// <summary>An open file in which only what the code under test uses works.</summary>
    private abstract class OpenFile(Stream inner) : Stream
    {
        public override bool CanRead => inner.CanRead;

        public override bool CanSeek => false;

        public override bool CanWrite => inner.CanWrite;

        public override long Length => inner.Length;

        public override long Position { get => inner.Position; set => throw new NotSupportedException(); }

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }

            base.Dispose(disposing);
        }
    }

    /// <summary>Each read is an operation; the first gives at most half of what is asked for, as an operating system may.</summary>
    private sealed class Reader(FaultyFiles files, Stream inner) : OpenFile(inner)
    {
        private readonly Stream _inner = inner;

        public override int Read(Span<byte> buffer)
        {
            byte[] bytes = new byte[_inner.Position == 0 ? (buffer.Length + 1) / 2 : buffer.Length];
            int read = files.Do(() => _inner.Read(bytes));
            bytes.AsSpan(0, read).CopyTo(buffer);
            return read;
        }
    }

    private sealed class Writer(FaultyFiles files, Stream inner) : OpenFile(inner)
    {
        private readonly Stream _inner = inner;

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            byte[] bytes = buffer.ToArray();
            files.Do(
                () =>
                {
                    _inner.Write(bytes);
                    return 0;
                },
                Change.Grows,
                () => _inner.Write(bytes.AsSpan(0, bytes.Length / 2)));
        }
    }
}
