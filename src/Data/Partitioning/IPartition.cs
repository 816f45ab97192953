using FedLLM.Data.Examples;

namespace FedLLM.Data.Partitioning;

/// <summary>A dataset cut into clients' parts. Implementations are safe for concurrent use.</summary>
public interface IPartition
{
    /// <summary>Number of clients, at least 1.</summary>
    int Clients { get; }

    /// <summary>Number of different parts; below <see cref="Clients"/> where several clients hold the same one.</summary>
    int Parts => Clients;

    /// <summary>Returns the number of the part that a client holds, from 0; clients of one part have the same examples.</summary>
    int Part(int client) => client;

    /// <summary>Returns the name of a client.</summary>
    string Name(int client);

    /// <summary>Returns the file or folder a client's part comes from, for messages.</summary>
    string Origin(int client);

    /// <summary>Yields the examples of a client, the same and in the same order each time.</summary>
    /// <exception cref="Engine.Files.InputFileException">A file is defective; thrown while enumerating.</exception>
    IEnumerable<Example> Read(int client);
}
