using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>A point of a run's course: what was spent up to the end of a round, and what the round measured.</summary>
/// <param name="Round">The round; 0 before the first.</param>
/// <param name="Tokens">Tokens that members processed.</param>
/// <param name="Bytes">Bytes of payload moved, down and up.</param>
/// <param name="Seconds">Wall time of all phases but evaluation.</param>
/// <param name="SimulatedSeconds">Simulated time; null where clients are not simulated.</param>
/// <param name="TrainLoss">The round's training loss, or null.</param>
/// <param name="Evaluation">What was measured after the round, or null.</param>
public sealed record RunPoint(
    int Round, long Tokens, long Bytes, double Seconds, double? SimulatedSeconds, double? TrainLoss, IReadOnlyDictionary<string, double>? Evaluation);

/// <summary>Follows what a run spent and measured, round by round.</summary>
public static class RunCurve
{
    private const string EvaluatePhase = "evaluate";

    /// <summary>Returns a point for each record, in their order.</summary>
    public static IReadOnlyList<RunPoint> Of(IReadOnlyList<RoundRecord> records)
    {
        ArgumentNullException.ThrowIfNull(records);
        var points = new List<RunPoint>(records.Count);
        (long tokens, long bytes, double seconds) = (0, 0, 0);
        double? simulated = null;
        foreach (RoundRecord record in records)
        {
            tokens += record.Clients.Sum(c => c.Tokens);
            bytes += record.BytesDown + record.BytesUp;
            seconds += record.Seconds.Where(p => p.Key != EvaluatePhase).Sum(p => p.Value);
            simulated = record.SimulatedSeconds is { } passed ? (simulated ?? 0) + passed : simulated;
            points.Add(new RunPoint(record.Round, tokens, bytes, seconds, simulated, record.TrainLoss, record.Evaluation));
        }

        return points;
    }
}
