using FedLLM.Federation.Schedules;
using FedLLM.Federation.Simulation;

namespace FedLLM.Federation;

/// <summary>The plain values that one run's loop needs.</summary>
public sealed record RunSettings
{
    /// <summary>The run's name in instructions and stores.</summary>
    public required string RunId { get; init; }

    /// <summary>Number of rounds; at least 1.</summary>
    public required int Rounds { get; init; }

    /// <summary>Number of registered clients; at least 1. Their ids are 0 … Clients - 1.</summary>
    public required int Clients { get; init; }

    /// <summary>Number of clients sampled each round; at least 1. All take part where there are not more.</summary>
    public required int ClientsPerRound { get; init; }

    /// <summary>Seed of everything drawn at random.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The clients' learning rate by round.</summary>
    public required ILearningRateSchedule LearningRate { get; init; }

    /// <summary>Share of the cohort, over-selected clients aside, whose updates must count, in (0, 1]; default 1. At least one member is always needed.</summary>
    public double Quorum { get; init; } = 1.0;

    /// <summary>How many rounds abandoned in a row end the run; at least 1; default 3.</summary>
    public int MaxAbandoned { get; init; } = 3;

    /// <summary>The global adapter is evaluated after every so many rounds, besides before the first and after the last; at least 1; default 10.</summary>
    public int EvaluateEvery { get; init; } = 10;

    /// <summary>
    /// Share of clients sampled beyond <see cref="ClientsPerRound"/>, from 0 to 100; default 0. The round still wants the updates of ClientsPerRound clients,
    /// and the first to give them are its members. Needs <see cref="Simulation"/>: without simulated time nobody comes first by right.
    /// </summary>
    public double OverSelection { get; init; }

    /// <summary>How clients behave in simulated time; null where every sampled client is waited for.</summary>
    public SimulationSettings? Simulation { get; init; }

    /// <summary>Bytes of payload, down and up, that the run may move; positive, or null for no bound. The run ends before the first round that could exceed it.</summary>
    public long? CommunicationBudget { get; init; }

    /// <summary>Returns how many clients are sampled: ⌈(1 + OverSelection) · ClientsPerRound⌉, at most all, a hair (1e-9) forgiven to binary fractions.</summary>
    public int CohortCount() => Math.Min(Clients, (int)Math.Ceiling(((1 + OverSelection) * ClientsPerRound) - 1e-9));

    /// <summary>Returns how many members a cohort of <paramref name="cohort"/> clients needs: ⌈Quorum · cohort⌉, a hair (1e-9) forgiven to binary fractions.</summary>
    public int MembersNeeded(int cohort) => Math.Max(1, (int)Math.Ceiling((Quorum * cohort) - 1e-9));

    /// <summary>Lists everything that is out of its range, a sentence each; empty where the settings can work.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        if (string.IsNullOrWhiteSpace(RunId))
        {
            problems.Add($"{nameof(RunId)} is empty.");
        }

        RequirePositive(Rounds, nameof(Rounds));
        RequirePositive(Clients, nameof(Clients));
        RequirePositive(ClientsPerRound, nameof(ClientsPerRound));
        RequirePositive(MaxAbandoned, nameof(MaxAbandoned));
        RequirePositive(EvaluateEvery, nameof(EvaluateEvery));
        if (!(Quorum > 0 && Quorum <= 1))
        {
            problems.Add($"{nameof(Quorum)} is {Quorum}; it must be above 0 and at most 1.");
        }

        if (!(OverSelection >= 0 && OverSelection <= 100))
        {
            problems.Add($"{nameof(OverSelection)} is {OverSelection}; it must lie from 0 to 100.");
        }
        else if (OverSelection > 0 && Simulation is null)
        {
            problems.Add($"{nameof(OverSelection)} needs simulated clients: without simulated time every sampled client is waited for.");
        }

        if (CommunicationBudget <= 0)
        {
            problems.Add($"{nameof(CommunicationBudget)} is {CommunicationBudget}; it must be positive.");
        }

        problems.AddRange(Simulation?.Problems() ?? []);

        return problems;

        void RequirePositive(int value, string name)
        {
            if (value < 1)
            {
                problems.Add($"{name} is {value}; it must be at least 1.");
            }
        }
    }
}
