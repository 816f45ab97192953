using FedLLM.Numerics;

namespace FedLLM.Federation.Sampling;

/// <summary>
/// Draws each round's cohort without replacement, one client after another with probabilities in proportion to their weights, such as the sizes of their shards:
/// Efraimidis and Spirakis, "Weighted random sampling with a reservoir", Information Processing Letters 97(5), 2006.
/// </summary>
/// <remarks>Client i's key is -ln(u_i) / weight_i, u_i uniform from the stream (seed, cohort sampling, round); the smallest keys are the cohort. Costs O(clients).</remarks>
public sealed class WeightedCohort : ICohortSampler
{
    private const int KeyStream = 2; // the stream's step: other samplers draw at steps 0 and 1

    private readonly IReadOnlyList<double> _weights;

    /// <summary>Fixes the clients' weights, by id.</summary>
    /// <exception cref="ArgumentException">A weight is not positive and finite.</exception>
    public WeightedCohort(IReadOnlyList<double> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        for (int i = 0; i < weights.Count; i++)
        {
            if (!double.IsFinite(weights[i]) || weights[i] <= 0)
            {
                throw new ArgumentException(FormattableString.Invariant($"The weight of client {i} is {weights[i]}, not positive and finite."), nameof(weights));
            }
        }

        _weights = weights;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException"><paramref name="clients"/> is not the number of weights.</exception>
    public IReadOnlyList<int> Draw(ulong seed, int round, int clients, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(round, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(clients, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        if (clients != _weights.Count)
        {
            throw new ArgumentException($"There are {clients} clients, but {_weights.Count} weights.", nameof(clients));
        }

        var random = new CounterRandom(seed, RandomPurpose.CohortSampling, round, step: KeyStream);
        var smallest = new PriorityQueue<int, (double, int)>(); // the largest key first out
        for (int client = 0; client < clients; client++)
        {
            double u = 1 - random.UniformDouble((ulong)client); // (0, 1]
            double key = -ScalarMath.Log(u) / _weights[client];
            smallest.Enqueue(client, (-key, -client));
            if (smallest.Count > count)
            {
                smallest.Dequeue();
            }
        }

        return [.. smallest.UnorderedItems.Select(i => i.Element).Order()];
    }
}
