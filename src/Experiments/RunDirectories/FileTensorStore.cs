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
    /// <summary>Ends the names of its files.</summary>
    internal const string Extension = ".safetensors";

    private readonly ContentFolder _folder;

    // The layout that was asked for last and what its files begin with: a round's updates all have the same.
    private volatile KnownHeader? _lastHeader;

    /// <summary>Opens the store in <paramref name="folder"/>, which need not exist, and clears away what was left unfinished.</summary>
    /// <exception cref="RunStorageException">The folder cannot be read or written.</exception>
    public FileTensorStore(string folder, IRunFiles? files = null)
        : this(folder, files ?? DiskFiles.Instance, shared: false)
    {
    }

    private FileTensorStore(string folder, IRunFiles files, bool shared)
    {
        ArgumentNullException.ThrowIfNull(folder);
        _folder = new ContentFolder(folder, Extension, files, shared);
    }

    /// <summary>Hashes of what is stored, verified or not.</summary>
    public IReadOnlyCollection<string> Hashes => _folder.Hashes;

    /// <summary>Opens a store that another process owns, which may delete what it does not need.</summary>
    internal static FileTensorStore OpenShared(string folder, IRunFiles files) => new(folder, files, shared: true);

    /// <inheritdoc/>
    /// <exception cref="RunStorageException">The operating system refuses to write.</exception>
    public string Put(TensorSet tensors)
    {
        string hash = SafetensorsWriter.Hash(tensors);
        _folder.Write(hash, stream => SafetensorsWriter.Write(stream, tensors));
        return hash;
    }

    /// <inheritdoc/>
    public string HashOf(TensorSet tensors) => SafetensorsWriter.Hash(tensors);

    /// <inheritdoc/>
    /// <exception cref="RunStorageException">Nothing is stored under that hash, or what is stored does not have it.</exception>
    public TensorSet Get(string hash)
    {
        TensorSet? tensors = null;
        _folder.Read(hash, (_, path) => tensors = Load(path));
        return tensors!;
    }

    /// <inheritdoc/>
    /// <exception cref="RunStorageException">Nothing is stored under that hash, or what is stored does not have it.</exception>
    public bool TryGet(string hash, TensorSet into)
    {
        ArgumentNullException.ThrowIfNull(into);
        byte[] header = HeaderOf(into.Layout);
        bool fits = false;
        _folder.Read(hash, (_, path) => fits = SafetensorsFile.TryFill(path, header, into.Values) || Load(path, layout => layout.Equals(into.Layout) ? into : null) is not null);
        return fits;
    }

    /// <summary>Whether something is stored under <paramref name="hash"/> and has it; read from the disk unless this process wrote or verified it before.</summary>
    public bool IsWhole(string hash) => _folder.IsWhole(hash);

    /// <summary>Whether a file of that name is there; its bytes may be damaged.</summary>
    internal bool Contains(string hash) => _folder.Contains(hash);

    /// <summary>Where the file of that hash is, or would be.</summary>
    internal string PathOf(string hash) => _folder.PathOf(hash);

    /// <summary>Deletes everything that is not in <paramref name="reachable"/>, as far as this process knows of it.</summary>
    /// <param name="reachable">What stays.</param>
    /// <param name="foreign">Hashes of what other processes stored.</param>
    /// <exception cref="RunStorageException">The operating system refuses to delete.</exception>
    internal void Collect(IReadOnlySet<string> reachable, IEnumerable<string> foreign) => _folder.Collect(reachable, foreign);

    /// <summary>Reads the tensors of a stored file that is known to have its hash.</summary>
    internal static TensorSet Load(string path) => Load(path, layout => new TensorSet(layout))!;

    private byte[] HeaderOf(TensorLayout layout)
    {
        KnownHeader? known = _lastHeader;
        if (known is null || !ReferenceEquals(known.Layout, layout))
        {
            _lastHeader = known = new KnownHeader(layout, SafetensorsWriter.HeaderOf(layout));
        }

        return known.Header;
    }

    // Straight into the destination: an adapter is never in memory twice. Null where there is none for the file's layout.
    private static TensorSet? Load(string path, Func<TensorLayout, TensorSet?> destination)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        TensorSet? tensors = destination(new TensorLayout(file.Entries.Select(e => (e.Name, (IReadOnlyList<int>)[.. e.Shape.Select(d => checked((int)d))]))));
        foreach (TensorSlot slot in tensors?.Layout.Slots ?? [])
        {
            file.ReadInto(slot.Name, tensors![slot]);
        }

        return tensors;
    }

    private sealed record KnownHeader(TensorLayout Layout, byte[] Header);
}
