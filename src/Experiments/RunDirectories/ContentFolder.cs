using System.Collections.Concurrent;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>
/// Files of one kind under <c>&lt;first two digits&gt;/&lt;hash&gt;&lt;extension&gt;</c>, each named by the SHA-256 of its bytes. Any thread may use it.
/// </summary>
internal sealed class ContentFolder
{
    /// <summary>Ends the names of files whose bytes were found not to have the hash they are named by.</summary>
    public const string DamagedExtension = ".damaged";

    private readonly IRunFiles _files;
    private readonly string _folder;
    private readonly string _extension;
    private readonly bool _shared;

    // Whether a stored file is known to be whole: written by this process, or verified by it.
    private readonly ConcurrentDictionary<string, bool> _stored = new(StringComparer.Ordinal);

    private readonly ConcurrentDictionary<string, bool> _foldersReady = new(StringComparer.Ordinal);

    /// <summary>Opens <paramref name="folder"/>, which need not exist, and clears away what was left unfinished.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="extension">Ends the files' names.</param>
    /// <param name="files">The file system.</param>
    /// <param name="shared">Whether another process owns the folder and may delete what it does not need: nothing is cleared away, and each look goes to the disk.</param>
    /// <exception cref="RunStorageException">The folder cannot be read or written.</exception>
    public ContentFolder(string folder, string extension, IRunFiles files, bool shared = false)
    {
        _folder = Path.GetFullPath(folder);
        _extension = extension;
        _files = files;
        _shared = shared;
        if (shared)
        {
            return;
        }

        try
        {
            foreach (string path in _files.List(_folder, folders: true).SelectMany(f => _files.List(f)))
            {
                if (path.EndsWith(IRunFiles.Unfinished, StringComparison.Ordinal))
                {
                    _files.Delete(path);
                }
                else if (IsHash(Path.GetFileNameWithoutExtension(path)) && Path.GetExtension(path) == _extension)
                {
                    _stored[Path.GetFileNameWithoutExtension(path)] = false;
                }
            }
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e))
        {
            throw RunStorageException.Unwritable(_folder, e);
        }
    }

    /// <summary>Hashes of what is stored, verified or not.</summary>
    public IReadOnlyCollection<string> Hashes => (IReadOnlyCollection<string>)_stored.Keys;

    /// <summary>Whether a file of that name is there; its bytes may be damaged.</summary>
    public bool Contains(string hash) => _stored.ContainsKey(hash);

    /// <summary>Whether something is stored under <paramref name="hash"/> and has it; read from the disk unless this process wrote or verified it before.</summary>
    public bool IsWhole(string hash)
    {
        RequireHash(hash);
        if (!_shared && (!_stored.TryGetValue(hash, out bool verified) || verified))
        {
            return verified;
        }

        try
        {
            bool whole = _files.HashOf(PathOf(hash)) == hash;
            if (whole)
            {
                _stored[hash] = true;
            }

            return whole;
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e))
        {
            return false;
        }
    }

    /// <summary>Stores durably what <paramref name="write"/> writes, which must have <paramref name="hash"/>; writes nothing where it is stored and whole.</summary>
    /// <exception cref="RunStorageException">The operating system refuses to write.</exception>
    public void Write(string hash, Action<Stream> write)
    {
        if (IsWhole(hash))
        {
            return;
        }

        string path = PathOf(hash);
        string folder = Path.GetDirectoryName(path)!;
        try
        {
            if (!_foldersReady.ContainsKey(folder))
            {
                _files.CreateFolder(folder);
                _files.SyncFolder(_folder);
                _foldersReady[folder] = true;
            }
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e))
        {
            throw RunStorageException.Unwritable(folder, e);
        }

        try
        {
            _files.WriteWhole(path, write);
            _stored[hash] = true;
        }
        catch (RunStorageException)
        {
            _foldersReady.TryRemove(folder, out _); // it may have been deleted meanwhile; the next attempt makes it again
            throw;
        }
    }

    /// <summary>
    /// Reads a stored file that has its hash. A file that has not is put aside under <see cref="DamagedExtension"/>, so that no checkpoint that needs it counts as whole.
    /// </summary>
    /// <param name="hash">The hash.</param>
    /// <param name="read">Reads the file of that path by that file system; what it throws of <see cref="Engine.Files.InputFileException"/> and the like means damage.</param>
    /// <exception cref="RunStorageException">Nothing is stored under that hash, or what is stored does not have it or cannot be read.</exception>
    public void Read(string hash, Action<IRunFiles, string> read)
    {
        RequireHash(hash);
        string path = PathOf(hash);
        try
        {
            _files.ReadHere(path, (files, here) =>
            {
                string? found = files.HashOf(here);
                if (found is null)
                {
                    throw RunStorageException.Damaged(path, "is missing");
                }

                if (found != hash)
                {
                    PutAside(hash, path);
                    throw RunStorageException.Damaged(path, "does not have the SHA-256 it is named by: it is damaged");
                }

                read(files, here);
                _stored[hash] = true;
            });
        }
        catch (Exception e) when (e is Engine.Files.InputFileException or System.Text.Json.JsonException or ArgumentException or OverflowException)
        {
            throw RunStorageException.Damaged(path, "does not hold what its name promises: it is damaged", e);
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e) && e is not RunStorageException)
        {
            throw new RunStorageException(path, "cannot be read", "Check its permissions and the disk", e);
        }
    }

    /// <summary>Deletes everything that is not in <paramref name="reachable"/>, as far as this process knows of it.</summary>
    /// <param name="reachable">What stays.</param>
    /// <param name="foreign">Hashes of what other processes stored.</param>
    /// <exception cref="RunStorageException">The operating system refuses to delete.</exception>
    public void Collect(IReadOnlySet<string> reachable, IEnumerable<string> foreign)
    {
        foreach (string hash in _stored.Select(s => s.Key).Concat(foreign).Where(h => !reachable.Contains(h)).ToArray())
        {
            try
            {
                _files.Delete(PathOf(hash));
            }
            catch (Exception e) when (RunStorageException.IsRefusal(e))
            {
                throw RunStorageException.Unwritable(PathOf(hash), e);
            }

            _stored.TryRemove(hash, out _);
        }
    }

    /// <summary>Where the file of that hash is, or would be.</summary>
    public string PathOf(string hash) => Path.Combine(_folder, hash[..2], hash + _extension);

    /// <summary>Whether a text has the form of a hash: 64 lower-case hexadecimal digits.</summary>
    public static bool IsHash(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigitLower);

    private void PutAside(string hash, string path)
    {
        try
        {
            _files.Rename(path, path + DamagedExtension);
            _stored.TryRemove(hash, out _);
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e))
        {
            // The damage is the error to report.
        }
    }

    private static void RequireHash(string hash)
    {
        if (hash is null || !IsHash(hash))
        {
            throw new ArgumentException("A hash has 64 lower-case hexadecimal digits.", nameof(hash));
        }
    }
}
