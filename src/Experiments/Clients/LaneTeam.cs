namespace FedLLM.Experiments.Clients;

/// <summary>
/// The threads and lanes of a process. Clients are dealt out in groups, one to each thread while there are enough of them, so that threads need not wait for one
/// another within a product; a group's clients train in lanes, side by side.
/// </summary>
public sealed class LaneTeam<TSample> : IDisposable
{
    private readonly Func<int, LaneGroup<TSample>> _make;
    private readonly int _threads;
    private readonly int _lanes;
    private readonly int _most;
    private LaneGroup<TSample>[] _groups = [];

    /// <summary>Plans the team.</summary>
    /// <param name="make">Makes a group of a number of threads.</param>
    /// <param name="threads">Threads to use, at least 1.</param>
    /// <param name="lanes">Most clients that train at the same time, at least 1.</param>
    /// <param name="groups">Most groups at the same time, at least 1; as many as threads by default.</param>
    public LaneTeam(Func<int, LaneGroup<TSample>> make, int threads, int lanes, int groups = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(make);
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(lanes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 1);
        (_make, _threads, _lanes, _most) = (make, threads, lanes, Math.Min(groups, threads));
    }

    /// <summary>Does <paramref name="train"/> for all clients, some at a time, each group on threads of its own.</summary>
    /// <param name="clients">The clients.</param>
    /// <param name="work">About how much each one has to do, in any unit, 0 or more: clients are dealt out so that groups end at about the same time.</param>
    /// <param name="train">Trains some clients in a group, each in a lane; called from several threads.</param>
    /// <param name="cancellationToken">Begins nothing more.</param>
    /// <exception cref="AggregateException">The first failure of a group; groups not yet begun are not begun.</exception>
    public Task RunAsync(
        IReadOnlyList<int> clients, Func<int, double> work, Action<LaneGroup<TSample>, IReadOnlyList<int>> train, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(clients);
        ArgumentNullException.ThrowIfNull(work);
        ArgumentNullException.ThrowIfNull(train);
        int atOnce = Math.Min(_lanes, clients.Count);
        LaneGroup<TSample>[] groups = Groups(Math.Min(_most, atOnce));

        // Equal shares, so that no group trains alone at the end.
        int turns = (clients.Count + atOnce - 1) / atOnce;
        IReadOnlyList<int>[] shares = LaneShares.Deal(clients, work, Math.Min(clients.Count, turns * groups.Length));
        int next = -1;
        return Task.WhenAll(groups.Select(group => Task.Factory.StartNew(
            () =>
            {
                for (int i = Interlocked.Increment(ref next); i < shares.Length; i = Interlocked.Increment(ref next))
                {
                    train(group, shares[i]);
                }
            },
            cancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));
    }

    /// <summary>Gives all groups up; what trains next is made anew. Not while anything trains.</summary>
    public void Renew()
    {
        Dispose();
        _groups = [];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (LaneGroup<TSample> group in _groups)
        {
            group.Dispose();
        }
    }

    private LaneGroup<TSample>[] Groups(int count)
    {
        if (_groups.Length != count)
        {
            Dispose();

            // The first groups take what is left over of the threads.
            _groups = [.. Enumerable.Range(0, count).Select(i => _make((_threads / count) + (i < _threads % count ? 1 : 0)))];
        }

        return _groups;
    }
}
