using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Coordination;

/// <summary>Where a run's rounds may be driven. A coordinator wakes in any process; what it evaluates needs the run's kind of device.</summary>
public interface IRunPlace
{
    /// <summary>
    /// Returns null where this process has what the run computes on. Elsewhere it sees to it that the coordinator moves to where that is, and returns in one line what is
    /// waited for. Asking again is harmless.
    /// </summary>
    string? Reach();
}

/// <summary>A run's work that begins only where the run can be computed, and until then waits to be moved there.</summary>
/// <param name="work">The work.</param>
/// <param name="place">Where it may be done.</param>
/// <param name="clock">Measures the time between two looks at the place.</param>
public sealed class PlacedRunWork(IRunWork work, IRunPlace place, TimeProvider clock) : IRunWork
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    private volatile string? _away;

    /// <inheritdoc/>
    public string? WaitingFor => _away ?? work.WaitingFor;

    /// <inheritdoc/>
    public async Task RunAsync(IReadOnlyList<IRunObserver> observers, CancellationToken cancellationToken)
    {
        try
        {
            while ((_away = place.Reach()) is not null)
            {
                await Task.Delay(Look, clock, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _away = null;
        }

        await work.RunAsync(observers, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public bool MayPass(Exception fault) => work.MayPass(fault);
}
