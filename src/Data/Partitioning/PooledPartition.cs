using FedLLM.Data.Examples;

namespace FedLLM.Data.Partitioning;

/// <summary>All parts of a partition in one hand: a single client that has the examples of every client, in the order of their ids.</summary>
/// <param name="whole">The partition.</param>
public sealed class PooledPartition(IPartition whole) : IPartition
{
    /// <inheritdoc/>
    public int Clients => 1;

    /// <inheritdoc/>
    public string Name(int client) => "all";

    /// <inheritdoc/>
    public string Origin(int client) => whole.Origin(0);

    /// <inheritdoc/>
    public IEnumerable<Example> Read(int client) => Enumerable.Range(0, whole.Clients).SelectMany(whole.Read);
}
