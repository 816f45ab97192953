using System.Buffers;
using System.Security.Cryptography;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>Whole files, read whole and written so that a reader finds the old content or the new one, never a part of either.</summary>
internal static class DurableWriting
{
    // Several processes may write the same content at the same time, also from machines that share a folder.
    private static readonly string Writer = Convert.ToHexStringLower(SHA256.HashData(LockHolder.Current().ToBytes()))[..12];

    private static int LastSerial;

    /// <summary>Writes a file durably: into a temporary one beside it, flushed, renamed, the folder flushed.</summary>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public static void WriteWhole(this IRunFiles files, string path, Action<Stream> write)
    {
        string temporary = FormattableString.Invariant($"{path}.{Writer}-{Interlocked.Increment(ref LastSerial)}{IRunFiles.Unfinished}");
        try
        {
            using (Stream stream = files.Create(temporary))
            {
                write(stream);
                files.Sync(stream);
            }

            files.Rename(temporary, path);
            files.SyncFolder(Path.GetDirectoryName(path)!);
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e))
        {
            TryDelete(files, temporary);
            throw RunStorageException.Unwritable(path, e);
        }
    }

    /// <summary>Writes bytes durably, as <see cref="WriteWhole(IRunFiles, string, Action{Stream})"/> does.</summary>
    public static void WriteWhole(this IRunFiles files, string path, ReadOnlyMemory<byte> bytes) => files.WriteWhole(path, stream => stream.Write(bytes.Span));

    /// <summary>Reads a file, or returns null where there is none.</summary>
    /// <exception cref="RunStorageException">The operating system refuses, or the file does not fit into memory.</exception>
    public static byte[]? ReadWhole(this IRunFiles files, string path)
    {
        try
        {
            if (!files.FileExists(path))
            {
                return null;
            }

            using Stream stream = files.OpenRead(path);
            if (stream.Length > Array.MaxLength)
            {
                throw new RunStorageException(path, $"is {stream.Length} bytes long", "Check what wrote it");
            }

            byte[] bytes = new byte[stream.Length];
            int read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return read == bytes.Length ? bytes : bytes[..read];
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e) && e is not RunStorageException)
        {
            throw new RunStorageException(path, "cannot be read", "Check its permissions and the disk", e);
        }
    }

    /// <summary>Returns the SHA-256, lower-case hex, of a file's bytes, or null where there is none.</summary>
    public static string? HashOf(this IRunFiles files, string path)
    {
        if (!files.FileExists(path))
        {
            return null;
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using Stream stream = files.OpenRead(path);
        byte[] chunk = ArrayPool<byte>.Shared.Rent(1 << 17);
        for (int read = stream.Read(chunk); read > 0; read = stream.Read(chunk))
        {
            hash.AppendData(chunk, 0, read);
        }

        ArrayPool<byte>.Shared.Return(chunk);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void TryDelete(IRunFiles files, string path)
    {
        try
        {
            files.Delete(path);
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e))
        {
            // What could not be written is the error to report; the next run clears leftovers away.
        }
    }
}
