using FedLLM.Data.Examples;

namespace FedLLM.Data.Partitioning;

/// <summary>A dataset cut into clients' parts. Implementations are safe for concurrent use.</summary>
public interface IPartition
{
    /// <summary>Number of clients, at least 1.</summary>
    int Clients { get; }

    /// <summary>Returns the name of a client.</summary>
    string Name(int client);

    /// <summary>Returns the file or folder a client's part comes from, for messages.</summary>
    string Origin(int client);

    /// <summary>Yields the examples of a client, the same and in the same order each time.</summary>
    /// <exception cref="Engine.Files.InputFileException">A file is defective; thrown while enumerating.</exception>
    IEnumerable<Example> Read(int client);
}
