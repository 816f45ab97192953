namespace FedLLM.Federation.Rounds;

/// <summary>A member's line in a round's record.</summary>
/// <param name="Id">Client id, from 0.</param>
/// <param name="Loss">Mean of its step losses, proximal term included.</param>
/// <param name="Tokens">Unpadded tokens processed.</param>
/// <param name="Seconds">Wall time of its training.</param>
/// <param name="Weight">Its aggregation weight.</param>
public sealed record ClientRecord(int Id, double Loss, long Tokens, double Seconds, double Weight)
{
    /// <summary>The rewards of its pairs; null in instruction tuning.</summary>
    public ClientRewards? Rewards { get; init; }

    /// <summary>Bytes of payload sent to it.</summary>
    public long BytesDown { get; init; }

    /// <summary>Bytes of payload received from it.</summary>
    public long BytesUp { get; init; }

    /// <summary>‖delta‖₂ of its update, over all its tensors.</summary>
    public double? Norm { get; init; }

    /// <summary>
    /// Cosine of the angle between its update and the mean of the members', in [-1, 1]; null where one of them is zero, the round was abandoned, or the LoRA
    /// aggregation has no mean of updates.
    /// </summary>
    public double? Cosine { get; init; }
}

/// <summary>One line of <c>rounds.jsonl</c>: what happened in a round. Line 0 holds only the evaluation before round 1.</summary>
public sealed record RoundRecord
{
    /// <summary>Round number from 1 (formulas use t = round - 1); 0 for the evaluation before the first.</summary>
    public required int Round { get; init; }

    /// <summary>The clients sampled, ascending.</summary>
    public IReadOnlyList<int> Cohort { get; init; } = [];

    /// <summary>The members, ascending by id.</summary>
    public IReadOnlyList<ClientRecord> Clients { get; init; } = [];

    /// <summary>The members' losses, weighted; null where there are none.</summary>
    public double? TrainLoss { get; init; }

    /// <summary>The members' rewards, weighted; null in instruction tuning and where there are no members.</summary>
    public ClientRewards? Rewards { get; init; }

    /// <summary>The suites' values where the round was evaluated.</summary>
    public IReadOnlyDictionary<string, double>? Evaluation { get; init; }

    /// <summary>Where clients were measured on their own held-out data: each one's values, ascending by id; null elsewhere. See <see cref="PersonalSummary"/>.</summary>
    public IReadOnlyList<ClientEvaluation>? ClientEvaluation { get; init; }

    /// <summary>The clients' learning rate.</summary>
    public double LearningRate { get; init; }

    /// <summary>Bytes of payload (adapter, base correction, control variate) sent to the cohort.</summary>
    public long BytesDown { get; init; }

    /// <summary>Bytes of payload received from the members.</summary>
    public long BytesUp { get; init; }

    /// <summary>Wall time by phase: <c>train</c>, <c>aggregate</c>, <c>evaluate</c>, <c>checkpoint</c>.</summary>
    public IReadOnlyDictionary<string, double> Seconds { get; init; } = new Dictionary<string, double>();

    /// <summary>Sampled clients whose update does not count, with the reason.</summary>
    public IReadOnlyList<ClientExclusion> Excluded { get; init; } = [];

    /// <summary>Why the round was abandoned, or null where its state was committed.</summary>
    public string? Abandoned { get; init; }

    /// <summary>Where clients' time is simulated: the simulated seconds after which the round's membership closed; null elsewhere.</summary>
    public double? SimulatedSeconds { get; init; }

    /// <summary>
    /// SHA-256, lower-case hex, of the canonical <c>adapter_model.safetensors</c> after the round: the global state as one adapter, its base correction joined with it.
    /// </summary>
    public required string Adapter { get; init; }

    /// <summary>SHA-256, lower-case hex, of the base correction's canonical bytes after the round; null where there is none.</summary>
    public string? BaseCorrection { get; init; }

    /// <summary>Why the run ends with this round although more were planned; null elsewhere.</summary>
    public string? Ended { get; init; }
}
