using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Messaging;

/// <summary>Trains clients on a device, some at a time.</summary>
public interface ITrainingQueue
{
    /// <summary>Trains a client when its turn comes, stores its update and returns its receipt; an update that is already stored is answered from the store.</summary>
    /// <exception cref="TrainingFailedException">It cannot train; asking again would not change that.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled before its update was stored.</exception>
    Task<ClientReceipt> TrainAsync(RoundInstruction instruction, int client, CancellationToken cancellationToken);
}

/// <summary>A client cannot train a round.</summary>
public sealed class TrainingFailedException : Exception
{
    /// <summary>Says why, in one line, without content of the client's data.</summary>
    public TrainingFailedException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
