using FedLLM.Engine.Files;
using FedLLM.Numerics;

namespace FedLLM.Data.Partitioning;

/// <summary>
/// Cuts a dataset into parts of different label mixtures as FedIT does (Shepherd's <c>client_data_allocation.py</c>, <c>diff_quantity</c> = 1; after
/// Hsu et al., "Measuring the effects of non-identical data distribution for federated visual classification", 2019).
/// </summary>
/// <remarks>
/// For each label k in turn: p ~ Dirichlet(α, …, α) over the C clients; p_j is set to 0 where client j already holds N/C rows or more; p is normalised; the
/// label's shuffled rows are cut at ⌊n_k · (p_0 + … + p_j)⌋. All of it is drawn again until every client holds the least size asked for (FedIT: α 0.5, 40 rows).
/// Deviations: the draws come from <see cref="CounterRandom"/>; labels go in natural order rather than in order of appearance; p is kept as logarithms, so
/// that a small α cannot make every allowed p underflow to zero; what rounding leaves over goes to the last client that is not full. Without the cap no client is
/// ever full, as in Hsu et al.; sizes then differ more.
/// </remarks>
public static class DirichletPartitioner
{
    /// <summary>Smallest alpha.</summary>
    public const double MinAlpha = 1e-6;

    /// <summary>Largest alpha.</summary>
    public const double MaxAlpha = 1e6;

    private const int MaxAttempts = 1000;

    /// <summary>Returns each client's rows.</summary>
    /// <param name="groups">The dataset's rows by label.</param>
    /// <param name="clients">Number of clients, at least 1.</param>
    /// <param name="alpha">Concentration, <see cref="MinAlpha"/> to <see cref="MaxAlpha"/>: small for few labels per client, large for equal mixtures.</param>
    /// <param name="minSize">Least number of rows of a client, at least 1.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="origin">Where the dataset comes from, for messages.</param>
    /// <param name="capped">Whether a client that holds N/C rows gets no more.</param>
    /// <exception cref="ArgumentOutOfRangeException">A parameter is out of range.</exception>
    /// <exception cref="InputFileException">The dataset is too small for the least size, or a thousand draws did not reach it.</exception>
    public static IReadOnlyList<int[]> Cut(IReadOnlyList<LabelGroup> groups, int clients, double alpha, int minSize, ulong seed, string origin, bool capped = true)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(clients, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(minSize, 1);
        ArgumentOutOfRangeException.ThrowIfEqual(alpha >= MinAlpha && alpha <= MaxAlpha, false);
        int rows = groups.Sum(g => g.Rows.Length);
        if ((long)clients * minSize > rows)
        {
            throw new InputFileException(
                origin, null, $"{rows} records cannot give {clients} clients {minSize} each", "Lower data.partition.clients or data.partition.min_size");
        }

        for (int attempt = 0; attempt < MaxAttempts; attempt++)
        {
            List<int>[] parts = Draw(groups, clients, alpha, capped ? (double)rows / clients : double.PositiveInfinity, seed, attempt);
            if (parts.Min(p => p.Count) >= minSize)
            {
                return [.. parts.Select(p => p.ToArray())];
            }
        }

        throw new InputFileException(
            origin,
            null,
            $"{MaxAttempts} draws gave no cut in which each of {clients} clients has {minSize} records",
            "Raise data.partition.alpha or lower data.partition.min_size or data.partition.clients");
    }

    private static List<int>[] Draw(IReadOnlyList<LabelGroup> groups, int clients, double alpha, double full, ulong seed, int attempt)
    {
        List<int>[] parts = [.. Enumerable.Range(0, clients).Select(_ => new List<int>())];
        var logs = new double[clients];
        for (int k = 0; k < groups.Count; k++)
        {
            int[] group = [.. groups[k].Rows];
            new CounterRandom(seed, RandomPurpose.Partition, attempt, k, step: 0).Shuffle(group.AsSpan());
            var gamma = new GammaStream(new CounterRandom(seed, RandomPurpose.Partition, attempt, k, step: 1));
            double largest = double.NegativeInfinity;
            int last = 0;
            for (int j = 0; j < clients; j++)
            {
                // One draw per client, allowed or not, so that a client's draw does not depend on who is full.
                double draw = gamma.NextLog(alpha);
                bool isFull = parts[j].Count >= full;
                logs[j] = isFull ? double.NegativeInfinity : draw;
                last = isFull ? last : j;
                largest = Math.Max(largest, logs[j]);
            }

            double total = 0;
            for (int j = 0; j < clients; j++)
            {
                logs[j] = ScalarMath.Exp(logs[j] - largest);
                total += logs[j];
            }

            double sum = 0;
            int begin = 0;
            for (int j = 0; j < clients; j++)
            {
                sum += logs[j] / total;
                int end = j >= last ? group.Length : Math.Min(group.Length, (int)(sum * group.Length));
                parts[j].AddRange(group[begin..end]);
                begin = end;
            }
        }

        return parts;
    }
}
