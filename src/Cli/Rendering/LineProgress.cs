using System.Globalization;
using FedLLM.Federation.Rounds;

namespace FedLLM.Cli.Rendering;

/// <summary>A run's progress as plain lines, for logs: each evaluated and the last round, of the others at most one a second, and a sign of life in long rounds.</summary>
internal sealed class LineProgress(TextWriter output, int rounds, TimeProvider clock) : IRunObserver
{
    private static readonly TimeSpan RoundEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ClientEvery = TimeSpan.FromSeconds(10);
    private readonly RunMeter _meter = new(rounds, clock);
    private long _last = clock.GetTimestamp();

    /// <inheritdoc/>
    public void RoundStarted(int round, IReadOnlyList<int> cohort) => _meter.Start(round, cohort.Count);

    /// <inheritdoc/>
    public void ClientFinished(int round, ClientOutcome outcome)
    {
        _meter.Finish();
        if (outcome is ClientExclusion exclusion)
        {
            output.WriteLine(Excluded(round, exclusion));
        }
        else if (_meter.Finished < _meter.Cohort && clock.GetElapsedTime(_last) >= ClientEvery)
        {
            Write(string.Create(CultureInfo.InvariantCulture, $"{_meter.Title}  client {_meter.Finished}/{_meter.Cohort}{_meter.Figure()}"));
        }
    }

    /// <inheritdoc/>
    public void RoundCommitted(RoundRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        _meter.Commit(record);
        if (record.Abandoned is not null)
        {
            Write(Abandoned(record));
        }
        else if (record.Evaluation is not null || record.Round == rounds || clock.GetElapsedTime(_last) >= RoundEvery)
        {
            Write(_meter.Line);
        }
    }

    /// <summary>The line for a client whose update does not count.</summary>
    public static string Excluded(int round, ClientExclusion exclusion) =>
        Failure.OneLine($"warning: round {round}: client {exclusion.Client} does not count: {exclusion.Reason}");

    /// <summary>The line for a round that fell below quorum.</summary>
    public static string Abandoned(RoundRecord record) => Failure.OneLine($"warning: round {record.Round} was abandoned: {record.Abandoned}");

    private void Write(string line)
    {
        output.WriteLine(line);
        _last = clock.GetTimestamp();
    }
}
