using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.Tests.Support;

/// <summary>A cluster's feed without a cluster: another feed's runs, and silos that a test sets. What is set counts as a change.</summary>
internal sealed class ClusterTwin(IRunFeed runs) : IRunFeed
{
    private long _changes;
    private ClusterView? _cluster;

    public long Version => runs.Version + Interlocked.Read(ref _changes);

    public string Source => "the cluster";

    /// <summary>Two silos, one of which trains, and one that is gone.</summary>
    public static ClusterView Silos(int waiting) => new()
    {
        Name = "twin",
        GrainsPath = "/grains/",
        Silos =
        [
            new SiloRow
            {
                Name = "alpha",
                Address = "10.0.0.1:11111",
                State = SiloState.Active,
                Joined = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
                MemoryBytes = 3L << 30,
                Processors = 0.75,
                Devices = [new DeviceRow("cpu", "8 cores, AVX2", [new ClientTraining("run", 3, 0)], [.. Enumerable.Range(1, waiting).Select(c => new ClientTraining("run", 3, c))]) { Lanes = 8 }],
                Activations = new Dictionary<string, long> { ["client"] = 7, ["run"] = 1 },
            },
            new SiloRow { Name = "beta", Address = "10.0.0.2:11111", State = SiloState.Active, Devices = [new DeviceRow("cuda:0", "accelerator", [], [])], Activations = new Dictionary<string, long> { ["client"] = 5 } },
            new SiloRow { Name = "gamma", Address = "10.0.0.3:11111", State = SiloState.Dead },
        ],
    };

    public void Set(ClusterView? cluster)
    {
        _cluster = cluster;
        Interlocked.Increment(ref _changes);
    }

    public ClusterView? Cluster() => _cluster;

    public IReadOnlyList<RunView> Runs() => [.. runs.Runs().Select(Placed)];

    public RunView? Find(string id) => runs.Find(id) is { } run ? Placed(run) : null;

    public async Task<long> WaitAsync(long version, CancellationToken cancellationToken)
    {
        for (long now = Version; ; now = Version)
        {
            if (now > version)
            {
                return now;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
        }
    }

    public AdapterFiles? OpenAdapter(string id, string? hash) => runs.OpenAdapter(id, hash);

    public IRunControl? ControlOf(string id) => runs.ControlOf(id);

    public Stream? OpenRounds(string id) => runs.OpenRounds(id);

    public IRunStarter? Starter => runs.Starter;

    public ISampler? SamplerOf(string id) => runs.SamplerOf(id);

    // A run's version counts as the feed does.
    private RunView Placed(RunView run) => run with
    {
        Version = run.Version + Interlocked.Read(ref _changes),
        Clients = [.. run.Clients.Select(c => c with { Place = new ClientPlace("alpha", "cpu") })],
    };
}
