using System.Collections;
using FedLLM.Data.Shards;

namespace FedLLM.Experiments.Running;

/// <summary>Every client's counts, made when they are asked for: a client that nobody asks about costs nothing here.</summary>
/// <param name="shards">The clients.</param>
/// <param name="heldOut">The same clients with their own held-out data, or null where that is not asked for.</param>
internal sealed class ShardReports(IShards shards, IShards? heldOut = null) : IReadOnlyList<ShardReport>
{
    /// <summary>Whether the labels of the data, which are content, are left out. Default false.</summary>
    public bool HidesLabels { get; init; }

    /// <inheritdoc/>
    public int Count => shards.Clients;

    /// <inheritdoc/>
    public ShardReport this[int index]
    {
        get
        {
            ShardReport report = HidesLabels ? shards.Report(index).WithoutLabels() : shards.Report(index);
            return heldOut is null ? report : report with { HeldOut = heldOut.Report(index).Tally };
        }
    }

    /// <inheritdoc/>
    public IEnumerator<ShardReport> GetEnumerator()
    {
        for (int client = 0; client < shards.Clients; client++)
        {
            yield return this[client];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
