using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Coordination;

/// <summary>Keeps a coordinator that was given up for dead from committing beside the one that took its place.</summary>
public interface ICommitFence
{
    /// <summary>The last round that somebody set out to commit; -1 before one.</summary>
    int LastRound { get; }

    /// <summary>Notes, durably and before the commit itself, that this coordinator commits a round.</summary>
    /// <exception cref="SupersededException">Another coordinator drives the run.</exception>
    void Pass(GlobalState state, RoundRecord record);
}

/// <summary>A run's journal behind a fence.</summary>
/// <param name="journal">The journal.</param>
/// <param name="fence">Passed before each commit.</param>
internal sealed class FencedJournal(IRunJournal journal, ICommitFence fence) : IRunJournal
{
    /// <inheritdoc/>
    public GlobalState? Load() => journal.Load();

    /// <inheritdoc/>
    public IReadOnlyList<ClientOutcome>? ClosedMembership(RoundInstruction instruction) => journal.ClosedMembership(instruction);

    /// <inheritdoc/>
    public void CloseMembership(RoundInstruction instruction, IReadOnlyList<ClientOutcome> outcomes) => journal.CloseMembership(instruction, outcomes);

    /// <inheritdoc/>
    public void Commit(GlobalState state, RoundRecord record)
    {
        fence.Pass(state, record);
        journal.Commit(state, record);
    }
}
