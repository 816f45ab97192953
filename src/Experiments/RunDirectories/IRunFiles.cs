namespace FedLLM.Experiments.RunDirectories;

/// <summary>
/// Every operation a run directory asks of the file system, or of what stands in its place, one by one, so that each can be made to fail in tests. Paths are absolute.
/// Refusals are <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>.
/// </summary>
public interface IRunFiles
{
    /// <summary>Ends the names of files that are not finished: they are renamed when they are, or left over.</summary>
    const string Unfinished = ".tmp";

    /// <summary>Whether a file of that name exists.</summary>
    bool FileExists(string path);

    /// <summary>Returns the full paths of a folder's files, or of its folders, in ordinal order; none where there is no such folder.</summary>
    IReadOnlyList<string> List(string folder, bool folders = false);

    /// <summary>Makes a folder and those above it.</summary>
    void CreateFolder(string path);

    /// <summary>Opens a file for reading, also while another process writes it.</summary>
    Stream OpenRead(string path);

    /// <summary>Opens an empty file for writing, in place of an old one. Nothing is buffered in this process.</summary>
    Stream Create(string path);

    /// <summary>Opens a file for writing at its end; makes it if absent. Nothing is buffered in this process.</summary>
    Stream Append(string path);

    /// <summary>Flushes a file opened here to the disk.</summary>
    void Sync(Stream file);

    /// <summary>Flushes a folder's entries to the disk, so that renames and new files in it survive a power failure.</summary>
    void SyncFolder(string path);

    /// <summary>Renames a file, in place of an old one, in one step.</summary>
    void Rename(string from, string to);

    /// <summary>Cuts a file to a length.</summary>
    void Truncate(string path, long length);

    /// <summary>Deletes a file; nothing happens where there is none.</summary>
    void Delete(string path);

    /// <summary>Gives <paramref name="read"/> a file of this machine that holds the same bytes, and the file system that opens it. By default that is the file itself.</summary>
    void ReadHere(string path, Action<IRunFiles, string> read)
    {
        ArgumentNullException.ThrowIfNull(read);
        read(this, path);
    }

    /// <summary>
    /// Whether this is a storage that is made for several machines: a lock that can be taken proves that nobody has it anywhere, and clients elsewhere may be at work on any
    /// run. By default it is not: some shared folders know no locks, so a living process that is named beside a lock counts too.
    /// </summary>
    bool IsShared => false;

    /// <summary>Takes a lock on a file of its own, which is made if absent. It ends when disposed, and with this process or soon after it. Null where somebody has it.</summary>
    IDisposable? TryLock(string path);
}
