namespace FedLLM.Federation.Aggregation;

/// <summary>A client's update cannot be summed. The message names the client and the tensor and never contains values of its data.</summary>
public sealed class UpdateRejectedException : Exception
{
    /// <summary>Describes one defect of one client's update.</summary>
    /// <param name="client">Client id, from 0.</param>
    /// <param name="tensor">The tensor's name, or null where the update as a whole is meant.</param>
    /// <param name="problem">What is wrong, without a final full stop.</param>
    public UpdateRejectedException(int client, string? tensor, string problem)
        : base(tensor is null ? $"The update of client {client}: {problem}." : $"The update of client {client}, tensor '{tensor}': {problem}.")
    {
        Client = client;
        Tensor = tensor;
    }

    /// <summary>Client id, from 0.</summary>
    public int Client { get; }

    /// <summary>The tensor's name, or null where the update as a whole is meant.</summary>
    public string? Tensor { get; }
}
