using System.Security.Cryptography;
using System.Text.Json;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>
/// Which private states each client has, by hash, in pages of <see cref="ClientsPerPage"/> clients. A page is a file named by the SHA-256 of its bytes; a checkpoint
/// names its pages. So a checkpoint writes the pages that hold a client whose state changed, and refers to the others.
/// </summary>
internal sealed class ClientPages(string folder, IRunFiles files)
{
    /// <summary>How many clients, by id, share a page.</summary>
    public const int ClientsPerPage = 256;

    /// <summary>Ends the names of its files.</summary>
    public const string Extension = ".json";

    private readonly ContentFolder _folder = new(folder, Extension, files);
    private readonly Dictionary<string, SortedDictionary<int, SortedDictionary<string, string>>> _read = new(StringComparer.Ordinal);
    private IReadOnlyDictionary<int, IReadOnlyDictionary<string, string>> _last = new Dictionary<int, IReadOnlyDictionary<string, string>>();
    private SortedDictionary<int, string> _lastPages = [];

    /// <summary>Stores every client's states durably and returns the pages' hashes by number; pages without a change since the last call are not written.</summary>
    /// <param name="states">Per client, the hashes of its private states by name.</param>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public SortedDictionary<int, string> Put(IReadOnlyDictionary<int, IReadOnlyDictionary<string, string>> states)
    {
        var pages = new SortedDictionary<int, string>(_lastPages);
        foreach (int number in Changed(states))
        {
            var page = new SortedDictionary<int, SortedDictionary<string, string>>();
            for (int client = number * ClientsPerPage; client < (number + 1) * ClientsPerPage; client++)
            {
                if (states.TryGetValue(client, out IReadOnlyDictionary<string, string>? own))
                {
                    page.Add(client, new SortedDictionary<string, string>(own.ToDictionary(), StringComparer.Ordinal));
                }
            }

            if (page.Count == 0)
            {
                pages.Remove(number);
                continue;
            }

            byte[] bytes = JsonSerializer.SerializeToUtf8Bytes(page, ClientPageJson.Default.SortedDictionaryInt32SortedDictionaryStringString);
            string hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
            _folder.Write(hash, stream => stream.Write(bytes));
            _read[hash] = page;
            pages[number] = hash;
        }

        (_last, _lastPages) = (states, pages);
        return pages;
    }

    /// <summary>Loads every client's states; those that follow in <see cref="Put"/> are compared with them.</summary>
    /// <exception cref="RunStorageException">A page is missing, damaged or cannot be read.</exception>
    public IReadOnlyDictionary<int, IReadOnlyDictionary<string, string>> Get(IReadOnlyDictionary<int, string> pages)
    {
        var states = new Dictionary<int, IReadOnlyDictionary<string, string>>();
        foreach ((int client, SortedDictionary<string, string> own) in pages.Values.SelectMany(Load))
        {
            states[client] = own;
        }

        (_last, _lastPages) = (states, new SortedDictionary<int, string>(pages.ToDictionary()));
        return states;
    }

    /// <summary>Returns the hashes of all private states that stand in some pages, each page read once.</summary>
    /// <exception cref="RunStorageException">A page is missing, damaged or cannot be read.</exception>
    public IEnumerable<string> StatesOf(IReadOnlySet<string> pages) => pages.SelectMany(Load).SelectMany(client => client.Value.Values);

    /// <summary>Deletes the pages that are not in <paramref name="reachable"/>.</summary>
    /// <exception cref="RunStorageException">The operating system refuses to delete.</exception>
    public void Collect(IReadOnlySet<string> reachable)
    {
        _folder.Collect(reachable, []);
        foreach (string hash in _read.Keys.Where(h => !reachable.Contains(h)).ToArray())
        {
            _read.Remove(hash);
        }
    }

    /// <summary>Returns what stands in a page's bytes.</summary>
    /// <exception cref="JsonException">They are no page.</exception>
    public static SortedDictionary<int, SortedDictionary<string, string>> Parse(ReadOnlySpan<byte> bytes) =>
        JsonSerializer.Deserialize(bytes, ClientPageJson.Default.SortedDictionaryInt32SortedDictionaryStringString) ?? throw new JsonException("The page is null.");

    private SortedSet<int> Changed(IReadOnlyDictionary<int, IReadOnlyDictionary<string, string>> states)
    {
        var changed = new SortedSet<int>();
        foreach ((int client, IReadOnlyDictionary<string, string> own) in states)
        {
            if (!_last.TryGetValue(client, out IReadOnlyDictionary<string, string>? before) || !ReferenceEquals(own, before))
            {
                changed.Add(client / ClientsPerPage);
            }
        }

        changed.UnionWith(_last.Keys.Where(client => !states.ContainsKey(client)).Select(client => client / ClientsPerPage));
        return changed;
    }

    private SortedDictionary<int, SortedDictionary<string, string>> Load(string hash)
    {
        if (!_read.TryGetValue(hash, out SortedDictionary<int, SortedDictionary<string, string>>? page))
        {
            _folder.Read(hash, (here, path) => page = Parse(here.ReadWhole(path)));
            _read[hash] = page!;
        }

        return page!;
    }
}
