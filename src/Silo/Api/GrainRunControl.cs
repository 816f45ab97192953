using FedLLM.Dashboard.Feed;
using FedLLM.GrainInterfaces;

namespace FedLLM.Silo.Api;

/// <summary>Stops and continues a run through its coordinator.</summary>
/// <param name="grain">The coordinator.</param>
/// <param name="run">The run as it was last seen.</param>
/// <param name="take">Hears how it stands afterwards.</param>
internal sealed class GrainRunControl(IRunGrain grain, RunInfo run, Action<RunInfo> take) : IRunControl
{
    /// <inheritdoc/>
    public bool Paused => run.Phase == "paused";

    /// <inheritdoc/>
    public bool Cancelled => run.Phase == "cancelled";

    /// <inheritdoc/>
    public Task PauseAsync(CancellationToken cancellationToken) => ActAsync(grain.PauseAsync, cancellationToken);

    /// <inheritdoc/>
    public Task ResumeAsync(CancellationToken cancellationToken) => ActAsync(grain.ResumeAsync, cancellationToken);

    /// <inheritdoc/>
    public Task CancelAsync(CancellationToken cancellationToken) => ActAsync(grain.CancelAsync, cancellationToken);

    private async Task ActAsync(Func<Task<RunInfo>> act, CancellationToken cancellationToken) =>
        take(await ClusterRuns.AskAsync(act).WaitAsync(cancellationToken));
}
