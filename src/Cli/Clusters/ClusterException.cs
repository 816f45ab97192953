namespace FedLLM.Cli.Clusters;

/// <summary>A cluster did not do what was asked; the message says what and why.</summary>
internal sealed class ClusterException(string message, Exception? inner = null) : IOException(message, inner)
{
    /// <summary>Whether asking again later may succeed: nobody answered.</summary>
    public bool IsSilence { get; init; }
}
