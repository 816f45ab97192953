using FedLLM.Federation.Rounds;

namespace FedLLM.Federation.Simulation;

/// <summary>
/// Who of a cohort answers, in which order, and when membership closes: with as many usable updates as the round wants, or at the deadline,
/// or when no one is left to wait for.
/// </summary>
public sealed class SimulatedRound
{
    private readonly IReadOnlyList<SimulatedAnswer> _answers;
    private readonly double _deadline;

    /// <summary>Takes the cohort's answers and the deadline in seconds, or null for none.</summary>
    public SimulatedRound(IReadOnlyList<SimulatedAnswer> answers, double? deadline)
    {
        ArgumentNullException.ThrowIfNull(answers);
        _answers = answers;
        _deadline = deadline ?? double.PositiveInfinity;
        Arriving = [.. answers.Where(Arrives).OrderBy(a => a.Seconds).ThenBy(a => a.Client).Select(a => a.Client)];
    }

    /// <summary>The clients that answer within the deadline, the first first; equal times by id.</summary>
    public IReadOnlyList<int> Arriving { get; }

    /// <summary>Returns the exclusions of those who never answer, or only after the deadline.</summary>
    public IEnumerable<ClientExclusion> Absent() => _answers.Where(a => !Arrives(a)).Select(a => new ClientExclusion(
        a.Client, a.Absence ?? FormattableString.Invariant($"it answered after {a.Seconds:0.###} simulated seconds; the deadline is {_deadline:0.###}")));

    /// <summary>Returns the exclusion of a client that arrives after membership closed.</summary>
    public ClientExclusion TooLate(int client, int wanted)
    {
        double seconds = _answers.First(a => a.Client == client).Seconds;
        return new ClientExclusion(
            client, FormattableString.Invariant($"it answered after {seconds:0.###} simulated seconds, when the round had the {wanted} updates it wants"));
    }

    /// <summary>Returns the simulated seconds at which membership closed.</summary>
    /// <param name="members">Those who count.</param>
    /// <param name="wanted">How many usable updates the round waits for.</param>
    public double ClosedAt(IReadOnlyCollection<int> members, int wanted)
    {
        ArgumentNullException.ThrowIfNull(members);
        IEnumerable<SimulatedAnswer> awaited = members.Count >= wanted ? _answers.Where(a => members.Contains(a.Client)) : _answers;
        return Math.Min(awaited.Select(a => a.Seconds).DefaultIfEmpty(0).Max(), _deadline);
    }

    private bool Arrives(SimulatedAnswer answer) => answer.Absence is null && answer.Seconds <= _deadline;
}
