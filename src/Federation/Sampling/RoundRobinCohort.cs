using FedLLM.Numerics;

namespace FedLLM.Federation.Sampling;

/// <summary>
/// Takes every client once before any a second time: a pass over all C clients is ⌈C / k⌉ rounds along an order drawn anew for each pass, from the stream
/// (seed, cohort sampling, pass). The last cohort of a pass is filled up from the pass's beginning. Costs O(C).
/// </summary>
public sealed class RoundRobinCohort : ICohortSampler
{
    private const int OrderStream = 1; // the stream's step: uniform cohorts draw at step 0

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

        int rounds = (clients + count - 1) / count;
        (int pass, int place) = Math.DivRem(round - 1, rounds);
        int[] order = [.. Enumerable.Range(0, clients)];
        new CounterRandom(seed, RandomPurpose.CohortSampling, pass, step: OrderStream).Shuffle<int>(order);
        int[] cohort = [.. Enumerable.Range(place * count, count).Select(i => order[i % clients])];
        Array.Sort(cohort);
        return cohort;
    }
}
