using FedLLM.Dashboard.Summaries;
using FedLLM.Federation.Rounds;

namespace FedLLM.Cli.Clusters;

/// <summary>How a run on a cluster ended.</summary>
/// <param name="Summary">The run at its end.</param>
/// <param name="Rounds">Every round's record, from round 0.</param>
internal sealed record ClusterOutcome(RunSummary Summary, IReadOnlyList<RoundRecord> Rounds);

/// <summary>Follows a run on a cluster to its end and tells observers of it as an embedded run would. Silos that come and go are waited for.</summary>
/// <param name="client">The line to the cluster.</param>
/// <param name="clock">Times the questions.</param>
/// <param name="note">Hears what a watcher should know, a line each.</param>
internal sealed class ClusterFollower(ClusterClient client, TimeProvider clock, Action<string> note)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    /// <summary>How long nobody may answer before the watcher gives up; the run does not.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly List<RoundRecord> _rounds = [];
    private int _under; // the round whose beginning was told
    private int _told; // records that observers have heard of, or need not
    private string? _state;
    private long? _silentSince;

    /// <summary>Follows the run until it is finished, cancelled or failed.</summary>
    /// <exception cref="ClusterException">There is no such run, or nobody answered for long.</exception>
    /// <exception cref="OperationCanceledException">The watcher was told to stop; the run goes on.</exception>
    public async Task<ClusterOutcome> FollowAsync(string run, IReadOnlyList<IRunObserver> observers, CancellationToken cancellationToken)
    {
        while (true)
        {
            RunSummary? summary = await AskAsync(run, cancellationToken).ConfigureAwait(false);
            if (summary is not null)
            {
                Tell(summary, observers);
                if (summary.State is "finished" or "cancelled" or "failed")
                {
                    return new ClusterOutcome(summary, _rounds);
                }
            }

            await Task.Delay(Interval, clock, cancellationToken).ConfigureAwait(false);
        }
    }

    // The summary is asked for first: when it says that the run has ended, the records read after it are all there are.
    private async Task<RunSummary?> AskAsync(string run, CancellationToken cancellationToken)
    {
        try
        {
            RunSummary summary = await client.FindAsync(run, cancellationToken).ConfigureAwait(false);
            IReadOnlyList<RoundRecord> fresh = await client.RoundsAsync(run, _rounds.Count == 0 ? 0 : _rounds[^1].Round + 1, cancellationToken).ConfigureAwait(false);
            _rounds.AddRange(fresh);
            if (_silentSince is not null)
            {
                note("the cluster answers again");
                _silentSince = null;
            }

            return summary;
        }
        catch (ClusterException e) when (e.IsSilence)
        {
            if (_silentSince is null)
            {
                _silentSince = clock.GetTimestamp();
                note($"warning: {e.Message}; asking again");
            }

            if (clock.GetElapsedTime(_silentSince.Value) > Patience)
            {
                throw;
            }

            return null;
        }
    }

    private void Tell(RunSummary summary, IReadOnlyList<IRunObserver> observers)
    {
        if (_state is null)
        {
            // What was done before is not this watcher's progress, as in a run that is continued.
            _told = _rounds.Count;
            _under = _rounds.Count == 0 ? 0 : _rounds[^1].Round;
        }

        for (; _told < _rounds.Count; _told++)
        {
            RoundRecord record = _rounds[_told];
            Begin(record.Round, record.Cohort, observers);
            foreach (ClientExclusion exclusion in record.Excluded)
            {
                Each(observers, o => o.ClientFinished(record.Round, exclusion));
            }

            Each(observers, o => o.RoundCommitted(record));
        }

        if (summary.State != _state)
        {
            if (summary.State == "paused" || (_state == "paused" && summary.State == "running"))
            {
                note(summary.State == "paused" ? "paused" : "resumed");
            }

            _state = summary.State;
        }

        if (summary.Progress is { } progress && progress.Round > (_rounds.Count == 0 ? 0 : _rounds[^1].Round))
        {
            // Whose turn it is shows in the round's record; until then their number does.
            Begin(progress.Round, [.. Enumerable.Range(0, progress.Cohort)], observers);
        }
    }

    private void Begin(int round, IReadOnlyList<int> cohort, IReadOnlyList<IRunObserver> observers)
    {
        if (round > _under)
        {
            _under = round;
            Each(observers, o => o.RoundStarted(round, cohort));
        }
    }

    private static void Each(IReadOnlyList<IRunObserver> observers, Action<IRunObserver> tell)
    {
        foreach (IRunObserver observer in observers)
        {
            tell(observer);
        }
    }
}
