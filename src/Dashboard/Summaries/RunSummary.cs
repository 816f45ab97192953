using FedLLM.Dashboard.Charts;
using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.Summaries;

/// <summary>A run in a line: what lists, comparisons and scripts want to know first.</summary>
public sealed record RunSummary
{
    /// <summary>Names the run in addresses.</summary>
    public required string Id { get; init; }

    /// <summary>The experiment's name.</summary>
    public required string Name { get; init; }

    /// <summary><c>running</c>, <c>paused</c>, <c>unfinished</c>, <c>finished</c>, <c>cancelled</c> or <c>failed</c>.</summary>
    public required string State { get; init; }

    /// <summary>Why it is in that state, where somebody should know.</summary>
    public string? Reason { get; init; }

    /// <summary>The round under way.</summary>
    public RoundProgress? Progress { get; init; }

    /// <summary><c>sft</c> or <c>dpo</c>.</summary>
    public string? Task { get; init; }

    /// <summary>The federated algorithm.</summary>
    public string? Algorithm { get; init; }

    /// <summary>The base model's folder name.</summary>
    public string? Model { get; init; }

    /// <summary>The last round done.</summary>
    public required int Round { get; init; }

    /// <summary>Rounds planned.</summary>
    public long? Rounds { get; init; }

    /// <summary>Training loss of the last round that has one.</summary>
    public double? TrainLoss { get; init; }

    /// <summary>Suites' values of the last evaluation.</summary>
    public IReadOnlyDictionary<string, double?>? Evaluation { get; init; }

    /// <summary>The smallest held-out loss.</summary>
    public double? BestLoss { get; init; }

    /// <summary>The round of the smallest held-out loss.</summary>
    public int? BestRound { get; init; }

    /// <summary>Bytes sent to clients.</summary>
    public long BytesDown { get; init; }

    /// <summary>Bytes received from clients.</summary>
    public long BytesUp { get; init; }

    /// <summary>Bytes that may be moved.</summary>
    public double? BytesBudget { get; init; }

    /// <summary>Tokens that clients processed.</summary>
    public long Tokens { get; init; }

    /// <summary>Wall time of all rounds.</summary>
    public double Seconds { get; init; }

    /// <summary>Mean tokens a second of training over all rounds.</summary>
    public double? TokensPerSecond { get; init; }

    /// <summary>Seconds that the rounds left will take at the pace of the last ten; null where nobody works on it.</summary>
    public double? SecondsLeft { get; init; }

    /// <summary>SHA-256 of the newest global adapter.</summary>
    public string? Adapter { get; init; }

    /// <summary>When something was last written.</summary>
    public DateTimeOffset? Updated { get; init; }

    /// <summary>Sums a run up.</summary>
    public static RunSummary Of(RunView run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var losses = run.Rounds.Select(r => (r.Round, Loss: r.Evaluated("loss"))).Where(l => l.Loss is not null).ToArray();
        (int Round, double? Loss)? best = losses.Length == 0 ? null : losses.MinBy(l => l.Loss);
        double training = run.Rounds.Sum(r => r.Seconds.GetValueOrDefault("train"));
        long tokens = run.Rounds.Sum(r => r.Tokens);
        double[] recent = [.. run.Rounds.Where(r => r.Round > 0).TakeLast(10).Select(r => r.AllSeconds)];
        return new RunSummary
        {
            Id = run.Id,
            Name = run.Name,
            State = Word(run.State),
            Reason = run.Reason,
            Progress = run.Progress,
            Task = run.Setting("task"),
            Algorithm = run.Setting("federation.algorithm"),
            Model = ModelName(run.Setting("model.path")),
            Round = run.Done,
            Rounds = run.Planned,
            TrainLoss = run.Rounds.LastOrDefault(r => r.TrainLoss is not null)?.TrainLoss,
            Evaluation = run.Rounds.LastOrDefault(r => r.Evaluation is not null)?.Evaluation,
            BestLoss = best?.Loss,
            BestRound = best?.Round,
            BytesDown = run.Rounds.Sum(r => r.BytesDown),
            BytesUp = run.Rounds.Sum(r => r.BytesUp),
            BytesBudget = RunCharts.Budget(run),
            Tokens = tokens,
            Seconds = run.Rounds.Sum(r => r.AllSeconds),
            TokensPerSecond = training > 0 ? tokens / training : null,
            SecondsLeft = run.State == RunState.Running && recent.Length > 0 && run.Planned is { } planned ? recent.Average() * (planned - run.Done) : null,
            Adapter = run.Rounds.Count == 0 ? null : run.Rounds[^1].Adapter,
            Updated = run.Updated,
        };
    }

    /// <summary>The state's name in addresses, JSON and style sheets.</summary>
    public static string Word(RunState state) => state.ToString().ToLowerInvariant();

    private static string? ModelName(string? path) => path is null ? null : Path.GetFileName(path.TrimEnd('/', '\\'));
}
