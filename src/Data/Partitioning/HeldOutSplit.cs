using FedLLM.Data.Examples;
using FedLLM.Numerics;

namespace FedLLM.Data.Partitioning;

/// <summary>
/// Keeps about a share of every client's examples out of its training: row i of client c is held out where a uniform draw by (seed, c, i) is below the share.
/// As a partition it is what remains.
/// </summary>
public sealed class HeldOutSplit : IPartition
{
    private readonly IPartition _whole;
    private readonly double _share;
    private readonly ulong _seed;

    /// <summary>Splits a partition; nothing is read yet.</summary>
    /// <param name="whole">The partition.</param>
    /// <param name="share">Share held out, in (0, 1).</param>
    /// <param name="seed">The run's seed.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="share"/> is not in (0, 1).</exception>
    public HeldOutSplit(IPartition whole, double share, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(share);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(share, 1);
        (_whole, _share, _seed) = (whole, share, seed);
    }

    /// <inheritdoc/>
    public int Clients => _whole.Clients;

    /// <inheritdoc/>
    public string Name(int client) => _whole.Name(client);

    /// <inheritdoc/>
    public string Origin(int client) => _whole.Origin(client);

    /// <summary>The same clients with the examples that are held out.</summary>
    public IPartition HeldOut => new Rest(this);

    /// <inheritdoc/>
    public IEnumerable<Example> Read(int client) => Where(client, isHeldOut: false);

    private IEnumerable<Example> Where(int client, bool isHeldOut)
    {
        var random = new CounterRandom(_seed, RandomPurpose.HeldOut, client: client);
        return _whole.Read(client).Where((_, row) => random.Uniform((ulong)row) < _share == isHeldOut);
    }

    private sealed class Rest(HeldOutSplit split) : IPartition
    {
        public int Clients => split.Clients;

        public string Name(int client) => split.Name(client);

        public string Origin(int client) => split.Origin(client);

        public IEnumerable<Example> Read(int client) => split.Where(client, isHeldOut: true);
    }
}
