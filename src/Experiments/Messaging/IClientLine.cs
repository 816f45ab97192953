using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Messaging;

/// <summary>The line to clients that live elsewhere. Messages on it may be lost, late, repeated or out of order.</summary>
public interface IClientLine
{
    /// <summary>
    /// Asks a client to train, or how far it is: asking again for the same instruction is harmless. The answer comes within a bounded time, that its update
    /// is stored or that it is still training.
    /// </summary>
    /// <exception cref="ClientUnreachableException">No answer came; whether the question arrived is unknown.</exception>
    Task<TrainingAnswer> AskAsync(RoundInstruction instruction, int client, CancellationToken cancellationToken);
}

/// <summary>A client could not be reached, for a reason that may pass.</summary>
public sealed class ClientUnreachableException : Exception
{
    /// <summary>Says why, in one line.</summary>
    public ClientUnreachableException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
