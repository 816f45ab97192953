namespace FedLLM.Dashboard.RunDirectories;

/// <summary>A small file that is replaced as a whole; read again when it is another one.</summary>
/// <param name="path">The file; it need not exist.</param>
internal sealed class WholeFile(string path)
{
    private const int MaxBytes = 1 << 28;

    private (long Length, DateTime Written)? _seen;

    /// <summary>When the file was last written, or null where there is none.</summary>
    public DateTime? Written => _seen?.Written;

    /// <summary>Gives the content to <paramref name="take"/>, null where the file is gone, and returns true, unless it is the same as before.</summary>
    /// <exception cref="IOException">The file cannot be read, or is longer than 256 MiB.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be read.</exception>
    public bool Read(Action<byte[]?> take)
    {
        var file = new FileInfo(path);
        (long, DateTime)? now = file.Exists ? (file.Length, file.LastWriteTimeUtc) : null;
        if (now == _seen)
        {
            return false;
        }

        if (now is null)
        {
            take(null);
        }
        else
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            if (stream.Length > MaxBytes)
            {
                throw new IOException($"{path}: is longer than {MaxBytes >> 20} MiB.");
            }

            byte[] bytes = new byte[stream.Length];
            int read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            take(read == bytes.Length ? bytes : bytes[..read]);
        }

        _seen = now;
        return true;
    }
}
