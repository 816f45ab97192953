using System.Diagnostics;
using FedLLM.Federation.Rounds;

namespace FedLLM.Benchmarks;

/// <summary>Measures the wall time of every round, from one commit to the next.</summary>
internal sealed class RoundTimes : IRunObserver
{
    private long _last;

    /// <summary>Seconds of each round, from round 1.</summary>
    public List<double> Seconds { get; } = [];

    /// <summary>Each round's record, from round 1.</summary>
    public List<RoundRecord> Records { get; } = [];

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
        long now = Stopwatch.GetTimestamp();
        if (record.Round > 0)
        {
            Seconds.Add(Stopwatch.GetElapsedTime(_last, now).TotalSeconds);
            Records.Add(record);
        }

        _last = now;
    }
}
