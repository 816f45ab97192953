using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Messaging;

/// <summary>
/// A client's side of the line. It trains one round at a time and answers within a bounded time; being asked twice is harmless, and a question for an
/// earlier round than the one it trains is out of date and refused.
/// </summary>
/// <param name="client">Client id, from 0.</param>
/// <param name="queue">The device it trains on.</param>
/// <param name="patience">How long a question waits for the update before it is answered that the client is still training; positive.</param>
/// <param name="clock">Measures the patience.</param>
public sealed class ClientSession(int client, ITrainingQueue queue, TimeSpan patience, TimeProvider clock) : IDisposable
{
    private readonly Lock _gate = new();
    private Training? _current;
    private bool _closed;

    /// <summary>The round it trains or has trained last; 0 before its first.</summary>
    public int Round
    {
        get
        {
            lock (_gate)
            {
                return _current?.Instruction.Round ?? 0;
            }
        }
    }

    /// <summary>Begins to train, or says how far it is.</summary>
    /// <exception cref="OperationCanceledException">The caller stopped waiting; the training goes on.</exception>
    public async Task<TrainingAnswer> AskAsync(RoundInstruction instruction, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        Training training;
        lock (_gate)
        {
            if (_closed)
            {
                // Its host is going down. The asker comes back and finds it elsewhere.
                return new StillTraining(instruction.Round, instruction.StateHash);
            }

            if (_current is { } running && running.Instruction.Round > instruction.Round)
            {
                return Refuse(instruction, $"it was asked to train round {instruction.Round} after round {running.Instruction.Round} had begun");
            }

            if (_current is null || !_current.IsFor(instruction))
            {
                _current?.Stop();
                _current = new Training(instruction, token => queue.TrainAsync(instruction, client, token));
            }

            training = _current;
        }

        Task<ClientReceipt> update = training.Update;
        await Task.WhenAny(update, Task.Delay(patience, clock, cancellationToken)).ConfigureAwait(false);
        if (!update.IsCompleted)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return new StillTraining(instruction.Round, instruction.StateHash);
        }

        try
        {
            return new UpdateStored(instruction.Round, instruction.StateHash, await update.ConfigureAwait(false));
        }
        catch (TrainingFailedException failure)
        {
            return Refuse(instruction, failure.Message);
        }
        catch (OperationCanceledException)
        {
            // Superseded by another instruction, or closed, while this one was waited for.
            return new StillTraining(instruction.Round, instruction.StateHash);
        }
        catch (Exception)
        {
            // A fault of its host, not of the client: forget it, so that asking again tries again.
            Forget(training);
            throw;
        }
    }

    /// <summary>Stops what it trains; its finished updates stay in the store.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            _current?.Stop();
        }
    }

    private static TrainingRefused Refuse(RoundInstruction instruction, string reason) => new(instruction.Round, instruction.StateHash, reason);

    private void Forget(Training training)
    {
        lock (_gate)
        {
            if (_current == training)
            {
                _current = null;
            }
        }
    }

    private sealed class Training
    {
        private readonly CancellationTokenSource _stop = new();

        public Training(RoundInstruction instruction, Func<CancellationToken, Task<ClientReceipt>> train)
        {
            Instruction = instruction;
            Update = train(_stop.Token);
        }

        public RoundInstruction Instruction { get; }

        public Task<ClientReceipt> Update { get; }

        // Everything else in an instruction follows from the run, the round and the state.
        public bool IsFor(RoundInstruction other) =>
            (Instruction.RunId, Instruction.Round, Instruction.StateHash) == (other.RunId, other.Round, other.StateHash);

        public void Stop() => _stop.Cancel();
    }
}
