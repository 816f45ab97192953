namespace FedLLM.Federation.Algorithms;

/// <summary>The numbers of the adaptive server optimizers (FedAdagrad, FedYogi, FedAdam).</summary>
public sealed record AdaptiveSettings
{
    /// <summary>η, the server's learning rate; positive. Default 1e-3, OpenFedLLM's.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>τ, the degree of adaptivity; positive. Default 1e-3.</summary>
    public double Tau { get; init; } = 1e-3;

    /// <summary>β₁, the decay of the first moment, in [0, 1). Default 0.9.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>β₂, the decay of the second moment, in [0, 1). Default 0.99.</summary>
    public double Beta2 { get; init; } = 0.99;

    /// <summary>Lists everything that is out of its range, a sentence each.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        Require(double.IsFinite(LearningRate) && LearningRate > 0, nameof(LearningRate), LearningRate, "positive and finite");
        Require(double.IsFinite(Tau) && Tau > 0, nameof(Tau), Tau, "positive and finite");
        Require(Beta1 is >= 0 and < 1, nameof(Beta1), Beta1, "at least 0 and below 1");
        Require(Beta2 is >= 0 and < 1, nameof(Beta2), Beta2, "at least 0 and below 1");
        return problems;

        void Require(bool holds, string name, double value, string range)
        {
            if (!holds)
            {
                problems.Add(FormattableString.Invariant($"The server optimizer's {name} is {value}; it must be {range}."));
            }
        }
    }

    /// <summary>Returns the settings where they can work.</summary>
    /// <exception cref="ArgumentException">They cannot; the message lists every problem.</exception>
    internal static AdaptiveSettings Checked(AdaptiveSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return settings.Problems() is { Count: > 0 } problems ? throw new ArgumentException(string.Join(" ", problems), nameof(settings)) : settings;
    }
}
