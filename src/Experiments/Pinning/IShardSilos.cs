using FedLLM.Data.Shards;

namespace FedLLM.Experiments.Pinning;

/// <summary>The silos of a cluster, asked for the shards that lie on them.</summary>
public interface IShardSilos
{
    /// <summary>Lists the shards of a run's experiment on all silos that are there, in any order.</summary>
    /// <exception cref="ShardsUnusableException">A silo cannot count its shards.</exception>
    /// <exception cref="TimeoutException">A silo does not answer.</exception>
    Task<IReadOnlyList<PinnedShard>> ListAsync(CancellationToken cancellationToken);
}

/// <summary>A silo cannot count its shards.</summary>
public sealed class ShardsUnusableException : Exception
{
    /// <summary>Says which silo, and why, in one line without content of its data.</summary>
    public ShardsUnusableException(string message)
        : base(message)
    {
    }
}
