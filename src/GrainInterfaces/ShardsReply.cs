namespace FedLLM.GrainInterfaces;

/// <summary>What a silo says of its pinned shards. No text or token of a record is in it, and no label but where its owner lets them be shown.</summary>
[GenerateSerializer]
[Immutable]
[Alias("fedllm.shards-reply.1")]
public sealed record ShardsReply
{
    /// <summary>Whether it is counting; ask again.</summary>
    [Id(0)]
    public bool IsCounting { get; init; }

    /// <summary>Why it cannot count, in one line that names file and line and no content; null elsewhere.</summary>
    [Id(1)]
    public string? Problem { get; init; }

    /// <summary>How many shards there are.</summary>
    [Id(2)]
    public int Total { get; init; }

    /// <summary>Some of them.</summary>
    [Id(3)]
    public RegisteredShard[] Shards { get; init; } = [];
}

/// <summary>A shard that lies on one silo.</summary>
[GenerateSerializer]
[Immutable]
[Alias("fedllm.registered-shard.1")]
public sealed record RegisteredShard
{
    /// <summary>The file's name.</summary>
    [Id(0)]
    public required string File { get; init; }

    /// <summary>SHA-256, lower-case hex, of its bytes.</summary>
    [Id(1)]
    public required string Digest { get; init; }

    /// <summary>Records, usable ones, tokens, scored tokens, tokens of the longest sample, and those that prompts and answers lost.</summary>
    [Id(2)]
    public required long[] Counts { get; init; }

    /// <summary>Records that are not usable, by the reason's number.</summary>
    [Id(3)]
    public Dictionary<int, int> Excluded { get; init; } = [];

    /// <summary>Samples that lost tokens, by the part's number.</summary>
    [Id(4)]
    public Dictionary<int, int> Truncated { get; init; } = [];

    /// <summary>Samples by label, where the experiment and the silo say that these may be shown; empty elsewhere.</summary>
    [Id(5)]
    public Dictionary<string, int> Labels { get; init; } = [];
}

/// <summary>A client's host has a fault of its own, which may pass.</summary>
[GenerateSerializer]
[Alias("fedllm.client-fault.1")]
public sealed class ClientFaultException : Exception
{
    /// <summary>Says which, in one line without content of the client's data.</summary>
    public ClientFaultException(string message)
        : base(message)
    {
    }
}
