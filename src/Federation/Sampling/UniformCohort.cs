using FedLLM.Numerics;

namespace FedLLM.Federation.Sampling;

/// <summary>
/// Draws each round's cohort uniformly without replacement, by the stream (seed, cohort sampling, round). Time and memory follow the cohort, not the
/// number of registered clients: Floyd's algorithm (Bentley and Floyd, "A sample of brilliance", CACM 30(9), 1987).
/// </summary>
public sealed class UniformCohort : ICohortSampler
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

        var random = new CounterRandom(seed, RandomPurpose.CohortSampling, round);
        ulong position = 0;
        var chosen = new HashSet<int>(count);
        for (int last = clients - count; last < clients; last++)
        {
            if (!chosen.Add((int)random.Below((uint)last + 1, ref position)))
            {
                chosen.Add(last);
            }
        }

        return [.. chosen.Order()];
    }
}
