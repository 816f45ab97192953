namespace FedLLM.GrainInterfaces;

/// <summary>What a client is told for one round: small. The state itself is fetched from the run's store by its hash.</summary>
[GenerateSerializer]
[Immutable]
[Alias("fedllm.train-request.1")]
public sealed record TrainRequest
{
    /// <summary>The experiment's identity, which a silo holds against what it reads itself.</summary>
    [Id(0)]
    public required string Identity { get; init; }

    /// <summary>Round number from 1.</summary>
    [Id(1)]
    public required int Round { get; init; }

    /// <summary>SHA-256, lower-case hex, of the global adapter.</summary>
    [Id(2)]
    public required string StateHash { get; init; }

    /// <summary>The clients' learning rate of this round.</summary>
    [Id(3)]
    public required double LearningRate { get; init; }

    /// <summary>SHA-256 of the base correction, or null.</summary>
    [Id(4)]
    public string? BaseCorrectionHash { get; init; }

    /// <summary>The factors trained: bit 0 for A, bit 1 for B.</summary>
    [Id(5)]
    public required int Trained { get; init; }

    /// <summary>The factors uploaded, likewise.</summary>
    [Id(6)]
    public required int Uploaded { get; init; }

    /// <summary>mu of the proximal term.</summary>
    [Id(7)]
    public double ProximalMu { get; init; }

    /// <summary>Whether the client corrects its steps by control variates.</summary>
    [Id(8)]
    public bool UsesControlVariates { get; init; }

    /// <summary>SHA-256 of the server's control variate, or null.</summary>
    [Id(9)]
    public string? ControlVariateHash { get; init; }

    /// <summary>Hashes of the client's private states by name.</summary>
    [Id(10)]
    public Dictionary<string, string> PrivateStates { get; init; } = [];
}
