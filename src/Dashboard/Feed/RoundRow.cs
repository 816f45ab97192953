using System.Text.Json.Serialization;

namespace FedLLM.Dashboard.Feed;

/// <summary>Implicit rewards in preference learning.</summary>
/// <param name="Chosen">Mean reward of the chosen answers.</param>
/// <param name="Rejected">Mean reward of the rejected answers.</param>
/// <param name="Accuracy">Share of pairs whose chosen answer has the larger reward.</param>
public sealed record RewardRow(double? Chosen, double? Rejected, double? Accuracy)
{
    /// <summary>Chosen minus rejected.</summary>
    public double? Margin => Chosen - Rejected;
}

/// <summary>A client whose update counts in a round.</summary>
public sealed record MemberRow
{
    /// <summary>Client id, from 0.</summary>
    public required int Id { get; init; }

    /// <summary>Mean of its step losses; null where it was not finite.</summary>
    public double? Loss { get; init; }

    /// <summary>Unpadded tokens processed.</summary>
    public long Tokens { get; init; }

    /// <summary>Wall time of its training.</summary>
    public double Seconds { get; init; }

    /// <summary>Its aggregation weight.</summary>
    public double Weight { get; init; }

    /// <summary>Rewards of its pairs; null in instruction tuning.</summary>
    public RewardRow? Rewards { get; init; }

    /// <summary>Bytes of payload sent to it.</summary>
    public long BytesDown { get; init; }

    /// <summary>Bytes of payload received from it.</summary>
    public long BytesUp { get; init; }

    /// <summary>Euclidean norm of its update, where it is recorded.</summary>
    public double? Norm { get; init; }

    /// <summary>Cosine between its update and the members' mean, where it is recorded.</summary>
    public double? Cosine { get; init; }
}

/// <summary>A sampled client whose update does not count.</summary>
/// <param name="Client">Client id, from 0.</param>
/// <param name="Reason">Why.</param>
/// <param name="BytesDown">Bytes of payload sent to it.</param>
public sealed record ExclusionRow(int Client, string Reason, long BytesDown = 0);

/// <summary>What a client's own held-out data says after a round, of the global adapter and of its own.</summary>
public sealed record ClientEvaluationRow
{
    /// <summary>Client id, from 0.</summary>
    public required int Id { get; init; }

    /// <summary>Of how many scored tokens, or pairs, the values are means.</summary>
    public long Weight { get; init; }

    /// <summary>Measures with the global adapter; null where a value was not finite.</summary>
    public IReadOnlyDictionary<string, double?> Global { get; init => field = value ?? new Dictionary<string, double?>(); } = new Dictionary<string, double?>();

    /// <summary>Measures with its own adapter; null where it has none.</summary>
    public IReadOnlyDictionary<string, double?>? Own { get; init; }
}

/// <summary>The spread of members' losses in one round.</summary>
/// <param name="Least">The least.</param>
/// <param name="Lower">The lower quartile.</param>
/// <param name="Upper">The upper quartile.</param>
/// <param name="Greatest">The greatest.</param>
public sealed record LossBand(double Least, double Lower, double Upper, double Greatest)
{
    /// <summary>Returns the band of the finite losses among <paramref name="members"/>; quartiles by linear interpolation. Null without any.</summary>
    public static LossBand? Of(IReadOnlyList<MemberRow> members)
    {
        ArgumentNullException.ThrowIfNull(members);
        double[] losses = [.. members.Select(m => m.Loss).OfType<double>().Where(double.IsFinite).Order()];
        return losses.Length == 0 ? null : new LossBand(losses[0], Quantile(losses, 0.25), Quantile(losses, 0.75), losses[^1]);
    }

    private static double Quantile(double[] ascending, double share)
    {
        double at = share * (ascending.Length - 1);
        int below = (int)at;
        int above = Math.Min(below + 1, ascending.Length - 1);
        return ascending[below] + ((at - below) * (ascending[above] - ascending[below]));
    }
}

/// <summary>
/// What happened in a round: a line of <c>rounds.jsonl</c>. Keys that a line lacks have their defaults; a generated reader hands null to properties that
/// were not there, so lists take it for their default.
/// </summary>
public sealed record RoundRow
{
    private LossBand? _band;

    /// <summary>Round number from 1; 0 for the state before the first.</summary>
    public required int Round { get; init; }

    /// <summary>The clients sampled.</summary>
    public IReadOnlyList<int> Cohort { get; init => field = value ?? []; } = [];

    /// <summary>The members.</summary>
    public IReadOnlyList<MemberRow> Clients { get; init => field = value ?? []; } = [];

    /// <summary>The members' weighted loss.</summary>
    public double? TrainLoss { get; init; }

    /// <summary>The members' weighted rewards.</summary>
    public RewardRow? Rewards { get; init; }

    /// <summary>Suites' values where the round was evaluated.</summary>
    public IReadOnlyDictionary<string, double?>? Evaluation { get; init; }

    /// <summary>Where clients were measured on their own held-out data: each one's values, ascending by id; null elsewhere.</summary>
    public IReadOnlyList<ClientEvaluationRow>? ClientEvaluation { get; init; }

    /// <summary>The clients' learning rate.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Bytes of payload sent to the cohort.</summary>
    public long BytesDown { get; init; }

    /// <summary>Bytes of payload received from the members.</summary>
    public long BytesUp { get; init; }

    /// <summary>Wall time by phase.</summary>
    public IReadOnlyDictionary<string, double> Seconds { get; init => field = value ?? new Dictionary<string, double>(); } = new Dictionary<string, double>();

    /// <summary>Sampled clients whose update does not count.</summary>
    public IReadOnlyList<ExclusionRow> Excluded { get; init => field = value ?? []; } = [];

    /// <summary>Why the round was abandoned, or null.</summary>
    public string? Abandoned { get; init; }

    /// <summary>Simulated seconds after which membership closed, where clients' time is simulated.</summary>
    public double? SimulatedSeconds { get; init; }

    /// <summary>SHA-256 of the global adapter after the round.</summary>
    public string? Adapter { get; init; }

    /// <summary>SHA-256 of the base correction after the round; null where there is none.</summary>
    public string? BaseCorrection { get; init; }

    /// <summary>Why the run ends here although more rounds were planned, or null.</summary>
    public string? Ended { get; init; }

    /// <summary>Tokens that all members processed.</summary>
    [JsonIgnore]
    public long Tokens => Clients.Sum(c => c.Tokens);

    /// <summary>Wall time of all phases.</summary>
    [JsonIgnore]
    public double AllSeconds => Seconds.Values.Sum();

    /// <summary>The spread of the members' losses; null without members.</summary>
    [JsonIgnore]
    public LossBand? Band => _band ??= LossBand.Of(Clients);

    /// <summary>Returns a suite's value, or null where the round was not evaluated by it.</summary>
    public double? Evaluated(string suite) => Evaluation is not null && Evaluation.TryGetValue(suite, out double? value) ? value : null;
}
