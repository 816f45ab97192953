namespace FedLLM.Federation.Sampling;

/// <summary>
/// Draws the cohorts of Shepherd, FedIT's code, bit for bit: with t = round - 1, NumPy's
/// <c>np.random.seed(t); np.random.choice(np.arange(clients), count, replace=False)</c> (<c>client_selection</c>), sorted; its count is <see cref="CohortSize.OfFraction"/>.
/// </summary>
/// <remarks>As there, the run's seed has no influence. The draw permutes all clients, so it costs O(clients).</remarks>
public sealed class FedItCohort : ICohortSampler
{
    /// <inheritdoc/>
    public IReadOnlyList<int> Draw(ulong seed, int round, int clients, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(round, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(clients, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        int[] chosen = new NumPyRandom((uint)(round - 1)).Choice(clients, Math.Min(count, clients));
        Array.Sort(chosen);
        return chosen;
    }
}
