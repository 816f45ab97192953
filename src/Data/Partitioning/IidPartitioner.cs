using FedLLM.Engine.Files;
using FedLLM.Numerics;

namespace FedLLM.Data.Partitioning;

/// <summary>
/// Cuts a dataset into parts of one distribution as OpenFedLLM does (<c>federated_learning/split_dataset.py</c>): shuffle by seed, then client i takes the
/// shuffled rows i, i + C, i + 2C, …
/// </summary>
/// <remarks>Deviation: the permutation comes from <see cref="CounterRandom"/>, not from NumPy, so which rows a client gets differs from OpenFedLLM's.</remarks>
public static class IidPartitioner
{
    /// <summary>Returns each client's rows. Sizes differ by at most one.</summary>
    /// <param name="rows">Number of rows in the dataset.</param>
    /// <param name="clients">Number of clients, at least 1.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="origin">Where the dataset comes from, for messages.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="clients"/> is below 1.</exception>
    /// <exception cref="InputFileException">There are more clients than rows.</exception>
    public static IReadOnlyList<int[]> Cut(int rows, int clients, ulong seed, string origin)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(clients, 1);
        if (clients > rows)
        {
            throw new InputFileException(origin, null, $"{rows} records cannot give {clients} clients one each", "Lower data.partition.clients");
        }

        int[] order = [.. Enumerable.Range(0, rows)];
        new CounterRandom(seed, RandomPurpose.Partition).Shuffle(order.AsSpan());
        var parts = new int[clients][];
        for (int client = 0; client < clients; client++)
        {
            parts[client] = new int[(rows - client + clients - 1) / clients];
            for (int i = 0; i < parts[client].Length; i++)
            {
                parts[client][i] = order[client + (i * clients)];
            }
        }

        return parts;
    }
}
