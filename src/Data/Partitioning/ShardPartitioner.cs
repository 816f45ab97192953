using FedLLM.Engine.Files;
using FedLLM.Numerics;

namespace FedLLM.Data.Partitioning;

/// <summary>
/// Cuts a dataset into parts of few labels (scheme <c>shards</c>), as FedIT does (Shepherd's <c>client_data_allocation.py</c>, <c>diff_quantity</c> = 0; after
/// McMahan et al., "Communication-efficient learning of deep networks from decentralized data", 2017, section 3): the rows sorted by label are cut into
/// C · k runs of equal size, the runs are shuffled, and client i takes the shuffled runs i·k … i·k + k - 1.
/// </summary>
/// <remarks>Deviations: the shuffle comes from <see cref="CounterRandom"/>, and labels are sorted in natural order.</remarks>
public static class ShardPartitioner
{
    /// <summary>Returns each client's rows.</summary>
    /// <param name="groups">The dataset's rows by label, in the order of the labels.</param>
    /// <param name="clients">Number of clients, at least 1.</param>
    /// <param name="runsPerClient">Runs of one client, at least 1; FedIT has 2.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="origin">Where the dataset comes from, for messages.</param>
    /// <exception cref="ArgumentOutOfRangeException">A parameter is below 1.</exception>
    /// <exception cref="InputFileException">There are more runs than rows.</exception>
    public static IReadOnlyList<int[]> Cut(IReadOnlyList<LabelGroup> groups, int clients, int runsPerClient, ulong seed, string origin)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(clients, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(runsPerClient, 1);
        int[] sorted = [.. groups.SelectMany(g => g.Rows)];
        long runs = (long)clients * runsPerClient;
        if (runs > sorted.Length)
        {
            throw new InputFileException(
                origin, null, $"{sorted.Length} records cannot give {clients} clients {runsPerClient} runs each", "Lower data.partition.clients");
        }

        int[] order = [.. Enumerable.Range(0, (int)runs)];
        new CounterRandom(seed, RandomPurpose.Partition).Shuffle(order.AsSpan());
        return [.. order.Chunk(runsPerClient).Select(own => own.SelectMany(run => Run(sorted, run, (int)runs)).ToArray())];
    }

    /// <summary>Run <paramref name="run"/> of <paramref name="runs"/>; the first ones are longer by one where the rows do not divide (numpy.array_split).</summary>
    private static ArraySegment<int> Run(int[] sorted, int run, int runs)
    {
        (int size, int longer) = Math.DivRem(sorted.Length, runs);
        return new ArraySegment<int>(sorted, (run * size) + Math.Min(run, longer), run < longer ? size + 1 : size);
    }
}
