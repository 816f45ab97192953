using FedLLM.Data.Examples;
using FedLLM.Data.Files;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Partitioning;

/// <summary>
/// A held-out file for each client of a partition: the one whose stem has the client's name, words that say what the data is for aside
/// (<see cref="DataFiles.OwnerKey"/>). A file is read only when its client is asked for; files that are nobody's are not read.
/// </summary>
public sealed class HeldOutFiles : IPartition
{
    private const int NamedAtMost = 5;

    private readonly IPartition _clients;
    private readonly ExampleReader _reader;
    private readonly string[] _files;

    /// <summary>Finds every client's file; none is read yet.</summary>
    /// <param name="clients">The clients.</param>
    /// <param name="glob">A folder, or a glob whose last part holds <c>*</c> or <c>?</c>.</param>
    /// <param name="reader">Reads the files.</param>
    /// <exception cref="InputFileException">Nothing is found; a client has no file, or several; or its file is what it trains on.</exception>
    public HeldOutFiles(IPartition clients, string glob, ExampleReader reader)
    {
        ArgumentNullException.ThrowIfNull(clients);
        ArgumentNullException.ThrowIfNull(glob);
        (_clients, _reader) = (clients, reader);
        ILookup<string, string> byKey = DataFiles.Find(glob).ToLookup(file => DataFiles.OwnerKey(DataFiles.Stem(file)), StringComparer.Ordinal);
        var owners = new Dictionary<string, int>(StringComparer.Ordinal);
        var missing = new List<int>();
        _files = new string[clients.Clients];
        for (int client = 0; client < _files.Length; client++)
        {
            string key = DataFiles.OwnerKey(clients.Name(client));
            string[] own = [.. byKey[key]];
            if (!owners.TryAdd(key, client))
            {
                throw new InputFileException(
                    glob, null, $"clients {owners[key]} ({clients.Name(owners[key])}) and {client} ({clients.Name(client)}) cannot be told apart by their names",
                    "Rename their training files, or hold out a fraction instead");
            }

            if (own.Length > 1)
            {
                throw new InputFileException(
                    glob, null, $"{Path.GetFileName(own[0])} and {Path.GetFileName(own[1])} are both held-out data of client {client} ({clients.Name(client)})",
                    "Narrow the glob to one file for each client");
            }

            if (own.Length == 0)
            {
                missing.Add(client);
            }
            else if (Path.GetFullPath(own[0]) == Path.GetFullPath(clients.Origin(client)))
            {
                throw new InputFileException(own[0], null, $"client {client} trains on it; it cannot be held out", "Name other files, or hold out a fraction instead");
            }
            else
            {
                _files[client] = own[0];
            }
        }

        if (missing.Count > 0)
        {
            string names = string.Join(", ", missing.Take(NamedAtMost).Select(c => $"{c} ({clients.Name(c)})"));
            string more = missing.Count > NamedAtMost ? $" and {missing.Count - NamedAtMost} more" : "";
            throw new InputFileException(
                glob, null, $"holds no file for client {names}{more}", "Name each client's file as its training data, with test or eval in place of training");
        }
    }

    /// <inheritdoc/>
    public int Clients => _files.Length;

    /// <inheritdoc/>
    public string Name(int client) => _clients.Name(client);

    /// <inheritdoc/>
    public string Origin(int client) => _files[client];

    /// <inheritdoc/>
    public IEnumerable<Example> Read(int client) => _reader.Read(_files[client]);
}
