namespace FedLLM.Dashboard.Feed;

/// <summary>Where a client runs, in a cluster.</summary>
/// <param name="Silo">The silo.</param>
/// <param name="Device">The training device, where it is known.</param>
public sealed record ClientPlace(string Silo, string? Device);

/// <summary>What is counted in a client's shard. Nothing of its text is here.</summary>
public sealed record ClientCard
{
    /// <summary>Client id, from 0.</summary>
    public required int Id { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Records read.</summary>
    public long Records { get; init; }

    /// <summary>Records that can be trained on.</summary>
    public long Usable { get; init; }

    /// <summary>Records that cannot, by reason.</summary>
    public IReadOnlyDictionary<string, long> Excluded { get; init => field = value ?? new Dictionary<string, long>(); } = new Dictionary<string, long>();

    /// <summary>Samples that lost tokens, by what lost them.</summary>
    public IReadOnlyDictionary<string, long> Truncated { get; init => field = value ?? new Dictionary<string, long>(); } = new Dictionary<string, long>();

    /// <summary>Tokens of all samples.</summary>
    public long Tokens { get; init; }

    /// <summary>Tokens that are targets of the loss.</summary>
    public long ScoredTokens { get; init; }

    /// <summary>Tokens of the longest sample.</summary>
    public long Longest { get; init; }

    /// <summary>Samples by label; empty where there are none or they may not be shown.</summary>
    public IReadOnlyDictionary<string, long> Labels { get; init => field = value ?? new Dictionary<string, long>(); } = new Dictionary<string, long>();

    /// <summary>Where it runs; null in one process.</summary>
    public ClientPlace? Place { get; init; }
}
