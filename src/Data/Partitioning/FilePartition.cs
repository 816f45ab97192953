using FedLLM.Data.Examples;
using FedLLM.Data.Files;

namespace FedLLM.Data.Partitioning;

/// <summary>One client per file (scheme <c>files</c>): id = index in the list, name = the file's stem. A file is read only when its client is asked for.</summary>
public sealed class FilePartition : IPartition
{
    private readonly IReadOnlyList<string> _files;
    private readonly string[] _names;
    private readonly ExampleReader _reader;

    /// <summary>Makes a partition of files that stand in the order of their clients, as <see cref="DataFiles.FindShards"/> returns them.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no file.</exception>
    public FilePartition(IReadOnlyList<string> files, ExampleReader reader)
    {
        ArgumentOutOfRangeException.ThrowIfZero(files.Count);
        _files = files;
        _names = [.. files.Select(DataFiles.Stem)];
        _reader = reader;
    }

    /// <inheritdoc/>
    public int Clients => _files.Count;

    /// <inheritdoc/>
    public string Name(int client) => _names[client];

    /// <inheritdoc/>
    public string Origin(int client) => _files[client];

    /// <inheritdoc/>
    public IEnumerable<Example> Read(int client) => _reader.Read(_files[client]);
}
