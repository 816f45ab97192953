using FedLLM.GrainInterfaces;

namespace FedLLM.Silo.Api;

/// <summary>
/// What coordinators last said of their runs. Questions are asked side by side and answered in any order: what was asked before something was done to a run does not
/// take the place of what was said after it.
/// </summary>
internal sealed class KnownRuns
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (RunInfo Run, long Turn)> _runs = new(StringComparer.Ordinal);
    private long _turn;

    /// <summary>Takes a number for a question that is about to be asked.</summary>
    public long Ask() => Interlocked.Increment(ref _turn);

    /// <summary>Takes the answer to a question, unless a later one was answered.</summary>
    /// <param name="run">The answer.</param>
    /// <param name="asked">The question's number.</param>
    public void Take(RunInfo run, long asked)
    {
        lock (_gate)
        {
            if (!_runs.TryGetValue(run.Name, out (RunInfo Run, long Turn) known) || known.Turn < asked)
            {
                _runs[run.Name] = (run, asked);
            }
        }
    }

    /// <summary>Takes how a run stands after something was done to it.</summary>
    public void Take(RunInfo run) => Take(run, Ask());

    /// <summary>Returns what is known of a run, or null.</summary>
    public RunInfo? Of(string name)
    {
        lock (_gate)
        {
            return _runs.TryGetValue(name, out (RunInfo Run, long Turn) known) ? known.Run : null;
        }
    }
}
