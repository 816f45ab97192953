using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Sampling;

namespace FedLLM.Experiments.Configuration;

/// <summary>Rounds, cohorts and aggregation.</summary>
public sealed record FederationOptions
{
    /// <summary>Number of rounds. Default 500.</summary>
    public required int Rounds { get; init; }

    /// <summary>Clients sampled for a round, over-selected ones aside; null where <see cref="Fraction"/> says. Default 2.</summary>
    public required int? ClientsPerRound { get; init; }

    /// <summary>Share of the clients sampled for a round, in (0, 1]; null where <see cref="ClientsPerRound"/> says.</summary>
    public double? Fraction { get; init; }

    /// <summary>The algorithm.</summary>
    public required Algorithm Algorithm { get; init; }

    /// <summary>Whose formulas are meant where systems differ.</summary>
    public required Convention Convention { get; init; }

    /// <summary>mu of fedprox's proximal term, 0 or more; null with other algorithms.</summary>
    public double? ProximalMu { get; init; }

    /// <summary>The server optimizer's learning rate, above 0; null where the algorithm and the convention have none.</summary>
    public double? ServerLearningRate { get; init; }

    /// <summary>Momentum of fedavgm, in [0, 1); null with other algorithms.</summary>
    public double? ServerMomentum { get; init; }

    /// <summary>tau, the adaptivity of fedadagrad, fedyogi and fedadam, above 0; null with other algorithms.</summary>
    public double? Tau { get; init; }

    /// <summary>Decay of their first moment, in [0, 1); null where there is none.</summary>
    public double? Beta1 { get; init; }

    /// <summary>Decay of the second moment of fedyogi and fedadam, in [0, 1); null with other algorithms.</summary>
    public double? Beta2 { get; init; }

    /// <summary>How LoRA factors combine.</summary>
    public required LoraAggregation LoraAggregation { get; init; }

    /// <summary>How cohorts are drawn.</summary>
    public required CohortSampling Sampling { get; init; }

    /// <summary>The client that trains alone with <see cref="Algorithm.Local"/>; null for every client by itself, and with other algorithms.</summary>
    public int? Client { get; init; }

    /// <summary>What a <see cref="Algorithm.Centralized"/> run has in common with the federated one; null with other algorithms.</summary>
    public Pooling? Pooling { get; init; }

    /// <summary>Share of clients sampled beyond the number, from 0 to 100. Default 0.</summary>
    public double OverSelection { get; init; }

    /// <summary>Share of the cohort that must answer, in (0, 1]. Default 1.</summary>
    public required double Quorum { get; init; }

    /// <summary>Simulated seconds after which a round closes with those who answered, or null to wait for all.</summary>
    public double? Deadline { get; init; }

    /// <summary>On a cluster: seconds by the clock on the wall after which a round closes with those who answered, or null to wait for all.</summary>
    public double? WallDeadline { get; init; }

    /// <summary>Rounds abandoned in a row that end the run. Default 3.</summary>
    public required int MaxAbandoned { get; init; }

    /// <summary>MiB of payload, down and up, that the run may move; above 0, or null for no bound.</summary>
    public double? BudgetMebibytes { get; init; }

    /// <summary>Returns how many clients a round wants of <paramref name="clients"/>.</summary>
    public int CohortOf(int clients) => ClientsPerRound ?? CohortSize.OfFraction(Fraction!.Value, clients);
}

/// <summary>How simulated clients behave; see <see cref="Federation.Simulation.SimulationSettings"/>.</summary>
/// <param name="Availability">Probability that a sampled client is there, in (0, 1]. Default 1.</param>
/// <param name="DropOut">Probability that one that is there never answers, in [0, 1). Default 0.</param>
/// <param name="MedianSeconds">Median time to a client's answer in simulated seconds, above 0. Default 1.</param>
/// <param name="ClientSpread">Standard deviation, between clients, of the logarithm of their times; from 0 to 10. Default 0.</param>
/// <param name="RoundSpread">The same between one client's rounds. Default 0.</param>
public sealed record SimulationOptions(double Availability, double DropOut, double MedianSeconds, double ClientSpread, double RoundSpread);
