using FedLLM.Engine.Files;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Messaging;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Coordination;

/// <summary>An experiment whose clients live elsewhere, run in its directory.</summary>
/// <param name="experiment">The experiment.</param>
/// <param name="prepared">Reads model and data.</param>
/// <param name="directory">Its run directory, which the clients' hosts share.</param>
/// <param name="line">The line to its clients.</param>
/// <param name="fence">Asked before each commit whether this process still drives the run.</param>
/// <param name="clock">Measures time.</param>
public sealed class PreparedRunWork(Experiment experiment, PreparedRuns prepared, string directory, IClientLine line, ICommitFence fence, TimeProvider clock) : IRunWork
{
    /// <summary>What the run directory is kept on; the operating system's files by default.</summary>
    public IRunFiles Files { get; init; } = DiskFiles.Instance;

    /// <inheritdoc/>
    public async Task RunAsync(IReadOnlyList<IRunObserver> observers, CancellationToken cancellationToken)
    {
        // Begun again, it would come to the same; but the folder may be another one, or not be mounted.
        if (fence.LastRound >= 1 && !RunDirectory.HasBegun(directory, Files))
        {
            throw new InputFileException(
                directory, null, FormattableString.Invariant($"is gone or empty, though the run has come to round {fence.LastRound}"), "Restore it from a copy, or resume the run: it then begins again");
        }

        PreparedExperiment ready = await prepared.GetAsync(experiment).WaitAsync(cancellationToken).ConfigureAwait(false);
        var waiting = new WaitingSettings { Deadline = experiment.Federation.WallDeadline is { } seconds ? TimeSpan.FromSeconds(seconds) : null };
        var runner = new ExperimentRunner(ready, clock) { Fleet = new MessageFleet(line, waiting, clock), Fence = fence, Files = Files };
        await runner.RunAsync(directory, observers, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    /// <remarks>Storage may come back, and a directory that is in use may become free.</remarks>
    public bool MayPass(Exception fault) => fault is IOException or TimeoutException or InputFileException { MayPass: true };
}
