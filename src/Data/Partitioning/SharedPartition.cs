using FedLLM.Data.Examples;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Partitioning;

/// <summary>
/// More clients than parts: client i holds part i mod P of a partition of P, so that populations larger than the data can be simulated. What a part costs, it costs once.
/// </summary>
public sealed class SharedPartition : IPartition
{
    private readonly IPartition _parts;

    /// <summary>Shares a partition out.</summary>
    /// <param name="parts">The parts.</param>
    /// <param name="registered">Number of clients.</param>
    /// <param name="origin">Where the data comes from, for messages.</param>
    /// <exception cref="InputFileException">There are fewer clients than parts, so that some data would be nobody's.</exception>
    public SharedPartition(IPartition parts, int registered, string origin)
    {
        ArgumentNullException.ThrowIfNull(parts);
        if (registered < parts.Clients)
        {
            throw new InputFileException(
                origin, null, $"holds {parts.Clients} shards, but data.partition.registered is {registered}", "Register at least as many clients as there are shards");
        }

        (_parts, Clients) = (parts, registered);
    }

    /// <inheritdoc/>
    public int Clients { get; }

    /// <inheritdoc/>
    public int Parts => _parts.Clients;

    /// <inheritdoc/>
    public int Part(int client) => client % _parts.Clients;

    /// <inheritdoc/>
    public string Name(int client) => client < _parts.Clients ? _parts.Name(client) : $"{_parts.Name(Part(client))}+{client / _parts.Clients}";

    /// <inheritdoc/>
    public string Origin(int client) => _parts.Origin(Part(client));

    /// <inheritdoc/>
    public IEnumerable<Example> Read(int client) => _parts.Read(Part(client));
}
