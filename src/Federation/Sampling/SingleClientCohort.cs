namespace FedLLM.Federation.Sampling;

/// <summary>
/// Takes the same one client in every round: the baselines. <c>local</c> is a run with a named client, whose adapter FedAvg over one member then is;
/// <c>centralized</c> is a run with one registered client that holds all shards.
/// </summary>
public sealed class SingleClientCohort : ICohortSampler
{
    private readonly int _client;

    /// <summary>Names the client.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="client"/> is negative.</exception>
    public SingleClientCohort(int client)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(client);
        _client = client;
    }

    /// <summary>Returns the client alone, however many are asked for.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An argument is below 1, or there is no such client.</exception>
    public IReadOnlyList<int> Draw(ulong seed, int round, int clients, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(round, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(clients, _client);
        return [_client];
    }
}
