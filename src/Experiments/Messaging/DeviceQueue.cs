using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Messaging;

/// <summary>A client that trains or waits for its turn.</summary>
/// <param name="Run">The run's name.</param>
/// <param name="Round">The round.</param>
/// <param name="Client">Client id, from 0.</param>
public sealed record QueuedClient(string Run, int Round, int Client);

/// <summary>What a training device does at one moment.</summary>
/// <param name="Training">The clients it trains.</param>
/// <param name="AtOnce">Most clients of their run that are given to it at a time; 0 while it trains none.</param>
/// <param name="Waiting">The clients that wait for their turn, the first first.</param>
public sealed record DeviceWork(IReadOnlyList<QueuedClient> Training, int AtOnce, IReadOnlyList<QueuedClient> Waiting);

/// <summary>
/// A training device's queue, for all runs that use the device. Clients of one instruction that wait at the same time train together, as a cohort of the fleet
/// behind it; others wait their turn, in the order in which they came.
/// </summary>
public sealed class DeviceQueue : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly List<Waiting> _waiting = [];
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly CancellationTokenSource _close = new();
    private readonly Task _work;
    private Waiting[] _training = [];

    private readonly TimeSpan _gather;
    private readonly TimeProvider _clock;

    /// <summary>Opens the queue.</summary>
    /// <param name="gather">How long an idle device waits for others of the same cohort once a first client has come; zero for not at all.</param>
    /// <param name="clock">Measures it.</param>
    public DeviceQueue(TimeSpan gather, TimeProvider clock)
    {
        (_gather, _clock) = (gather, clock);
        _work = Task.Run(WorkAsync);
    }

    /// <summary>Clients that wait for their turn.</summary>
    public int Length
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count;
            }
        }
    }

    /// <summary>What the device does now.</summary>
    public DeviceWork Work
    {
        get
        {
            lock (_gate)
            {
                Waiting[] training = [.. _training.Where(w => !w.Receipt.Task.IsCompleted)];
                return new DeviceWork([.. training.Select(w => w.Name)], training.Length == 0 ? 0 : training[0].Run.AtOnce, [.. _waiting.Select(w => w.Name)]);
            }
        }
    }

    /// <summary>Returns the queue as one run sees it.</summary>
    /// <param name="run">The run's name.</param>
    /// <param name="fleet">Trains the run's clients in this process.</param>
    /// <param name="atOnce">Most clients that are given to it at a time; positive.</param>
    public ITrainingQueue For(string run, IClientFleet fleet, int atOnce)
    {
        ArgumentNullException.ThrowIfNull(fleet);
        ArgumentOutOfRangeException.ThrowIfLessThan(atOnce, 1);
        return new View(this, run, fleet, atOnce);
    }

    /// <summary>Stops what trains after its running steps, and everybody who waits.</summary>
    public async ValueTask DisposeAsync()
    {
        await _close.CancelAsync().ConfigureAwait(false);
        await _work.ConfigureAwait(false);
        foreach (Waiting left in Take(_ => true))
        {
            left.Receipt.TrySetCanceled();
        }

        _arrived.Dispose();
        _close.Dispose();
    }

    private Task<ClientReceipt> Add(Waiting waiting)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_close.IsCancellationRequested, this);
            _waiting.Add(waiting);
        }

        _arrived.Release();
        return waiting.Receipt.Task;
    }

    private async Task WorkAsync()
    {
        while (!_close.IsCancellationRequested)
        {
            try
            {
                await _arrived.WaitAsync(_close.Token).ConfigureAwait(false);
                if (_gather > TimeSpan.Zero)
                {
                    await Task.Delay(_gather, _clock, _close.Token).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }

            Waiting[] batch = NextBatch();
            if (batch.Length > 0)
            {
                await TrainTogetherAsync(batch).ConfigureAwait(false);
            }
        }
    }

    // The first that waits, and with it those of the same instruction. Who gave up meanwhile is passed over.
    private Waiting[] NextBatch()
    {
        foreach (Waiting gone in Take(w => w.Token.IsCancellationRequested))
        {
            gone.Receipt.TrySetCanceled(gone.Token);
        }

        lock (_gate)
        {
            if (_waiting.Count == 0)
            {
                return [];
            }

            Waiting head = _waiting[0];
            Waiting[] batch = [.. _waiting.Where(head.GoesWith).Take(head.Run.AtOnce)];
            _waiting.RemoveAll(batch.Contains);
            _training = batch;
            return batch;
        }
    }

    private async Task TrainTogetherAsync(Waiting[] batch)
    {
        // Only when nobody waits for the batch any more is it stopped.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_close.Token);
        int left = batch.Length;
        CancellationTokenRegistration[] registrations = [.. batch.Select(w => w.Token.Register(() =>
        {
            if (Interlocked.Decrement(ref left) == 0)
            {
                stop.Cancel();
            }
        }))];
        try
        {
            Dictionary<int, Waiting> open = batch.DistinctBy(w => w.Client).ToDictionary(w => w.Client);
            RoundInstruction instruction = RoundInstruction.Join([.. open.Values.Select(w => w.Instruction)]);
            await foreach (ClientOutcome outcome in batch[0].Run.Fleet.TrainAsync(instruction, [.. open.Keys.Order()], stop.Token).ConfigureAwait(false))
            {
                foreach (Waiting waiting in batch.Where(w => w.Client == outcome.Client))
                {
                    waiting.Answer(outcome);
                }
            }

            foreach (Waiting waiting in batch)
            {
                waiting.Receipt.TrySetException(new TrainingFailedException("it gave no update"));
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            foreach (Waiting waiting in batch)
            {
                waiting.Receipt.TrySetCanceled();
            }
        }
        catch (Exception fault)
        {
            // Whoever asked hears of it and may ask again; the queue goes on with the others.
            foreach (Waiting waiting in batch)
            {
                waiting.Receipt.TrySetException(fault);
            }
        }
        finally
        {
            foreach (CancellationTokenRegistration registration in registrations)
            {
                await registration.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private Waiting[] Take(Predicate<Waiting> taken)
    {
        lock (_gate)
        {
            Waiting[] some = [.. _waiting.Where(w => taken(w))];
            _waiting.RemoveAll(taken);
            return some;
        }
    }

    private sealed class View(DeviceQueue device, string name, IClientFleet fleet, int atOnce) : ITrainingQueue
    {
        public string Name => name;

        public IClientFleet Fleet => fleet;

        public int AtOnce => atOnce;

        public Task<ClientReceipt> TrainAsync(RoundInstruction instruction, int client, CancellationToken cancellationToken)
        {
            ArgumentNullException.ThrowIfNull(instruction);
            return device.Add(new Waiting(this, instruction, client, cancellationToken));
        }
    }

    private sealed class Waiting(View run, RoundInstruction instruction, int client, CancellationToken token)
    {
        private readonly RoundInstruction _shared = instruction.WithoutPrivateStates();

        public View Run => run;

        public QueuedClient Name => new(run.Name, instruction.Round, client);

        public RoundInstruction Instruction => instruction;

        public int Client => client;

        public CancellationToken Token => token;

        public TaskCompletionSource<ClientReceipt> Receipt { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool GoesWith(Waiting other) => other.Run == run && other._shared == _shared;

        public void Answer(ClientOutcome outcome)
        {
            switch (outcome)
            {
                case ClientReceipt receipt:
                    Receipt.TrySetResult(receipt);
                    break;
                case ClientExclusion exclusion:
                    Receipt.TrySetException(new TrainingFailedException(exclusion.Reason));
                    break;
            }
        }
    }
}
