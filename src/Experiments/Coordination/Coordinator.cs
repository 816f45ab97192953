namespace FedLLM.Experiments.Coordination;

/// <summary>
/// Drives one run: begins it, pauses, resumes and cancels it, and goes on after a crash. Every change of phase is durable before it takes effect, so whatever
/// instant this coordinator dies at, the next one knows whether the run was meant to go on.
/// </summary>
public sealed class Coordinator : IAsyncDisposable
{
    private const int EventsKept = 4096;
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private readonly IRunWork _work;
    private readonly IPhaseStore _store;
    private readonly TimeProvider _clock;
    private readonly RunEvents _events = new(EventsKept);
    private readonly SemaphoreSlim _turn = new(1);
    private readonly SemaphoreSlim _saving = new(1);
    private volatile PhaseRecord? _phase;
    private volatile string? _waitingFor;
    private CancellationTokenSource? _stop;
    private Task _going = Task.CompletedTask;

    /// <summary>Takes over a run; nothing begins yet.</summary>
    /// <param name="work">The run's rounds.</param>
    /// <param name="store">Keeps the phase.</param>
    /// <param name="stored">The phase that is stored, or null for a run that was never started.</param>
    /// <param name="clock">Measures the pauses between attempts while a fault passes.</param>
    public Coordinator(IRunWork work, IPhaseStore store, PhaseRecord? stored, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(work);
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(clock);
        (_work, _store, _phase, _clock) = (work, store, stored, clock);
    }

    /// <summary>Where the run stands; null where it was never started.</summary>
    public CoordinatorStatus? Status => _phase is { } phase ? _events.Status(phase.Phase, phase.Reason ?? _waitingFor ?? _work.WaitingFor) : null;

    /// <summary>Whether this coordinator drives the run at the moment.</summary>
    public bool IsGoing => !_going.IsCompleted;

    /// <summary>Starts the run, or lets it go on where it was paused or failed. Harmless where it is running or finished.</summary>
    /// <exception cref="InvalidOperationException">The run was cancelled.</exception>
    /// <exception cref="SupersededException">Another coordinator drives the run.</exception>
    public Task StartAsync() => InTurnAsync(async () =>
    {
        switch (_phase?.Phase)
        {
            case RunPhase.Cancelled:
                throw new InvalidOperationException("The run was cancelled and does not go on. Start another under a name of its own.");
            case RunPhase.Finished:
                return;
            case RunPhase.Running:
                break;
            default:
                await EnterAsync(new PhaseRecord(RunPhase.Running)).ConfigureAwait(false);
                break;
        }

        Go();
    });

    /// <summary>After a crash: lets the run go on if it was running. Anything else stays as it is.</summary>
    public Task WakeAsync() => InTurnAsync(() =>
    {
        if (_phase?.Phase == RunPhase.Running)
        {
            Go();
        }

        return Task.CompletedTask;
    });

    /// <summary>Stops the run until it is resumed: clients in training stop after their running steps, finished updates are kept.</summary>
    /// <exception cref="InvalidOperationException">It is not running.</exception>
    /// <exception cref="SupersededException">Another coordinator drives the run.</exception>
    public Task PauseAsync() => InTurnAsync(async () =>
    {
        if (_phase?.Phase == RunPhase.Paused)
        {
            return;
        }

        Require(_phase?.Phase == RunPhase.Running, "paused");
        await EnterAsync(new PhaseRecord(RunPhase.Paused)).ConfigureAwait(false);
        await HaltAsync().ConfigureAwait(false);
    });

    /// <summary>Ends the run for good, with the state of its last committed round.</summary>
    /// <exception cref="InvalidOperationException">It was never started, or is finished.</exception>
    /// <exception cref="SupersededException">Another coordinator drives the run.</exception>
    public Task CancelAsync() => InTurnAsync(async () =>
    {
        if (_phase?.Phase == RunPhase.Cancelled)
        {
            return;
        }

        Require(_phase is not (null or { Phase: RunPhase.Finished }), "cancelled");
        await EnterAsync(new PhaseRecord(RunPhase.Cancelled)).ConfigureAwait(false);
        await HaltAsync().ConfigureAwait(false);
    });

    /// <summary>Yields the events after number <paramref name="after"/> that are still kept, then each further one, until cancelled.</summary>
    public IAsyncEnumerable<RunEvent> EventsAsync(long after, CancellationToken cancellationToken) => _events.FollowAsync(after, cancellationToken);

    /// <summary>Stops driving; the stored phase stays, so that another coordinator goes on.</summary>
    public async ValueTask DisposeAsync()
    {
        await InTurnAsync(HaltAsync).ConfigureAwait(false);
    }

    private void Require(bool holds, string what)
    {
        if (!holds)
        {
            string phase = _phase is { } known ? known.Phase.ToString().ToLowerInvariant() : "not started";
            throw new InvalidOperationException($"The run is {phase}; it cannot be {what}.");
        }
    }

    private void Go()
    {
        if (_going.IsCompleted)
        {
            _stop = new CancellationTokenSource();
            CancellationToken token = _stop.Token;
            _going = Task.Run(() => GoOnAsync(token), CancellationToken.None);
        }
    }

    private async Task HaltAsync()
    {
        if (_stop is { } stop)
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await _going.ConfigureAwait(false);
            stop.Dispose();
            _stop = null;
        }
    }

    // The work, again and again while what stops it may pass. How it ends is stored, unless somebody stopped it: then the phase says so already.
    private async Task GoOnAsync(CancellationToken stop)
    {
        TimeSpan pause = FirstPause;
        while (!stop.IsCancellationRequested)
        {
            PhaseRecord end;
            try
            {
                await _work.RunAsync([_events], stop).ConfigureAwait(false);
                end = new PhaseRecord(RunPhase.Finished);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (SupersededException)
            {
                return;
            }
            catch (Exception fault) when (_work.MayPass(fault))
            {
                await WaitAsync(fault, pause, stop).ConfigureAwait(false);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                continue;
            }
            catch (Exception fault)
            {
                end = new PhaseRecord(RunPhase.Failed, fault.Message);
            }

            if (await TryEndAsync(end, stop).ConfigureAwait(false))
            {
                return;
            }
        }
    }

    // False where the end could not be stored for now: the work is begun again, finds itself at its end, and this is tried again.
    private async Task<bool> TryEndAsync(PhaseRecord end, CancellationToken stop)
    {
        try
        {
            await EnterAsync(end).ConfigureAwait(false);
            return true;
        }
        catch (SupersededException)
        {
            return true;
        }
        catch (Exception fault) when (_work.MayPass(fault))
        {
            await WaitAsync(fault, FirstPause, stop).ConfigureAwait(false);
            return false;
        }
    }

    private async Task WaitAsync(Exception fault, TimeSpan pause, CancellationToken stop)
    {
        _waitingFor = fault.Message;
        await Task.Delay(pause, _clock, stop).ContinueWith(_ => { }, TaskScheduler.Default).ConfigureAwait(false);
        _waitingFor = null;
    }

    // One at a time: the work may end while somebody pauses or cancels the run. That it is finished is true either way and stands.
    private async Task EnterAsync(PhaseRecord phase)
    {
        await _saving.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_phase?.Phase == RunPhase.Finished || (phase.Phase == RunPhase.Failed && _phase?.Phase != RunPhase.Running))
            {
                return;
            }

            await _store.SaveAsync(phase).ConfigureAwait(false);
            _phase = phase;
            _events.Changed(phase);
        }
        finally
        {
            _saving.Release();
        }
    }

    private async Task InTurnAsync(Func<Task> change)
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            await change().ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }
}
