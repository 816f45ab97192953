using FedLLM.Experiments.Coordination;
using FedLLM.Experiments.Tests.Messaging;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Tests.Coordination;

/// <summary>The life of a run: started, paused, resumed, cancelled, failed, woken after a crash.</summary>
public sealed class CoordinatorTests
{
    private readonly GatedWork _work = new();
    private readonly MemoryPhases _phases = new();

    [Fact]
    public async Task StartAsync_Run_GoesToItsEnd()
    {
        await using Coordinator coordinator = Make();
        Assert.Null(coordinator.Status);
        await coordinator.StartAsync();
        await _work.Begun.WaitAsync();
        Assert.Equal(RunPhase.Running, coordinator.Status!.Phase);
        await coordinator.StartAsync(); // again is harmless
        _work.End.SetResult();
        await ReachesAsync(coordinator, RunPhase.Finished);
        await coordinator.StartAsync();
        Assert.Equal(1, _work.Times);
        Assert.Equal([RunPhase.Running, RunPhase.Finished], _phases.Saved.Select(p => p.Phase));
    }

    [Fact]
    public async Task PauseAsync_RunningRun_StopsItUntilItIsStartedAgain()
    {
        await using Coordinator coordinator = Make();
        await coordinator.StartAsync();
        await _work.Begun.WaitAsync();
        await coordinator.PauseAsync();
        Assert.Equal((RunPhase.Paused, 1), (coordinator.Status!.Phase, _work.Stopped));
        await coordinator.WakeAsync(); // a paused run stays paused
        Assert.Equal(1, _work.Times);
        await coordinator.StartAsync();
        await _work.Begun.WaitAsync();
        _work.End.SetResult();
        await ReachesAsync(coordinator, RunPhase.Finished);
        Assert.Equal([RunPhase.Running, RunPhase.Paused, RunPhase.Running, RunPhase.Finished], _phases.Saved.Select(p => p.Phase));
    }

    [Fact]
    public async Task CancelAsync_RunningRun_EndsItForGood()
    {
        await using Coordinator coordinator = Make();
        await Assert.ThrowsAsync<InvalidOperationException>(coordinator.CancelAsync);
        await coordinator.StartAsync();
        await _work.Begun.WaitAsync();
        await coordinator.CancelAsync();
        await coordinator.CancelAsync();
        Assert.Equal(RunPhase.Cancelled, coordinator.Status!.Phase);
        await Assert.ThrowsAsync<InvalidOperationException>(coordinator.StartAsync);
        await Assert.ThrowsAsync<InvalidOperationException>(coordinator.PauseAsync);
    }

    [Fact]
    public async Task WakeAsync_AfterACrash_GoesOnExactlyWhereItWasRunning()
    {
        foreach (RunPhase phase in Enum.GetValues<RunPhase>())
        {
            var work = new GatedWork();
            work.End.SetResult();
            await using var coordinator = new Coordinator(work, _phases, new PhaseRecord(phase), new HurriedClock());
            await coordinator.WakeAsync();
            if (phase == RunPhase.Running)
            {
                await ReachesAsync(coordinator, RunPhase.Finished);
            }

            Assert.Equal(phase == RunPhase.Running ? 1 : 0, work.Times);
        }

        await using Coordinator never = Make();
        await never.WakeAsync();
        Assert.Null(never.Status);
    }

    [Fact]
    public async Task StartAsync_WorkThatFails_SaysWhyAndCanBeTriedAgain()
    {
        await using Coordinator coordinator = Make();
        _work.Fault = new InvalidDataException("three rounds in a row were abandoned");
        _work.End.SetResult();
        await coordinator.StartAsync();
        await ReachesAsync(coordinator, RunPhase.Failed);
        Assert.Equal("three rounds in a row were abandoned", coordinator.Status!.Reason);
        _work.Fault = null;
        await coordinator.StartAsync();
        await ReachesAsync(coordinator, RunPhase.Finished);
    }

    [Fact]
    public async Task StartAsync_FaultThatPasses_TriesAgainUntilItHasPassed()
    {
        await using Coordinator coordinator = Make();
        int faults = 5;
        _work.Before = () => faults-- > 0 ? new IOException("the storage is out of reach") : null;
        _work.End.SetResult();
        await coordinator.StartAsync();
        await ReachesAsync(coordinator, RunPhase.Finished);
        Assert.Equal(6, _work.Times);
        Assert.Equal([RunPhase.Running, RunPhase.Finished], _phases.Saved.Select(p => p.Phase));
    }

    [Fact]
    public async Task StartAsync_EndThatCannotBeStored_IsStoredOnceItCan()
    {
        await using Coordinator coordinator = Make();
        int faults = 3;
        _phases.Before = p => p.Phase == RunPhase.Finished && faults-- > 0 ? new IOException("the storage is out of reach") : null;
        _work.End.SetResult();
        await coordinator.StartAsync();
        await ReachesAsync(coordinator, RunPhase.Finished);
        Assert.Equal(RunPhase.Finished, _phases.Saved[^1].Phase);
    }

    [Fact]
    public async Task StartAsync_AnotherCoordinatorTookOver_LeavesTheRunAlone()
    {
        await using Coordinator coordinator = Make();
        await coordinator.StartAsync();
        await _work.Begun.WaitAsync();
        _phases.Before = _ => new SupersededException("another");
        await Assert.ThrowsAsync<SupersededException>(coordinator.PauseAsync);
        _work.End.SetResult();
        await _work.Ended.WaitAsync();
        Assert.Equal([RunPhase.Running], _phases.Saved.Select(p => p.Phase));
    }

    [Fact]
    public async Task StartAsync_PhaseThatCannotBeStored_BeginsNothing()
    {
        await using Coordinator coordinator = Make();
        _phases.Before = _ => new IOException("the storage is out of reach");
        await Assert.ThrowsAsync<IOException>(coordinator.StartAsync);
        Assert.Null(coordinator.Status);
        Assert.Equal(0, _work.Times);
    }

    [Fact]
    public async Task EventsAsync_Run_TellsWhatHappenedInOrderToEveryWatcher()
    {
        await using Coordinator coordinator = Make();
        _work.Tell = observer =>
        {
            observer.RoundStarted(1, [4, 7]);
            observer.ClientFinished(1, new ClientExclusion(7, "gone"));
            observer.RoundCommitted(new RoundRecord { Round = 1, Adapter = "a" });
        };
        _work.End.SetResult();
        await coordinator.StartAsync();
        await ReachesAsync(coordinator, RunPhase.Finished);
        Assert.Equal((1, "a"), (coordinator.Status!.Round, coordinator.Status.Last!.Adapter));
        foreach (long after in new long[] { 0, 3 })
        {
            var heard = new List<string>();
            await foreach (RunEvent e in coordinator.EventsAsync(after, default))
            {
                heard.Add($"{e.Number} {(e.Cohort is { } c ? string.Join('+', c) : e.Client?.Client.ToString() ?? e.Committed?.Adapter ?? e.Phase!.Phase.ToString())}");
                if (e.Phase?.Phase == RunPhase.Finished)
                {
                    break;
                }
            }

            Assert.Equal(new[] { "1 Running", "2 4+7", "3 7", "4 a", "5 Finished" }.Skip((int)after), heard);
        }
    }

    private Coordinator Make() => new(_work, _phases, null, new HurriedClock());

    private static async Task ReachesAsync(Coordinator coordinator, RunPhase phase)
    {
        await foreach (RunEvent e in coordinator.EventsAsync(0, default))
        {
            if (e.Phase?.Phase == phase)
            {
                return;
            }
        }
    }

    private sealed class GatedWork : IRunWork
    {
        public SemaphoreSlim Begun { get; } = new(0);

        public SemaphoreSlim Ended { get; } = new(0);

        public TaskCompletionSource End { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Times { get; private set; }

        public int Stopped { get; private set; }

        public Exception? Fault { get; set; }

        public Func<Exception?> Before { get; set; } = () => null;

        public Action<IRunObserver> Tell { get; set; } = _ => { };

        public async Task RunAsync(IReadOnlyList<IRunObserver> observers, CancellationToken cancellationToken)
        {
            Times++;
            if (Before() is { } passing)
            {
                throw passing;
            }

            Begun.Release();
            try
            {
                await End.Task.WaitAsync(cancellationToken);
                foreach (IRunObserver observer in observers)
                {
                    Tell(observer);
                }
            }
            catch (OperationCanceledException)
            {
                Stopped++;
                throw;
            }
            finally
            {
                Ended.Release();
            }

            if (Fault is { } fault)
            {
                throw fault;
            }
        }

        public bool MayPass(Exception fault) => fault is IOException;
    }

    private sealed class MemoryPhases : IPhaseStore
    {
        public List<PhaseRecord> Saved { get; } = [];

        public Func<PhaseRecord, Exception?> Before { get; set; } = _ => null;

        public async Task SaveAsync(PhaseRecord record)
        {
            await Task.Yield();
            if (Before(record) is { } fault)
            {
                throw fault;
            }

            Saved.Add(record);
        }
    }
}
