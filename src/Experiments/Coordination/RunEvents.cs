using System.Runtime.CompilerServices;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Coordination;

/// <summary>The newest events of a run, and what follows from them. Watchers come and go; one that is slow misses the oldest and sees that by their numbers.</summary>
internal sealed class RunEvents(int kept) : IRunObserver
{
    private readonly Lock _gate = new();
    private readonly Queue<RunEvent> _events = new();
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _number;
    private int _round;
    private IReadOnlyList<int> _cohort = [];
    private int _answered;
    private RoundRecord? _last;

    /// <inheritdoc/>
    public void RoundStarted(int round, IReadOnlyList<int> cohort)
    {
        lock (_gate)
        {
            (_round, _cohort, _answered) = (round, cohort, 0);
            Add(new RunEvent(0, round) { Cohort = cohort });
        }
    }

    /// <inheritdoc/>
    public void ClientFinished(int round, ClientOutcome outcome)
    {
        lock (_gate)
        {
            _answered++;
            Add(new RunEvent(0, round) { Client = outcome });
        }
    }

    /// <inheritdoc/>
    public void RoundCommitted(RoundRecord record)
    {
        lock (_gate)
        {
            (_round, _cohort, _answered, _last) = (record.Round, [], 0, record);
            Add(new RunEvent(0, record.Round) { Committed = record });
        }
    }

    /// <summary>Notes a change of phase.</summary>
    public void Changed(PhaseRecord phase)
    {
        lock (_gate)
        {
            Add(new RunEvent(0, _round) { Phase = phase });
        }
    }

    /// <summary>Returns what the events add up to.</summary>
    public CoordinatorStatus Status(RunPhase phase, string? reason)
    {
        lock (_gate)
        {
            return new CoordinatorStatus(phase, reason, _round, _cohort, _answered, _last);
        }
    }

    /// <summary>Yields the events after number <paramref name="after"/> that are still kept, then each further one, until cancelled.</summary>
    public async IAsyncEnumerable<RunEvent> FollowAsync(long after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            RunEvent[] fresh;
            Task next;
            lock (_gate)
            {
                fresh = [.. _events.Where(e => e.Number > after)];
                next = _next.Task;
            }

            foreach (RunEvent e in fresh)
            {
                yield return e;
                after = e.Number;
            }

            if (fresh.Length == 0)
            {
                await next.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private void Add(RunEvent e)
    {
        _events.Enqueue(e with { Number = ++_number });
        if (_events.Count > kept)
        {
            _events.Dequeue();
        }

        TaskCompletionSource reached = _next;
        _next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        reached.SetResult();
    }
}
