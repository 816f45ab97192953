namespace FedLLM.Experiments.Configuration;

/// <summary>Rounds, cohorts and aggregation.</summary>
public sealed record FederationOptions
{
    /// <summary>Number of rounds. Default 500.</summary>
    public required int Rounds { get; init; }

    /// <summary>Clients sampled for a round. Default 2.</summary>
    public required int ClientsPerRound { get; init; }

    /// <summary>The algorithm.</summary>
    public required Algorithm Algorithm { get; init; }

    /// <summary>Whose formulas are meant where systems differ.</summary>
    public required Convention Convention { get; init; }

    /// <summary>How LoRA factors combine.</summary>
    public required LoraAggregation LoraAggregation { get; init; }

    /// <summary>How cohorts are drawn.</summary>
    public required CohortSampling Sampling { get; init; }

    /// <summary>Share of the cohort that must answer, in (0, 1]. Default 1.</summary>
    public required double Quorum { get; init; }

    /// <summary>Seconds after which a round closes with those who answered, or null to wait for all.</summary>
    public double? Deadline { get; init; }

    /// <summary>Rounds abandoned in a row that end the run. Default 3.</summary>
    public required int MaxAbandoned { get; init; }
}
