using FedLLM.Dashboard.Feed;
using FedLLM.Federation.Rounds;

namespace FedLLM.Cli.Dashboards;

/// <summary>
/// Stops and continues a run of this process from outside its loop. A pause holds the loop's observer after a commit, so it falls between two rounds and
/// changes no result; cancelling is what Ctrl-C does.
/// </summary>
internal sealed class RunControl(CancellationToken interruption) : IRunControl, IRunObserver, IDisposable
{
    private readonly CancellationTokenSource _ending = CancellationTokenSource.CreateLinkedTokenSource(interruption);
    private readonly ManualResetEventSlim _open = new(initialState: true);
    private volatile bool _between; // the loop is between two rounds

    /// <summary>Cancelled by the interruption, or by <see cref="CancelAsync"/>.</summary>
    public CancellationToken Token => _ending.Token;

    /// <inheritdoc/>
    public bool Paused => !_open.IsSet && !Cancelled;

    /// <summary>Whether the run waits now; a paused one does its current round first.</summary>
    public bool Waits => Paused && _between;

    /// <inheritdoc/>
    public bool Cancelled => _ending.IsCancellationRequested;

    /// <inheritdoc/>
    public Task PauseAsync(CancellationToken cancellationToken)
    {
        _open.Reset();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task ResumeAsync(CancellationToken cancellationToken)
    {
        _open.Set();
        return Task.CompletedTask;
    }

    /// <summary>Ends the run after its current step; the command that began it continues it.</summary>
    public Task CancelAsync(CancellationToken cancellationToken) => _ending.CancelAsync();

    /// <inheritdoc/>
    public void RoundStarted(int round, IReadOnlyList<int> cohort)
    {
    }

    /// <inheritdoc/>
    public void ClientFinished(int round, ClientOutcome outcome)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="OperationCanceledException">The run was told to end while it was paused.</exception>
    public void RoundCommitted(RoundRecord record)
    {
        _between = true;
        _open.Wait(Token);
        _between = false;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _open.Dispose();
        _ending.Dispose();
    }
}
