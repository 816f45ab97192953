using FedLLM.Data.Shards;
using FedLLM.Experiments.Pinning;
using FedLLM.GrainInterfaces;
using Orleans.Runtime.MembershipService.SiloMetadata;

namespace FedLLM.Grains;

/// <summary>The silos that say of themselves, when they join, that pinned shards lie on them.</summary>
/// <param name="grains">Finds their grains.</param>
/// <param name="metadata">What silos say of themselves.</param>
/// <param name="run">The run's name.</param>
/// <param name="spec">The run.</param>
internal sealed class GrainShardSilos(IGrainFactory grains, ISiloMetadataCache metadata, string run, RunSpec spec) : IShardSilos
{
    /// <inheritdoc/>
    public async Task<IReadOnlyList<PinnedShard>> ListAsync(CancellationToken cancellationToken)
    {
        Dictionary<SiloAddress, SiloStatus> active;
        try
        {
            active = await grains.GetGrain<IManagementGrain>(0).GetHosts(onlyActive: true).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OrleansException fault)
        {
            throw new TimeoutException("The cluster's members are not known at the moment.", fault);
        }

        string[] names = [.. active.Keys.Select(silo => PinnedPlacementFilter.NameOf(metadata, silo)).Where(name => name is not null).Select(name => name!).Order(StringComparer.Ordinal)];
        if (names.Zip(names.Skip(1)).FirstOrDefault(pair => pair.First == pair.Second) is { First: { } twice })
        {
            // For a moment after a restart, a silo and its predecessor may both be members.
            throw new TimeoutException($"Two silos that hold pinned shards are named {twice}. Give each a name of its own.");
        }

        PinnedShard[][] shards = await Task.WhenAll(names.Select(name => ListAsync(name, cancellationToken))).ConfigureAwait(false);
        return [.. shards.SelectMany(s => s)];
    }

    private async Task<PinnedShard[]> ListAsync(string silo, CancellationToken cancellationToken)
    {
        var shards = new List<PinnedShard>();
        IShardsGrain grain = grains.GetGrain<IShardsGrain>(new ShardsKey(run, silo).ToString());
        while (true)
        {
            ShardsReply reply;
            try
            {
                reply = await grain.CountAsync(spec, shards.Count).WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                throw new TimeoutException($"Silo {silo} does not answer for its shards.", fault);
            }

            if (reply.Problem is { } problem)
            {
                throw new ShardsUnusableException($"Silo {silo} cannot use its shards: {problem}");
            }

            shards.AddRange(reply.Shards.Select(s => ShardMessages.ToShard(s, silo)));
            if (!reply.IsCounting && (shards.Count >= reply.Total || reply.Shards.Length == 0))
            {
                return [.. shards];
            }
        }
    }
}
