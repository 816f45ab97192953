using FedLLM.Federation.Rounds;

namespace FedLLM.Benchmarks;

/// <summary>Does something when the last round is committed.</summary>
/// <param name="action">What to do.</param>
/// <param name="last">The last round.</param>
internal sealed class AfterLastRound(Action action, int last) : IRunObserver
{
    /// <inheritdoc/>
    public void RoundStarted(int round, IReadOnlyList<int> cohort)
    {
    }

    /// <inheritdoc/>
    public void ClientFinished(int round, ClientOutcome outcome)
    {
    }

    /// <inheritdoc/>
    public void RoundCommitted(RoundRecord record)
    {
        if (record.Round == last)
        {
            action();
        }
    }
}
