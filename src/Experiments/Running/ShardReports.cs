using System.Collections;
using FedLLM.Data.Shards;

namespace FedLLM.Experiments.Running;

/// <summary>Every client's counts, made when they are asked for: a client that nobody asks about costs nothing here.</summary>
/// <param name="shards">The clients.</param>
internal sealed class ShardReports(IShards shards) : IReadOnlyList<ShardReport>
{
    /// <inheritdoc/>
    public int Count => shards.Clients;

    /// <inheritdoc/>
    public ShardReport this[int index] => shards.Report(index);

    /// <inheritdoc/>
    public IEnumerator<ShardReport> GetEnumerator()
    {
        for (int client = 0; client < shards.Clients; client++)
        {
            yield return shards.Report(client);
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
