namespace FedLLM.GrainInterfaces;

/// <summary>What became of a question to a client.</summary>
public enum TrainOutcome
{
    /// <summary>It trains, or waits for its device; ask again.</summary>
    StillTraining,

    /// <summary>Its update is stored.</summary>
    Stored,

    /// <summary>It cannot train this round.</summary>
    Refused,
}

/// <summary>A client's answer. It names the question it belongs to.</summary>
[GenerateSerializer]
[Immutable]
[Alias("fedllm.train-reply.1")]
public sealed record TrainReply
{
    /// <summary>The round it was asked to train.</summary>
    [Id(0)]
    public required int Round { get; init; }

    /// <summary>The state it was asked to start from.</summary>
    [Id(1)]
    public required string StateHash { get; init; }

    /// <summary>What became of it.</summary>
    [Id(2)]
    public required TrainOutcome Outcome { get; init; }

    /// <summary>What it stored; null unless its update is stored.</summary>
    [Id(3)]
    public Receipt? Receipt { get; init; }

    /// <summary>Why it cannot train, in one line without content of its data; null elsewhere.</summary>
    [Id(4)]
    public string? Reason { get; init; }
}

/// <summary>What a client stored, by hash, and what it measured.</summary>
[GenerateSerializer]
[Immutable]
[Alias("fedllm.receipt.1")]
public sealed record Receipt
{
    /// <summary>Client id, from 0.</summary>
    [Id(0)]
    public required int Client { get; init; }

    /// <summary>SHA-256, lower-case hex, of the stored update.</summary>
    [Id(1)]
    public required string UpdateHash { get; init; }

    /// <summary>Aggregation weight.</summary>
    [Id(2)]
    public required double Weight { get; init; }

    /// <summary>Per tensor the largest absolute value, as little-endian float32.</summary>
    [Id(3)]
    public required byte[] MaxAbsolute { get; init; }

    /// <summary>Mean of its step losses.</summary>
    [Id(4)]
    public required double Loss { get; init; }

    /// <summary>Unpadded tokens processed.</summary>
    [Id(5)]
    public required long Tokens { get; init; }

    /// <summary>Seconds of training.</summary>
    [Id(6)]
    public required double Seconds { get; init; }

    /// <summary>Chosen reward, rejected reward and accuracy of preference learning; empty elsewhere.</summary>
    [Id(7)]
    public double[] Rewards { get; init; } = [];

    /// <summary>SHA-256 of its control delta, or null.</summary>
    [Id(8)]
    public string? ControlDeltaHash { get; init; }

    /// <summary>The control delta's largest absolute values, likewise; empty without one.</summary>
    [Id(9)]
    public byte[] ControlMaxAbsolute { get; init; } = [];

    /// <summary>Hashes of the private states it keeps, by name.</summary>
    [Id(10)]
    public Dictionary<string, string> PrivateStates { get; init; } = [];
}
