namespace FedLLM.Federation.Rounds;

/// <summary>Splits a round's wall time over its phases: each charge covers the time since the last.</summary>
internal sealed class PhaseClock(TimeProvider time)
{
    private readonly Dictionary<string, double> _phases = new(StringComparer.Ordinal);
    private long _mark = time.GetTimestamp();

    /// <summary>Seconds by phase; phases that did not happen are absent.</summary>
    public IReadOnlyDictionary<string, double> Phases => _phases;

    /// <summary>Charges the time since the last charge to <paramref name="phase"/>.</summary>
    public void Charge(string phase)
    {
        long now = time.GetTimestamp();
        _phases[phase] = _phases.GetValueOrDefault(phase) + time.GetElapsedTime(_mark, now).TotalSeconds;
        _mark = now;
    }
}
