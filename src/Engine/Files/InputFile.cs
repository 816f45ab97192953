using Microsoft.Win32.SafeHandles;

namespace FedLLM.Engine.Files;

/// <summary>Opens files that came from outside; whatever the operating system refuses becomes an <see cref="InputFileException"/>.</summary>
internal static class InputFile
{
    /// <summary>Largest JSON file read whole, in bytes: a hundred times the index of the largest published models.</summary>
    public const int MaxJsonBytes = 16 << 20;

    /// <summary>Opens a regular file for random reads and returns its length.</summary>
    /// <exception cref="InputFileException">The file is absent, not readable, or not a regular file.</exception>
    public static SafeFileHandle Open(string path, out long length)
    {
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            length = RandomAccess.GetLength(handle);
            return handle;
        }
        catch (Exception e) when (IsRefusal(e))
        {
            handle?.Dispose();
            throw Unreadable(path, e);
        }
    }

    /// <summary>Reads a whole file of at most <paramref name="limit"/> bytes.</summary>
    /// <exception cref="InputFileException">The file cannot be read or is longer.</exception>
    public static byte[] ReadAll(string path, int limit = MaxJsonBytes)
    {
        using SafeFileHandle handle = Open(path, out long length);
        if (length > limit)
        {
            throw new InputFileException(path, null, $"is {length} bytes long; at most {limit} are read", "Check that this is the right file");
        }

        byte[] bytes = new byte[length];
        ReadExactly(handle, path, 0, bytes);
        return bytes;
    }

    /// <summary>Fills <paramref name="destination"/> from <paramref name="offset"/> on.</summary>
    /// <exception cref="InputFileException">The file ends before, or cannot be read.</exception>
    public static void ReadExactly(SafeFileHandle handle, string path, long offset, Span<byte> destination)
    {
        try
        {
            while (destination.Length > 0)
            {
                int read = RandomAccess.Read(handle, destination, offset);
                if (read == 0)
                {
                    throw new InputFileException(path, $"byte {offset}", "the file became shorter while it was read", "Run again when nothing writes to it");
                }

                destination = destination[read..];
                offset += read;
            }
        }
        catch (Exception e) when (IsRefusal(e))
        {
            throw Unreadable(path, e);
        }
    }

    /// <summary>Whether an exception is the operating system's answer rather than a defect of this program.</summary>
    public static bool IsRefusal(Exception e) => e is IOException or UnauthorizedAccessException or NotSupportedException or System.Security.SecurityException;

    private static InputFileException Unreadable(string path, Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => new(path, null, "does not exist", "Check the path", e),
        UnauthorizedAccessException when Directory.Exists(path) => new(path, null, "is a folder; a file is expected here", "Check the path", e),
        UnauthorizedAccessException => new(path, null, "may not be read: permission denied", "Give yourself read permission", e),
        NotSupportedException => new(path, null, "is not a regular file", "Check the path", e),
        _ => new(path, null, $"cannot be read: {e.Message.TrimEnd('.')}", "Check the path and the disk", e),
    };
}
