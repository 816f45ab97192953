namespace FedLLM.Federation.Sampling;

/// <summary>Chooses the clients of a round: a pure function, so that an interrupted round finds its cohort again.</summary>
public interface ICohortSampler
{
    /// <summary>Returns distinct client ids on [0, <paramref name="clients"/>), ascending: <paramref name="count"/> of them, or all where there are not more.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="round">Round number from 1.</param>
    /// <param name="clients">Number of registered clients; positive.</param>
    /// <param name="count">Number of clients to choose; positive.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is below 1.</exception>
    IReadOnlyList<int> Draw(ulong seed, int round, int clients, int count);
}
