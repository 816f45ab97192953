using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using FedLLM.Engine.Files;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>
/// Tensors as canonical safetensors files under <c>&lt;first two digits&gt;/&lt;hash&gt;.safetensors</c>, each named by the SHA-256 of its bytes.
/// Any thread may use it.
/// </summary>
public sealed class FileTensorStore : ITensorStore
{
    private const string Extension = ".safetensors";

    private readonly IRunFiles _files;
    private readonly string _folder;

    // Whether a stored file is known to be whole: written by this process, or verified by it.
    private readonly ConcurrentDictionary<string, bool> _stored = new(StringComparer.Ordinal);

    private readonly ConcurrentDictionary<string, bool> _foldersReady = new(StringComparer.Ordinal);

    /// <summary>Opens the store in <paramref name="folder"/>, which need not exist, and clears away what was left unfinished.</summary>
    /// <exception cref="RunStorageException">The folder cannot be read or written.</exception>
    public FileTensorStore(string folder, IRunFiles? files = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        _folder = Path.GetFullPath(folder);
        _files = files ?? DiskFiles.Instance;
        try
        {
            foreach (string path in _files.List(_folder, folders: true).SelectMany(f => _files.List(f)))
            {
                if (path.EndsWith(DurableWriting.Unfinished, StringComparison.Ordinal))
                {
                    _files.Delete(path);
                }
                else if (IsHash(Path.GetFileNameWithoutExtension(path)) && Path.GetExtension(path) == Extension)
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

    /// <inheritdoc/>
    /// <exception cref="RunStorageException">The operating system refuses to write.</exception>
    public string Put(TensorSet tensors)
    {
        string hash = SafetensorsWriter.Hash(tensors);
        if (IsWhole(hash))
        {
            return hash;
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

        _files.WriteWhole(path, stream => SafetensorsWriter.Write(stream, tensors));
        _stored[hash] = true;
        return hash;
    }

    /// <inheritdoc/>
    /// <exception cref="RunStorageException">Nothing is stored under that hash, or what is stored does not have it.</exception>
    public TensorSet Get(string hash)
    {
        TensorSet? tensors = null;
        Read(hash, layout => tensors = new TensorSet(layout));
        return tensors!;
    }

    /// <inheritdoc/>
    /// <exception cref="RunStorageException">Nothing is stored under that hash, or what is stored does not have it.</exception>
    public bool TryGet(string hash, TensorSet into)
    {
        ArgumentNullException.ThrowIfNull(into);
        return Read(hash, layout => layout.Equals(into.Layout) ? into : null);
    }

    /// <summary>Whether something is stored under <paramref name="hash"/> and has it; read from the disk unless this process wrote or verified it before.</summary>
    public bool IsWhole(string hash)
    {
        RequireHash(hash);
        if (!_stored.TryGetValue(hash, out bool verified) || verified)
        {
            return verified;
        }

        string path = PathOf(hash);
        try
        {
            bool whole = HashOf(path) == hash;
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

    /// <summary>The SHA-256 of a file, or null where there is none.</summary>
    internal string? HashOf(string path)
    {
        if (!_files.FileExists(path))
        {
            return null;
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using Stream stream = _files.OpenRead(path);
        byte[] chunk = ArrayPool<byte>.Shared.Rent(1 << 17);
        for (int read = stream.Read(chunk); read > 0; read = stream.Read(chunk))
        {
            hash.AppendData(chunk, 0, read);
        }

        ArrayPool<byte>.Shared.Return(chunk);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Opens the stored file for reading.</summary>
    internal Stream OpenRead(string hash) => _files.OpenRead(PathOf(hash));

    /// <summary>Deletes everything that is not in <paramref name="reachable"/>.</summary>
    /// <exception cref="RunStorageException">The operating system refuses to delete.</exception>
    internal void Collect(IReadOnlySet<string> reachable)
    {
        foreach (string hash in _stored.Keys.Where(h => !reachable.Contains(h)))
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

    // Verified, and straight into the destination: an adapter is never in memory twice. False where there is none for that layout.
    private bool Read(string hash, Func<TensorLayout, TensorSet?> destination)
    {
        RequireHash(hash);
        string path = PathOf(hash);
        try
        {
            string? found = HashOf(path);
            if (found is null)
            {
                throw new RunStorageException(path, "is missing", "Give the same command again: the run continues from its newest whole checkpoint");
            }

            if (found != hash)
            {
                throw Damaged(path, null);
            }

            using SafetensorsFile file = SafetensorsFile.Open(path);
            var layout = new TensorLayout(file.Entries.Select(e => (e.Name, (IReadOnlyList<int>)[.. e.Shape.Select(d => checked((int)d))])));
            TensorSet? tensors = destination(layout);
            foreach (TensorSlot slot in tensors?.Layout.Slots ?? [])
            {
                file.ReadInto(slot.Name, tensors![slot]);
            }

            _stored[hash] = true;
            return tensors is not null;
        }
        catch (Exception e) when (e is InputFileException or ArgumentException or OverflowException)
        {
            throw Damaged(path, e);
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e) && e is not RunStorageException)
        {
            throw new RunStorageException(path, "cannot be read", "Check its permissions and the disk", e);
        }
    }

    private static RunStorageException Damaged(string path, Exception? cause) =>
        new(path, "does not have the SHA-256 it is named by: it is damaged", "Give the same command again: the run continues from its newest whole checkpoint", cause);

    private static bool IsHash(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigitLower);

    private static void RequireHash(string hash)
    {
        if (hash is null || !IsHash(hash))
        {
            throw new ArgumentException("A hash has 64 lower-case hexadecimal digits.", nameof(hash));
        }
    }

    private string PathOf(string hash) => Path.Combine(_folder, hash[..2], hash + Extension);
}
