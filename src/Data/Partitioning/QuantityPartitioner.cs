using FedLLM.Engine.Files;
using FedLLM.Numerics;

namespace FedLLM.Data.Partitioning;

/// <summary>
/// Cuts a dataset into parts of unequal sizes and one distribution (scheme <c>quantity</c>): client i holds the least size and, of the rest R, a share in proportion to
/// e^(σ·z_i), z_i standard normal. So sizes above the least are log-normal, as in the synthetic data of Li et al., "Federated optimization in heterogeneous
/// networks", MLSys 2020, whose generator draws log-normal sizes and adds 50.
/// </summary>
/// <remarks>
/// size_i = least + ⌊R·w_i / Σw⌋; what rounding leaves over goes, a row each, to the largest fractions, the lowest ids first among equals. The rows are shuffled by seed
/// and dealt out one client after another. Deviation: theirs makes the rows that the sizes ask for; here the sizes share out the rows that there are.
/// </remarks>
public static class QuantityPartitioner
{
    /// <summary>Largest sigma.</summary>
    public const double MaxSigma = 100;

    private const int SizeStream = 2; // the stream's step: other partitioners draw at steps 0 and 1

    /// <summary>Returns each client's rows.</summary>
    /// <param name="rows">Number of rows in the dataset.</param>
    /// <param name="clients">Number of clients, at least 1.</param>
    /// <param name="sigma">Deviation of the logarithm of the sizes, 0 to <see cref="MaxSigma"/>; 0 makes equal sizes.</param>
    /// <param name="minSize">Least number of rows of a client, at least 1.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="origin">Where the dataset comes from, for messages.</param>
    /// <exception cref="ArgumentOutOfRangeException">A parameter is out of range.</exception>
    /// <exception cref="InputFileException">The dataset is too small for the least size.</exception>
    public static IReadOnlyList<int[]> Cut(int rows, int clients, double sigma, int minSize, ulong seed, string origin)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(clients, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(minSize, 1);
        ArgumentOutOfRangeException.ThrowIfEqual(sigma >= 0 && sigma <= MaxSigma, false);
        if ((long)clients * minSize > rows)
        {
            throw new InputFileException(
                origin, null, $"{rows} records cannot give {clients} clients {minSize} each", "Lower data.partition.clients or data.partition.min_size");
        }

        int[] order = [.. Enumerable.Range(0, rows)];
        new CounterRandom(seed, RandomPurpose.Partition).Shuffle(order.AsSpan());
        var parts = new int[clients][];
        int begin = 0;
        foreach ((int client, int extra) in Shares(rows - (clients * minSize), clients, sigma, seed).Index())
        {
            parts[client] = order[begin..(begin + minSize + extra)];
            begin += parts[client].Length;
        }

        return parts;
    }

    private static int[] Shares(int rest, int clients, double sigma, ulong seed)
    {
        double[] weights = [.. Enumerable.Range(0, clients).Select(i => sigma * new NormalStream(new CounterRandom(seed, RandomPurpose.Partition, 0, i, SizeStream)).Next())];
        double largest = weights.Max();
        double total = 0;
        for (int i = 0; i < clients; i++)
        {
            weights[i] = ScalarMath.Exp(weights[i] - largest);
            total += weights[i];
        }

        var shares = new int[clients];
        var fractions = new double[clients];
        for (int i = 0; i < clients; i++)
        {
            double exact = rest * (weights[i] / total);
            shares[i] = Math.Min(rest, (int)exact);
            fractions[i] = exact - shares[i];
        }

        // Rounding of the quotients may leave over or ask for a row or two beyond the largest remainders: both are settled here.
        int left = rest - shares.Sum();
        foreach (int i in Enumerable.Range(0, clients).OrderByDescending(i => fractions[i]).ThenBy(i => i).Take(left))
        {
            shares[i]++;
        }

        for (int i = 0; left < 0; i = (i + 1) % clients)
        {
            int taken = Math.Min(shares[i], 1);
            shares[i] -= taken;
            left += taken;
        }

        return shares;
    }
}
