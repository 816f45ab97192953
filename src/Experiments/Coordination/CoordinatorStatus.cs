using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Coordination;

/// <summary>What a coordinator knows of its run without asking anybody.</summary>
/// <param name="Phase">Where it stands.</param>
/// <param name="Reason">Why it failed, or for what passing fault it waits; null elsewhere.</param>
/// <param name="Round">The round under way, or the last committed one.</param>
/// <param name="Cohort">The clients sampled for the round under way; empty between rounds.</param>
/// <param name="Answered">How many of them have ended.</param>
/// <param name="Last">The last committed round that this coordinator saw; null before one.</param>
public sealed record CoordinatorStatus(RunPhase Phase, string? Reason, int Round, IReadOnlyList<int> Cohort, int Answered, RoundRecord? Last);

/// <summary>Something that happened in a run, for those who watch it. Exactly one part is there besides the number and the round.</summary>
/// <param name="Number">Counts the events of one coordinator from 1; another coordinator of the run begins again.</param>
/// <param name="Round">The round it belongs to; 0 before the first.</param>
public sealed record RunEvent(long Number, int Round)
{
    /// <summary>The round began with this cohort.</summary>
    public IReadOnlyList<int>? Cohort { get; init; }

    /// <summary>A client of the round ended.</summary>
    public ClientOutcome? Client { get; init; }

    /// <summary>The round was committed.</summary>
    public RoundRecord? Committed { get; init; }

    /// <summary>The run's phase changed.</summary>
    public PhaseRecord? Phase { get; init; }
}
