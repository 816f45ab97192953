using FedLLM.Engine.Models;

namespace FedLLM.Experiments.Configuration;

/// <summary>The adapter.</summary>
/// <param name="Rank">r, at least 1. Default 8.</param>
/// <param name="Alpha">alpha, above 0; the scaling is alpha / r. Default 16.</param>
/// <param name="Dropout">In [0, 1). Default 0.05.</param>
/// <param name="Targets">The adapted linear layers, each once, in <see cref="LinearKind"/>'s order. Default q_proj and v_proj.</param>
public sealed record LoraOptions(int Rank, double Alpha, double Dropout, IReadOnlyList<LinearKind> Targets)
{
    /// <summary>The same as the learner takes it.</summary>
    public LoraConfig ToConfig() => new(Rank, Alpha, Dropout, Targets.ToHashSet());

    /// <summary>Compares all values, targets included.</summary>
    public bool Equals(LoraOptions? other) =>
        other is not null && Rank == other.Rank && Alpha.Equals(other.Alpha) && Dropout.Equals(other.Dropout) && Targets.SequenceEqual(other.Targets);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Rank, Alpha, Dropout, Targets.Count);
}
