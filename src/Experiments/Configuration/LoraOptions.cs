using FedLLM.Engine.Models;

namespace FedLLM.Experiments.Configuration;

/// <summary>The adapter.</summary>
/// <param name="Rank">r, at least 1. Default 8.</param>
/// <param name="Alpha">alpha, above 0; the scaling is alpha / r. Default 16.</param>
/// <param name="Dropout">In [0, 1). Default 0.05.</param>
/// <param name="Targets">The adapted linear layers.</param>
public sealed record LoraOptions(int Rank, double Alpha, double Dropout, LoraTargetOptions Targets)
{
    /// <summary>Ranks of modules that differ from <see cref="Rank"/>, by suffix or regular expression as PEFT's <c>rank_pattern</c>; the first that fits counts.</summary>
    public IReadOnlyList<KeyValuePair<string, int>> RankPattern { get; init; } = [];

    /// <summary>Alphas of modules that differ from <see cref="Alpha"/>, as PEFT's <c>alpha_pattern</c>.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> AlphaPattern { get; init; } = [];

    /// <summary>Ranks of clients that have another than <see cref="Rank"/>, at most that, by ascending id. Alpha is the same for all, so a client's scaling is alpha / r_i.</summary>
    public IReadOnlyList<KeyValuePair<int, int>> RankByClient { get; init; } = [];

    /// <summary>Whether the scaling is alpha / sqrt(r) (rsLoRA). Default false.</summary>
    public bool RankStabilized { get; init; }

    /// <summary>The same as the learner takes it.</summary>
    /// <exception cref="LoraConfigException">A pattern is not a regular expression that is understood.</exception>
    public LoraConfig ToConfig() => new(Rank, Alpha, Dropout, Targets.Pattern is { } pattern ? LoraTargets.Matching(pattern) : LoraTargets.Of(Targets.Names.ToHashSet()))
    {
        RankPattern = new ModulePatterns<int>("lora.rank_pattern", RankPattern),
        AlphaPattern = new ModulePatterns<double>("lora.alpha_pattern", AlphaPattern),
        RankStabilized = RankStabilized,
    };

    /// <summary>Compares all values, those of lists included.</summary>
    public bool Equals(LoraOptions? other) =>
        other is not null && Rank == other.Rank && Alpha.Equals(other.Alpha) && Dropout.Equals(other.Dropout) && Targets.Equals(other.Targets)
        && RankPattern.SequenceEqual(other.RankPattern) && AlphaPattern.SequenceEqual(other.AlphaPattern)
        && RankByClient.SequenceEqual(other.RankByClient) && RankStabilized == other.RankStabilized;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Rank, Alpha, Dropout, Targets, RankPattern.Count, AlphaPattern.Count, RankByClient.Count, RankStabilized);
}

/// <summary>The adapted linear layers: a list of names, or a regular expression.</summary>
/// <param name="Names">The layers' kinds, adapted in every decoder layer: each once, in <see cref="LinearKind"/>'s order; empty with a pattern.</param>
/// <param name="Pattern">Regular expression that must match a module's whole name (<c>model.layers.0.self_attn.q_proj</c>), or null.</param>
public sealed record LoraTargetOptions(IReadOnlyList<LinearKind> Names, string? Pattern = null)
{
    /// <summary>Compares names and pattern.</summary>
    public bool Equals(LoraTargetOptions? other) => other is not null && Pattern == other.Pattern && Names.SequenceEqual(other.Names);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Names.Count, Pattern);
}
