using FedLLM.Engine.Files;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Messaging;
using FedLLM.Experiments.Pinning;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Coordination;

/// <summary>An experiment whose clients live elsewhere, run in its directory.</summary>
/// <param name="experiment">The experiment.</param>
/// <param name="prepared">Reads model and data.</param>
/// <param name="directory">Its run directory, which the clients' hosts share.</param>
/// <param name="line">Makes the line to its clients: the pinned ones, or those that any host takes where there are none.</param>
/// <param name="fence">Asked before each commit whether this process still drives the run.</param>
/// <param name="clock">Measures time.</param>
public sealed class PreparedRunWork(
    Experiment experiment, PreparedRuns prepared, string directory, Func<PinnedClients?, IClientLine> line, ICommitFence fence, TimeProvider clock) : IRunWork
{
    private volatile Waiting? _waiting;

    /// <summary>What the run directory is kept on; the operating system's files by default.</summary>
    public IRunFiles Files { get; init; } = DiskFiles.Instance;

    /// <summary>The silos that hold pinned shards; null where every shard can be read by every process.</summary>
    public IShardSilos? Silos { get; init; }

    /// <inheritdoc/>
    public string? WaitingFor => _waiting?.Describe();

    /// <inheritdoc/>
    public async Task RunAsync(IReadOnlyList<IRunObserver> observers, CancellationToken cancellationToken)
    {
        // Begun again, it would come to the same; but the folder may be another one, or not be mounted.
        if (fence.LastRound >= 1 && !RunDirectory.HasBegun(directory, Files))
        {
            throw new InputFileException(
                directory, null, FormattableString.Invariant($"is gone or empty, though the run has come to round {fence.LastRound}"), "Restore it from a copy, or resume the run: it then begins again");
        }

        PinnedClients? pinned = experiment.Data.Placement == DataPlacement.Pinned && Silos is { } silos
            ? await PinnedRegistration.FindAsync(experiment, directory, Files, silos, cancellationToken).ConfigureAwait(false)
            : null;
        PreparedExperiment ready = await prepared.GetAsync(experiment, pinned).WaitAsync(cancellationToken).ConfigureAwait(false);
        var waiting = new WaitingSettings { Deadline = experiment.Federation.WallDeadline is { } seconds ? TimeSpan.FromSeconds(seconds) : null };
        var fleet = new MessageFleet(line(pinned), waiting, clock);
        _waiting = new Waiting(fleet, ready, pinned);
        try
        {
            await new ExperimentRunner(ready, clock) { Fleet = fleet, Fence = fence, Files = Files }.RunAsync(directory, observers, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _waiting = null;
        }
    }

    /// <inheritdoc/>
    /// <remarks>Storage may come back, a directory that is in use may become free, and silos may join.</remarks>
    public bool MayPass(Exception fault) => fault is IOException or TimeoutException or InputFileException { MayPass: true };

    private sealed record Waiting(MessageFleet Fleet, PreparedExperiment Ready, PinnedClients? Pinned)
    {
        private const int NamedAtMost = 5;

        public string? Describe()
        {
            int[] clients = [.. Fleet.Unreachable];
            return clients.Length == 0 ? null
                : Pinned is null ? $"waiting for {Names(clients)}, whom no silo takes"
                : "waiting for " + string.Join("; ", clients.GroupBy(c => Pinned.Shards[c].Silo, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal)
                    .Select(g => $"silo {g.Key}: {Names([.. g])}"));
        }

        private string Names(int[] clients) => (clients.Length == 1 ? "client " : "clients ") + string.Join(", ", clients.Take(NamedAtMost).Select(Ready.Shards.Name))
            + (clients.Length > NamedAtMost ? $" and {clients.Length - NamedAtMost} more" : "");
    }
}
