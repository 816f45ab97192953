namespace FedLLM.Federation.Rounds;

/// <summary>Too many rounds in a row were abandoned, and the run ended. Its state is that of the last round that was not; running it again tries on.</summary>
public sealed class RunAbandonedException : Exception
{
    private const int NamedAtMost = 10;

    /// <summary>Describes the end of a run.</summary>
    /// <param name="lastRound">The round after which it ended.</param>
    /// <param name="inARow">How many rounds up to it were abandoned.</param>
    /// <param name="failing">Each client that failed in those rounds, as far as this process saw them, with its latest reason, ascending by id.</param>
    public RunAbandonedException(int lastRound, int inARow, IReadOnlyList<ClientExclusion> failing)
        : base(Describe(lastRound, inARow, failing ?? throw new ArgumentNullException(nameof(failing))))
    {
        LastRound = lastRound;
        InARow = inARow;
        Failing = failing;
    }

    /// <summary>The round after which the run ended.</summary>
    public int LastRound { get; }

    /// <summary>How many rounds up to it were abandoned.</summary>
    public int InARow { get; }

    /// <summary>Each client that failed in those rounds with its latest reason, ascending by id.</summary>
    public IReadOnlyList<ClientExclusion> Failing { get; }

    private static string Describe(int lastRound, int inARow, IReadOnlyList<ClientExclusion> failing)
    {
        string named = string.Join("; ", failing.Take(NamedAtMost).Select(e => $"client {e.Client} ({e.Reason})"));
        string more = failing.Count > NamedAtMost ? $"; and {failing.Count - NamedAtMost} more" : "";
        return $"The run ended at round {lastRound}: {inARow} rounds in a row were abandoned. Failing: {named}{more}.";
    }
}
