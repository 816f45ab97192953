using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>The operating system's files.</summary>
public sealed partial class DiskFiles : IRunFiles
{
    private const int Interrupted = 4; // EINTR, the same on Linux and macOS
    private const int NotSupported = 22; // EINVAL: this file system has nothing to flush for a folder

    // "Somebody else has it": EWOULDBLOCK on Linux and macOS, ERROR_SHARING_VIOLATION on Windows.
    private static readonly int[] Held = [11, 35, 32];

    private DiskFiles()
    {
    }

    /// <summary>The one instance: it has no state.</summary>
    public static DiskFiles Instance { get; } = new();

    /// <inheritdoc/>
    public bool FileExists(string path) => File.Exists(path);

    /// <inheritdoc/>
    public IReadOnlyList<string> List(string folder, bool folders = false)
    {
        if (!Directory.Exists(folder))
        {
            return [];
        }

        string[] entries = folders ? Directory.GetDirectories(folder) : Directory.GetFiles(folder);
        Array.Sort(entries, StringComparer.Ordinal);
        return entries;
    }

    /// <inheritdoc/>
    public void CreateFolder(string path) => Directory.CreateDirectory(path);

    /// <inheritdoc/>
    public Stream OpenRead(string path) => new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);

    /// <inheritdoc/>
    public Stream Create(string path) => new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);

    /// <inheritdoc/>
    public Stream Append(string path) => new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);

    /// <inheritdoc/>
    public void Sync(Stream file) => ((FileStream)file).Flush(flushToDisk: true);

    /// <inheritdoc/>
    public void SyncFolder(string path)
    {
        // Windows flushes directory entries with the file; .NET opens no folder anywhere.
        if (!OperatingSystem.IsWindows())
        {
            SyncUnixFolder(path);
        }
    }

    /// <inheritdoc/>
    public void Rename(string from, string to) => File.Move(from, to, overwrite: true);

    /// <inheritdoc/>
    public void Truncate(string path, long length)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.Read, bufferSize: 0);
        file.SetLength(length);
        file.Flush(flushToDisk: true);
    }

    /// <inheritdoc/>
    public void Delete(string path) => File.Delete(path);

    /// <inheritdoc/>
    public IDisposable? TryLock(string path)
    {
        try
        {
            // FileShare.None is a lock of the kernel's (flock on Unix): it cannot outlive its holder.
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException e) when (Held.Contains(e.HResult & 0xFFFF))
        {
            return null;
        }
    }

    [UnsupportedOSPlatform("windows")]
    private static void SyncUnixFolder(string path)
    {
        int descriptor = Open(path, 0);
        if (descriptor < 0)
        {
            throw Failure(path);
        }

        try
        {
            while (FSync(descriptor) != 0)
            {
                int error = Marshal.GetLastPInvokeError();
                if (error == NotSupported)
                {
                    return;
                }

                if (error != Interrupted)
                {
                    throw Failure(path);
                }
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException Failure(string path) => new($"{Marshal.GetLastPInvokeErrorMessage()} : '{path}'");

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
