namespace FedLLM.Experiments.Configuration;

/// <summary>Preference learning.</summary>
public sealed record DpoOptions
{
    /// <summary>beta, above 0. Default 0.1.</summary>
    public required double Beta { get; init; }

    /// <summary>The loss.</summary>
    public required PreferenceLoss Loss { get; init; }

    /// <summary>The probability that a pair's answers are swapped, in [0, 0.5); above 0 only with <see cref="PreferenceLoss.Sigmoid"/>. Default 0.</summary>
    public required double LabelSmoothing { get; init; }

    /// <summary>Whether an answer's log-probability is divided by the number of its tokens. Default false.</summary>
    public required bool LengthNormalized { get; init; }

    /// <summary>The policy the loss compares with.</summary>
    public required DpoReference Reference { get; init; }

    /// <summary>Longest prompt in tokens where a sequence would exceed the sequence length. Default 128.</summary>
    public required int MaxPromptLength { get; init; }
}

/// <summary>The policy a preference loss compares with.</summary>
/// <param name="Policy">Which it is.</param>
/// <param name="AdapterPath">Absolute path of the adapter's folder in PEFT's layout; null except with <see cref="ReferencePolicy.Adapter"/>.</param>
public sealed record DpoReference(ReferencePolicy Policy, string? AdapterPath = null);
