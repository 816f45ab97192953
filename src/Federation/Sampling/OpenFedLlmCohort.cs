namespace FedLLM.Federation.Sampling;

/// <summary>
/// Draws OpenFedLLM's cohorts, bit for bit: with t = round - 1, Python's <c>random.seed(t); sorted(random.sample(range(clients), count))</c>
/// (<c>fed_global.get_clients_this_round</c>); all clients where there are not more than asked for.
/// </summary>
/// <remarks>As there, the run's seed has no influence: every run of equal numbers has the same cohorts.</remarks>
public sealed class OpenFedLlmCohort : ICohortSampler
{
    /// <inheritdoc/>
    public IReadOnlyList<int> Draw(ulong seed, int round, int clients, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(round, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(clients, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        if (count >= clients)
        {
            return [.. Enumerable.Range(0, clients)];
        }

        int[] sample = new PythonRandom((uint)(round - 1)).Sample(clients, count);
        Array.Sort(sample);
        return sample;
    }
}
