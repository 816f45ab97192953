using FedLLM.Federation.Schedules;

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

    /// <summary>Share of the cohort whose updates must count, in (0, 1]; default 1. At least one member is always needed.</summary>
    public double Quorum { get; init; } = 1.0;

    /// <summary>How many rounds abandoned in a row end the run; at least 1; default 3.</summary>
    public int MaxAbandoned { get; init; } = 3;

    /// <summary>The global adapter is evaluated after every so many rounds, besides before the first and after the last; at least 1; default 10.</summary>
    public int EvaluateEvery { get; init; } = 10;

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
