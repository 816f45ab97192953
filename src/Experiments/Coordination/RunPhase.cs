using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Coordination;

/// <summary>Where a run stands.</summary>
public enum RunPhase
{
    /// <summary>It goes on, or will once its coordinator is awake.</summary>
    Running,

    /// <summary>Somebody paused it; it goes on when it is resumed.</summary>
    Paused,

    /// <summary>Somebody ended it before its last round. Its state stays; it does not go on.</summary>
    Cancelled,

    /// <summary>Its last round is committed.</summary>
    Finished,

    /// <summary>It could not go on; resuming tries again.</summary>
    Failed,
}

/// <summary>What must survive a coordinator: the phase, and why where it failed.</summary>
/// <param name="Phase">The phase.</param>
/// <param name="Reason">Why it failed, in one line; null elsewhere.</param>
public sealed record PhaseRecord(RunPhase Phase, string? Reason = null);

/// <summary>Keeps a run's phase durably.</summary>
public interface IPhaseStore
{
    /// <summary>Stores the phase; when it returns, the phase survives a crash.</summary>
    /// <exception cref="SupersededException">Another coordinator of the same run has stored since this one read.</exception>
    Task SaveAsync(PhaseRecord record);
}

/// <summary>Another coordinator drives the run; this one must not touch it any more.</summary>
public sealed class SupersededException : Exception
{
    /// <summary>Says so.</summary>
    public SupersededException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}

/// <summary>A run's rounds, as something that can be begun, stopped and begun again: it continues where its journal left off.</summary>
public interface IRunWork
{
    /// <summary>Runs to the last round.</summary>
    /// <param name="observers">Hear of its progress.</param>
    /// <param name="cancellationToken">Stops it; what is committed and stored stays.</param>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    Task RunAsync(IReadOnlyList<IRunObserver> observers, CancellationToken cancellationToken);

    /// <summary>Whom or what it waits for at the moment, in one line; null where nothing holds it up.</summary>
    string? WaitingFor => null;

    /// <summary>Whether a fault may pass, such as storage that is out of reach, so that trying again is right.</summary>
    bool MayPass(Exception fault);
}
