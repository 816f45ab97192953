using FedLLM.Experiments.Messaging;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Tests.Messaging;

/// <summary>A device that trains when it is told to. Receipts are functions of the round, the state and the client; finished updates are answered from memory.</summary>
internal sealed class CountingQueue : ITrainingQueue
{
    private readonly Dictionary<(int Round, string State, int Client), ClientReceipt> _stored = [];

    /// <summary>The trainings that began, in order; one that is answered from the store is none.</summary>
    public List<(int Round, string State, int Client)> Begun { get; } = [];

    /// <summary>The trainings that were stopped.</summary>
    public List<(int Round, string State, int Client)> Stopped { get; } = [];

    /// <summary>How long a training takes.</summary>
    public Func<int, CancellationToken, Task> Work { get; set; } = (_, _) => Task.CompletedTask;

    public async Task<ClientReceipt> TrainAsync(RoundInstruction instruction, int client, CancellationToken cancellationToken)
    {
        (int Round, string State, int Client) key = (instruction.Round, instruction.StateHash, client);
        lock (_stored)
        {
            if (_stored.TryGetValue(key, out ClientReceipt? stored))
            {
                return stored;
            }

            Begun.Add(key);
        }

        try
        {
            await Work(client, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
        }
        catch (OperationCanceledException)
        {
            lock (_stored)
            {
                Stopped.Add(key);
            }

            throw;
        }

        lock (_stored)
        {
            return _stored[key] = ReceiptOf(instruction, client);
        }
    }

    public static ClientReceipt ReceiptOf(RoundInstruction instruction, int client) => new(
        client, $"update {instruction.Round}/{instruction.StateHash}/{client}", 10 + client, [1f], new ClientMetrics(client, 100, 1));
}
