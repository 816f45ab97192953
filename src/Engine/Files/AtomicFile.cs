using System.Globalization;

namespace FedLLM.Engine.Files;

/// <summary>
/// Writes files so that a reader, or a run that was killed, finds the old content or the new one and never a part: into a temporary file in the same folder,
/// flushed to the disk, then renamed.
/// </summary>
public static class AtomicFile
{
    private static int LastSerial;

    /// <summary>Writes one file. Its folder must exist.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="write">Writes the content; what it throws leaves the old file as it was.</param>
    /// <exception cref="InputFileException">The operating system refuses to write.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(write);
        string full = Path.GetFullPath(path);
        WriteStaged(path, Path.GetDirectoryName(full) ?? full, [(Path.GetFileName(full), write)]);
    }

    /// <summary>Writes several files of one folder: all contents are on the disk before the first is renamed, in the given order.</summary>
    /// <param name="folder">The folder; made if absent, and removed again if nothing could be written into it.</param>
    /// <param name="files">Names in the folder and what writes their contents.</param>
    /// <exception cref="InputFileException">The operating system refuses to write.</exception>
    public static void WriteAll(string folder, params IReadOnlyList<(string Name, Action<Stream> Write)> files)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(files);
        IReadOnlyList<string> made = MakeFolder(folder);
        try
        {
            WriteStaged(folder, folder, files);
        }
        catch
        {
            RemoveEmpty(made);
            throw;
        }
    }

    private static void WriteStaged(string shown, string folder, IReadOnlyList<(string Name, Action<Stream> Write)> files)
    {
        var staged = new List<(string Temporary, string Target)>();
        try
        {
            foreach ((string name, Action<Stream> write) in files)
            {
                int serial = Interlocked.Increment(ref LastSerial);
                string temporary = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $".{name}.{Environment.ProcessId}-{serial}.tmp"));
                staged.Add((temporary, Path.Combine(folder, name)));
                using var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None);
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            foreach ((string temporary, string target) in staged)
            {
                File.Move(temporary, target, overwrite: true);
            }
        }
        catch (Exception e)
        {
            foreach ((string temporary, _) in staged)
            {
                Remove(temporary);
            }

            if (InputFile.IsRefusal(e))
            {
                throw Unwritable(shown, e);
            }

            throw;
        }
    }

    private static IReadOnlyList<string> MakeFolder(string folder)
    {
        var absent = new List<string>();
        try
        {
            for (string? at = Path.GetFullPath(folder); at is not null && !Directory.Exists(at); at = Path.GetDirectoryName(at))
            {
                absent.Add(at);
            }

            Directory.CreateDirectory(folder);
            return absent;
        }
        catch (Exception e) when (InputFile.IsRefusal(e))
        {
            RemoveEmpty(absent);
            throw e is DirectoryNotFoundException
                ? new InputFileException(folder, null, "the folder cannot be made because a part of its path is a file", "Choose another output folder", e)
                : Unwritable(folder, e);
        }
    }

    private static void Remove(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception e) when (InputFile.IsRefusal(e))
        {
            // The error that led here is the one to report.
        }
    }

    private static void RemoveEmpty(IReadOnlyList<string> foldersFromTheInnermost)
    {
        try
        {
            foreach (string folder in foldersFromTheInnermost.Where(Directory.Exists))
            {
                Directory.Delete(folder);
            }
        }
        catch (Exception e) when (InputFile.IsRefusal(e))
        {
            // Something else lives in it by now: it stays.
        }
    }

    private static InputFileException Unwritable(string path, Exception e) => e switch
    {
        UnauthorizedAccessException => new(path, null, "may not be written: permission denied", "Choose another output folder or give yourself write permission", e),
        DirectoryNotFoundException => new(path, null, "its folder does not exist", "Make the folder first", e),
        _ => new(path, null, $"cannot be written: {e.Message.TrimEnd('.')}", "Check the path and the free space of the disk", e),
    };
}
