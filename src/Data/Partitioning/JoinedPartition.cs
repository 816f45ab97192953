using FedLLM.Data.Examples;

namespace FedLLM.Data.Partitioning;

/// <summary>The clients of several partitions, one partition after another: each source of a mixed-domain experiment is cut by itself.</summary>
public sealed class JoinedPartition : IPartition
{
    private readonly IReadOnlyList<(string Name, IPartition Partition)> _sources;
    private readonly int[] _first; // each source's first client

    /// <summary>Joins partitions.</summary>
    /// <param name="sources">The partitions, at least one, with the names of their sources, which come before their clients' names.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no partition.</exception>
    public JoinedPartition(IReadOnlyList<(string Name, IPartition Partition)> sources)
    {
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentOutOfRangeException.ThrowIfZero(sources.Count);
        _sources = sources;
        _first = new int[sources.Count];
        foreach ((int i, (_, IPartition partition)) in sources.Index())
        {
            _first[i] = Clients;
            Clients += partition.Clients;
        }
    }

    /// <inheritdoc/>
    public int Clients { get; }

    /// <inheritdoc/>
    public string Name(int client)
    {
        (int source, int own) = Find(client);
        return $"{_sources[source].Name}/{_sources[source].Partition.Name(own)}";
    }

    /// <inheritdoc/>
    public string Origin(int client)
    {
        (int source, int own) = Find(client);
        return _sources[source].Partition.Origin(own);
    }

    /// <inheritdoc/>
    public IEnumerable<Example> Read(int client)
    {
        (int source, int own) = Find(client);
        return _sources[source].Partition.Read(own);
    }

    private (int Source, int Client) Find(int client)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(client);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(client, Clients);
        int found = Array.BinarySearch(_first, client);
        int source = found >= 0 ? found : ~found - 1;
        return (source, client - _first[source]);
    }
}
